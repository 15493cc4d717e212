//! The sink: batches, the barrier, the interval without a clock, and rows dropped rather than
//! waited for.

use rusqlite::Connection;
use tracerig_store::{
    Body, Error, Interval, LogOptions, LogRow, LogSink, OwnedRow, SinkOptions, TraceLog,
};

fn row(ts: i64) -> OwnedRow {
    LogRow {
        ts,
        target: "log",
        body: Body::Text(b"x"),
        process_uuid: Some("p"),
        ..LogRow::default()
    }
    .to_owned_row()
}

fn count(path: &std::path::Path) -> i64 {
    Connection::open(path)
        .unwrap()
        .query_row("SELECT count(*) FROM logs", [], |row| row.get(0))
        .unwrap()
}

#[test]
fn rows_go_in_batches_and_a_flush_is_a_barrier() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs");
    let options = SinkOptions { queue: 512, batch: 128, interval: Interval::Manual };
    let sink = LogSink::start(TraceLog::open(&path).unwrap(), options).unwrap();
    for ts in 0..300 {
        assert!(sink.push(row(ts)));
    }
    sink.flush().unwrap();
    assert_eq!(count(&path), 300);
    sink.push(row(300));
    let statistics = sink.close().unwrap();
    assert_eq!(count(&path), 301, "closing writes what is queued");
    assert_eq!((statistics.inserted, statistics.batches, statistics.dropped), (301, 4, 0));
}

#[test]
fn a_tick_writes_an_unfinished_batch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs");
    let sink = LogSink::start(
        TraceLog::open(&path).unwrap(),
        SinkOptions { interval: Interval::Manual, ..SinkOptions::default() },
    )
    .unwrap();
    sink.push(row(1));
    sink.tick().unwrap();
    sink.push(row(2));
    sink.tick().unwrap();
    sink.tick().unwrap();
    assert_eq!(sink.close().unwrap().batches, 2, "a tick without rows writes nothing");
}

#[test]
fn the_interval_writes_without_being_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs");
    let interval = Interval::Every(std::time::Duration::from_millis(1));
    let sink = LogSink::start(
        TraceLog::open(&path).unwrap(),
        SinkOptions { interval, ..SinkOptions::default() },
    )
    .unwrap();
    sink.push(row(1));
    while count(&path) == 0 {
        std::thread::yield_now();
    }
    assert_eq!(sink.close().unwrap().inserted, 1);
}

#[test]
fn a_full_queue_drops_and_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs");
    let log = TraceLog::open(&path).unwrap();
    let holder = Connection::open(&path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let sink = LogSink::start(log, SinkOptions { queue: 4, batch: 1, interval: Interval::Manual })
        .unwrap();
    let accepted = (0..50).filter(|ts| sink.push(row(*ts))).count();
    // Four wait, and the writer may hold one.
    assert!((4..=5).contains(&accepted), "{accepted}");
    holder.execute_batch("COMMIT").unwrap();
    let statistics = sink.close().unwrap();
    assert_eq!((statistics.inserted, statistics.dropped), (accepted as u64, 50 - accepted as u64));
}

#[test]
fn a_writer_that_fails_says_so_at_the_close() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs");
    let log = TraceLog::open_with(
        &path,
        LogOptions { busy_timeout: std::time::Duration::ZERO, ..LogOptions::default() },
    )
    .unwrap();
    let holder = Connection::open(&path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let sink = LogSink::start(log, SinkOptions::default()).unwrap();
    sink.push(row(1));
    assert!(matches!(sink.flush(), Err(Error::SinkGone { .. })));
    // The queue outlives the writer by a moment, and would be full at last.
    while sink.push(row(2)) {}
    assert_eq!(sink.dropped(), 1);
    assert!(matches!(sink.close(), Err(Error::Locked { .. })));
}
