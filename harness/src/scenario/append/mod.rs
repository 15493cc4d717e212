//! The append scenario: what an append costs its caller when the row of metadata is projected before it returns, or after.
//!
//! In each round every arm of the plan gives one sample, in an order drawn from the run's seed: one fresh process that appends the same
//! lines on the same number of threads, to a folder of its own. When it has ended, every history is compared with what was to be appended, and
//! every row with an independent replay of its history.

mod contender;
mod counting;
mod crash;
mod definition;
mod error;
mod ready;
mod verify;
pub mod worker;

use std::path::PathBuf;

use tracerig_reports::record::{ArmKey, Cache, Record};

pub use crash::{CrashJob, CrashReport, Struck, Violation, crash};
pub use definition::{Arm, Condition, Plan};
pub use error::AppendError;
pub use ready::Bench;
pub(crate) use ready::EXACT;

use crate::scenario::candidate::Subject;
use crate::scenario::samples::{interleaved, one};
use crate::scenario::session::{Measured, Session};

/// What to run, and with what.
#[derive(Debug)]
pub struct Job {
    /// Arms, samples, amounts.
    pub plan: Plan,
    /// Under which conditions.
    pub condition: Condition,
    /// Where the stores of the launches are made.
    pub workplaces: PathBuf,
    /// The seed of the run: of the order of arms, and of what is appended.
    pub seed: u64,
    /// The program that is launched; it must understand [`worker::SUBCOMMAND`].
    pub program: PathBuf,
    /// The command line, for the record.
    pub command: Vec<String>,
}

/// Before a sample is taken: its position in the run from 0, the samples of the run, its arm.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The position, from 0.
    pub at: u64,
    /// Samples of the run.
    pub of: u64,
    /// The arm.
    pub arm: &'a Arm,
}

/// Runs the scenario under one condition. Ctrl-C ends it with the samples there are.
///
/// # Errors
/// See [`AppendError`]. A launch that fails, or whose histories or rows are wrong, is no error but a sample.
pub fn run(job: &Job, tell: &mut dyn FnMut(Event<'_>)) -> Result<Record, AppendError> {
    let mut bench = Bench::set(job)?;
    let mut subject = Subject::new(&job.program, job.plan.time_limit())
        .map_err(AppendError::io(&std::env::temp_dir(), "create a temporary file in it"))?;
    let session = Session::begin(&job.command, job.seed);
    let keys: Vec<ArmKey> = job.plan.arms.iter().map(key).collect();
    let (samples, interrupted) = interleaved(&keys, job.plan.samples, job.seed, |arm, at, of| {
        let arm = &job.plan.arms[arm];
        tell(Event { at, of, arm });
        one(bench.launch(&mut subject, arm))
    })?;
    let plan = bench.record_plan(job.plan.samples, job.seed)?;
    let measured = Measured { plan, dataset: bench.dataset()?, samples, interrupted };
    Ok(session.record(measured, &job.workplaces))
}

/// The key of an arm in a record.
#[must_use]
pub fn key(arm: &Arm) -> ArmKey {
    ArmKey::new(&arm.name, Cache::Any)
}
