//! Executing a history: each operation on the files, and each refresh compared with a full rescan,
//! the oracles and the model.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tracerig_oracle::archive::{self, View};
use tracerig_scanner::archive::{
    Archive, ArchiveError, Options, PriorityTurns, Refresh, Request, Stats,
};

use super::answer::{self, Answer};
use super::arguments::Mode;
use super::line::turn;
use super::memo::MemoFolder;
use super::model::{Asked, DAMAGED, Prediction, Work, predict};
use super::op::{Case, Op};
use super::world::World;
use super::{Error, Failure, Wrong};
use crate::engine::Engine;
use crate::failure::said_by;
use crate::python::{NoAnswer, Python};
use crate::sides::Side;
use crate::switches::archive::Ablations;
use crate::tally::Tally;

/// Who answers, and who else is asked.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Whose answers are checked.
    pub engine: Engine,
    /// Rules of the scanner that are switched off.
    pub ablations: Ablations,
    /// Whether only answers are looked at, not how they came about.
    pub answers_only: bool,
    /// The oracle in Python, if there is one.
    pub python: Option<Arc<Mutex<Python>>>,
}

/// What the oracle in Python is asked for.
#[derive(Serialize)]
struct Question<'a> {
    home: &'a Path,
    priority: &'a BTreeSet<String>,
    offset: i64,
}

/// Executes `case` with files in `folder`, which must be empty.
///
/// # Errors
/// The first thing that went wrong.
pub fn run(case: &Case, folder: &Path, setup: &Setup) -> Result<Tally, Failure> {
    let fail = |op| move |error| Failure { op, error };
    let mut runner = Runner::new(case, folder, setup).map_err(fail(0))?;
    let mut done = Ok(());
    for (place, op) in case.ops.iter().enumerate() {
        // Nothing of the runner is used after a panic, but to remove its files.
        let step = AssertUnwindSafe(|| runner.operation(op));
        let step =
            catch_unwind(step).unwrap_or_else(|panic| Err(Error::Panicked(said_by(&*panic))));
        done = step.map_err(fail(place));
        if done.is_err() {
            break;
        }
    }
    runner.world.end();
    done.map(|()| runner.tally)
}

struct Runner<'a> {
    setup: &'a Setup,
    asks_python: bool,
    threads: NonZeroUsize,
    world: World,
    memo: MemoFolder,
    /// Minutes by which days begin before those of UTC.
    offset: i64,
    priority: Option<BTreeSet<String>>,
    /// The answer of the refresh before.
    before: Option<View>,
    tally: Tally,
}

fn wrong<T>(wrong: Wrong, detail: impl Into<String>) -> Result<T, Error> {
    Err(Error::Wrong { wrong, detail: detail.into() })
}

impl<'a> Runner<'a> {
    fn new(case: &Case, folder: &Path, setup: &'a Setup) -> Result<Self, Error> {
        Ok(Self {
            setup,
            asks_python: case.python,
            threads: NonZeroUsize::new(case.threads.into()).unwrap_or(NonZeroUsize::MIN),
            world: World::new(case, folder)?,
            memo: MemoFolder::new(folder),
            offset: 0,
            priority: None,
            before: None,
            tally: Tally::default(),
        })
    }

    fn operation(&mut self, op: &Op) -> Result<(), Error> {
        let text = op.to_string();
        let verb = text.split(' ').next().unwrap_or_default();
        let is_done = match op {
            Op::Memo(op) => self.memo.apply(*op)?,
            Op::Zone(minutes) => {
                self.offset = i64::from(*minutes);
                true
            }
            Op::Priority(turns) => {
                self.priority =
                    turns.as_ref().map(|turns| turns.iter().copied().map(turn).collect());
                true
            }
            Op::Refresh(mode) => {
                self.refresh(*mode)?;
                true
            }
            op => {
                let before = self.world.folders();
                let is_done = self.world.apply(op)?;
                self.world.folders_changed(&before)?;
                is_done
            }
        };
        if is_done {
            self.tally.count(verb);
        }
        Ok(())
    }

    fn archive(&self, memo: bool, threads: NonZeroUsize) -> Archive {
        let options = Options {
            memo: memo.then(|| self.memo.path.clone()),
            threads,
            clock: self.world.dating.clock(),
            folder_clock: self.world.dating.folder_clock(),
            observed: self.world.dating.observed(),
            #[cfg(feature = "ablations")]
            ablations: if memo { self.setup.ablations } else { Ablations::NONE },
            ..Options::default()
        };
        Archive::new(&self.world.home, options)
    }

    fn refresh(&mut self, mode: Mode) -> Result<(), Error> {
        let known = self.priority.clone().unwrap_or_default();
        let turns: Option<PriorityTurns> =
            self.priority.as_ref().map(|turns| turns.iter().map(String::as_str).collect());
        let request = Request {
            rescan: mode == Mode::Rescan || self.setup.engine == Engine::Rescanning,
            sessions: mode != Mode::Brief,
            priority: turns.as_ref(),
            progress: None,
        };
        if !self.world.is_home() {
            return match self.archive(true, self.threads).refresh(&request) {
                Err(ArchiveError::NoArchive { .. }) => Ok(()),
                other => wrong(Wrong::Outcome, format!("a home without sessions gives {other:?}")),
            };
        }
        let walk = archive::walk(&self.world.home);
        let asked =
            Asked { rescan: mode == Mode::Rescan, sessions: request.sessions, priority: &known };
        let mut due = predict(&self.world.home, &walk, &self.memo.holds, asked, &self.world.dating);
        let (view, copies) = archive::view_and_copies(&self.world.home, &known, self.offset);
        let settled = self.memo.holds.settled.clone().filter(|_| self.memo.holds.problem.is_none());
        due.compares(&self.world.home, copies, settled, asked);
        let overtaken = (mode == Mode::Overtaken).then(|| Mutex::new(None));
        let refresh = match &overtaken {
            None => self.archive(true, self.threads).refresh(&request),
            Some(inner) => self.overtaken(&request, inner),
        };
        let refresh = refresh.or_else(|error| wrong(Wrong::Outcome, error.to_string()))?;
        let inner =
            overtaken.and_then(|inner| inner.into_inner().unwrap_or_else(PoisonError::into_inner));
        self.judge(&refresh, &view, &known, &request)?;
        if !self.setup.answers_only {
            self.check(&refresh, inner.as_ref(), &due)?;
        }
        if let Some(inner) = &inner {
            self.tally.count("refreshes overtaken");
            self.judge(inner, &view, &known, &request)?;
        }
        self.note(&due);
        for found in &walk.files {
            let state = self.world.dating.state(&found.metadata);
            let now = self.world.dating.now();
            self.world.dating.seen(state, now);
        }
        self.memo.holds = due.memo;
        Ok(())
    }

    /// A refresh during which another one is made, as soon as it has read something.
    fn overtaken(
        &self,
        request: &Request<'_>,
        inner: &Mutex<Option<Refresh>>,
    ) -> Result<Refresh, ArchiveError> {
        let lock = || inner.lock().unwrap_or_else(PoisonError::into_inner);
        let progress = |_: u64, bytes: u64| {
            if bytes > 0 && lock().is_none() {
                let other = self.archive(true, self.threads).refresh(request).ok();
                *lock() = other;
            }
            true
        };
        // Where one thread works, all that is written is written after that.
        let archive = self.archive(true, NonZeroUsize::MIN);
        archive.refresh(&Request { progress: Some(&progress), ..*request })
    }

    /// Compares an answer with those of everybody else.
    fn judge(
        &mut self,
        refresh: &Refresh,
        rust: &View,
        priority: &BTreeSet<String>,
        request: &Request<'_>,
    ) -> Result<(), Error> {
        let mut said = Answer::of(refresh, self.offset, request.sessions)?;
        self.spoil(&mut said.view);
        let request = Request { rescan: false, sessions: true, ..*request };
        let full = self.archive(false, self.threads).refresh(&request);
        let full =
            full.or_else(|error| wrong(Wrong::Outcome, format!("without a memo: {error}")))?;
        if !full.warnings.is_empty() {
            return wrong(Wrong::Outcome, format!("without a memo: {:?}", full.warnings));
        }
        let full = Answer::of(&full, self.offset, true)?.view;
        let mut sides = vec![(Side::FullRescan, &full), (Side::Rust, rust)];
        let python = self.ask_python(priority)?;
        sides.extend(python.as_ref().map(|view| (Side::Python, view)));
        answer::agree(&said, &sides)?;
        self.tally.count("refreshes");
        Ok(())
    }

    fn ask_python(&mut self, priority: &BTreeSet<String>) -> Result<Option<View>, Error> {
        let Some(python) = self.setup.python.as_ref().filter(|_| self.asks_python) else {
            return Ok(None);
        };
        let question = Question { home: &self.world.home, priority, offset: self.offset };
        let mut python = python.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = match python.answer(&question) {
            Ok(answer) => Some(answer),
            Err(NoAnswer::Lacking(_)) => None,
            Err(NoAnswer::Refused(why)) => return Err(Error::PythonRefused(why)),
            Err(NoAnswer::Fault(fault)) => return Err(Error::Python(fault)),
        };
        self.tally.count(if answer.is_some() { "python answers" } else { "python lacks zstd" });
        Ok(answer)
    }

    /// Makes of the scanner's answer what the engine that is tested answers.
    fn spoil(&mut self, view: &mut View) {
        match self.setup.engine {
            Engine::Scanner | Engine::Rescanning => {}
            Engine::Empty => *view = View::default(),
            Engine::Stale => {
                let right = view.clone();
                if let Some(before) = self.before.replace(right) {
                    *view = before;
                }
            }
            Engine::Lying => {
                let sessions = view.sessions.iter_mut().flat_map(|session| &mut session.usage);
                for used in sessions.chain(&mut view.days) {
                    used.1 = Some("another-model".to_owned());
                }
            }
        }
    }

    /// Sees that a refresh did what there was to do, and no more.
    fn check(
        &self,
        refresh: &Refresh,
        inner: Option<&Refresh>,
        due: &Prediction,
    ) -> Result<(), Error> {
        let mut expected = due.work.clone();
        let did = work(&refresh.stats);
        let in_vain = if due.half_damaged { u64::MAX } else { due.in_vain };
        // Which of several shards the other one came before is not known.
        let is_known = due.shards == 1 && due.only_known;
        // The other one has found out about copies by then.
        if inner.is_none() || !due.is_settled {
            expected.bytes += due.compared;
        }
        if inner.is_some() {
            // What was there was written by the other one meanwhile.
            expected.shards_written = if is_known { due.gone_shards.1 } else { did.shards_written };
        }
        self.compare(&expected, did, in_vain)?;
        if let Some(inner) = inner.filter(|_| is_known) {
            let mut expected = due.work.clone();
            expected.bytes += due.compared;
            // These were removed before.
            expected.gone -= due.gone_shards.0;
            expected.shards_written -= due.gone_shards.1;
            self.compare(&expected, work(&inner.stats), in_vain)?;
        }
        let told = |text: &&str| match said(refresh, text) {
            // The other one may have replaced it meanwhile, and then has said so.
            0 if *text == DAMAGED => inner.is_some_and(|inner| said(inner, text) == 1),
            times => times == 1,
        };
        let is_other = |warning: &&String| {
            let due_now = due.warnings.iter().any(|text| warning.contains(text));
            let due_perhaps = due.half_damaged && warning.contains(DAMAGED);
            !due_now && !due_perhaps
        };
        if !due.warnings.iter().all(told)
            || refresh.warnings.iter().any(|warning| is_other(&warning))
        {
            let detail =
                format!("it warns {:?}, and should say {:?}", refresh.warnings, due.warnings);
            return wrong(Wrong::Memo, detail);
        }
        let litter = self.memo.litter()?;
        if litter.is_empty() {
            Ok(())
        } else {
            wrong(Wrong::Memo, format!("in the memo: {litter:?}"))
        }
    }

    fn compare(&self, expected: &Work, mut did: Work, in_vain: u64) -> Result<(), Error> {
        if (expected.bytes..=expected.bytes.saturating_add(in_vain)).contains(&did.bytes) {
            did.bytes = expected.bytes;
        }
        if did == *expected {
            return Ok(());
        }
        wrong(Wrong::Work, format!("it did {did:?}, and should have done {expected:?}"))
    }

    /// Counts what was exercised.
    fn note(&mut self, due: &Prediction) {
        let Work { unchanged, continued, parsed, moved, gone, stale, bytes, .. } = due.work;
        for (what, count) in [
            ("files unchanged", unchanged),
            ("files continued", continued),
            ("files parsed", parsed),
            ("files moved", moved),
            ("files gone", gone),
            ("files stale", stale),
        ] {
            if count > 0 {
                *self.tally.0.entry(what.to_owned()).or_default() += count;
            }
        }
        if bytes == 0 {
            self.tally.count("nothing read");
        }
        for warning in &due.warnings {
            self.tally.count(format!("memo {warning}"));
        }
    }
}

/// How often a refresh warns of this.
fn said(refresh: &Refresh, text: &str) -> usize {
    refresh.warnings.iter().filter(|warning| warning.contains(text)).count()
}

fn work(stats: &Stats) -> Work {
    Work {
        files: stats.files,
        folders: stats.folders,
        unchanged: stats.unchanged,
        continued: stats.continued,
        parsed: stats.parsed,
        moved: stats.moved,
        gone: stats.gone,
        stale: stats.stale,
        bytes: stats.bytes_read,
        shards_written: stats.shards_written,
    }
}
