//! Measures and tests trace stores and incremental scanners.
//!
//! **Recipe, dataset, plan, worker processes, samples, record.** A run takes a dataset, launches fresh processes on it as
//! its plan says, verifies each answer against an independent [oracle](tracerig_oracle), and hands a record with every raw sample to
//! the reports.

#[cfg(feature = "ablations")]
pub mod ablations;
pub mod append;
pub mod archive_histories;
pub mod arms;
pub mod baseline;
mod child;
pub mod cli;
pub mod companion;
pub mod compare;
pub mod damage;
pub mod diff;
pub mod document;
mod failure;
#[cfg(feature = "ablations")]
#[doc(hidden)]
pub mod fuzzing;
pub mod handicap;
pub mod histories;
pub mod interrupt;
pub mod limits;
pub mod machine;
pub mod plan;
pub mod platform;
pub mod process;
pub mod protocol;
pub mod refresh;
pub mod relaunch;
pub mod repro;
mod samples;
mod session;
mod shrinking;
pub mod subject;
pub mod switches;
pub mod thread_histories;
pub mod watch;
pub mod worker;
