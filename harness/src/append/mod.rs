//! The append scenario: what an append costs its caller when the row of metadata is projected before it returns, or after.
//!
//! In each round every arm of the plan gives one sample, in an order drawn from the run's seed: one fresh process that appends the same
//! lines on the same number of threads, to a folder of its own. When it has ended, every history is compared with what was to be appended, and
//! every row with an independent replay of its history.

mod contender;
mod crash;
mod error;
mod plan;
mod verify;
pub mod worker;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;
use sha2::{Digest, Sha256};
use tracerig_datasets::Conversation;
use tracerig_reports::ByteSize;
use tracerig_reports::record::{
    self, AppendPlan, ArmKey, ArmPlan, Cache, Counter, Launch, LaunchPolicy, Outcome, Phase, Record, Sample,
    SampleState,
};
use tracerig_store::threads::{StoreOptions, ThreadId, ThreadStore, schema};

pub use crash::{CrashJob, CrashReport, Struck, Violation, crash};
pub use error::AppendError;
pub use plan::{Arm, Condition, Plan, UnknownArm};

use crate::process::{Finished, Launcher, not_started};
use crate::relaunch::workplace::Workplace;
use crate::{interrupt, machine};
use contender::Contender;
use worker::{Load, Reply, Task};

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
    let conversation = Conversation::of(job.seed)?;
    let workplace = Workplace::new(&job.workplaces)?;
    let launcher = Launcher::new(&job.program, job.plan.time_limit())
        .map_err(AppendError::io(&std::env::temp_dir(), "create a temporary file in it"))?;
    let folder = workplace.path();
    let mut run = Run { job, conversation, folder, launcher, samples: Vec::new() };
    let started = machine::now();
    let load_start = machine::load();
    let interrupted = run.rounds(tell)?;
    run.record(started, load_start, interrupted)
}

struct Run<'a> {
    job: &'a Job,
    conversation: Conversation,
    folder: PathBuf,
    launcher: Launcher,
    samples: Vec<Sample>,
}

impl Run<'_> {
    /// Takes the samples. Returns whether it was interrupted.
    fn rounds(&mut self, tell: &mut dyn FnMut(Event<'_>)) -> Result<bool, AppendError> {
        let plan = &self.job.plan;
        let mut order: Vec<&Arm> = plan.arms.iter().collect();
        let mut random = ChaCha12Rng::seed_from_u64(self.job.seed);
        for round in 0..plan.samples {
            order.shuffle(&mut random);
            for arm in &order {
                let at = self.samples.len() as u64;
                tell(Event { at, of: plan.samples * plan.arms.len() as u64, arm });
                let load = self.load(arm, at);
                let (launch, state) = self.launch(&load)?;
                if interrupt::requested() {
                    // The launch may have been cut short: it is no sample.
                    return Ok(true);
                }
                let sample = Sample {
                    order: at,
                    round,
                    arm: arm.name.clone(),
                    cache: Cache::Any,
                    launches: vec![launch],
                    state,
                };
                self.samples.push(sample);
            }
        }
        Ok(false)
    }

    fn load(&self, arm: &Arm, at: u64) -> Load {
        let Job { plan, condition, seed, .. } = self.job;
        Load {
            mode: arm.mode.map(|mode| mode.name().to_owned()),
            folder: self.folder.join(format!("sample-{at}")),
            condition: *condition,
            seed: *seed,
            appends: plan.appends_of_a_thread(*condition),
            warmup: plan.warmup,
            barriers: plan.barriers,
            threads: (0..condition.threads).map(|_| ThreadId::new().to_string()).collect(),
        }
    }

    /// One launch in a folder of its own, which is removed.
    fn launch(&mut self, load: &Load) -> Result<(Launch, SampleState), AppendError> {
        let folder = &load.folder;
        std::fs::create_dir_all(folder).map_err(AppendError::io(folder, "create the folder"))?;
        // Every arm finds the database made, and every arm shares the machine with the contender, also the one that needs no database.
        drop(ThreadStore::open(folder, StoreOptions::default())?);
        let mut contending = match load.condition.contended {
            true => Some(self.contend(folder)?),
            false => None,
        };
        let task = self.task("load", &Task::Load(load.clone()))?;
        let finished = self.launcher.run(&worker::arguments(&task));
        let contended = contending.as_mut().is_none_or(Contending::is_alive);
        drop(contending);
        let mut judged = match finished {
            Ok(finished) => self.judge(load, &finished),
            Err(error) => {
                let error = format!("{}: cannot be launched: {error}", self.job.program.display());
                (not_started(), SampleState::Failed { error })
            }
        };
        if !contended && judged.1 == SampleState::Valid {
            judged.1 = SampleState::Failed { error: "the contender ended before the launch".to_owned() };
        }
        std::fs::remove_dir_all(folder).map_err(AppendError::io(folder, "remove the folder"))?;
        Ok(judged)
    }

    /// Writes down what a process is to do.
    fn task(&self, name: &str, task: &Task) -> Result<PathBuf, AppendError> {
        let path = self.folder.join(name).with_extension("json");
        let text = serde_json::to_vec(task).map_err(std::io::Error::other);
        text.and_then(|text| std::fs::write(&path, text)).map_err(AppendError::io(&path, "write it"))?;
        Ok(path)
    }

    fn contend(&self, folder: &Path) -> Result<Contending, AppendError> {
        let Plan { hold_ms, pause_ms, .. } = self.job.plan;
        let contender = Contender { database: folder.join(schema::FILE_NAME), hold_ms, pause_ms };
        let task = self.task("contend", &Task::Contend(contender))?;
        let child = Command::new(&self.job.program)
            .args(worker::arguments(&task))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut contending = Contending(child.map_err(AppendError::io(&self.job.program, "launch it"))?);
        contending.wait_until_held().map_err(AppendError::io(folder, "take the write lock in it"))?;
        Ok(contending)
    }

    /// Whether a launch counts: it answered, everything is in its histories, and its rows are their replay.
    fn judge(&self, load: &Load, finished: &Finished) -> (Launch, SampleState) {
        let answer = finished.answer::<Reply>();
        let mut launch = describe(load, finished, answer.as_ref().ok());
        let state = match answer {
            Err(error) => SampleState::Failed { error },
            Ok(_) => match verify::verify(load, &self.conversation) {
                // What cannot be read after a launch is as lost as what is not there.
                Err(error) => SampleState::Mismatch { detail: error.to_string() },
                Ok(Err(detail)) => SampleState::Mismatch { detail },
                Ok(Ok(found)) => {
                    launch.verified = true;
                    let counts =
                        [("histories", found.histories), ("lines", found.lines), ("rows", found.rows)];
                    for (name, count) in counts {
                        launch.counters.insert(name.to_owned(), Counter::exact(Some(count)));
                    }
                    SampleState::Valid
                }
            },
        };
        (launch, state)
    }

    fn record(
        self,
        started: String,
        load_start: Option<[f64; 3]>,
        interrupted: bool,
    ) -> Result<Record, AppendError> {
        let Job { plan, condition, seed, command, workplaces, .. } = self.job;
        let outcome = Outcome::of(&self.samples, interrupted);
        let (name, _) = Conversation::name_and_reason()?;
        let arms = plan.arms.iter().map(|arm| ArmPlan {
            name: arm.name.clone(),
            cache: Cache::Any,
            engine: if arm.mode.is_some() { "store" } else { "files" }.to_owned(),
            why: arm.why.clone(),
            process: record::Process::Fresh,
            launches_per_sample: 1,
        });
        let appends = plan.appends_of_a_thread(*condition);
        Ok(Record {
            id: machine::run_id(&plan.scenario, &started),
            scenario: plan.scenario.clone(),
            started,
            finished: machine::now(),
            command: command.clone(),
            seed: *seed,
            plan: record::Plan {
                scenario: plan.scenario.clone(),
                recipe: name.clone(),
                samples: plan.samples,
                launches: LaunchPolicy { at_least: Duration::ZERO },
                appended_rows: 0,
                order_seed: *seed,
                arms: arms.collect(),
                append: Some(AppendPlan {
                    threads: condition.threads,
                    durability: if condition.fsync { "fsync" } else { "buffered" }.to_owned(),
                    contended: condition.contended,
                    rate: condition.rate,
                    appends: (appends + plan.warmup) * condition.threads,
                    warmup: plan.warmup,
                }),
            },
            dataset: self.describe_lines(name, appends),
            build: machine::build(),
            machine: machine::machine(workplaces),
            load_start,
            load_end: machine::load(),
            samples: self.samples,
            outcome,
        })
    }

    /// What is appended, as the data of the run: its rows are lines.
    fn describe_lines(&self, recipe: String, appends: u64) -> record::Dataset {
        let Job { plan, condition, seed, .. } = self.job;
        let lines = appends + plan.warmup + plan.barriers;
        let (mut digest, mut bytes) = (Sha256::new(), 0);
        for thread in 0..condition.threads {
            let items = self.conversation.of_thread(usize::try_from(thread).unwrap_or(0));
            for item in items.take(usize::try_from(lines).unwrap_or(usize::MAX)) {
                let (kind, payload) = (item.kind(), item.payload().get());
                digest.update(format!("{kind} {} ", payload.len()));
                digest.update(payload);
                bytes += (kind.len() + payload.len()) as u64;
            }
        }
        let digits: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let digest = format!("sha256:{digits}");
        record::Dataset {
            recipe,
            recipe_text: Conversation::definition().to_owned(),
            seed: *seed,
            scale: 1.0,
            generator_version: tracerig_datasets::GENERATOR_VERSION.into(),
            rows_digest: digest.clone(),
            file_digest: digest,
            file_bytes: ByteSize(bytes),
            rows: lines * condition.threads,
            max_id: 0,
            logs_pages: 0,
            page_size: ByteSize(schema::PAGE_SIZE.into()),
            truth: BTreeMap::new(),
        }
    }
}

/// A contender at work; dropping it ends it.
struct Contending(Child);

impl Contending {
    fn wait_until_held(&mut self) -> std::io::Result<()> {
        let mut said = [0; contender::HELD.len()];
        self.0.stdout.as_mut().map_or(Ok(()), |pipe| pipe.read_exact(&mut said))
    }

    fn is_alive(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Contending {
    fn drop(&mut self) {
        // It may have ended by itself, which fails the sample.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn describe(load: &Load, finished: &Finished, reply: Option<&Reply>) -> Launch {
    let ended = &finished.ended;
    let mut launch = Launch {
        wall: finished.wall,
        user: ended.user,
        system: ended.system,
        major_faults: ended.major_faults,
        device_read: ended.io.map(|io| ByteSize(io.device_read)),
        exit: ended.exit,
        ..not_started()
    };
    let mut count = |name: &str, counter: Counter| {
        launch.counters.insert(name.to_owned(), counter);
    };
    count("wchar", Counter::advisory(ended.io.map(|io| io.wchar)));
    count("syscw", Counter::advisory(ended.io.map(|io| io.syscw)));
    count("device_write_bytes", Counter::advisory(ended.io.map(|io| io.device_write)));
    let Some(reply) = reply else { return launch };
    count("appends", Counter::exact(Some(load.appends * load.threads.len() as u64)));
    let is_synchronous = load.mode.as_deref().is_some_and(|mode| mode.starts_with("sync"));
    // A row is projected as often as appends ask for it, or as often as the worker gets to it.
    let told =
        |value| if is_synchronous { Counter::exact(Some(value)) } else { Counter::advisory(Some(value)) };
    if load.mode.is_some() {
        count("history_bytes", Counter::exact(Some(reply.history_bytes)));
        count("transactions", told(reply.transactions));
        count("projections", told(reply.projections));
        count("load_transactions", told(reply.load_transactions));
        count("load_projections", told(reply.load_projections));
        count("failed_projections", Counter::advisory(Some(reply.failed_projections)));
    }
    count("history_syncs", Counter::exact(Some(reply.history_syncs)));
    launch.peak_memory = reply.peak_memory_bytes.map(ByteSize);
    launch.phases = [("load", reply.load_ns), ("settle", reply.settle_ns)]
        .map(|(name, ns)| Phase { name: name.to_owned(), elapsed: Duration::from_nanos(ns) })
        .into();
    let named = [
        ("append", &reply.append),
        ("service", &reply.service),
        ("barrier", &reply.barrier),
        ("staleness", &reply.staleness),
    ];
    launch.histograms = named
        .into_iter()
        .filter(|(_, histogram)| histogram.count() > 0)
        .map(|(name, histogram)| (name.to_owned(), histogram.clone()))
        .collect();
    launch
}

/// The key of an arm in a record.
#[must_use]
pub fn key(arm: &Arm) -> ArmKey {
    ArmKey::new(&arm.name, Cache::Any)
}
