//! The stages of the published scanner: each is wrong where its mistake lies, and nowhere else.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::Value;

use crate::common::program::{Program, Ran, text};

/// Every stage applies a window to what it remembers, and answers nothing where it can read
/// nothing.
const ALL: [&str; 8] = [
    "answers/window-model",
    "answers/window-order",
    "bad-input/empty-file",
    "bad-input/no-column",
    "bad-input/no-file",
    "bad-input/no-table",
    "bad-input/rubbish",
    "relaunch/window-late",
];

/// Of a file with the inode of the one before, the memo is believed.
const INODE: [&str; 3] = ["relaunch/recreated", "relaunch/restored", "relaunch/restored-rows"];

/// What a stage fails beside [`ALL`].
const STAGES: [(&str, &[&str]); 4] = [
    ("memory", &[]),
    (
        "persisted",
        &[
            "relaunch/recreated",
            "relaunch/restored",
            "relaunch/restored-rows",
            "relaunch/reused-ids",
        ],
    ),
    ("one-anchor", &["relaunch/restored-rows"]),
    ("four-anchors", &["relaunch/restored-rows"]),
];

/// The cases that are about something else than reading a row.
const BEYOND_ROWS: [&str; 6] = [
    "trace/answers/window-model",
    "trace/answers/window-order",
    "trace/answers/window-evidence",
    "trace/relaunch",
    "trace/bad-input",
    "trace/cancel-kill",
];

/// Whether a file that is created where another one was removed gets its inode.
fn reuses_inodes(folder: &Path) -> bool {
    let path = folder.join("inode");
    let created = || {
        std::fs::write(&path, "x").unwrap();
        let inode = path.metadata().unwrap().ino();
        std::fs::remove_file(&path).unwrap();
        inode
    };
    created() == created()
}

#[test]
fn each_stage_of_the_published_scanner_fails_where_its_mistake_lies() {
    let program = Program::new();
    let folder = program.path("tmp");
    std::fs::create_dir(&folder).unwrap();
    let reuses = reuses_inodes(&folder);
    for (stage, own) in STAGES {
        let name = format!("history/{stage}");
        let mut words = vec!["candidate", "check", &name, "--histories", "0", "--format", "json"];
        if stage != "persisted" {
            // Every stage reads rows by the same code.
            words.extend(BEYOND_ROWS.iter().flat_map(|case| ["--case", *case]));
        }
        let ran = Ran::of(&program.command(&words).env("TMPDIR", &folder).output().unwrap());
        assert_eq!(ran.code, Some(3), "{ran:?}");
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        let levels = report[0]["levels"].as_array().unwrap().iter();
        assert!(levels.clone().all(|level| level["not_run"] == 0), "{report:#}");
        let failures = levels.flat_map(|level| level["failures"].as_array().unwrap());
        let case = |failure: &Value| {
            failure["case"].as_str().unwrap().strip_prefix("trace/").unwrap().to_owned()
        };
        // A bit that flips in a memo without a checksum may hit anything.
        let mut found: BTreeSet<String> =
            failures.map(case).filter(|case| case != "relaunch/memo-flipped").collect();
        // Other tests may have taken the inode.
        let again = |case: &str| {
            let case = format!("trace/{case}");
            let words = ["candidate", "check", &name, "--histories", "0", "--case", &case];
            let ended = || program.command(&words).env("TMPDIR", &folder).output().unwrap();
            reuses && (0..20).any(|_| Ran::of(&ended()).code == Some(3))
        };
        let missing = own.iter().filter(|case| INODE.contains(case) && !found.contains(**case));
        let missing: Vec<&str> = missing.copied().filter(|case| again(case)).collect();
        found.extend(missing.into_iter().map(str::to_owned));
        let is_due = |case: &&str| {
            let remembers = stage != "memory" || *case != "relaunch/window-late";
            remembers && (reuses || !INODE.contains(case))
        };
        let due = ALL.iter().chain(own).copied().filter(is_due).map(str::to_owned).collect();
        assert_eq!(found, due, "{stage}");
    }
}

#[test]
fn a_memo_in_memory_is_wrong_in_a_process_that_lives_on() {
    let program = Program::new();
    let file = program.path("pruned.txt");
    let history = "append noise turn=0 at=1 | request turn=1 at=2 | noise turn=0 at=3\n\
                   relaunch\n\
                   delete marked\n\
                   relaunch\n";
    std::fs::write(&file, history).unwrap();
    let replay = |stage: &str, code| {
        let name = format!("history/{stage}");
        program.diff("trace", &["--candidate", &name, "--replay", text(&file)], code)
    };
    let ran = replay("memory", 3);
    assert!(ran.out.contains("MISMATCH stale"), "{}", ran.out);
    replay("persisted", 0);
}
