//! Thousands of random histories, and the kept ones: every scan right, as cheap as it can be, and nothing else touched.
//!
//! The same histories each time. To look further, use `tracerig diff trace`; it also executes a single one (`--replay`).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

use std::num::NonZeroUsize;
use std::path::Path;

use tempfile::TempDir;
use tracerig_harness::diff::{Job, Limits, Report, Shard, Share, Trace, kept, search};

const HISTORIES: u64 = 3000;

/// Searches; fails with what is found, each failure with its history.
fn expect_nothing(change: impl FnOnce(&mut Job<Trace>)) -> Report {
    let keep = TempDir::new().unwrap();
    let mut job = Job {
        subject: Trace { processes: Share::one_in(60), ..Trace::new(env!("CARGO_BIN_EXE_tracerig").into()) },
        seed: 1,
        ops: 20,
        limits: Limits { cases: Some(HISTORIES), time: None },
        jobs: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        shard: Shard::WHOLE,
        corpus: Vec::new(),
        keep: keep.path().to_owned(),
    };
    change(&mut job);
    let report = search(&job, &mut |_| {}).unwrap();
    if !report.found.is_empty() {
        // Kept for whoever reads this.
        let folder = keep.keep();
        let told = |found: &tracerig_harness::diff::Found| {
            format!(
                "{}: {}\n{}\n{}\n{}\n",
                found.kind, found.origin, found.detail, found.history, found.replay
            )
        };
        let all: Vec<String> = report.found.iter().map(told).collect();
        panic!("{} histories fail; see {}\n\n{}", report.failed, folder.display(), all.join("\n"));
    }
    report
}

#[test]
fn random_histories_are_right_and_cheap() {
    let report = expect_nothing(|_| {});
    assert_eq!((report.random, report.operations), (HISTORIES, HISTORIES * 20));
    // What is never exercised is not tested.
    for what in [
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
    ] {
        let count = report.exercised.get(what).copied().unwrap_or_default();
        assert!(count >= 20, "hardly ever: {what}\n{:#?}", report.exercised);
    }
}

#[test]
fn kept_histories_are_right_and_cheap() {
    let corpus = kept::files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/trace")).unwrap();
    assert!(corpus.len() >= 7, "the corpus is not where it should be");
    let report = expect_nothing(|job| {
        job.corpus.clone_from(&corpus);
        job.limits.cases = Some(0);
    });
    assert_eq!(report.kept, corpus);
}
