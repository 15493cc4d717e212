//! The tables of an append run, made from the summary.

use std::time::Duration;

use super::{ArmSummary, BARE, Latencies, Summary};
use crate::ByteSize;
use crate::layout::Table;
use crate::record::names;
use crate::summary::RatioSummary;
use crate::tables::{times_as_long, verified};
use crate::units;
use crate::words::{self, Precision, or_nothing};

/// What an append costs its caller.
pub(crate) fn appends(summary: &Summary) -> Table {
    let titles = ["arm", "p50", "p90", "p99", "p99.9", "max", "vs bare", "valid"];
    let mut table = Table::new(1, titles);
    // A candidate that times no appends is in a table of its own.
    let is_timed = |arm: &&ArmSummary| arm.candidate.is_none() || arm.append.is_some();
    for arm in summary.arms.iter().filter(is_timed) {
        let mut row = vec![arm.name.clone()];
        row.extend(five(arm.append.as_ref()));
        row.push(if arm.name == BARE {
            "(base)".to_owned()
        } else {
            or_nothing(arm.of_bare.as_ref(), |found| times_as_long(found.p50.ratio))
        });
        row.push(format!("{}/{}", arm.samples.valid, arm.samples.planned));
        table.row(row);
    }
    table
}

/// What the processes of candidates take, measured from outside, and whether they were right.
pub(crate) fn candidates(summary: &Summary) -> Table {
    let titles = ["arm", "median", "beyond idle", "appends", "per append", "verified"];
    let mut table = Table::new(1, titles).words("verified");
    for (arm, found) in summary.arms.iter().filter_map(|arm| Some((arm, arm.candidate.as_ref()?))) {
        let signed = |nanos| units::signed_duration(nanos as f64);
        table.row(vec![
            arm.name.clone(),
            or_nothing(found.wall, units::duration),
            or_nothing(found.own.beyond_idle_ns, signed),
            or_nothing(found.appends, units::count),
            or_nothing(found.each_append_ns, signed),
            verified(&found.own),
        ]);
    }
    table.without_empty_columns()
}

fn five(times: Option<&Latencies>) -> [String; 5] {
    let each: [fn(&Latencies) -> Duration; 5] = [
        |times| times.p50,
        |times| times.p90,
        |times| times.p99,
        |times| times.p99_9,
        |times| times.max,
    ];
    each.map(|of| or_nothing(times, |times| units::duration(of(times))))
}

/// An append from its real start, without waiting for earlier appends.
pub(crate) fn service(summary: &Summary) -> Table {
    let mut table = Table::new(1, ["arm", "p50", "p90", "p99", "p99.9", "max"]);
    for arm in summary.arms.iter().filter(|arm| arm.service.is_some()) {
        let mut row = vec![arm.name.clone()];
        row.extend(five(arm.service.as_ref()));
        table.row(row);
    }
    table
}

/// How sure the ratios are.
pub(crate) fn ratios(summary: &Summary) -> Table {
    let mut table = Table::new(1, ["ratio", "p50", "interval", "p99", "interval", "rounds"]);
    let beside_bare = summary.arms.iter().filter_map(|arm| arm.of_bare.as_ref());
    for found in summary.comparisons.iter().chain(beside_bare) {
        let mut row = vec![format!("{} / {}", found.arm, found.baseline)];
        for RatioSummary { ratio, interval, .. } in [&found.p50, &found.p99] {
            row.push(units::ratio(*ratio));
            row.push(or_nothing(*interval, words::interval));
        }
        row.push(found.p50.pairs.to_string());
        table.row(row);
    }
    table.without_empty_columns()
}

/// How late rows were, and what waiting for them costs.
pub(crate) fn rows_and_flushes(summary: &Summary) -> Table {
    let titles = ["arm", "late p50", "late p99", "late max", "flush p50", "flush p99", "flush max"];
    let mut table = Table::new(1, titles);
    // The floor has no rows: nothing is late, and its flush has nothing to wait for.
    for arm in summary.arms.iter().filter(|arm| arm.name != BARE) {
        let mut row = vec![arm.name.clone()];
        for times in [&arm.staleness, &arm.barrier] {
            let each: [fn(&Latencies) -> Duration; 3] =
                [|times| times.p50, |times| times.p99, |times| times.max];
            row.extend(
                each.map(|of| or_nothing(times.as_ref(), |times| units::duration(of(times)))),
            );
        }
        if row[1..].iter().any(|cell| cell != words::NOTHING) {
            table.row(row);
        }
    }
    table.without_empty_columns()
}

/// What an append is made of.
pub(crate) fn work(summary: &Summary) -> Table {
    let titles = ["arm", "rows", "transactions", "syncs", "writes", "bytes", "to device"];
    let mut table = Table::new(1, titles);
    for arm in summary.arms.iter().filter(|arm| arm.append.is_some()) {
        let each = &arm.per_append;
        let mut row = vec![arm.name.clone()];
        let amounts = [each.projections, each.transactions, each.history_syncs, each.write_calls];
        row.extend(amounts.map(|amount| or_nothing(amount, units::average)));
        row.extend([each.written_bytes, each.device_bytes].map(|amount| or_nothing(amount, bytes)));
        table.row(row);
    }
    table.without_empty_columns()
}

/// An average number of bytes: `861 B`, `13.9 kB`, `0.861 B`.
fn bytes(amount: f64) -> String {
    if amount >= 999.5 {
        ByteSize(amount.round() as u64).to_string()
    } else {
        format!("{} B", units::average(amount))
    }
}

/// What a launch takes from the machine.
pub(crate) fn machine(summary: &Summary) -> Table {
    let titles = ["arm", "appends/s", "processor", "peak memory", "rows verified"];
    let mut table = Table::new(1, titles);
    for arm in summary.arms.iter().filter(|arm| arm.append.is_some()) {
        table.row(vec![
            arm.name.clone(),
            or_nothing(arm.appends_per_second, units::average),
            or_nothing(arm.processor, units::duration),
            arm.peak_memory_bytes
                .seen
                .map_or_else(|| "unavailable".to_owned(), |seen| ByteSize(seen.max).to_string()),
            words::amount(arm.counters.get(names::ROWS), false, Precision::Full),
        ]);
    }
    table.without_empty_columns()
}

/// How much single samples differ.
pub(crate) fn samples(summary: &Summary) -> Table {
    let titles = ["arm", "p50 lowest", "median", "highest", "p99 lowest", "median", "highest"];
    let mut table = Table::new(1, titles);
    for arm in &summary.arms {
        let Some(between) = arm.between_samples else { continue };
        let mut row = vec![arm.name.clone()];
        for spread in [between.p50, between.p99] {
            row.extend([spread.min, spread.median, spread.max].map(units::duration));
        }
        table.row(row);
    }
    table
}

/// Every counter of a launch in full, as ranges if launches differ.
pub(crate) fn counters(summary: &Summary) -> Table {
    let mut found: Vec<&str> = Vec::new();
    for name in summary.arms.iter().flat_map(|arm| arm.counters.keys()) {
        if !found.contains(&name.as_str()) {
            found.push(name);
        }
    }
    let title = |name: &&str| name.replace('_', " ");
    let mut table = Table::new(1, std::iter::once("arm".to_owned()).chain(found.iter().map(title)));
    for arm in summary.arms.iter().filter(|arm| !arm.counters.is_empty()) {
        let mut row = vec![arm.name.clone()];
        row.extend(
            found.iter().map(|name| words::amount(arm.counters.get(*name), false, Precision::Full)),
        );
        table.row(row);
    }
    table
}

/// The arms of the plan, and why they are in it.
pub(crate) fn arms(summary: &Summary) -> Table {
    let mut table = Table::new(1, ["arm", "why"]).words("why");
    for ArmSummary { name, why, .. } in &summary.arms {
        table.row(vec![name.clone(), why.clone()]);
    }
    table
}
