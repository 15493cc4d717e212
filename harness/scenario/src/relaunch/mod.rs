//! The relaunch scenario: what a launch on a large trace database costs, cold and warm, every
//! answer verified.
//!
//! All launches of an arm are made on one database in one state, which most arms share. Before a
//! launch its memo is put in place and the page cache is brought into the state the arm asks for
//! (`ready`); the process is asked by the protocol of candidates (`guests`); afterwards the answer,
//! the way to it and the conditions are judged (`judge`).

mod definition;
pub(super) mod guests;
mod judge;
mod live_database;
mod overlapping;
mod ready;
mod resident;
mod told;

pub use definition::{on_own, on_recipe};
pub use judge::account_of;
pub use told::Told;

use super::Kind;

/// The scenario.
pub static KIND: Kind = Kind {
    name: "relaunch",
    exact: &judge::EXACT,
    of_plan: definition::of_plan,
    of_record: definition::of_record,
};
