//! Candidates and scenarios: what is measured, how it is launched, and how each launch is judged.
//!
//! A scenario is a [`Definition`], made ready, then launched. The definition says what is asked,
//! and comes from a plan, the command line or a record. Made ready it is a [`Scenario`], on which
//! any [`Program`] can be launched. Runs, comparisons, self-checks, repetitions, plans and
//! benchmarks know no more of a scenario than that; [`KINDS`] lists all of them.

pub mod append;
mod arms;
pub mod candidate;
pub mod command;
mod companion;
mod definition;
mod engine;
mod error;
mod event;
mod finished;
pub mod guest;
mod guests;
mod handicap;
mod kept;
mod kind;
mod kinds;
pub mod limits;
pub mod machine;
mod outcomes;
mod own;
mod pagecache;
mod prepared_database;
mod program;
pub mod refresh;
pub mod relaunch;
pub mod repro;
mod run;
mod scenario;
pub mod worker;
mod workplace;

use tracerig_process::{child, interrupt, platform, watch};

pub use definition::Definition;
pub use error::{ArmError, DefinitionError, ReproError, ScenarioError};
pub use event::{Event, Tell};
pub use finished::{Finished, not_started};
pub use kept::KeptFolder;
pub use kind::Kind;
pub use kinds::KINDS;
pub use program::Program;
pub use run::{Measured, Session, launches_of, run};
pub use scenario::{Made, Place, Scenario};
pub use workplace::{Workplace, free_room};

use event::{step, watched};
use scenario::one;
