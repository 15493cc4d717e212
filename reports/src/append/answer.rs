//! What an append run found, in sentences: the answer to its question first.

use std::time::Duration;

use super::{ASYNC, ASYNC_PER_THREAD, ArmSummary, BARE, Comparison, SYNC, SYNC_READBACK, Summary, condition};
use crate::stats::Interval;
use crate::summary::RatioSummary;
use crate::units;
use crate::words;

/// What the run found. Wrong rows come first: the time of an append that loses something is of no use.
pub(crate) fn answer(summary: &Summary) -> Vec<String> {
    let mut said = Vec::new();
    if summary.rows.mismatches > 0 {
        said.push(format!(
            "{} left a history or a row that is WRONG; no figure of this run is of use until that is explained.",
            words::plural(summary.rows.mismatches, "sample")
        ));
    }
    said.extend(before_or_after(summary));
    said.extend(beside_bare(summary));
    said.extend(lateness(summary));
    said.push(rows(summary));
    said.extend(readback(summary));
    said.extend(one_worker(summary));
    said.extend(published(summary));
    said
}

/// The question itself: what does an append cost its caller, the row projected after it returned, or before?
fn before_or_after(summary: &Summary) -> Option<String> {
    let measured = |name: &&str| summary.arm(name).and_then(|arm| arm.append.as_ref().map(|_| arm));
    let after = [ASYNC, ASYNC_PER_THREAD].iter().find_map(measured);
    let before = [SYNC_READBACK, SYNC].iter().find_map(measured);
    let plan = summary.condition.as_ref()?;
    let cost = |arm: &ArmSummary| {
        words::or_empty(arm.append.as_ref(), |times| {
            format!("{} (p99 {})", units::duration(times.p50), units::duration(times.p99))
        })
    };
    let mut costs = Vec::new();
    if let Some(arm) = after {
        costs.push(format!("{} when its row is projected after it returned ({})", cost(arm), arm.name));
    }
    if let Some(arm) = before {
        let published = if arm.name == SYNC_READBACK { ", as published" } else { "" };
        let row = if after.is_some() { "when projected" } else { "when its row is projected" };
        costs.push(format!("{} {row} before it returns ({}{published})", cost(arm), arm.name));
    }
    if costs.is_empty() {
        return None;
    }
    let both = after.zip(before).and_then(|(after, before)| summary.comparison(&before.name, &after.name));
    let times = words::or_empty(both, |found| format!(": {}", as_long(found)));
    Some(format!(
        "An append costs its caller {}{times}. Measured with {}.",
        costs.join(", and "),
        condition::short(plan)
    ))
}

/// `131x as long (99 % interval 130 to 132), 131x at p99 (129 to 133)`; `no difference` where an interval holds 1.
fn as_long(found: &Comparison) -> String {
    let times = |ratio: &RatioSummary, as_long: &str| match ratio.interval {
        Some(Interval { low, high }) if low <= 1.0 && 1.0 <= high => "no difference".to_owned(),
        _ => format!("{}x{as_long}", units::ratio(ratio.ratio)),
    };
    let interval = |ratio: &RatioSummary, title: &str| {
        words::or_empty(ratio.interval, |ends| format!(" ({title}{})", words::interval(ends)))
    };
    format!(
        "{}{}, {} at p99{}",
        times(&found.p50, " as long"),
        interval(&found.p50, &format!("{} interval ", words::confidence())),
        times(&found.p99, ""),
        interval(&found.p99, "")
    )
}

/// What every mode costs beside the floor.
fn beside_bare(summary: &Summary) -> Option<String> {
    let bare = summary.arm(BARE)?.append.as_ref()?;
    let each: Vec<String> = summary
        .arms
        .iter()
        .filter_map(|arm| arm.of_bare.as_ref())
        .map(|Comparison { arm, p50, p99, .. }| {
            format!("{arm} {}x (p99 {}x)", units::ratio(p50.ratio), units::ratio(p99.ratio))
        })
        .collect();
    let floor = format!(
        "Writing the same lines without any row ({BARE}) takes {} (p99 {})",
        units::duration(bare.p50),
        units::duration(bare.p99)
    );
    Some(if each.is_empty() {
        format!("{floor}.")
    } else {
        format!("{floor}; as multiples of that: {}.", each.join(", "))
    })
}

/// What of the published mode is the read-back. In an open loop the times are those of a line of waiting appends, in which
/// parts cannot be told apart.
fn readback(summary: &Summary) -> Option<String> {
    let parts =
        summary.readback.filter(|_| summary.condition.as_ref().is_some_and(|plan| plan.rate.is_none()))?;
    let beyond = units::duration(parts.beyond_bare);
    if parts.read_back_ns < 0 || parts.write_ns < 0 {
        return Some(format!(
            "Of the {beyond} that {SYNC_READBACK} takes beyond {BARE} (p50) no part can be told: {SYNC} does not lie between them.",
        ));
    }
    Some(format!(
        "Of the {beyond} that {SYNC_READBACK} takes beyond {BARE} (p50), reading the row, before and after, takes {} ({}) and writing it {}.",
        units::duration(Duration::from_nanos(parts.read_back_ns.unsigned_abs())),
        words::percent(parts.read_back_share),
        units::duration(Duration::from_nanos(parts.write_ns.unsigned_abs())),
    ))
}

/// What one worker for the store changes against one for each thread.
fn one_worker(summary: &Summary) -> Option<String> {
    let (one, many) = (summary.arm(ASYNC)?, summary.arm(ASYNC_PER_THREAD)?);
    let found = summary.comparison(ASYNC, ASYNC_PER_THREAD)?;
    let mut text = format!(
        "One worker for the store instead of one for each thread, for the caller of an append: {}",
        as_long(found)
    );
    if let (Some(own), Some(other)) = (one.per_append.transactions, many.per_append.transactions) {
        text +=
            &format!("; {} transactions an append instead of {}", units::average(own), units::average(other));
    }
    if let (Some(own), Some(other)) = (&one.staleness, &many.staleness) {
        text += &format!(
            ", rows late by {} (p99 {}) instead of {} (p99 {})",
            units::duration(own.p50),
            units::duration(own.p99),
            units::duration(other.p50),
            units::duration(other.p99)
        );
    }
    Some(text + ".")
}

/// How late rows were.
fn lateness(summary: &Summary) -> Option<String> {
    let late = |name: &&str| Some((summary.arm(name)?.name.as_str(), summary.arm(name)?.staleness?));
    let (name, times) = [ASYNC, ASYNC_PER_THREAD].iter().find_map(late)?;
    Some(format!(
        "The price: a row of {name} lags behind its history, counted from the earliest append it lacks, by {} (p50), {} (p99), \
         {} at most.",
        units::duration(times.p50),
        units::duration(times.p99),
        units::duration(times.max)
    ))
}

/// Whether the final rows were right.
pub(crate) fn rows(summary: &Summary) -> String {
    let rows = &summary.rows;
    if rows.all_right() {
        return format!(
            "Nothing was lost: all {} final rows equalled the replay of their histories, in {} of {} that projected.",
            units::count(rows.verified),
            units::count(rows.verified_launches),
            words::launches(rows.launches)
        );
    }
    if rows.launches == 0 && rows.mismatches == 0 && rows.failures == 0 {
        return "No launch that projects rows was made, so nothing is proven of rows.".to_owned();
    }
    format!(
        "{} final rows equalled the replay of their histories, in {} of {} that projected; {} wrong, {} without an answer.",
        units::count(rows.verified),
        units::count(rows.verified_launches),
        words::launches(rows.launches),
        words::plural(rows.mismatches, "sample"),
        words::plural(rows.failures, "sample"),
    )
}

/// The figures published with the design, where there is one to stand beside them.
fn published(summary: &Summary) -> Option<String> {
    let measured = |name: &&str| summary.arm(name).is_some_and(|arm| arm.append.is_some());
    [ASYNC, ASYNC_PER_THREAD].iter().any(measured).then(|| {
        "Published, to stand beside (openai/codex #30669, one trace, another machine): an append took its caller 3.485 ms while \
         projections of 112.632 ms and 133.694 ms went on."
            .to_owned()
    })
}
