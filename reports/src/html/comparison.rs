//! Comparisons on the page: the answer and the verdicts of each at the beginning, and what they
//! rest on in a separate section.

use super::markup::Markup;
use super::parts;
use super::plot::{self, Caption, Change};
use crate::comparison::{Comparison, Comparisons, Run, tables, words};
use crate::layout::tied;
use crate::record::CounterClass;
use crate::verdict::{ArmVerdict, Gate, Verdict};

/// What a comparison is called among the others.
pub(super) fn heading(run: &Run) -> String {
    let (base, new) = names(&run.comparison);
    format!("Comparison {}: {new} and {base}", run.name)
}

/// What base and new program are called: of paths as much of the end as tells them apart. The whole
/// ones are with the programs.
fn names(comparison: &Comparison) -> (String, String) {
    let (base, new) = (&comparison.base.name, &comparison.new.name);
    if comparison.base.argv.is_some() {
        return (base.clone(), new.clone());
    }
    let parts = base.split('/').count().max(new.split('/').count());
    let end = |name: &str, parts: usize| {
        let from = name.rmatch_indices('/').nth(parts - 1).map_or(0, |(at, _)| at + 1);
        name[from..].to_owned()
    };
    let told = (1..=parts)
        .map(|parts| (end(base, parts), end(new, parts)))
        .find(|(base, new)| base != new);
    told.unwrap_or_else(|| (base.clone(), new.clone()))
}

/// What was asked, and what the comparisons answer.
pub(super) fn answers(out: &mut Markup, comparisons: &[Comparisons]) {
    if comparisons.is_empty() {
        return;
    }
    out.leaf(
        "p",
        &[("class", &"question")],
        "Does the new program do more work than the base, or take longer?",
    );
    for said in comparisons.iter().filter_map(Comparisons::cut_short) {
        out.leaf("p", &[("class", &"state doubt")], &said);
    }
    for run in comparisons.iter().flat_map(|comparisons| &comparisons.runs) {
        let head = words::verdict(&run.comparison);
        let class = match run.comparison.gate() {
            Gate::Fine => "good",
            Gate::Inconclusive => "doubt",
            Gate::Regression | Gate::Failed | Gate::Mismatch => "bad",
        };
        out.leaf(
            "p",
            &[("class", &format!("state {class}"))],
            &tied(&format!("{}: {head}", run.name)),
        );
        let (base, new) = names(&run.comparison);
        let title = format!("{}: {new} compared with {base}", words::subject(&run.comparison));
        parts::table(out, &title, &tables::verdicts(&run.comparison.verdicts));
    }
    for (at, comparisons) in comparisons.iter().enumerate() {
        let of_run = |run| arms(run).map(move |arm| (run, arm));
        let all = comparisons.runs.iter().flat_map(of_run);
        chart(out, &format!("changes-{}", at + 1), &comparisons.runs, all);
    }
}

fn arms(run: &Run) -> impl Iterator<Item = &ArmVerdict> {
    run.comparison.verdicts.arms.iter()
}

/// The change of the time of each of these arms, a picture called `id`.
pub(super) fn chart<'a>(
    out: &mut Markup,
    id: &str,
    runs: &[Run],
    arms: impl Iterator<Item = (&'a Run, &'a ArmVerdict)>,
) {
    let change = |(run, arm): (&Run, &ArmVerdict)| {
        let change = arm.change?;
        let class = match arm.time? {
            Verdict::Slower => "bad",
            Verdict::Faster => "good",
            Verdict::Inconclusive { .. } => "doubt",
            Verdict::Same => "plain",
        };
        let name = tables::named(runs, run, arm);
        Some(Change { name, class, ratio: change.ratio, interval: change.interval })
    };
    let changes: Vec<Change> = arms.filter_map(change).collect();
    let margin = runs.first().map_or(0.02, |run| run.comparison.verdicts.rules.margin);
    let how = format!(
        "A dot is the median change of an arm, the line its 99 % interval. The grey band is the \
         margin of {}: changes within it are ignored.",
        crate::words::percent(margin)
    );
    let caption =
        Caption { id: id.to_owned(), title: "Change of the time of each arm.", how: &how };
    plot::changes(out, &caption, margin, &changes);
}

/// All of one comparison.
pub(super) fn section(out: &mut Markup, run: &Run) {
    let comparison = &run.comparison;
    let verdicts = &comparison.verdicts;
    out.leaf("h2", &[], &heading(run));
    let mut answer = words::answer(comparison);
    // Who reads a page has no use for an exit code.
    answer[0] = words::verdict(comparison);
    parts::list(out, answer);
    parts::list(out, words::programs(comparison));
    if !comparison.times.is_empty() {
        out.leaf("h3", &[], "Times");
        parts::table(out, words::TIMES, &tables::times(&comparison.times, 0.0));
    }
    out.leaf("h3", &[], "Work");
    parts::table(
        out,
        "Exact work counters that changed",
        &tables::counters(verdicts, CounterClass::Exact),
    );
    out.leaf("p", &[], &tables::equal([verdicts]));
    let advisory = tables::counters(verdicts, CounterClass::Advisory);
    parts::table(out, "Advisory counters that changed: they decide nothing", &advisory);
    if let Some(said) = words::noise(comparison) {
        out.leaf("h3", &[], "Noise");
        parts::table(out, "Noise: the base compared with itself", &tables::noise(verdicts));
        out.leaf("p", &[], &said);
    }
    out.leaf("h3", &[], "How verdicts are made");
    parts::list(out, words::method(comparison));
    if !comparison.command.is_empty() {
        out.leaf("h3", &[], "Repeat this comparison");
        parts::code(out, &crate::words::shell(&crate::words::repeatable(&comparison.command), 72));
    }
}
