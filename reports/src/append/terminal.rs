//! An append run as text for a terminal of 80 columns.

use super::{Summary, answer, condition, limits, tables};
use crate::Record;
use crate::layout::wrapped;
use crate::terminal::{WIDTH, end, left_out, section};
use crate::{remarks, words};

/// What an append run found, as text of 80 columns without any control character: it reads the same in a terminal, in a log
/// and in a file. Ends with a line feed.
///
/// The condition comes first, because no figure means anything without it, and the answer last, because the last lines are
/// what stays in sight.
#[must_use]
pub fn terminal(record: &Record, summary: &Summary) -> String {
    let mut out = String::new();
    let mut measured = "Time of an append, from call to return";
    if let Some(plan) = &summary.condition {
        out += &wrapped(&condition::run(record, plan), WIDTH, "  ");
        out += &wrapped(&condition::condition(plan), WIDTH, "  ");
        if plan.rate.is_some() {
            measured = "Time of an append, from when it was due to its return";
        }
    }
    out += &wrapped(&remarks::setting(record), WIDTH, "  ");
    section(&mut out, &format!("{measured} (valid: of planned)"), &tables::appends(summary));
    section(&mut out, "The same from the moment it really began", &tables::service(summary));
    let title = format!("Ratios, medians over rounds, with {} intervals", words::confidence());
    section(&mut out, &title, &tables::ratios(summary));
    section(
        &mut out,
        "How late rows were (late), and what waiting for them takes (flush)",
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
    out += "\nConditions and limits\n";
    for said in limits::limits(record, summary) {
        out += &wrapped(&format!("  - {said}"), WIDTH, "    ");
    }
    out.push('\n');
    for said in answer::answer(summary) {
        out += &wrapped(&said, WIDTH, "  ");
    }
    end(&mut out, record);
    out
}
