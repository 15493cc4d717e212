//! The append scenario: what an append costs its caller when the row of metadata is projected
//! before it returns, or after.
//!
//! A launch is one fresh process that appends the same lines on the same number of threads, to a
//! folder of its own (`launch`). When it has ended, every history is compared with what was to be
//! appended, and every row with an independent replay of its history (`verify`).

mod contender;
mod counting;
mod crash;
mod definition;
mod launch;
mod ready;
pub(crate) mod verify;
pub mod worker;

pub use crash::{CrashJob, CrashReport, Struck, Violation, crash};
pub use definition::{Acknowledged, Condition, on};

use super::Kind;

/// The scenario.
pub(crate) static KIND: Kind = Kind {
    name: "append",
    exact: &ready::EXACT,
    of_plan: definition::of_plan,
    of_record: definition::of_record,
};
