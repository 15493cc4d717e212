//! `tracerig diff trace`: incremental scans of trace databases against full ones, an oracle and a model of their cost.

use clap::Args;

use super::options::{Options, program, run};
use crate::cli::Code;
use crate::diff;
use crate::histories::Engine;

/// Search for a history after which an incremental scan is wrong, or costs more than it must.
///
/// A history is a list of operations: rows are appended, pruned and deleted, the file is vacuumed, replaced or recreated, the
/// memo damaged or exchanged, scans fail, are cancelled or overtaken by another process. After each scan the answer must be that
/// of a full rescan and that of an oracle; mode, reason, rows read and whether the memo was written must be what a model
/// predicts.
///
/// Of each kind of failure the first is made smaller, written to a file, and printed with the command that executes it again.
/// Exit code 3 for a mismatch, 0 for none, 1 if something else failed.
#[derive(Debug, Args)]
pub(super) struct Trace {
    #[command(flatten)]
    options: Options,
    /// Check the answers of another engine than the scanner, a wrong one, to see that it is found out.
    #[arg(long, value_name = "NAME", default_value = "scanner", hide = true)]
    engine: Engine,
}

pub(super) fn main(arguments: &Trace) -> anyhow::Result<Code> {
    run(&arguments.options, diff::Trace { program: program()?, engine: arguments.engine })
}
