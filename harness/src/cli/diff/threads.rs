//! `tracerig diff threads`: histories and rows of thread stores against an oracle and a model of their projections.

use clap::Args;

use super::options::{Options, run};
use crate::cli::Code;
use tracerig_differential::switches::threads::Ablation;
use tracerig_differential::threads;

/// Search for a history after which a thread's row or history is wrong, late, or lost.
///
/// A history is a list of operations: items are appended, also from several handles at once, rows are projected at once or later,
/// barriers wait, writes and projections fail, the process dies at any point, the power fails at any sync. After each operation
/// every history must hold what was accepted, and every row must be the replay of the part of it that is due.
///
/// Of each kind of failure the first is made smaller, written to a file, and printed with the command that executes it again.
/// Exit code 3 for a mismatch, 0 for none, 1 if something else failed.
#[derive(Debug, Args)]
pub(super) struct Threads {
    #[command(flatten)]
    options: Options,
    /// Switch off this rule of the store, to see that it is noticed; may be repeated. `tracerig diff ablations` tells all.
    #[arg(long, value_name = "RULE")]
    ablate: Vec<Ablation>,
}

pub(super) fn main(arguments: &Threads) -> anyhow::Result<Code> {
    run(&arguments.options, threads::Threads { ablations: arguments.ablate.iter().copied().collect() })
}
