//! `tracerig dataset remove`: removes a dataset from the cache.

use clap::Args;
use tracerig_datasets::Cache;

use crate::cli::Code;
use crate::cli::output;

/// Remove a dataset from the cache, unless a run is using it.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  tracerig dataset remove codex-799mb")]
pub(super) struct Remove {
    /// Name of the dataset, or of its recipe if only one dataset was built from it.
    name: String,
}

pub(super) fn main(arguments: &Remove) -> anyhow::Result<Code> {
    let removed = Cache::default()?.remove(&arguments.name)?;
    output::say(&format!("removed {}", removed.display()));
    Ok(Code::FINE)
}
