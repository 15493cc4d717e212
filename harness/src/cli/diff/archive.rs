//! `tracerig diff archive`: refreshes of session archives against full rescans, oracles and a model
//! of their cost.

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

/// Search for histories after which a refresh of a session archive is wrong or reads too much.
///
/// A history is a list of operations on real files: append, tear, truncate, replace, move, copy,
/// fork, compress, link, delete or restore rollouts, rewrite them with old dates, make them
/// unreadable, damage the memo, move the clock. At each refresh the answer must equal that of a
/// full rescan and two oracles; files and bytes read and shards written must match a model. Files
/// are in /dev/shm if it exists; TMPDIR moves them.
///
/// The first failure of each kind is shrunk, written to a file, and printed with the command that
/// replays it. Exit code 3: mismatch. Exit code 1: something else failed.
///
/// Kept histories and replays always ask the Python oracle.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
                       tracerig diff archive --time 10m\n  \
                       tracerig diff archive --corpus corpus/archive")]
pub(super) struct Archive {
    #[command(flatten)]
    options: Options,
    /// Ask the Python oracle, too: python=1/N, python or none.
    ///
    /// `python` is for all histories [default: python=1/50 if python3 exists].
    #[arg(long, value_name = "WHICH", value_parser = oracle)]
    oracle: Option<Share>,
    /// Check a wrong engine instead of the scanner, to see that the search finds it.
    #[arg(long, value_name = "NAME", default_value = "scanner", hide = true)]
    engine: Engine,
    /// Test this candidate instead of our scanner.
    ///
    /// NAME=COMMAND, or a name from `candidate list`. Only answers are compared, not work.
    #[arg(long, value_name = "NAME=COMMAND", conflicts_with_all = ["engine", "oracle", "ablate"])]
    candidate: Option<String>,
    /// Switch off this rule to check that the search notices; may be repeated.
    #[arg(long, value_name = "RULE")]
    ablate: Vec<Ablation>,
}

fn ask_python(wanted: Option<Share>) -> anyhow::Result<AskPython> {
    ask(wanted, Python::of_archives)
}

/// Refreshes as they are tested by default.
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
