//! `tracerig diff threads`: histories and rows of thread stores against an oracle and a model of
//! their projections.

use clap::Args;

use super::options::{Options, run};
use crate::cli::Code;
use tracerig_differential::switches::threads::Ablation;
use tracerig_differential::threads;

/// Search for histories after which a thread's row or history is wrong, late or lost.
///
/// A history is a list of operations: append items, also from several handles, project rows now or
/// later, wait at barriers, fail writes and projections, kill the process, cut the power. After
/// each operation every history must have what was accepted, and every row must replay the expected
/// part of it.
///
/// The first failure of each kind is shrunk, written to a file, and printed with the command that
/// replays it. Exit code 3: mismatch. Exit code 1: something else failed.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
                       tracerig diff threads --time 10m\n  \
                       tracerig diff threads --corpus corpus/threads")]
pub(super) struct Threads {
    #[command(flatten)]
    options: Options,
    /// Switch off this rule to check that the search notices; may be repeated.
    #[arg(long, value_name = "RULE")]
    ablate: Vec<Ablation>,
}

pub(super) fn main(arguments: &Threads) -> anyhow::Result<Code> {
    run(
        &arguments.options,
        threads::Threads { ablations: arguments.ablate.iter().copied().collect() },
    )
}
