//! The search for histories that go wrong: random ones and kept ones, on all cores, each failure
//! shrunk and kept.
//!
//! A [`Job`] says which histories of a [`Subject`](crate::subject::Subject) to execute; [`search`]
//! executes them and gives a [`Report`]. The kept cases ([`kept`]) come first. A random case is a
//! function of seed, number and count of operations; shards take numbers in turns, so that they
//! never execute the same one. What is printed and kept of a failure is the history itself, which
//! no change of the generator can make another.

mod bench;
mod error;
mod found;
pub mod kept;
mod outside;
mod run;
mod shard;
mod watch;

pub use bench::Bench;
pub use error::Error;
pub use found::{Found, Origin};
pub use outside::Outside;
pub use run::{Job, Limits, Replayed, Report, Seen, case, replay, search};
pub use shard::Shard;
