//! `tracerig diff all`: histories of traces, of thread stores and of session archives.

use clap::Args;

use super::options::{Options, run_all};
use super::{archive, trace};
use crate::cli::Code;
use tracerig_differential::threads;

/// Search for histories that go wrong, of trace databases, of thread stores and of session archives, each with a third of the cases or
/// of the time.
///
/// What they are is told by `tracerig diff trace --help`, `tracerig diff threads --help` and `tracerig diff archive --help`. A corpus
/// has folders `trace`, `threads` and `archive`. The exit code is the worst of the three.
#[derive(Debug, Args)]
pub(super) struct All {
    #[command(flatten)]
    options: Options,
}

pub(super) fn main(arguments: &All) -> anyhow::Result<Code> {
    run_all(&arguments.options, (trace::subject()?, threads::Threads::default(), archive::subject()?))
}
