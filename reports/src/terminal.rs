//! A run as text for a terminal of 80 columns.

use crate::Record;
use crate::summary::Summary;
use crate::units;

/// What a run found, as text of at most 80 columns without any control character: it reads the same in a terminal, in
/// a log and in a file. Ends with a line feed.
#[must_use]
pub fn table(record: &Record, summary: &Summary) -> String {
    let mut out = format!("{}\n", record.id);
    for arm in &summary.arms {
        let median =
            arm.sample_time.as_ref().map_or_else(|| "-".to_owned(), |times| units::duration(times.median));
        out.push_str(&format!("{:<10} {:<5} {median:>9}\n", arm.name, arm.cache));
    }
    out
}
