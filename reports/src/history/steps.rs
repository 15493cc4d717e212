//! The steps of all series of a history: exact ones of counters, and probable ones of ratios.

use std::collections::BTreeMap;

use serde::Serialize;

use super::entry::{Blessing, Commit};
use super::file::Files;
use super::scan::{SHORTEST, Test, permutations};
use super::series::{Kind, Point, Series, Table};
use crate::stats;
use crate::units::figures;
use crate::verdict::Gate;

/// The newest commits that are judged and shown, unless another number is asked for.
pub const LAST: usize = 200;
/// The most that are.
pub const MOST_COMMITS: usize = 2_000;

/// How far the place of a step may move as more commits follow: a blessing holds for a step this
/// near.
const NEAR: usize = 2;

/// By what ratios are judged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rules {
    /// A smaller change is not a step: 0.02 is 2 %.
    #[serde(serialize_with = "figures::serialize")]
    pub margin: f64,
    /// The false discovery rate, over all judged series.
    #[serde(serialize_with = "figures::serialize")]
    pub rate: f64,
    /// The newest commits that are judged.
    pub last: usize,
}

impl Default for Rules {
    /// 2 %, one false step in a thousand histories, 200 commits.
    fn default() -> Rules {
        Rules { margin: 0.02, rate: 0.001, last: LAST }
    }
}

/// A change of a series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// The series.
    pub series: String,
    /// Where it was measured.
    pub place: String,
    /// What it is of: a counter's step is exact, a ratio's is advisory.
    pub kind: Kind,
    /// The commit that has it, counted from 0.
    pub at: usize,
    /// The hash of that commit.
    pub revision: String,
    /// The hash of the commit before that has a value.
    pub since: String,
    /// Whether that is its parent. If not, a commit between them may have made the step.
    pub since_parent: bool,
    /// The value before: of a ratio the median since the step before.
    #[serde(serialize_with = "figures::serialize")]
    pub before: f64,
    /// The value from the commit on.
    #[serde(serialize_with = "figures::serialize")]
    pub after: f64,
    /// Both values of a counter in all their digits; `None` for a ratio.
    pub counts: Option<[u64; 2]>,
    /// The probability that noise alone gives a step in the series; `None` for counters.
    pub p: Option<f64>,
    /// Whether data, seed or plan changed, too.
    pub conditions_changed: bool,
    /// What the gate said of the commit.
    pub gate: Option<Gate>,
    /// Why the step is as it should be; `None` if nobody explained it.
    pub blessed: Option<String>,
}

/// A history, judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// By what.
    pub rules: Rules,
    /// The commits, oldest first.
    pub commits: Vec<Commit>,
    /// Commits before them that are not judged.
    pub older: usize,
    /// Commits that did not pass: a wrong answer, a failed process, or a regression. Counted from
    /// 0.
    pub failed: Vec<usize>,
    /// The series, by kind and name.
    pub series: Vec<Series>,
    /// The steps, newest first.
    pub steps: Vec<Step>,
    /// Ratios with enough values to be judged.
    pub judged: usize,
    /// Counters left out at a commit, because its runs differ: series and commit.
    pub unclear: Vec<(String, usize)>,
    /// Blessings whose series has no step near their commit.
    pub idle: Vec<Blessing>,
}

impl Judged {
    /// Judges the newest commits of a history.
    #[must_use]
    pub fn of(files: &Files, rules: Rules) -> Judged {
        let table = Table::of(files, rules.last);
        let mut all: Vec<&str> =
            files.entries.iter().map(|entry| entry.commit.revision.as_str()).collect();
        all.sort_unstable();
        all.dedup();
        let mut steps = counted(&table);
        let (judged, measured) = measured(&table, &rules);
        steps.extend(measured);
        steps.sort_by(|one, other| {
            (other.at, one.kind, &one.series, &one.place).cmp(&(
                one.at,
                other.kind,
                &other.series,
                &other.place,
            ))
        });
        let idle = bless(&table, &mut steps, &files.blessings);
        let failed =
            table.gates.iter().enumerate().filter(|(_, gate)| gate.1).map(|(at, _)| at).collect();
        let older = all.len() - table.commits.len();
        let Table { commits, series, unclear, .. } = table;
        Judged { rules, commits, older, failed, series, steps, judged, unclear, idle }
    }

    /// Steps that nobody explained.
    pub fn open(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.blessed.is_none())
    }

    /// The steps of a series.
    pub fn steps_of<'a>(&'a self, series: &'a Series) -> impl Iterator<Item = &'a Step> {
        let of = |step: &&Step| {
            (&step.series, &step.place, step.kind) == (&series.name, &series.place, series.kind)
        };
        self.steps.iter().filter(of)
    }
}

fn step(table: &Table, series: &Series, (before, after): (&Point, &Point)) -> Step {
    let (since, commit) = (&table.commits[before.at], &table.commits[after.at]);
    Step {
        series: series.name.clone(),
        place: series.place.clone(),
        kind: series.kind,
        at: after.at,
        revision: commit.revision.clone(),
        since: since.revision.clone(),
        since_parent: commit.parent.as_deref() == Some(since.revision.as_str()),
        before: before.value,
        after: after.value,
        counts: before.count.zip(after.count).map(|(before, after)| [before, after]),
        p: None,
        conditions_changed: before.conditions != after.conditions,
        gate: table.gates[after.at].0,
        blessed: None,
    }
}

/// A counter needs no statistics: another value is a step.
fn counted(table: &Table) -> Vec<Step> {
    let counters = table.series.iter().filter(|series| series.kind == Kind::Counter);
    let steps = counters.flat_map(|series| {
        let changed = series.points.windows(2).filter(|pair| pair[0].count != pair[1].count);
        changed.map(|pair| step(table, series, (&pair[0], &pair[1])))
    });
    steps.collect()
}

/// The steps of ratios, and how many ratios were judged. Benjamini and Hochberg's procedure holds
/// the rate over all of them.
fn measured(table: &Table, rules: &Rules) -> (usize, Vec<Step>) {
    let ratios = table.series.iter().filter(|series| series.kind == Kind::Ratio);
    let logs =
        |series: &Series| series.points.iter().map(|point| point.value.ln()).collect::<Vec<f64>>();
    let enough: Vec<(&Series, Vec<f64>)> = ratios
        .map(|series| (series, logs(series)))
        .filter(|(_, values)| values.len() >= 2 * SHORTEST)
        .collect();
    let judged = enough.len();
    let mut tests: Vec<(&Series, Test)> =
        enough.iter().filter_map(|(series, values)| Some((*series, Test::of(values)?))).collect();
    let mut candidates = judged.max(1);
    // Most series need few permutations; those that may be significant are continued, until there
    // are enough for the level that the procedure asks of the most significant ones.
    let level = loop {
        let level = rules.rate * candidates as f64 / judged.max(1) as f64;
        let mut significant = 0;
        for (_, test) in &mut tests {
            test.permute(permutations(level));
            significant += usize::from(test.p() <= level);
        }
        if significant >= candidates || significant == 0 && candidates == 1 {
            break level;
        }
        candidates = significant.max(1).min(candidates - 1);
    };
    let mut steps = Vec::new();
    for (series, test) in &tests {
        if test.p() > level {
            continue;
        }
        let places = beyond_margin(&logs(series), test.steps(level), rules.margin);
        steps.extend(places.into_iter().map(|(at, before, after)| {
            let pair = (&series.points[at - 1], &series.points[at]);
            Step { before, after, p: Some(test.p()), ..step(table, series, pair) }
        }));
    }
    (judged, steps)
}

/// The steps that are at least as large as the margin, each with the median before and after it.
/// The smallest goes first, because without it its neighbours are larger.
fn beyond_margin(logs: &[f64], mut places: Vec<usize>, margin: f64) -> Vec<(usize, f64, f64)> {
    loop {
        let bounds: Vec<usize> =
            std::iter::once(0).chain(places.iter().copied()).chain([logs.len()]).collect();
        let levels: Vec<f64> = bounds
            .windows(2)
            .map(|ends| stats::median(&logs[ends[0]..ends[1]]).unwrap_or(0.0))
            .collect();
        let sizes = levels.windows(2).map(|pair| (pair[1] - pair[0]).abs());
        let smallest = sizes.enumerate().min_by(|one, other| one.1.total_cmp(&other.1));
        match smallest {
            Some((nth, size)) if size < margin.ln_1p() => drop(places.remove(nth)),
            _ => {
                let pairs = levels.windows(2).zip(&places);
                return pairs.map(|(pair, at)| (*at, pair[0].exp(), pair[1].exp())).collect();
            }
        }
    }
}

/// Marks the steps that somebody explained. Returns the blessings without a step.
fn bless(table: &Table, steps: &mut [Step], blessings: &[Blessing]) -> Vec<Blessing> {
    let at: BTreeMap<&str, usize> = table
        .commits
        .iter()
        .enumerate()
        .map(|(at, commit)| (commit.revision.as_str(), at))
        .collect();
    let mut idle = Vec::new();
    for blessing in blessings {
        let Some(&at) = at.get(blessing.revision.as_str()) else { continue };
        let near = |step: &&mut Step| {
            let reach = if step.kind == Kind::Ratio { NEAR } else { 0 };
            step.series == blessing.series && step.at.abs_diff(at) <= reach
        };
        let mut found = false;
        for step in steps.iter_mut().filter(near) {
            step.blessed = Some(blessing.because.clone());
            found = true;
        }
        if !found {
            idle.push(blessing.clone());
        }
    }
    idle
}
