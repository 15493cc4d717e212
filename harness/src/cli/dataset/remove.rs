//! `tracerig dataset remove`: removes a dataset from the cache.

use clap::Args;
use tracerig_datasets::Cache;

use crate::cli::Code;
use crate::cli::output;

/// Remove a dataset from the cache; one in use is refused.
#[derive(Debug, Args)]
pub(super) struct Remove {
    /// A dataset's name as listed, or its recipe's name where only one was built from it.
    name: String,
}

pub(super) fn main(arguments: &Remove) -> anyhow::Result<Code> {
    let removed = Cache::default()?.remove(&arguments.name)?;
    output::say(&format!("removed {}", removed.display()));
    Ok(Code::FINE)
}
