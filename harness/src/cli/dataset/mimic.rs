//! `tracerig dataset mimic`: writes a recipe for databases like your own.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use tracerig_reports::write_new;

use crate::cli::Code;
use crate::cli::output;

/// Write a recipe that imitates your database: sizes and kinds of rows, no content, ids or names.
///
/// The database is only read. `dataset build` and `run relaunch --recipe` take the recipe.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
                       tracerig dataset mimic --from ~/.codex/logs_2.sqlite --out mine.toml")]
pub(super) struct Mimic {
    /// Database to imitate.
    #[arg(long, value_name = "PATH")]
    from: PathBuf,
    /// Name of the recipe and of datasets built from it.
    #[arg(long, value_name = "NAME", default_value = "mimic")]
    name: String,
    /// Write to this file (.toml), which must not exist, instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn main(arguments: &Mimic) -> anyhow::Result<Code> {
    let recipe = tracerig_datasets::mimic(&arguments.from, &arguments.name)?;
    let text = format!(
        "# Written by `tracerig dataset mimic`: sizes and kinds of rows, no content.\n\
         # The keys are explained in datasets/recipes/quick.toml.\n{}",
        recipe.canonical()
    );
    let Some(out) = &arguments.out else {
        output::print(&text)?;
        return Ok(Code::FINE);
    };
    write_new(out, text.as_bytes()).with_context(|| {
        format!(
            "{}: cannot write the recipe; give a file that is not there yet, in a folder that is",
            out.display()
        )
    })?;
    output::say(&recipe.describe());
    Ok(Code::FINE)
}
