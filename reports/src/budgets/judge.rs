//! Whether the figures of records are within their budgets.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Budget, Budgets, Class, Found, Judged, Judgement, Limit, Outcome};
use crate::record::{ArmKey, CounterClass, Histogram, Launch, Record, Sample, SampleState, names};
use crate::stats::{self, FEWEST_PAIRS, Interval};
use crate::units;
use crate::words;

/// The outcome of a budget and its figure; an outcome alone if nothing was measured.
type Figure = Result<(Outcome, Found), Outcome>;

/// Judges the budgets by the records of the runs of this plan, each with its name.
#[must_use]
pub fn judge(budgets: &Budgets, plan: &str, measured: &[(&str, &Record)]) -> Judgement {
    let mut judged: Vec<Judged> =
        budgets.budgets.iter().map(|budget| one(budget, plan, measured)).collect();
    judged.sort_by_key(|judged| judged.outcome.rank());
    Judgement { file: budgets.file.clone(), budgets: judged }
}

fn one(budget: &Budget, plan: &str, measured: &[(&str, &Record)]) -> Judged {
    let (outcome, found) = match figure(budget, plan, measured) {
        Ok((outcome, found)) => (outcome, Some(found)),
        Err(outcome) => (outcome, None),
    };
    Judged { budget: budget.clone(), outcome, found }
}

fn figure(budget: &Budget, plan: &str, measured: &[(&str, &Record)]) -> Figure {
    if budget.plan != plan {
        return Err(left_out(format!("for the plan {}", budget.plan)));
    }
    let record = measured.iter().find(|(name, _)| *name == budget.run).map(|(_, record)| *record);
    let record =
        record.ok_or_else(|| left_out(format!("the run {} was not measured", budget.run)))?;
    is_sound(record, &budget.arm)?;
    match &budget.limit {
        Limit::Counter { counter, at_most } => amount(record, &budget.arm, counter, *at_most),
        Limit::Ratio { to, at_most } => {
            is_sound(record, to)?;
            ratio(record, &budget.arm, to, *at_most)
        }
        Limit::Time { phase, percentile, at_most, machine } => {
            is_here(machine, record)?;
            time(record, &budget.arm, phase.as_deref(), *percentile, *at_most)
        }
    }
}

fn left_out(because: String) -> Outcome {
    Outcome::LeftOut { because }
}

fn undecided(because: impl Into<String>) -> Outcome {
    Outcome::Undecided { because: because.into() }
}

fn within(is_met: bool) -> Outcome {
    if is_met { Outcome::Met } else { Outcome::Missed }
}

fn told(arm: &ArmKey) -> String {
    words::arm(&arm.name, arm.cache)
}

/// Whether the arm was measured, and no answer of it was wrong or missing.
fn is_sound(record: &Record, arm: &ArmKey) -> Result<(), Outcome> {
    if record.plan.arm(arm).is_none() {
        return Err(left_out(format!("{} was not measured", told(arm))));
    }
    let wrong = |sample: &Sample| {
        sample.key() == *arm
            && matches!(sample.state, SampleState::Failed { .. } | SampleState::Mismatch { .. })
    };
    if record.samples.iter().any(wrong) {
        return Err(undecided(format!("{} failed or answered wrongly", told(arm))));
    }
    Ok(())
}

/// Whether the machine belongs to the class.
fn is_here(class: &Class, record: &Record) -> Result<(), Outcome> {
    let machine = &record.machine;
    if class.holds(machine) {
        return Ok(());
    }
    Err(left_out(format!(
        "for the machine {} ({}, {}, {}); this one is {}, {}, {}",
        class.name,
        class.cpu,
        words::plural(class.cores, "core"),
        class.arch,
        machine.cpu.as_deref().unwrap_or("of an unknown processor"),
        words::plural(machine.cores, "core"),
        machine.arch
    )))
}

/// Exact work is the same in a page cache of any state, so samples that were excluded count, too.
fn amount(record: &Record, arm: &ArmKey, name: &str, at_most: u64) -> Figure {
    let launches = record.samples.iter().filter(|sample| sample.key() == *arm);
    let counters: Vec<_> = launches
        .flat_map(|sample| &sample.launches)
        .filter_map(|launch| launch.counters.get(name))
        .collect();
    if counters.is_empty() {
        return Err(undecided(format!("no launch reports {name}")));
    }
    if counters.iter().any(|counter| counter.class != CounterClass::Exact) {
        return Err(undecided(format!("{name} is not exact in this arm")));
    }
    let amounts: Option<Vec<u64>> = counters.iter().map(|counter| counter.value).collect();
    let amount = amounts.and_then(|amounts| amounts.into_iter().max());
    let amount = amount.ok_or_else(|| undecided(format!("{name} is unavailable here")))?;
    Ok((within(amount <= at_most), Found::Amount { amount }))
}

fn ratio(record: &Record, arm: &ArmKey, to: &ArmKey, at_most: f64) -> Figure {
    let (own, other) = (by_round(record, arm), by_round(record, to));
    let pairs: Vec<(f64, f64)> =
        own.iter().filter_map(|(round, time)| Some((*time, *other.get(round)?))).collect();
    let found = stats::paired_ratio(&pairs).ok_or_else(|| {
        undecided(format!("no round has a valid sample of both it and {}", told(to)))
    })?;
    let outcome = match found.interval {
        None => undecided(format!(
            "{} with {}; {FEWEST_PAIRS} are needed",
            words::plural(found.pairs as u64, "pair"),
            told(to)
        )),
        Some(Interval { high, .. }) if high <= at_most => Outcome::Met,
        Some(Interval { low, .. }) if low > at_most => Outcome::Missed,
        Some(ends) => undecided(format!(
            "the limit of {} lies within the interval, {}",
            units::ratio(at_most),
            words::interval(ends)
        )),
    };
    Ok((outcome, Found::Ratio { ratio: found.ratio, interval: found.interval }))
}

/// The time of each valid sample by its round: that of a launch, as in the report of a run, or the
/// p50 of an append.
fn by_round(record: &Record, arm: &ArmKey) -> BTreeMap<u64, f64> {
    let valid = record.samples.iter().filter(|sample| sample.is_valid() && sample.key() == *arm);
    let time = |sample: &Sample| {
        if record.plan.append.is_some() {
            Some(appends(std::iter::once(sample)).quantile(0.5)).filter(|time| !time.is_zero())
        } else {
            sample.time()
        }
    };
    valid.filter_map(|sample| Some((sample.round, time(sample)?.as_nanos() as f64))).collect()
}

/// Every append of these samples.
fn appends<'a>(samples: impl Iterator<Item = &'a Sample>) -> Histogram {
    let mut all = Histogram::new();
    let launches = samples.flat_map(|sample| &sample.launches);
    launches
        .filter_map(|launch| launch.histograms.get(names::APPEND))
        .for_each(|own| all.merge(own));
    all
}

fn time(
    record: &Record,
    arm: &ArmKey,
    phase: Option<&str>,
    percentile: f64,
    at_most: Duration,
) -> Figure {
    let valid = || record.samples.iter().filter(|sample| sample.is_valid() && sample.key() == *arm);
    if valid().next().is_none() {
        return Err(undecided(format!("no sample of {} is valid", told(arm))));
    }
    let part = percentile / 100.0;
    let time = match phase {
        None if record.plan.append.is_some() => appends(valid()).quantile(part),
        phase => {
            let launches: Vec<&Launch> = valid().flat_map(|sample| &sample.launches).collect();
            let times = match phase {
                None => launches.iter().map(|launch| launch.wall.as_nanos() as f64).collect(),
                Some(phase) => of_phase(&launches, phase)?,
            };
            Duration::from_nanos(stats::quantile(&times, part).unwrap_or_default().round() as u64)
        }
    };
    Ok((within(time <= at_most), Found::Time { time }))
}

/// What each launch took in the phase.
fn of_phase(launches: &[&Launch], name: &str) -> Result<Vec<f64>, Outcome> {
    let phases = || launches.iter().flat_map(|launch| &launch.phases);
    if !phases().any(|phase| phase.name == name) {
        let known: std::collections::BTreeSet<&str> =
            phases().map(|phase| phase.name.as_str()).collect();
        let known = if known.is_empty() {
            "none".to_owned()
        } else {
            known.into_iter().collect::<Vec<_>>().join(", ")
        };
        return Err(undecided(format!("no launch has a phase {name}; there are: {known}")));
    }
    let within = |launch: &&Launch| -> f64 {
        let own = launch.phases.iter().filter(|phase| phase.name == name);
        own.map(|phase| phase.elapsed.as_nanos() as f64).sum()
    };
    Ok(launches.iter().map(within).collect())
}
