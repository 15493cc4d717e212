//! The commits of a history in their order, and each figure as a series over them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::entry::{Commit, Entry, Ratio};
use super::file::Files;
use crate::stats::Interval;
use crate::verdict::Gate;

/// What the name of a ratio ends with.
pub const OF_FLOOR: &str = "of_floor";

/// What a series is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An exact counter.
    Counter,
    /// The time as a multiple of the floor's in the same run.
    Ratio,
}

/// One figure over the commits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// Run, arm and figure: `relaunch/quick/warm-hot/rows_examined`.
    pub name: String,
    /// Where it was measured: the platform of a counter, the fingerprint of the machine of a ratio.
    pub place: String,
    /// What it is of.
    pub kind: Kind,
    /// Its values, in the order of the commits; a commit may have none.
    pub points: Vec<Point>,
}

/// The value at a commit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The commit, counted from 0.
    pub at: usize,
    /// The value; of several ratios of the commit their geometric mean.
    pub value: f64,
    /// The value of a counter in all its digits; `None` for a ratio.
    pub count: Option<u64>,
    /// The 99 % interval of a ratio; `None` for a counter, with too few pairs, and for a mean.
    pub interval: Option<Interval>,
    /// Digest of data, seed and plan.
    pub conditions: String,
}

/// Commits and series.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Table {
    pub(super) commits: Vec<Commit>,
    /// What the gate said of each commit, the gravest; and whether a value of it failed.
    pub(super) gates: Vec<(Option<Gate>, bool)>,
    pub(super) series: Vec<Series>,
    /// Counters left out at a commit, because its runs differ: their series.
    pub(super) unclear: Vec<(String, usize)>,
}

impl Files {
    /// The names of all series.
    #[must_use]
    pub fn series(&self) -> BTreeSet<String> {
        let runs = self.entries.iter().flat_map(|entry| &entry.runs);
        let arms = runs.flat_map(|run| run.arms.iter().map(move |arm| (run, arm)));
        let names = arms.flat_map(|(run, arm)| {
            let ratio = arm.of_floor.map(|_| OF_FLOOR);
            let figures = arm.counters.keys().map(String::as_str).chain(ratio);
            figures.map(move |figure| name(&run.name, &arm.name, figure))
        });
        names.collect()
    }
}

fn name(run: &str, arm: &str, figure: &str) -> String {
    format!("{run}/{arm}/{figure}")
}

/// All values of a commit.
type Cells<'a> = BTreeMap<(Kind, String, &'a str), BTreeMap<usize, Vec<(Value, &'a str)>>>;

#[derive(Clone, Copy)]
enum Value {
    Counter(u64),
    Ratio(Ratio),
}

impl Table {
    /// The newest `last` commits of a history, and their series.
    pub(super) fn of(files: &Files, last: usize) -> Table {
        let mut commits = ordered(&files.entries);
        commits.drain(..commits.len().saturating_sub(last));
        let at: BTreeMap<String, usize> =
            commits.iter().enumerate().map(|(at, commit)| (commit.revision.clone(), at)).collect();
        let mut gates = vec![(None, false); commits.len()];
        let mut cells: Cells<'_> = BTreeMap::new();
        for entry in &files.entries {
            let Some(&at) = at.get(&entry.commit.revision) else { continue };
            gates[at].0 = gates[at].0.max(entry.gate);
            gates[at].1 |= entry.has_failed();
            for (run, arm) in
                entry.runs.iter().flat_map(|run| run.arms.iter().map(move |arm| (run, arm)))
            {
                let name = |figure: &str| name(&run.name, &arm.name, figure);
                let mut add = |kind, name, place, value| {
                    let cell = cells.entry((kind, name, place)).or_default().entry(at).or_default();
                    cell.push((value, run.conditions.as_str()));
                };
                for (counter, value) in &arm.counters {
                    add(
                        Kind::Counter,
                        name(counter),
                        &entry.place.platform,
                        Value::Counter(*value),
                    );
                }
                if let Some(ratio) = arm.of_floor {
                    add(Kind::Ratio, name(OF_FLOOR), &entry.place.fingerprint, Value::Ratio(ratio));
                }
            }
        }
        let mut table = Table { commits, gates, ..Table::default() };
        for ((kind, name, place), values) in cells {
            let mut points = Vec::new();
            for (at, values) in values {
                match point(at, &values) {
                    Some(point) => points.push(point),
                    None => table.unclear.push((name.clone(), at)),
                }
            }
            table.series.push(Series { name, place: place.to_owned(), kind, points });
        }
        table
    }
}

/// The value of a commit from those of its entries; `None` if counters differ.
fn point(at: usize, values: &[(Value, &str)]) -> Option<Point> {
    let (first, conditions) = *values.first()?;
    let conditions = conditions.to_owned();
    match first {
        Value::Counter(first) => {
            let equal =
                values.iter().all(|(value, _)| matches!(value, Value::Counter(v) if *v == first));
            equal.then_some(Point {
                at,
                value: first as f64,
                count: Some(first),
                interval: None,
                conditions,
            })
        }
        Value::Ratio(first) => {
            let logs: Vec<f64> = values
                .iter()
                .filter_map(|(value, _)| match value {
                    Value::Ratio(ratio) => Some(ratio.ratio.ln()),
                    Value::Counter(_) => None,
                })
                .collect();
            let interval = first.interval.filter(|_| logs.len() == 1);
            let value = (logs.iter().sum::<f64>() / logs.len() as f64).exp();
            Some(Point { at, value, count: None, interval, conditions })
        }
    }
}

/// The commits that have an entry, parents before children, else by time.
fn ordered(entries: &[Entry]) -> Vec<Commit> {
    let commits: BTreeMap<&str, &Commit> =
        entries.iter().map(|entry| (entry.commit.revision.as_str(), &entry.commit)).collect();
    let mut children: BTreeMap<&str, Vec<&Commit>> = BTreeMap::new();
    let mut ready = BTreeSet::new();
    let key = |commit: &Commit| (commit.committed.clone(), commit.revision.clone());
    for commit in commits.values() {
        match commit.parent.as_deref().filter(|parent| commits.contains_key(parent)) {
            Some(parent) => children.entry(parent).or_default().push(commit),
            None => drop(ready.insert(key(commit))),
        }
    }
    let mut sorted = Vec::new();
    while let Some((_, revision)) = ready.pop_first() {
        let Some(commit) = commits.get(revision.as_str()) else { continue };
        ready.extend(children.remove(revision.as_str()).into_iter().flatten().map(key));
        sorted.push((*commit).clone());
    }
    // Commits that are their own ancestors exist only in files that somebody made up.
    let known: BTreeSet<String> = sorted.iter().map(|commit| commit.revision.clone()).collect();
    let mut left: Vec<Commit> = commits
        .values()
        .filter(|commit| !known.contains(&commit.revision))
        .map(|c| (*c).clone())
        .collect();
    left.sort_by_key(key);
    sorted.extend(left);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::tests::{commit, entry};

    #[test]
    fn parents_come_first_whatever_the_clock_says() {
        let mut entries: Vec<Entry> = (0..9).map(|nth| entry(commit(nth), &[], &[])).collect();
        // All in one second, but for one whose clock was late.
        for entry in &mut entries {
            entry.commit.committed = "2026-11-30T12:00:00Z".to_owned();
        }
        entries[4].commit.committed = "2026-11-30T09:00:00Z".to_owned();
        let expected: Vec<String> =
            entries.iter().map(|entry| entry.commit.revision.clone()).collect();
        entries.reverse();
        let found: Vec<String> =
            ordered(&entries).into_iter().map(|commit| commit.revision).collect();
        assert_eq!(found, expected);
        // A made-up circle ends.
        entries[8].commit.parent = Some(expected[8].clone());
        assert_eq!(ordered(&entries).len(), 9);
    }

    #[test]
    fn a_counter_that_differs_between_runs_of_a_commit_is_left_out_there() {
        let of = |rows| entry(commit(0), &[("warm-hot", "rows", rows)], &[("warm-hot", 2.0)]);
        let files = Files { entries: vec![of(7), of(7)], ..Files::default() };
        let table = Table::of(&files, 10);
        assert_eq!(table.series[0].points[0].value, 7.0);
        let files = Files { entries: vec![of(7), of(8)], ..Files::default() };
        let table = Table::of(&files, 10);
        assert_eq!(table.unclear, [("relaunch/quick/warm-hot/rows".to_owned(), 0)]);
        assert!(table.series[0].points.is_empty());
    }

    #[test]
    fn ratios_of_several_entries_of_a_commit_are_one_mean() {
        let of = |ratio| entry(commit(0), &[], &[("warm-hot", ratio)]);
        let files = Files { entries: vec![of(2.0), of(8.0)], ..Files::default() };
        let point = &Table::of(&files, 10).series[0].points[0];
        assert!((point.value - 4.0).abs() < 1e-9 && point.interval.is_none(), "{point:?}");
    }
}
