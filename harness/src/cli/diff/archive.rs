//! `tracerig diff archive`: refreshes of session archives against full rescans, oracles and a model of their cost.

use clap::Args;

use super::candidate::candidate;
use super::options::{Options, run};
use super::python::{ask, oracle};
use crate::cli::Code;
use tracerig_differential::archive::{Archives, CandidateArchive};
use tracerig_differential::engine::Engine;
use tracerig_differential::python::{AskPython, Python};
use tracerig_differential::share::Share;
use tracerig_differential::switches::archive::Ablation;
use tracerig_protocol::Contract;

/// Search for a history after which a refresh of a session archive is wrong, or reads more than it must.
///
/// A history is a list of operations: rollouts are appended to, torn, truncated, replaced, moved, copied, forked, continued in segments,
/// compressed, migrated, linked, deleted and restored, rewritten with their times put back, made unreadable; the memo is damaged or another
/// one's; the clock moves. At each refresh the answer must be that of a full rescan without a memo and those of two oracles, one of them
/// in Python; files and bytes read and shards written must be what a model predicts.
///
/// Files are real ones, in memory where there is /dev/shm and TMPDIR names no other place. When they were changed is told by the clock
/// of the history, but for one history in eight.
///
/// Of each kind of failure the first is made smaller, written to a file, and printed with the command that executes it again.
/// Exit code 3 for a mismatch, 0 for none, 1 if something else failed.
#[derive(Debug, Args)]
pub(super) struct Archive {
    #[command(flatten)]
    options: Options,
    /// Ask the Python oracle: `python=SHARE`, where a share of the cases is 1/N or all, `python` for all, or `none`
    /// [default: python=1/50 if there is a python3]. Kept cases and replays ask it in any case.
    #[arg(long, value_name = "WHICH", value_parser = oracle)]
    oracle: Option<Share>,
    /// Check the answers of another engine than the scanner, a wrong one, to see that it is found out.
    #[arg(long, value_name = "NAME", default_value = "scanner", hide = true)]
    engine: Engine,
    /// Ask this candidate instead of our scanner: NAME=COMMAND, or one of `tracerig candidate list`. Answers are compared; how they
    /// came about is not.
    #[arg(long, value_name = "NAME=COMMAND", conflicts_with_all = ["engine", "oracle", "ablate"])]
    candidate: Option<String>,
    /// Switch off this rule of the archive, to see that it is noticed; may be repeated. `tracerig diff ablations` tells all.
    #[arg(long, value_name = "RULE")]
    ablate: Vec<Ablation>,
}

fn ask_python(wanted: Option<Share>) -> anyhow::Result<AskPython> {
    ask(wanted, Python::of_archives)
}

/// Refreshes as they are tested where nothing else is said.
pub(super) fn subject() -> anyhow::Result<Archives> {
    Ok(Archives { python: ask_python(None)?, ..Archives::default() })
}

pub(super) fn main(arguments: &Archive) -> anyhow::Result<Code> {
    if let Some(named) = &arguments.candidate {
        return candidate(named, Contract::Usage, |candidate| {
            run(&arguments.options, CandidateArchive(candidate))
        });
    }
    let subject = Archives {
        engine: arguments.engine,
        ablations: arguments.ablate.iter().copied().collect(),
        python: ask_python(arguments.oracle)?,
        ..Archives::default()
    };
    run(&arguments.options, subject)
}
