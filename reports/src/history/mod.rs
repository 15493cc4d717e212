//! Histories: the runs of each commit, one file a commit, and where a figure changed.
//!
//! [`Entry`] is what is kept of a commit, [`Files`] reads all of them, and [`Judged`] has the
//! steps: exact ones of counters, advisory ones of ratios. `docs/statistics.md` says how they are
//! found.

mod entry;
mod file;
mod json;
mod scan;
mod series;
#[cfg(test)]
mod simulation;
mod steps;
mod terminal;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod words;

pub use entry::{
    Arm, BLESSING_SCHEMA, BLESSING_VERSION, Blessing, Commit, Entry, MOST_PARTS, MOST_TEXT, Place,
    Ratio, Run, SCHEMA, VERSION,
};
pub use file::{Files, LARGEST_ENTRY, MOST_ENTRIES, SUFFIX};
pub use json::json;
pub use series::{Kind, OF_FLOOR, Point, Series};
pub use steps::{Judged, LAST, MOST_COMMITS, Rules, Step};
pub use terminal::{details, terminal};
