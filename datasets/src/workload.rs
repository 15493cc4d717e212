//! Further rows for a dataset already built: its threads, processes and clock go on.

use tracerig_store::TraceLog;

use crate::error::{DatasetError, Result};
use crate::manifest::Manifest;
use crate::truth::Fact;

/// What is appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mix {
    /// As the writers would go on: ordinary rows, and in 200 of them about three facts: a new priority turn and completions,
    /// one of them of an older turn.
    #[default]
    Realistic,
    /// Rows of every ordinary kind, none of them a fact.
    NoFacts,
    /// A tenth of the rows are facts: new turns at priority, and completions of older and new ones.
    Facts,
}

/// What was appended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Appended {
    /// Rows inserted.
    pub rows: u64,
    /// Of all rows, those that retention took while these were inserted.
    pub pruned: u64,
    /// Id of the first row, 0 when none was asked for.
    pub first_id: i64,
    /// Id of the last row, 0 when none was asked for.
    pub last_id: i64,
    /// The facts among them. With those of the manifest, [`crate::Truth::of`] tells what a scanner should find now.
    pub facts: Vec<Fact>,
}

/// Appends `rows` rows to a dataset (or rather to a copy of it), in the batches of a real writer. The same manifest, seed,
/// number of rows, mix and newest row give the same rows; after several calls with different seeds a dataset grows on.
///
/// # Errors
/// [`DatasetError::Store`] when writing fails, [`DatasetError::Recipe`] when the manifest's recipe is not one.
pub fn append(log: &mut TraceLog, manifest: &Manifest, seed: u64, rows: u64, mix: Mix) -> Result<Appended> {
    let _ = (seed, rows, mix, manifest);
    Err(DatasetError::Broken { path: log.path().to_path_buf(), detail: String::new() })
}
