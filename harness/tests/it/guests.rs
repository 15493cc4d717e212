//! Candidates of others that runs and comparisons measure: the right ones beside our own arms, the
//! wrong and the faulty ones without a time, each on memos of its own.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tracerig_reports::Record;
use tracerig_reports::record::{Sample, SampleState, Status};

use crate::common::at_once;
use crate::common::program::{Program, Ran, text};

const OWN: &str = env!("CARGO_BIN_EXE_tracerig");

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("candidates").join(name)
}

fn python() -> Option<String> {
    let asked = ["-c", "import sys; print(sys.executable)"];
    let told = std::process::Command::new("python3").args(asked).output().ok()?;
    told.status.success().then(|| String::from_utf8(told.stdout).unwrap().trim().to_owned())
}

/// Our own scanner as a candidate that leaves its name in its memo, and refuses to go on from a
/// memo with another name in it. `more` is run before each answer.
fn marking(program: &Program, name: &str, more: &str) -> String {
    let path = program.path(&format!("marking-{name}"));
    let text = format!(
        r#"#!/bin/sh
read -r request
case $request in *'"memo":"'*)
    after=${{request#*\"memo\":\"}} memo=${{after%%\"*}}
    after=${{request#*\"database\":\"}} database=${{after%%\"*}}
    for mark in "$memo"/mark-*; do
        [ -e "$mark" ] && [ "${{mark##*/}}" != mark-{name} ] && exit 9
    done
    : > "$memo/mark-{name}"
esac
{more}
printf '%s\n' "$request" | '{OWN}' __worker scanner
"#
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("{name}={}", path.display())
}

/// Runs relaunches on the smallest dataset, and reads the record.
fn relaunched(program: &Program, out: &str, words: &[&str]) -> (Ran, Record) {
    let out = program.path(out);
    let own = ["run", "relaunch", "--recipe", "tiny", "--samples", "1", "--out", text(&out)];
    let ran = program.run(&[&own, words].concat());
    let record =
        Record::read(&out.join("record.json")).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    (ran, record)
}

fn of<'r>(record: &'r Record, arm: &str) -> Vec<&'r Sample> {
    let found: Vec<_> = record.samples.iter().filter(|sample| sample.arm == arm).collect();
    assert!(!found.is_empty(), "no sample of {arm}");
    found
}

/// The row of an arm in the table.
fn row<'r>(ran: &'r Ran, arm: &str) -> &'r str {
    ran.out
        .lines()
        .find(|line| line.starts_with(&format!("{arm} ")))
        .unwrap_or_else(|| panic!("{}", ran.out))
}

#[test]
fn right_candidates_are_measured_beside_our_own_arms_each_on_memos_of_its_own() {
    let program = Program::new();
    let [one, other] = ["one", "other"].map(|name| marking(&program, name, ""));
    let words = ["--arms", "floor,warm:hot,unchanged", "--candidate", &one, "--candidate", &other];
    let (ran, record) = relaunched(&program, "out", &words);
    assert!(matches!(ran.code, Some(0 | 5)), "{ran:?}");
    for name in ["one", "other"] {
        let plan = record.plan.candidates.iter().find(|plan| plan.name == name).unwrap();
        assert!(plan.argv[0].ends_with(&format!("marking-{name}")), "{plan:?}");
        assert_eq!(plan.sha256.as_ref().map(String::len), Some(64));
        let label = plan.label();
        assert!(label.starts_with(&format!("{name}@")), "{label}");
        for (arm, mode) in
            [("idle", None), ("warm", Some("incremental")), ("unchanged", Some("unchanged"))]
        {
            for launch in of(&record, &plan.arm(arm)).iter().flat_map(|sample| &sample.launches) {
                assert!(launch.verified && !launch.wall.is_zero(), "{launch:?}");
                assert_eq!(launch.mode.as_deref(), mode);
            }
        }
        let verified = row(&ran, &plan.arm("warm")).split_whitespace().last().unwrap().to_owned();
        let (right, launches) = verified.split_once('/').unwrap();
        assert!(right == launches && right != "0", "{}", ran.out);
    }
    // Both answers are that of our own scanner.
    let digests: std::collections::BTreeSet<_> = record
        .samples
        .iter()
        .filter(|sample| sample.arm.ends_with("warm"))
        .map(|sample| sample.launches[0].answer_digest.clone())
        .collect();
    assert_eq!(digests.len(), 1, "{digests:?}");
    // What the record would run is run only with leave.
    let out = program.path("out");
    let refused = program.run(&["repro", text(&out)]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.err.contains("--allow-command"), "{refused:?}");
    let again = program.run(&["repro", text(&out), "--allow-command", "--counters-only"]);
    assert!(matches!(again.code, Some(0 | 5)), "{again:?}");
}

#[test]
fn the_candidate_in_python_is_measured_in_relaunches_and_refreshes() {
    if python().is_none() {
        return;
    }
    let program = Program::new();
    let (ran, record) =
        relaunched(&program, "out", &["--arms", "floor,full:hot", "--candidate", "python"]);
    assert!(matches!(ran.code, Some(0 | 5)), "{ran:?}");
    assert!(record.plan.candidates[0].ships);
    let label = record.plan.candidates[0].label();
    assert!(of(&record, &format!("{label} full"))[0].launches[0].verified);

    let out = program.path("refresh");
    let words =
        ["run", "refresh", "--recipe", "archive-tiny", "--samples", "1", "--out", text(&out)];
    let own = format!("own={OWN} __worker scanner");
    let more =
        ["--arms", "floor,full,changed,unchanged", "--candidate", "python", "--candidate", &own];
    let ran = program.run(&[&words[..], &more].concat());
    assert!(matches!(ran.code, Some(0 | 5)), "{ran:?}");
    let record = Record::read(&out.join("record.json")).unwrap();
    for (name, arms) in
        [("python", &["idle", "full"][..]), ("own", &["idle", "full", "changed", "unchanged"])]
    {
        let plan = record.plan.candidates.iter().find(|plan| plan.name == name).unwrap();
        for arm in arms {
            let sample = of(&record, &plan.arm(arm))[0];
            // A Python without zstd cannot read compressed rollouts.
            let lacks_zstd = matches!(
                &sample.state,
                SampleState::Excluded { reason } if reason.contains("zstd")
            );
            assert!(sample.launches[0].verified || lacks_zstd, "{name} {arm}: {sample:?}");
        }
    }
}

#[test]
fn a_wrong_candidate_keeps_its_row_and_shows_no_time() {
    let Some(python) = python() else { return };
    let program = Program::new();
    let named = format!("wrong={python} {}", text(&script("wrong.py")));
    let (ran, record) =
        relaunched(&program, "out", &["--arms", "floor,full:hot,window", "--candidate", &named]);
    assert_eq!((ran.code, record.outcome.status), (Some(3), Status::Mismatch), "{ran:?}");
    for sample in of(&record, "wrong@1 window") {
        let SampleState::Mismatch { detail } = &sample.state else { panic!("{sample:?}") };
        assert!(detail.starts_with("stale: "), "{detail}");
    }
    assert!(row(&ran, "wrong@1 window").contains("stale 1 (0/1)"), "{}", ran.out);
    let report = std::fs::read_to_string(program.path("out/report.md")).unwrap();
    let page = program.run(&["report", text(&program.path("out")), "--format", "html"]);
    for arm in ["idle", "full", "window"] {
        let (row, label) = (row(&ran, &format!("wrong@1 {arm}")), format!("wrong@1 {arm}"));
        let rows = report.lines().filter(|line| line.contains(&label) && line.starts_with("| "));
        let cells = rows.filter(|line| line.contains(" ms ") || line.contains(" us "));
        assert_eq!((row.contains(" ms"), cells.count()), (false, 0), "{row}\n{report}");
    }
    assert!(report.contains("none of its times is shown"), "{report}");
    assert_eq!(page.code, Some(0), "{page:?}");
    // Our own arms have their times all the same.
    assert!(row(&ran, "full").contains(" ms"), "{}", ran.out);
}

#[test]
fn each_faulty_candidate_keeps_its_row_with_the_name_of_its_fault() {
    let program = Program::new();
    let hostile = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/candidates/hostile");
    let of_scripts =
        ["crashed", "cut-line", "no-version", "timed-out", "too-much-output", "wrong-id"].map(
            |fault| (fault, format!("x=sh {}/{fault}.sh '{{\"turns\":{{}}}}'", hostile.display())),
        );
    let outside = marking(&program, "x", "[ -z \"$database\" ] || : > \"${database%/*}/cache\"");
    let daemon = marking(&program, "y", "setsid sleep 60 < /dev/null > /dev/null 2>&1 &");
    let others = [("wrote-outside", outside), ("left-a-process", daemon)];
    at_once(of_scripts.into_iter().chain(others), |(fault, named)| {
        let arm = if fault == "no-version" { "full:hot" } else { "warm:hot" };
        let (ran, record) = relaunched(
            &program,
            fault,
            &["--arms", &format!("floor,{arm}"), "--candidate", &named, "--limit", "2s"],
        );
        assert_eq!(
            (ran.code, record.outcome.status),
            (Some(1), Status::Failed),
            "{fault}: {ran:?}"
        );
        let label = record.plan.candidates[0].label();
        let arm = format!("{label} {}", arm.trim_end_matches(":hot"));
        for sample in of(&record, &arm) {
            let SampleState::Failed { error } = &sample.state else {
                panic!("{fault}: {sample:?}")
            };
            assert!(error.starts_with(&format!("{fault}: ")), "{error}");
        }
        let row = row(&ran, &arm);
        assert!(row.contains(&format!("{fault} 1")) && !row.contains(" ms"), "{row}");
    });
}

#[test]
fn two_candidates_are_compared_in_pairs_on_memos_of_their_own() {
    let program = Program::new();
    let [base, new] = ["base", "new"].map(|name| marking(&program, name, ""));
    let compare = |new: &str, more: &[&str]| {
        let words =
            ["compare", "--base-candidate", &base, "--new-candidate", new, "--recipe", "tiny"];
        program.run(&[&words[..], &["--pairs", "1"], more].concat())
    };
    let unproven = compare(&new, &["--arms", "unchanged"]);
    assert_eq!(unproven.code, Some(5), "one pair proves nothing: {unproven:?}");
    let same = compare(&new, &["--counters-only", "--format", "json"]);
    assert_eq!(same.code, Some(0), "{same:?}");
    for word in ["\"full\"", "\"warm\"", "\"unchanged\"", "marking-base", "marking-new"] {
        assert!(same.out.contains(word), "{word}: {}", same.out);
    }
    if let Some(python) = python() {
        let wrong = format!("wrong={python} {}", text(&script("wrong.py")));
        let ran = compare(&wrong, &["--arms", "window"]);
        assert_eq!(ran.code, Some(3), "{ran:?}");
        assert!(ran.err.contains("stale"), "{ran:?}");
    }
    let unknown = compare(&new, &["--arms", "lukewarm"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
}

#[test]
fn a_candidate_that_cannot_be_measured_is_refused_in_words() {
    let program = Program::new();
    let twice = format!("own={OWN} __worker scanner");
    let run =
        |words: &[&str]| program.run(&[&["run", "relaunch", "--recipe", "tiny"], words].concat());
    let refused = run(&["--candidate", &twice, "--candidate", &twice]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.err.contains("two candidates are called `own`"), "{refused:?}");
    for (words, code) in [
        (&["--candidate", "nobody"][..], 2),
        (&["--candidate", &twice, "--arms", "floor"], 2),
        (&["--candidate", "mine=@nowhere.toml"], 1),
        (&["--candidate", "mine='"], 2),
        (&["--limit", "3s"], 2),
    ] {
        assert_eq!(run(words).code, Some(code), "{words:?}");
    }
}

/// A build whose memos are of another kind: a byte longer, so that no other build believes them.
fn with_memos_of_its_own(program: &Program) -> PathBuf {
    let path = program.path("other-memos");
    let text = format!(
        r#"#!/bin/sh
[ "$1" = __worker ] && [ "$2" = scanner ] || exec '{OWN}' "$@"
read -r request
memo=
case $request in *'"memo":"'*)
    after=${{request#*\"memo\":\"}} memo=${{after%%\"*}}/trace
esac
if [ -n "$memo" ] && [ -e "$memo" ]; then
    [ "$(tail -c 1 "$memo")" = x ] || exit 9
    truncate -s -1 "$memo"
fi
printf '%s\n' "$request" | '{OWN}' __worker scanner
[ -z "$memo" ] || printf x >> "$memo"
"#
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn builds_whose_memos_differ_get_a_verdict() {
    let program = Program::new();
    let other = with_memos_of_its_own(&program);
    let ran = program.run(&[
        "compare",
        "--base-bin",
        OWN,
        "--new-bin",
        text(&other),
        "--recipe",
        "tiny",
        "--arms",
        "warm:hot",
        "--counters-only",
        // The script reads, too.
        "--accept",
        "rchar,syscr",
    ]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}
