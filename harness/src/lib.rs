//! Measures and tests trace stores and incremental scanners.
//!
//! **Recipe, dataset, plan, worker processes, samples, record.** A run takes a dataset, launches
//! fresh processes on it as its plan says, verifies each answer against an independent
//! [oracle](tracerig_oracle), and hands a record with every raw sample to the reports.

#[cfg(feature = "ablations")]
pub mod ablation_costs;
pub mod baseline;
pub mod budgets;
pub mod build;
pub mod cli;
pub mod compare;
pub mod document;
#[cfg(feature = "ablations")]
#[doc(hidden)]
pub mod fuzzing;
pub mod git;
pub mod handicap;
pub mod history;
pub mod history_child;
pub mod limits;
pub mod plan;
pub mod profile;
pub mod protocol;

use tracerig_process::child;
pub use tracerig_process::{interrupt, platform, watch};
pub use tracerig_scenario as scenario;
pub use tracerig_scenario::{candidate, machine};
