//! `tracerig dataset mimic`: writes a recipe for databases like one's own.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use tracerig_reports::write_new;

use crate::cli::Code;
use crate::cli::output;

/// Write a recipe for databases like one of your own: sizes and kinds of rows, no content, no ids, no names.
///
/// The database is only read. `tracerig dataset build FILE` and `tracerig run relaunch --recipe FILE` take the recipe.
#[derive(Debug, Args)]
pub(super) struct Mimic {
    /// The database to imitate.
    #[arg(long, value_name = "PATH")]
    from: PathBuf,
    /// The name of the recipe; datasets built from it bear it too.
    #[arg(long, value_name = "NAME", default_value = "mimic")]
    name: String,
    /// Write it to this file, which must not be there yet, instead of standard output. Give it the ending `.toml`.
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
