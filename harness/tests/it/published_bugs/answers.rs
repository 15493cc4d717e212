//! Which rows make the answer.

use tracerig_differential::trace::EPOCH;
use tracerig_published::trace as published;
use tracerig_scanner::{BUSY_TIMEOUT, Window};

use crate::common::trace::{Trace, assert_scan, turns};

// 6. A moving window was compared with the winning row of the memo, not against every row; a wider
//    one forced a scan.

#[test]
fn bug_06_a_window_is_held_against_every_row_and_moves_for_nothing() {
    let mut trace = Trace::new();
    trace.append("request turn=1 thread=1 model=1 at=10 | request turn=1 thread=2 model=2 at=20");
    assert_scan(&trace.relaunch_in(Some(15), None), "full absent", ["turn-1 thread-2 model-2 20"]);
    assert_scan(
        &trace.relaunch_in(Some(5), Some(15)),
        "unchanged none",
        ["turn-1 thread-1 model-1 10"],
    );
    assert_scan(&trace.relaunch_in(None, None), "unchanged none", ["turn-1 thread-2 model-2 20"]);
    assert_scan(&trace.relaunch_in(Some(21), None), "unchanged none", []);
    assert_scan(
        &trace.relaunch_in(Some(10), Some(20)),
        "unchanged none",
        ["turn-1 thread-1 model-1 10"],
    );
    assert_scan(
        &trace.relaunch_in(Some(20), Some(21)),
        "unchanged none",
        ["turn-1 thread-2 model-2 20"],
    );
}

// 7. Times are not in the order of ids: the last row, outside the window, hid a turn.

#[test]
fn bug_07_a_last_row_outside_the_window_hides_no_turn() {
    let mut trace = Trace::new();
    trace.append("request turn=1 thread=1 model=1 at=50");
    trace.relaunch();
    trace.append("request turn=1 thread=2 model=1 at=5");
    assert_scan(
        &trace.relaunch_in(Some(40), None),
        "incremental none",
        ["turn-1 thread-1 model-1 50"],
    );
    assert_scan(&trace.relaunch_in(None, None), "unchanged none", ["turn-1 thread-2 model-1 5"]);
}

// 9. A query without ORDER BY walked the index of times, newest first: the oldest row won.

#[test]
fn bug_09_the_row_with_the_highest_id_wins() {
    let mut trace = Trace::new();
    // For one turn that is the newest by time, for the other the oldest.
    trace.append("request turn=1 thread=1 model=1 at=30 | request turn=1 thread=2 model=2 at=20");
    trace.append("request turn=2 thread=1 model=1 at=20 | request turn=2 thread=2 model=2 at=30");
    let last = ["turn-1 thread-2 model-2 20", "turn-2 thread-2 model-2 30"];
    assert_scan(&trace.relaunch_in(Some(0), Some(99)), "full absent", last);
    let window = Window { since: Some(EPOCH), until: None };
    let baseline = published::scan(&trace.path(), window, BUSY_TIMEOUT).unwrap();
    // The baseline orders by id too; that it takes `parent_thread_id=` for the thread is as
    // published.
    assert_eq!(turns(&baseline), ["turn-1 none model-2 20", "turn-2 none model-2 30"]);
}

// 11. LIKE stops at a NUL byte, instr does not; what a BLOB matches depends on how SQLite was
//     built.

#[test]
fn bug_11_a_nul_byte_hides_no_marker_and_a_blob_shows_none() {
    let mut trace = Trace::new();
    trace.append(
        "nul turn=1 model=1 at=1 | blob turn=2 at=2 | null turn=3 at=3 | invalid turn=4 at=4",
    );
    assert_scan(&trace.relaunch(), "full absent", ["turn-1 - model-1 1"]);
    trace.append("nul turn=5 model=1 at=5 | blob turn=6 at=6");
    assert_scan(
        &trace.relaunch(),
        "incremental none",
        ["turn-1 - model-1 1", "turn-5 - model-1 5"],
    );
}

// 14. A /fast command was recorded as a turn; fast and inherited tiers were missed; so was every
//     turn of 0.169.

#[test]
fn bug_14_a_fast_command_is_no_turn_but_sets_the_tier() {
    let mut trace = Trace::new();
    trace.append("settings-priority turn=1 thread=1 process=1 at=1");
    assert_scan(&trace.relaunch(), "full absent", []);
    // What the command said is remembered for the turns to come, in the same thread of the same
    // process.
    trace.append(
        "submission-inherit turn=2 thread=1 process=1 at=2 | submission-inherit turn=3 thread=1 \
         process=2 at=3 | submission-inherit turn=4 thread=2 process=1 at=4 | user-turn-inherit \
         turn=5 thread=1 process=1 at=5 | turn-tags turn=2 model=1 at=5 | turn-tags turn=3 model=1 \
         at=5 | turn-tags turn=4 model=1 at=5 | turn-session turn=5 model=1 at=5",
    );
    let found = ["turn-2 thread-1 model-1 2", "turn-5 thread-1 model-1 5"];
    assert_scan(&trace.relaunch(), "incremental none", found);
    trace.append(
        "settings-none turn=1 thread=1 process=1 at=6 | submission-inherit turn=6 thread=1 \
         process=1 at=7 | turn-tags turn=6 model=1 at=8",
    );
    assert_scan(&trace.relaunch(), "incremental none", found);
}

#[test]
fn bug_14_the_fast_tier_and_tags_are_priority() {
    let mut trace = Trace::new();
    trace.append(
        "submission-fast turn=1 thread=1 at=1 | turn-tags turn=1 model=1 at=1 | tags turn=2 \
         thread=2 model=2 at=2 | tags-default turn=3 at=3",
    );
    let found = ["turn-1 thread-1 model-1 1", "turn-2 thread-2 model-2 2"];
    assert_scan(&trace.relaunch(), "full absent", found);
    let baseline = published::scan(&trace.path(), <_>::default(), BUSY_TIMEOUT).unwrap();
    assert_eq!(turns(&baseline), [""; 0], "the baseline misses both, as published");
}

// 15. A message sent while a turn runs was recorded as a turn. Every turn of 0.148 to 0.155 was
//     missed by a scanner that knows two operations only.

#[test]
fn bug_15_a_message_sent_while_a_turn_runs_is_no_turn_but_sets_the_tier() {
    let mut trace = Trace::new();
    trace.append(
        "submission-inherit turn=1 thread=1 process=1 at=1 | turn-session turn=1 at=2 \
         | submission-priority turn=2 thread=1 process=1 at=3 | turn-session turn=1 at=4",
    );
    assert_scan(&trace.relaunch(), "full absent", []);
    trace.append(
        "turn-input-inherit turn=3 thread=1 process=1 at=5 | turn-tags turn=3 model=2 at=6",
    );
    assert_scan(&trace.relaunch(), "incremental none", ["turn-3 thread-1 model-2 5"]);
    let baseline = published::scan(&trace.path(), <_>::default(), BUSY_TIMEOUT).unwrap();
    // The second one says priority behind its settings, where it does not count; the exact text is
    // all that is looked for.
    assert_eq!(turns(&baseline), ["turn-2 none - 3", "turn-3 none - 5"]);
}

#[test]
fn bug_15_the_operations_and_tiers_of_all_versions_are_known() {
    let mut trace = Trace::new();
    trace.append(
        "turn-input-priority turn=1 thread=1 at=1 | context-fast turn=2 thread=2 at=2 | \
         context-flex turn=3 thread=3 at=3 | override-fast turn=4 thread=4 at=4 | \
         submission-inherit turn=5 thread=4 at=5 | override-flex turn=4 thread=4 at=6 | \
         submission-inherit turn=0 thread=4 at=7",
    );
    trace.append(
        "turn-tags turn=1 at=8 | turn-tags turn=2 at=8 | turn-tags turn=3 at=8 | turn-tags turn=5 \
         at=8 | turn-tags turn=0 at=8",
    );
    let found = ["turn-1 thread-1 - 1", "turn-2 thread-2 - 2", "turn-5 thread-4 - 5"];
    assert_scan(&trace.relaunch(), "full absent", found);
}
