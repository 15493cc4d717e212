//! A history in sentences and tables.

use super::series::Kind;
use super::steps::{Judged, Step};
use crate::foreign::{columns, plain, shortened};
use crate::layout::Table;
use crate::terminal::WIDTH;
use crate::units;
use crate::words;

/// A commit as people name it.
pub(crate) fn short(revision: &str) -> &str {
    revision.get(..10).unwrap_or(revision)
}

/// The answer: how many steps, and the newest that nobody explained.
pub(crate) fn answer(judged: &Judged) -> String {
    let commits = words::plural(judged.commits.len() as u64, "commit");
    if judged.commits.is_empty() {
        return "The history is empty. Add a run with `tracerig history add RECORD`.".to_owned();
    }
    if judged.steps.is_empty() {
        return format!("No steps in {commits}.");
    }
    let steps = words::plural(judged.steps.len() as u64, "step");
    let open = judged.open().count();
    let explained = match judged.steps.len() - open {
        0 => String::new(),
        _ if open == 0 => ", all explained".to_owned(),
        explained => format!(", {explained} explained"),
    };
    let newest = judged.open().next();
    let newest = words::or_empty(newest, |step| {
        format!(" Newest: {} {} at {}.", step.series, change(step), short(&step.revision))
    });
    format!("{steps} in {commits}{explained}.{newest}")
}

/// `200 to 201`, or `+6.1 %`.
pub(crate) fn change(step: &Step) -> String {
    match step.counts {
        Some([before, after]) => format!("{} to {}", units::count(before), units::count(after)),
        None => words::change(step.after / step.before),
    }
}

/// How sure the commit is.
pub(crate) fn certainty(step: &Step) -> String {
    let mut said = match step.kind {
        Kind::Counter if step.since_parent => "exact".to_owned(),
        Kind::Counter => format!("since {}", short(&step.since)),
        Kind::Ratio => "advisory".to_owned(),
    };
    if step.conditions_changed {
        said += ", other data";
    }
    said
}

/// The steps, what is most wanted first: on a telephone the rest scrolls.
pub(crate) fn steps(judged: &Judged) -> Table {
    let titles =
        ["commit", "change", "series", "certainty", "explained", "subject", "gate", "place"];
    let mut table = Table::new(1, titles);
    for title in &titles[2..] {
        table = table.words(title);
    }
    for step in &judged.steps {
        table.row(vec![
            short(&step.revision).to_owned(),
            change(step),
            step.series.clone(),
            certainty(step),
            words::or_nothing(step.blessed.as_ref(), Clone::clone),
            judged.commits[step.at].subject.clone(),
            step.gate.map_or(words::NOTHING, gate).to_owned(),
            step.place.clone(),
        ]);
    }
    table.without_empty_columns()
}

/// These steps, each on one line of the terminal: a long name loses its middle.
pub(crate) fn brief<'a>(steps: impl Iterator<Item = &'a Step>) -> Table {
    let mut table = Table::new(2, ["commit", "series", "change"]).words("change");
    let steps: Vec<(&Step, String)> = steps.map(|step| (step, brief_change(step))).collect();
    let changes = steps.iter().map(|(_, change)| columns(change)).max().unwrap_or(0);
    let room = (WIDTH - 14).saturating_sub(changes).max(8);
    for (step, change) in steps {
        table.row(vec![
            short(&step.revision).to_owned(),
            shortened(&plain(&step.series), room),
            change,
        ]);
    }
    table
}

/// `200 to 201`, `+6.1 %, advisory`, with what is to be known.
fn brief_change(step: &Step) -> String {
    let certainty = Some(certainty(step)).filter(|certainty| certainty != "exact");
    let explained = step.blessed.as_ref().map(|_| "explained".to_owned());
    [Some(change(step)), certainty, explained].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn gate(gate: crate::verdict::Gate) -> &'static str {
    use crate::verdict::Gate;
    match gate {
        Gate::Fine => "fine",
        Gate::Inconclusive => "inconclusive",
        Gate::Regression => "regression",
        Gate::Failed => "failed",
        Gate::Mismatch => "mismatch",
    }
}

/// What else is to be known: what is left out, and what did not pass.
pub(crate) fn notes(judged: &Judged) -> Vec<String> {
    let mut said = Vec::new();
    let of = |at: usize| short(&judged.commits[at].revision);
    if let Some(newest) = judged.failed.last() {
        let commits = words::plural(judged.failed.len() as u64, "commit");
        said.push(format!(
            "{commits} did not pass: a regression, a failure or a wrong answer, newest {}.",
            of(*newest)
        ));
    }
    if let Some((series, at)) = judged.unclear.first() {
        let values = words::plural(judged.unclear.len() as u64, "counter");
        said.push(format!(
            "{values} left out, because runs of one commit differ: {series} at {}.",
            of(*at)
        ));
    }
    if let Some(idle) = judged.idle.first() {
        let blessings = words::plural(judged.idle.len() as u64, "blessing");
        said.push(format!(
            "{blessings} without a step: {} at {}.",
            idle.series,
            short(&idle.revision)
        ));
    }
    if judged.older > 0 {
        said.push(format!(
            "{} not judged; --last judges more.",
            words::plural(judged.older as u64, "older commit")
        ));
    }
    said
}

/// How steps are found.
pub(crate) fn method(judged: &Judged) -> Vec<String> {
    let rules = &judged.rules;
    let counters =
        judged.series.iter().filter(|series| series.kind == Kind::Counter).count() as u64;
    vec![
        format!(
            "{}: exact. Another value than at the commit before is a step.",
            words::plural(counters, "counter")
        ),
        format!(
            "{} of times to the floor of the same run: advisory. A step is a change of level that \
             noise gives with a false discovery rate of {} (seeded binary segmentation with \
             permutations; Benjamini-Hochberg over all ratios), of {} or more, with 3 commits on \
             each side.",
            words::plural(judged.judged as u64, "ratio"),
            words::percent(rules.rate),
            words::percent(rules.margin),
        ),
    ]
}
