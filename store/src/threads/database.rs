//! Opening the database of the rows, and what can go wrong with it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::schema::{self, Found};
use crate::files::{open_regular, require_database};
use crate::stop::{is_to_stop, stoppable};

/// Between two tries to open a database that others are using.
const RETRY: Duration = Duration::from_millis(2);

/// SQLite itself waits no longer than this at a time, because nothing ends its waiting.
const PIECE: Duration = Duration::from_millis(50);

/// What can go wrong with the database of the rows. The histories hold everything that is in it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The file, or one that SQLite keeps beside it, is a folder, a link, a pipe, a socket or a
    /// device.
    #[error(
        "{}: {detail}; move it aside or choose another path, it was not opened",
        path.display()
    )]
    NotAFile {
        /// The file.
        path: PathBuf,
        /// What it is.
        detail: String,
    },
    /// Its folder does not exist.
    #[error(
        "{}: the database cannot be created there; check the path, or create its folder first",
        path.display()
    )]
    Missing {
        /// The database.
        path: PathBuf,
    },
    /// Others held the write lock for all of this time.
    #[error(
        "{}: the database stayed locked for {} ms; end the other writer or raise the timeout",
        path.display(), waited.as_millis()
    )]
    Busy {
        /// The database.
        path: PathBuf,
        /// For how long it was tried.
        waited: Duration,
    },
    /// The file system has no room left.
    #[error(
        "{}: no room left for the database; free some space on its file system",
        path.display()
    )]
    Full {
        /// The database.
        path: PathBuf,
    },
    /// The file or its folder cannot be written.
    #[error(
        "{}: the database cannot be written; check the permissions of the file and of its folder",
        path.display()
    )]
    ReadOnly {
        /// The database.
        path: PathBuf,
    },
    /// The file is damaged or no database.
    #[error(
        "{}: the database is damaged ({detail}); move it aside and rebuild it from the histories",
        path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
    },
    /// The file is a database of something else.
    #[error(
        "{}: this database is not one of threads; choose another path, it is left as it is",
        path.display()
    )]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// A later version of this crate wrote it.
    #[error(
        "{}: the database has schema version {version}, and this program knows versions up to {}; \
         use the later one, or choose another path, it is left as it is",
        path.display(), schema::USER_VERSION
    )]
    Later {
        /// The database.
        path: PathBuf,
        /// The version of its schema.
        version: u32,
    },
    /// Anything else that SQLite reported.
    #[error(
        "{}: the database failed: {detail}; rebuild it from the histories if this repeats",
        path.display()
    )]
    Failed {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
    },
}

impl DatabaseError {
    /// Whether it concerns every row, not only the one that was to be written.
    pub(super) fn is_of_the_whole(&self) -> bool {
        !matches!(self, Self::Failed { .. })
    }

    /// The error for what SQLite reported about the database at `path`.
    pub(super) fn from_sqlite(path: &Path, source: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Busy { path, waited: Duration::ZERO }
            }
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::CannotOpen) if !path.exists() => Self::Missing { path },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                Self::ReadOnly { path }
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { path, detail: source.to_string() }
            }
            _ => Self::Failed { path, detail: source.to_string() },
        }
    }
}

/// Opens the database at `path` for writing, creating it if it is missing.
pub(super) fn open(path: &Path, busy_timeout: Duration) -> Result<Connection, DatabaseError> {
    require_database(path)
        .map_err(|(path, why)| DatabaseError::NotAFile { path, detail: why.to_string() })?;
    refuse_others(path)?;
    let open = || -> rusqlite::Result<Option<Connection>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = stoppable(Connection::open_with_flags(path, flags)?)?;
        connection.busy_timeout(busy_timeout.min(PIECE))?;
        match schema::found(&connection)? {
            Found::Foreign => return Ok(None),
            Found::Empty => schema::create(&mut connection)?,
            Found::Older => schema::upgrade(&mut connection)?,
            Found::Ours => {}
        }
        schema::configure(&connection)?;
        connection.busy_timeout(busy_timeout)?;
        Ok(Some(connection))
    };
    let started = Instant::now();
    loop {
        let source = match open() {
            Ok(Some(connection)) => return Ok(connection),
            Ok(None) => return Err(DatabaseError::Foreign { path: path.to_owned() }),
            Err(source) => source,
        };
        match DatabaseError::from_sqlite(path, &source) {
            // For some steps, such as the change to a write-ahead log, SQLite does not wait by
            // itself; others may be starting at this moment.
            DatabaseError::Busy { .. } if started.elapsed() < busy_timeout && !is_to_stop() => {
                std::thread::sleep(RETRY);
            }
            DatabaseError::Busy { path, .. } => {
                return Err(DatabaseError::Busy { path, waited: started.elapsed() });
            }
            error => return Err(error),
        }
    }
}

/// Refuses a file that says of itself that it is a database of something else, or of a later
/// version. To open one would be to touch it: who closes a database last folds its write-ahead log
/// into it.
fn refuse_others(path: &Path) -> Result<(), DatabaseError> {
    let mut header = [0; 72];
    let read = open_regular(path).and_then(|mut file| file.read_exact(&mut header));
    // What cannot be read, is empty or is no database is SQLite's to report.
    if read.is_err() || !header.starts_with(b"SQLite format 3\0") {
        return Ok(());
    }
    let number = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let (version, application) = (number(60), number(68));
    if application != schema::APPLICATION_ID {
        return Err(DatabaseError::Foreign { path: path.to_owned() });
    }
    if i64::from(version) > schema::USER_VERSION {
        return Err(DatabaseError::Later { path: path.to_owned(), version });
    }
    Ok(())
}
