//! Budgets are met, missed, undecided or left out as their records say.

use std::time::Duration;

use super::*;
use crate::Record;
use crate::fixture::{self, append, flawless};
use crate::record::{Cache, SampleState};

fn arm(name: &str) -> ArmKey {
    ArmKey::new(name, Cache::Hot)
}

fn here() -> Class {
    let [name, cpu, arch] = ["ci", "AMD EPYC 7763", "x86_64"].map(str::to_owned);
    Class { name, cpu, cores: 2, arch }
}

fn counter(counter: &str, at_most: u64) -> Limit {
    Limit::Counter { counter: counter.to_owned(), at_most }
}

fn ratio(to: &str, at_most: f64) -> Limit {
    Limit::Ratio { to: arm(to), at_most }
}

fn time(phase: Option<&str>, percentile: f64, micros: u64) -> Limit {
    let at_most = Duration::from_micros(micros);
    Limit::Time { phase: phase.map(str::to_owned), percentile, at_most, machine: here() }
}

fn budget(name: &str, limit: Limit) -> Budget {
    let [plan, run, why] = ["ci", "relaunch", "A test."].map(str::to_owned);
    Budget { line: 7, plan, run, arm: arm(name), limit, why }
}

/// What comes of a budget of the arm `warm`, hot.
fn of(record: &Record, budget: Budget) -> Judged {
    let budgets = Budgets { file: "b.toml".to_owned(), budgets: vec![budget] };
    judge(&budgets, "ci", &[("relaunch", record)]).budgets.remove(0)
}

fn warm(record: &Record, limit: Limit) -> Outcome {
    of(record, budget("warm", limit)).outcome
}

fn because(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Undecided { because } | Outcome::LeftOut { because } => because,
        Outcome::Met | Outcome::Missed => "",
    }
}

#[test]
fn a_counter_is_met_up_to_its_limit_and_missed_by_one_launch_beyond() {
    let mut record = flawless();
    assert_eq!(warm(&record, counter("rows_examined", 200)), Outcome::Met);
    assert_eq!(warm(&record, counter("rows_examined", 199)), Outcome::Missed);
    // The last launch of the last sample alone.
    let last = record.samples.iter_mut().rfind(|sample| sample.key() == arm("warm")).unwrap();
    let counters = &mut last.launches.last_mut().unwrap().counters;
    counters.get_mut("rows_examined").unwrap().value = Some(201);
    let judged = of(&record, budget("warm", counter("rows_examined", 200)));
    assert_eq!(
        (judged.outcome, judged.found),
        (Outcome::Missed, Some(Found::Amount { amount: 201 }))
    );
}

#[test]
fn a_counter_that_is_not_exact_or_not_there_decides_nothing() {
    let record = flawless();
    for (name, said) in [
        ("cache_misses", "not exact"),
        ("fsyncs", "unavailable"),
        ("rows", "no launch reports rows"),
    ] {
        let outcome = warm(&record, counter(name, 1_000_000));
        assert!(matches!(outcome, Outcome::Undecided { .. }), "{name}: {outcome:?}");
        assert!(because(&outcome).contains(said), "{name}: {outcome:?}");
    }
}

#[test]
fn a_ratio_is_judged_with_its_interval() {
    let record = flawless();
    let found = of(&record, budget("warm", ratio("floor", 2.0)));
    let Some(Found::Ratio { ratio: about, interval: Some(Interval { low, high }) }) = found.found
    else {
        panic!("{found:?}");
    };
    // As the report of the run shows it.
    let summary = crate::Summary::of(&record);
    let shown = summary.arm(&arm("warm")).unwrap().of_floor.clone().unwrap();
    assert_eq!((about, Some(Interval { low, high })), (shown.ratio, shown.interval));
    assert!(low < about && about < high, "{low} {about} {high}");
    assert_eq!(warm(&record, ratio("floor", high)), Outcome::Met);
    assert_eq!(warm(&record, ratio("floor", low * 0.999)), Outcome::Missed);
    let between = warm(&record, ratio("floor", about));
    assert!(because(&between).contains("within the interval"), "{between:?}");
}

#[test]
fn too_few_pairs_are_undecided() {
    let mut record = flawless();
    record.samples.retain(|sample| sample.round < 7);
    let outcome = warm(&record, ratio("floor", 1e6));
    assert!(
        because(&outcome).starts_with("7 pairs") || because(&outcome).starts_with("6 pairs"),
        "{outcome:?}"
    );
    assert!(matches!(outcome, Outcome::Undecided { .. }));
}

#[test]
fn a_time_is_the_percentile_of_launches_or_of_a_phase() {
    let record = flawless();
    let warm_launches = || {
        let samples = record.samples.iter().filter(|sample| sample.key() == arm("warm"));
        samples.flat_map(|sample| &sample.launches)
    };
    let longest = warm_launches().map(|launch| launch.wall).max().unwrap();
    let found = of(&record, budget("warm", time(None, 100.0, 1_000_000)));
    assert_eq!((found.outcome, found.found), (Outcome::Met, Some(Found::Time { time: longest })));
    assert_eq!(warm(&record, time(None, 50.0, 2_000)), Outcome::Missed);
    let longest = warm_launches()
        .map(|launch| launch.phases.iter().find(|phase| phase.name == "check").unwrap().elapsed)
        .max();
    let found = of(&record, budget("warm", time(Some("check"), 100.0, 1_000_000))).found;
    assert_eq!(found, longest.map(|time| Found::Time { time }));
    let unknown = warm(&record, time(Some("checks"), 50.0, 1));
    assert!(because(&unknown).contains("there are: check, load"), "{unknown:?}");
}

#[test]
fn the_time_of_an_append_is_a_percentile_of_all_appends() {
    let record = append::closed();
    let mut own = budget("sync", time(None, 99.0, 10_000_000));
    own.arm.cache = Cache::Any;
    let Some(Found::Time { time }) = of(&record, own.clone()).found else { panic!() };
    assert!(time > Duration::ZERO);
    let Limit::Time { at_most, .. } = &mut own.limit else { panic!() };
    *at_most = time - Duration::from_nanos(1);
    assert_eq!(of(&record, own).outcome, Outcome::Missed);
}

#[test]
fn a_budget_for_another_class_of_machine_is_left_out_and_told() {
    let record = flawless();
    let elsewhere: [fn(&mut Class); 3] = [
        |class| class.cpu = "another".to_owned(),
        |class| class.cores = 4,
        |class| class.arch = "aarch64".to_owned(),
    ];
    for change in elsewhere {
        let mut limit = time(None, 50.0, 1);
        let Limit::Time { machine, .. } = &mut limit else { panic!() };
        change(machine);
        let outcome = warm(&record, limit);
        assert!(matches!(outcome, Outcome::LeftOut { .. }), "{outcome:?}");
        assert!(
            because(&outcome).contains("for the machine ci") && because(&outcome).contains("EPYC")
        );
    }
    assert_eq!(warm(&record, time(None, 50.0, 1)), Outcome::Missed);
}

#[test]
fn what_was_not_measured_or_went_wrong_is_never_met() {
    let record = flawless();
    let mut of_release = budget("warm", counter("rows_examined", 200));
    of_release.plan = "release".to_owned();
    assert!(because(&of(&record, of_release).outcome).contains("the plan release"));
    let mut other = budget("warm", counter("rows_examined", 200));
    other.run = "changed".to_owned();
    assert!(because(&of(&record, other).outcome).contains("changed was not measured"));
    let live = of(&record, budget("live", counter("rows_examined", 200))).outcome;
    assert!(because(&live).contains("live (cache hot) was not measured"), "{live:?}");
    let mut wrong = fixture::record();
    let sample = wrong.samples.iter_mut().find(|sample| sample.key() == arm("warm")).unwrap();
    sample.state = SampleState::Mismatch { detail: "a turn".to_owned() };
    let outcome = warm(&wrong, counter("rows_examined", 200));
    assert!(matches!(outcome, Outcome::Undecided { .. }), "{outcome:?}");
}

/// A missed, an undecided, a met and two left-out budgets.
pub(crate) fn mixed(record: &Record) -> Judgement {
    let mut elsewhere = time(None, 50.0, 1);
    if let Limit::Time { machine, .. } = &mut elsewhere {
        machine.cores = 64;
    }
    let limits = [
        elsewhere.clone(),
        counter("rows_examined", 200),
        ratio(
            "floor",
            of(record, budget("warm", ratio("floor", 1.0))).found.map_or(
                1.0,
                |found| match found {
                    Found::Ratio { ratio, .. } => ratio,
                    _ => 1.0,
                },
            ),
        ),
        counter("vm_steps", 3_869),
        elsewhere,
    ];
    let budgets =
        limits.into_iter().zip(3..).map(|(limit, line)| Budget { line, ..budget("warm", limit) });
    let budgets = Budgets { file: "budgets.toml".to_owned(), budgets: budgets.collect() };
    judge(&budgets, "ci", &[("relaunch", record)])
}

#[test]
fn the_gravest_budget_decides_and_missed_ones_come_first() {
    let judgement = mixed(&flawless());
    assert_eq!((judgement.counts(), judgement.gate()), ([1, 1, 1, 2], Gate::Regression));
    let lines: Vec<u64> = judgement.budgets.iter().map(|judged| judged.budget.line).collect();
    assert_eq!(lines, [6, 5, 4, 3, 7]);
    let text = terminal(&judgement);
    assert!(
        text.starts_with(
            "budgets.toml:6: MISSED: relaunch/warm:hot, vm_steps is 3,870, at most 3,869."
        ),
        "{text}"
    );
    assert!(
        text.contains("1 of 3 budgets is missed, 1 is undecided, 1 is met; 2 are left out."),
        "{text}"
    );
    assert!(
        text.contains("2 budgets left out (budgets.toml, lines 3, 7): for the machine"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    let without = |wanted: usize| {
        let mut judgement = judgement.clone();
        judgement.budgets.drain(..wanted);
        judgement.gate()
    };
    assert_eq!((without(1), without(2)), (Gate::Inconclusive, Gate::Fine));
}
