//! The search for histories that go wrong: random ones and kept ones, on all cores, each failure made smaller and kept.
//!
//! A [`Subject`] is what histories are of, a [`Job`] says which to execute; [`search`] executes them and gives a [`Report`]. The
//! kept cases ([`kept`]) come first. A random case is a function of seed, number and count of operations; shards take numbers
//! in turns, so that they never execute the same one. What is printed and kept of a failure is the history itself, which no change of the generator
//! can make another.

mod archive;
mod bench;
mod error;
mod found;
mod junit;
pub mod kept;
mod outside;
mod search;
mod shard;
mod subject;
mod threads;
mod trace;
mod watch;

pub use archive::Archives;
pub use bench::Bench;
pub use error::Error;
pub use found::{Found, Origin};
pub use junit::junit;
pub use outside::Outside;
pub use search::{Job, Limits, Replayed, Report, Seen, case, replay, search};
pub use shard::Shard;
pub use subject::{History, Subject};
pub use threads::Threads;
pub use trace::{AskPython, Share, Trace};

pub use crate::failure::{Failure, Why};
pub use crate::shrinking::Shrink;
