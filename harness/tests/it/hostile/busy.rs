//! Scans with company: cancelled, watched, beside other scans and beside a writer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use rusqlite::Connection;
use tracerig_differential::trace::RowSpec;
use tracerig_scanner::{MemoPlace, Options, Point, Request, ScanError, Scanner};
use tracerig_store::{LogOptions, Retention, TraceLog};

use super::{noise, scanned};
use crate::common::trace::{At, Trace, assert_scan, turns, way};

#[test]
fn a_cancelled_scan_leaves_the_memo_as_it_was() {
    for point in
        [Point::Loaded, Point::BeforeOpen, Point::FirstRead, Point::Checked, Point::Scanned]
    {
        for rescan in [false, true] {
            let mut trace = scanned();
            trace.append("request turn=3 model=1 at=3");
            let before = std::fs::read(trace.memo()).unwrap();
            let (at_point, arrived) = mpsc::channel();
            let (go, gone) = mpsc::channel::<()>();
            let gone = std::sync::Mutex::new(gone);
            trace.options.probe = Some(At::new(point, move || {
                at_point.send(()).unwrap();
                gone.lock().unwrap().recv().is_ok()
            }));
            let scanner = Scanner::new(trace.path(), trace.options.clone());
            let running = scanner.start(Request { rescan, ..Request::default() });
            arrived.recv().unwrap();
            running.cancel();
            go.send(()).unwrap();
            assert!(matches!(running.wait(), Err(ScanError::Cancelled { .. })), "{point:?}");
            assert!(std::fs::read(trace.memo()).unwrap() == before, "{point:?}");
            // Neither on disk nor in memory.
            let scan = scanner.scan(&Request::default()).unwrap();
            assert_scan(
                &scan,
                "incremental none",
                ["turn-1 - model-1 1", "turn-2 - model-1 2", "turn-3 - model-1 3"],
            );
        }
    }
}

#[test]
fn a_scan_that_waits_for_another_one_can_be_cancelled() {
    let mut trace = scanned();
    let (at_point, arrived) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let begins = At::new(Point::Loaded, || true);
    trace.options.probe = Some(Arc::clone(&begins) as _);
    let quick = Scanner::new(trace.path(), trace.options.clone());
    trace.options.probe = Some(At::new(Point::Checked, move || {
        at_point.send(()).unwrap();
        gone.lock().unwrap().recv().is_ok()
    }));
    let slow = Scanner::new(trace.path(), trace.options.clone()).start(Request::default());
    arrived.recv().unwrap();
    let waiting = quick.start(Request::default());
    // Were scans of one database not made one after the other, this is long enough to begin.
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert!(!waiting.is_finished());
    waiting.cancel();
    assert!(matches!(waiting.wait(), Err(ScanError::Cancelled { .. })));
    assert!(!begins.is_done());
    go.send(()).unwrap();
    assert_scan(
        &slow.wait().unwrap(),
        "unchanged none",
        ["turn-1 - model-1 1", "turn-2 - model-1 2"],
    );
}

#[test]
fn a_scan_reports_how_far_it_is() {
    let trace = scanned();
    let running = Scanner::new(trace.path(), Options::default()).start(Request::default());
    while !running.is_finished() {
        std::thread::yield_now();
    }
    let progress = running.progress();
    let stats = running.wait().unwrap().stats;
    assert_eq!((progress.rows, progress.body_bytes), (stats.rows_examined, stats.body_bytes));
    assert_eq!(progress.permille, 1000);
}

/// Rows of a batch that leaves exactly one turn in the database, whose time is the highest id.
fn step(number: i64) -> [RowSpec; 2] {
    let turn = number % 7;
    let rows = [
        format!("noise turn=0 thread=2 at={}", number * 2 - 1),
        format!("tags turn={turn} thread=1 model={turn} at={}", number * 2),
    ];
    rows.map(|row| row.parse().unwrap())
}

/// Another thread, through a separate connection, appends and prunes without pause.
#[test]
fn a_scan_beside_a_writer_sees_one_state_of_the_database() {
    let mut trace = Trace::new();
    // Rows that stay; their number is even, so that the arithmetic of the steps holds.
    trace.append_all(&noise(20));
    trace.close();
    let base = 10;
    let path = trace.path();
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let (started, has_started) = mpsc::channel();
    let writer = std::thread::spawn(move || {
        // Of each thread one row stays; the filler's thread is never touched again.
        let retention = Retention { rows: 1, bytes: i64::MAX };
        let mut log =
            TraceLog::open_with(path, LogOptions { retention, ..LogOptions::default() }).unwrap();
        let mut number = base;
        while !over.load(Ordering::Relaxed) {
            number += 1;
            let rows = step(number).map(|row| row.build(number));
            log.insert_batch(&rows.each_ref().map(tracerig_store::OwnedRow::as_row)).unwrap();
            if number == base + 1 {
                started.send(()).unwrap();
            }
            if number % 64 == 0 {
                log.checkpoint_passive().unwrap();
            }
        }
    });
    has_started.recv().unwrap();
    let without = Options { memo: MemoPlace::Disabled, ..trace.options.clone() };
    let mut last = 0;
    for number in 0..300 {
        let scan = match number % 3 {
            0 => Scanner::new(trace.path(), without.clone()).scan(&Request::default()).unwrap(),
            _ => trace.relaunch(),
        };
        let cursor = scan.stats.cursor;
        let turn = cursor / 2 % 7;
        assert_eq!(
            turns(&scan),
            [format!("turn-{turn} thread-1 model-{turn} {cursor}")],
            "{}",
            way(&scan)
        );
        assert!(cursor >= last, "a later scan sees an older state");
        let expected: &[&str] = if number % 3 == 0 {
            &["full disabled"]
        } else {
            &["incremental none", "unchanged none", "full absent"]
        };
        assert!(expected.contains(&way(&scan).as_str()), "{}", way(&scan));
        last = cursor;
    }
    is_over.store(true, Ordering::Relaxed);
    writer.join().unwrap();
}

/// Each state of the database holds the same number of facts, the lowest and the highest ids apart:
/// a scan that put together two states would count one too many or too few.
#[test]
fn a_scan_through_several_connections_beside_a_writer_sees_one_state_of_the_database() {
    const FACTS: usize = 400;
    let mut trace = Trace::new();
    let fact = |at: i64| {
        format!("tags turn={} thread=1 model=1 at={at}", at % 7).parse::<RowSpec>().unwrap()
    };
    trace.append_all(&(0..FACTS as i64).map(fact).collect::<Vec<_>>());
    // Files of eight megabytes and more are read through several connections.
    trace.append_all(&noise(1600));
    trace.close();
    // The more connections, the longer it takes until all have begun.
    trace.options.connections = 8.try_into().unwrap();
    trace.options.memo = MemoPlace::Disabled;
    assert_eq!(trace.relaunch().stats.connections, 8);

    let is_over = Arc::new(AtomicBool::new(false));
    let (over, path) = (Arc::clone(&is_over), trace.path());
    let writer = std::thread::spawn(move || {
        // Without the store, whose retention would take most of the time: the commits have to come
        // fast.
        let connection = Connection::open(path).unwrap();
        connection.execute_batch("PRAGMA synchronous = OFF").unwrap();
        let columns = &tracerig_store::schema::COLUMNS[1..].join(", ");
        let copy = format!("INSERT INTO logs ({columns}) SELECT {columns} FROM logs WHERE id = ?1");
        let mut copy = connection.prepare(&copy).unwrap();
        let mut delete = connection.prepare("DELETE FROM logs WHERE id = ?1").unwrap();
        let mut ids: VecDeque<i64> = (1..=FACTS as i64).collect();
        while !over.load(Ordering::Relaxed) {
            // One fact comes and the oldest goes, in one transaction.
            let oldest = ids.pop_front().unwrap();
            connection.execute_batch("BEGIN IMMEDIATE").unwrap();
            ids.push_back(copy.insert([oldest]).unwrap());
            delete.execute([oldest]).unwrap();
            connection.execute_batch("COMMIT").unwrap();
        }
    });
    let counts: Vec<u64> = (0..60).map(|_| trace.relaunch().stats.facts).collect();
    is_over.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    assert!(counts.iter().all(|count| *count == FACTS as u64), "{counts:?}");
}

#[test]
fn several_connections_find_what_one_finds() {
    let mut trace = Trace::new();
    for turn in 0..7 {
        trace.append_all(&noise(230));
        trace.append(&format!(
            "request turn={turn} model={turn} at={turn} | completion turn={turn} model=9 at=1"
        ));
    }
    trace.sql("DELETE FROM logs WHERE id % 5 = 0 AND target = 'log'");
    trace.close();
    trace.options.memo = MemoPlace::Disabled;
    trace.options.connections = 1.try_into().unwrap();
    let one = trace.relaunch();
    trace.options.connections = 3.try_into().unwrap();
    let three = trace.relaunch();
    assert_eq!((one.stats.connections, three.stats.connections), (1, 3));
    assert_eq!(one.turns, three.turns);
    assert_eq!(one.turns.len(), 7);
    let counts = |scan: &tracerig_scanner::Scan| {
        let stats = scan.stats;
        (stats.rows_examined, stats.body_bytes, stats.facts, stats.completions, stats.cursor)
    };
    assert_eq!(counts(&one), counts(&three));
}
