//! Random histories of session archives, and the kept ones: every refresh right, and nothing read
//! or written that need not be.
//!
//! The same histories each time. To look further, use `tracerig diff archive`; it also executes a
//! single one (`--replay`).

use crate::common::search::{assert_exercised, expect_nothing, expect_nothing_kept};
use tracerig_differential::archive::Archives;

/// About three seconds of two cores.
const HISTORIES: u64 = 700;

#[test]
fn random_histories_are_right_and_cheap() {
    let report = expect_nothing(Archives::default(), HISTORIES);
    let all = [
        "append",
        "tear",
        "mend",
        "cut",
        "truncate",
        "replace",
        "overwrite",
        "rewrite",
        "move",
        "copy",
        "fork",
        "segment",
        "migrate",
        "compress",
        "decompress",
        "pack",
        "damage",
        "link",
        "hard-link",
        "link-folder",
        "delete",
        "restore",
        "block",
        "folder",
        "unblock",
        "root",
        "memo",
        "zone",
        "priority",
        "rescan",
        "refreshes overtaken",
        "nothing read",
        "files unchanged",
        "files continued",
        "files parsed",
        "files moved",
        "files gone",
        "files stale",
        "memo is damaged",
        "memo a part of the memo is damaged",
        "memo another archive",
        "memo is of format version",
        "memo another version of the parser",
    ];
    assert_exercised(&report, 10, &all);
}

#[test]
fn kept_histories_are_right_and_cheap() {
    expect_nothing_kept(Archives::default(), "archive", 7);
}
