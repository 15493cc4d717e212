//! Random histories of session archives, and the kept ones: every refresh right, and nothing read or written that need not be.
//!
//! The same histories each time. To look further, use `tracerig diff archive`; it also executes a single one (`--replay`).

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tracerig_harness::ablations::{Search, archive_rules, archive_witness, look};
use tracerig_harness::diff::{Archives, Job, Limits, Report, Shard, kept, search};
use tracerig_scanner::archive::Ablation;

/// About three seconds of two cores.
const HISTORIES: u64 = 700;

/// Operations of a witness, at most: a person has to see at once what it is about.
const OPERATIONS: usize = 8;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/archive")
}

fn jobs() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Searches; fails with what is found, each failure with its history.
fn expect_nothing(cases: u64, corpus: Vec<PathBuf>) -> Report {
    let keep = TempDir::new().unwrap();
    let job = Job {
        subject: Archives::default(),
        seed: 1,
        ops: 20,
        limits: Limits { cases: Some(cases), time: None },
        jobs: jobs(),
        shard: Shard::WHOLE,
        corpus,
        keep: keep.path().to_owned(),
    };
    let report = search(&job, &mut |_| {}).unwrap();
    let told =
        report.found.iter().map(|found| format!("{}\n{}\n{}", found.kind, found.detail, found.history));
    let told: Vec<String> = told.collect();
    assert!(told.is_empty(), "{} histories fail\n\n{}", report.failed, told.join("\n"));
    report
}

#[test]
fn random_histories_are_right_and_cheap() {
    let report = expect_nothing(HISTORIES, Vec::new());
    assert_eq!((report.random, report.operations), (HISTORIES, HISTORIES * 20));
    // What is never exercised is not tested.
    for what in [
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
        "files gone",
        "files stale",
        "memo is damaged",
        "memo a part of the memo is damaged",
        "memo another archive",
        "memo another format version",
        "memo another version of the parser",
    ] {
        let count = report.exercised.get(what).copied().unwrap_or_default();
        assert!(count >= 10, "hardly ever: {what}\n{:#?}", report.exercised);
    }
}

#[test]
fn kept_histories_are_right_and_cheap() {
    let corpus = kept::files(&corpus()).unwrap();
    assert!(corpus.len() >= 5, "the corpus is not where it should be");
    assert_eq!(expect_nothing(0, corpus.clone()).kept, corpus);
}

#[test]
fn each_rule_has_a_witness_that_goes_wrong_without_it_and_only_then() {
    let none = Search { seed: 1, ops: 20, cases: Some(0), time: None };
    let rows = look(&archive_rules(), none, jobs(), &|_| {}).unwrap();
    assert_eq!(rows.len(), Ablation::ALL.len());
    let silent: Vec<_> =
        rows.iter().filter(|row| !row.is_caught()).map(|row| (row.name, &row.trouble)).collect();
    assert!(silent.is_empty(), "{silent:#?}");
    for row in rows {
        let shown = row.witness.unwrap();
        println!("{:<20} {} {} {:?}", row.name, shown.operations, shown.kind, shown.wrong_answer);
        assert!(shown.operations <= OPERATIONS, "{}: {}", row.name, shown.history);
    }
}

#[test]
fn each_witness_says_whose_it_is_and_the_program_has_all_that_are_kept() {
    let names: BTreeSet<String> = Ablation::ALL.iter().map(|ablation| format!("{ablation}.txt")).collect();
    let folder = corpus().join("witnesses");
    let kept =
        std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(kept.collect::<BTreeSet<_>>(), names);
    for ablation in Ablation::ALL {
        let text = archive_witness(ablation).unwrap_or_else(|| panic!("no witness of {ablation}"));
        assert_eq!(text.lines().next(), Some(format!("# ablate: {ablation}").as_str()));
        assert_eq!(text, std::fs::read_to_string(folder.join(format!("{ablation}.txt"))).unwrap());
    }
}
