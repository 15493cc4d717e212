//! The tables of a comparison.

use crate::layout::Table;
use crate::record::CounterClass;
use crate::stats::Interval;
use crate::units;
use crate::verdict::{Amounts, ArmVerdict, CounterComparison, Verdict, Verdicts, Work, WorkChange};
use crate::words::{self, NOTHING, or_nothing};

fn keys(arm: &ArmVerdict) -> Vec<String> {
    vec![arm.arm.clone(), arm.cache.to_string()]
}

fn interval(interval: Option<Interval>) -> String {
    or_nothing(interval, |ends| format!("{} to {}", words::change(ends.low), words::change(ends.high)))
}

/// The verdict of every arm.
pub(crate) fn verdicts(verdicts: &Verdicts) -> Table {
    let mut table = Table::new(2, ["arm", "cache", "work", "time", "change", "99 % interval", "pairs"])
        .words("work")
        .words("time");
    for arm in &verdicts.arms {
        let mut row = keys(arm);
        row.push(
            match arm.work {
                Work::Same => "same",
                Work::More => "MORE",
                Work::Less => "less",
                Work::Incomparable => "unknown",
                Work::Advisory => NOTHING,
            }
            .to_owned(),
        );
        // The words before the figures: on a telephone the latter scroll.
        row.push(or_nothing(arm.time, |time| verdict(time).to_owned()));
        row.push(or_nothing(arm.change, |change| words::change(change.ratio)));
        row.push(interval(arm.change.and_then(|change| change.interval)));
        row.push(or_nothing(arm.change, |change| units::count(change.pairs)));
        table.row(row);
    }
    table.without_empty_columns()
}

/// The word of a verdict.
fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Same => "same",
        Verdict::Slower => "SLOWER",
        Verdict::Faster => "faster",
        Verdict::Inconclusive { .. } => "inconclusive",
    }
}

/// The counters that are not the same, the exact ones; or the advisory ones.
pub(crate) fn counters(verdicts: &Verdicts, class: CounterClass) -> Table {
    let mut table = Table::new(3, ["arm", "cache", "counter", "base", "new", "change"]).words("change");
    for arm in &verdicts.arms {
        let shown = |c: &&CounterComparison| {
            c.class == class && !matches!(c.change, WorkChange::Same | WorkChange::Unavailable)
        };
        for counter in arm.counters.iter().filter(shown) {
            let mut row = keys(arm);
            row.push(counter.name.clone());
            row.push(amounts(counter.base));
            row.push(amounts(counter.new));
            row.push(change(counter));
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
        WorkChange::New => "new".to_owned(),
        WorkChange::Lost => "lost".to_owned(),
        WorkChange::Same | WorkChange::Unavailable => NOTHING.to_owned(),
    };
    if counter.accepted { format!("{text} (accepted)") } else { text }
}

/// How many exact counters are the same to the digit, in a sentence.
pub(crate) fn equal(verdicts: &Verdicts) -> String {
    let exact =
        || verdicts.arms.iter().flat_map(|arm| &arm.counters).filter(|c| c.class == CounterClass::Exact);
    let known = exact().filter(|c| c.change != WorkChange::Unavailable).count() as u64;
    let same = exact().filter(|c| c.change == WorkChange::Same).count() as u64;
    format!(
        "{} of {} in {} are equal to the digit.",
        units::count(same),
        words::plural(known, "exact counter"),
        words::plural(verdicts.arms.len() as u64, "arm")
    )
}

/// The base against itself.
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
