//! An append run as a Markdown report.

use super::terminal::CANDIDATES;
use super::{Summary, answer, condition, limits, tables};
use crate::Record;
use crate::page::Page;
use crate::words;

/// The report of an append run for GitHub: question, answer, figures, what they are based on, and
/// the command that repeats the run.
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
        "A conversation's history grows by an append, and its row of metadata in SQLite must \
         follow. The row can be projected before the append returns, or after. What does the \
         caller pay, how late is the row, and is anything lost?",
    );
    out.list(answer::answer(summary));
    out.paragraph(&crate::remarks::end(record));
    if let Some(plan) = &summary.condition {
        out.heading("Condition");
        out.list(
            [condition::run(record, plan), condition::condition(plan)]
                .map(|line| format!("{line}.")),
        );
    }
}

fn times(out: &mut Page, summary: &Summary) {
    out.heading("Times of an append");
    let open = summary.condition.as_ref().is_some_and(|plan| plan.rate.is_some());
    let from = if open { "its intended start" } else { "its call" };
    out.paragraph(&format!(
        "From {from} to its return, over all appends of all valid samples of an arm. Every round \
         has one sample of each arm, in random order, each a fresh process. Ratios compare the \
         quantiles of samples of one round and are medians over the rounds in which both arms have \
         a valid sample; their intervals come from the bootstrap of that median, widened for few \
         rounds."
    ));
    out.block(&tables::appends(summary).markdown());
    out.table(CANDIDATES, &tables::candidates(summary));
    out.table(
        "From the moment it really began, without waiting for earlier appends",
        &tables::service(summary),
    );
    out.table(
        &format!("Ratios with {} intervals, and their common rounds", words::confidence()),
        &tables::ratios(summary),
    );
    out.table("How much single samples differ", &tables::samples(summary));
}

fn rows(out: &mut Page, summary: &Summary) {
    let table = tables::rows_and_flushes(summary);
    if table.is_empty() {
        return;
    }
    out.heading("Late rows and flushes");
    out.paragraph(
        "Late: from the earliest append in a projection until the row has it, one value per \
         projection. Flush: a call that waits until the row has everything accepted before it.",
    );
    out.block(&table.markdown());
}

fn work(out: &mut Page, summary: &Summary) {
    out.heading("Work");
    out.table(
        "Per append, on average: rows written and transactions during the measured appends; \
               syncs of histories, write calls and bytes of the whole process divided by all lines \
               of its histories, warm-up and flushes included",
        &tables::work(summary),
    );
    out.table(
        "Per launch: appends per second while they were measured, median processor time, the rest \
         as ranges",
        &tables::machine(summary),
    );
    out.table(
        "Counters of a launch in full; ranges if launches differ",
        &tables::counters(summary),
    );
}

fn verification(out: &mut Page, record: &Record, summary: &Summary) {
    out.heading("Verification");
    out.list([answer::rows(summary)]);
    out.left_out(&summary.left_out);
    out.block("**Limits of these figures**\n");
    out.list(limits::limits(record, summary));
}

fn foundations(out: &mut Page, record: &Record, summary: &Summary) {
    out.heading("Arms");
    out.block(&tables::arms(summary).markdown());
    out.heading("Items");
    let data = &record.dataset;
    out.facts([
        (
            "recipe",
            format!("{}, seed {}, generator {}", data.recipe, data.seed, data.generator_version),
        ),
        ("digest", data.rows_digest.clone()),
    ]);
    if !data.recipe_text.trim().is_empty() {
        out.block("<details><summary>The recipe</summary>\n");
        out.code("toml", &data.recipe_text);
        out.block("</details>\n");
    }
}
