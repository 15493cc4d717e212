//! The append scenario made ready: any program can be launched on it, each launch judged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tracerig_datasets::Conversation;
use tracerig_reports::ByteSize;
use tracerig_reports::record::{
    self, AppendPlan, ArmPlan, Cache, Counter, Launch, LaunchPolicy, Phase, SampleState,
};
use tracerig_store::threads::{StoreOptions, ThreadId, ThreadStore, schema};

use super::contender::{self, Contender};
use super::definition::{Arm, Condition, Plan};
use super::error::AppendError;
use super::worker::{self, Load, Reply, Task};
use super::{Job, verify};
use crate::child::{Child, Streams};
use crate::handicap::Handicap;
use crate::scenario::candidate::Subject;
use crate::scenario::process::{Finished, not_started};
use crate::scenario::workplace::Workplace;
use crate::watch::Limits;

/// What launches append, and where.
#[derive(Debug)]
pub struct Bench {
    plan: Plan,
    condition: Condition,
    seed: u64,
    conversation: Conversation,
    workplace: Workplace,
    /// Launches made so far.
    taken: u64,
}

impl Bench {
    /// Makes the lines, and the folder.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub fn set(job: &Job) -> Result<Self, AppendError> {
        Ok(Self {
            plan: job.plan.clone(),
            condition: job.condition,
            seed: job.seed,
            conversation: Conversation::of(job.seed)?,
            workplace: Workplace::new(&job.workplaces)?,
            taken: 0,
        })
    }

    /// What is launched.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The plan as it stands in a record.
    pub(crate) fn record_plan(&self, samples: u64, order_seed: u64) -> Result<record::Plan, AppendError> {
        let Self { plan, condition, .. } = self;
        let (recipe, _) = Conversation::name_and_reason()?;
        let arms = plan.arms.iter().map(|arm| ArmPlan {
            name: arm.name.clone(),
            cache: Cache::Any,
            engine: if arm.mode.is_some() { "store" } else { "files" }.to_owned(),
            why: arm.why.clone(),
            process: record::Process::Fresh,
            launches_per_sample: 1,
        });
        let appends = plan.appends_of_a_thread(*condition);
        Ok(record::Plan {
            scenario: plan.scenario.clone(),
            recipe,
            samples,
            launches: LaunchPolicy { at_least: Duration::ZERO },
            appended_rows: 0,
            order_seed,
            arms: arms.collect(),
            append: Some(AppendPlan {
                threads: condition.threads,
                durability: if condition.fsync { AppendPlan::FSYNC } else { AppendPlan::BUFFERED }.to_owned(),
                contended: condition.contended,
                rate: condition.rate,
                appends: (appends + plan.warmup) * condition.threads,
                warmup: plan.warmup,
            }),
        })
    }

    fn load(&mut self, arm: &Arm, handicap: Handicap) -> Load {
        let at = self.taken;
        self.taken += 1;
        let Self { plan, condition, seed, .. } = self;
        Load {
            mode: arm.mode.map(|mode| mode.name().to_owned()),
            folder: self.workplace.path().join(format!("sample-{at:06}")),
            condition: *condition,
            seed: *seed,
            appends: plan.appends_of_a_thread(*condition),
            warmup: plan.warmup,
            barriers: plan.barriers,
            threads: (0..condition.threads).map(|_| ThreadId::new().to_string()).collect(),
            handicap,
        }
    }

    /// One launch in a folder of its own, which is removed.
    ///
    /// # Errors
    /// See [`AppendError`]. A launch that fails, or whose histories or rows are wrong, is no error but a state.
    pub fn launch(&mut self, subject: &mut Subject, arm: &Arm) -> Result<(Launch, SampleState), AppendError> {
        let load = self.load(arm, subject.handicap);
        let folder = &load.folder;
        std::fs::create_dir_all(folder).map_err(AppendError::io(folder, "create the folder"))?;
        // Every arm finds the database made, and every arm shares the machine with the contender, also the one that needs no database.
        drop(ThreadStore::open(folder, StoreOptions::default())?);
        let contending = match load.condition.contended {
            true => Some(self.contend(subject, folder)?),
            false => None,
        };
        let task = self.task("load", &Task::Load(load.clone()))?;
        let finished = subject.run(&worker::arguments(&task));
        let contended = contending.as_ref().is_none_or(Contending::is_alive);
        drop(contending);
        let mut judged = match finished {
            Ok(finished) => self.judge(&load, &finished),
            Err(error) => (not_started(), SampleState::Failed { error }),
        };
        if !contended && judged.1 == SampleState::Valid {
            judged.1 = SampleState::Failed { error: "the contender ended before the launch".to_owned() };
        }
        std::fs::remove_dir_all(folder).map_err(AppendError::io(folder, "remove the folder"))?;
        Ok(judged)
    }

    /// Writes down what a process is to do.
    fn task(&self, name: &str, task: &Task) -> Result<PathBuf, AppendError> {
        let path = self.workplace.path().join(name).with_extension("json");
        let text = serde_json::to_vec(task).map_err(std::io::Error::other);
        text.and_then(|text| std::fs::write(&path, text)).map_err(AppendError::io(&path, "write it"))?;
        Ok(path)
    }

    fn contend(&self, subject: &Subject, folder: &Path) -> Result<Contending, AppendError> {
        let Plan { hold_ms, pause_ms, .. } = self.plan;
        let contender = Contender { database: folder.join(schema::FILE_NAME), hold_ms, pause_ms };
        let task = self.task("contend", &Task::Contend(contender))?;
        let mut command = Command::new(subject.program());
        let limits = Limits { time: Some(LONGEST_START), ..Limits::default() };
        let child = Child::start(
            command.args(worker::arguments(&task)),
            &Streams::Read(&tempfile::tempfile().map_err(AppendError::io(folder, "make a temporary file"))?),
            limits,
        );
        let mut contending = Contending(child.map_err(AppendError::io(subject.program(), "launch it"))?);
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

    /// What is appended, as the data of the run: its rows are lines.
    pub(crate) fn dataset(&self) -> Result<record::Dataset, AppendError> {
        let Self { plan, condition, seed, .. } = self;
        let (recipe, _) = Conversation::name_and_reason()?;
        let appends = plan.appends_of_a_thread(*condition);
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
        let digest = format!("sha256:{}", base16ct::lower::encode_string(&digest.finalize()));
        Ok(record::Dataset {
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
        })
    }
}

/// The counters of launches that are exact, or are where rows are projected before an append returns, by name.
pub(crate) const EXACT: [&str; 10] = [
    "appends",
    "history_bytes",
    "history_syncs",
    "transactions",
    "projections",
    "load_transactions",
    "load_projections",
    "histories",
    "lines",
    "rows",
];

/// A contender that does not have the lock by then does not get it.
const LONGEST_START: Duration = Duration::from_secs(60);

/// A contender at work; dropping it ends it.
struct Contending(Child);

impl Contending {
    fn wait_until_held(&mut self) -> std::io::Result<()> {
        if self.0.line()? != contender::HELD {
            return Err(std::io::Error::other(match self.0.wait()?.fault() {
                Some(fault) => fault,
                None => "the contender ended without it".to_owned(),
            }));
        }
        self.0.limit(None);
        Ok(())
    }

    fn is_alive(&self) -> bool {
        self.0.is_alive()
    }
}

fn describe(load: &Load, finished: &Finished, reply: Option<&Reply>) -> Launch {
    let ended = &finished.ended;
    let mut launch = finished.launch();
    let mut count = |name: &str, counter: Counter| {
        launch.counters.insert(name.to_owned(), counter);
    };
    count("wchar", Counter::advisory(ended.io.map(|io| io.wchar)));
    count("syscw", Counter::advisory(ended.io.map(|io| io.syscw)));
    count("device_write_bytes", Counter::advisory(ended.io.map(|io| io.device_write)));
    let Some(reply) = reply else { return launch };
    count("appends", Counter::exact(Some(load.appends * load.threads.len() as u64)));
    let is_synchronous = load.mode.as_deref().is_some_and(worker::is_synchronous);
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
