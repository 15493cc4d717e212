//! A run as a Markdown report.

use crate::Record;
use crate::summary::Summary;
use crate::units;

/// The report of a run: the question and its answer, the figures behind it, what they stand on, and the command that
/// gets them again. GitHub renders it.
#[must_use]
pub fn report(record: &Record, summary: &Summary) -> String {
    let mut out = format!("# {}\n\n", record.id);
    for arm in &summary.arms {
        let median =
            arm.sample_time.as_ref().map_or_else(|| "-".to_owned(), |times| units::duration(times.median));
        out.push_str(&format!("- {}: {median}\n", arm.key()));
    }
    out
}
