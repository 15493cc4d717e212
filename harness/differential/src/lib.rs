//! Differential tests of trace stores, scanners and archives with histories: sequences of
//! operations, random or kept, with everything compared after each.
//!
//! [`trace`], [`threads`] and [`archive`] are the kinds of histories: operations as text, generated
//! at random, executed on real files, and compared with oracles and models. [`search`] finds
//! failing ones and shrinks them; `ablations` measures how strong the tests are. This crate starts
//! processes from paths that its caller gives, and prints only what hangs.
//!
//! ```no_run
//! use std::num::NonZeroUsize;
//! use tracerig_differential::search::{Job, Limits, Shard, search};
//! use tracerig_differential::threads::Threads;
//!
//! let job = Job {
//!     subject: Threads { ablations: Default::default() },
//!     seed: 1,
//!     ops: 20,
//!     limits: Limits { cases: Some(100), time: None, shrinking: None },
//!     jobs: NonZeroUsize::MIN,
//!     shard: "1/1".parse::<Shard>()?,
//!     corpus: Vec::new(),
//!     keep: "found".into(),
//! };
//! let report = search(&job, &mut |_| {})?;
//! assert!(report.found.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "ablations")]
pub mod ablations;
pub mod archive;
pub mod child;
pub mod damage;
pub mod engine;
pub mod failure;
pub mod foreign;
pub mod limits;
pub mod parse_error;
pub mod python;
pub mod search;
pub mod share;
pub mod shrinking;
pub mod sides;
pub mod subject;
pub mod switches;
pub mod tally;
pub mod threads;
pub mod trace;
mod words;
