//! Digests of a database: of its rows, whatever pages they are in, and of its file.

use std::collections::HashSet;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::Builder;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest, Sha256};
use tracerig_store::files::{immutable_uri, open_regular};
use tracerig_store::schema::{COLUMNS, TABLE};
use tracerig_store::stop::stoppable;

use crate::cache::{Progress, Stage};
use crate::error::{DatasetError, Result};
use crate::levels::{self, Counts, Levels};
use crate::manifest::Manifest;

/// Positions in [`COLUMNS`].
const LEVEL_COLUMN: usize = 3;
const BODY_COLUMN: usize = 5;
const THREAD_COLUMN: usize = 9;
const PROCESS_COLUMN: usize = 10;

/// What reading a database from end to end tells.
#[derive(Debug)]
pub(crate) struct Digests {
    pub(crate) rows_digest: String,
    pub(crate) file_digest: String,
    pub(crate) file_bytes: u64,
    /// Pages of the b-tree of `logs`, overflow pages included.
    pub(crate) logs_pages: u64,
    /// Id and body length of every row, ids rising.
    pub(crate) rows: Vec<(i64, u32)>,
    pub(crate) levels: Levels,
    pub(crate) threads: u64,
    pub(crate) processes: u64,
}

impl Digests {
    pub(crate) fn has(&self, id: i64) -> bool {
        self.rows.binary_search_by_key(&id, |(id, _)| *id).is_ok()
    }

    pub(crate) fn max_id(&self) -> i64 {
        self.rows.last().map_or(0, |(id, _)| *id)
    }

    pub(crate) fn body_bytes(&self) -> u64 {
        self.rows.iter().map(|(_, bytes)| u64::from(*bytes)).sum()
    }

    /// What of its rows a manifest says otherwise, if anything.
    pub(crate) fn differs_from(&self, manifest: &Manifest) -> Option<String> {
        if self.rows_digest != manifest.rows_digest {
            return Some(format!("its rows have the digest {}", self.rows_digest));
        }
        let rows = self.rows.len() as i128;
        let of_kinds = manifest.kinds.values().map(|kind| i128::from(kind.rows)).sum();
        let numbers: [(&str, i128, i128); 7] = [
            ("rows", rows, manifest.rows.into()),
            ("rows of all kinds", rows, of_kinds),
            ("the largest id", self.max_id().into(), manifest.max_id.into()),
            ("bytes of bodies", self.body_bytes().into(), manifest.body_bytes.into()),
            ("pages of rows", self.logs_pages.into(), manifest.pages.logs.into()),
            ("threads", self.threads.into(), manifest.threads.into()),
            ("processes", self.processes.into(), manifest.processes.into()),
        ];
        if let Some((what, found, said)) = numbers.iter().find(|(_, found, said)| found != said) {
            return Some(format!("{what}: {found}, and its manifest says {said}"));
        }
        (self.levels != manifest.levels)
            .then(|| "its manifest says other levels of rows".to_owned())
    }
}

type Report<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

/// How far two readers are, and whether they shall stop.
#[derive(Default)]
struct Meter {
    bytes: AtomicU64,
    stop: AtomicBool,
}

impl Meter {
    fn advance(&self, bytes: usize) -> ControlFlow<()> {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        if self.stop.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Fails when the readers were stopped: what they found is not all there is.
    fn whole(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) { Err(DatasetError::Cancelled) } else { Ok(()) }
    }
}

/// Reads a finished database, rows and file at the same time.
pub(crate) fn of_database(path: &Path, report: Report<'_>) -> Result<Digests> {
    let total = 2 * std::fs::metadata(path).map_err(DatasetError::io(path, "read"))?.len();
    let meter = Meter::default();
    std::thread::scope(|scope| {
        let no_thread = || DatasetError::io(path, "start a thread to read");
        let rows = Builder::new().spawn_scoped(scope, || of_rows(path, &meter));
        let rows = rows.map_err(no_thread())?;
        let file = Builder::new().spawn_scoped(scope, || of_file_metered(path, &meter));
        // The other reader need not come to its end.
        meter.stop.fetch_or(file.is_err(), Ordering::Relaxed);
        let file = file.map_err(no_thread())?;
        let working = || !(rows.is_finished() && file.is_finished());
        watch(&meter, total, Stage::Digesting, &working, report);
        let broken = |_| DatasetError::Broken {
            path: path.to_path_buf(),
            detail: "a reader panicked".into(),
        };
        let rows = rows.join().map_err(broken)??;
        let (file_digest, file_bytes) = file.join().map_err(broken)??;
        meter.whole()?;
        let Rows { digest: rows_digest, logs_pages, found: rows, levels, threads, processes } =
            rows;
        let (levels, threads, processes) =
            (levels.into(), threads.found.len() as u64, processes.found.len() as u64);
        Ok(Digests {
            rows_digest,
            file_digest,
            file_bytes,
            logs_pages,
            rows,
            levels,
            threads,
            processes,
        })
    })
}

/// SHA-256 of a file in hexadecimal digits.
pub(crate) fn of_file(path: &Path, report: Report<'_>) -> Result<String> {
    let total = std::fs::metadata(path).map_err(DatasetError::io(path, "read"))?.len();
    let meter = Meter::default();
    std::thread::scope(|scope| {
        let file = Builder::new().spawn_scoped(scope, || of_file_metered(path, &meter));
        let file = file.map_err(DatasetError::io(path, "start a thread to read"))?;
        watch(&meter, total, Stage::Verifying, &|| !file.is_finished(), report);
        let broken = |_| DatasetError::Broken {
            path: path.to_path_buf(),
            detail: "a reader panicked".into(),
        };
        let (digest, _) = file.join().map_err(broken)??;
        meter.whole().map(|()| digest)
    })
}

fn watch(meter: &Meter, total: u64, stage: Stage, working: &dyn Fn() -> bool, report: Report<'_>) {
    let mut naps = 0_u32;
    loop {
        let done = meter.bytes.load(Ordering::Relaxed).min(total);
        let flow = if naps.is_multiple_of(25) {
            report(Progress { stage, done, total })
        } else {
            ControlFlow::Continue(())
        };
        if flow.is_break() {
            meter.stop.store(true, Ordering::Relaxed);
        }
        if !working() {
            return;
        }
        naps += 1;
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn of_file_metered(path: &Path, meter: &Meter) -> Result<(String, u64)> {
    let mut file = open_regular(path).map_err(DatasetError::io(path, "open"))?;
    let mut buffer = vec![0; 256 << 10];
    let (mut hasher, mut length) = (Sha256::new(), 0);
    loop {
        let read = file.read(&mut buffer).map_err(DatasetError::io(path, "read"))?;
        hasher.update(&buffer[..read]);
        length += read as u64;
        if read == 0 || meter.advance(read).is_break() {
            return Ok((hexadecimal(hasher), length));
        }
    }
}

/// What the rows of a database tell.
struct Rows {
    digest: String,
    logs_pages: u64,
    /// Id and body length.
    found: Vec<(i64, u32)>,
    levels: Counts,
    threads: Names,
    processes: Names,
}

/// The different names in a column.
#[derive(Debug, Default)]
struct Names {
    found: HashSet<Box<[u8]>>,
}

impl Names {
    fn note(&mut self, value: ValueRef<'_>) {
        if let ValueRef::Text(name) = value
            && !self.found.contains(name)
        {
            self.found.insert(name.into());
        }
    }
}

/// Reads the rows in id order; fewer of them when the meter says to stop.
fn of_rows(path: &Path, meter: &Meter) -> Result<Rows> {
    // The file is finished and has no write-ahead log; so nothing but the file need be looked at,
    // or left behind.
    let connection = open_finished(path)?;
    let read = || -> rusqlite::Result<Rows> {
        let sql = format!("SELECT {} FROM {TABLE} ORDER BY id", COLUMNS.join(", "));
        let mut statement = connection.prepare(&sql)?;
        let mut cursor = statement.query([])?;
        let (mut hasher, mut found, mut pending) = (RowsHasher::default(), Vec::new(), 0);
        let (mut levels, mut threads, mut processes) =
            (Counts::default(), Names::default(), Names::default());
        while let Some(row) = cursor.next()? {
            for column in 0..COLUMNS.len() {
                hasher.value(row.get_ref(column)?);
            }
            let body = match row.get_ref(BODY_COLUMN)? {
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
                _ => 0,
            };
            if let ValueRef::Text(level) = row.get_ref(LEVEL_COLUMN)? {
                levels[levels::position(str::from_utf8(level).unwrap_or_default())] += 1;
            }
            threads.note(row.get_ref(THREAD_COLUMN)?);
            processes.note(row.get_ref(PROCESS_COLUMN)?);
            found.push((row.get(0)?, u32::try_from(body).unwrap_or(u32::MAX)));
            // Beside its body a row takes a few hundred bytes of the file.
            pending += body + 500;
            if pending > 1 << 20 && meter.advance(std::mem::take(&mut pending)).is_break() {
                break;
            }
        }
        let pages =
            "SELECT coalesce(sum(pageno), 0) FROM dbstat WHERE name = 'logs' AND aggregate = TRUE";
        let pages = connection.query_row(pages, [], |row| row.get::<_, i64>(0))?;
        let logs_pages = u64::try_from(pages).unwrap_or(0);
        Ok(Rows { digest: hasher.finish(), logs_pages, found, levels, threads, processes })
    };
    read().map_err(DatasetError::sqlite(path))
}

/// Opens a database that nobody writes, without leaving anything beside it.
pub(crate) fn open_finished(path: &Path) -> Result<Connection> {
    let open = || -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        stoppable(Connection::open_with_flags(immutable_uri(path), flags)?)
    };
    open().map_err(DatasetError::sqlite(path))
}

/// SHA-256 over values: a letter for the type of each, and for texts and blobs their length before
/// their bytes.
#[derive(Default)]
struct RowsHasher(Sha256);

impl RowsHasher {
    fn value(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => self.0.update(b"n"),
            ValueRef::Integer(number) => {
                self.0.update(b"i");
                self.0.update(number.to_le_bytes());
            }
            ValueRef::Real(number) => {
                self.0.update(b"r");
                self.0.update(number.to_bits().to_le_bytes());
            }
            ValueRef::Text(bytes) => self.bytes(b"t", bytes),
            ValueRef::Blob(bytes) => self.bytes(b"b", bytes),
        }
    }

    fn bytes(&mut self, letter: &[u8], bytes: &[u8]) {
        self.0.update(letter);
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn finish(self) -> String {
        hexadecimal(self.0)
    }
}

pub(crate) fn hexadecimal(hasher: Sha256) -> String {
    base16ct::lower::encode_string(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(values: &[ValueRef<'_>]) -> String {
        let mut hasher = RowsHasher::default();
        values.iter().for_each(|value| hasher.value(*value));
        hasher.finish()
    }

    #[test]
    fn types_and_borders_of_values_count() {
        let different = [
            digest(&[ValueRef::Text(b"ab"), ValueRef::Text(b"c")]),
            digest(&[ValueRef::Text(b"a"), ValueRef::Text(b"bc")]),
            // What looks like the border of another text.
            digest(&[ValueRef::Text(b"abtc")]),
            digest(&[ValueRef::Blob(b"ab"), ValueRef::Text(b"c")]),
            digest(&[ValueRef::Null, ValueRef::Text(b"c")]),
            digest(&[ValueRef::Integer(7)]),
            digest(&[ValueRef::Real(7.0)]),
        ];
        assert_eq!(
            different.iter().collect::<std::collections::BTreeSet<_>>().len(),
            different.len()
        );
    }
}
