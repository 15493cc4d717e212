//! A run of appends: percentiles, distributions, order, rows and flushes, work, verification.

use super::markup::Markup;
use super::parts;
use super::plot::{self, Caption, Curve, Density, Dot, Palette};
use super::relaunch::Tiles;
use crate::Record;
use crate::append::{self, Summary};
use crate::record::{ArmKey, ArmPlan, Histogram, Sample, names};
use crate::stats;
use crate::units;
use crate::verdict::Metric;
use crate::words;

/// Parts at which a curve of many times is drawn: 40 for each further nine, down to one in a
/// million.
fn parts_of_curve(count: u64) -> impl Iterator<Item = f64> {
    let finest = 1.0 / count.max(1) as f64;
    (0..=240)
        .map(|step| 1.0 - 10f64.powf(-f64::from(step) / 40.0))
        .filter(move |part| 1.0 - part >= finest)
}

/// What was asked.
pub(super) const QUESTION: &str = "What does an append cost its caller when its row in SQLite is \
                                   projected before it returns, or after, and is anything lost?";

/// The answer in sentences.
pub(super) fn answer(record: &Record) -> Vec<String> {
    append::answer(&Summary::of(record))
}

/// The main figures of a run in a line, each under its title: p50 and p99 of an append.
pub(super) const TITLES: [&str; 5] =
    ["condition", "row after", "row first", "row first, as published", "published vs after"];

/// The line of this run under [`TITLES`].
pub(super) fn line(record: &Record) -> Vec<String> {
    let summary = Summary::of(record);
    let times = |name| {
        let times = summary.arm(name).and_then(|arm| arm.append.as_ref());
        words::or_nothing(times, |times| {
            format!("{} (p99 {})", units::duration(times.p50), units::duration(times.p99))
        })
    };
    let both = summary.comparison(append::SYNC_READBACK, append::ASYNC);
    vec![
        words::or_nothing(record.plan.append.as_ref(), append::short),
        times(append::ASYNC),
        times(append::SYNC),
        times(append::SYNC_READBACK),
        words::or_nothing(both, |both| format!("{}x", units::ratio(both.p50.ratio))),
    ]
}

/// The main figures of a run, large.
pub(super) fn tiles(record: &Record) -> Tiles {
    let summary = Summary::of(record);
    let mut tiles = Vec::new();
    let both = summary.comparison(append::SYNC_READBACK, append::ASYNC);
    tiles.extend(both.map(|both| {
        (
            format!("{}x", units::ratio(both.p50.ratio)),
            "as long with the row first (as published) as with it after".to_owned(),
        )
    }));
    for (name, what) in [
        (append::ASYNC, "an append, its row projected after it returned (p50)"),
        (append::SYNC_READBACK, "row written and read back first, as published (p50)"),
        (append::BARE, "no row at all: the floor (p50)"),
    ] {
        let times = summary.arm(name).and_then(|arm| arm.append.as_ref());
        tiles.extend(times.map(|times| (units::duration(times.p50), what.to_owned())));
    }
    tiles
}

/// The whole section.
pub(super) fn section(out: &mut Markup, id: &str, record: &Record) {
    let summary = Summary::of(record);
    let palette = Palette::of(record.plan.arms.iter().map(|arm| arm.name.as_str()));
    if let Some(plan) = &summary.condition {
        out.leaf("h3", &[], "Condition");
        parts::list(out, append::condition_of(record, plan).map(|line| format!("{line}.")));
    }
    if record.samples.iter().any(Sample::is_valid) {
        times(out, id, record, &summary, &palette);
        order(out, id, record, &palette);
        tables(out, &summary);
    } else {
        out.leaf("p", &[], parts::NO_FIGURES);
    }
    out.leaf("h3", &[], "Verification");
    parts::list(out, [append::rows(&summary)]);
    parts::left_out(out, &summary.left_out);
    out.leaf("h3", &[], "Limits of these figures");
    parts::list(out, append::limits(record, &summary));
    parts::table(out, "The arms", &append::tables::arms(&summary));
    parts::foundations(out, record);
}

fn times(out: &mut Markup, id: &str, record: &Record, summary: &Summary, palette: &Palette) {
    out.leaf("h3", &[], "Times of an append");
    parts::table(out, "Over all appends of all valid samples", &append::tables::appends(summary));
    parts::table(
        out,
        "From the moment it really began, without waiting for earlier appends",
        &append::tables::service(summary),
    );
    let title = format!("Ratios, medians over rounds, with {} intervals", words::confidence());
    parts::table(out, &title, &append::tables::ratios(summary));
    let arms: Vec<(ArmKey, Histogram)> = record
        .plan
        .arms
        .iter()
        .map(ArmPlan::key)
        .map(|key| (key.clone(), all(record, &key)))
        .collect();
    let curves: Vec<Curve> = arms
        .iter()
        .filter(|(_, times)| !times.is_empty())
        .map(|(key, times)| Curve {
            name: key.to_string(),
            class: palette.class(key),
            points: parts_of_curve(times.count())
                .map(|part| (part, times.quantile(part).as_nanos() as f64))
                .collect(),
        })
        .collect();
    let caption = Caption {
        id: format!("{id}-percentiles"),
        title: "Percentiles of an append.",
        how: "Further right: rarer appends. Further up: longer ones; the time axis is logarithmic.",
    };
    plot::curve(out, &caption, &curves);
    let densities: Vec<Density> = arms
        .into_iter()
        .map(|(key, times)| Density { name: key.to_string(), class: palette.class(&key), times })
        .collect();
    let caption = Caption {
        id: format!("{id}-distribution"),
        title: "Distribution of each arm.",
        how: "How many appends took how long. Heights are square roots, so that a tail of a \
              thousandth is visible. The lines are p50 and p99.",
    };
    plot::density(out, &caption, &densities);
}

/// Every append of the valid samples of an arm.
fn all(record: &Record, key: &ArmKey) -> Histogram {
    let mut all = Histogram::new();
    let samples = record.samples.iter().filter(|sample| sample.is_valid() && sample.key() == *key);
    for histogram in
        samples.flat_map(|s| &s.launches).filter_map(|launch| launch.histograms.get(names::APPEND))
    {
        all.merge(histogram);
    }
    all
}

fn order(out: &mut Markup, id: &str, record: &Record, palette: &Palette) {
    let p50 = |sample: &Sample| Metric::AppendP50.time(sample).map(|time| time.as_nanos() as f64);
    let (mut dots, mut legend) = (Vec::new(), Vec::new());
    for key in record.plan.arms.iter().map(ArmPlan::key) {
        legend.push((palette.class(&key) + " round", key.to_string()));
        let own = || record.samples.iter().filter(|sample| sample.key() == key);
        let valid: Vec<f64> = own().filter(|sample| sample.is_valid()).filter_map(p50).collect();
        let Some(median) = stats::median(&valid) else { continue };
        for sample in own() {
            let Some(time) = p50(sample) else { continue };
            let told = units::duration(std::time::Duration::from_nanos(time as u64));
            dots.push(Dot {
                class: palette.class(&key),
                order: sample.order,
                ratio: time / median,
                valid: sample.is_valid(),
                told: format!("{key}, round {}: {told}", sample.round),
            });
        }
    }
    out.leaf("h3", &[], "Did the machine change during the run?");
    let caption = Caption {
        id: format!("{id}-order"),
        title: "The run in order.",
        how: "The p50 of each sample relative to the median of its arm, in the order taken; the \
              line is the running median. A slope or a step means that the machine changed.",
    };
    plot::order(out, &caption, &legend, &dots);
}

fn tables(out: &mut Markup, summary: &Summary) {
    let late = append::tables::rows_and_flushes(summary);
    if !late.is_empty() {
        out.leaf("h3", &[], "Late rows and flushes");
        parts::table(
            out,
            "Late: from the earliest append in a projection until the row has it. Flush: waiting \
             until the row has everything accepted before",
            &late,
        );
    }
    out.leaf("h3", &[], "Work");
    parts::table(out, "Per append, on average", &append::tables::work(summary));
    parts::details(out, "Per launch, every counter, and how much samples differ", |out| {
        parts::table(out, "Of a launch", &append::tables::machine(summary));
        parts::table(
            out,
            "Counters of a launch in full; ranges if launches differ",
            &append::tables::counters(summary),
        );
        parts::table(out, "How much single samples differ", &append::tables::samples(summary));
    });
}
