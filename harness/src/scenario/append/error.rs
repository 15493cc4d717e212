//! Why an append run could not be made. What goes wrong in a launch is no error but a row of the result.

use std::path::{Path, PathBuf};

use tracerig_datasets::ConversationError;
use tracerig_oracle::threads::ThreadsError;
use tracerig_store::threads;

use crate::scenario::relaunch::RunError;

/// Why there is no record of a run. Every message names the path and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The folder of the run cannot be made.
    #[error(transparent)]
    Place(#[from] RunError),
    /// There is nothing to append.
    #[error(transparent)]
    Conversation(#[from] ConversationError),
    /// A store cannot be made.
    #[error(transparent)]
    Store(#[from] threads::Error),
    /// What was appended cannot be looked at.
    #[error(transparent)]
    Oracle(#[from] ThreadsError),
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

impl AppendError {
    /// Turns an I/O error into one that says what was tried on what.
    pub(super) fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), action, source }
    }
}
