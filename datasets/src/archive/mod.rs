//! Archives of rollouts: many sessions of many days, and the trace database whose priority turns
//! are in some of them.
//!
//! An [`ArchiveRecipe`] says how many and how large; a [`Cache`](crate::Cache) builds it once.
//! Every session is written by itself from a stream of separate random numbers, so that the files
//! are the same whatever the number of threads, and the generator notes what it meant each line to
//! add: [`Expected`] is what a refresh should find.

mod build;
mod cached;
mod digest;
mod expected;
mod manifest;
pub mod operations;
mod plan;
mod recipe;
mod rollout;

use std::path::PathBuf;

pub use cached::build_archive_into;
pub use expected::{Expected, UseClass, UsedTier, UsedTokens};
pub use manifest::{ARCHIVE_MANIFEST_FILE, ArchiveManifest};
pub use operations::Sessions;
pub use recipe::ArchiveRecipe;

use crate::cache::Dataset;
use crate::lock::Hold;

/// The folder of the rollouts within that of the dataset.
pub(crate) const HOME: &str = "home";

/// An archive that is on disk. One from a cache cannot be removed from it, by this or any other
/// process, as long as it or a clone of it lives.
#[derive(Debug, Clone, PartialEq)]
pub struct ArchiveDataset {
    /// A Codex home with nothing but sessions. Copy it before anything in it is changed: the cached
    /// one must stay as it is.
    pub home: PathBuf,
    /// What is known about it.
    pub manifest: ArchiveManifest,
    /// The trace database that belongs to it.
    pub trace: Dataset,
    hold: Hold,
}
