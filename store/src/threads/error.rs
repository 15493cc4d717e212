//! What can go wrong with threads.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::database::DatabaseError;
use super::id::ThreadId;
use super::item::ItemError;
use super::list::{CursorError, ListError};
use super::problem::HistoryError;
use super::project::ProjectError;

/// The result of an operation on a thread or on a store of threads.
pub type Result<T> = std::result::Result<T, Error>;

/// A failed operation on a thread or on a store of threads.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A history, or a folder of histories, cannot be used.
    #[error("{}: cannot {what}: {source}; {}", path.display(), remedy(source))]
    History {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The thread has a live writer already.
    #[error(
        "{}: thread {thread} is open for appending, here or in another process; shut that one down \
         first",
        path.display()
    )]
    InUse {
        /// The thread.
        thread: ThreadId,
        /// Its lock.
        path: PathBuf,
    },
    /// No history and no row has this id.
    #[error(
        "{}: there is no thread {thread}; list the threads to see which there are",
        path.display()
    )]
    Unknown {
        /// The thread.
        thread: ThreadId,
        /// The store.
        path: PathBuf,
    },
    /// The thread is archived: its history lies among the archived ones.
    #[error(
        "{}: thread {thread} is archived; move its history back below `sessions` to resume it",
        path.display()
    )]
    Archived {
        /// The thread.
        thread: ThreadId,
        /// Its history.
        path: PathBuf,
    },
    /// A thread with this id exists.
    #[error(
        "{}: thread {thread} exists already; resume it, or create one with another id",
        path.display()
    )]
    Exists {
        /// The thread.
        thread: ThreadId,
        /// Its history.
        path: PathBuf,
    },
    /// Two histories have the same id.
    #[error(
        "thread {thread} has two histories, {} and {}; move one of them away",
        first.display(), second.display()
    )]
    Duplicate {
        /// The thread.
        thread: ThreadId,
        /// One history.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// The path of a history cannot be in its row.
    #[error("{}: the path of this history is not UTF-8; rename its folder", path.display())]
    PathNotText {
        /// The history.
        path: PathBuf,
    },
    /// The handle was shut down.
    #[error("thread {thread} was shut down; resume it to append to it")]
    Closed {
        /// The thread.
        thread: ThreadId,
    },
    /// The handle was discarded.
    #[error("thread {thread} was discarded; resume it to append to it")]
    Discarded {
        /// The thread.
        thread: ThreadId,
    },
    /// The row could not be updated. The history holds everything; the next barrier tries again.
    #[error("the row of thread {thread} is behind its history: {source}")]
    Projection {
        /// The thread.
        thread: ThreadId,
        /// Why.
        source: Arc<ProjectError>,
    },
    /// The database of the rows cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A history cannot be read as that of its thread.
    #[error(transparent)]
    Unreadable(#[from] HistoryError),
    /// A cursor cannot be used.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// An item cannot be made of what was given.
    #[error(transparent)]
    Item(#[from] ItemError),
    /// A shutdown that did not do all it should.
    #[error(transparent)]
    Shutdown(ShutdownError),
}

impl From<ListError> for Error {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Database(error) => Self::Database(error),
            ListError::Cursor(error) => Self::Cursor(error),
        }
    }
}

impl Error {
    pub(super) fn history(path: &Path, what: &'static str, source: io::Error) -> Self {
        Self::History { path: path.to_owned(), what, source }
    }
}

/// What failed of a shutdown. The writer is closed anyway.
#[derive(Debug)]
pub struct ShutdownError {
    /// The row is behind its history.
    pub projection: Option<Box<Error>>,
    /// The history may not have reached the device.
    pub history: Option<Box<Error>>,
}

impl fmt::Display for ShutdownError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failures: Vec<String> = [&self.projection, &self.history]
            .into_iter()
            .flatten()
            .map(ToString::to_string)
            .collect();
        formatter.write_str(&failures.join("; and "))
    }
}

impl std::error::Error for ShutdownError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let first = self.projection.as_ref().or(self.history.as_ref())?;
        Some(&**first)
    }
}

/// What to do about an error of the operating system.
fn remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "free some space on its file system, then append again: what was accepted before is \
             safe"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "check the permissions of the file and of its folder"
        }
        io::ErrorKind::NotFound => "check the path",
        _ => "what was accepted before is safe; try again, or resume the thread",
    }
}
