//! A full scan costs what the rows in the database cost, however large the file and however high
//! the ids.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::num::NonZeroUsize;
use std::path::Path;

use rusqlite::Connection;
use tracerig_scanner::{Options, Request, Scan, Scanner};
use tracerig_store::{Body, LogOptions, LogRow, Retention, TraceLog};

/// Bytes that this thread has read by system calls, where the system counts them.
fn bytes_read() -> Option<u64> {
    let account = std::fs::read_to_string("/proc/thread-self/io").ok()?;
    account.lines().find_map(|line| line.strip_prefix("rchar: ")?.parse().ok())
}

/// A full scan, and what it read of the file.
fn full(path: &Path, connections: usize) -> (Scan, Option<u64>) {
    let connections = NonZeroUsize::new(connections).unwrap();
    let scanner = Scanner::new(path, Options { connections, ..Options::default() });
    let before = bytes_read();
    let scan = scanner.scan(&Request::default()).unwrap();
    (scan, bytes_read().zip(before).map(|(after, before)| after - before))
}

fn pages(path: &Path) -> (u64, u64) {
    TraceLog::open(path).unwrap().pages().unwrap()
}

#[test]
fn free_pages_and_unused_ids_cost_a_full_scan_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (path, dense) = (folder.path().join("logs_2.sqlite"), folder.path().join("dense.sqlite"));
    let retention = Retention { rows: usize::MAX, bytes: i64::MAX };
    let mut log =
        TraceLog::open_with(&path, LogOptions { retention, ..LogOptions::default() }).unwrap();
    let noise = "session_loop{thread_id=t}: nothing ".repeat(150);
    let tags = format!(
        "turn{{turn.id=u}}: model=m tags_json={{\"service_tier\":\"priority\",\"pad\":\"{noise}\"}}"
    );
    for batch in 0..40 {
        if batch == 20 {
            // Rows that came and went between the others.
            log.raise_sequence(427_582_000).unwrap();
        }
        let row = |at: i64| {
            let (target, body) =
                if at % 50 == 3 { ("feedback_tags", &tags) } else { ("log", &noise) };
            LogRow {
                ts: batch,
                ts_nanos: at,
                target,
                body: Body::Text(body.as_bytes()),
                ..LogRow::default()
            }
        };
        log.insert_batch(&(0..100).map(row).collect::<Vec<_>>()).unwrap();
    }
    drop(log);
    let connection = Connection::open(&path).unwrap();
    // Three rows of four, all over the table.
    connection.execute("DELETE FROM logs WHERE id % 4 <> 0", []).unwrap();
    connection.execute("VACUUM INTO ?1", [dense.to_str().unwrap()]).unwrap();
    drop(connection);

    let (all, free) = pages(&path);
    let (all_dense, free_dense) = pages(&dense);
    assert!(
        free * 100 / all >= 70 && free_dense == 0,
        "{free} of {all}, {free_dense} of {all_dense}"
    );
    for connections in [1, 2, 4] {
        let ((sparse, read), (dense, read_dense)) =
            (full(&path, connections), full(&dense, connections));
        let counts = |scan: &Scan| {
            let stats = scan.stats;
            (stats.rows_examined, stats.body_bytes, stats.facts, stats.cursor)
        };
        assert_eq!(sparse.turns, dense.turns);
        assert_eq!(counts(&sparse), counts(&dense));
        assert!(sparse.stats.rows_examined == 1000 && sparse.stats.facts > 0);
        assert!(sparse.stats.db_bytes > 3 * dense.stats.db_bytes);
        // A bounded number of ranges, each with a constant number of steps to begin it.
        let steps = sparse.stats.vm_steps;
        assert!(steps < 20 * 1000 + 64 * 4 * 20, "{steps} steps for 1,000 rows");
        if sparse.stats.connections == 1 {
            let (read, read_dense) = read.zip(read_dense).unwrap_or_else(|| {
                eprintln!("this system does not count what a thread reads: pages are not compared");
                (0, 0)
            });
            let live = (all - free) * 4096;
            // Pages of the tree that lost most of their rows stay, half empty.
            assert!(
                read <= live + live / 10,
                "{read} bytes read, {live} in use, {read_dense} when dense"
            );
        }
    }
}
