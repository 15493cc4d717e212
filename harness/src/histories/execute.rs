//! Executing a history on real files, one operation after the other, with what happens inside its scans.

use std::any::Any;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracerig_scanner::{
    Ablations, BUSY_TIMEOUT, Check, MemoPlace, Mode, Options, Point, Reason, Request, ScanError, Scanner,
};

use super::answered::{Answered, Asked, Refused, Stop};
use super::ending::{ending, is_locked};
use super::engine::Engine;
use super::meanwhile::Shared;
use super::memo_file::{MemoFile, State};
use super::model::{self, Artifact, Memo, Standing, predict};
use super::op::{Act, Case, DataOp, Defect, Event, Op, Race, ScanOp};
use super::python::Python;
use super::race::Left;
use super::sides::{Side, Turns, agree};
use super::stage::Stage;
use super::verify::{check_scan, check_work, expect, wrong};
use super::view::View;
use super::worker::{Said, Task, Word, Worker};
use super::world::World;
use super::{Error, Failure, Fault, Tally, Wrong};
use crate::oracle::{Answer, Window};

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
    /// Whether what is tested is the scanner as it is: then the contract says what it must not get wrong.
    fn is_as_published(&self) -> bool {
        self.engine == Engine::Scanner && self.ablations.is_empty()
    }
}

/// Executes `case` with files in `folder`, which must be empty; its parent gets a template shared by other histories.
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
            (Err(Error::Wrong { wrong: Wrong::Turns, .. }), Some(sort)) if setup.is_as_published() => {
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
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
    Error::Panicked(said.unwrap_or("without a message").to_owned())
}

struct Runner {
    shared: Arc<Mutex<Shared>>,
    stage: Arc<Stage>,
    /// The scanner of the scan before.
    scanner: Option<Scanner>,
    engine: Engine,
    /// The right answer of the scan before.
    answered: Option<Turns>,
    /// What that scanner holds in memory.
    held: Option<(Memo, Standing)>,
    /// Through how many connections it reads in a full scan.
    connections: NonZeroUsize,
    answers_only: bool,
    /// Whether every relaunch is a process of its own.
    fresh: bool,
    python: Option<Arc<Mutex<Python>>>,
    /// What stands in the database, until something happens to it.
    view: Option<Arc<View>>,
    ablations: Ablations,
    /// The scanner of the other memo, and what that holds.
    other: (Option<Scanner>, Option<(Memo, Standing)>),
    /// The last thing outside the contract, until a scan has shown what comes of it.
    breach: Option<String>,
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
            ablations: setup.ablations,
            other: (None, None),
            breach: None,
        })
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
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

    fn new_scanner(&self, memo: MemoPlace) -> Scanner {
        let shared = self.shared();
        let identity = Arc::clone(&shared.world.identity);
        let probe = Arc::clone(&self.stage);
        // A scan without a memo is what others are held against, and as simple as can be.
        let (ablations, connections) = match memo {
            MemoPlace::Disabled => (Ablations::NONE, NonZeroUsize::MIN),
            _ => (self.ablations, self.connections),
        };
        let options = Options {
            memo,
            ablations,
            identity,
            connections,
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
            (Err(ScanError::MissingColumns { columns, .. }), Defect::NoColumn) => columns == &["target"],
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

    fn scan(&mut self, op: &ScanOp) -> Result<(), Error> {
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
            self.engine.spoil(&mut scan.turns, &mut self.answered);
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
        // Up to its first read a scan sees what happens, and begins anew with a file exchanged up to then.
        let sees = event.is_some_and(|event| match event.at {
            Point::Loaded | Point::BeforeOpen | Point::Opened => true,
            // Several connections begin anew until they see the same state.
            Point::Begun => exchanged || (self.connections > NonZeroUsize::MIN && before.loaded.is_err()),
            Point::FirstRead => exchanged,
            _ => false,
        });
        let mut view = if sees { &after } else { &before.view };
        let mut answered = None;
        let mut due = predict(before.loaded.as_ref().map_err(|reason| *reason), view);
        // One connection is enough for a memo; if it is refused, more are opened, at a new snapshot.
        let reopens = self.connections > NonZeroUsize::MIN && before.loaded.is_ok() && due.mode == Mode::Full;
        if reopens && event.is_some_and(|event| matches!(event.at, Point::Begun | Point::FirstRead)) {
            view = &after;
            due = predict(Err(due.reason), view);
        }
        // A table of which no memo is kept, or a memo that cannot be read, is no sign of anything that happened to rows.
        let is_checked = matches!(
            due.reason,
            Reason::Check(Check::Identity | Check::Shrink | Check::Anchors | Check::Facts)
        );
        let writes = due.changed && view.rising;
        let (artifact, state) =
            shared.meanwhile.take().unwrap_or_else(|| (before.artifact.clone(), before.state.clone()));
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
                    (_, true, true) => Some((due.memo.clone(), shared.memo.standing_after_write()?)),
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
        self.check_answers(answered, &after)?;
        if let Some(sort) = self.breach.take() {
            let what = if is_detected { "detected" } else { "right" };
            self.shared().tally.count(format!("{sort}: {what}"));
        }
        Ok(())
    }

    /// Runs a race, then a relaunch, which finds one of the memos that may stand there, and if that does not tell which one it
    /// was, a forced rescan.
    fn race(&mut self, race: &Race) -> Result<(), Error> {
        let view = self.view()?;
        (self.scanner, self.held, self.view) = (None, None, None);
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let (engine, answered) = (self.engine, &mut self.answered);
        let Left { contents, view } = shared.race(race, &view, engine == Engine::Rescanning, |answer| {
            engine.spoil(&mut answer.turns, answered);
        })?;
        let (memo, window) = (shared.memo.path.clone(), super::window(shared.window));
        drop(shared);
        let view = Arc::clone(self.view.insert(Arc::new(view)));
        let scanner = self.new_scanner(MemoPlace::File(memo));
        let scan = scanner.scan(&Request { window, rescan: self.engine == Engine::Rescanning });
        let mut scan = scan.map(Answered::from).map_err(|error| wrong(Wrong::Outcome, error.to_string()))?;
        self.engine.spoil(&mut scan.turns, &mut self.answered);

        let mut memos: Vec<Memo> = Vec::new();
        let mut first = None;
        for content in &contents {
            let due = predict(content.as_ref().map_err(|reason| *reason), &view);
            let writes = due.changed && view.rising;
            let is_it = check_scan(&scan, &due, content.as_ref())
                .and_then(|()| expect(Wrong::Written, "persisted", &scan.persisted, &writes));
            match is_it {
                Ok(()) if memos.contains(&due.memo) => {}
                Ok(()) => memos.push(due.memo),
                Err(error) => first = first.or(Some(error)),
            }
        }
        match (memos.pop(), first) {
            (Some(memo), _) if memos.is_empty() => {
                let mut shared = self.shared();
                if scan.persisted {
                    shared.note_written(memo)?;
                } else if view.rising {
                    shared.memo.written(memo)?;
                }
                shared.check_litter()?;
            }
            (Some(_), _) => {
                self.shared().tally.count("races that leave one of several memos");
                self.scan(&ScanOp { again: false, rescan: true, event: None })?;
            }
            (None, Some(error)) => return Err(error),
            (None, None) => return Err(Error::Impossible("a race leaves nothing")),
        }
        let mode = if scan.mode == Mode::Full.to_string() { Mode::Full } else { Mode::Incremental };
        self.check_answers(Some((scan.turns, Arc::clone(&view), mode)), &view)
    }

    /// What stands in the database.
    fn view(&mut self) -> Result<Arc<View>, Error> {
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

    /// Scans, with what happens meanwhile. Gives whether that happened, too.
    fn launch(&self, op: &ScanOp) -> Result<(Result<Answered, Refused>, bool), Error> {
        let result = self.scan_here(op)?;
        let fired = self.stage.disarm();
        match self.shared().trouble.take() {
            Some(trouble) => Err(trouble),
            None => Ok((result.map(Answered::from).map_err(Refused::from), fired)),
        }
    }

    /// The same, in a process of its own that ends with the scan.
    fn launch_fresh(&self, op: &ScanOp) -> Result<(Result<Answered, Refused>, bool), Error> {
        let mut shared = self.shared();
        let Some(worker) = shared.worker.clone() else {
            return Err(Error::Impossible("there is no program to relaunch"));
        };
        let is_locked = op.event.as_ref().is_some_and(|event| is_locked(event.at));
        check_possible(op)?;
        let mut child = worker.lock().unwrap_or_else(PoisonError::into_inner).fresh()?;
        child.say(&Task::Scan(Asked {
            connections: self.connections,
            rescan: op.rescan || self.engine == Engine::Rescanning,
            stop: op.event.as_ref().map(|event| Stop::Wait(event.at.name().to_owned())),
            ..shared.asked()
        }));
        let mut fired = false;
        loop {
            match (child.hear(), &op.event) {
                (Ok(Said::Scanned(outcome)), _) => return Ok((outcome, fired)),
                (Ok(Said::Reached), Some(event)) if !fired => {
                    fired = true;
                    shared.act_all(&event.acts, is_locked)?;
                    let fails = event.acts.contains(&Act::Fail);
                    child.say(&Word { fails, identity: shared.world.identity.now() });
                }
                (Ok(_), _) => return Err(Error::Child(Fault::Rubbish)),
                (Err(fault), _) => return Err(Error::Child(child.end_after(fault).0)),
            }
        }
    }

    fn scan_here(&self, op: &ScanOp) -> Result<Result<tracerig_scanner::Scan, ScanError>, Error> {
        let Some(scanner) = &self.scanner else { return Err(Error::Impossible("there is no scanner")) };
        let rescan = op.rescan || self.engine == Engine::Rescanning;
        let request = Request { window: super::window(self.shared().window), rescan };
        let Some(Event { at, acts }) = &op.event else { return Ok(scanner.scan(&request)) };
        let is_locked = is_locked(*at);
        check_possible(op)?;

        let (here, at_point) = mpsc::channel();
        let (go, gone) = mpsc::channel();
        let (shared, todo) = (Arc::clone(&self.shared), acts.clone());
        let happening = move || {
            {
                let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                shared.trouble = shared.act_all(&todo, is_locked).err();
            }
            if todo.contains(&Act::Cancel) {
                // Whoever cancels is waiting for this, unless the history is over.
                let _ = here.send(());
                let _ = gone.recv();
            }
            !todo.contains(&Act::Fail)
        };
        self.stage.arm(*at, Box::new(happening));
        if !acts.contains(&Act::Cancel) {
            return Ok(scanner.scan(&request));
        }
        let running = scanner.start(request);
        loop {
            match at_point.recv_timeout(Duration::from_millis(1)) {
                Ok(()) => {
                    running.cancel();
                    // If the scan is past waiting, so much the better.
                    let _ = go.send(());
                    break;
                }
                Err(RecvTimeoutError::Timeout) if !running.is_finished() => {}
                Err(_) => break,
            }
        }
        Ok(running.wait())
    }

    /// Holds the answer, if there is one, against all that can say something about the same rows. `answered` has it with the
    /// rows it is about and how it came about; `now` are the rows that stand there now.
    fn check_answers(
        &self,
        answered: Option<(Turns, Arc<View>, Mode)>,
        now: &Arc<View>,
    ) -> Result<(), Error> {
        let window = self.shared().window;
        let right = now.answer(window);
        let is_now = answered.as_ref().is_some_and(|(_, view, _)| Arc::ptr_eq(view, now));
        if let Some((turns, view, _)) = answered.as_ref().filter(|_| !is_now) {
            agree(&[(Side::Scan, turns), (Side::Rust, &view.answer(window).turns)])?;
        }
        // A scan that was full and right has done what a full rescan would do. If it was not right, one more has to say so.
        let is_full = |(turns, _, mode): &(Turns, _, Mode)| *mode == Mode::Full && *turns == right.turns;
        let rescanned = match &answered {
            Some(answered) if is_now && is_full(answered) => None,
            _ => Some(self.full_rescan(now, window)?),
        };
        let asked = match &self.python {
            Some(python) => {
                let mut python = python.lock().unwrap_or_else(PoisonError::into_inner);
                Some(python.ask(&self.shared().world.database, window)?)
            }
            None => None,
        };
        let said = |answer: Option<&'_ Answer>, side| answer.map(|answer| (side, answer.turns.clone()));
        let scan = answered.as_ref().filter(|_| is_now).map(|(turns, ..)| (Side::Scan, turns.clone()));
        let sides = [
            scan,
            said(Some(&right), Side::Rust),
            said(rescanned.as_ref(), Side::FullRescan),
            said(asked.as_ref(), Side::Python),
        ];
        let sides: Vec<_> = sides.iter().flatten().map(|(side, turns)| (*side, turns)).collect();
        agree(&sides)?;
        let mut shared = self.shared();
        shared.tally.count("scans");
        let counts = |answer: &Answer| (answer.facts, answer.completions, answer.unrecognised);
        let what = "facts, completions, unrecognised";
        if let Some(rescanned) = rescanned {
            shared.tally.count("full rescans");
            expect(Wrong::FullRescan, what, &counts(&rescanned), &counts(&right))?;
        }
        if let Some(asked) = asked {
            shared.tally.count("answers of the Python oracle");
            expect(Wrong::PythonOracle, what, &counts(&asked), &counts(&right))?;
        }
        Ok(())
    }

    fn full_rescan(&self, view: &View, window: Window) -> Result<Answer, Error> {
        let scanner = self.new_scanner(MemoPlace::Disabled);
        let request = Request { window: super::window(window), rescan: false };
        let scan = scanner.scan(&request).map_err(|error| wrong(Wrong::FullRescan, error.to_string()))?;
        let scan = Answered::from(scan);
        check_work(&scan, &predict(Err(Reason::Disabled), view), None)?;
        let Answered { turns, facts, completions, unrecognised, .. } = scan;
        Ok(Answer { turns, facts, completions, unrecognised })
    }
}

fn check_possible(op: &ScanOp) -> Result<(), Error> {
    let waits = |act: &Act| matches!(act, Act::Other { .. } | Act::OtherDies(_) | Act::Artifact(_));
    match &op.event {
        Some(event) if is_locked(event.at) && event.acts.iter().any(waits) => {
            Err(Error::Impossible("others wait for the lock of the memo from `persist-locked` on"))
        }
        Some(event)
            if event.acts.contains(&Act::OtherWaits) && (!is_locked(event.at) || event.acts.len() > 1) =>
        {
            Err(Error::Impossible("others wait from `persist-locked` on, while nothing else happens"))
        }
        _ => Ok(()),
    }
}

/// A forced rescan replaces what another scan has stored meanwhile, but not before it knows as many rows.
fn catch_up(stored: &Artifact, memo: &mut Memo, now: &View) {
    if let Ok(stored) = &stored.content
        && stored.is_ahead_of(memo)
        && let Ok(newer) = model::advance(memo, now)
    {
        *memo = newer.memo;
    }
}
