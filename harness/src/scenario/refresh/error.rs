//! Why a refresh run could not be made. What goes wrong in a launch is no error but a row of the result.

use std::path::{Path, PathBuf};

use tracerig_datasets::DatasetError;
use tracerig_scanner::archive::ArchiveError;

use crate::scenario::relaunch::RunError;

/// Why there is no record of a run. Every message names the path and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// The trace database, its memos or its right answer cannot be made ready.
    #[error(transparent)]
    Trace(#[from] RunError),
    /// The archive cannot be had.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The memos that launches start from cannot be made.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A refresh does not find what was written, so there is nothing to measure.
    #[error(
        "{}: {who} does not find what was written ({difference}). This is a defect; please report it with the recipe and the seed", path.display()
    )]
    Disagreement {
        /// The archive.
        path: PathBuf,
        /// Which refresh.
        who: &'static str,
        /// The first difference.
        difference: String,
    },
    /// The sessions that can go on are fewer than the plan asks for.
    #[error("{}: only {there} sessions can go on, and {asked} are asked for. Choose a larger archive, or name arms that read fewer", path.display())]
    TooFew {
        /// The archive.
        path: PathBuf,
        /// How many can go on.
        there: usize,
        /// How many should.
        asked: usize,
    },
    /// The dataset is not the one that a run is to be repeated on.
    #[error(
        "the rollouts of `{recipe}` are not those of the record: {found} instead of {expected}. Repeat it with the tracerig that made the record (its version and revision stand in it)"
    )]
    OtherRollouts {
        /// The name of the recipe.
        recipe: String,
        /// The digest of the record.
        expected: String,
        /// The digest of the rollouts there are.
        found: String,
    },
    /// A file of the run cannot be read or written.
    #[error("{}: cannot {action}: {source}. Check the permissions of the folder and the room on its disk", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the operating system said.
        source: std::io::Error,
    },
}

impl RefreshError {
    /// Turns an I/O error into one that says what was tried on what.
    pub(super) fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), action, source }
    }

    /// Whether the right answer is in doubt: what should agree about it does not.
    #[must_use]
    pub fn is_disagreement(&self) -> bool {
        matches!(self, Self::Disagreement { .. } | Self::Trace(RunError::Disagreement { .. }))
    }

    /// Whether an end was asked for before the first sample.
    #[must_use]
    pub fn is_interruption(&self) -> bool {
        matches!(self, Self::Trace(RunError::Interrupted) | Self::Dataset(DatasetError::Cancelled))
            || matches!(self, Self::Archive(ArchiveError::Cancelled { .. }))
    }
}
