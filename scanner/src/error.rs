//! Why a scan gave no answer. There is never an empty answer instead of an error.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_READONLY_ROLLBACK;
use rustix::fs::{Access, access};

use crate::guard::MAX_VALUE_BYTES;
use crate::path::with_suffix;

/// Why a scan failed. Every message names the path and what to do; the memo on disk is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// There is nothing at the path.
    #[error(
        "{}: no such database. Check the path; Codex keeps its trace in logs_2.sqlite in its home \
         folder",
        path.display()
    )]
    Missing {
        /// The path as given.
        path: PathBuf,
    },
    /// The path leads to something that is no regular file.
    #[error("{}: not a file. Name the database file itself", path.display())]
    NotAFile {
        /// The path as given.
        path: PathBuf,
    },
    /// What is next to the database, where SQLite keeps its log, index or journal, is no regular
    /// file.
    #[error(
        "{}: not a file of SQLite's, which would follow the link or wait for the pipe. Move it \
         away, and find out who put it there",
        path.display()
    )]
    SidecarNotAFile {
        /// What is there.
        path: PathBuf,
    },
    /// The file is no SQLite database.
    #[error(
        "{}: not a SQLite database. Check the path, or restore the file from a copy",
        path.display()
    )]
    NotADatabase {
        /// The path as given.
        path: PathBuf,
    },
    /// The database has no trace table.
    #[error(
        "{}: {} no table `logs`. Name a trace database (logs_2.sqlite), not the state database \
         beside it",
        path.display(), if *empty { "the file is empty and has" } else { "the database has" }
    )]
    NoLogsTable {
        /// The path as given.
        path: PathBuf,
        /// Whether the file holds nothing at all.
        empty: bool,
    },
    /// `logs` is no ordinary table: to read it could run what its author wants, for as long as they
    /// want.
    #[error(
        "{}: `logs` is {what}, and not the ordinary table that Codex writes. Nothing was read; \
         name the database that Codex wrote",
        path.display()
    )]
    ForeignTable {
        /// The path as given.
        path: PathBuf,
        /// What it is instead.
        what: String,
    },
    /// A row holds a value larger than what is read.
    #[error(
        "{}: a row is larger than {} MiB, the largest that is read. Codex deletes rows from 10 MiB \
         on; check the database with `sqlite3 … 'PRAGMA integrity_check'`",
        path.display(), limit_bytes >> 20
    )]
    RowTooLarge {
        /// The path as given.
        path: PathBuf,
        /// The limit, in bytes.
        limit_bytes: u64,
    },
    /// The trace table lacks columns.
    #[error(
        "{}: table `logs` has no column {}. This version of Codex is not known here; please report \
         it",
        path.display(), columns.join(", ")
    )]
    MissingColumns {
        /// The path as given.
        path: PathBuf,
        /// The columns that are not there.
        columns: Vec<&'static str>,
    },
    /// The column `id` of the trace table is not its key, so that it neither orders rows nor finds
    /// one.
    #[error(
        "{}: column `id` of table `logs` is not its INTEGER PRIMARY KEY. This is no trace database \
         as Codex writes it",
        path.display()
    )]
    IdsNameNoRows {
        /// The path as given.
        path: PathBuf,
    },
    /// The database stores its text in another encoding than UTF-8.
    #[error(
        "{}: text is stored as {encoding}, and only UTF-8 is read. Codex writes UTF-8; convert the \
         database with `.dump`",
        path.display()
    )]
    Encoding {
        /// The path as given.
        path: PathBuf,
        /// What SQLite calls the encoding.
        encoding: String,
    },
    /// Another process kept the database locked for longer than the busy timeout.
    #[error(
        "{}: locked by another process for {:.1} s. Try again, close the other program, or allow a \
         longer busy timeout",
        path.display(), waited.as_secs_f64()
    )]
    Locked {
        /// The path as given.
        path: PathBuf,
        /// How long the scan waited.
        waited: Duration,
    },
    /// SQLite found the file damaged.
    #[error(
        "{}: the database is damaged ({detail}). Save what `sqlite3 … .recover` can read, then \
         move the file aside: Codex starts a new one",
        path.display()
    )]
    Corrupt {
        /// The path as given.
        path: PathBuf,
        /// SQLite's words.
        detail: String,
    },
    /// The file was exchanged for another while it was being opened, several times over.
    #[error(
        "{}: the file was exchanged for another while it was opened. Try again",
        path.display()
    )]
    Exchanged {
        /// The path as given.
        path: PathBuf,
    },
    /// The write-ahead log cannot be read in place.
    #[error(
        "{}: its write-ahead log can only be read with an index beside it (-shm), which this \
         folder does not let be written. Copy the database and its -wal file to a folder of your \
         own and scan the copy",
        path.display()
    )]
    WalWithoutIndex {
        /// The path as given.
        path: PathBuf,
    },
    /// The memo was to be kept where the database, or a file that belongs to it, is.
    #[error(
        "{}: the database, its log or its journal is where the memo, its lock or its temporary \
         file would. Name another place for the memo",
        path.display()
    )]
    MemoIsDatabase {
        /// The memo's path as given.
        path: PathBuf,
    },
    /// A writer without a write-ahead log ended in the middle of a transaction, and nobody may undo
    /// it here.
    #[error(
        "{}: a program ended while it wrote, and what it left (-journal) can only be undone in a \
         folder that can be written. Copy the database and its -journal file to a folder of your \
         own and scan the copy",
        path.display()
    )]
    Unfinished {
        /// The path as given.
        path: PathBuf,
    },
    /// Reading failed, or there was no room for the index of the write-ahead log.
    #[error(
        "{}: {source}. Check that its disk is sound and has room for the index of its log (-shm)",
        path.display()
    )]
    Disk {
        /// The path as given.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file system refused.
    #[error("{}: {source}. Check the file's and its folder's permissions", path.display())]
    Io {
        /// The path as given.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// SQLite refused for another reason.
    #[error(
        "{}: {source}. Check the database with `sqlite3 … 'PRAGMA integrity_check'`",
        path.display()
    )]
    Sqlite {
        /// The path as given.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The scan was cancelled; the memo is unchanged.
    #[error("{}: the scan was cancelled; nothing was changed", path.display())]
    Cancelled {
        /// The path as given.
        path: PathBuf,
    },
    /// A worker thread of the scan ended without an answer.
    #[error(
        "{}: the scan stopped unexpectedly. This is a defect; please report it",
        path.display()
    )]
    Stopped {
        /// The path as given.
        path: PathBuf,
    },
    /// The system starts no thread for the scan.
    #[error(
        "{}: no thread can be started for the scan: {source}. Allow this user or container more \
         processes", path.display()
    )]
    NoThread {
        /// The path as given.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A probe made the step fail, in a test.
    #[error("{}: a test made the scan fail at `{point}`", path.display())]
    Injected {
        /// The path as given.
        path: PathBuf,
        /// Where.
        point: &'static str,
    },
}

impl ScanError {
    /// Sorts an error of SQLite into the kinds a caller can act upon.
    #[doc(hidden)]
    #[must_use]
    pub fn from_sqlite(path: &Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        let rusqlite::Error::SqliteFailure(failure, detail) = &error else {
            return Self::Sqlite { path, source: error };
        };
        let detail = || detail.clone().unwrap_or_else(|| failure.to_string());
        match failure.code {
            ErrorCode::NotADatabase => Self::NotADatabase { path },
            // Nothing else ends a statement early.
            ErrorCode::OperationInterrupted => Self::Cancelled { path },
            ErrorCode::TooBig => {
                Self::RowTooLarge { path, limit_bytes: u64::from(MAX_VALUE_BYTES.unsigned_abs()) }
            }
            ErrorCode::DatabaseCorrupt => Self::Corrupt { path, detail: detail() },
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                Self::Locked { path, waited: Duration::ZERO }
            }
            ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
                why_closed(&path).unwrap_or(Self::Sqlite { path, source: error })
            }
            ErrorCode::ReadOnly if failure.extended_code == SQLITE_READONLY_ROLLBACK => {
                Self::Unfinished { path }
            }
            ErrorCode::ReadOnly => Self::WalWithoutIndex { path },
            ErrorCode::SystemIoFailure | ErrorCode::DiskFull => Self::Disk { path, source: error },
            _ => Self::Sqlite { path, source: error },
        }
    }

    /// Likewise an error of the file system.
    #[doc(hidden)]
    #[must_use]
    pub fn from_io(path: &Path, source: std::io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            std::io::ErrorKind::NotFound => Self::Missing { path },
            _ => Self::Io { path, source },
        }
    }
}

/// Which of the files that make up the database at `path` keeps SQLite from opening it, and why.
///
/// Found out without opening any: closing a file gives up every lock that this process holds on it,
/// also those of other connections.
fn why_closed(path: &Path) -> Option<ScanError> {
    ["", "-wal", "-shm", "-journal"].into_iter().find_map(|suffix| {
        let path = with_suffix(path, suffix);
        let error = access(&path, Access::READ_OK).err()?;
        match std::io::Error::from(error) {
            source if source.kind() != std::io::ErrorKind::NotFound => {
                Some(ScanError::Io { path, source })
            }
            _ if suffix.is_empty() => Some(ScanError::Missing { path }),
            _ => None,
        }
    })
}
