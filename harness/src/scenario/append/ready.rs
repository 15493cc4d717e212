//! The append scenario made ready: lines to append and a folder, and how launches are judged.

use std::collections::BTreeMap;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tracerig_datasets::Conversation;
use tracerig_reports::ByteSize;
use tracerig_reports::record::{self, Counter, Launch, Phase, SampleState};
use tracerig_store::threads::{StoreOptions, ThreadId, ThreadStore, schema};

use super::contender::Contender;
use super::definition::{Append, Arm, Builtin, Condition};
use super::launch::{ask, ask_to_contend};
use super::verify;
use super::worker::{self, Load, Reply};
use crate::child::Child;
use crate::handicap::Handicap;
use crate::scenario::candidate::Candidate;
use crate::scenario::definition::Prepare;
use crate::scenario::finished::{Finished, not_started};
use crate::scenario::workplace::Workplace;
use crate::scenario::{Definition, Made, Place, Scenario, ScenarioError, Tell, one};

/// What launches append, and where.
#[derive(Debug)]
struct Appends {
    /// In the order of the plan.
    arms: Vec<Arm>,
    builtin: Builtin,
    condition: Condition,
    seed: u64,
    conversation: Conversation,
    dataset: record::Dataset,
    workplace: Workplace,
    /// Launches made so far.
    taken: u64,
}

impl Prepare for Append {
    fn prepare(
        &self,
        definition: &Definition,
        place: &Place,
        _tell: &mut Tell<'_>,
    ) -> Result<Box<dyn Scenario>, ScenarioError> {
        let conversation = Conversation::of(place.seed)?;
        let dataset = self.described(&definition.plan.recipe, place.seed, &conversation);
        definition.accept(("lines", ""), &dataset.recipe, &dataset.rows_digest)?;
        Ok(Box::new(Appends {
            arms: definition.arms_of(&self.builtin.arms, |arm| &arm.name),
            builtin: self.builtin.clone(),
            condition: self.condition,
            seed: place.seed,
            conversation,
            dataset,
            workplace: Workplace::new(&place.workplaces)?,
            taken: 0,
        }))
    }
}

impl Append {
    /// What is appended, as the data of the run: its rows are lines.
    fn described(&self, recipe: &str, seed: u64, conversation: &Conversation) -> record::Dataset {
        let Self { builtin, condition } = self;
        let lines = builtin.appends_of_a_thread(*condition) + builtin.warmup + builtin.barriers;
        let (mut digest, mut bytes) = (Sha256::new(), 0);
        for thread in 0..condition.threads {
            let items = conversation.of_thread(usize::try_from(thread).unwrap_or(0));
            for item in items.take(usize::try_from(lines).unwrap_or(usize::MAX)) {
                let (kind, payload) = (item.kind(), item.payload().get());
                digest.update(format!("{kind} {} ", payload.len()));
                digest.update(payload);
                bytes += (kind.len() + payload.len()) as u64;
            }
        }
        let digest = format!("sha256:{}", base16ct::lower::encode_string(&digest.finalize()));
        record::Dataset {
            recipe: recipe.to_owned(),
            recipe_text: Conversation::definition().to_owned(),
            seed,
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

impl Scenario for Appends {
    fn dataset(&self) -> &record::Dataset {
        &self.dataset
    }

    /// One launch in a separate folder, which is removed.
    fn launch(&mut self, candidate: &mut Candidate, arm: usize) -> Result<Made, ScenarioError> {
        let load = self.load(arm, candidate.handicap);
        let folder = &load.folder;
        std::fs::create_dir_all(folder).map_err(ScenarioError::io(folder, "create the folder"))?;
        // Every arm finds the database made, and every arm shares the machine with the contender,
        // also the one that needs no database.
        drop(ThreadStore::open(folder, StoreOptions::default())?);
        let Builtin { hold_ms, pause_ms, .. } = self.builtin;
        let contender = Contender { database: folder.join(schema::FILE_NAME), hold_ms, pause_ms };
        let contending = match load.condition.contended {
            true => Some(ask_to_contend(candidate, folder, contender)?),
            false => None,
        };
        let finished = ask(candidate, &load)?;
        let contended = contending.as_ref().is_none_or(Child::is_alive);
        drop(contending);
        let mut judged = match finished {
            Ok(finished) => self.judge(&load, &finished),
            Err(error) => (not_started(), SampleState::Failed { error }),
        };
        if !contended && judged.1 == SampleState::Valid {
            judged.1 =
                SampleState::Failed { error: "the contender ended before the launch".to_owned() };
        }
        std::fs::remove_dir_all(folder).map_err(ScenarioError::io(folder, "remove the folder"))?;
        Ok(one(judged))
    }
}

impl Appends {
    fn load(&mut self, arm: usize, handicap: Handicap) -> Load {
        let at = self.taken;
        self.taken += 1;
        let Self { builtin, condition, seed, .. } = self;
        Load {
            mode: self.arms[arm].mode.map(|mode| mode.name().to_owned()),
            folder: self.workplace.path().join(format!("sample-{at:06}")),
            condition: *condition,
            seed: *seed,
            appends: builtin.appends_of_a_thread(*condition),
            warmup: builtin.warmup,
            barriers: builtin.barriers,
            threads: (0..condition.threads).map(|_| ThreadId::new().to_string()).collect(),
            handicap,
        }
    }

    /// Whether a launch counts: it answered, everything is in its histories, and its rows are their
    /// replay.
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
                    let counts = [
                        ("histories", found.histories),
                        ("lines", found.lines),
                        ("rows", found.rows),
                    ];
                    for (name, count) in counts {
                        launch.counters.insert(name.to_owned(), Counter::exact(Some(count)));
                    }
                    SampleState::Valid
                }
            },
        };
        (launch, state)
    }
}

/// The counters of launches that are exact, or are where rows are projected before an append
/// returns, by name.
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
    let told = |value| {
        if is_synchronous { Counter::exact(Some(value)) } else { Counter::advisory(Some(value)) }
    };
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
