//! Why costs could not be measured.

use std::path::PathBuf;

use tracerig_datasets::DatasetError;
use tracerig_scanner::ScanError;
use tracerig_scanner::archive::ArchiveError;

use crate::scenario::ScenarioError;

/// Why there is no figure. Every message names the path and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The dataset cannot be had.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Rows cannot be appended to its copy.
    #[error(transparent)]
    Store(#[from] tracerig_store::Error),
    /// A launch failed.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// A refresh of an archive failed.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The memo that a refresh begins from cannot be put in place.
    #[error(transparent)]
    Memo(#[from] ScenarioError),
    /// A file cannot be read or written.
    #[error(
        "{}: {source}. Check the permissions of the folder and the room on its disk",
        path.display()
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A launch gave another answer than a full scan, or took another way than was to be measured.
    #[error(
        "{}: a launch without `{name}` was {way}, {}. This is a defect; please report it",
        path.display(), if *right { "and right" } else { "and wrong" }
    )]
    NotComparable {
        /// The database or home.
        path: PathBuf,
        /// The rule, empty for none.
        name: &'static str,
        /// How the answer came about.
        way: String,
        /// Whether it was right.
        right: bool,
    },
}
