//! A trace database with its writer and a memo, for tests that tell a story.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use tempfile::TempDir;
use tracerig_differential::trace::{EPOCH, RowSpec};
use tracerig_scanner::{
    Identity, IdentitySource, MemoPlace, Options, Point, Probe, Request, Scan, ScanError, Scanner,
    Window,
};
use tracerig_store::{LogOptions, OwnedRow, Retention, TraceLog, schema};

/// A database in a separate folder.
pub struct Trace {
    folder: TempDir,
    pub retention: Retention,
    pub options: Options,
    serial: i64,
    log: Option<TraceLog>,
}

impl Trace {
    /// A new database without rows, and a place for a memo.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let memo = MemoPlace::File(folder.path().join("memo"));
        let options = Options { memo, ..Options::default() };
        let retention = Retention { rows: 1_000_000, bytes: i64::MAX };
        let mut trace = Self { folder, retention, options, serial: 0, log: None };
        trace.log();
        trace
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join(schema::FILE_NAME)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn memo(&self) -> PathBuf {
        self.file("memo")
    }

    fn log(&mut self) -> &mut TraceLog {
        let (path, retention) = (self.path(), self.retention);
        self.log.get_or_insert_with(|| {
            TraceLog::open_with(path, LogOptions { retention, ..LogOptions::default() }).unwrap()
        })
    }

    /// Ends the writer, which empties the write-ahead log unless others have the file open.
    pub fn close(&mut self) {
        self.log = None;
    }

    /// Appends rows, separated by `|`, as one batch.
    pub fn append(&mut self, rows: &str) {
        let rows: Vec<RowSpec> = rows.split('|').map(|row| row.parse().unwrap()).collect();
        self.append_all(&rows);
    }

    pub fn append_all(&mut self, rows: &[RowSpec]) {
        let first = self.serial + 1;
        self.serial += rows.len() as i64;
        let rows: Vec<OwnedRow> =
            (first..).zip(rows).map(|(serial, row)| row.build(serial)).collect();
        for batch in rows.chunks(128) {
            let batch: Vec<_> = batch.iter().map(OwnedRow::as_row).collect();
            self.log().insert_batch(&batch).unwrap();
        }
    }

    /// Runs SQL on a separate connection.
    pub fn sql(&self, sql: &str) {
        Connection::open(self.path()).unwrap().execute_batch(sql).unwrap();
    }

    /// Scans as a new process would.
    pub fn relaunch(&self) -> Scan {
        self.try_relaunch(&Request::default()).unwrap()
    }

    /// Scans with a window as a new process would; seconds as in [`RowSpec`].
    pub fn relaunch_in(&self, since: Option<i64>, until: Option<i64>) -> Scan {
        let window =
            Window { since: since.map(|at| EPOCH + at), until: until.map(|at| EPOCH + at) };
        self.try_relaunch(&Request { window, rescan: false }).unwrap()
    }

    pub fn try_relaunch(&self, request: &Request) -> Result<Scan, ScanError> {
        Scanner::new(self.path(), self.options.clone()).scan(request)
    }

    /// Sets the database aside as a file `name`, and leaves nothing in its place.
    pub fn move_away(&mut self, name: &str) {
        self.close();
        std::fs::rename(self.path(), self.file(name)).unwrap();
    }

    /// A copy of the database as it is, without a write-ahead log.
    pub fn copy_to(&self, name: &str) {
        let name = self.file(name).display().to_string();
        Connection::open(self.path()).unwrap().execute("VACUUM INTO ?1", [name]).unwrap();
    }
}

/// Each turn as `turn thread model at`, `-` for what is absent, in the order of their names.
pub fn turns(scan: &Scan) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let line = |(id, turn): (&String, &tracerig_scanner::Turn)| {
        format!("{id} {} {} {}", text(&turn.thread_id), text(&turn.model), turn.timestamp - EPOCH)
    };
    scan.turns.iter().map(line).collect()
}

/// Mode and reason in words.
pub fn way(scan: &Scan) -> String {
    format!("{} {}", scan.stats.mode, scan.stats.reason)
}

/// Fails unless the scan took this way to these turns.
#[track_caller]
pub fn assert_scan<const N: usize>(scan: &Scan, way: &str, turns: [&str; N]) {
    assert_eq!(
        (self::way(scan).as_str(), self::turns(scan)),
        (way, turns.map(str::to_owned).to_vec())
    );
}

/// An identity that a test decides.
#[derive(Debug)]
pub struct Decided {
    pub inode: AtomicU64,
    /// 0 for a file system that reports none.
    pub birth: AtomicU64,
}

impl Decided {
    pub fn new(inode: u64, birth: u64) -> Arc<Self> {
        Arc::new(Self { inode: inode.into(), birth: birth.into() })
    }
}

impl IdentitySource for Decided {
    fn identity(&self, path: &Path) -> std::io::Result<Identity> {
        let birth = self.birth.load(Ordering::SeqCst);
        let inode = self.inode.load(Ordering::SeqCst);
        std::fs::metadata(path).map(|_| Identity {
            device: 1,
            inode,
            birth: (birth > 0).then_some(birth.into()),
        })
    }
}

/// Does something when a scan first reaches a point; what it returns says whether the step
/// succeeds.
pub struct At {
    point: Point,
    todo: Mutex<Option<Box<dyn FnOnce() -> bool + Send>>>,
}

impl At {
    pub fn new(point: Point, todo: impl FnOnce() -> bool + Send + 'static) -> Arc<Self> {
        Arc::new(Self { point, todo: Mutex::new(Some(Box::new(todo))) })
    }

    /// Whether the point was reached.
    pub fn is_done(&self) -> bool {
        self.todo.lock().unwrap().is_none()
    }
}

impl std::fmt::Debug for At {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "At({})", self.point.name())
    }
}

impl Probe for At {
    fn reached(&self, point: Point) -> bool {
        let todo = if point == self.point { self.todo.lock().unwrap().take() } else { None };
        todo.is_none_or(|todo| todo())
    }
}
