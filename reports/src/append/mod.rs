//! What an append run found: figures, and their rendering for a terminal, as Markdown and as JSON.
//!
//! The arms of such a run differ in one thing only: when the row of a thread is projected, before
//! the append returns or after. [`Summary`] has what each costs its caller, how late its rows are,
//! and what work it makes of an append.

mod answer;
mod arm;
mod compare;
mod compute;
mod condition;
mod limits;
mod markdown;
pub(crate) mod tables;
mod terminal;
#[cfg(test)]
mod tests;

pub use arm::{ArmSummary, Foreign, Latencies, PerAppend, Samples, Spread};
pub use compare::{Comparison, Parts};
pub use compute::Rows;
pub use markdown::markdown;
pub use terminal::{details, terminal};

pub(crate) use answer::{answer, rows};
pub(crate) use condition::{both as condition_of, short};
pub(crate) use limits::limits;

use serde::Serialize;

use crate::Record;
use crate::record::{AppendPlan, Outcome};
use crate::summary::LeftOut;

/// Name of the format of [`json`].
pub const SCHEMA: &str = "tracerig.append-summary";
/// Version of that format: fields may be added in a version, never renamed or removed.
pub const VERSION: u64 = 1;

/// Name of the arm that serializes and writes the same lines and has no rows: what no append can
/// beat.
pub const BARE: &str = "bare";
/// Name of the arm that reads a row, merges, writes it and reads it again before the append
/// returns, as published.
pub const SYNC_READBACK: &str = "sync-readback";
/// Name of the arm that writes the row once before the append returns.
pub const SYNC: &str = "sync";
/// Name of the arm in which each thread has a worker that projects after the append returned, as
/// published.
pub const ASYNC_PER_THREAD: &str = "async-per-thread";
/// Name of the arm in which one worker projects for the whole store after the append returned.
pub const ASYNC: &str = "async";

/// Every figure that a report of an append run shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The condition under which every arm appended; `None` when the record is of another scenario,
    /// and then no arm has figures.
    pub condition: Option<AppendPlan>,
    /// The arms, in the order of the plan.
    pub arms: Vec<ArmSummary>,
    /// Arms beside one another, other than beside `bare`, which each arm has itself.
    pub comparisons: Vec<Comparison>,
    /// What a synchronous append with read-back is made of; `None` unless `bare`, `sync` and
    /// `sync-readback` have a common round.
    pub readback: Option<Parts>,
    /// How the final rows compared with the replay of their histories.
    pub rows: Rows,
    /// Every sample that is not in the statistics, in the order taken.
    pub left_out: Vec<LeftOut>,
    /// How the run ended.
    pub outcome: Outcome,
}

impl Summary {
    /// The arm of this name.
    #[must_use]
    pub fn arm(&self, name: &str) -> Option<&ArmSummary> {
        self.arms.iter().find(|arm| arm.name == name)
    }

    /// The comparison of these two, where both were measured.
    #[must_use]
    pub fn comparison(&self, arm: &str, baseline: &str) -> Option<&Comparison> {
        self.comparisons.iter().find(|found| found.arm == arm && found.baseline == baseline)
    }
}

/// The summary as one JSON object with a final line feed, `schema` and `version` first. Times are
/// integer nanoseconds in fields that end in `_ns`, sizes integer bytes in fields that end in
/// `_bytes`; `null` means unavailable. Within a version fields are added, never renamed or removed.
///
/// # Errors
/// Never in practice: only when a figure cannot be put into JSON at all.
pub fn json(record: &Record, summary: &Summary) -> serde_json::Result<String> {
    crate::json::document(SCHEMA, VERSION, record, summary)
}
