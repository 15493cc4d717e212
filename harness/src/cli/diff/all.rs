//! `tracerig diff all`: histories of traces, of thread stores and of session archives.

use clap::Args;

use super::options::{Options, run_all};
use super::{archive, trace};
use crate::cli::Code;
use tracerig_differential::threads;

/// Run all three searches, each with a third of the cases or time.
///
/// A corpus has folders `trace`, `threads` and `archive`. The exit code is the gravest of the
/// three.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  tracerig diff all --time 8h --shard 1/4 --junit junit.xml"
)]
pub(super) struct All {
    #[command(flatten)]
    options: Options,
}

pub(super) fn main(arguments: &All) -> anyhow::Result<Code> {
    run_all(
        &arguments.options,
        (trace::subject()?, threads::Threads::default(), archive::subject()?),
    )
}
