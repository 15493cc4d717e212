//! What can go wrong while a trace log is opened, written or maintained.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// The result of an operation on a trace log.
pub type Result<T> = std::result::Result<T, Error>;

/// A failed operation on a trace log. Every message names the database and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file, or the folder it should be created in, does not exist.
    #[error(
        "{}: there is no such trace log; check the path, or create its folder first",
        path.display()
    )]
    Missing {
        /// The database.
        path: PathBuf,
    },
    /// Another connection held its lock for longer than the busy timeout.
    #[error(
        "{}: the trace log stayed locked past the busy timeout; close the other writer or raise \
         the timeout",
        path.display()
    )]
    Locked {
        /// The database.
        path: PathBuf,
    },
    /// The file, or one that SQLite keeps beside it, is a folder, a link, a pipe, a socket or a
    /// device.
    #[error("{}: {detail}; move it aside, it was not opened", path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
        /// What it is.
        detail: String,
    },
    /// The file is not an SQLite database.
    #[error(
        "{}: this is not an SQLite database; move it aside and let a new trace log be created",
        path.display()
    )]
    NotADatabase {
        /// The database.
        path: PathBuf,
    },
    /// The database is damaged.
    #[error(
        "{}: the trace log is corrupt ({detail}); move it aside and let a new one be created",
        path.display()
    )]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
    },
    /// The file system has no room left.
    #[error(
        "{}: no room left for the trace log; free some space on its file system",
        path.display()
    )]
    Full {
        /// The database.
        path: PathBuf,
    },
    /// The file or its folder cannot be written.
    #[error(
        "{}: the trace log cannot be written; check the permissions of the file and of its folder",
        path.display()
    )]
    ReadOnly {
        /// The database.
        path: PathBuf,
    },
    /// The sequence of ids was asked to go back.
    #[error(
        "{}: ids are never reused: the sequence is at {current}, so it cannot be set to \
         {asked}; ask for a larger id",
        path.display()
    )]
    SequenceBackwards {
        /// The database.
        path: PathBuf,
        /// The largest id handed out so far.
        current: i64,
        /// The id asked for.
        asked: i64,
    },
    /// The system starts no thread for a sink.
    #[error(
        "{}: no thread can be started for the trace log: {source}; allow this user or container \
         more processes", path.display()
    )]
    NoThread {
        /// The database.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The thread behind a sink ended before it was closed.
    #[error(
        "{}: the writer thread of the trace log is gone; close the sink to learn why and open a \
         new one",
        path.display()
    )]
    SinkGone {
        /// The database.
        path: PathBuf,
    },
    /// Anything else that SQLite reported.
    #[error(
        "{}: SQLite failed: {source}; run `PRAGMA integrity_check` on the file if this repeats",
        path.display()
    )]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What SQLite reported.
        source: rusqlite::Error,
    },
}

impl Error {
    /// The error for what SQLite reported about the database at `path`.
    pub(crate) fn from_sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        match source.sqlite_error_code() {
            Some(ErrorCode::CannotOpen) if path.exists() => Self::ReadOnly { path },
            Some(ErrorCode::CannotOpen) => Self::Missing { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path },
            Some(ErrorCode::NotADatabase) => Self::NotADatabase { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt { path, detail: source.to_string() },
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly { path },
            _ => Self::Sqlite { path, source },
        }
    }
}
