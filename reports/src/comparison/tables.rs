//! The tables of a comparison.

use std::time::Duration;

use super::{ArmTimes, BeforeAfter, PhaseTimes, Run};
use crate::layout::Table;
use crate::record::{Cache, CounterClass};
use crate::stats::Interval;
use crate::units;
use crate::verdict::{
    Amounts, ArmVerdict, CounterComparison, Metric, Verdict, Verdicts, Work, WorkChange,
};
use crate::words::{self, NOTHING, or_nothing};

fn keys(arm: &ArmVerdict) -> Vec<String> {
    vec![arm.arm.clone(), arm.cache.to_string()]
}

pub(crate) fn interval(interval: Option<Interval>) -> String {
    or_nothing(interval, |ends| {
        format!("{} to {}", words::change(ends.low), words::change(ends.high))
    })
}

/// The verdict of every arm.
pub(crate) fn verdicts(verdicts: &Verdicts) -> Table {
    let mut table =
        Table::new(2, ["arm", "cache", "work", "time", "change", "99 % interval", "pairs"])
            .words("work")
            .words("time");
    for arm in &verdicts.arms {
        let mut row = keys(arm);
        row.extend(judged(arm));
        table.row(row);
    }
    table.without_empty_columns()
}

/// Work, time, change, interval and pairs of an arm. Words come before figures: on a telephone the
/// latter scroll.
fn judged(arm: &ArmVerdict) -> [String; 5] {
    let work = match arm.work {
        Work::Same => "same",
        Work::More => "MORE",
        Work::Less => "less",
        Work::Incomparable => "unknown",
        Work::Advisory => NOTHING,
    };
    [
        work.to_owned(),
        or_nothing(arm.time, |time| verdict(time).to_owned()),
        or_nothing(arm.change, |change| words::change(change.ratio)),
        interval(arm.change.and_then(|change| change.interval)),
        or_nothing(arm.change, |change| units::count(change.pairs)),
    ]
}

/// Arms as the command line names them, `warm:hot`; with several runs, below the name of theirs.
pub(crate) fn named(runs: &[Run], run: &Run, arm: &ArmVerdict) -> String {
    let cache = if arm.cache == Cache::Any { String::new() } else { format!(":{}", arm.cache) };
    let run = if runs.len() > 1 { format!("{}/", run.name) } else { String::new() };
    format!("{run}{}{cache}", arm.arm)
}

/// The verdict of every arm of all runs that was compared.
pub(crate) fn verdicts_of(runs: &[Run]) -> Table {
    let mut table = Table::new(1, ["arm", "work", "time", "change", "99 % interval"])
        .words("work")
        .words("time");
    for run in runs {
        for arm in run.comparison.verdicts.arms.iter().filter(|arm| arm.is_compared()) {
            let [work, time, change, interval, _] = judged(arm);
            table.row(vec![named(runs, run, arm), work, time, change, interval]);
        }
    }
    table.without_empty_columns()
}

/// Changed exact counters that a brief result shows.
const MOST_COUNTERS: usize = 6;

/// The exact counters of all runs that changed, the first of them.
pub(crate) fn counters_of(runs: &[Run]) -> Table {
    some_counters_of(runs, MOST_COUNTERS)
}

/// The exact counters of all runs that changed.
pub(crate) fn all_counters_of(runs: &[Run]) -> Table {
    some_counters_of(runs, usize::MAX)
}

fn some_counters_of(runs: &[Run], most: usize) -> Table {
    let mut table = Table::new(2, ["arm", "counter", "base", "new", "change"]).words("change");
    let changed = runs.iter().flat_map(|run| {
        run.comparison.verdicts.arms.iter().flat_map(move |arm| {
            arm.counters.iter().filter(|counter| is_changed(counter, CounterClass::Exact)).map(
                move |counter| {
                    let [name, base, new, change] = counter_row(counter);
                    vec![named(runs, run, arm), name, base, new, change]
                },
            )
        })
    });
    let changed: Vec<Vec<String>> = changed.collect();
    let more = changed.len().saturating_sub(most);
    changed.into_iter().take(most).for_each(|row| table.row(row));
    if more > 0 {
        table.row(vec![
            format!("and {more} more"),
            NOTHING.into(),
            NOTHING.into(),
            NOTHING.into(),
            NOTHING.into(),
        ]);
    }
    table
}

fn is_changed(counter: &CounterComparison, class: CounterClass) -> bool {
    counter.class == class && !matches!(counter.change, WorkChange::Same | WorkChange::Unavailable)
}

fn counter_row(counter: &CounterComparison) -> [String; 4] {
    [counter.name.clone(), amounts(counter.base), amounts(counter.new), change(counter)]
}

/// What launches took before and after, phase by phase; those that take at least this part of the
/// whole, with either program.
pub(crate) fn times(times: &[ArmTimes], at_least: f64) -> Table {
    let mut table =
        Table::new(2, ["arm", "cache", "time of", "base", "new", "change"]).words("time of");
    for arm in times {
        let mut row = |what: &str, took: BeforeAfter| {
            let cell = |time: Option<Duration>| or_nothing(time, units::duration);
            let change = or_nothing(took.ratio(), words::change);
            table.row(vec![
                arm.arm.clone(),
                arm.cache.to_string(),
                what.to_owned(),
                cell(took.base),
                cell(took.new),
                change,
            ]);
        };
        row(if arm.metric == Metric::AppendP50 { "append, p50" } else { "launch" }, arm.whole);
        let matters = |phase: &&PhaseTimes| {
            let part = |of: Option<Duration>, whole: Option<Duration>| {
                of.zip(whole).is_some_and(|(of, whole)| of >= whole.mul_f64(at_least))
            };
            part(phase.took.base, arm.whole.base) || part(phase.took.new, arm.whole.new)
        };
        for phase in arm.phases.iter().filter(matters) {
            row(&format!("- {}", phase.name), phase.took);
        }
    }
    table
}

/// The word of a verdict.
pub(crate) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Same => "same",
        Verdict::Slower => "SLOWER",
        Verdict::Faster => "faster",
        Verdict::Inconclusive { .. } => "inconclusive",
    }
}

/// The counters of this class that changed.
pub(crate) fn counters(verdicts: &Verdicts, class: CounterClass) -> Table {
    let mut table =
        Table::new(3, ["arm", "cache", "counter", "base", "new", "change"]).words("change");
    for arm in &verdicts.arms {
        for counter in arm.counters.iter().filter(|counter| is_changed(counter, class)) {
            let mut row = keys(arm);
            row.extend(counter_row(counter));
            table.row(row);
        }
    }
    table
}

fn amounts(amounts: Option<Amounts>) -> String {
    match amounts {
        None => "unavailable".to_owned(),
        Some(Amounts { low, high }) if low == high => units::count(low),
        Some(Amounts { low, high }) => format!("{}..{}", units::count(low), units::count(high)),
    }
}

fn change(counter: &CounterComparison) -> String {
    let by = |pick: fn(Amounts) -> u64| {
        let (base, new) = (counter.base.map(pick), counter.new.map(pick));
        let by = i128::from(new.unwrap_or_default()) - i128::from(base.unwrap_or_default());
        let sign = if by < 0 { '-' } else { '+' };
        format!("{sign}{}", units::count(u64::try_from(by.unsigned_abs()).unwrap_or(u64::MAX)))
    };
    let text = match counter.change {
        WorkChange::More => by(|amounts| amounts.high),
        WorkChange::Less => by(|amounts| amounts.low),
        WorkChange::Within => "within".to_owned(),
        WorkChange::Tolerated => {
            let up = counter.new.map(|new| new.high) > counter.base.map(|base| base.high);
            let told = if up { by(|amounts| amounts.high) } else { by(|amounts| amounts.low) };
            format!("{told} (tolerated)")
        }
        WorkChange::New => "new".to_owned(),
        WorkChange::Lost => "lost".to_owned(),
        WorkChange::OtherCores => "other cores".to_owned(),
        WorkChange::Same | WorkChange::Unavailable => NOTHING.to_owned(),
    };
    if counter.accepted { format!("{text} (accepted)") } else { text }
}

/// How many exact counters are equal, in a sentence.
pub(crate) fn equal<'a>(verdicts: impl IntoIterator<Item = &'a Verdicts>) -> String {
    let (mut arms, mut known, mut same) = (0, 0, 0);
    for verdicts in verdicts {
        arms += verdicts.arms.len() as u64;
        let exact = verdicts.arms.iter().flat_map(|arm| &arm.counters);
        for counter in exact.filter(|counter| counter.class == CounterClass::Exact) {
            known += u64::from(counter.change != WorkChange::Unavailable);
            same += u64::from(counter.change == WorkChange::Same);
        }
    }
    if known == 0 {
        return "No work counter is exact here.".to_owned();
    }
    format!(
        "{} of {} in {} are equal.",
        units::count(same),
        words::plural(known, "exact counter"),
        words::plural(arms, "arm")
    )
}

/// The base compared with itself.
pub(crate) fn noise(verdicts: &Verdicts) -> Table {
    let mut table =
        Table::new(2, ["arm", "cache", "time", "99 % interval", "pairs", "smallest change found"]);
    for arm in &verdicts.arms {
        let Some(noise) = arm.noise else { continue };
        let mut row = keys(arm);
        row.push(words::change(noise.ratio));
        row.push(interval(Some(noise.interval)));
        row.push(units::count(noise.pairs));
        row.push(words::change(1.0 + noise.smallest_change));
        table.row(row);
    }
    table
}
