//! Budgets in sentences and tables.

use super::{Found, Judged, Judgement, Limit, Outcome};
use crate::layout::Table;
use crate::record::{ArmKey, Cache};
use crate::stats::Interval;
use crate::terminal::{paragraphs, section};
use crate::units;
use crate::words::{self, or_nothing};

/// `1 of 12 budgets is missed, 2 are undecided, 9 are met.` with what is left out.
pub(crate) fn counted(judgement: &Judgement) -> String {
    let [missed, undecided, met, left_out] = judgement.counts();
    let judged = missed + undecided + met;
    if judged == 0 {
        return format!("No budget of {} was judged: all {left_out} are left out.", judgement.file);
    }
    let verb = |n: u64| if n == 1 { "is" } else { "are" };
    let all = words::plural(judged, "budget");
    let mut said = if missed + undecided == 0 {
        format!("{} {all} {} met", if judged == 1 { "The" } else { "All" }, verb(judged))
    } else {
        let parts = [(missed, "missed"), (undecided, "undecided"), (met, "met")];
        let told: Vec<String> = parts
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .enumerate()
            .map(|(at, (n, what))| {
                let of = if at == 0 { format!(" of {all}") } else { String::new() };
                format!("{}{of} {} {what}", units::count(n), verb(n))
            })
            .collect();
        told.join(", ")
    };
    if left_out > 0 {
        said += &format!("; {} {} left out", units::count(left_out), verb(left_out));
    }
    said + "."
}

/// Missed and undecided budgets, each in a sentence that begins with its line.
pub(crate) fn wanting(judgement: &Judgement) -> Vec<String> {
    let told = |judged: &Judged| {
        let place = place(judgement, judged);
        let what = format!("{}, {}", subject(judged), figure(judged));
        let ends =
            words::or_empty(interval(judged), |ends| format!(" ({})", words::interval(ends)));
        let found = or_nothing(judged.found, found) + &ends;
        match &judged.outcome {
            Outcome::Missed => {
                Some(format!("{place}: MISSED: {what} is {found}, at most {}.", at_most(judged)))
            }
            Outcome::Undecided { because } => {
                Some(format!("{place}: undecided: {what}: {because}."))
            }
            Outcome::Met | Outcome::LeftOut { .. } => None,
        }
    };
    judgement.budgets.iter().filter_map(told).collect()
}

fn interval(judged: &Judged) -> Option<Interval> {
    match judged.found {
        Some(Found::Ratio { interval, .. }) => interval,
        _ => None,
    }
}

/// What is left out, each reason once with the lines that have it.
pub(crate) fn left_out(judgement: &Judgement) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for judged in &judgement.budgets {
        let Outcome::LeftOut { because } = &judged.outcome else { continue };
        let line = judged.budget.line.to_string();
        match reasons.iter_mut().find(|(known, _)| known == because) {
            Some((_, lines)) => lines.push(line),
            None => reasons.push((because, vec![line])),
        }
    }
    let told = |(because, lines): (&str, Vec<String>)| {
        let count = words::plural(lines.len() as u64, "budget");
        let of = if lines.len() == 1 { "line" } else { "lines" };
        format!("{count} left out ({}, {of} {}): {because}.", judgement.file, lines.join(", "))
    };
    reasons.into_iter().map(told).collect()
}

/// Every budget that was judged, missed ones first.
pub(crate) fn table(judgement: &Judgement) -> Table {
    let mut table =
        Table::new(1, ["arm", "figure", "result", "found", "at most", "99 % interval", "line"])
            .words("figure")
            .words("result");
    let is_judged = |judged: &&Judged| !matches!(judged.outcome, Outcome::LeftOut { .. });
    for judged in judgement.budgets.iter().filter(is_judged) {
        let result = match judged.outcome {
            Outcome::Missed => "MISSED",
            Outcome::Undecided { .. } => "undecided",
            Outcome::Met | Outcome::LeftOut { .. } => "met",
        };
        table.row(vec![
            subject(judged),
            figure(judged),
            result.to_owned(),
            or_nothing(judged.found, found),
            at_most(judged),
            or_nothing(interval(judged), words::interval),
            judged.budget.line.to_string(),
        ]);
    }
    table.without_empty_columns()
}

/// `budgets.toml:12`, as compilers name a line.
fn place(judgement: &Judgement, judged: &Judged) -> String {
    format!("{}:{}", judgement.file, judged.budget.line)
}

/// `relaunch/warm:hot`, as the command line names runs and arms.
fn subject(judged: &Judged) -> String {
    format!("{}/{}", judged.budget.run, named(&judged.budget.arm))
}

fn named(arm: &ArmKey) -> String {
    if arm.cache == Cache::Any { arm.name.clone() } else { format!("{}:{}", arm.name, arm.cache) }
}

/// The figure that has the limit.
fn figure(judged: &Judged) -> String {
    match &judged.budget.limit {
        Limit::Counter { counter, .. } => counter.clone(),
        Limit::Ratio { to, .. } => format!("time vs {}", named(to)),
        Limit::Time { phase, percentile, .. } => {
            let of = words::or_empty(phase.as_ref(), |phase| format!(" of {phase}"));
            format!("p{percentile}{of}")
        }
    }
}

fn at_most(judged: &Judged) -> String {
    match judged.budget.limit {
        Limit::Counter { at_most, .. } => units::count(at_most),
        Limit::Ratio { at_most, .. } => format!("{}x", units::ratio(at_most)),
        Limit::Time { at_most, .. } => units::duration(at_most),
    }
}

fn found(found: Found) -> String {
    match found {
        Found::Amount { amount } => units::count(amount),
        Found::Ratio { ratio, .. } => format!("{}x", units::ratio(ratio)),
        Found::Time { time } => units::duration(time),
    }
}

/// What came of the budgets, as text of 80 columns: missed and undecided ones by their line, then
/// how many there are. Ends with a line feed.
#[must_use]
pub fn terminal(judgement: &Judgement) -> String {
    let mut out = String::new();
    paragraphs(&mut out, wanting(judgement));
    let titles = ["arm", "figure", "result", "found", "at most"];
    section(&mut out, "Budgets", &table(judgement).only(&titles));
    out.push('\n');
    paragraphs(&mut out, [counted(judgement)]);
    paragraphs(&mut out, left_out(judgement));
    // A table begins with an empty line, which divides it from sentences that may not be there.
    out.trim_start().to_owned()
}
