//! The refresh scenario: what a relaunch costs that reads a trace database and an archive of rollouts, and where its time goes.
//!
//! All launches stand on one copy of the archive and one of its trace database, in one state. In each round every arm of the
//! plan gives one sample, in an order drawn from the run's seed. Before a launch its memos are put in place; afterwards the
//! answer, the files read and the memo written are judged.

mod answer;
mod definition;
mod error;
mod floor;
pub(crate) mod judge;
mod memos;
mod ready;
pub mod worker;

use std::path::PathBuf;

use tracerig_datasets::Cache as Datasets;
use tracerig_datasets::archive::ArchiveRecipe;
use tracerig_reports::record::{ArmKey, ArmPlan, Record};

pub use answer::{Answer, fault};
pub use definition::{Arm, Memo, Plan, Reads};
pub use error::RefreshError;
pub use ready::Bench;

#[cfg(feature = "ablations")]
pub(crate) use memos::Memos;
#[cfg(feature = "ablations")]
pub(crate) use ready::TICK;

use crate::scenario::candidate::Subject;
use crate::scenario::relaunch::Event;
use crate::scenario::samples::{interleaved, launches_for, one, repeated};
use crate::scenario::session::{Measured, Session};

/// What to run, and with what.
#[derive(Debug)]
pub struct Job {
    /// Arms, samples, limits.
    pub plan: Plan,
    /// The archive that launches are made on.
    pub recipe: Box<ArchiveRecipe>,
    /// Factor on the bytes of it that do not matter.
    pub scale: f64,
    /// Where datasets are kept.
    pub datasets: Datasets,
    /// Where working copies are made.
    pub workplaces: PathBuf,
    /// The seed of the run: of the order of arms and of what is appended. The dataset keeps its recipe's seed.
    pub seed: u64,
    /// The program that is launched; it must understand [`worker::SUBCOMMAND`].
    pub program: PathBuf,
    /// The digest of the dataset, where only that will do.
    pub expected_digest: Option<String>,
    /// The command line, for the record.
    pub command: Vec<String>,
}

/// Runs the scenario. Ctrl-C ends it with the samples there are.
///
/// # Errors
/// See [`RefreshError`]. A launch that fails, answers wrongly or does not meet its conditions is no error but a sample.
pub fn run(job: &Job, tell: &mut dyn FnMut(Event<'_>)) -> Result<Record, RefreshError> {
    let mut bench = Bench::set(job, tell)?;
    let mut subject = Subject::new(&job.program, job.plan.time_limit())
        .map_err(RefreshError::io(&std::env::temp_dir(), "create a temporary file in it"))?;
    tell(Event::Preparing("finding out how many launches make a sample"));
    let mut arms = Vec::new();
    for arm in &job.plan.arms {
        let launches = launches_for(job.plan.at_least(), 1, || one(bench.launch(&mut subject, arm)))?;
        arms.push(arm.described(launches));
    }
    let session = Session::begin(&job.command, job.seed);
    let keys: Vec<ArmKey> = arms.iter().map(ArmPlan::key).collect();
    let (samples, interrupted) = interleaved(&keys, job.plan.samples, job.seed, |arm, at, of| {
        tell(Event::Sample { at, of, arm: &keys[arm] });
        let launches = arms[arm].launches_per_sample;
        repeated(launches, || one(bench.launch(&mut subject, &job.plan.arms[arm])))
    })?;
    let measured = Measured {
        plan: bench.record_plan(arms, job.plan.samples, job.seed),
        dataset: bench.dataset().clone(),
        samples,
        interrupted,
    };
    Ok(session.record(measured, &job.workplaces))
}
