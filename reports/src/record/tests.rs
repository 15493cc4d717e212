//! Records survive the way through a file, and nothing that is not one gets through.

use super::*;
use crate::Error;
use crate::fixture;

fn written() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.json");
    fixture::record().write(&path).unwrap();
    (folder, path)
}

/// The error of reading the record after `change` was applied to its text.
fn refused(change: impl Fn(&str) -> String) -> Error {
    let (_folder, path) = written();
    let text = std::fs::read_to_string(&path).unwrap();
    let changed = change(&text);
    assert_ne!(changed, text, "the test changed nothing");
    std::fs::write(&path, changed).unwrap();
    let error = Record::read(&path).unwrap_err();
    assert!(error.to_string().contains(&path.display().to_string()), "no path in: {error}");
    error
}

#[test]
fn what_was_written_is_read_back() {
    let (_folder, path) = written();
    assert_eq!(Record::read(&path).unwrap(), fixture::record());
}

/// A file that an earlier program wrote stays readable, field for field, as long as the version
/// stays.
#[test]
fn a_kept_record_is_still_read() {
    let mut record = fixture::record();
    record.samples.truncate(record.plan.arms.len());
    for sample in &mut record.samples {
        sample.launches.truncate(1);
    }
    record.outcome = Outcome::of(&record.samples, true);
    fixture::assert_golden("record-v1.json", &record.to_json().unwrap());
    let kept = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/golden/record-v1.json");
    assert_eq!(Record::read(&kept).unwrap(), record);
}

/// The same of an append run. How histograms are compressed is not part of the format, so the text
/// is not compared.
#[test]
fn a_kept_record_of_an_append_run_is_still_read() {
    let mut record = fixture::append::open();
    record.samples.truncate(record.plan.arms.len());
    record.outcome = Outcome::of(&record.samples, true);
    let kept =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/golden/record-append-v1.json");
    if std::env::var_os("TRACERIG_BLESS").is_some() {
        record.write(&kept).unwrap();
    }
    assert_eq!(Record::read(&kept).unwrap(), record);
}

#[test]
fn formatting_is_no_edit() {
    let (_folder, path) = written();
    let value: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    // Re-serialized as a value, keys come out in another order: that is an edit, the record below
    // it is not.
    let text = std::fs::read_to_string(&path).unwrap();
    let dense: String = text.lines().map(str::trim_start).collect();
    assert!(dense.len() < text.len());
    std::fs::write(&path, dense).unwrap();
    assert_eq!(Record::read(&path).unwrap(), fixture::record());
    assert_eq!(value["schema"], SCHEMA);
}

#[test]
fn one_changed_digit_is_refused() {
    let error = refused(|text| text.replacen("\"wall_ns\": 1", "\"wall_ns\": 2", 1));
    assert!(matches!(error, Error::Edited { .. }), "{error}");
}

#[test]
fn a_space_added_inside_a_string_is_refused() {
    let error = refused(|text| text.replacen("AMD EPYC", "AMD  EPYC", 1));
    assert!(matches!(error, Error::Edited { .. }), "{error}");
}

#[test]
fn a_cut_file_is_refused_wherever_it_is_cut() {
    let (_folder, path) = written();
    let whole = std::fs::read(&path).unwrap();
    // Behind a point or a sign a number has not begun in earnest.
    let points = (1..whole.len()).filter(|&at| b".-".contains(&whole[at - 1])).step_by(7);
    for keep in (0..whole.len() - 2).step_by(211).chain(points).chain([1, whole.len() - 3]) {
        let error = Record::parse(&path, &whole[..keep]).unwrap_err();
        assert!(
            matches!(error, Error::Truncated { bytes, .. } if bytes == keep as u64),
            "{keep}: {error}"
        );
    }
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(Record::read(&path), Err(Error::Truncated { .. })));
}

#[test]
fn another_version_is_refused_before_its_content_is_looked_at() {
    let error =
        refused(|_| r#"{"schema": "tracerig.record", "version": 2, "runs": []}"#.to_owned());
    assert!(matches!(error, Error::UnknownVersion { found: 2, supported: 1, .. }), "{error}");
}

#[test]
fn what_is_no_record_is_called_so() {
    assert!(matches!(refused(|_| "SQLite format 3".to_owned()), Error::NotJson { .. }));
    for text in ["[]", "{}", "3", r#"{"schema": "other"}"#] {
        let error = refused(|_| text.to_owned());
        assert!(matches!(error, Error::NotARecord { .. }), "{text}: {error}");
    }
    assert!(matches!(
        refused(|_| r#"{"schema": "tracerig.record"}"#.to_owned()),
        Error::Malformed { .. }
    ));
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Record::read(&folder.path().join("none")), Err(Error::Read { .. })));
}

#[test]
fn a_record_that_contradicts_itself_is_neither_written_nor_read() {
    type Change = fn(&mut Record);
    let changes: [(Change, &str); 8] = [
        (|r| r.samples[5].arm = "ghost".into(), "not in the plan"),
        (|r| r.samples[5].order = 6, "has order 6"),
        (|r| r.samples[9].round = 0, "twice"),
        (|r| r.samples[0].launches.clear(), "has no launch"),
        (|r| r.samples[0].launches[0].verified = false, "not every launch of it was verified"),
        (|r| r.plan.arms.push(r.plan.arms[0].clone()), "twice"),
        (|r| r.outcome.excluded = 0, "counts other samples"),
        (
            |r| r.samples[0].state = SampleState::Excluded { reason: "cold".into() },
            "counts other samples",
        ),
    ];
    for (change, expected) in changes {
        contradicts(fixture::record(), change, expected);
    }
}

#[test]
fn an_append_run_that_contradicts_itself_is_neither_written_nor_read() {
    type Change = fn(&mut Record);
    fn condition(record: &mut Record) -> &mut AppendPlan {
        record.plan.append.as_mut().unwrap()
    }
    fn histograms(record: &mut Record) -> &mut std::collections::BTreeMap<String, Histogram> {
        &mut record.samples[4].launches[0].histograms
    }
    let changes: [(Change, &str); 10] = [
        (|r| condition(r).threads = 0, "no thread appends"),
        (|r| condition(r).durability = "fast".into(), "neither buffered nor fsync"),
        (|r| condition(r).rate = Some(0), "0 appends a second"),
        (|r| condition(r).warmup = 500, "none is measured"),
        (|r| condition(r).warmup = MOST_APPENDS, "none is measured"),
        (|r| r.plan.arms[1].cache = Cache::Hot, "asks for a state of the page cache"),
        (
            |r| histograms(r).clear(),
            "sample 4 is valid but its histogram `append` holds 0 of 3600 appends",
        ),
        (|r| drop(histograms(r).remove("service")), "its histogram `service` holds 0 of 3600"),
        (
            |r| histograms(r).get_mut("append").unwrap().record(std::time::Duration::ZERO),
            "holds 3601 of 3600",
        ),
        (|r| condition(r).appends -= 1, "holds 3600 of 3599"),
    ];
    for (change, expected) in changes {
        contradicts(fixture::append::open(), change, expected);
    }
    // What failed need not have measured anything, and a closed loop has no second time of an
    // append.
    assert_eq!(fixture::append::closed().contradiction(), None);
    assert!(
        fixture::append::closed()
            .samples
            .iter()
            .any(|sample| sample.launches[0].histograms.is_empty())
    );
}

fn contradicts(mut record: Record, change: fn(&mut Record), expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.json");
    change(&mut record);
    let error = record.write(&path).unwrap_err();
    assert!(
        matches!(&error, Error::Inconsistent { what, .. } if what.contains(expected)),
        "{expected}: {error}"
    );
    assert!(!path.exists());
    std::fs::write(&path, record.to_json().unwrap()).unwrap();
    assert!(matches!(Record::read(&path), Err(Error::Inconsistent { .. })), "{expected}");
}

#[test]
fn a_histogram_that_does_not_decode_makes_a_record_malformed() {
    let text = serde_json::to_string(&fixture::append::closed()).unwrap();
    let at = text.find("HISTF").unwrap();
    let broken = format!("{}Z{}", &text[..at + 40], &text[at + 41..]);
    assert_ne!(broken, text);
    let error = serde_json::from_str::<Record>(&broken).unwrap_err().to_string();
    assert!(error.contains("not a histogram: "), "{error}");
}

#[test]
fn what_only_append_runs_have_is_absent_from_others() {
    let text = fixture::record().to_json().unwrap();
    assert!(!text.contains("histograms") && !text.contains("\"append\""));
}

#[test]
fn unavailable_is_null_and_stays_so() {
    let mut record = fixture::record();
    let launch = &mut record.samples[0].launches[0];
    (launch.user, launch.peak_memory, launch.major_faults, launch.device_read) =
        (None, None, None, None);
    let json = serde_json::to_value(&record).unwrap();
    let launch = &json["samples"][0]["launches"][0];
    for field in ["user_ns", "peak_memory_bytes", "major_faults", "device_read_bytes"] {
        assert_eq!(launch.get(field), Some(&serde_json::Value::Null), "{field}");
    }
    assert_eq!(serde_json::from_value::<Record>(json).unwrap(), record);
}

#[test]
fn the_gravest_outcome_wins() {
    let samples = fixture::record().samples;
    let outcome = Outcome::of(&samples, false);
    assert_eq!(
        (outcome.status, outcome.exit_code, outcome.failures, outcome.excluded),
        (Status::Failed, 1, 1, 1)
    );
    assert_eq!(Outcome::of(&samples, true).exit_code, 130);
    let mut wrong = samples;
    wrong[0].state = SampleState::Mismatch { detail: "one turn too many".into() };
    assert_eq!(Outcome::of(&wrong, true).exit_code, 3);
    assert_eq!(Outcome::of(&[], false).exit_code, 0);
}

#[test]
fn an_arm_without_a_valid_sample_makes_a_run_inconclusive() {
    let mut record = crate::fixture::record();
    let cold: Vec<usize> =
        (0..record.samples.len()).filter(|&at| record.samples[at].cache == Cache::Cold).collect();
    for sample in &mut record.samples {
        sample.state = SampleState::Valid;
    }
    let of = |record: &Record| {
        let outcome = Outcome::of(&record.samples, false);
        (outcome.status, outcome.exit_code)
    };
    assert_eq!(of(&record), (Status::Complete, 0));
    for &at in &cold[1..] {
        record.samples[at].state = SampleState::Excluded { reason: "resident".into() };
    }
    let single = record.samples[cold[0]].arm.clone();
    let others = cold.iter().any(|&at| record.samples[at].arm != single);
    assert!(others, "the fixture has several cold arms");
    assert_eq!(of(&record), (Status::Inconclusive, 5));
    record.samples[cold[1]].state = SampleState::Failed { error: "x".into() };
    assert_eq!(of(&record), (Status::Failed, 1));
}

#[test]
fn numbers_of_a_foreign_plan_have_limits() {
    type Set = fn(&mut Record, u64);
    let numbers: [(&str, Set, u64); 3] = [
        ("samples", |record, to| record.plan.samples = to, MOST_SAMPLES),
        ("appended_rows", |record, to| record.plan.appended_rows = to, MOST_APPENDED_ROWS),
        (
            "launches_per_sample",
            |record, to| record.plan.arms[0].launches_per_sample = to,
            MOST_LAUNCHES,
        ),
    ];
    let of_append: [(&str, Set, u64); 4] = [
        ("threads", |record, to| record.plan.append.as_mut().unwrap().threads = to, MOST_APPENDERS),
        ("rate", |record, to| record.plan.append.as_mut().unwrap().rate = Some(to), MOST_RATE),
        ("appends", |record, to| record.plan.append.as_mut().unwrap().appends = to, MOST_APPENDS),
        ("warmup", |record, to| record.plan.append.as_mut().unwrap().warmup = to, MOST_APPENDS),
    ];
    let of_relaunch = numbers.iter().map(|number| (fixture::record(), number));
    for (original, (name, set, most)) in
        of_relaunch.chain(of_append.iter().map(|number| (fixture::append::open(), number)))
    {
        let told = |number| {
            let mut record = original.clone();
            set(&mut record, number);
            record.contradiction().filter(|what| what.contains("the limit is"))
        };
        assert_eq!(told(*most), None, "{name}");
        for beyond in [most + 1, 1 << 62, u64::MAX] {
            let said = told(beyond).unwrap();
            assert!(
                said.contains(&format!("`{name}` of its plan is {beyond}; the limit is {most}")),
                "{said}"
            );
        }
    }
}

#[test]
fn an_arm_has_a_limited_number_of_samples() {
    let mut record = fixture::record();
    let sample = record.samples[0].clone();
    let count = record.samples.iter().filter(|other| other.key() == sample.key()).count() as u64;
    let more =
        |rounds: u64| (0..rounds).map(|round| Sample { round: 1000 + round, ..sample.clone() });
    record.samples.extend(more(MOST_SAMPLES - count));
    let told =
        |record: &Record| record.contradiction().filter(|what| what.contains("the limit is"));
    assert_eq!(told(&record), None);
    record.samples.extend(more(1));
    assert!(told(&record).unwrap().contains("has 20001 samples; the limit is 20000"));
}
