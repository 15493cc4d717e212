//! The command scenario: what one launch of any command costs, and whether its standard output is
//! always the same.
//!
//! The command is the candidate's own: two candidates with two commands are two sides of a
//! comparison. Before a launch the page cache of the named files is brought into the state that
//! the arm asks for (`ready`); the first launches of the first candidate tell the right output and
//! which counters repeat; each launch is then judged by both (`judge`).

mod definition;
mod judge;
mod ready;

pub use definition::{ARM, Keys, on};
pub use judge::EXACT;
pub(crate) use ready::digest;

use super::Kind;

/// The scenario.
pub static KIND: Kind = Kind {
    name: "command",
    exact: &EXACT,
    of_plan: definition::of_plan,
    of_record: definition::of_record,
};
