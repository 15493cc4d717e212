//! Entries, files and judged histories.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::record::Status;
use crate::schema::{Checker, named};
use crate::stats::Interval;
use crate::verdict::Gate;
use crate::{Error, fixture};

/// The commit of this number, the child of the one before.
pub(crate) fn commit(nth: usize) -> Commit {
    let revision = |nth: usize| format!("{nth:08x}{}", "ab".repeat(16));
    Commit {
        revision: revision(nth),
        parent: nth.checked_sub(1).map(revision),
        committed: format!("2026-11-30T{:02}:{:02}:00Z", nth / 60, nth % 60),
        subject: format!("commit {nth}"),
    }
}

/// An entry of one run, with these counters and ratios of arms.
pub(crate) fn entry(
    commit: Commit,
    counters: &[(&str, &str, u64)],
    ratios: &[(&str, f64)],
) -> Entry {
    let mut arms: BTreeMap<&str, Arm> = BTreeMap::new();
    let new = |name: &str| Arm { name: name.to_owned(), counters: BTreeMap::new(), of_floor: None };
    for (name, counter, value) in counters {
        let arm = arms.entry(name).or_insert_with(|| new(name));
        arm.counters.insert((*counter).to_owned(), *value);
    }
    for (name, ratio) in ratios {
        // As many digits as a file has.
        let rounded = |value: f64| (value * 1e4).round() / 1e4;
        let ratio = &rounded(*ratio);
        let interval = Some(Interval { low: rounded(ratio * 0.98), high: rounded(ratio * 1.02) });
        let arm = arms.entry(name).or_insert_with(|| new(name));
        arm.of_floor = Some(Ratio { ratio: *ratio, interval, pairs: 10 });
    }
    Entry {
        commit,
        place: Place {
            fingerprint: "9931dc19380f808f".to_owned(),
            platform: "linux x86_64, 2 cores".to_owned(),
        },
        gate: None,
        runs: vec![Run {
            name: "relaunch/quick".to_owned(),
            id: "relaunch-1".to_owned(),
            status: Status::Complete,
            conditions: "sha256:aa".to_owned(),
            arms: arms.into_values().collect(),
        }],
    }
}

/// 40 commits; one more row from number 12 on, and a ratio that is 6 % larger from number 25 on.
pub(crate) fn stepped() -> Files {
    let noise = [0.003, -0.006, 0.004, 0.001, -0.002, 0.007, -0.004, 0.0, 0.005, -0.008, 0.002];
    let of = |nth: usize| {
        let rows = if nth < 12 { 200 } else { 201 };
        let ratio = if nth < 25 { 1.9 } else { 1.9 * 1.06 };
        let ratio = ratio * (1.0 + noise[nth * 7 % noise.len()]);
        entry(
            commit(nth),
            &[("warm-hot", "rows_examined", rows), ("warm-hot", "facts", 310)],
            &[("warm-hot", ratio)],
        )
    };
    Files { entries: (0..40).map(of).collect(), ..Files::default() }
}

pub(crate) const ROWS: &str = "relaunch/quick/warm-hot/rows_examined";
const OF_FLOOR: &str = "relaunch/quick/warm-hot/of_floor";

#[test]
fn both_steps_are_named_at_their_commits() {
    let judged = Judged::of(&stepped(), Rules::default());
    let found: Vec<(&str, usize, Kind)> =
        judged.steps.iter().map(|step| (step.series.as_str(), step.at, step.kind)).collect();
    assert_eq!(found, [(OF_FLOOR, 25, Kind::Ratio), (ROWS, 12, Kind::Counter)]);
    let [ratio, rows] = judged.steps.as_slice() else { panic!() };
    assert!(rows.since_parent && rows.counts == Some([200, 201]) && rows.p.is_none());
    assert!(
        (ratio.after / ratio.before - 1.06).abs() < 0.005 && ratio.p.unwrap() <= 0.001,
        "{ratio:?}"
    );
    let text = terminal(&judged);
    assert!(
        text.starts_with("2 steps in 40 commits. Newest: relaunch/quick/warm-hot/of_floor +"),
        "{text}"
    );
    assert!(
        text.contains("0000000cab") && text.contains("200 to 201") && text.contains("commit 12")
    );
    assert!(
        text.lines().count() <= 30 && text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
}

#[test]
fn a_missing_commit_makes_a_step_of_a_counter_less_certain() {
    let mut files = stepped();
    files.entries.remove(12);
    let judged = Judged::of(&files, Rules::default());
    let step = judged.steps.iter().find(|step| step.series == ROWS).unwrap();
    assert!(
        !step.since_parent
            && step.since == commit(11).revision
            && step.revision == commit(13).revision
    );
    assert!(terminal(&judged).contains("since 0000000bab"));
}

#[test]
fn a_step_below_the_margin_is_no_step() {
    let rules = Rules { margin: 0.07, ..Rules::default() };
    let judged = Judged::of(&stepped(), rules);
    assert_eq!(judged.steps.len(), 1, "{:?}", judged.steps);
    assert_eq!(judged.steps[0].kind, Kind::Counter);
}

#[test]
fn an_explained_step_keeps_its_reason_and_a_blessing_without_a_step_is_reported() {
    let mut files = stepped();
    let bless = |series: &str, nth| Blessing {
        series: series.to_owned(),
        revision: commit(nth).revision,
        because: "one row is checked twice".to_owned(),
        blessed: "2026-11-30T12:00:00Z".to_owned(),
    };
    // The place of a ratio's step moves a little as commits follow.
    files.blessings = vec![bless(ROWS, 12), bless(OF_FLOOR, 26), bless(ROWS, 13)];
    let judged = Judged::of(&files, Rules::default());
    assert!(judged.steps.iter().all(|step| step.blessed.is_some()) && judged.open().count() == 0);
    assert_eq!(judged.idle, [bless(ROWS, 13)]);
    let text = terminal(&judged);
    assert!(text.starts_with("2 steps in 40 commits, all explained.\n"), "{text}");
    assert!(text.contains("1 blessing without a step"), "{text}");
    assert!(details(&judged).contains("one row is checked twice"));
}

#[test]
fn counters_of_other_platforms_and_ratios_of_other_machines_are_other_series() {
    let mut files = stepped();
    for entry in &mut files.entries[12..] {
        entry.place =
            Place { fingerprint: "other".to_owned(), platform: "linux x86_64, 4 cores".to_owned() };
    }
    let judged = Judged::of(&files, Rules::default());
    assert!(judged.steps.iter().all(|step| step.series != ROWS), "{:?}", judged.steps);
    assert_eq!(judged.series.len(), 6);
}

#[test]
fn a_value_that_failed_is_in_the_history() {
    let mut files = stepped();
    files.entries[12].gate = Some(Gate::Regression);
    files.entries[13].runs[0].status = Status::Mismatch;
    let judged = Judged::of(&files, Rules::default());
    assert_eq!(judged.failed, [12, 13]);
    let step = judged.steps.iter().find(|step| step.series == ROWS).unwrap();
    assert_eq!((step.at, step.gate), (12, Some(Gate::Regression)));
    assert!(terminal(&judged).contains("2 commits did not pass"), "{}", terminal(&judged));
}

#[test]
fn counters_are_compared_in_all_their_digits() {
    let of = |nth, value| entry(commit(nth), &[("a", "b", value)], &[]);
    let files = Files { entries: vec![of(0, u64::MAX), of(1, u64::MAX - 1)], ..Files::default() };
    let judged = Judged::of(&files, Rules::default());
    assert_eq!(judged.steps[0].counts, Some([u64::MAX, u64::MAX - 1]));
}

#[test]
fn the_newest_commits_are_judged() {
    let judged = Judged::of(&stepped(), Rules { last: 20, ..Rules::default() });
    assert_eq!(
        (judged.commits.len(), judged.older, judged.commits[0].clone()),
        (20, 20, commit(20))
    );
    assert!(judged.steps.len() == 1 && terminal(&judged).contains("20 older commits not judged"));
    let none = Judged::of(&Files::default(), Rules::default());
    assert!(terminal(&none).starts_with("The history is empty."));
    let few = Files { entries: stepped().entries[..3].to_vec(), ..Files::default() };
    assert_eq!(terminal(&Judged::of(&few, Rules::default())), "No steps in 3 commits.\n");
}

#[test]
fn many_steps_and_long_names_fit_one_screen() {
    let names: Vec<String> = (0..90).map(|nth| format!("{}{nth}", "x".repeat(nth * 3))).collect();
    let of = |nth: usize| {
        let counters: Vec<(&str, &str, u64)> =
            names.iter().map(|name| ("warm-hot", name.as_str(), u64::MAX - (nth as u64))).collect();
        entry(commit(nth), &counters, &[])
    };
    let files = Files { entries: (0..30).map(of).collect(), ..Files::default() };
    let text = terminal(&Judged::of(&files, Rules::default()));
    let widest = text.lines().map(crate::foreign::columns).max().unwrap();
    assert!(text.lines().count() <= 30 && widest <= 80, "{widest}\n{text}");
    assert!(text.contains("more; see --details"), "{text}");
}

#[test]
fn an_entry_has_the_figures_of_its_records() {
    let records = [fixture::record(), fixture::append::closed()];
    let mut append = records[1].clone();
    append.machine = records[0].machine.clone();
    append.plan.cores = Some(records[0].cores());
    let records = [records[0].clone(), append];
    let found = Entry::of(commit(3), &records, Some(Gate::Fine)).unwrap();
    assert_eq!(found.runs[0].name, "relaunch/quick");
    let arm = |run: usize, name: &str| {
        found.runs[run]
            .arms
            .iter()
            .find(|arm| arm.name == name)
            .unwrap_or_else(|| panic!("{name}"))
            .clone()
    };
    let warm = arm(0, "warm-hot");
    assert_eq!(warm.counters["rows_examined"], 200);
    assert!(!warm.counters.contains_key("cache_misses") && !warm.counters.contains_key("fsyncs"));
    let ratio = warm.of_floor.unwrap();
    assert!(
        (1.8..2.0).contains(&ratio.ratio) && ratio.interval.is_some() && ratio.pairs == 8,
        "{ratio:?}"
    );
    assert!(arm(0, "floor-hot").of_floor.is_none() && arm(1, "sync").of_floor.is_some());
    // What the records do not share.
    let twice = Entry::of(commit(3), &[records[0].clone(), records[0].clone()], None).unwrap_err();
    assert!(twice.contains("two records are of the run `relaunch/quick`"), "{twice}");
    let mut other = records[1].clone();
    other.machine.fingerprint = "other".to_owned();
    let mixed = Entry::of(commit(3), &[records[0].clone(), other], None).unwrap_err();
    assert!(mixed.contains("several machines"), "{mixed}");
    assert!(Entry::of(commit(3), &[], None).is_err());
}

fn read(text: &str) -> Result<Files, Error> {
    let mut files = Files::default();
    files.add(Path::new("history/a.json"), text.as_bytes()).map(|()| files)
}

#[test]
fn a_file_is_read_back_and_what_is_not_one_is_refused_by_name() {
    let entry = stepped().entries[12].clone();
    let blessing = Blessing {
        series: ROWS.to_owned(),
        revision: commit(12).revision,
        because: "it must".to_owned(),
        blessed: "2026-11-30T12:00:00Z".to_owned(),
    };
    let text = entry.to_json().unwrap();
    assert_eq!(read(&text).unwrap().entries, std::slice::from_ref(&entry));
    assert_eq!(read(&blessing.to_json().unwrap()).unwrap().blessings, [blessing]);
    let refused = |text: &str, said: &str| {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains("history/a.json") && error.contains(said), "{error}");
    };
    refused(
        &text.replace("\"version\": 1", "\"version\": 2"),
        "history version 2, this program reads version 1",
    );
    refused(&text.replace("201", "200"), "was changed after it was written");
    refused(&text[..text.len() / 2], "is cut off");
    refused("[]", "not a file of a history");
    refused("nonsense", "not JSON");
    refused(&fixture::record().to_json().unwrap(), "its \"schema\" is \"tracerig.record\"");
    let changed = |change: fn(&mut Entry), said: &str| {
        let mut entry = entry.clone();
        change(&mut entry);
        refused(&entry.to_json().unwrap(), said);
    };
    changed(|entry| entry.commit.revision = "../../etc/passwd".to_owned(), "not the full hash");
    changed(|entry| entry.commit.parent = Some("HEAD".to_owned()), "not the full hash");
    changed(|entry| entry.commit.committed = "yesterday".to_owned(), "RFC 3339");
    changed(|entry| entry.commit.subject = "x".repeat(MOST_TEXT + 1), "more than 2000 characters");
    changed(|entry| entry.place.fingerprint = "../x".to_owned(), "fingerprint");
    changed(
        |entry| entry.runs[0].arms[0].of_floor.as_mut().unwrap().ratio = -1.0,
        "is not above 0",
    );
    changed(|entry| entry.runs.push(entry.runs[0].clone()), "two records are of the run");
    let arm_twice = |entry: &mut Entry| {
        let arm = entry.runs[0].arms[0].clone();
        entry.runs[0].arms.push(arm);
    };
    changed(arm_twice, "twice");
    changed(|entry| entry.runs = vec![entry.runs[0].clone(); MOST_PARTS + 1], "two records");
}

#[test]
fn the_schemas_say_what_is_written() {
    let mut entry = Entry::of(commit(3), &[fixture::record()], Some(Gate::Fine)).unwrap();
    entry.runs[0].arms[1].of_floor.as_mut().unwrap().interval = None;
    let blessing = Blessing {
        series: ROWS.to_owned(),
        revision: commit(12).revision,
        because: "it must".to_owned(),
        blessed: "2026-11-30T12:00:00Z".to_owned(),
    };
    let kinds = [
        (include_str!("../../schema/history-v1.schema.json"), entry.to_json().unwrap()),
        (include_str!("../../schema/blessing-v1.schema.json"), blessing.to_json().unwrap()),
    ];
    for (schema, text) in kinds {
        let root: serde_json::Value = serde_json::from_str(schema).unwrap();
        let mut data: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut checker = Checker::new(root.clone());
        checker.check(&root, &data, "file").unwrap();
        assert_eq!(named(&root, &[]), checker.seen);
        data["content"]["extra"] = 1.into();
        assert!(Checker::new(root.clone()).check(&root, &data, "file").is_err());
    }
}

#[test]
fn a_folder_is_read_and_what_is_not_of_the_history_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    for entry in stepped().entries {
        std::fs::write(folder.path().join(entry.file_name(1)), entry.to_json().unwrap()).unwrap();
    }
    std::fs::write(folder.path().join("README.md"), "what this is").unwrap();
    let files = Files::read(folder.path()).unwrap();
    assert_eq!((files.entries.len(), files.skipped.len()), (40, 1));
    assert_eq!(Files::read(&folder.path().join("none")).unwrap(), Files::default());
    let names: std::collections::BTreeSet<String> =
        [1, 2, 3].map(|nth| files.entries[0].file_name(nth)).into_iter().collect();
    assert_eq!(names.len(), 3);
}
