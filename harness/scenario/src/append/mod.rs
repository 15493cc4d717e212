//! The append scenario: what an append costs its caller when the row of metadata is projected
//! before it returns, or after.
//!
//! A launch is one fresh process that appends the same lines on the same number of threads, to a
//! separate folder. It is asked by the protocol of candidates: our own store in a mode, plain files
//! (`worker`), or a store of somebody else (`guests`). When it has ended, every history is compared
//! with what was to be appended, and every row with an independent replay of its history
//! (`verify`).

mod beside;
mod contender;
mod counting;
mod crash;
mod definition;
mod guests;
mod ready;
pub(crate) mod verify;
pub mod worker;

pub use crash::{CrashJob, CrashReport, Struck, Violation, crash};
pub use definition::{Condition, on};

use super::Kind;
pub(crate) use beside::{CONTENDER, KILLED, beside};

/// The scenario.
pub static KIND: Kind = Kind {
    name: "append",
    exact: &ready::EXACT,
    of_plan: definition::of_plan,
    of_record: definition::of_record,
};
