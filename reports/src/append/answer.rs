//! What an append run found, in sentences: the answer to its question first.

use std::time::Duration;

use super::{
    ASYNC, ASYNC_PER_THREAD, ArmSummary, BARE, Comparison, SYNC, SYNC_READBACK, Summary, condition,
};
use crate::remarks::{self, Length};
use crate::stats::Interval;
use crate::summary::RatioSummary;
use crate::units;
use crate::words;

/// What the run found. Causes of failure come first: the time of an append that loses something has
/// no value.
pub(crate) fn answer(summary: &Summary) -> Vec<String> {
    let mut said: Vec<String> =
        remarks::cause(&summary.outcome, &summary.left_out).into_iter().collect();
    said.extend(before_or_after(summary, Length::Full));
    said.extend(beside_bare(summary));
    said.extend(lateness(summary, Length::Full));
    said.push(rows(summary));
    said.extend(readback(summary));
    said.extend(one_worker(summary));
    said.extend(published(summary));
    said
}

/// The same in a few lines of a terminal.
pub(crate) fn brief(summary: &Summary) -> Vec<String> {
    let mut said: Vec<String> =
        remarks::cause(&summary.outcome, &summary.left_out).into_iter().collect();
    said.extend(before_or_after(summary, Length::Brief));
    said.extend(lateness(summary, Length::Brief));
    if said.is_empty() || summary.rows.all_right() {
        said.push(rows(summary));
    }
    said
}

/// What an append costs its caller if the row is projected after it returned, and if before.
fn before_or_after(summary: &Summary, length: Length) -> Option<String> {
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
        costs.push(format!(
            "{} if its row is projected after it returned ({})",
            cost(arm),
            arm.name
        ));
    }
    if let Some(arm) = before {
        let published = if arm.name == SYNC_READBACK { ", as published" } else { "" };
        let row = if after.is_some() { "if projected" } else { "if its row is projected" };
        costs.push(format!("{} {row} before it returns ({}{published})", cost(arm), arm.name));
    }
    if costs.is_empty() {
        return None;
    }
    let both =
        after.zip(before).and_then(|(after, before)| summary.comparison(&before.name, &after.name));
    let costs = costs.join(", and ");
    if length == Length::Brief {
        let times = words::or_empty(both, |found| format!(": {}", as_long(&found.p50, " as long")));
        return Some(format!("An append costs its caller {costs}{times}."));
    }
    let times = words::or_empty(both, |found| format!(": {}", both_as_long(found)));
    Some(format!(
        "An append costs its caller {costs}{times}. Measured with {}.",
        condition::short(plan)
    ))
}

/// `131x as long`, or `no difference` if the interval includes 1.
fn as_long(ratio: &RatioSummary, words: &str) -> String {
    match ratio.interval {
        Some(Interval { low, high }) if low <= 1.0 && 1.0 <= high => {
            words::NO_DIFFERENCE.to_owned()
        }
        _ => format!("{}x{words}", units::ratio(ratio.ratio)),
    }
}

/// `131x as long (99 % interval 130 to 132), 131x at p99 (129 to 133)`.
fn both_as_long(found: &Comparison) -> String {
    let interval = |ratio: &RatioSummary, title: &str| {
        words::or_empty(ratio.interval, |ends| format!(" ({title}{})", words::interval(ends)))
    };
    format!(
        "{}{}, {} at p99{}",
        as_long(&found.p50, " as long"),
        interval(&found.p50, &format!("{} interval ", words::confidence())),
        as_long(&found.p99, ""),
        interval(&found.p99, "")
    )
}

/// What every mode costs compared with the floor.
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
        "Writing the same lines without a row ({BARE}) takes {} (p99 {})",
        units::duration(bare.p50),
        units::duration(bare.p99)
    );
    Some(if each.is_empty() {
        format!("{floor}.")
    } else {
        format!("{floor}. Compared with that: {}.", each.join(", "))
    })
}

/// How much of the published mode is the read-back. In an open loop, times include waiting for
/// earlier appends, so parts cannot be separated.
fn readback(summary: &Summary) -> Option<String> {
    let parts = summary
        .readback
        .filter(|_| summary.condition.as_ref().is_some_and(|plan| plan.rate.is_none()))?;
    let beyond = units::duration(parts.beyond_bare);
    if parts.read_back_ns < 0 || parts.write_ns < 0 {
        return Some(format!(
            "The {beyond} that {SYNC_READBACK} takes beyond {BARE} (p50) cannot be split: {SYNC} \
             does not lie between them.",
        ));
    }
    Some(format!(
        "{SYNC_READBACK} takes {beyond} more than {BARE} (p50): {} ({}) to read the row before and \
         after, {} to write it.",
        units::duration(Duration::from_nanos(parts.read_back_ns.unsigned_abs())),
        words::percent(parts.read_back_share),
        units::duration(Duration::from_nanos(parts.write_ns.unsigned_abs())),
    ))
}

/// One worker for the store compared with one for each thread.
fn one_worker(summary: &Summary) -> Option<String> {
    let (one, many) = (summary.arm(ASYNC)?, summary.arm(ASYNC_PER_THREAD)?);
    let found = summary.comparison(ASYNC, ASYNC_PER_THREAD)?;
    let mut text = format!(
        "One worker for the store instead of one per thread, for the caller of an append: {}",
        both_as_long(found)
    );
    if let (Some(own), Some(other)) = (one.per_append.transactions, many.per_append.transactions) {
        text += &format!(
            "; {} transactions per append instead of {}",
            units::average(own),
            units::average(other)
        );
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
fn lateness(summary: &Summary, length: Length) -> Option<String> {
    let late =
        |name: &&str| Some((summary.arm(name)?.name.as_str(), summary.arm(name)?.staleness?));
    let (name, times) = [ASYNC, ASYNC_PER_THREAD].iter().find_map(late)?;
    let since =
        if length == Length::Full { ", counted from the earliest append they lack" } else { "" };
    Some(format!(
        "Rows of {name} are late by {} (p50), {} (p99), at most {}{since}.",
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
            "Nothing was lost: all {} final rows equal the replay of their histories, in {} of {} \
             that projected.",
            units::count(rows.verified),
            units::count(rows.verified_launches),
            words::launches(rows.launches)
        );
    }
    if rows.launches == 0 && rows.mismatches == 0 && rows.failures == 0 {
        return "No launch projected rows, so no row is verified.".to_owned();
    }
    format!(
        "{} final rows equal the replay of their histories, in {} of {} that projected; {} wrong, \
         {} without an answer.",
        units::count(rows.verified),
        units::count(rows.verified_launches),
        words::launches(rows.launches),
        words::plural(rows.mismatches, "sample"),
        words::plural(rows.failures, "sample"),
    )
}

/// The figures published with the design, for comparison.
fn published(summary: &Summary) -> Option<String> {
    let measured = |name: &&str| summary.arm(name).is_some_and(|arm| arm.append.is_some());
    [ASYNC, ASYNC_PER_THREAD].iter().any(measured).then(|| {
        "Published for comparison (openai/codex #30669, one trace, another machine): an append \
         took its caller 3.485 ms during projections of 112.632 ms and 133.694 ms."
            .to_owned()
    })
}
