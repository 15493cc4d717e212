//! A run of launches: percentiles, distributions, order, cold against hot, work, verification.

use std::time::Duration;

use super::markup::Markup;
use super::parts;
use super::plot::{self, Bar, Caption, Curve, Dot, Palette, Strip};
use crate::Record;
use crate::command;
use crate::record::{ArmKey, Cache, Sample};
use crate::remarks::FULL;
use crate::stats;
use crate::summary::{ArmSummary, PUBLISHED, Summary, WARM};
use crate::units;
use crate::words::{self, Precision};
use crate::{limits, refresh, remarks, tables};

/// A few figures, each with what it is.
pub(super) type Tiles = Vec<(String, String)>;

/// What was asked.
pub(super) fn question(record: &Record) -> String {
    if command::of(record).is_some() {
        command::QUESTION.to_owned()
    } else if record.scenario == "relaunch" {
        "What does a relaunch on a large trace database cost, with a memo of the last scan and \
         without, and is the answer the same?"
            .to_owned()
    } else if refresh::is_one(record) {
        refresh::QUESTION.to_owned()
    } else {
        format!("What does {} cost?", record.scenario)
    }
}

/// The answer in sentences.
pub(super) fn answer(record: &Record) -> Vec<String> {
    remarks::answer(record, &Summary::of(record))
}

/// The main figures of a run in a line, each under its title.
pub(super) const TITLES: [&str; 6] =
    ["data", "with a memo", "cache cold", "full scan", "published", "memo vs published"];

/// The line of this run under [`TITLES`].
pub(super) fn line(record: &Record) -> Vec<String> {
    let summary = Summary::of(record);
    let data = &record.dataset;
    let arm = |name, cache| summary.arm(&ArmKey::new(name, cache));
    let time = |name, cache| {
        let times = arm(name, cache).and_then(|arm| arm.sample_time.as_ref());
        words::or_nothing(times, |times| units::duration(times.median))
    };
    let versus = arm(WARM, Cache::Hot).and_then(|arm| arm.of_published.as_ref());
    vec![
        if let Some(command) = command::of(record) {
            command::told(&command.argv)
        } else if refresh::is_one(record) {
            refresh::data(record)
        } else {
            format!("{}, {}", data.file_bytes, words::plural(data.rows, "row"))
        },
        time(WARM, Cache::Hot),
        time(WARM, Cache::Cold),
        time(FULL, Cache::Hot),
        time(PUBLISHED, Cache::Hot),
        words::or_nothing(versus, |ratio| {
            let interval =
                words::or_empty(words::versus_interval(ratio), |ends| format!(" ({ends})"));
            words::versus(ratio) + &interval
        }),
    ]
}

/// The main figures of a run, large.
pub(super) fn tiles(record: &Record) -> Tiles {
    let summary = Summary::of(record);
    let mut tiles = Vec::new();
    let arm = |name, cache| summary.arm(&ArmKey::new(name, cache));
    let time = |arm: Option<&ArmSummary>| Some(units::duration(arm?.sample_time.as_ref()?.median));
    let launches = [
        (WARM, Cache::Hot, "a relaunch with a memo, cache hot"),
        (WARM, Cache::Cold, "the same, cache cold"),
        (FULL, Cache::Hot, "a full scan, cache hot"),
        (PUBLISHED, Cache::Hot, "the published query, cache hot"),
    ];
    let (published, figures) = if refresh::is_one(record) {
        ("the published refresh", refresh::FIGURES)
    } else {
        ("the published query", launches)
    };
    let versus = arm(WARM, Cache::Hot).and_then(|arm| arm.of_published.as_ref());
    tiles.extend(versus.map(|ratio| match words::versus(ratio).split_once(' ') {
        Some((figure, way)) if figure.ends_with('x') => {
            (figure.to_owned(), format!("{way} with a memo than {published}"))
        }
        _ => ("no difference".to_owned(), format!("between a launch with a memo and {published}")),
    }));
    for (name, cache, what) in figures {
        tiles.extend(time(arm(name, cache)).map(|time| (time, what.to_owned())));
    }
    tiles
}

/// The whole section.
pub(super) fn section(out: &mut Markup, id: &str, record: &Record) {
    let summary = Summary::of(record);
    let palette = Palette::of(record.plan.arms.iter().map(|arm| arm.name.as_str()));
    if record.samples.iter().any(Sample::is_valid) {
        let shown = &with_times(record, &summary);
        times(out, id, shown, &summary, &palette);
        order(out, id, shown, &palette);
        where_it_goes(out, id, &summary);
        work(out, &summary);
    } else {
        out.leaf("p", &[], parts::NO_FIGURES);
    }
    verification(out, record, &summary);
    parts::foundations(out, record);
}

fn times(out: &mut Markup, id: &str, record: &Record, summary: &Summary, palette: &Palette) {
    out.leaf("h3", &[], "Times");
    parts::table(
        out,
        &format!(
            "Wall time of a launch. A sample is one launch, or the median of as many as take {} \
             together; spread is the interquartile range divided by the median",
            units::duration(record.plan.launches.at_least)
        ),
        &tables::times(summary),
    );
    parts::details(out, "Intervals of the ratios, and single launches", |out| {
        let title = format!(
            "{} bootstrap intervals of the ratios, and their common rounds",
            words::confidence()
        );
        parts::table(out, &title, &tables::ratios(summary));
        parts::table(out, "Single launches, not averaged", &tables::launches(summary));
    });
    let curves: Vec<Curve> = keys(record)
        .map(|key| {
            let walls = valid(record, &key)
                .flat_map(|sample| &sample.launches)
                .map(|launch| nanos(launch.wall));
            Curve::of_times(plot::short(&key), palette.class(&key), walls.collect())
        })
        .filter(|curve| !curve.points.is_empty())
        .collect();
    let caption = Caption {
        id: format!("{id}-percentiles"),
        title: "Percentiles of single launches.",
        how: "Further right: rarer launches. Further up: longer ones; the time axis is \
              logarithmic. A level line means that slow launches are hardly slower than usual \
              ones.",
    };
    plot::curve(out, &caption, &curves);
    let strips: Vec<Strip> = keys(record)
        .map(|key| Strip {
            name: plot::short(&key),
            class: palette.class(&key),
            times: valid(record, &key).filter_map(Sample::time).map(nanos).collect(),
        })
        .collect();
    let caption = Caption {
        id: format!("{id}-distribution"),
        title: "Distribution of each arm.",
        how: "Each dot is a sample relative to the median of its arm; the box has the middle half. \
              A triangle at the edge marks a sample further out.",
    };
    plot::strip(out, &caption, &strips);
}

fn order(out: &mut Markup, id: &str, record: &Record, palette: &Palette) {
    let mut dots = Vec::new();
    for key in keys(record) {
        let times: Vec<f64> = valid(record, &key).filter_map(Sample::time).map(nanos).collect();
        let Some(median) = stats::median(&times) else { continue };
        for sample in record.samples.iter().filter(|sample| sample.key() == key) {
            let Some(time) = sample.time() else { continue };
            let left_out = if sample.is_valid() { "" } else { ", excluded" };
            dots.push(Dot {
                class: palette.class(&key),
                order: sample.order,
                ratio: nanos(time) / median,
                valid: sample.is_valid(),
                told: format!("{key}, round {}: {}{left_out}", sample.round, units::duration(time)),
            });
        }
    }
    let mut legend: Vec<(String, String)> = Vec::new();
    for arm in &record.plan.arms {
        let class = palette.class(&ArmKey::new(arm.name.clone(), Cache::Hot)) + " round";
        if !legend.iter().any(|(_, name)| *name == arm.name) {
            legend.push((class, arm.name.clone()));
        }
    }
    let caption = Caption {
        id: format!("{id}-order"),
        title: "The run in order.",
        how: "Each sample relative to the median of its arm, in the order taken; the line is the \
              running median. A slope or a step means that the machine changed. Rings are excluded \
              samples.",
    };
    out.leaf("h3", &[], "Did the machine change during the run?");
    plot::order(out, &caption, &legend, &dots);
}

fn where_it_goes(out: &mut Markup, id: &str, summary: &Summary) {
    let mut bars: Vec<Bar> = summary
        .arms
        .iter()
        .filter(|arm| !arm.phases.is_empty())
        .map(|arm| Bar {
            name: plot::short(&arm.key()),
            group: arm.name.clone(),
            total: arm
                .sample_time
                .as_ref()
                .map(|times| units::duration(times.median))
                .unwrap_or_default(),
            parts: arm
                .phases
                .iter()
                .map(|phase| (phase.name.clone(), nanos(phase.median)))
                .collect(),
        })
        .collect();
    // Both states of an arm are neighbours.
    let order: Vec<String> = bars.iter().map(|bar| bar.group.clone()).collect();
    bars.sort_by_key(|bar| order.iter().position(|group| *group == bar.group));
    let caption = Caption {
        id: format!("{id}-phases"),
        title: "Cold against hot, and where the time goes.",
        how: "Medians of the phases of a launch. Hot and cold of one arm share a scale; different \
              arms do not. \"process\" is what the engine does not see: start and end of its \
              process.",
    };
    out.leaf("h3", &[], "Cold against hot");
    plot::bars(out, &caption, &bars);
    parts::table(
        out,
        "Median over launches, and share of the whole",
        &tables::phases(summary, true),
    );
    parts::table(out, "Time inside the process", &tables::inside(summary));
}

fn work(out: &mut Markup, summary: &Summary) {
    out.leaf("h3", &[], "Work");
    parts::table(
        out,
        "Exact counters of a launch in full. They repeat on the same data, whatever the machine \
         does",
        &tables::exact_work(summary),
    );
    parts::details(out, "Advisory counters and resources", |out| {
        parts::table(
            out,
            "Advisory counters, which depend on the moment and decide nothing",
            &tables::advisory_work(summary),
        );
        parts::table(
            out,
            "Resources: processor time (medians), the rest as ranges over launches",
            &tables::resources(summary, Precision::Short),
        );
    });
    let unavailable = tables::unavailable(summary);
    if !unavailable.is_empty() {
        out.leaf("p", &[], &format!("Not available on this platform: {}.", unavailable.join(", ")));
    }
}

fn verification(out: &mut Markup, record: &Record, summary: &Summary) {
    out.leaf("h3", &[], "Verification");
    let mut said = vec![remarks::answers(summary)];
    said.extend(remarks::turns(record, summary));
    said.extend(limits::cache_states(record));
    parts::list(out, said);
    parts::left_out(out, &summary.left_out);
    let limits = limits::limits(record, summary);
    if !limits.is_empty() {
        out.leaf("h3", &[], "Limits of these figures");
        parts::list(out, limits);
    }
    parts::table(out, "The arms", &tables::arms(record));
}

/// The record without the samples of candidates that have a fault: no time of them is shown.
fn with_times(record: &Record, summary: &Summary) -> Record {
    let mut record = record.clone();
    record.samples.retain(|sample| {
        let arm = summary.arm(&sample.key());
        !arm.and_then(|arm| arm.candidate.as_ref()).is_some_and(|candidate| candidate.is_faulty)
    });
    record
}

fn keys(record: &Record) -> impl Iterator<Item = ArmKey> {
    record.plan.arms.iter().map(crate::record::ArmPlan::key)
}

fn valid<'a>(record: &'a Record, key: &'a ArmKey) -> impl Iterator<Item = &'a Sample> {
    record.samples.iter().filter(move |sample| sample.is_valid() && sample.key() == *key)
}

fn nanos(time: Duration) -> f64 {
    time.as_nanos() as f64
}
