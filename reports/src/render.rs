//! Renders any record in the way of its scenario.

use crate::{
    Record, Summary, append, json as relaunch_json, markdown as relaunch_markdown,
    terminal as relaunch_terminal,
};

/// What the run found, on one screen of 80 columns: answer, one table, what was excluded. Ends with
/// a line feed.
#[must_use]
pub fn terminal(record: &Record) -> String {
    if record.plan.append.is_some() {
        append::terminal(record, &append::Summary::of(record))
    } else {
        relaunch_terminal::brief(record, &Summary::of(record))
    }
}

/// Why the run failed or gave a wrong answer, in a sentence: the first sample that shows it, and
/// what its process said. `None` if it ended well.
#[must_use]
pub fn cause(record: &Record) -> Option<String> {
    crate::remarks::cause(&record.outcome, &crate::summary::LeftOut::all(record))
}

/// Everything the run found, as text of 80 columns. Ends with a line feed.
#[must_use]
pub fn details(record: &Record) -> String {
    if record.plan.append.is_some() {
        append::details(record, &append::Summary::of(record))
    } else {
        relaunch_terminal::details(record, &Summary::of(record))
    }
}

/// The report of the run in Markdown.
#[must_use]
pub fn markdown(record: &Record) -> String {
    if record.plan.append.is_some() {
        append::markdown(record, &append::Summary::of(record))
    } else {
        relaunch_markdown::report(record, &Summary::of(record))
    }
}

/// The summary of the run as JSON, its format named in its `schema`.
///
/// # Errors
/// Never in practice: only when a figure cannot be put into JSON at all.
pub fn json(record: &Record) -> serde_json::Result<String> {
    if record.plan.append.is_some() {
        append::json(record, &append::Summary::of(record))
    } else {
        relaunch_json::summary(record, &Summary::of(record))
    }
}
