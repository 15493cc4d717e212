//! The refresh scenario: what a relaunch costs that reads a trace database and an archive of
//! rollouts, and where its time goes.
//!
//! All launches are made on one copy of the archive and one of its trace database, in one state.
//! Before a launch its memos are put in place, and the process is asked by the protocol of
//! candidates (`ready`); afterwards the answer, the files read and the memo written are judged
//! (`judge`).

mod answer;
mod definition;
mod floor;
mod grown;
mod guests;
mod judge;
mod ready;
pub mod worker;

pub use answer::{Answer, fault};
pub use definition::on_recipe;
pub use grown::TICK;
pub use judge::{Told, describe};

use super::Kind;

/// The scenario.
pub static KIND: Kind = Kind {
    name: "refresh",
    exact: &judge::EXACT,
    of_plan: definition::of_plan,
    of_record: definition::of_record,
};
