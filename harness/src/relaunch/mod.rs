//! The relaunch scenario: what a launch on a large trace database costs, cold and warm, every answer verified.
//!
//! All launches of an arm stand on one database in one state (`scene`), which most arms share. In each round every arm of the plan gives one
//! sample, in an order drawn from the run's seed. Before a launch its memo is put in place and the page cache is brought
//! into the state the arm asks for; afterwards the answer, the way to it and the conditions are judged (`judge`).

mod error;
mod judge;
mod living;
mod pagecache;
mod pair;
mod plan;
mod refresh;
mod scene;
mod stage;
pub(crate) mod workplace;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;
use tracerig_datasets::{BuildOptions, Cache as Datasets, Dataset, DatasetError, Recipe, own};
use tracerig_reports::ByteSize;
use tracerig_reports::record::{
    self, ArmKey, ArmPlan, Cache, LaunchPolicy, Outcome, Process, Record, Sample, SampleState,
};

pub use error::RunError;
pub use plan::{Arm, Examines, Memo, Plan, UnknownArm};
pub use scene::SceneKind;

use crate::process::Launcher;
use crate::{interrupt, machine, worker};
use living::Program;
use pair::Pairs;
use scene::Material;
use stage::Stage;
use workplace::Workplace;

/// More launches than this never make one sample, however short they are.
const MAX_LAUNCHES: u128 = 100;
/// Launches to find out how long one takes.
const CALIBRATION_LAUNCHES: usize = 5;

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
    /// The program that is launched; it must understand [`worker::SUBCOMMAND`].
    pub program: PathBuf,
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
    let mut plan = job.plan.clone();
    if plan.keyed().any(|(key, _)| key.cache == Cache::Cold) && !pagecache::can_be_cold(&job.workplaces)? {
        tell(Event::NeverCold(&job.workplaces));
        plan.keep(Cache::Hot);
        if plan.arms.is_empty() {
            return Err(RunError::NeverCold { path: job.workplaces.clone() });
        }
    }
    let mut progress = |progress| {
        tell(Event::Dataset(progress));
        if interrupt::requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    // Holds the copy of one's own database as long as the run does.
    let private;
    let dataset = match &job.source {
        Source::Recipe { recipe, scale } => {
            let options = BuildOptions { scale: *scale, ..BuildOptions::default() };
            job.datasets.ensure(recipe, &options, &mut progress)
        }
        Source::Own(path) => {
            private = Workplace::new(&job.workplaces)?;
            own::copy_of(path, &private.path(), &mut progress)
        }
    };
    let dataset = dataset.map_err(|error| match error {
        DatasetError::Cancelled => RunError::Interrupted,
        error => error.into(),
    })?;
    let material = Material { dataset: &dataset, appended: plan.appended_rows, seed: job.seed };
    let stage = Stage::set(&job.workplaces, &plan, material, &mut |what| {
        tell(Event::Preparing(what));
        if interrupt::requested() { Err(RunError::Interrupted) } else { Ok(()) }
    })?;
    let launcher = || {
        Launcher::new(&job.program, plan.time_limit())
            .map_err(RunError::io(&std::env::temp_dir(), "create a temporary file in it"))
    };
    let mut random = ChaCha12Rng::seed_from_u64(job.seed);
    random.set_stream(1);
    let pairs = Pairs::new([launcher()?, launcher()?], random);
    let launcher = launcher()?;
    let mut run = Run { job, plan, stage, launcher, pairs, samples: Vec::new() };

    tell(Event::Preparing("finding out how many launches make a sample"));
    let arms = run.calibrate()?;
    let started = machine::now();
    let load_start = machine::load();
    let interrupted = run.rounds(&arms, tell)?;
    if let Some(living) = run.stage.living.as_mut().filter(|_| !interrupted) {
        tell(Event::Preparing("confirming the right answers"));
        living.confirm()?;
    }
    Ok(run.record(&dataset, &arms, started, load_start, interrupted))
}

struct Run<'a> {
    job: &'a Job,
    /// The job's, without the arms that are impossible here.
    plan: Plan,
    stage: Stage,
    launcher: Launcher,
    pairs: Pairs,
    samples: Vec<Sample>,
}

impl Run<'_> {
    /// Launches each arm a few times, unmeasured, to see how many launches make a sample of it.
    fn calibrate(&mut self) -> Result<Vec<ArmPlan>, RunError> {
        let mut arms = Vec::new();
        let plan = self.plan.clone();
        for (key, arm) in plan.keyed() {
            arms.push(ArmPlan {
                launches_per_sample: self.launches_for(arm, key.cache)?,
                name: key.name,
                cache: key.cache,
                engine: arm.engine.name().to_owned(),
                process: arm.process,
                why: arm.why.clone(),
            });
        }
        Ok(arms)
    }

    /// How many launches take as long as a sample should. The fastest of a few tells: a slow one was disturbed, and would
    /// make all samples too short.
    fn launches_for(&mut self, arm: &Arm, cache: Cache) -> Result<u64, RunError> {
        let at_least = self.plan.at_least();
        let mut fastest = Duration::MAX;
        for _ in 0..CALIBRATION_LAUNCHES {
            let (launches, state) = self.attempt(arm, cache)?;
            if matches!(state, SampleState::Failed { .. } | SampleState::Mismatch { .. })
                || interrupt::requested()
            {
                // It will be seen in the samples, if there are any.
                return Ok(1);
            }
            fastest = launches.iter().map(|launch| launch.wall).fold(fastest, Duration::min);
            if fastest >= at_least {
                break;
            }
        }
        let launches = at_least.as_nanos().div_ceil(fastest.as_nanos().max(1)).clamp(1, MAX_LAUNCHES);
        let at_once = if arm.process == Process::Paired { 2 } else { 1 };
        Ok(u64::try_from(launches).unwrap_or(1).next_multiple_of(at_once))
    }

    /// Takes the samples. Returns whether it was interrupted.
    fn rounds(&mut self, arms: &[ArmPlan], tell: &mut dyn FnMut(Event<'_>)) -> Result<bool, RunError> {
        let plan = self.plan.clone();
        let planned: Vec<(ArmKey, &Arm)> = plan.keyed().collect();
        let mut order: Vec<usize> = (0..planned.len()).collect();
        let mut random = ChaCha12Rng::seed_from_u64(self.job.seed);
        for round in 0..plan.samples {
            order.shuffle(&mut random);
            for &chosen in &order {
                let (key, arm) = &planned[chosen];
                let at = self.samples.len() as u64;
                tell(Event::Sample { at, of: plan.samples * planned.len() as u64, arm: key });
                let sample = self.sample(arm, key, arms[chosen].launches_per_sample)?;
                if interrupt::requested() {
                    // The sample may have been cut short: it is not one.
                    return Ok(true);
                }
                let (launches, state) = sample;
                self.samples.push(Sample {
                    order: at,
                    round,
                    arm: key.name.clone(),
                    cache: key.cache,
                    launches,
                    state,
                });
            }
        }
        Ok(false)
    }

    /// One sample: its launches, up to the first that does not count.
    fn sample(
        &mut self,
        arm: &Arm,
        key: &ArmKey,
        launches: u64,
    ) -> Result<(Vec<record::Launch>, SampleState), RunError> {
        let mut made = Vec::new();
        while (made.len() as u64) < launches {
            let (launches, state) = self.attempt(arm, key.cache)?;
            made.extend(launches);
            if state != SampleState::Valid {
                return Ok((made, state));
            }
        }
        Ok((made, SampleState::Valid))
    }

    /// The launches that are made at once: of most arms one.
    fn attempt(&mut self, arm: &Arm, cache: Cache) -> Result<(Vec<record::Launch>, SampleState), RunError> {
        let program = Program { path: &self.job.program, limit: self.plan.time_limit() };
        match (arm.process, &mut self.stage.living) {
            (Process::Resident, Some(living)) => {
                let (launch, state) = refresh::refresh(living, program, arm, cache)?;
                Ok((vec![launch], state))
            }
            (Process::Paired, Some(living)) => self.pairs.launch(living, program, arm, cache),
            _ => {
                let (launch, state) = self.launch(arm, cache)?;
                Ok((vec![launch], state))
            }
        }
    }

    fn launch(&mut self, arm: &Arm, cache: Cache) -> Result<(record::Launch, SampleState), RunError> {
        let Some((scene, files)) = self.stage.scene(arm.scene) else {
            return Ok((
                judge::not_started(None),
                SampleState::Failed { error: "it has no scene".to_owned() },
            ));
        };
        scene.restore(arm.memo)?;
        let resident_before = files.bring(cache)?;
        let memo = (arm.memo != Memo::None).then_some(scene.memo.as_path());
        let arguments = worker::arguments(arm.engine, &scene.database, memo, scene.request(arm));
        match self.launcher.run(&arguments) {
            Ok(finished) => {
                let seen = judge::Seen { resident_before, wrote_memo: scene.wrote_memo(arm.memo)? };
                Ok(judge::judge(arm, cache, scene, &finished, seen))
            }
            Err(error) => {
                let error = format!("{}: cannot be launched: {error}", self.job.program.display());
                Ok((judge::not_started(resident_before), SampleState::Failed { error }))
            }
        }
    }

    fn record(
        self,
        dataset: &Dataset,
        arms: &[ArmPlan],
        started: String,
        load_start: Option<[f64; 3]>,
        interrupted: bool,
    ) -> Record {
        let job = self.job;
        let Job { seed, command, .. } = job;
        let plan = self.plan;
        let outcome = Outcome::of(&self.samples, interrupted);
        Record {
            id: machine::run_id(&plan.scenario, &started),
            scenario: plan.scenario.clone(),
            started,
            finished: machine::now(),
            command: command.clone(),
            seed: *seed,
            plan: record::Plan {
                scenario: plan.scenario.clone(),
                recipe: plan.recipe.clone(),
                samples: plan.samples,
                launches: LaunchPolicy { at_least: plan.at_least() },
                appended_rows: plan.appended_rows,
                order_seed: *seed,
                arms: arms.to_vec(),
                append: None,
            },
            dataset: describe(dataset),
            build: machine::build(),
            machine: machine::machine(&job.workplaces),
            load_start,
            load_end: machine::load(),
            samples: self.samples,
            outcome,
        }
    }
}

fn describe(dataset: &Dataset) -> record::Dataset {
    let manifest = &dataset.manifest;
    let truth = &manifest.truth;
    record::Dataset {
        recipe: manifest.name.clone(),
        recipe_text: manifest.recipe.clone(),
        seed: manifest.seed,
        scale: manifest.scale,
        generator_version: manifest.generator_version.into(),
        rows_digest: format!("sha256:{}", manifest.rows_digest),
        file_digest: format!("sha256:{}", manifest.file_digest),
        file_bytes: ByteSize(manifest.file_bytes),
        rows: manifest.rows,
        max_id: manifest.max_id,
        logs_pages: manifest.pages.logs,
        page_size: ByteSize(manifest.pages.page_size.into()),
        // Of one's own database nothing is known by construction.
        truth: if manifest.is_generated() {
            [
                ("priority_turns", truth.turns.len() as u64),
                ("facts", truth.facts()),
                ("completions", truth.completions),
                ("unrecognised", truth.unrecognised),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
        } else {
            BTreeMap::new()
        },
    }
}
