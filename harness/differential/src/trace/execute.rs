//! Executing a history on real files, one operation after the other, with what happens inside its
//! scans.

use std::any::Any;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracerig_oracle::Window;
use tracerig_scanner::{
    BUSY_TIMEOUT, Check, MemoPlace, Mode, Options, Point, Reason, Request, ScanError, Scanner,
};

use super::agree::{Turns, spoil};
use super::answered::Refused;
use super::arguments::Defect;
use super::data_op::DataOp;
use super::ending::ending;
use super::meanwhile::Shared;
use super::memo_file::{MemoFile, State};
use super::model::{self, Artifact, Memo, Standing, full, predict};
use super::op::{Case, Op};
use super::scan_op::{Act, ScanOp};
use super::stage::Stage;
use super::verify::{check_scan, expect, wrong};
use super::view::View;
use super::worker::Worker;
use super::world::World;
use super::{Error, Failure, Wrong};
use crate::engine::Engine;
use crate::failure::said_by;
use crate::python::Python;
use crate::switches::trace::Ablations;
use crate::tally::Tally;

/// What histories are executed with.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// The other process; without one, scans by another process are left out.
    pub worker: Option<Arc<Mutex<Worker>>>,
    /// The oracle in Python, which histories may want to be asked; without it, it is not.
    pub python: Option<Arc<Mutex<Python>>>,
    /// What is asked for the answers that are checked.
    pub engine: Engine,
    /// Rules of the scanner that are switched off.
    pub ablations: Ablations,
    /// Whether only answers are looked at, not how they came about.
    pub answers_only: bool,
}

impl Setup {
    /// Whether what is tested is the scanner as it is: then the contract says what it must not get
    /// wrong.
    fn is_as_published(&self) -> bool {
        self.engine == Engine::Scanner && self.ablations.is_empty()
    }
}

/// Executes `case` with files in `folder`, which must be empty; its parent gets a template shared
/// by other histories.
///
/// # Errors
/// The first thing that went wrong.
pub fn run(case: &Case, folder: &Path, setup: &Setup) -> Result<Tally, Failure> {
    let fail = |op| move |error| Failure { op, error };
    let mut runner = Runner::new(case, folder, setup).map_err(fail(0))?;
    for (place, op) in case.ops.iter().enumerate() {
        // Nothing of the runner is used after a panic.
        let step = AssertUnwindSafe(|| runner.step(op));
        let done = catch_unwind(step).unwrap_or_else(|panic| Err(panicked(&*panic)));
        match (done, runner.breach.take()) {
            (Err(Error::Wrong { wrong: Wrong::Turns, .. }), Some(sort))
                if setup.is_as_published() =>
            {
                // What follows begins with a memo that is wrong.
                runner.shared().tally.count(format!("{sort}: wrong"));
                break;
            }
            (done, breach) => {
                runner.breach = breach;
                done.map_err(fail(place))?;
            }
        }
    }
    let shared = runner.shared();
    Ok(shared.tally.clone())
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    Error::Panicked(said_by(panic))
}

pub(super) struct Runner {
    pub(super) shared: Arc<Mutex<Shared>>,
    pub(super) stage: Arc<Stage>,
    /// The scanner of the scan before.
    pub(super) scanner: Option<Scanner>,
    pub(super) engine: Engine,
    /// The right answer of the scan before.
    pub(super) answered: Option<Turns>,
    /// What that scanner holds in memory.
    pub(super) held: Option<(Memo, Standing)>,
    /// Through how many connections it reads in a full scan.
    pub(super) connections: NonZeroUsize,
    pub(super) answers_only: bool,
    /// Whether every relaunch is a separate process.
    pub(super) fresh: bool,
    pub(super) python: Option<Arc<Mutex<Python>>>,
    /// What is in the database, until something happens to it.
    pub(super) view: Option<Arc<View>>,
    /// The scanner of the other memo, and what that holds.
    pub(super) other: (Option<Scanner>, Option<(Memo, Standing)>),
    /// The last thing outside the contract, until a scan has shown what comes of it.
    pub(super) breach: Option<String>,
}

/// What was found when a scan began.
struct Before {
    view: Arc<View>,
    artifact: Artifact,
    state: State,
    /// What the scan starts with.
    loaded: Result<Memo, Reason>,
}

impl Runner {
    fn new(case: &Case, folder: &Path, setup: &Setup) -> Result<Self, Error> {
        let (cache, other) = (folder.join("cache"), folder.join("other-cache"));
        std::fs::create_dir(&cache)?;
        std::fs::create_dir(&other)?;
        let world = World::new(folder, case.identity)?;
        let shared = Shared {
            named: if case.link { world.link()? } else { world.database.clone() },
            world,
            memo: MemoFile::new(cache.join("memo")),
            other_memo: (MemoFile::new(other.join("memo")), false),
            window: Window::default(),
            worker: setup.worker.clone(),
            tally: Tally::default(),
            ablations: setup.ablations,
            answers_only: setup.answers_only,
            unfinished: false,
            meanwhile: None,
            trouble: None,
            waiting: None,
        };
        let shared = Arc::new(Mutex::new(shared));
        let (connections, fresh) = (case.connections, case.fresh);
        let (engine, python) = (setup.engine, setup.python.clone().filter(|_| case.python));
        Ok(Self {
            shared,
            stage: Arc::default(),
            scanner: None,
            engine,
            answered: None,
            held: None,
            connections,
            answers_only: setup.answers_only,
            fresh,
            python,
            view: None,
            other: (None, None),
            breach: None,
        })
    }

    pub(super) fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&mut self, op: &Op) -> Result<(), Error> {
        match op {
            Op::Data(op) => {
                self.view = None;
                if let DataOp::Outside(breach) = op {
                    self.breach = Some(breach.sort());
                }
                self.shared().world.apply(op)
            }
            Op::Artifact(op) => Ok(self.shared().memo.apply(*op)?),
            Op::Window(window) => {
                self.shared().window = *window;
                Ok(())
            }
            Op::OtherMemo => {
                std::mem::swap(&mut self.scanner, &mut self.other.0);
                std::mem::swap(&mut self.held, &mut self.other.1);
                self.shared().turn_to_other_memo();
                Ok(())
            }
            Op::Scan(op) => self.scan(op),
            Op::Race(race) => self.race(race),
            Op::Refused(defect) => self.refused(*defect),
        }
    }

    pub(super) fn new_scanner(&self, memo: MemoPlace) -> Scanner {
        let shared = self.shared();
        let identity = Arc::clone(&shared.world.identity);
        let probe = Arc::clone(&self.stage);
        // A scan without a memo is what others are compared with, and as simple as can be.
        let is_plain = matches!(memo, MemoPlace::Disabled);
        let options = Options {
            memo,
            #[cfg(feature = "ablations")]
            ablations: if is_plain { Ablations::NONE } else { shared.ablations },
            identity,
            connections: if is_plain { NonZeroUsize::MIN } else { self.connections },
            large_from_bytes: 0,
            busy_timeout: BUSY_TIMEOUT,
            probe: Some(probe),
        };
        Scanner::new(&shared.named, options)
    }

    fn refused(&mut self, defect: Defect) -> Result<(), Error> {
        let memo = MemoPlace::File(self.shared().memo.path.clone());
        let scanner = self.new_scanner(memo);
        let mut shared = self.shared();
        let before = shared.memo.state();
        shared.world.set_defect(defect, true)?;
        let result = scanner.scan(&Request::default());
        shared.world.set_defect(defect, false)?;
        let as_expected = match (&result, defect) {
            (Err(ScanError::Missing { .. }), Defect::NoFile) => true,
            (Err(ScanError::NoLogsTable { empty, .. }), Defect::NoTable) => !empty,
            (Err(ScanError::MissingColumns { columns, .. }), Defect::NoColumn) => {
                columns == &["target"]
            }
            _ => false,
        };
        if self.answers_only && result.is_err() {
            return Ok(());
        }
        if !as_expected {
            return Err(wrong(Wrong::Outcome, format!("{defect:?} led to {result:?}")));
        }
        expect(Wrong::Written, "the memo after a refusal", &shared.memo.state(), &before)
    }

    pub(super) fn scan(&mut self, op: &ScanOp) -> Result<(), Error> {
        let is_new = !op.again || self.scanner.is_none();
        // Who cancels must be in the same process.
        let cancels = op.event.as_ref().is_some_and(|event| event.acts.contains(&Act::Cancel));
        let is_fresh = is_new && self.fresh && !cancels;
        if is_new {
            let memo = MemoPlace::File(self.shared().memo.path.clone());
            self.scanner = (!is_fresh).then(|| self.new_scanner(memo));
            self.held = None;
        }
        let before = self.before(op)?;
        let (mut result, fired) = if is_fresh { self.launch_fresh(op)? } else { self.launch(op)? };
        self.shared().end_waiting()?;
        if let Ok(scan) = &mut result {
            spoil(self.engine, &mut scan.turns, &mut self.answered);
        }
        if fired {
            self.view = None;
        }
        let after = self.view()?;

        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if is_fresh {
            shared.tally.count("relaunches in a process of their own");
        }
        if self.answers_only {
            let Ok(scan) = result else { return Ok(()) };
            // What a scan sees that takes the wrong way, nobody predicts.
            let [right, now] = [&before.view, &after].map(|view| view.answer(shared.window).turns);
            return if scan.turns == now {
                Ok(())
            } else {
                expect(Wrong::Turns, "the answer", &scan.turns, &right)
            };
        }
        let event = op.event.as_ref().filter(|_| fired);
        let exchanged = after.file != before.view.file;
        // Up to its first read a scan sees what happens, and begins anew with a file exchanged up
        // to then.
        let sees = event.is_some_and(|event| match event.at {
            Point::Loaded | Point::BeforeOpen | Point::Opened => true,
            // Several connections begin anew until they see the same state.
            Point::Begun => {
                exchanged || (self.connections > NonZeroUsize::MIN && before.loaded.is_err())
            }
            Point::FirstRead => exchanged,
            _ => false,
        });
        let mut view = if sees { &after } else { &before.view };
        let mut answered = None;
        let mut due = predict(before.loaded.as_ref().map_err(|reason| *reason), view);
        // One connection is enough for a memo; if it is refused, more are opened, at a new
        // snapshot.
        let reopens =
            self.connections > NonZeroUsize::MIN && before.loaded.is_ok() && due.mode == Mode::Full;
        let is_before_reopening = |at| match at {
            Point::Begun | Point::FirstRead => true,
            // A memo that is refused only after new rows were read had passed the first checks.
            Point::Checked => due.in_vain.is_some(),
            _ => false,
        };
        if reopens && event.is_some_and(|event| is_before_reopening(event.at)) {
            view = &after;
            due = full(view, due.reason, due.in_vain);
        }
        // A table of which no memo is kept, or a memo that cannot be read, is no sign of anything
        // that happened to rows.
        let is_checked = matches!(
            due.reason,
            Reason::Check(Check::Identity | Check::Shrink | Check::Anchors | Check::Facts)
        );
        let writes = due.changed && view.rising;
        let (artifact, state) = shared
            .meanwhile
            .take()
            .unwrap_or_else(|| (before.artifact.clone(), before.state.clone()));
        let is_as_found = artifact.standing == before.artifact.standing;
        let replaces = writes && (op.rescan || is_as_found);
        let mut wrote = replaces;
        // A scan without an answer leaves what was held.
        let mut held = self.held.take();

        match (ending(event, &due, writes, exchanged, reopens), result) {
            (None, Ok(scan)) => {
                check_scan(&scan, &due, before.loaded.as_ref())?;
                expect(Wrong::Written, "persisted", &scan.persisted, &replaces)?;
                if replaces && !is_as_found {
                    catch_up(&artifact, &mut due.memo, &after);
                }
                held = match (view.rising, writes, replaces) {
                    _ if is_fresh => None,
                    (false, ..) | (_, true, false) => None,
                    (_, false, _) => Some((due.memo.clone(), before.artifact.standing)),
                    (_, true, true) => {
                        Some((due.memo.clone(), shared.memo.standing_after_write()?))
                    }
                };
                shared.tally.count(format!("mode {}", scan.mode));
                if scan.connections > 1 {
                    shared.tally.count("several connections");
                }
                shared.tally.count(format!("reason {}", scan.reason));
                if writes && !replaces {
                    shared.tally.count("memo dropped for another's");
                }
                answered = Some((scan.turns, Arc::clone(view), due.mode));
            }
            (Some(Act::Fail), Err(Refused::Injected)) => {
                // The last point is past the replacement.
                wrote = event.is_some_and(|event| event.at == Point::Persisted);
                shared.tally.count("step failed");
            }
            (Some(Act::Cancel), Err(Refused::Cancelled)) => {
                wrote = false;
                shared.tally.count("cancelled");
            }
            (expected, result) => {
                let expected = expected.map_or("an answer".to_owned(), |act| act.to_string());
                return Err(wrong(Wrong::Outcome, format!("{expected} was due, not {result:?}")));
            }
        }
        if wrote {
            shared.note_written(due.memo)?;
        } else {
            expect(Wrong::Written, "the memo's file", &shared.memo.state(), &state)?;
        }
        self.held = held;
        shared.check_litter()?;
        drop(shared);
        let is_detected = is_checked && answered.is_some();
        self.check_answers(answered.as_ref(), &after)?;
        if let Some(sort) = self.breach.take() {
            let what = if is_detected { "detected" } else { "right" };
            self.shared().tally.count(format!("{sort}: {what}"));
        }
        Ok(())
    }

    /// What is in the database.
    pub(super) fn view(&mut self) -> Result<Arc<View>, Error> {
        let view = match &self.view {
            Some(view) => Arc::clone(view),
            None => Arc::new(self.shared().world.view()?),
        };
        Ok(Arc::clone(self.view.insert(view)))
    }

    fn before(&mut self, op: &ScanOp) -> Result<Before, Error> {
        let view = self.view()?;
        let shared = self.shared();
        let artifact = shared.memo.artifact()?;
        let state = shared.memo.state();
        drop(shared);
        let loaded = match &self.held {
            _ if op.rescan => Err(Reason::Forced),
            Some((memo, standing)) if *standing == artifact.standing => Ok(memo.clone()),
            _ => artifact.content.clone(),
        };
        Ok(Before { view, artifact, state, loaded })
    }
}

/// A forced rescan replaces what another scan has stored meanwhile, but not before it knows as many
/// rows.
fn catch_up(stored: &Artifact, memo: &mut Memo, now: &View) {
    if let Ok(stored) = &stored.content
        && stored.is_ahead_of(memo)
        && let Ok(newer) = model::advance(memo, now)
    {
        *memo = newer.memo;
    }
}
