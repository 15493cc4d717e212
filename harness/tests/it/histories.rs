//! Thousands of random histories, and the kept ones: every scan right, as cheap as it can be, and
//! nothing else touched.
//!
//! The same histories each time. To look further, use `tracerig diff trace`; it also executes a
//! single one (`--replay`).

use crate::common::program::history_child;
use crate::common::search::{assert_exercised, expect_nothing, expect_nothing_kept};
use tracerig_differential::share::Share;
use tracerig_differential::trace::Trace;

const HISTORIES: u64 = 3000;

fn subject() -> Trace {
    Trace { processes: Share::one_in(60), ..Trace::new(history_child()) }
}

#[test]
fn random_histories_are_right_and_cheap() {
    let report = expect_nothing(subject(), HISTORIES);
    let all = [
        "mode full",
        "mode incremental",
        "mode unchanged",
        "reason absent",
        "reason forced",
        "reason artifact",
        "reason producer",
        "reason schema",
        "reason identity",
        "reason shrink",
        "reason anchors",
        "several connections",
        "memo dropped for another's",
        "scans by another process meanwhile",
        "another process died",
        "scans by another process that waited",
        "relaunches in a process of their own",
        "races",
        "racing scans",
        "step failed",
        "cancelled",
    ];
    assert_exercised(&report, 20, &all);
}

#[test]
fn kept_histories_are_right_and_cheap() {
    expect_nothing_kept(subject(), "trace", 7);
}
