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

/// How many times as long as threads wake late an append must wait, to be called waiting in line.
const BEYOND_WAKING: u32 = 10;

/// What limits the figures, the gravest first.
pub(crate) fn limits(record: &Record, summary: &Summary) -> Vec<String> {
    let Some(plan) = &summary.condition else {
        return vec!["The record has no condition of appends, hence no figures.".to_owned()];
    };
    let mut said = build_and_machine(record);
    for arm in summary.arms.iter().filter(|arm| arm.append.is_none()) {
        said.push(format!("{} has no valid sample, hence no figures.", arm.name));
    }
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
            "Buffered: what was acknowledged outlives the process, not a machine that stops. Ask with --durability fsync for \
             what that costs."
                .to_owned(),
        );
    }
    said
}

fn sharing(record: &Record, plan: &AppendPlan) -> String {
    let other = if plan.contended { ", the process that takes the lock" } else { "" };
    format!(
        "The appends ({}){other} and the workers that project share {}: what is done after an append still takes time from the \
         next ones.",
        words::plural(plan.threads, "thread"),
        words::plural(record.machine.cores, "core")
    )
}

fn loops(plan: &AppendPlan) -> String {
    match plan.rate {
        None => "Closed loop: a thread that waits makes no appends, so a stall is counted once and not for those it kept from \
                 being made (coordinated omission). Tails under a steady load take an open loop: --rate."
            .to_owned(),
        Some(_) => "Open loop: an append is timed from the moment it was due, so a stall counts for everyone who waited in line."
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
        "In every time are about {} (p50 of {BARE}) by which a thread wakes too late for an append that is due.",
        units::duration(waited)
    ))
}

/// Arms whose appends wait for one another longer than they take, and longer than the harness itself is late.
fn waiting(summary: &Summary) -> Option<String> {
    let waking = summary.arm(BARE).and_then(waited).unwrap_or_default();
    let in_line = |arm: &ArmSummary| {
        let (waited, append, service) = (waited(arm)?, arm.append?, arm.service?);
        (arm.name != BARE && waited > service.p50 && waited > waking * BEYOND_WAKING)
            .then(|| format!("{} {} of {}", arm.name, units::duration(waited), units::duration(append.p50)))
    };
    let found: Vec<String> = summary.arms.iter().filter_map(in_line).collect();
    (!found.is_empty()).then(|| {
        format!(
            "Most of the time of an append (p50) is waiting in line for those before: {}. An arm that cannot keep up with the \
             rate waits the longer the longer a sample is: read that as \"cannot\", not as a latency.",
            found.join(", ")
        )
    })
}

/// How few appends stand behind the tail.
fn tails(summary: &Summary) -> Option<String> {
    let counts = || summary.arms.iter().filter_map(|arm| arm.append.map(|times| times.count));
    let fewest = counts().min()?;
    Some(format!(
        "Behind a p99.9 stand {}, behind a max one, and stalls come in bunches: read them as what can happen, not as how often.",
        match fewest / 1000 {
            0 => "less than one append".to_owned(),
            n => format!("the slowest {} or more", words::plural(n, "append")),
        }
    ))
}

fn few_pairs(summary: &Summary) -> Option<String> {
    let beside_bare = summary.arms.iter().filter_map(|arm| arm.of_bare.as_ref());
    let all: Vec<&Comparison> = summary.comparisons.iter().chain(beside_bare).collect();
    let lacking: Vec<&Comparison> =
        all.iter().copied().filter(|found| found.p50.interval.is_none()).collect();
    let first = lacking.first()?;
    if lacking.len() == all.len() && lacking.iter().all(|found| found.p50.pairs == first.p50.pairs) {
        return Some(format!(
            "No ratio has an interval: that takes {FEWEST_PAIRS} common rounds, and each has {}.",
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
        "Ratios without an interval, which takes {FEWEST_PAIRS} common rounds: {}.",
        lacking.join(", ")
    ))
}

fn failed_projections(summary: &Summary) -> Option<String> {
    let failed = |arm: &ArmSummary| {
        let seen = arm.counters.get(names::FAILED_PROJECTIONS)?.seen?;
        (seen.max > 0).then(|| format!("{} up to {} a launch", arm.name, units::count(seen.max)))
    };
    let found: Vec<String> = summary.arms.iter().filter_map(failed).collect();
    (!found.is_empty()).then(|| {
        format!(
            "Projections failed and were made good by later ones, which makes rows later: {}.",
            found.join(", ")
        )
    })
}

/// Exact counters repeat on the same items. Where they do not, the work changed.
fn varying(summary: &Summary) -> Option<String> {
    let mut found: BTreeSet<String> = BTreeSet::new();
    for arm in &summary.arms {
        let counters = arm.counters.iter().filter(|(_, counter)| counter.class == CounterClass::Exact);
        let varying = counters.filter(|(_, counter)| counter.seen.is_some_and(|seen| seen.varies));
        found.extend(varying.map(|(name, _)| format!("{name} of {}", arm.name)));
    }
    (!found.is_empty()).then(|| {
        format!(
            "Exact counters that differ between launches of an arm, although the items are the same: {}.",
            found.into_iter().collect::<Vec<_>>().join(", ")
        )
    })
}
