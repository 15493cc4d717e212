//! `tracerig diff all`: histories of traces, then histories of thread stores.

use clap::Args;

use super::options::{Options, run_both};
use super::trace;
use crate::cli::Code;
use crate::diff;

/// Search for histories that go wrong, of trace databases and then of thread stores, each with half of the cases or of the time.
///
/// What they are is told by `tracerig diff trace --help` and `tracerig diff threads --help`. A corpus has folders `trace` and
/// `threads`. The exit code is the worse of the two.
#[derive(Debug, Args)]
pub(super) struct All {
    #[command(flatten)]
    options: Options,
}

pub(super) fn main(arguments: &All) -> anyhow::Result<Code> {
    run_both(&arguments.options, trace::subject()?, diff::Threads::default())
}
