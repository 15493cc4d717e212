//! An append run as a Markdown report.

use super::{Summary, answer, condition, limits, tables};
use crate::Record;
use crate::page::Page;
use crate::words;

/// The report of an append run: the question and its answer, the figures behind it, what they stand on, and the command that
/// gets them again. GitHub renders it.
#[must_use]
pub fn markdown(record: &Record, summary: &Summary) -> String {
    let mut out = Page::default();
    question(&mut out, record, summary);
    times(&mut out, summary);
    rows(&mut out, summary);
    work(&mut out, summary);
    verification(&mut out, record, summary);
    foundations(&mut out, record, summary);
    out.machine(record);
    out.again(record);
    out.text()
}

fn question(out: &mut Page, record: &Record, summary: &Summary) {
    out.block("# What does an append cost its caller?\n");
    out.paragraph(
        "A conversation's history is appended to, and a row of metadata in SQLite follows from it. The row can be projected \
         before the append returns, or after. What does the caller pay, how late is the row, and is anything lost?",
    );
    out.list(answer::answer(summary));
    out.paragraph(&crate::remarks::end(record));
    if let Some(plan) = &summary.condition {
        out.heading("Condition");
        out.list([condition::run(record, plan), condition::condition(plan)].map(|line| format!("{line}.")));
    }
}

fn times(out: &mut Page, summary: &Summary) {
    out.heading("Times of an append");
    let open = summary.condition.as_ref().is_some_and(|plan| plan.rate.is_some());
    let from = if open { "the moment it was due" } else { "its call" };
    out.paragraph(&format!(
        "From {from} to its return, over all appends of all valid samples of an arm. Every round has one sample of each arm, in \
         random order, each a fresh process. Ratios compare the quantiles of samples of one round and are medians over the \
         rounds in which both arms have a valid sample; their intervals come from the bootstrap of that median, widened for few \
         rounds."
    ));
    out.block(&tables::appends(summary).markdown());
    out.table(
        "From the moment it really began: what is left without waiting in line",
        &tables::service(summary),
    );
    out.table(
        &format!("Ratios with {} intervals, and the rounds they come from", words::confidence()),
        &tables::ratios(summary),
    );
    out.table("How far single samples lie apart", &tables::samples(summary));
}

fn rows(out: &mut Page, summary: &Summary) {
    let table = tables::rows_and_flushes(summary);
    if table.is_empty() {
        return;
    }
    out.heading("Late rows and flushes");
    out.paragraph(
        "Late: from the earliest append in a projection until the row has it, one value a projection. Flush: a call that waits \
         until the row has everything accepted before it.",
    );
    out.block(&table.markdown());
}

fn work(out: &mut Page, summary: &Summary) {
    out.heading("Work");
    out.table("Of one append, on average: rows written and transactions while the measured appends were made; syncs of histories, write calls and \
         bytes of the whole process by all lines of its histories, warming up and flushes included", &tables::work(summary));
    out.table(
        "Of a launch: appends a second while they were measured, processor time as a median, the rest as ranges",
        &tables::machine(summary),
    );
    out.table(
        "Counters of a launch, in every digit; ranges where launches differ",
        &tables::counters(summary),
    );
}

fn verification(out: &mut Page, record: &Record, summary: &Summary) {
    out.heading("Verification");
    out.list([answer::rows(summary)]);
    out.left_out(&summary.left_out);
    out.block("**To bear in mind**\n");
    out.list(limits::limits(record, summary));
}

fn foundations(out: &mut Page, record: &Record, summary: &Summary) {
    out.heading("Arms");
    out.block(&tables::arms(summary).markdown());
    out.heading("Items");
    let data = &record.dataset;
    out.facts([
        ("recipe", format!("{}, seed {}, generator {}", data.recipe, data.seed, data.generator_version)),
        ("digest", data.rows_digest.clone()),
    ]);
    if !data.recipe_text.trim().is_empty() {
        out.block("<details><summary>The recipe</summary>\n");
        out.code("toml", &data.recipe_text);
        out.block("</details>\n");
    }
}
