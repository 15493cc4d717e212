//! The append scenario made ready: lines to append and a folder, and how launches are judged.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tracerig_datasets::Conversation;
use tracerig_protocol::{
    Answer, AppendAnswer, AppendAsked, Ask, Claims, Expected, Fault, LoadAsked, LoadThread,
    Outcome, WirePath,
};
use tracerig_reports::ByteSize;
use tracerig_reports::record::{self, Counter, Launch, Phase, SampleState, names};
use tracerig_store::threads::{Mode, StoreOptions, ThreadId, ThreadStore, schema};

use super::beside::ask_to_contend;
use super::contender::Contender;
use super::definition::{Append, Arm, Builtin, Condition};
use super::guests::{RequestArm, What, in_turn, item};
use super::verify::{self, Appended};
use super::worker;
use crate::arms;
use crate::candidate::Guarded;
use crate::child::Child;
use crate::definition::Prepare;
use crate::finished::{not_started, of_system};
use crate::guest::{self, GuestArm};
use crate::guests::{Guests, Question};
use crate::outcomes;
use crate::own::{self, Owns};
use crate::platform::Io;
use crate::program::Program;
use crate::workplace::Workplace;
use crate::{Definition, Made, Place, Scenario, ScenarioError, Tell, one};

/// What an arm of the plan launches.
type Asked = arms::Asked<Arm, RequestArm>;

/// What launches append, and where.
#[derive(Debug)]
struct Appends {
    /// In the order of the plan.
    arms: Vec<Asked>,
    /// Our own executables, and the candidates of others.
    owns: Owns,
    guests: Guests,
    builtin: Builtin,
    condition: Condition,
    conversation: Conversation,
    /// What is asked for, but for the home.
    load: LoadAsked,
    /// The same lines in one plain request, as many as it holds, where an arm asks for that.
    appends: Vec<tracerig_protocol::Append>,
    dataset: record::Dataset,
    workplace: Workplace,
    /// Launches made so far.
    taken: u64,
}

impl Prepare for Append {
    fn guest_arms(&self) -> Vec<GuestArm<'_>> {
        self.builtin.of_candidates.iter().map(RequestArm::guest_arm).collect()
    }

    fn prepare(
        &self,
        definition: &Definition,
        place: &Place,
        _tell: &mut Tell<'_>,
    ) -> Result<Box<dyn Scenario>, ScenarioError> {
        // First, since it waits for other runs: a signal ends that at once.
        let workplace = Workplace::new(&place.workplaces)?;
        let conversation = Conversation::of(place.seed)?;
        let dataset = self.described(&definition.plan.recipe, place.seed, &conversation);
        definition.accept(("lines", ""), &dataset.recipe, &dataset.rows_digest)?;
        let folder = workplace.path();
        let Builtin { arms, of_candidates, .. } = &self.builtin;
        let arms = Asked::all(&definition.plan, arms, of_candidates);
        let load = self.load(&conversation, &folder)?;
        let is_plain =
            |arm: &Asked| matches!(arm, Asked::Guest(_, RequestArm { ask: What::Append, .. }));
        let appends = match arms.iter().any(is_plain) {
            true => in_turn(&conversation, &load.threads, load.lines_of_a_thread()),
            false => Vec::new(),
        };
        Ok(Box::new(Appends {
            owns: Owns::of(definition, place, &folder.join("own")),
            guests: Guests::open(definition, &folder.join("candidates"), Guarded::Metadata)?,
            arms,
            builtin: self.builtin.clone(),
            condition: self.condition,
            conversation,
            load,
            appends,
            dataset,
            workplace,
            taken: 0,
        }))
    }
}

impl Append {
    /// What launches are asked for, but for the home. The lines are written into `folder`.
    fn load(&self, conversation: &Conversation, folder: &Path) -> Result<LoadAsked, ScenarioError> {
        let Self { builtin, condition } = self;
        let lines = folder.join("lines.jsonl");
        let mut text = Vec::new();
        for line in conversation.items() {
            text.extend(serde_json::to_vec(&item(line)).unwrap_or_default());
            text.push(b'\n');
        }
        std::fs::write(&lines, text).map_err(ScenarioError::io(&lines, "write it"))?;
        let thread = |index: u64| LoadThread {
            thread: ThreadId::new().to_string(),
            first: conversation.first_of_thread(usize::try_from(index).unwrap_or(0)) as u64,
        };
        Ok(LoadAsked {
            home: WirePath::from(folder),
            lines: WirePath(lines),
            threads: (0..condition.threads).map(thread).collect(),
            warmup: builtin.warmup,
            appends: builtin.appends_of_a_thread(*condition),
            barriers: builtin.barriers,
            rate: condition.rate,
            fsync: condition.fsync,
        })
    }

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

    /// One launch on a separate home, which is removed.
    fn launch(&mut self, program: &mut Program, arm: usize) -> Result<Made, ScenarioError> {
        let home = self.workplace.path().join(format!("sample-{:06}", self.taken));
        self.taken += 1;
        std::fs::create_dir_all(&home).map_err(ScenarioError::io(&home, "create the folder"))?;
        // Every arm finds the database made, and every arm shares the machine with the contender,
        // also the one that needs no database.
        drop(ThreadStore::open(&home, StoreOptions::default())?);
        let asked = self.arms[arm].clone();
        if let Asked::Own(arm) = &asked {
            // Who it is, it is asked before anything is in its way.
            self.owns.engine(program, worker::engine(arm.mode))?;
        }
        let Builtin { hold_ms, pause_ms, .. } = self.builtin;
        let contender = Contender { database: home.join(schema::FILE_NAME), hold_ms, pause_ms };
        let contending = match self.condition.contended {
            true => Some(ask_to_contend(program, &home, &contender)?),
            false => None,
        };
        let (mut launch, mut state) = match &asked {
            Asked::Own(arm) => self.own(program, arm, &home)?,
            Asked::Guest(whose, arm) => self.guest(program.at(*whose), arm.ask, &home)?,
        };
        let contended = contending.as_ref().is_none_or(Child::is_alive);
        drop(contending);
        if state == SampleState::Valid {
            state = self.verified(&asked, &home, &mut launch);
        }
        if !contended && state == SampleState::Valid {
            let error = "the contender ended before the launch".to_owned();
            state = SampleState::Failed { error };
        }
        std::fs::remove_dir_all(&home).map_err(ScenarioError::io(&home, "remove the folder"))?;
        Ok(one((launch, state)))
    }

    fn compare_work(&mut self) {
        self.guests.compare_work();
    }
}

impl Appends {
    /// The load of a launch on this home.
    fn load(&self, home: &Path) -> (Ask, Answer) {
        let load = LoadAsked { home: home.into(), ..self.load.clone() };
        let appends = load.appends_in_all();
        (Ask::Load(load), Answer::Append(AppendAnswer { appends }))
    }

    /// One launch of an engine of our own, judged but for what it left in the home.
    fn own(
        &mut self,
        program: &Program,
        arm: &Arm,
        home: &Path,
    ) -> Result<(Launch, SampleState), ScenarioError> {
        let (ask, right) = self.load(home);
        let engine = self.owns.engine(program, worker::engine(arm.mode))?;
        let done = match engine.ask(&ask, own::with(program))? {
            Ok(done) => done,
            Err(state) => return Ok((not_started(), state)),
        };
        let Some(ended) = &done.ended else {
            return Ok((not_started(), outcomes::fault(&done.outcome)));
        };
        let mut launch = of_system(done.wall, ended);
        let right = Expected { right: &right, earlier: &[], again: None, declared: None };
        let state = match done.outcome.against(&right) {
            Outcome::Answered(_, claims) => {
                describe(&mut launch, arm.mode, &claims);
                SampleState::Valid
            }
            other => outcomes::fault(&other),
        };
        let io = |of: fn(&Io) -> u64| Counter::advisory(ended.io.as_ref().map(of));
        launch.counters.extend([
            (names::WCHAR.to_owned(), io(|io| io.wchar)),
            (names::SYSCW.to_owned(), io(|io| io.syscw)),
            (names::DEVICE_WRITE_BYTES.to_owned(), io(|io| io.device_write)),
        ]);
        Ok((launch, state))
    }

    /// One launch of the candidate at this place, judged but for what it left in the home.
    fn guest(
        &mut self,
        at: usize,
        what: What,
        home: &Path,
    ) -> Result<(Launch, SampleState), ScenarioError> {
        let (ask, right) = match what {
            What::Idle => return self.guests.idle(at),
            What::Append => {
                let appends = self.appends.clone();
                let right = AppendAnswer { appends: appends.len() as u64 };
                let asked = AppendAsked { home: home.into(), appends };
                (Ask::Append(asked), Answer::Append(right))
            }
            What::Load => self.load(home),
        };
        let question = Question { state: None, ask, right: &right };
        self.guests.launch(at, &question, |_| Ok(None))
    }

    /// Whether a launch that answered counts: everything is in its histories, its rows are their
    /// replay, and every append that was to be timed was.
    fn verified(&self, asked: &Asked, home: &Path, launch: &mut Launch) -> SampleState {
        let (threads, measured) = match asked {
            Asked::Guest(_, RequestArm { ask: What::Idle, .. }) => return SampleState::Valid,
            Asked::Guest(_, RequestArm { ask: What::Append, .. }) => {
                (self.given(), self.appends.len() as u64)
            }
            Asked::Own(_) | Asked::Guest(_, RequestArm { ask: What::Load, .. }) => {
                let lines = self.load.lines_of_a_thread();
                let threads = self.load.threads.iter().map(|thread| (&*thread.thread, lines));
                let measured = self.load.appends.saturating_mul(self.load.threads.len() as u64);
                (threads.collect(), measured)
            }
        };
        let is_plain = matches!(asked, Asked::Guest(_, RequestArm { ask: What::Append, .. }));
        let has_rows = !matches!(asked, Asked::Own(Arm { mode: None, .. }));
        let appended = Appended { home, threads: &threads, has_rows };
        // What cannot be read after a launch is as lost as what is not there.
        let found = verify::verify(&appended, &self.conversation)
            .unwrap_or_else(|error| Err(error.to_string()));
        let found = found.and_then(|found| match self.untimed(launch, measured) {
            Some(untimed) if !is_plain => Err(untimed),
            _ => Ok(found),
        });
        launch.verified = found.is_ok();
        match found {
            Ok(found) => {
                let counts = [
                    (names::APPENDS, measured),
                    ("histories", found.histories),
                    (names::LINES, found.lines),
                    (names::ROWS, found.rows),
                ];
                let counts = counts.map(|(name, count)| (name.to_owned(), Some(count)));
                launch.counters.extend(counts.map(|(name, count)| (name, Counter::exact(count))));
                SampleState::Valid
            }
            Err(wrong) if matches!(asked, Asked::Own(_)) => SampleState::Mismatch { detail: wrong },
            Err(wrong) => SampleState::Mismatch { detail: format!("{}: {wrong}", Fault::Wrong) },
        }
    }

    /// The threads of the plain request, each with how many lines it is given there.
    fn given(&self) -> Vec<(&str, u64)> {
        let (appends, threads) = (self.appends.len() as u64, self.load.threads.len() as u64);
        let lines = |at: u64| appends / threads + u64::from(at < appends % threads);
        let given = self.load.threads.iter().zip(0..).map(|(of, at)| (&*of.thread, lines(at)));
        given.filter(|(_, lines)| *lines > 0).collect()
    }

    /// What a launch does not claim of the appends that were to be timed.
    fn untimed(&self, launch: &Launch, measured: u64) -> Option<String> {
        let due = [Some(names::APPEND), self.condition.rate.and(Some(names::SERVICE))];
        let timed = |name: &str| launch.histograms.get(name).map_or(0, record::Histogram::count);
        let lacking = due.into_iter().flatten().find(|&name| timed(name) != measured)?;
        let timed = timed(lacking);
        Some(format!("its histogram `{lacking}` has {timed} of {measured} appends"))
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

/// Writes down what an engine of ours reports of its work.
fn describe(launch: &mut Launch, mode: Option<Mode>, claims: &Claims) {
    for (name, value) in &claims.counters {
        let is_exact = match name.as_str() {
            names::HISTORY_BYTES | names::HISTORY_SYNCS => true,
            names::FAILED_PROJECTIONS => false,
            // A row is projected as often as appends ask for it, or as often as the worker gets to
            // it.
            _ => mode.is_some_and(worker::is_synchronous),
        };
        let counter = if is_exact { Counter::exact } else { Counter::advisory };
        launch.counters.insert(name.clone(), counter(Some(*value)));
    }
    let phase = |(name, ns): (&String, &u64)| Phase {
        name: name.clone(),
        elapsed: Duration::from_nanos(*ns),
    };
    launch.phases = claims.phases_ns.iter().map(phase).collect();
    launch.histograms = guest::histograms(claims);
    launch.peak_memory = claims.peak_memory_bytes.map(ByteSize);
}
