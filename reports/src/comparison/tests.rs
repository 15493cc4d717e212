//! Comparisons of records and of programs, and how they read.

use serde_json::Value;

use super::*;
use crate::Error;
use crate::fixture::{self, assert_golden};
use crate::record::{Counter, Sample, SampleState};
use crate::schema::{Checker, named};
use crate::verdict::{Doubt, Measured, Metric, Rules, Set, Verdict, Work, judge};

/// The fixture on a quiet machine: every time a tenth as far from its arm's middle, and no sample
/// failed.
pub(crate) fn quiet() -> Record {
    let mut record = fixture::flawless();
    for arm in record.plan.arms.clone() {
        let of_arm = |sample: &&mut Sample| sample.key() == arm.key();
        let walls: Vec<f64> = record
            .samples
            .iter_mut()
            .filter(of_arm)
            .flat_map(|sample| sample.launches.iter().map(|launch| launch.wall.as_secs_f64()))
            .collect();
        let middle = crate::stats::median(&walls).unwrap();
        for launch in
            record.samples.iter_mut().filter(of_arm).flat_map(|sample| &mut sample.launches)
        {
            let wall = middle + (launch.wall.as_secs_f64() - middle) / 10.0;
            launch.wall = std::time::Duration::from_secs_f64(wall);
        }
    }
    record
}

/// The comparison on one screen.
fn brief(comparison: &Comparison) -> String {
    terminal(&[Run { name: "relaunch".to_owned(), comparison: comparison.clone() }])
}

/// The samples of another run of the fixture's plan: `percent` slower in `warm`, one row more in
/// `full`.
fn changed(record: &Record, percent: u32) -> Record {
    let mut changed = record.clone();
    for sample in &mut changed.samples {
        for launch in &mut sample.launches {
            if sample.arm == "warm" {
                launch.wall = launch.wall * (100 + percent) / 100;
            }
            if sample.arm == "full" {
                let rows = launch.counter("rows_examined").unwrap() + 1;
                launch.counters.insert("rows_examined".to_owned(), Counter::exact(Some(rows)));
            }
            if sample.arm == "unchanged" {
                launch.counters.insert("vm_steps".to_owned(), Counter::exact(None));
            }
        }
    }
    changed
}

/// A comparison in pairs, as a program makes it that runs both.
pub(crate) fn paired(base: &Record, percent: u32) -> Comparison {
    let new = changed(base, percent);
    let mut arms = Vec::new();
    for arm in &base.plan.arms {
        let mut measured = Measured::new(arm.key(), Metric::of(&base.plan));
        let of = |record: &Record| -> Vec<Sample> {
            record.samples.iter().filter(|sample| sample.key() == arm.key()).cloned().collect()
        };
        let (own, other) = (of(base), of(&new));
        for (at, (base, new)) in own.iter().zip(&other).enumerate() {
            measured.samples(Set::First, base, new);
            measured.samples(Set::Second, base, new);
            measured.samples(Set::Itself, base, &own[(at + 1) % own.len()]);
        }
        arms.push(measured);
    }
    let program = |name: &str| Program::new(name, base.build.clone(), &base.machine);
    Comparison {
        scenario: base.scenario.clone(),
        recipe: base.dataset.recipe.clone(),
        base: program("v1.2"),
        new: Program {
            build: Build { dirty: Some(true), ..base.build.clone() },
            ..program("HEAD")
        },
        command: ["tracerig", "compare", "--base-rev", "v1.2"].map(str::to_owned).to_vec(),
        times_refused: None,
        times: ArmTimes::of(base, &new),
        verdicts: judge(&arms, &Rules::default()),
    }
}

fn of(base: &Record, new: &Record) -> Comparison {
    of_records(("a.json", base), ("b.json", new), &Rules::default(), Vec::new()).unwrap()
}

#[test]
fn a_comparison_reads_as_kept() {
    let comparison = paired(&quiet(), 8);
    assert_golden("comparison.txt", &brief(&comparison));
    assert_golden("comparison-details.txt", &details(&comparison));
    assert_golden("comparison.md", &markdown(&comparison));
    assert_golden("comparison.json", &json(&comparison).unwrap());
    let mut base = fixture::record();
    assert_golden("comparison-noisy.txt", &details(&paired(&base, 4)));
    base.samples[5].state = SampleState::Mismatch { detail: "one turn".into() };
    let mut elsewhere = changed(&base, 40);
    elsewhere.machine.fingerprint = "fedcba9876543210".to_owned();
    elsewhere.machine.cores = 4;
    assert_golden("comparison-elsewhere.txt", &details(&of(&base, &elsewhere)));
}

#[test]
fn it_fits_80_columns_of_plain_ascii() {
    for percent in [0, 5, 300] {
        let base = fixture::record();
        for comparison in [paired(&base, percent), of(&base, &changed(&base, percent))] {
            let text = brief(&comparison) + &details(&comparison);
            assert!(text.lines().all(|line| line.len() <= 80 && line.trim_end() == line), "{text}");
            assert!(text.chars().all(|c| c == '\n' || (' '..='~').contains(&c)), "{text}");
        }
    }
}

fn arm<'a>(comparison: &'a Comparison, name: &str) -> &'a crate::verdict::ArmVerdict {
    comparison.verdicts.arms.iter().find(|arm| arm.arm == name).unwrap()
}

#[test]
fn two_equal_records_are_the_same_only_to_a_budget_that_holds_what_runs_differ_by() {
    let mut base = quiet();
    let by = |budget: f64, record: &Record| {
        let rules = Rules { budget, ..Rules::default() };
        of_records(("a", record), ("b", record), &rules, Vec::new()).unwrap()
    };
    let same = by(0.3, &base);
    assert_eq!(same.gate(), Gate::Fine, "{}", details(&same));
    assert!(
        same.verdicts
            .arms
            .iter()
            .all(|arm| arm.time == Some(Verdict::Same) && arm.work == Work::Same)
    );
    assert!(same.verdicts.again().is_empty(), "two records cannot be measured again");
    // A program a fifth slower on a machine that became a fifth faster looks just like this.
    for budget in [0.05, 0.25] {
        let unclear = by(budget, &base);
        assert_eq!(unclear.gate(), Gate::Inconclusive, "{}", details(&unclear));
        assert!(unclear.verdicts.arms.iter().all(|arm| arm.work == Work::Same));
        assert_eq!(unclear.without_times().gate(), Gate::Fine);
    }
    // Fewer samples than an interval needs: it is inconclusive.
    base.samples.truncate(40);
    assert_eq!(by(0.9, &base).gate(), Gate::Inconclusive);
}

#[test]
fn a_repetition_agrees_within_what_two_runs_differ_by() {
    let base = quiet();
    let time = |percent| {
        let again = changed(&base, percent);
        let compared =
            of_records(("a", &base), ("b", &again), &Rules::of_repetition(), Vec::new()).unwrap();
        arm(&compared, "warm").time.unwrap()
    };
    assert_eq!((time(0), time(15)), (Verdict::Same, Verdict::Same));
    assert!(
        matches!(time(25), Verdict::Inconclusive { .. }),
        "its interval lies on both sides of 25 %"
    );
    assert_eq!(time(60), Verdict::Slower);
}

#[test]
fn an_arm_that_was_not_measured_is_no_pass() {
    let base = quiet();
    let of_full = |sample: &Sample| sample.arm == "full";
    let without = |keep: fn(&mut Sample) -> bool| {
        let mut record = base.clone();
        record.samples.retain_mut(keep);
        record
    };
    let missing = without(|sample| sample.arm != "full");
    let left_out = without(|sample| {
        if sample.arm == "full" {
            sample.state = SampleState::Excluded { reason: "it read from the disk".into() };
        }
        true
    });
    assert!(base.samples.iter().any(of_full));
    for (one, other, work) in [
        (&base, &missing, Work::Incomparable),
        (&missing, &base, Work::Incomparable),
        (&missing, &missing, Work::Incomparable),
        (&left_out, &left_out, Work::Same),
        (&base, &left_out, Work::Same),
    ] {
        let comparison = of(one, other);
        assert_eq!((arm(&comparison, "full").work, comparison.gate()), (work, Gate::Inconclusive));
        let gate = if work == Work::Same { Gate::Fine } else { Gate::Inconclusive };
        let work_alone = comparison.without_times();
        assert_eq!(work_alone.gate(), gate);
        assert!(!details(&work_alone).contains("slower"), "times were not compared");
    }
    assert!(details(&of(&left_out, &left_out)).contains("samples excluded"));
}

#[test]
fn only_a_large_change_is_called_between_two_runs() {
    let base = quiet();
    let time = |percent| arm(&of(&base, &changed(&base, percent)), "warm").time.unwrap();
    assert!(matches!(time(0), Verdict::Inconclusive { why: Doubt::BetweenRuns { .. } }));
    assert!(matches!(time(8), Verdict::Inconclusive { why: Doubt::BetweenRuns { .. } }));
    assert_eq!(time(60), Verdict::Slower);
    let turned = of(&changed(&base, 60), &base);
    assert_eq!(arm(&turned, "warm").time, Some(Verdict::Faster));
}

#[test]
fn counters_are_compared_across_machines_and_times_are_not() {
    let base = fixture::flawless();
    let mut elsewhere = changed(&base, 60);
    elsewhere.machine.fingerprint = "fedcba9876543210".to_owned();
    let comparison = of(&base, &elsewhere);
    assert!(matches!(&comparison.times_refused, Some(Refusal::OtherMachine { .. })));
    assert!(comparison.verdicts.arms.iter().all(|arm| arm.time.is_none() && arm.change.is_none()));
    assert_eq!((arm(&comparison, "full").work, comparison.gate()), (Work::More, Gate::Regression));
    assert_eq!(arm(&comparison, "unchanged").work, Work::Incomparable);
    let mut debug = base.clone();
    debug.build.profile = "dev".to_owned();
    assert!(matches!(of(&base, &debug).times_refused, Some(Refusal::OtherProfile { .. })));
    assert_eq!(of(&base, &debug).gate(), Gate::Fine);
}

#[test]
fn records_of_other_plans_are_refused_by_name() {
    type Change = fn(&mut Record);
    let changes: [(Change, &str); 11] = [
        (|r| r.scenario = "append".into(), "scenario differs (relaunch and append)"),
        (|r| r.dataset.recipe = "own".into(), "recipe differs (quick and own)"),
        (|r| r.dataset.recipe_text.push('#'), "digest of the recipe's text"),
        (|r| r.dataset.scale = 2.0, "scale differs (1 and 2)"),
        (|r| r.dataset.rows_digest.push('1'), "digest of the dataset's rows"),
        (|r| r.dataset.file_digest.push('1'), "digest of the dataset's file"),
        (|r| r.seed = 43, "seed differs (42 and 43)"),
        (|r| r.plan.appended_rows = 7, "number of appended rows differs (200 and 7)"),
        (|r| r.plan.append = fixture::append::open().plan.append, "condition of the appends"),
        (|r| r.plan.launches.at_least *= 2, "time that launches of a sample take together"),
        (|r| r.plan.arms.truncate(1), "set of arms"),
    ];
    let base = fixture::record();
    for (change, expected) in changes {
        let mut other = base.clone();
        change(&mut other);
        let error =
            of_records(("a", &base), ("b", &other), &Rules::default(), Vec::new()).unwrap_err();
        assert!(matches!(error, Error::NotComparable { .. }));
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
    // Precision may differ, and so may what was calibrated by time.
    let mut fewer = base.clone();
    fewer.plan.samples = 3;
    fewer.plan.arms[0].launches_per_sample = 3;
    fewer.plan.order_seed = 1;
    of(&base, &fewer);
}

const SCHEMA_TEXT: &str = include_str!("../../schema/comparison-v1.schema.json");

#[test]
fn the_published_schema_and_what_is_written_say_the_same() {
    let root: Value = serde_json::from_str(SCHEMA_TEXT).unwrap();
    let mut checker = Checker::new(root.clone());
    let base = fixture::record();
    let mut elsewhere = base.clone();
    elsewhere.machine.fingerprint = "x".to_owned();
    let mut debug = base.clone();
    debug.build.profile = "dev".to_owned();
    debug.build.sqlite_options = vec!["THREADSAFE=1".to_owned()];
    let mut all = vec![
        paired(&base, 8),
        paired(&quiet(), 8),
        of(&base, &elsewhere),
        of(&base, &debug),
        of(&base, &changed(&base, 8)),
    ];
    let doubts = [
        Doubt::TooFewPairs { have: 1, need: 8 },
        Doubt::NoSelfComparison,
        Doubt::Biased { ratio: 1.1 },
        Doubt::Noisy { reach: 0.1 },
        Doubt::Wide { reach: 0.1 },
        Doubt::Margin { ratio: 1.1 },
        Doubt::Unconfirmed { ratio: 1.1 },
        Doubt::Contradicted { first: 1.1, second: 1.0 },
        Doubt::BetweenRuns { ratio: 1.1 },
    ];
    for (why, at) in doubts.into_iter().zip(0..) {
        let mut comparison = paired(&base, 8);
        comparison.verdicts.arms[at % 9].time = Some(Verdict::Inconclusive { why });
        all.push(comparison);
    }
    let mut commands = paired(&base, 8);
    commands.base.argv = Some(vec!["wc".to_owned()]);
    all.push(commands);
    all[0].verdicts.rules.tolerated.insert("vm_steps".to_owned(), 0.001);
    for comparison in &all {
        let data: Value = serde_json::from_str(&json(comparison).unwrap()).unwrap();
        checker.check(&root, &data, "file").unwrap();
    }
    let missing = [
        "rules.beside",
        "rules.tolerated",
        "build.sqlite_options",
        "program.argv",
        "file.times",
        "arm.cause",
    ];
    assert_eq!(named(&root, &missing), checker.seen);
    let mut data: Value = serde_json::from_str(&json(&all[0]).unwrap()).unwrap();
    // What came later is not in files that were written before.
    for later in ["beside", "tolerated"] {
        data["rules"].as_object_mut().unwrap().remove(later);
    }
    data.as_object_mut().unwrap().remove("times");
    checker.check(&root, &data, "file").unwrap();
    assert_eq!(serde_json::from_value::<Rules>(data["rules"].clone()).unwrap(), Rules::default());
    data["arms"][0]["time"] = Value::from("slower");
    assert!(Checker::new(root.clone()).check(&root, &data, "file").is_err());
}

/// Comparisons as `compare` writes them.
fn kept() -> Comparisons {
    let base = quiet();
    let elsewhere = Record { machine: elsewhere(&base), ..changed(&base, 40) };
    let named = |name: &str, comparison| Run { name: name.to_owned(), comparison };
    let runs = vec![
        named("paired", paired(&base, 8)),
        named("noisy", paired(&fixture::record(), 4)),
        named("elsewhere", of(&base, &elsewhere)),
        named("unpaired", of(&base, &changed(&base, 40))),
    ];
    Comparisons { exit_code: 4, interrupted: true, runs }
}

fn elsewhere(base: &Record) -> Machine {
    Machine { fingerprint: "fedcba9876543210".to_owned(), ..base.machine.clone() }
}

#[test]
fn what_was_written_reads_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("comparison.json");
    let kept = kept();
    kept.write(&path).unwrap();
    let read = Comparisons::read(&path).unwrap();
    assert_eq!((read.exit_code, read.interrupted), (4, true));
    for (read, kept) in read.runs.iter().zip(&kept.runs) {
        assert_eq!(read.name, kept.name);
        assert_eq!(json(&read.comparison).unwrap(), json(&kept.comparison).unwrap());
        assert_eq!(details(&read.comparison), details(&kept.comparison));
    }
    assert_eq!(crate::Document::read(&path).unwrap(), crate::Document::Comparisons(read));
}

#[test]
fn what_is_not_what_was_written_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("comparison.json");
    let whole = kept().to_json().unwrap();
    let refused = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let error = Comparisons::read(&path).unwrap_err();
        assert!(error.to_string().contains("comparison.json"), "{error}");
        error
    };
    for part in 1..20 {
        let end = whole.trim_end().len() * part / 20;
        let error = refused(&whole[..end]);
        assert!(matches!(error, Error::Truncated { .. }), "{end}: {error}");
    }
    for (from, to) in [
        ("\"kind\": \"slower\"", "\"kind\": \"same\""),
        ("\"exit_code\": 4", "\"exit_code\": 0"),
        ("\"interrupted\": true", "\"interrupted\": false"),
        ("\"name\": \"paired\"", "\"name\": \"other\""),
    ] {
        assert!(whole.contains(from), "{from}");
        assert!(matches!(refused(&whole.replacen(from, to, 1)), Error::Edited { .. }), "{from}");
    }
    for version in ["0", "2"] {
        let other = whole.replacen("\"version\": 1", &format!("\"version\": {version}"), 1);
        let error = refused(&other);
        assert!(matches!(error, Error::UnknownVersion { kind: "comparison", .. }), "{error}");
    }
    assert!(matches!(refused("{\"schema\": \"tracerig.record\"}"), Error::NotARecord { .. }));
    // Laid out in another way it is the same.
    let compact = serde_json::to_string(
        &serde_json::from_str::<Box<serde_json::value::RawValue>>(&whole).unwrap(),
    );
    std::fs::write(&path, compact.unwrap().replace('\n', " ")).unwrap();
    assert!(Comparisons::read(&path).is_ok());
}
