//! Opening a database read-only, and proving what a scan sees: one state of one file.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _};

use crate::ablation::{self, Ablation, Ablations};
use crate::control::{Control, Point, Probe, reached};
use crate::error::ScanError;
use crate::guard::{guard, require_files};
use crate::identity::{Identity, IdentitySource};
use crate::path::with_suffix;
use crate::schema::{self, Trust};

/// How often an open is tried again after the file was exchanged meanwhile, and how often several
/// connections try to begin at the same snapshot.
const TRIES: usize = 5;

/// Pages in each connection's cache. A scan reads almost every page once; a larger cache only costs
/// memory and, at a relaunch, the time to allocate it.
const CACHE_PAGES: i64 = 16;

/// The longest nap while the database is locked; short, so that a cancelled scan ends at once.
const NAP: Duration = Duration::from_millis(20);

/// What a snapshot needs to know about the scan that opens it.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// The database, symbolic links resolved.
    pub(crate) path: &'a Path,
    pub(crate) busy_timeout: Duration,
    pub(crate) identity: &'a dyn IdentitySource,
    pub(crate) probe: Option<&'a Arc<dyn Probe>>,
    pub(crate) control: &'a Arc<Control>,
    pub(crate) ablated: Ablations,
}

/// Connections whose read transactions see the same state of the same file.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// At least one.
    pub(crate) connections: Vec<Connection>,
    /// The highest id, 0 for an empty table.
    pub(crate) max_id: i64,
    /// The file, as found before it was opened and again after the first read.
    pub(crate) identity: Identity,
    /// Size of the file in bytes.
    pub(crate) db_bytes: u64,
    /// Whether the table is one whose ids a memo may rely upon.
    pub(crate) schema: Trust,
    /// For a file opened as one that nobody changes: its state before, to be found the same
    /// afterwards.
    unchanging: Option<FileState>,
}

/// What the first read of a transaction found.
struct Begun {
    max_id: i64,
    schema: Trust,
}

/// Size and times of a file, where it is there.
type FileState = Option<(u64, i64, i64, i64, i64)>;

fn state_of(path: &Path) -> FileState {
    let metadata = std::fs::metadata(path).ok()?;
    let times = (metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec());
    Some((metadata.len(), times.0, times.1, times.2, times.3))
}

impl Snapshot {
    /// Opens `connections` connections at one snapshot; fewer if the database changes too fast to
    /// prove that they share one.
    pub(crate) fn open(context: Context<'_>, connections: usize) -> Result<Self, ScanError> {
        let Context { path, probe, .. } = context;
        for _ in 0..TRIES {
            context.control.check(path)?;
            let identity = context.identify()?;
            let place = context.place()?;
            let unchanging = match place {
                Place::Immutable if !context.ablated.has(Ablation::Wal) => Some(state_of(path)),
                Place::InPlace | Place::Immutable => None,
            };
            reached(probe, path, Point::BeforeOpen)?;
            let snapshot = match context.connect_all(connections, place) {
                Ok((connections, Begun { max_id, schema })) => {
                    let db_bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
                    Ok(Self { connections, max_id, schema, identity, db_bytes, unchanging })
                }
                Err(error) => Err(error),
            };
            reached(probe, path, Point::FirstRead)?;
            // An error of a file that is no longer there says nothing about the one that took its
            // place.
            if context.ablated.has(Ablation::IdentityAfter) {
                return snapshot;
            }
            let found = context.look().ok();
            if found == Some(identity) {
                return snapshot;
            }
            if let Some(identity) = found.filter(|_| context.ablated.has(Ablation::IdentityBefore))
            {
                return snapshot.map(|snapshot| Self { identity, ..snapshot });
            }
        }
        Err(ScanError::Exchanged { path: path.to_owned() })
    }

    /// The connection that everything but the bodies of a full scan is read through.
    pub(crate) fn first(&self) -> &Connection {
        &self.connections[0]
    }

    /// The highest id there is by now, if the connection is in no transaction.
    pub(crate) fn max_id_by_now(&self, path: &Path) -> Result<i64, ScanError> {
        self.first()
            .query_row("SELECT ifnull(max(id), 0) FROM logs", [], |row| row.get(0))
            .map_err(|error| ScanError::from_sqlite(path, error))
    }

    /// Confirms, after the last read, that a file opened as unchanging did not change: SQLite then
    /// locks nothing and would not notice.
    pub(crate) fn confirm(&self, path: &Path) -> Result<(), ScanError> {
        let wal_is_empty =
            std::fs::metadata(with_suffix(path, "-wal")).map_or(true, |wal| wal.len() == 0);
        match &self.unchanging {
            Some(before) if *before != state_of(path) || !wal_is_empty => {
                Err(ScanError::Exchanged { path: path.to_owned() })
            }
            _ => Ok(()),
        }
    }
}

impl Context<'_> {
    /// The identity of the file that is about to be opened.
    fn identify(&self) -> Result<Identity, ScanError> {
        require_files(self.path)?;
        self.look().map_err(|error| ScanError::from_io(self.path, error))
    }

    /// The identity that the path shows now.
    fn look(&self) -> std::io::Result<Identity> {
        ablation::identity_of_link(self.ablated, self.path)
            .map_or_else(|| self.identity.identity(self.path), Ok)
    }

    /// Connections in transactions that share a snapshot, and what its first read found.
    fn connect_all(
        &self,
        wanted: usize,
        place: Place,
    ) -> Result<(Vec<Connection>, Begun), ScanError> {
        let first = self.connect(place)?;
        reached(self.probe, self.path, Point::Opened)?;
        if wanted <= 1 {
            let begun = self.begin(&first)?;
            reached(self.probe, self.path, Point::Begun)?;
            return Ok((vec![first], begun));
        }
        // A connection that never begins anything sees every commit of the others as a new data
        // version. If it sees none from before the first transaction begins until the last one has
        // read, they all read the same state.
        let watch = self.connect(place)?;
        let mut connections = vec![first];
        while connections.len() < wanted {
            connections.push(self.connect(place)?);
        }
        for _ in 0..TRIES {
            let before = self.data_version(&watch)?;
            let mut begun = self.begin(&connections[0])?;
            reached(self.probe, self.path, Point::Begun)?;
            for connection in &connections[1..] {
                begun = self.begin(connection)?;
            }
            let is_proven =
                self.ablated.has(Ablation::SnapshotShared) || self.ablated.has(Ablation::Snapshot);
            if is_proven || self.data_version(&watch)? == before {
                return Ok((connections, begun));
            }
            for connection in &connections {
                self.sql(connection.execute_batch("ROLLBACK"))?;
            }
        }
        connections.truncate(1);
        let begun = self.begin(&connections[0])?;
        Ok((connections, begun))
    }

    fn data_version(&self, connection: &Connection) -> Result<i64, ScanError> {
        self.patiently(|| connection.query_row("PRAGMA data_version", [], |row| row.get(0)))
    }

    /// Begins a read transaction, looks at the schema in it and only then at the table, for the
    /// maximum id.
    fn begin(&self, connection: &Connection) -> Result<Begun, ScanError> {
        self.patiently(|| {
            if connection.is_autocommit() && !self.ablated.has(Ablation::Snapshot) {
                connection.execute_batch("BEGIN")?;
            }
            // The first read of the transaction, which may meet a lock.
            connection.query_row("SELECT 1 FROM sqlite_schema LIMIT 1", [], |_| Ok(())).optional()
        })?;
        let schema = schema::examine(connection, self.path, self.ablated)?;
        let max_id = self.patiently(|| {
            connection.query_row("SELECT max(id) FROM logs", [], |row| row.get::<_, Option<i64>>(0))
        })?;
        Ok(Begun { max_id: max_id.unwrap_or(0), schema })
    }

    fn connect(&self, place: Place) -> Result<Connection, ScanError> {
        let connection = match place {
            Place::InPlace => Connection::open_with_flags(self.path, flags()),
            Place::Immutable => Connection::open_with_flags(immutable_uri(self.path), flags()),
        };
        let mut connection = self.sql(connection)?;
        self.sql(guard(&mut connection, self.control))?;
        self.sql(connection.busy_timeout(NAP.min(self.busy_timeout)))?;
        // The first statement reads the schema, and so may be the first to meet a lock.
        self.patiently(|| connection.pragma_update(None, "cache_size", CACHE_PAGES))?;
        Ok(connection)
    }

    /// Where to read the database.
    fn place(&self) -> Result<Place, ScanError> {
        if self.ablated.has(Ablation::Wal) {
            return Ok(Place::Immutable);
        }
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let has_journal =
            std::fs::metadata(with_suffix(self.path, "-journal")).is_ok_and(|it| it.len() > 0);
        if has_journal || is_writable(folder) && !locks_owner_out(self.path) {
            return Ok(Place::InPlace);
        }
        let has_index = with_suffix(self.path, "-shm").exists();
        match std::fs::metadata(with_suffix(self.path, "-wal")) {
            Ok(_) if has_index => Ok(Place::InPlace),
            Ok(wal) if wal.len() > 0 => {
                Err(ScanError::WalWithoutIndex { path: self.path.to_owned() })
            }
            // An index alone says nothing, and SQLite would want to begin a log for it.
            _ => Ok(Place::Immutable),
        }
    }

    /// Repeats what the lock of another process keeps from succeeding, until the busy timeout has
    /// passed or the scan is cancelled.
    fn patiently<T>(
        &self,
        mut attempt: impl FnMut() -> rusqlite::Result<T>,
    ) -> Result<T, ScanError> {
        let start = Instant::now();
        loop {
            match attempt() {
                Err(rusqlite::Error::SqliteFailure(failure, _))
                    if matches!(
                        failure.code,
                        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked
                    ) =>
                {
                    self.control.check(self.path)?;
                    let waited = start.elapsed();
                    if waited >= self.busy_timeout {
                        return Err(ScanError::Locked { path: self.path.to_owned(), waited });
                    }
                    std::thread::sleep(NAP.min(self.busy_timeout.saturating_sub(waited)) / 4);
                }
                other => return self.sql(other),
            }
        }
    }

    fn sql<T>(&self, result: rusqlite::Result<T>) -> Result<T, ScanError> {
        result.map_err(|error| ScanError::from_sqlite(self.path, error))
    }
}

/// How a database is opened.
#[derive(Clone, Copy)]
enum Place {
    /// As a reader among others, which may create or use `-shm` beside it.
    InPlace,
    /// As a file that nobody changes: nothing beside it is read or written.
    Immutable,
}

fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI
}

/// Whether this process may create files in `folder`, found out by looking, not by trying.
fn is_writable(folder: &Path) -> bool {
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_ok()
}

/// Whether a log and its index that this process creates beside the database would be closed to the
/// database's owner: SQLite gives them the database's permissions, but anyone who creates a file
/// owns it. Only root can give it away, and does.
fn locks_owner_out(path: &Path) -> bool {
    let me = rustix::process::geteuid();
    let is_anothers = std::fs::metadata(path).is_ok_and(|metadata| metadata.uid() != me.as_raw());
    is_anothers && !me.is_root() && is_in_wal_mode(path)
}

/// Whether the header of the database says that it is read and written through a write-ahead log.
/// Without one SQLite creates nothing for a reader.
fn is_in_wal_mode(path: &Path) -> bool {
    const READ_VERSION: u64 = 19;
    const WAL: u8 = 2;
    let mut version = [0];
    let read =
        std::fs::File::open(path).and_then(|file| file.read_exact_at(&mut version, READ_VERSION));
    read.is_ok() && version == [WAL]
}

/// `path` as a URI of SQLite's, with `immutable=1`. Every byte that is no letter, digit or `/` is
/// escaped.
fn immutable_uri(path: &Path) -> PathBuf {
    let mut uri = b"file:".to_vec();
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.') {
            uri.push(byte);
        } else {
            uri.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    uri.extend_from_slice(b"?immutable=1");
    PathBuf::from(OsStr::from_bytes(&uri))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scanner::{Options, Request, Scanner};

    #[test]
    fn a_lock_met_by_the_first_statement_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs.sqlite");
        let owner = Connection::open(&path).unwrap();
        owner.execute_batch("CREATE TABLE logs (id INTEGER); BEGIN EXCLUSIVE").unwrap();
        let busy_timeout = Duration::from_millis(50);
        let scanner = Scanner::new(&path, Options { busy_timeout, ..Options::default() });
        match scanner.scan(&Request::default()) {
            Err(ScanError::Locked { waited, .. }) => assert!(waited >= busy_timeout, "{waited:?}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_uri_escapes_what_sqlite_would_read_as_syntax() {
        let path = Path::new(OsStr::from_bytes(b"/a b/%?#\xff.sqlite"));
        assert_eq!(immutable_uri(path).as_os_str(), "file:/a%20b/%25%3F%23%FF.sqlite?immutable=1");
    }
}
