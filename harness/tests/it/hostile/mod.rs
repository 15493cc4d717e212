//! Databases and surroundings that do not play along: a clear error or the right answer, and the
//! memo as it was.

mod busy;

use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use crate::common::trace::{At, Trace, assert_scan, turns, way};
use rusqlite::Connection;
use tracerig_differential::trace::{EPOCH, RowSpec};
use tracerig_scanner::{MemoPlace, Options, Point, Probe, Request, ScanError, Scanner};

fn noise(count: usize) -> Vec<RowSpec> {
    vec!["noise turn=0 thread=3 at=1 long".parse().unwrap(); count]
}

/// A database of some pages and two turns, scanned once, its write-ahead log emptied.
fn scanned() -> Trace {
    let mut trace = Trace::new();
    trace.append("request turn=1 model=1 at=1");
    trace.append_all(&noise(300));
    trace.append("request turn=2 model=1 at=2");
    assert_scan(&trace.relaunch(), "full absent", ["turn-1 - model-1 1", "turn-2 - model-1 2"]);
    trace.close();
    trace
}

/// Scans, expects an error, and finds the memo untouched and the message helpful.
#[track_caller]
fn refused(trace: &Trace, rescan: bool) -> ScanError {
    let before = std::fs::read(trace.memo()).ok();
    let error = trace.try_relaunch(&Request { rescan, ..Request::default() }).unwrap_err();
    assert!(std::fs::read(trace.memo()).ok() == before, "{error}");
    let message = error.to_string();
    let folder = trace.path().parent().unwrap().display().to_string();
    assert!(
        message.contains(&folder) && message.contains(". "),
        "names no path or no remedy: {message}"
    );
    error
}

#[test]
fn what_is_no_trace_database_is_named_as_what_it_is() {
    let mut trace = scanned();
    trace.move_away("good");
    assert!(matches!(refused(&trace, false), ScanError::Missing { .. }));

    std::fs::write(trace.path(), b"").unwrap();
    assert!(matches!(refused(&trace, false), ScanError::NoLogsTable { empty: true, .. }));

    std::fs::write(trace.path(), "no database at all. ".repeat(500)).unwrap();
    assert!(matches!(refused(&trace, false), ScanError::NotADatabase { .. }));

    std::fs::remove_file(trace.path()).unwrap();
    trace.sql("CREATE TABLE threads (id TEXT)");
    assert!(matches!(refused(&trace, false), ScanError::NoLogsTable { empty: false, .. }));

    trace.sql("CREATE TABLE logs (id INTEGER PRIMARY KEY AUTOINCREMENT, ts INTEGER, target TEXT)");
    let error = refused(&trace, false);
    let expected = ["ts_nanos", "feedback_log_body", "thread_id", "process_uuid"];
    assert!(
        matches!(&error, ScanError::MissingColumns { columns, .. } if *columns == expected),
        "{error:?}"
    );

    std::fs::remove_file(trace.path()).unwrap();
    trace.sql("PRAGMA encoding = 'UTF-16le'");
    trace.sql(&format!("PRAGMA encoding = 'UTF-16le'; {}", tracerig_store::schema::CREATE_TABLE));
    assert!(matches!(refused(&trace, false), ScanError::Encoding { .. }));

    std::fs::remove_file(trace.path()).unwrap();
    std::fs::create_dir(trace.path()).unwrap();
    assert!(matches!(refused(&trace, false), ScanError::NotAFile { .. }));

    std::fs::remove_dir(trace.path()).unwrap();
    std::fs::rename(trace.file("good"), trace.path()).unwrap();
    assert_scan(&trace.relaunch(), "unchanged none", ["turn-1 - model-1 1", "turn-2 - model-1 2"]);
}

#[test]
fn a_locked_database_is_waited_for_and_then_refused() {
    let mut trace = scanned();
    for lock in [
        "PRAGMA locking_mode = EXCLUSIVE; DELETE FROM logs WHERE id < 0;",
        "PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE",
    ] {
        let owner = Connection::open(trace.path()).unwrap();
        owner.execute_batch(lock).unwrap();
        trace.options.busy_timeout = Duration::from_millis(30);
        let error = refused(&trace, false);
        let waited = trace.options.busy_timeout;
        assert!(
            matches!(&error, ScanError::Locked { waited: found, .. } if *found >= waited),
            "{error:?}"
        );

        // It is free again while a scan waits: the other thread lets go once the scan is about to
        // open.
        trace.options.busy_timeout = Duration::from_secs(60);
        let (opening, opens) = mpsc::channel();
        trace.options.probe = Some(At::new(Point::BeforeOpen, move || opening.send(()).is_ok()));
        let owner = std::thread::spawn(move || {
            opens.recv().unwrap();
            drop(owner);
        });
        assert_scan(
            &trace.relaunch(),
            "unchanged none",
            ["turn-1 - model-1 1", "turn-2 - model-1 2"],
        );
        owner.join().unwrap();
    }
}

#[test]
fn a_database_that_is_corrupt_in_the_middle_gives_no_answer() {
    let trace = scanned();
    let whole = std::fs::read(trace.path()).unwrap();
    let pages = whole.len() / 4096;
    let mut answered = 0;
    for at in 1..15 {
        let begin = pages * at / 16 * 4096;
        let mut bytes = whole.clone();
        bytes[begin..begin + 40 * 4096].fill(0xa5);
        // In place: the same file went bad.
        std::fs::write(trace.path(), &bytes).unwrap();
        assert!(matches!(refused(&trace, true), ScanError::Corrupt { .. }));
        // A relaunch answers where the rows that it looks up are whole, and else says what is
        // wrong.
        match trace.try_relaunch(&Request::default()) {
            Ok(scan) => {
                assert_scan(&scan, "unchanged none", ["turn-1 - model-1 1", "turn-2 - model-1 2"]);
                answered += 1;
            }
            Err(error) => assert!(matches!(error, ScanError::Corrupt { .. }), "{error}"),
        }
    }
    assert!((1..14).contains(&answered), "{answered} of 14 relaunches answered");

    std::fs::write(trace.path(), &whole[..whole.len() / 8192 * 4096]).unwrap();
    assert!(matches!(refused(&trace, true), ScanError::Corrupt { .. }));
}

/// Puts one of two databases in place of the other at every visit of a point, until told to stop.
#[derive(Debug)]
struct Exchanges {
    point: Point,
    path: std::path::PathBuf,
    left: AtomicU64,
}

impl Probe for Exchanges {
    fn reached(&self, point: Point) -> bool {
        if point == self.point && self.left.load(Ordering::SeqCst) > 0 {
            self.left.fetch_sub(1, Ordering::SeqCst);
            let (other, spare) =
                (self.path.with_extension("other"), self.path.with_extension("spare"));
            std::fs::rename(&self.path, &spare).unwrap();
            std::fs::rename(&other, &self.path).unwrap();
            std::fs::rename(&spare, &other).unwrap();
        }
        true
    }
}

#[test]
fn a_database_exchanged_while_it_is_opened_is_opened_again() {
    for point in [Point::BeforeOpen, Point::Opened, Point::FirstRead] {
        let mut trace = scanned();
        let other = trace.path().with_extension("other");
        trace.move_away("first");
        trace.append("noise turn=0 at=1 | request turn=3 model=1 at=3");
        trace.close();
        std::fs::rename(trace.path(), &other).unwrap();
        std::fs::rename(trace.file("first"), trace.path()).unwrap();

        let path = trace.path();
        let exchanges = |count: u64| {
            Arc::new(Exchanges { point, path: path.clone(), left: count.into() }) as Arc<dyn Probe>
        };
        // Exchanged every time: no answer. The number of tries is odd, so the other one is in place
        // afterwards.
        trace.options.probe = Some(exchanges(u64::MAX));
        assert!(matches!(refused(&trace, false), ScanError::Exchanged { .. }), "{point:?}");
        trace.options.probe = Some(exchanges(1));
        assert_scan(
            &trace.relaunch(),
            "unchanged none",
            ["turn-1 - model-1 1", "turn-2 - model-1 2"],
        );
        trace.options.probe = Some(exchanges(1));
        assert_scan(&trace.relaunch(), "full identity", ["turn-3 - model-1 3"]);
    }
}

#[test]
fn a_database_that_disappears_while_it_is_opened_is_missing() {
    for point in [Point::BeforeOpen, Point::Opened, Point::FirstRead] {
        let mut trace = scanned();
        let path = trace.path();
        trace.options.probe = Some(At::new(point, move || std::fs::remove_file(path).is_ok()));
        assert!(matches!(refused(&trace, false), ScanError::Missing { .. }), "{point:?}");
    }
}

#[test]
fn a_memo_is_never_read_or_written_through_a_link() {
    let trace = scanned();
    let victim = trace.file("victim");
    std::fs::rename(trace.memo(), &victim).unwrap();
    let before = std::fs::read(&victim).unwrap();
    symlink(&victim, trace.memo()).unwrap();
    let scan = trace.relaunch();
    assert_eq!((way(&scan).as_str(), scan.warnings.len()), ("full artifact", 1));
    assert!(std::fs::symlink_metadata(trace.memo()).unwrap().is_file());
    assert!(std::fs::read(&victim).unwrap() == before);

    // Nor is the lock beside it.
    let lock = trace.file("memo.lock");
    std::fs::remove_file(&lock).unwrap();
    symlink(&victim, &lock).unwrap();
    let scan = trace.try_relaunch(&Request { rescan: true, ..Request::default() }).unwrap();
    assert_eq!((turns(&scan).len(), scan.warnings.len(), scan.stats.persisted), (2, 1, false));
    assert!(std::fs::read(&victim).unwrap() == before);
}

#[test]
fn a_memo_that_cannot_be_written_costs_a_warning_and_no_answer() {
    let trace = scanned();
    std::fs::remove_file(trace.memo()).unwrap();
    std::fs::create_dir(trace.memo()).unwrap();
    for _ in 0..2 {
        let scan = trace.relaunch();
        assert_scan(&scan, "full artifact", ["turn-1 - model-1 1", "turn-2 - model-1 2"]);
        assert_eq!((scan.warnings.len(), scan.stats.persisted), (2, false), "{:?}", scan.warnings);
        assert!(scan.warnings.iter().all(|warning| warning.contains("memo")));
    }
    let nowhere = Options { memo: MemoPlace::File("/dev/null/memo".into()), ..Options::default() };
    let scan = Scanner::new(trace.path(), nowhere).scan(&Request::default()).unwrap();
    assert_eq!(
        (scan.turns.len(), scan.stats.persisted, scan.warnings.is_empty()),
        (2, false, false)
    );
}

#[test]
fn a_lock_that_is_never_released_costs_the_memo_and_no_answer() {
    let mut trace = scanned();
    trace.append("request turn=3 model=1 at=3");
    let before = std::fs::read(trace.memo()).unwrap();
    let holder = std::fs::File::open(trace.file("memo.lock")).unwrap();
    holder.lock().unwrap();
    trace.options.busy_timeout = Duration::from_millis(30);
    let scan = trace.relaunch();
    assert_scan(
        &scan,
        "incremental none",
        ["turn-1 - model-1 1", "turn-2 - model-1 2", "turn-3 - model-1 3"],
    );
    assert_eq!((scan.stats.persisted, scan.warnings.len()), (false, 1));

    // Nor does it keep a scan from being cancelled: this one would wait for an hour.
    trace.options.busy_timeout = Duration::from_secs(3600);
    let (past, passed) = mpsc::channel();
    trace.options.probe = Some(At::new(Point::Scanned, move || past.send(()).is_ok()));
    let running = Scanner::new(trace.path(), trace.options.clone()).start(Request::default());
    passed.recv().unwrap();
    // It is right in either case, but most likely waits by now.
    std::thread::sleep(Duration::from_millis(20));
    running.cancel();
    assert!(matches!(running.wait(), Err(ScanError::Cancelled { .. })));
    assert!(std::fs::read(trace.memo()).unwrap() == before);
}

#[test]
fn a_table_whose_ids_may_come_back_is_scanned_in_full_and_one_whose_ids_name_no_rows_is_refused() {
    for (key, orders_rows) in [
        ("INTEGER PRIMARY KEY", true),
        ("INTEGER NOT NULL PRIMARY KEY DESC", true),
        ("INTEGER", false),
        ("INTEGER UNIQUE", false),
        ("TEXT PRIMARY KEY", false),
    ] {
        let mut trace = Trace::new();
        trace.append(
            "noise turn=0 at=0 | request turn=1 thread=1 model=1 at=1 | noise turn=0 at=2 | \
             request turn=2 model=1 at=3",
        );
        let create =
            tracerig_store::schema::CREATE_TABLE.replace("INTEGER PRIMARY KEY AUTOINCREMENT", key);
        let columns = tracerig_store::schema::COLUMNS.join(", ").replacen("id", "id + 100", 1);
        trace.sql(&format!(
            "ALTER TABLE logs RENAME TO old; {create}; INSERT INTO logs SELECT {columns} FROM old; \
             DROP TABLE old"
        ));
        if !orders_rows {
            let scanner = Scanner::new(trace.path(), trace.options.clone());
            let refused = scanner.scan(&Request::default());
            assert!(matches!(refused, Err(ScanError::IdsNameNoRows { .. })), "{key}: {refused:?}");
            continue;
        }
        for _ in 0..2 {
            let scan = trace.relaunch();
            assert_scan(&scan, "full schema", ["turn-1 thread-1 model-1 1", "turn-2 - model-1 3"]);
            assert_eq!((scan.stats.cursor, trace.memo().exists()), (104, false), "{key}");
        }
    }
}

#[test]
fn a_memo_in_memory_is_as_good_while_it_lasts() {
    let mut trace = scanned();
    trace.options.memo = MemoPlace::Memory;
    let scanner = Scanner::new(trace.path(), trace.options.clone());
    let scan = || scanner.scan(&Request::default()).unwrap();
    assert_scan(&scan(), "full absent", ["turn-1 - model-1 1", "turn-2 - model-1 2"]);
    trace.append("request turn=3 model=1 at=3");
    trace.sql("DELETE FROM logs WHERE id = 1");
    let after = scan();
    assert_scan(&after, "incremental none", ["turn-2 - model-1 2", "turn-3 - model-1 3"]);
    assert_eq!((after.stats.rows_examined, after.stats.artifact_bytes), (1, 0));
    assert_scan(&scan(), "unchanged none", ["turn-2 - model-1 2", "turn-3 - model-1 3"]);
}

#[test]
fn a_time_that_is_no_number_is_none_at_all() {
    // A column declared INTEGER takes text from a foreign hand. It is neither an error nor a reason
    // to lose the rest.
    let mut trace = Trace::new();
    trace.append("request turn=1 model=1 at=1 | request turn=2 model=1 at=2");
    trace.sql("UPDATE logs SET ts = 'soon' WHERE id = 1");
    assert_scan(
        &trace.relaunch(),
        "full absent",
        [format!("turn-1 - model-1 {}", -EPOCH).as_str(), "turn-2 - model-1 2"],
    );
    assert_eq!(turns(&trace.relaunch_in(Some(0), None)), ["turn-2 - model-1 2"]);
}
