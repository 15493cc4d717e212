//! An append run as text for a terminal of 80 columns.

use super::{BARE, Summary, answer, condition, limits, tables};
use crate::Record;
use crate::terminal::{again, bullets, left_out, notes, paragraphs, section};
use crate::{remarks, words};

/// What an append run found, on one screen of 80 columns: the answer, one table, what was excluded.
/// Ends with a line feed.
#[must_use]
pub fn terminal(record: &Record, summary: &Summary) -> String {
    let mut out = String::new();
    paragraphs(&mut out, answer::brief(summary));
    section(&mut out, &title(summary), &tables::appends(summary));
    section(&mut out, CANDIDATES, &tables::candidates(summary));
    out.push('\n');
    paragraphs(&mut out, limits::of_candidates(record, summary));
    if let Some(plan) = &summary.condition {
        paragraphs(&mut out, [format!("Condition: {}.", condition::condition(plan))]);
    }
    if summary.arm(BARE).is_some() {
        paragraphs(&mut out, [format!("{BARE}: writes the same lines and keeps no row.")]);
    }
    notes(&mut out, record, &summary.left_out);
    out
}

/// Everything an append run found, as text of 80 columns without control characters. Ends with a
/// line feed.
#[must_use]
pub fn details(record: &Record, summary: &Summary) -> String {
    let mut out = String::new();
    paragraphs(&mut out, answer::answer(summary));
    paragraphs(&mut out, [remarks::end(record)]);
    out.push('\n');
    if let Some(plan) = &summary.condition {
        paragraphs(&mut out, [condition::run(record, plan), condition::condition(plan)]);
    }
    paragraphs(&mut out, [remarks::setting(record)]);
    section(&mut out, &title(summary), &tables::appends(summary));
    section(&mut out, CANDIDATES, &tables::candidates(summary));
    section(&mut out, "The same from the moment it really began", &tables::service(summary));
    let title = format!("Ratios, medians over rounds, with {} intervals", words::confidence());
    section(&mut out, &title, &tables::ratios(summary));
    section(
        &mut out,
        "How late rows are (late), and how long waiting for them takes (flush)",
        &tables::rows_and_flushes(summary),
    );
    section(
        &mut out,
        "Work of one append, on average (syncs, writes and bytes: whole process)",
        &tables::work(summary),
    );
    section(
        &mut out,
        "A launch (appends/s while they were measured, the rest of the whole process)",
        &tables::machine(summary),
    );
    left_out(&mut out, &summary.left_out);
    bullets(&mut out, "Conditions and limits", limits::limits(record, summary));
    again(&mut out, record);
    out
}

/// The title of the table of candidates.
pub(super) const CANDIDATES: &str = "Processes of candidates, timed from outside";

/// The title of the main table.
fn title(summary: &Summary) -> String {
    let open = summary.condition.as_ref().is_some_and(|plan| plan.rate.is_some());
    let from = if open { "its intended start" } else { "its call" };
    format!("Time of an append, from {from} to its return (valid: of planned)")
}
