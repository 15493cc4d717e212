//! `tracerig run command`: what one launch of any command costs.

use clap::Args;

use super::Common;
use crate::cli::commands::Conditions;
use crate::cli::{Code, no_definition};
use crate::scenario::command;

/// Measure a launch of any command, and check that its output is always the same.
///
/// Launches the command in fresh processes, without a shell, prints a table, and
/// writes record.json with every raw sample, latencies.hdr and report.md. A launch
/// that exits with another code than 0, is ended by a signal, takes too long, writes
/// too much or leaves a process behind is a failure with a name.
///
/// docs/commands.md explains the options, and how to compare two commands.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_long_help = "Examples:\n  tracerig run command -- grep -c warn big.log\n  \
        tracerig run command --files big.log --cache hot,cold -- grep -c warn big.log\n  \
        tracerig run command --input big.log --limit 5s -- sort"
)]
pub(super) struct Command {
    /// The command: a program and its arguments.
    #[arg(value_name = "CMD", required = true, last = true)]
    command: Vec<String>,
    #[command(flatten)]
    conditions: Conditions,
    #[command(flatten)]
    common: Common,
}

pub(super) fn main(arguments: &Command) -> anyhow::Result<Code> {
    let definition =
        command::on(arguments.conditions.of(&arguments.command)).map_err(no_definition)?;
    arguments.common.measure(definition)
}
