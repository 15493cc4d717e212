//! What limits the figures of an append run: everything a reader who distrusts them would ask.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{ArmSummary, BARE, Comparison, Summary};
use crate::Record;
use crate::limits::build_and_machine;
use crate::record::{AppendPlan, CounterClass, names};
use crate::stats::FEWEST_PAIRS;
use crate::units;
use crate::words;

/// An append waits for others if it waits this many times as long as threads wake late.
const BEYOND_WAKING: u32 = 10;

/// What limits the figures, the most important first.
pub(crate) fn limits(record: &Record, summary: &Summary) -> Vec<String> {
    let Some(plan) = &summary.condition else {
        return vec!["The record has no condition of appends, so it has no figures.".to_owned()];
    };
    let mut said = build_and_machine(record);
    let lacks = |arm: &&ArmSummary| arm.append.is_none() && arm.candidate.is_none();
    for arm in summary.arms.iter().filter(lacks) {
        said.push(format!("{} has no valid sample, so it has no figures.", arm.name));
    }
    said.extend(crate::limits::of_candidates(record, &is_faulty(summary)));
    said.extend(of_candidates(record, summary));
    said.push(sharing(record, plan));
    said.push(loops(plan));
    said.extend(waking(summary));
    said.extend(waiting(summary));
    said.extend(tails(summary));
    said.extend(few_pairs(summary));
    said.extend(failed_projections(summary));
    said.extend(varying(summary));
    if plan.durability == AppendPlan::BUFFERED {
        said.push(
            "Buffered: acknowledged appends survive the process, not the machine. Measure \
             --durability fsync for that."
                .to_owned(),
        );
    }
    said
}

/// Whether the candidate of an engine has a fault.
fn is_faulty(summary: &Summary) -> impl Fn(&str) -> bool + '_ {
    |engine| {
        let mut its = summary.arms.iter().filter(move |arm| arm.engine == engine);
        its.any(|arm| arm.candidate.as_ref().is_some_and(|found| found.own.is_faulty))
    }
}

/// What is to be known of the figures of candidates.
pub(super) fn of_candidates(record: &Record, summary: &Summary) -> Vec<String> {
    let foreign = || summary.arms.iter().filter_map(|arm| Some((arm, arm.candidate.as_ref()?)));
    let claimed = foreign().filter(|(arm, _)| arm.append.is_some());
    let claimed: Vec<&str> = claimed.map(|(arm, _)| arm.name.as_str()).collect();
    let mut said = Vec::new();
    if !claimed.is_empty() {
        said.push(format!("Claimed by the candidate: the latencies of {}.", claimed.join(", ")));
    }
    let fewest = foreign().filter_map(|(_, found)| found.appends).filter(|found| *found > 0).min();
    if let Some(fewest) = fewest.filter(|fewest| *fewest < record.dataset.rows) {
        said.push(format!(
            "A request holds at most 8 MiB: the append arms of candidates append {} of {}.",
            units::count(fewest),
            words::plural(record.dataset.rows, "line")
        ));
    }
    said
}

fn sharing(record: &Record, plan: &AppendPlan) -> String {
    let other = if plan.contended { ", the process that takes the lock" } else { "" };
    format!(
        "The appends ({}){other} and the projecting workers share {}: work after an append slows \
         the next ones.",
        words::plural(plan.threads, "thread"),
        words::plural(record.machine.cores, "core")
    )
}

fn loops(plan: &AppendPlan) -> String {
    match plan.rate {
        None => "Closed loop: a stalled thread makes no appends meanwhile, so a stall counts once \
                 (coordinated omission). Use an open loop (--rate) for tails under steady load."
            .to_owned(),
        Some(_) => "Open loop: an append is timed from its intended start, so a stall counts for \
                    every append that waited."
            .to_owned(),
    }
}

/// How long an append waited at p50 before it really began.
fn waited(arm: &ArmSummary) -> Option<Duration> {
    Some(arm.append?.p50.saturating_sub(arm.service?.p50))
}

/// How late the harness itself is: `bare` hardly ever waits for another append.
fn waking(summary: &Summary) -> Option<String> {
    let waited = waited(summary.arm(BARE)?).filter(|waited| !waited.is_zero())?;
    Some(format!(
        "Every time includes about {} (p50 of {BARE}) by which a thread wakes too late.",
        units::duration(waited)
    ))
}

/// Arms whose appends wait for each other longer than they take, and longer than the harness is
/// late.
fn waiting(summary: &Summary) -> Option<String> {
    let waking = summary.arm(BARE).and_then(waited).unwrap_or_default();
    let in_line = |arm: &ArmSummary| {
        let (waited, append, service) = (waited(arm)?, arm.append?, arm.service?);
        (arm.name != BARE && waited > service.p50 && waited > waking * BEYOND_WAKING).then(|| {
            format!("{} {} of {}", arm.name, units::duration(waited), units::duration(append.p50))
        })
    };
    let found: Vec<String> = summary.arms.iter().filter_map(in_line).collect();
    (!found.is_empty()).then(|| {
        format!(
            "Most of the time of an append (p50) is waiting for earlier appends: {}. An arm that \
             cannot keep up with the rate waits longer in longer samples: read that as \"cannot \
             keep up\", not as a latency.",
            found.join(", ")
        )
    })
}

/// How few appends the tail rests on.
fn tails(summary: &Summary) -> Option<String> {
    let counts = || summary.arms.iter().filter_map(|arm| arm.append.map(|times| times.count));
    let fewest = counts().min()?;
    Some(format!(
        "p99.9 rests on {}, max on one, and stalls come in bunches: they show what can happen, not \
         how often.",
        match fewest / 1000 {
            0 => "less than one append".to_owned(),
            n => format!("the slowest {}", words::plural(n, "append")),
        }
    ))
}

fn few_pairs(summary: &Summary) -> Option<String> {
    let beside_bare = summary.arms.iter().filter_map(|arm| arm.of_bare.as_ref());
    let all: Vec<&Comparison> = summary.comparisons.iter().chain(beside_bare).collect();
    let lacking: Vec<&Comparison> =
        all.iter().copied().filter(|found| found.p50.interval.is_none()).collect();
    let first = lacking.first()?;
    if lacking.len() == all.len() && lacking.iter().all(|found| found.p50.pairs == first.p50.pairs)
    {
        return Some(format!(
            "No ratio has an interval: that needs {FEWEST_PAIRS} common rounds, and each has {}.",
            units::count(first.p50.pairs)
        ));
    }
    let each = |found: &&Comparison| {
        let rounds = match found.p50.pairs {
            0 => "no common round: ratio over all samples".to_owned(),
            pairs => words::plural(pairs, "round"),
        };
        format!("{} to {} ({rounds})", found.arm, found.baseline)
    };
    let lacking: Vec<String> = lacking.iter().map(each).collect();
    Some(format!(
        "Ratios without an interval, which needs {FEWEST_PAIRS} common rounds: {}.",
        lacking.join(", ")
    ))
}

fn failed_projections(summary: &Summary) -> Option<String> {
    let failed = |arm: &ArmSummary| {
        let seen = arm.counters.get(names::FAILED_PROJECTIONS)?.seen?;
        (seen.max > 0).then(|| format!("{} up to {} per launch", arm.name, units::count(seen.max)))
    };
    let found: Vec<String> = summary.arms.iter().filter_map(failed).collect();
    (!found.is_empty()).then(|| {
        format!(
            "Projections failed and later ones made up for them, so rows were later: {}.",
            found.join(", ")
        )
    })
}

/// Exact counters repeat on the same items. Where they do not, the work changed.
fn varying(summary: &Summary) -> Option<String> {
    let mut found: BTreeSet<String> = BTreeSet::new();
    for arm in &summary.arms {
        let counters =
            arm.counters.iter().filter(|(_, counter)| counter.class == CounterClass::Exact);
        let varying = counters.filter(|(_, counter)| counter.seen.is_some_and(|seen| seen.varies));
        found.extend(varying.map(|(name, _)| format!("{name} of {}", arm.name)));
    }
    (!found.is_empty()).then(|| {
        format!(
            "Exact counters that differ between launches of an arm, although the items are the \
             same: {}.",
            found.into_iter().collect::<Vec<_>>().join(", ")
        )
    })
}
