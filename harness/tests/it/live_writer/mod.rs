//! A thousand scans beside another process that writes as fast as it can: each answers for one
//! state of the database, and none is kept out.
//!
//! Which state a scan saw is no matter of time. The writer raises `max(id)` with every transaction,
//! and nothing else changes rows: so the cursor of a scan names its state. And the writer draws all
//! that it writes from a generator, so that this process can go through the same states by itself
//! (`twin`), without reading what the writer wrote. The answer due at a state is the oracle's,
//! which shares no code with the scanner. In the end the twin is compared with the database, so
//! that nothing rests on its being right about retention.
//!
//! ```text
//! TRACERIG_LIVE_SCANS=50000 cargo test -p tracerig --test it live_writer
//! ```

mod script;
mod twin;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;
use tracerig_differential::trace::EPOCH;
use tracerig_oracle as oracle;
use tracerig_scanner::{Check, MemoPlace, Mode, Options, Reason, Request, Scan, Scanner, Window};
use tracerig_store::{LogOptions, OwnedRow, Retention, TraceLog};

use twin::Twin;

/// The environment variable that makes a writer of a child; it names the database.
const DATABASE: &str = "TRACERIG_LIVE_WRITER";

/// Scans made unless the environment says another number.
const SCANS: u64 = 1000;

/// Rows that are there before and never touched: enough for a file that several connections share.
const STILL: i64 = 1500;

/// Rows that retention leaves of each partition.
const KEPT: usize = 25;

/// Not a test: what the writing process runs.
#[test]
fn writes_for_another_process() {
    let Some(path) = std::env::var_os(DATABASE).map(PathBuf::from) else { return };
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    // The parent holds the other end, and its end is ours, however it comes.
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        over.store(true, Ordering::Relaxed);
    });
    let mut log = Some(open(&path, KEPT));
    let mut side = None;
    let mut next_id = STILL + 1;
    for number in 0.. {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let rows = script::batch(number, next_id);
        next_id += rows.len() as i64;
        let writer = log.get_or_insert_with(|| open(&path, KEPT));
        let outcome =
            writer.insert_batch(&rows.iter().map(OwnedRow::as_row).collect::<Vec<_>>()).unwrap();
        assert_eq!(outcome.last_id, next_id - 1);
        if number % 16 == 0 {
            writer.checkpoint_passive().unwrap();
        }
        if number % 50 == 0 {
            writer.incremental_vacuum(20).unwrap();
        }
        if number % 64 == 0 {
            // Begins the log anew as soon as no reader needs it; if one does, it is busy, and that
            // is all.
            let side = side.get_or_insert_with(|| {
                let connection = Connection::open(&path).unwrap();
                connection.busy_timeout(Duration::ZERO).unwrap();
                connection
            });
            let _ = side.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
        if number % 128 == 0 {
            // The last one out takes the log with it; the next one in makes a new one.
            (log, side) = (None, None);
        }
        if number % 512 == 0 {
            keep_others_out(&path);
        }
    }
}

/// Keeps every other process out of the database for longer than SQLite is reported to wait by
/// itself, as soon as nobody is in it. Where somebody always is, others are not kept out this time.
fn keep_others_out(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::ZERO).unwrap();
    connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE").unwrap();
    for _ in 0..400 {
        // No row has such an id.
        if connection.execute("DELETE FROM logs WHERE id < 0", []).is_ok() {
            std::thread::sleep(Duration::from_millis(50));
            return;
        }
        std::thread::sleep(Duration::from_micros(50));
    }
}

fn open(path: &Path, kept: usize) -> TraceLog {
    let retention = Retention { rows: kept, bytes: i64::MAX };
    TraceLog::open_with(path, LogOptions { retention, ..LogOptions::default() }).unwrap()
}

/// The writing process, for as long as this value lives.
struct Writer(Child);

impl Writer {
    fn start(path: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "live_writer::writes_for_another_process", "--nocapture"])
            .env(DATABASE, path);
        Self(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
    }

    /// Ends it after the transaction it is in.
    fn stop(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // After a failed test; it has ended otherwise, and there is nobody to tell.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A scan that was made, with what is needed to judge it.
struct Made {
    way: &'static str,
    window: Window,
    /// Where the memo that it began with ended, if it had one.
    memo_cursor: Option<i64>,
    scan: Scan,
}

/// The scanners of one database, each remembering in its own way.
struct Scanners {
    path: PathBuf,
    memo: PathBuf,
    resident: Scanner,
    cursors: BTreeMap<&'static str, i64>,
}

impl Scanners {
    fn new(path: PathBuf, folder: &Path) -> Self {
        let options = Options { memo: MemoPlace::Memory, ..Options::default() };
        let resident = Scanner::new(&path, options);
        Self { path, memo: folder.join("memo"), resident, cursors: BTreeMap::new() }
    }

    fn fresh(&self, memo: MemoPlace, connections: usize) -> Scanner {
        let connections = NonZeroUsize::new(connections).unwrap();
        Scanner::new(&self.path, Options { memo, connections, ..Options::default() })
    }

    /// Makes the scan of this number: most as a new process makes it, from the persisted memo.
    fn scan(&mut self, number: u64) -> Made {
        let file = || MemoPlace::File(self.memo.clone());
        let (way, scanner) = match number % 10 {
            0..=4 => ("relaunched", self.fresh(file(), 1)),
            5 | 6 => ("resident", self.resident.clone()),
            7 => ("in full", self.fresh(MemoPlace::Disabled, 1)),
            8 => ("in full through several connections", self.fresh(MemoPlace::Disabled, 4)),
            _ => ("forced", self.fresh(file(), 2)),
        };
        let memory = match way {
            "relaunched" | "forced" => "file",
            other => other,
        };
        // The edges run through the rows that are there: times are about the ids.
        let now = self.cursors.values().max().copied().unwrap_or(0) + EPOCH;
        let window = match number % 3 {
            0 => Window { since: Some(now - 80), until: None },
            1 => Window { since: Some(now - 150), until: Some(now - 20) },
            _ => Window::default(),
        };
        let request = Request { window, rescan: way == "forced" };
        let scan =
            scanner.scan(&request).unwrap_or_else(|error| panic!("scan {number}, {way}: {error}"));
        assert!(scan.warnings.is_empty(), "{:?}", scan.warnings);
        let memo_cursor = self.cursors.insert(memory, scan.stats.cursor);
        let memo_cursor = memo_cursor.filter(|_| matches!(way, "relaunched" | "resident"));
        Made { way, window, memo_cursor, scan }
    }
}

/// Fails unless a scan saw what the twin has, all of it and nothing else, and read no more than it
/// had to.
#[track_caller]
fn judge(made: &Made, twin: &Twin) {
    let Made { way, window, memo_cursor, scan } = made;
    let stats = scan.stats;
    let due = twin.answer(oracle::Window { since: window.since, until: window.until });
    let found: BTreeMap<String, oracle::Turn> = scan
        .turns
        .iter()
        .map(|(id, turn)| {
            let turn = turn.clone();
            let (thread_id, model, timestamp) = (turn.thread_id, turn.model, turn.timestamp);
            (id.clone(), oracle::Turn { thread_id, model, timestamp })
        })
        .collect();
    assert_eq!(found, due.turns, "{way}, in {window:?}, at {}", stats.cursor);
    let all = twin.rows_above(0) + STILL as u64;
    let (way_due, rows) = match *memo_cursor {
        Some(cursor) if cursor == stats.cursor => ((Mode::Unchanged, Reason::None), 0),
        // Every row that the writer had written before is gone, and with them, it may be, all that
        // proved the database. A scan that came late may find every row gone that its memo
        // remembers, though others still stand; how often is counted below.
        Some(cursor) if lost_its_bearings(made) => {
            // Whether rows of a turn are missing may show only after the new rows were read; where
            // more connections are opened then, these were rows of an earlier state.
            let in_vain = stats.rows_examined.saturating_sub(all);
            let is_late = stats.reason == Reason::Check(Check::TurnRows)
                && (stats.connections > 1 || in_vain == twin.rows_above(cursor));
            ((Mode::Full, stats.reason), if is_late { all + in_vain } else { all })
        }
        Some(cursor) => ((Mode::Incremental, Reason::None), twin.rows_above(cursor)),
        None if *way == "forced" => ((Mode::Full, Reason::Forced), all),
        None if way.starts_with("in full") => ((Mode::Full, Reason::Disabled), all),
        None => ((Mode::Full, Reason::Absent), all),
    };
    let found = ((stats.mode, stats.reason), stats.rows_examined);
    assert_eq!(found, (way_due, rows), "{way}, at {}, from {memo_cursor:?}", stats.cursor);
    if stats.mode == Mode::Full {
        // A memo may still hold facts whose rows are gone and do not matter.
        assert_eq!((stats.facts, stats.completions), (due.facts, due.completions), "{way}");
    }
}

/// Whether no row that the memo remembered was there any more, or not the rows that a turn rests
/// on: rows are pruned by thread, and those of a turn are in several.
fn lost_its_bearings(made: &Made) -> bool {
    matches!(made.scan.stats.reason, Reason::Check(Check::Anchors | Check::TurnRows))
}

/// A folder in memory where the system offers that: the writer is as fast as the disk lets it be.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.or_else(|_| tempfile::tempdir()).unwrap()
}

#[test]
fn each_scan_beside_a_live_writer_answers_for_one_state() {
    let count = std::env::var("TRACERIG_LIVE_SCANS").map_or(SCANS, |count| count.parse().unwrap());
    let folder = folder();
    let path = folder.path().join(tracerig_store::schema::FILE_NAME);
    let still = script::still(STILL);
    let mut log = open(&path, still.len());
    for batch in still.chunks(128) {
        log.insert_batch(&batch.iter().map(OwnedRow::as_row).collect::<Vec<_>>()).unwrap();
    }
    drop(log);

    let mut scanners = Scanners::new(path.clone(), folder.path());
    let writer = Writer::start(&path);
    while oracle_max(&path) <= STILL {
        std::thread::yield_now();
    }
    let made: Vec<Made> = (0..count).map(|number| scanners.scan(number)).collect();
    writer.stop();

    let mut twin = Twin::new(STILL, KEPT);
    let mut last = 0;
    for made in &made {
        let cursor = made.scan.stats.cursor;
        assert!(cursor >= last, "a later scan saw an older state: {cursor} after {last}");
        twin.advance_to(cursor);
        judge(made, &twin);
        last = cursor;
    }
    // To the state in which the writer ended: the twin was right about the rows all along.
    let connection = Connection::open(&path).unwrap();
    twin.advance_to(oracle_max(&path));
    let mut ids = connection.prepare("SELECT id FROM logs WHERE id > ?1 ORDER BY id").unwrap();
    let ids: Vec<i64> =
        ids.query_map([STILL], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(ids, twin.ids());
    let whole = oracle::Window::default();
    assert_eq!(oracle::scan_connection(&connection, whole).unwrap(), twin.answer(whole));

    let lost = made.iter().filter(|made| lost_its_bearings(made)).count() as u64;
    assert!(lost <= count / 10, "{lost} of {count} scans were full although rows still stood");

    // Had it slept, nothing would be proven.
    let states: BTreeSet<i64> = made.iter().map(|made| made.scan.stats.cursor).collect();
    let several = made.iter().filter(|made| made.scan.stats.connections > 1).count();
    eprintln!(
        "{count} scans saw {} of {} states, {several} of them through several connections and \
         {lost} of them in full because the remembered rows were gone; {} rows came, {} stayed",
        states.len(),
        twin.states(),
        last - STILL,
        ids.len()
    );
    assert!(states.len() as u64 > count / 50, "the writer did not keep up");
}

/// The highest id, read without the scanner.
fn oracle_max(path: &Path) -> i64 {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    connection.query_row("SELECT max(id) FROM logs", [], |row| row.get(0)).unwrap()
}
