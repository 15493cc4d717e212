//! Why a relaunch run could not be made. What goes wrong in a launch is no error but a row of the result.

use std::path::{Path, PathBuf};

use tracerig_datasets::DatasetError;
use tracerig_scanner::ScanError;

use tracerig_oracle::OracleError;

/// Why there is no record of a run. Every message names the path and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The dataset cannot be had.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The appended rows cannot be written.
    #[error(transparent)]
    Store(#[from] tracerig_store::Error),
    /// The memos that launches start from cannot be made.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The right answer cannot be established.
    #[error(transparent)]
    Oracle(#[from] OracleError),
    /// The scanner's full rescan and the oracle do not agree, so there is nothing to measure.
    #[error(
        "{}: a full rescan and the oracle answer differently ({difference}). This is a defect; please report it with the recipe and the seed", path.display()
    )]
    Disagreement {
        /// The database.
        path: PathBuf,
        /// The first difference.
        difference: String,
    },
    /// The appended rows change nothing in the answer, so that a launch could overlook them unnoticed.
    #[error("{}: the {rows} rows appended bring no new turn, so that no answer could prove they were read. Choose another --seed", path.display())]
    NothingNew {
        /// The working copy.
        path: PathBuf,
        /// How many rows were appended.
        rows: u64,
    },
    /// The dataset is not the one that a run is to be repeated on.
    #[error(
        "the rows of `{recipe}` are not those of the record: {found} instead of {expected}. Repeat it with the tracerig that made the record (its version and revision stand in it), or with --db and the same database"
    )]
    OtherRows {
        /// The name of the recipe.
        recipe: String,
        /// Digest of the rows of the record.
        expected: String,
        /// Digest of the rows there are.
        found: String,
    },
    /// The file system cannot drop pages from memory, and nothing but arms with a cold page cache was asked for.
    #[error("{}: pages of files here cannot be dropped from the page cache, and only arms with a cold one were asked for. Move the cache with {} to a disk", path.display(), tracerig_datasets::CACHE_VARIABLE)]
    NeverCold {
        /// Where the working copy was to be made.
        path: PathBuf,
    },
    /// The file system has too little room for a working copy.
    #[error("{}: the run needs {needed} bytes for its working copy and {available} are free. Make room, or move the cache with {}", path.display(), tracerig_datasets::CACHE_VARIABLE)]
    NoRoom {
        /// Where the copy was to be made.
        path: PathBuf,
        /// Bytes it takes.
        needed: u64,
        /// Bytes there are.
        available: u64,
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
    /// SQLite refused while the working copy was examined.
    #[error("{}: cannot be examined: {source}. Remove the dataset with `tracerig dataset remove` and build it again", path.display())]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// An end was asked for before the first sample.
    #[error("interrupted before the first sample; nothing is left half-done")]
    Interrupted,
}

impl RunError {
    /// Turns an I/O error into one that says what was tried on what.
    pub(super) fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), action, source }
    }

    /// The same for SQLite.
    pub(super) fn sqlite(path: &Path) -> impl Fn(rusqlite::Error) -> Self {
        move |source| Self::Sqlite { path: path.to_owned(), source }
    }
}
