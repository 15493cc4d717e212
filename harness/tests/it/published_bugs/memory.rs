//! What a memo remembers, and what it has to do without.

use tracerig_differential::trace::RowSpec;
use tracerig_scanner::Request;

use crate::common::trace::{Trace, assert_scan, turns, way};

// 2. Retention deleted a remembered request: its turn stayed.

#[test]
fn bug_02_a_turn_goes_with_the_request_that_retention_takes() {
    let mut trace = Trace::new();
    trace.retention.rows = 3;
    trace.close();
    trace.append("request turn=1 thread=1 model=1 at=1 | request turn=2 thread=2 model=1 at=2");
    assert_eq!(turns(&trace.relaunch()).len(), 2);
    trace.append(
        "noise turn=0 thread=1 at=3 | noise turn=0 thread=1 at=4 | noise turn=0 thread=1 at=5",
    );
    let scan = trace.relaunch();
    assert_scan(&scan, "incremental none", ["turn-2 thread-2 model-1 2"]);
    assert_eq!(scan.stats.rows_examined, 3);
}

#[test]
fn bug_02_a_turn_goes_with_its_request_though_nothing_was_appended() {
    let mut trace = Trace::new();
    trace.append("request turn=1 model=1 at=1 | request turn=2 model=1 at=2 | noise turn=0 at=3");
    trace.relaunch();
    trace.sql("DELETE FROM logs WHERE id = 1");
    assert_scan(&trace.relaunch(), "unchanged none", ["turn-2 - model-1 2"]);
    let before = std::fs::read(trace.memo()).unwrap();
    assert_scan(&trace.relaunch(), "unchanged none", ["turn-2 - model-1 2"]);
    assert!(std::fs::read(trace.memo()).unwrap() == before, "dropped once, the fact is gone");
}

// 3. Retention deleted the anchor row: a full scan at every launch.

#[test]
fn bug_03_a_missing_anchor_forces_nothing() {
    let mut trace = Trace::new();
    trace.append(
        "noise turn=0 at=1 | request turn=1 model=1 at=2 | noise turn=0 at=3 | noise turn=0 at=4",
    );
    trace.relaunch();
    trace.append("noise turn=0 at=5");
    // The last scanned row, and the first; then all rows that are no fact.
    trace.sql("DELETE FROM logs WHERE id IN (1, 4)");
    let scan = trace.relaunch();
    assert_scan(&scan, "incremental none", ["turn-1 - model-1 2"]);
    assert_eq!(scan.stats.rows_examined, 1);
    trace.append("noise turn=0 at=6");
    trace.sql("DELETE FROM logs WHERE id NOT IN (2, 6)");
    assert_scan(&trace.relaunch(), "incremental none", ["turn-1 - model-1 2"]);
    assert_scan(&trace.relaunch(), "unchanged none", ["turn-1 - model-1 2"]);
}

/// Ids say nothing of how many rows there are: anchors chosen by them would all be the one row
/// above the gap.
#[test]
fn bug_03_the_loss_of_the_rows_above_a_gap_in_the_ids_forces_nothing() {
    let noise = |count| vec!["noise turn=0 at=1".parse().unwrap(); count];
    for connections in [1_usize, 2] {
        let mut trace = Trace::new();
        trace.options.connections = connections.try_into().unwrap();
        trace.options.large_from_bytes = 0;
        trace.append_all(&noise(100));
        trace.sql("UPDATE sqlite_sequence SET seq = 427582857 WHERE name = 'logs'");
        trace.append_all(&noise(1));
        let scan = trace.relaunch();
        assert_eq!(
            (way(&scan).as_str(), scan.stats.connections),
            ("full absent", connections as u32)
        );
        trace.append_all(&noise(1));
        trace.sql("DELETE FROM logs WHERE id = 427582858");
        assert_scan(&trace.relaunch(), "incremental none", []);

        // What is gone is replaced by what was appended, until there are eight again.
        trace.append_all(&noise(20));
        trace.sql("DELETE FROM logs WHERE id <= 427582859");
        assert_scan(&trace.relaunch(), "full anchors", []);
        trace.append_all(&noise(20));
        trace.sql("DELETE FROM logs WHERE id < 427582879");
        assert_scan(&trace.relaunch(), "incremental none", []);
        trace.append_all(&noise(1));
        trace.sql("DELETE FROM logs WHERE id <= 427582879 OR id = 427582899");
        assert_scan(&trace.relaunch(), "incremental none", []);
    }
}

#[test]
fn bug_03_when_nothing_remembered_is_left_one_full_scan_is_enough() {
    let mut trace = Trace::new();
    trace.append("request turn=1 model=1 at=1 | noise turn=0 at=2");
    trace.relaunch();
    trace.append("request turn=2 model=1 at=3");
    trace.sql("DELETE FROM logs WHERE id < 3");
    assert_scan(&trace.relaunch(), "full anchors", ["turn-2 - model-1 3"]);
    assert_scan(&trace.relaunch(), "unchanged none", ["turn-2 - model-1 3"]);
}

// 4. Remembered rows were looked up for existence only: a changed row was trusted.

#[test]
fn bug_04_a_remembered_row_that_changed_is_not_trusted() {
    for change in [
        "ts = ts + 1",
        "ts_nanos = ts_nanos + 1",
        "target = 'log'",
        "feedback_log_body = feedback_log_body || ' '",
        "feedback_log_body = replace(feedback_log_body, 'turn.id=turn-1', 'turn.id=turn-7')",
        "feedback_log_body = CAST(feedback_log_body AS BLOB)",
    ] {
        let mut trace = Trace::new();
        // Its neighbours are the anchors' business; with this many rows the request is none.
        trace.append("request turn=3 model=1 at=0");
        trace.append_all(&vec!["noise turn=0 at=1".parse::<RowSpec>().unwrap(); 15]);
        trace.append("completion turn=1 model=1 at=1 | request turn=1 model=2 at=2");
        trace.append_all(&vec!["noise turn=0 at=3".parse::<RowSpec>().unwrap(); 400]);
        trace.relaunch();
        trace.sql(&format!("UPDATE logs SET {change} WHERE id = 18"));
        let scan = trace.relaunch();
        let full = trace.try_relaunch(&Request { rescan: true, ..Request::default() }).unwrap();
        assert_eq!((way(&scan).as_str(), turns(&scan)), ("full facts", turns(&full)), "{change}");
    }
}

// 5. At most 4,096 completions without a request were kept, so that the result depended on rows
//    long gone.

#[test]
fn bug_05_pending_completions_are_remembered_without_limit() {
    const COUNT: usize = 5000;
    let mut trace = Trace::new();
    let completion =
        |at| -> RowSpec { format!("completion turn=9 model=2 at={at}").parse().unwrap() };
    trace.append("completion turn=1 model=1 at=0 | completion turn=2 model=2 at=0");
    trace.append_all(&(1..=COUNT as i64).map(completion).collect::<Vec<_>>());
    let scan = trace.relaunch();
    assert_eq!((scan.stats.completions, scan.turns.len()), (COUNT as u64 + 2, 0));
    // One of the two oldest is pruned before anything makes it matter.
    trace.sql("DELETE FROM logs WHERE id = 2");
    trace.append("request turn=1 model=3 at=9000 | request turn=2 model=3 at=9001");
    let scan = trace.relaunch();
    assert_scan(&scan, "incremental none", ["turn-1 - model-1 9000", "turn-2 - model-3 9001"]);
    assert_eq!(scan.stats.rows_examined, 2);
}
