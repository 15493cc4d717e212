//! `tracerig diff trace`: incremental scans of trace databases against full ones, an oracle and a
//! model of their cost.

use clap::Args;

use super::candidate::candidate;
use super::options::{Options, program, run};
use super::python::{ask, oracle};
use crate::cli::Code;
use tracerig_differential::engine::Engine;
use tracerig_differential::foreign::Candidate;
use tracerig_differential::python::{AskPython, Python};
use tracerig_differential::share::Share;
use tracerig_differential::switches::trace::Ablation;
use tracerig_differential::trace::{self, CandidateTrace, Profile};
use tracerig_protocol::Contract;

/// Search for histories after which an incremental scan is wrong or does needless work.
///
/// A history is a list of operations on a real database: append, prune, delete, vacuum, replace,
/// damage the memo, fail or cancel a scan. After each scan the answer must equal that of a full
/// rescan and two oracles; mode, reason, rows read and memo writes must match a model. Some
/// histories use several processes that race and are killed. Files are in /dev/shm if it exists;
/// TMPDIR moves them.
///
/// The first failure of each kind is shrunk, written to a file, and printed with the command that
/// replays it. Exit code 3: mismatch. Exit code 1: something else failed.
///
/// Kept histories and replays always ask the Python oracle.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
                       tracerig diff trace --time 10m\n  \
                       tracerig diff trace --profile hostile --details\n  \
                       tracerig diff trace --replay tracerig-out/diff/turns-1.txt")]
pub(super) struct Trace {
    #[command(flatten)]
    options: Options,
    /// Histories whose relaunches are new processes: 1/N, all or none.
    ///
    /// Some of them race, or are killed.
    #[arg(long, value_name = "SHARE", default_value_t = PROCESSES)]
    processes: Share,
    /// Ask the Python oracle, too: python=1/N, python or none.
    ///
    /// `python` is for all histories [default: python=1/50 if python3 exists].
    #[arg(long, value_name = "WHICH", value_parser = oracle)]
    oracle: Option<Share>,
    /// Check a wrong engine instead of the scanner, to see that the search finds it.
    #[arg(long, value_name = "NAME", default_value = "scanner", hide = true)]
    engine: Engine,
    /// What histories do: `contract` or `hostile`.
    ///
    /// `contract`: only changes the scanner supports. `hostile`: end each history with one change
    /// it does not support, and report how often that is noticed.
    #[arg(long, value_name = "NAME", default_value = "contract", value_parser = profile)]
    profile: Profile,
    /// Test this candidate instead of our scanner.
    ///
    /// NAME=COMMAND, or a name from `candidate list`. Only answers are compared, not work.
    #[arg(
        long,
        value_name = "NAME=COMMAND",
        conflicts_with_all = ["engine", "profile", "oracle", "ablate"]
    )]
    candidate: Option<String>,
    /// Switch off this rule to check that the search notices; may be repeated.
    #[arg(long, value_name = "RULE")]
    ablate: Vec<Ablation>,
}

fn profile(name: &str) -> Result<Profile, String> {
    let known = Profile::ALL.into_iter().find(|profile| profile.name() == name);
    known.ok_or_else(|| {
        format!("unknown profile `{name}`: write {}", Profile::ALL.map(Profile::name).join(" or "))
    })
}

/// Histories whose relaunches are processes, by default.
const PROCESSES: Share = Share::one_in(50);

/// Scans as they are tested by default.
pub(super) fn subject() -> anyhow::Result<trace::Trace> {
    Ok(trace::Trace {
        python: ask_python(None)?,
        processes: PROCESSES,
        ..trace::Trace::new(program()?)
    })
}

pub(super) fn main(arguments: &Trace) -> anyhow::Result<Code> {
    if let Some(named) = &arguments.candidate {
        return candidate(named, Contract::Trace, |candidate| {
            let candidate = Candidate { processes: arguments.processes, ..candidate };
            run(&arguments.options, CandidateTrace(candidate))
        });
    }
    let Trace { engine, profile, processes, .. } = *arguments;
    let subject = trace::Trace {
        engine,
        profile,
        ablations: arguments.ablate.iter().copied().collect(),
        processes,
        python: ask_python(arguments.oracle)?,
        ..trace::Trace::new(program()?)
    };
    run(&arguments.options, subject)
}

fn ask_python(wanted: Option<Share>) -> anyhow::Result<AskPython> {
    ask(wanted, Python::new)
}
