//! The relaunch scenario: what a launch on a large trace database costs, cold and warm, every answer verified.
//!
//! All launches of an arm stand on one database in one state (`scene`), which most arms share. In each round every arm of the plan gives one
//! sample, in an order drawn from the run's seed. Before a launch its memo is put in place and the page cache is brought
//! into the state the arm asks for; afterwards the answer, the way to it and the conditions are judged (`judge`).

pub(crate) mod ready;

pub(crate) mod databases;
mod definition;
pub(crate) mod judge;
mod live_database;
mod overlapping;
pub(crate) mod prepared_database;
mod resident;
pub mod worker;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use tracerig_datasets::{Cache as Datasets, Recipe};
use tracerig_reports::record::{ArmKey, ArmPlan, Process, Record};

pub use crate::scenario::error::RunError;
pub use definition::{Arm, Examines, Memo, Plan};
pub(crate) use judge::EXACT;
pub use prepared_database::SceneKind;
pub use ready::Bench;

use crate::scenario::candidate::Subject;
use crate::scenario::process::Launcher;
use crate::scenario::samples::{Made, Taken, interleaved, launches_for, one, repeated};
use crate::scenario::session::{Measured, Session};
use live_database::Program;
use overlapping::Pairs;

/// What to run, and with what.
#[derive(Debug)]
pub struct Job {
    /// Arms, samples, limits.
    pub plan: Plan,
    /// What launches are made on.
    pub source: Source,
    /// Where datasets are kept.
    pub datasets: Datasets,
    /// Where working copies are made.
    pub workplaces: PathBuf,
    /// The seed of the run: of the order of arms and of the rows appended. The dataset keeps its recipe's seed.
    pub seed: u64,
    /// The program that is launched; it must understand [`crate::scenario::relaunch::worker::SUBCOMMAND`].
    pub program: PathBuf,
    /// How many launches make a sample, for the arms where that is settled; for the others it is found out.
    pub launches: BTreeMap<ArmKey, u64>,
    /// The digest of the dataset's rows, where only those will do.
    pub expected_rows: Option<String>,
    /// The command line, for the record.
    pub command: Vec<String>,
}

/// Where the database of a run comes from.
#[derive(Debug)]
pub enum Source {
    /// It is built.
    Recipe {
        /// From this.
        recipe: Box<Recipe>,
        /// With this factor on its rows.
        scale: f64,
    },
    /// It is a private copy of one's own, at this path.
    Own(PathBuf),
}

/// What a run is busy with.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The dataset is built or verified.
    Dataset(tracerig_datasets::Progress),
    /// Something else is made ready.
    Preparing(&'static str),
    /// Pages of files there cannot be dropped from the page cache: arms with a cold one are left out.
    NeverCold(&'a Path),
    /// A sample is taken.
    Sample {
        /// Its position in the run, from 0.
        at: u64,
        /// Samples of the run.
        of: u64,
        /// Its arm.
        arm: &'a ArmKey,
    },
}

/// Runs the scenario. Ctrl-C ends it with the samples there are.
///
/// # Errors
/// See [`RunError`]. A launch that fails, answers wrongly or does not meet its conditions is no error but a sample.
pub fn run(job: &Job, tell: &mut dyn FnMut(Event<'_>)) -> Result<Record, RunError> {
    let bench = Bench::set(job, tell)?;
    let failed = |error| RunError::io(&std::env::temp_dir(), "create a temporary file in it")(error);
    let limit = bench.plan().time_limit();
    let idle = worker::idle_arguments();
    let launcher = || Launcher::without_start(&job.program, limit, &idle).map_err(failed);
    let mut random = ChaCha12Rng::seed_from_u64(job.seed);
    random.set_stream(1);
    let pairs = Pairs::new([launcher()?, launcher()?], random);
    let subject = Subject::new(&job.program, limit).map_err(failed)?;
    let mut run = Run { job, bench, subject, pairs };

    tell(Event::Preparing("finding out how many launches make a sample"));
    let arms = run.calibrate()?;
    let session = Session::begin(&job.command, job.seed);
    let (samples, interrupted) = run.rounds(&arms, tell)?;
    if let Some(living) = run.bench.stage.living.as_mut().filter(|_| !interrupted) {
        tell(Event::Preparing("confirming the right answers"));
        living.confirm()?;
    }
    let Run { bench, .. } = run;
    let plan = bench.record_plan(arms, bench.plan().samples, job.seed);
    let measured = Measured { plan, dataset: bench.dataset().clone(), samples, interrupted };
    Ok(session.record(measured, &job.workplaces))
}

struct Run<'a> {
    job: &'a Job,
    bench: Bench,
    subject: Subject,
    pairs: Pairs,
}

impl Run<'_> {
    /// Launches each arm a few times, unmeasured, to see how many launches make a sample of it.
    fn calibrate(&mut self) -> Result<Vec<ArmPlan>, RunError> {
        let plan = self.bench.plan().clone();
        let mut arms = Vec::new();
        for (key, arm) in plan.keyed() {
            let launches = match self.job.launches.get(&key) {
                Some(&settled) => settled,
                None => {
                    let at_once = if arm.process == Process::Paired { 2 } else { 1 };
                    launches_for(plan.at_least(), at_once, || self.attempt(arm, &key))?
                }
            };
            arms.push(arm.described(&key, launches));
        }
        Ok(arms)
    }

    fn rounds(&mut self, arms: &[ArmPlan], tell: &mut dyn FnMut(Event<'_>)) -> Result<Taken, RunError> {
        let plan = self.bench.plan().clone();
        let (keys, planned): (Vec<ArmKey>, Vec<&Arm>) = plan.keyed().unzip();
        interleaved(&keys, plan.samples, self.job.seed, |arm, at, of| {
            let key = &keys[arm];
            tell(Event::Sample { at, of, arm: key });
            repeated(arms[arm].launches_per_sample, || self.attempt(planned[arm], key))
        })
    }

    /// The launches that are made at once: of most arms one.
    fn attempt(&mut self, arm: &Arm, key: &ArmKey) -> Result<Made, RunError> {
        let program = Program { path: &self.job.program, limit: self.bench.plan().time_limit() };
        match (arm.process, &mut self.bench.stage.living) {
            (Process::Resident, Some(living)) => one(resident::refresh(living, program, arm, key.cache)),
            (Process::Paired, Some(living)) => self.pairs.launch(living, program, arm, key.cache),
            _ => one(self.bench.launch(&mut self.subject, arm, key.cache)),
        }
    }
}
