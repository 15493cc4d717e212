//! Why an archive could not be refreshed.

use std::io;
use std::path::PathBuf;

/// Why a refresh gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// There is no such folder.
    #[error("{}: no such folder. Name the home of Codex, ~/.codex as a rule", path.display())]
    Missing {
        /// The path as given.
        path: PathBuf,
    },
    /// The folder holds no sessions.
    #[error(
        "{}: has neither `sessions` nor `archived_sessions`. Name the home of Codex, ~/.codex as a \
         rule",
        path.display()
    )]
    NoArchive {
        /// The path as given.
        path: PathBuf,
    },
    /// The caller ended the refresh. What was read until then is remembered.
    #[error("{}: the refresh was cancelled; the next one begins where it stopped", path.display())]
    Cancelled {
        /// The path as given.
        path: PathBuf,
    },
    /// The folder of the memo holds a file that is nobody's memo where one of the memo would stand.
    #[error(
        "{}: no file of a memo, and left as it is. Name another folder for the memo, or remove \
         the file",
        path.display()
    )]
    NoMemo {
        /// The file.
        path: PathBuf,
    },
    /// The folder cannot be looked at.
    #[error("{}: {source}. Check the permissions of the folder", path.display())]
    Io {
        /// The path as given.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}
