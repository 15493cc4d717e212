//! `tracerig diff trace`: incremental scans of trace databases against full ones, an oracle and a model of their cost.

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

/// Search for a history after which an incremental scan is wrong, or costs more than it must.
///
/// A history is a list of operations: rows are appended, pruned and deleted, the file is vacuumed, replaced or recreated, the
/// memo damaged or exchanged, scans fail, are cancelled or overtaken by another process. After each scan the answer must be that
/// of a full rescan and those of two oracles, one of them in Python; mode, reason, rows read and whether the memo was written
/// must be what a model predicts. In some cases each relaunch is a process of its own; scanners and a writer run at once there, and
/// are killed at any time.
///
/// Databases are real files, in memory where there is /dev/shm and TMPDIR names no other place: WAL, synchronous=NORMAL.
///
/// Of each kind of failure the first is made smaller, written to a file, and printed with the command that executes it again.
/// Exit code 3 for a mismatch, 0 for none, 1 if something else failed.
#[derive(Debug, Args)]
pub(super) struct Trace {
    #[command(flatten)]
    options: Options,
    /// The cases whose relaunches are processes of their own, some of which race or are killed: 1/N, all or none.
    #[arg(long, value_name = "SHARE", default_value_t = PROCESSES)]
    processes: Share,
    /// Ask the Python oracle: `python=SHARE`, where a share of the cases is 1/N or all, `python` for all, or `none`
    /// [default: python=1/50 if there is a python3]. Kept cases and replays ask it in any case.
    #[arg(long, value_name = "WHICH", value_parser = oracle)]
    oracle: Option<Share>,
    /// Check the answers of another engine than the scanner, a wrong one, to see that it is found out.
    #[arg(long, value_name = "NAME", default_value = "scanner", hide = true)]
    engine: Engine,
    /// What random histories may hold: what the scanner promises to be right after, or one thing more at their end that it
    /// promises nothing for. Of these it is counted how often the next scan was right, noticed it, or was wrong.
    #[arg(long, value_name = "NAME", default_value = "contract", value_parser = profile)]
    profile: Profile,
    /// Ask this candidate instead of our scanner: NAME=COMMAND, or one of `tracerig candidate list`. Answers are compared; how they
    /// came about is not.
    #[arg(long, value_name = "NAME=COMMAND", conflicts_with_all = ["engine", "profile", "oracle", "ablate"])]
    candidate: Option<String>,
    /// Switch off this rule of the scanner, to see that it is noticed; may be repeated. `tracerig diff ablations` tells all.
    #[arg(long, value_name = "RULE")]
    ablate: Vec<Ablation>,
}

fn profile(name: &str) -> Result<Profile, String> {
    let known = Profile::ALL.into_iter().find(|profile| profile.name() == name);
    known.ok_or_else(|| {
        format!("`{name}` is no profile: write {}", Profile::ALL.map(Profile::name).join(" or "))
    })
}

/// The cases whose relaunches are processes, unless it is said.
const PROCESSES: Share = Share::one_in(50);

/// Scans as they are tested where nothing else is said.
pub(super) fn subject() -> anyhow::Result<trace::Trace> {
    Ok(trace::Trace { python: ask_python(None)?, processes: PROCESSES, ..trace::Trace::new(program()?) })
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
