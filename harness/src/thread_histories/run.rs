//! Executing a history: each operation on the store, and what the model says of it.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tracerig_store::threads::{
    self, Ablations, Clock as _, Durability, Error as StoreError, Item, LiveThread, Mode, Sessions,
    StoreOptions, SweepOptions, ThreadId, ThreadStore,
};

use super::flow::{Outcome, Queued, Standing, TOUCH_AFTER};
use super::gate::{Gate, PATIENCE};
use super::item::ItemSpec;
use super::machine::{HandClock, Machine};
use super::op::{Case, DiskCall, Foreign, Op};
use super::slot::{self, Deferred, Handle, Line, Slot};
use super::{Error, Failure, Wrong, wrong};
use crate::histories::Tally;

/// For how long a busy database is waited for where projections are patient.
const PATIENT: Duration = Duration::from_secs(20);

/// For how long nothing may happen in an idle moment.
const IDLE: Duration = Duration::from_millis(8);

/// Executes `case` with files in `folder`, which must be empty, on a store without the rules `ablated`.
///
/// # Errors
/// The first thing that went wrong.
pub fn run(case: &Case, folder: &Path, ablated: Ablations) -> Result<Tally, Failure> {
    let fail = |op| move |error| Failure { op, error };
    let mut runner = Runner::new(case, folder, ablated).map_err(fail(0))?;
    let mut done = Ok(());
    for (place, op) in case.ops.iter().enumerate() {
        // Nothing of the runner is used after a panic.
        let step = AssertUnwindSafe(|| runner.operation(op));
        done = catch_unwind(step).unwrap_or_else(|panic| Err(panicked(&*panic))).map_err(fail(place));
        if done.is_err() {
            break;
        }
    }
    let done = done.and_then(|()| {
        let end = AssertUnwindSafe(|| runner.end());
        let ended = catch_unwind(end).unwrap_or_else(|panic| Err(panicked(&*panic)));
        ended.map_err(fail(case.ops.len().saturating_sub(1)))
    });
    *runner.tally.0.entry("syncs".to_owned()).or_default() += runner.machine.syncs();
    runner.leave();
    done.map(|()| runner.tally)
}

/// The order in which `texts` have these appends, each in one piece.
fn order<'l>(appends: &[&'l [Line]], texts: &[&[u8]]) -> Option<Vec<&'l [Line]>> {
    if appends.is_empty() {
        return Some(Vec::new());
    }
    (0..appends.len()).find_map(|next| {
        let mut left = appends.to_vec();
        let first = left.remove(next);
        let (here, rest) = texts.split_at_checked(first.len())?;
        if !here.iter().zip(first).all(|(text, line)| slot::is(text, line)) {
            return None;
        }
        let mut all = order(&left, rest)?;
        all.insert(0, first);
        Some(all)
    })
}

/// What an operation led to, in a word.
fn outcome(error: Option<&StoreError>) -> &'static str {
    match error {
        None => "done",
        Some(StoreError::InUse { .. }) => "in use",
        Some(StoreError::Exists { .. }) => "exists",
        Some(StoreError::Unknown { .. }) => "unknown",
        Some(StoreError::Unreadable(_)) => "unreadable",
        Some(StoreError::History { .. }) => "history",
        Some(StoreError::Closed { .. }) => "closed",
        Some(StoreError::Discarded { .. }) => "discarded",
        Some(StoreError::Projection { .. }) => "projection",
        Some(StoreError::Shutdown(failed)) => match (&failed.projection, &failed.history) {
            (Some(_), Some(_)) => "shutdown: projection and history",
            (Some(_), None) => "shutdown: projection",
            (None, _) => "shutdown: history",
        },
        Some(_) => "another error",
    }
}

/// Fails unless an operation led to what was due.
fn expect_outcome(name: &str, due: &'static str, error: Option<&StoreError>) -> Result<(), Error> {
    let found = outcome(error);
    if found == due {
        return Ok(());
    }
    let said = error.map(|error| format!(" ({error})")).unwrap_or_default();
    Err(wrong(Wrong::Outcome, format!("{name} leads to `{found}`{said}, not `{due}`")))
}

pub(super) fn unexpected(what: &str, error: &StoreError) -> Error {
    wrong(Wrong::Outcome, format!("{what}: {error}"))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
    Error::Panicked(said.unwrap_or("without a message").to_owned())
}

/// What an append was to write when the machine died, and whether it was acknowledged.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) thread: u8,
    pub(super) lines: Vec<Line>,
    pub(super) acknowledged: bool,
}

/// What a call that waits does before.
#[derive(Debug)]
enum Writes {
    Nothing,
    /// It appends, and `true` if that waits for itself.
    Lines(Vec<Line>, bool),
    /// It tries, and is refused.
    Fails,
}

/// Executes the operations of a history, and knows what must come of each.
pub(super) struct Runner {
    pub(super) root: PathBuf,
    pub(super) mode: Mode,
    pub(super) durability: Durability,
    patient: bool,
    ablated: Ablations,
    clock: Arc<HandClock>,
    pub(super) machine: Machine,
    pub(super) gate: Gate,
    pub(super) store: Option<ThreadStore>,
    /// Reads the rows.
    pub(super) reader: Option<Connection>,
    pub(super) slots: BTreeMap<u8, Slot>,
    held: bool,
    /// What was under way when the machine died.
    attempt: Option<Attempt>,
    /// Whether the database is lost with the machine.
    pub(super) rows_lost: bool,
    /// What projections are to meet, as the gate has it: refusals by thread, and locked databases.
    refused: BTreeMap<u8, u32>,
    busy: u32,
    /// Whether the machine has died.
    pub(super) crashed: bool,
    pub(super) tally: Tally,
}

impl Runner {
    fn new(case: &Case, folder: &Path, ablated: Ablations) -> Result<Self, Error> {
        let root = folder.join("home");
        let machine = Machine::default();
        let gate = Gate::new(machine.clone(), &root.join(threads::schema::FILE_NAME), case.patient);
        let mut runner = Self {
            root,
            mode: case.mode,
            durability: case.durability,
            patient: case.patient,
            ablated,
            clock: Arc::default(),
            machine,
            gate,
            store: None,
            reader: None,
            slots: BTreeMap::new(),
            held: false,
            attempt: None,
            rows_lost: false,
            refused: BTreeMap::new(),
            busy: 0,
            crashed: false,
            tally: Tally::default(),
        };
        runner.open()?;
        Ok(runner)
    }

    /// Opens the store as it is to be.
    pub(super) fn open(&mut self) -> Result<(), Error> {
        let options = StoreOptions {
            mode: self.mode,
            durability: self.durability,
            busy_timeout: if self.patient { PATIENT } else { Duration::ZERO },
            nap: Duration::ZERO,
            touch_after: Duration::from_millis(TOUCH_AFTER),
            clock: self.clock.clone(),
            disk: Arc::new(self.machine.clone()),
            observer: Some(Arc::new(self.gate.clone())),
            ablated: self.ablated,
        };
        self.gate.close(self.mode.is_async());
        let opened = ThreadStore::open_through(&self.root, options, Some(Arc::new(self.gate.clone())));
        self.store = Some(opened.map_err(|error| unexpected("the store does not open", &error))?);
        let database = self.root.join(threads::schema::FILE_NAME);
        self.reader = Some(Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?);
        Ok(())
    }

    pub(super) fn store(&self) -> Result<&ThreadStore, Error> {
        self.store.as_ref().ok_or_else(|| Error::Executor("there is no store".to_owned()))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn at(&self) -> i64 {
        self.clock.now().0
    }

    fn touch_after(&self) -> u64 {
        if self.mode.is_async() { TOUCH_AFTER } else { 0 }
    }

    pub(super) fn slot(&mut self, thread: u8) -> &mut Slot {
        self.slots.entry(thread).or_insert_with(|| Slot::new(thread))
    }

    /// One operation and everything that must hold afterwards.
    fn operation(&mut self, op: &Op) -> Result<(), Error> {
        self.perform(op)?;
        if let Some(trouble) = self.gate.trouble() {
            return Err(Error::Executor(trouble));
        }
        if self.machine.is_dead() {
            let attempt = self.attempt.take();
            return self.restart(attempt);
        }
        self.attempt = None;
        if !self.held {
            self.drain()?;
        }
        // A projection may have been where the machine was to die.
        if self.machine.is_dead() {
            return self.restart(None);
        }
        self.check()
    }

    fn perform(&mut self, op: &Op) -> Result<(), Error> {
        match op {
            Op::Create(thread, facts) => self.create(*thread, *facts),
            Op::Append(thread, items) => self.append(*thread, items),
            Op::AppendAndFlush(thread, items) => self.append_and_flush(*thread, items),
            Op::Together(thread, batches) => self.together(*thread, batches),
            Op::Flush(thread, meanwhile) => self.flush(*thread, meanwhile),
            Op::Persist(thread) => self.persist(*thread),
            Op::Update(thread, update) => self.update(*thread, update),
            Op::Shutdown(thread) => self.shutdown(*thread, false),
            Op::Discard(thread) => self.discard(*thread),
            Op::Resume(thread) => self.resume(*thread),
            Op::Open(mode, durability) => {
                self.close()?;
                if self.machine.is_dead() {
                    return Ok(());
                }
                (self.mode, self.durability) = (*mode, *durability);
                self.open()
            }
            Op::Clock(by) => {
                self.clock.step(*by);
                self.arrivals()
            }
            Op::Idle => self.idle(),
            Op::Foreign(thread, foreign) => self.foreign(*thread, *foreign),
            Op::DiskFails(call, times) => {
                self.machine.fail(*call, *times);
                Ok(())
            }
            Op::Refuse(thread, times) => {
                *self.refused.entry(*thread).or_default() += times;
                self.gate.refuse(slot::id(*thread), *times);
                Ok(())
            }
            Op::Busy(times) => {
                self.busy += times;
                self.gate.lock(*times);
                Ok(())
            }
            Op::RowLost(thread) => self.lose_row(*thread),
            Op::Hold => {
                self.held = self.mode.is_async();
                Ok(())
            }
            Op::Step => self.step(),
            Op::Release => {
                self.held = false;
                Ok(())
            }
            Op::Kill(rows) => {
                self.rows_lost = *rows;
                self.machine.die();
                self.gate.wake();
                Ok(())
            }
            Op::Dies(death) => {
                self.machine.die_at(*death);
                Ok(())
            }
            Op::Power(sync) => {
                self.machine.power_at(*sync);
                Ok(())
            }
            Op::Rebuild { stale_only } => self.rebuild(*stale_only),
            Op::List { order, archived, limit } => self.list(*order, *archived, *limit),
        }
    }

    fn create(&mut self, thread: u8, facts: bool) -> Result<(), Error> {
        let (meta, payload) = slot::meta(slot::id(thread), facts);
        let created = self.store()?.create(&meta);
        let files = self.files()?;
        let slot = self.slot(thread);
        slot.find(&files)?;
        let due = match slot.handle {
            Handle::Open => "in use",
            _ if !slot.bytes.is_empty() => "exists",
            _ => "done",
        };
        expect_outcome("create", due, created.as_ref().err())?;
        if let Ok(live) = created {
            slot.begin(live, payload);
            self.tally.count("created");
        }
        Ok(())
    }

    fn resume(&mut self, thread: u8) -> Result<(), Error> {
        let id = slot::id(thread);
        let resumed = self.store()?.resume(id);
        let files = self.files()?;
        let slot = self.slot(thread);
        slot.find(&files)?;
        let due = match slot.handle {
            Handle::Open => "in use",
            _ if !slot.bytes.is_empty() => "done",
            _ if slot.path.is_some() => "unreadable",
            _ => "unknown",
        };
        expect_outcome("resume", due, resumed.as_ref().err())?;
        if let Ok(live) = resumed {
            slot.live = Some(live);
            (slot.handle, slot.deferred, slot.has_file) = (Handle::Open, Deferred::Resume, false);
            slot.flow = slot.flow.anew();
            self.tally.count("resumed");
        }
        Ok(())
    }

    /// The items of an append as the store takes them.
    fn items(id: ThreadId, items: &[ItemSpec]) -> Result<Vec<Item>, Error> {
        let id = id.to_string();
        let made = items.iter().map(|item| item.item(&id)).collect::<Result<_, _>>();
        made.map_err(|error| Error::Executor(error.to_string()))
    }

    fn handle(&mut self, thread: u8) -> Option<LiveThread> {
        self.slots.get(&thread)?.live.clone()
    }

    /// Whether the next write of lines goes well, within its two tries.
    fn write_goes_well(&self) -> bool {
        let mut writes = self.machine.failing(DiskCall::Write);
        let mut syncs = self.machine.failing(DiskCall::Sync);
        (0..2).any(|_| {
            if writes > 0 {
                writes -= 1;
                return false;
            }
            if self.durability == Durability::Fsync && syncs > 0 {
                syncs -= 1;
                return false;
            }
            true
        })
    }

    /// What a write of `items` leads to on a handle in its state.
    fn write_due(&self, thread: u8, items: &[ItemSpec]) -> &'static str {
        let Some(slot) = self.slots.get(&thread) else { return "done" };
        match slot.handle {
            Handle::Open if slot.lines(items, 0).is_empty() => "done",
            Handle::Open if self.write_goes_well() => "done",
            Handle::Open => "history",
            Handle::Closed | Handle::None => "closed",
            Handle::Discarded => "discarded",
        }
    }

    /// Notes an append that was accepted.
    fn accept(&mut self, thread: u8, lines: &[Line]) -> Result<(), Error> {
        let (now, touch_after, durability) = (self.now(), self.touch_after(), self.durability);
        let files = self.files()?;
        let root = self.root.clone();
        let Some(slot) = self.slots.get_mut(&thread) else { return Ok(()) };
        if slot.path.is_none() {
            slot.find(&files)?;
        }
        let whole = slot.deferred != Deferred::Nothing;
        let touch = slot.adopt(lines, &root)?;
        slot.deferred = Deferred::Nothing;
        slot.has_file |= !lines.is_empty();
        if durability == Durability::Fsync && !lines.is_empty() {
            slot.safe = slot.bytes.len();
        }
        slot.flow.accept(Queued { touch: touch && !whole, whole }, now, touch_after);
        self.tally.count("appends");
        self.arrivals()
    }

    /// Notes an append that was not.
    fn reject(&mut self, thread: u8) -> Result<(), Error> {
        let files = self.files()?;
        let Some(slot) = self.slots.get_mut(&thread) else { return Ok(()) };
        slot.find(&files)?;
        slot.has_file = !slot.bytes.is_empty();
        if slot.has_file {
            slot.torn.clear();
        }
        self.tally.count("appends that fail");
        Ok(())
    }

    fn append(&mut self, thread: u8, items: &[ItemSpec]) -> Result<(), Error> {
        let Some(live) = self.handle(thread) else { return Ok(()) };
        let is_empty = !items.iter().any(ItemSpec::is_kept);
        let at = self.at();
        let lines = if is_empty { Vec::new() } else { self.slot(thread).lines(items, at) };
        let due = if is_empty { "done" } else { self.write_due(thread, items) };
        let result = live.append(&Self::items(live.id(), items)?);
        if self.machine.is_dead() {
            self.attempt = Some(Attempt { thread, lines, acknowledged: result.is_ok() });
            return Ok(());
        }
        expect_outcome("append", due, result.as_ref().err())?;
        match due {
            "done" if is_empty => Ok(()),
            "done" => {
                self.accept(thread, &lines)?;
                // Where there is no worker the row follows before it returns, or fails and nobody is told.
                if self.mode.is_async() { Ok(()) } else { self.drive(thread).map(drop) }
            }
            "history" => self.reject(thread),
            _ => Ok(()),
        }
    }

    /// Appends at the same time; in turns where something is prepared, which one of them meets would be chance.
    fn together(&mut self, thread: u8, batches: &[Vec<ItemSpec>]) -> Result<(), Error> {
        let Some(live) = self.handle(thread) else { return Ok(()) };
        let id = live.id();
        let kept: Vec<&Vec<ItemSpec>> =
            batches.iter().filter(|items| items.iter().any(ItemSpec::is_kept)).collect();
        let slot = self.slot(thread);
        let is_calm = slot.handle == Handle::Open && slot.flow.is_level() && slot.flow.flight.is_none();
        let is_prepared = self.busy + self.refused.get(&thread).copied().unwrap_or(0) > 0
            || self.machine.failing(DiskCall::Write) + self.machine.failing(DiskCall::Sync) > 0
            || self.machine.is_armed();
        let others = self.slots.values().any(|slot| slot.flow.flight.is_some() || slot.flow.queued.is_some());
        let has_row = self
            .slots
            .get(&thread)
            .is_some_and(|slot| slot.row.is_some() || slot.deferred != Deferred::Nothing);
        if !is_calm || is_prepared || others || self.held || kept.len() < 2 || !has_row {
            return self.append_each(thread, batches);
        }
        self.gate.close(false);
        self.gate.crowd(true);
        let appends = batches.iter().map(|items| Self::items(id, items)).collect::<Result<Vec<_>, _>>()?;
        let results: Vec<_> = std::thread::scope(|scope| {
            let started: Vec<_> = appends
                .iter()
                .map(|items| {
                    let live = live.clone();
                    scope.spawn(move || live.append(items))
                })
                .collect();
            started.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
        });
        self.gate.crowd(false);
        for result in results {
            let result = result.map_err(|panic| panicked(&*panic))?;
            expect_outcome("append", "done", result.as_ref().err())?;
        }
        expect_outcome("flush", "done", live.flush().as_ref().err())?;
        let before = self.slot(thread).flow.log.len();
        self.gate.has_brought(id, before, kept.len() as u64);
        self.gate.close(self.mode.is_async());
        self.accept_together(thread, &kept)?;
        self.tally.count("appends at the same time");
        Ok(())
    }

    /// Takes the appends in the order in which they came.
    fn accept_together(&mut self, thread: u8, batches: &[&Vec<ItemSpec>]) -> Result<(), Error> {
        let (at, now, root) = (self.at(), self.now(), self.root.clone());
        let files = self.files()?;
        let fsync = self.durability == Durability::Fsync;
        let log = self.gate.ended(slot::id(thread));
        let Some(slot) = self.slots.get_mut(&thread) else { return Ok(()) };
        if slot.path.is_none() {
            slot.find(&files)?;
        }
        let found = slot.read()?.unwrap_or_default();
        let new = slot.new_bytes(&found)?;
        let texts: Vec<&[u8]> = new.split_inclusive(|byte| *byte == b'\n').collect();
        let first = slot.lines(&[], at);
        slot.deferred = Deferred::Nothing;
        let batches: Vec<Vec<Line>> = batches.iter().map(|items| slot.lines(items, at)).collect();
        let left: Vec<&[Line]> = batches.iter().map(Vec::as_slice).collect();
        let Some(order) = order(&left, texts.get(first.len()..).unwrap_or_default()) else {
            return Err(wrong(Wrong::History, format!("appends are mixed up: {}", slot::shown(new))));
        };
        let mut lines = first;
        lines.extend(order.into_iter().flat_map(|batch| batch.to_vec()));
        slot.adopt(&lines, &root)?;
        slot.has_file = true;
        if fsync {
            slot.safe = slot.bytes.len();
        }
        (slot.row, slot.acknowledged) = (Some(slot.end()), slot.end());
        let brought: u64 = log.iter().skip(slot.flow.log.len()).map(|(appends, _)| appends).sum();
        if brought != batches.len() as u64 {
            let detail = format!("{} appends came, projections brought {brought}", batches.len());
            return Err(wrong(Wrong::Projections, detail));
        }
        slot.flow.level(batches.len() as u64, log, now);
        Ok(())
    }

    /// Does something that may wait for projections, and lets those through that the model says it waits for.
    ///
    /// `writes` are the lines that it accepts before it waits; `meanwhile` comes while it waits.
    fn barrier<T: Send + 'static>(
        &mut self,
        thread: u8,
        writes: Writes,
        meanwhile: &[Vec<ItemSpec>],
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, Result<(), Outcome>), Error> {
        let finished = Arc::new(AtomicBool::new(false));
        let (gate, done) = (self.gate.clone(), Arc::clone(&finished));
        let waits = self.gate.waits();
        let is_done = || finished.load(Ordering::SeqCst);
        let waiting = std::thread::spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(call));
            done.store(true, Ordering::SeqCst);
            gate.wake();
            result
        });
        // A thread of execution that hangs is left behind; the history fails.
        let driven = self.wait_with(thread, writes, meanwhile, waits, &is_done);
        if self.machine.is_dead() {
            self.gate.wake();
        }
        if driven.is_ok() || self.machine.is_dead() {
            self.gate.until(PATIENCE, &is_done);
        }
        if !is_done() {
            let _ = driven?;
            return Err(wrong(Wrong::Barrier, "it does not return although the row has what it waits for"));
        }
        let result = waiting.join().unwrap_or_else(Err).map_err(|panic| panicked(&*panic))?;
        Ok((result, driven?))
    }

    fn wait_with(
        &mut self,
        thread: u8,
        writes: Writes,
        meanwhile: &[Vec<ItemSpec>],
        waits: u64,
        is_done: &dyn Fn() -> bool,
    ) -> Result<Result<(), Outcome>, Error> {
        if !self.gate.waits_again(waits, is_done) {
            return Err(wrong(Wrong::Barrier, "it neither waits nor returns"));
        }
        if self.machine.is_dead() {
            if let Writes::Lines(lines, _) = writes {
                self.attempt = Some(Attempt { thread, lines, acknowledged: false });
            }
            return Ok(Ok(()));
        }
        match &writes {
            Writes::Nothing => {}
            Writes::Lines(lines, _) => self.accept(thread, lines)?,
            // It fails before it waits.
            Writes::Fails => return Ok(Ok(())),
        }
        let open = self.slots.get(&thread).filter(|slot| slot.handle == Handle::Open);
        let Some(barrier) = open.map(|slot| slot.flow.barrier()) else { return Ok(Ok(())) };
        // It asks before anything else comes.
        if self.slot(thread).flow.standing(barrier) == Standing::Asks {
            self.slot(thread).flow.ask();
            self.arrivals()?;
        }
        self.append_each(thread, meanwhile)?;
        if !self.mode.is_async() {
            // An append that is followed by a barrier waits twice; nobody hears how the first went.
            if matches!(writes, Writes::Lines(_, true)) {
                let _ = self.drive_to(thread, barrier, &|_| false)?;
                return self.drive(thread);
            }
            return self.drive_to(thread, barrier, &|_| false);
        }
        let early = if self.held { Duration::from_millis(1) } else { Duration::ZERO };
        self.drive_to(thread, barrier, &|gate| gate.until(early, is_done))
    }

    /// Lets projections through until a barrier of this moment has what it waits for.
    fn drive(&mut self, thread: u8) -> Result<Result<(), Outcome>, Error> {
        let Some(barrier) = self.slots.get(&thread).map(|slot| slot.flow.barrier()) else {
            return Ok(Ok(()));
        };
        self.drive_to(thread, barrier, &|_| false)
    }

    fn drive_to(
        &mut self,
        thread: u8,
        barrier: super::flow::Barrier,
        is_early: &dyn Fn(&Gate) -> bool,
    ) -> Result<Result<(), Outcome>, Error> {
        let mut supplied = false;
        loop {
            if self.machine.is_dead() {
                return Ok(Ok(()));
            }
            let slot = self.slot(thread);
            let standing = slot.flow.standing(barrier);
            match standing {
                Standing::Reached => return Ok(Ok(())),
                Standing::Failed(Outcome::Missing) if !supplied => {
                    supplied = true;
                    slot.flow.supply();
                    slot.flow.ask();
                    self.arrivals()?;
                }
                Standing::Failed(outcome) => return Ok(Err(outcome)),
                Standing::Asks => {
                    slot.flow.ask();
                    self.arrivals()?;
                }
                Standing::Waits => {
                    if is_early(&self.gate) && !self.machine.is_dead() {
                        return Err(wrong(Wrong::Barrier, "it returns before the row has what it waits for"));
                    }
                    self.step()?;
                }
            }
        }
    }

    pub(super) fn flush(&mut self, thread: u8, meanwhile: &[Vec<ItemSpec>]) -> Result<(), Error> {
        let Some(live) = self.handle(thread) else { return Ok(()) };
        let during = if self.held { meanwhile } else { &[] };
        let end = self.slot(thread).end();
        let (result, driven) = self.barrier(thread, Writes::Nothing, during, move || live.flush())?;
        if !self.machine.is_dead() {
            let due = self.barrier_due(thread, driven);
            expect_outcome("flush", due, result.as_ref().err())?;
        }
        self.acknowledge(thread, result.is_ok(), end);
        if self.held || self.machine.is_dead() {
            return Ok(());
        }
        self.append_each(thread, meanwhile)
    }

    /// Appends one after the other, as long as the machine lives.
    fn append_each(&mut self, thread: u8, batches: &[Vec<ItemSpec>]) -> Result<(), Error> {
        batches.iter().try_for_each(
            |items| {
                if self.machine.is_dead() { Ok(()) } else { self.append(thread, items) }
            },
        )
    }

    /// A barrier has returned: what was there before it is acknowledged.
    fn acknowledge(&mut self, thread: u8, is_ok: bool, end: u64) {
        self.tally.count(if is_ok { "barriers" } else { "barriers that fail" });
        let slot = self.slot(thread);
        // Facts that wait for the first append are no concern of a barrier's.
        let is_concerned = slot.row.is_some() && slot.deferred == Deferred::Nothing;
        if is_ok && slot.handle == Handle::Open && is_concerned {
            slot.acknowledged = slot.acknowledged.max(end);
        }
    }

    /// What a barrier without a write of its own leads to.
    fn barrier_due(&self, thread: u8, driven: Result<(), Outcome>) -> &'static str {
        let Some(slot) = self.slots.get(&thread) else { return "done" };
        match (slot.handle, driven) {
            (Handle::Discarded, _) => "discarded",
            (Handle::Closed | Handle::None, _) if slot.flow.is_level() => "done",
            (Handle::Closed | Handle::None, _) => "closed",
            (Handle::Open, Ok(())) => "done",
            (Handle::Open, Err(_)) => "projection",
        }
    }

    fn append_and_flush(&mut self, thread: u8, items: &[ItemSpec]) -> Result<(), Error> {
        let Some(live) = self.handle(thread) else { return Ok(()) };
        if !items.iter().any(ItemSpec::is_kept) {
            // Nothing is written, also nothing that was deferred.
            let given = Self::items(live.id(), items)?;
            let (result, driven) =
                self.barrier(thread, Writes::Nothing, &[], move || live.append_and_flush(&given))?;
            if !self.machine.is_dead() {
                let due = self.barrier_due(thread, driven);
                expect_outcome("append_and_flush", due, result.as_ref().err())?;
            }
            return Ok(());
        }
        let given = Self::items(live.id(), items)?;
        let at = self.at();
        let lines = self.slot(thread).lines(items, at);
        self.write_and_wait(thread, lines, "append_and_flush", move || live.append_and_flush(&given))
            .map(drop)
    }

    fn persist(&mut self, thread: u8) -> Result<(), Error> {
        let Some(live) = self.handle(thread) else { return Ok(()) };
        let at = self.at();
        let lines = self.slot(thread).lines(&[], at);
        self.write_and_wait(thread, lines, "persist", move || live.persist()).map(drop)
    }

    /// A call that writes `lines` and then waits.
    fn write_and_wait<T: Send + 'static>(
        &mut self,
        thread: u8,
        lines: Vec<Line>,
        name: &str,
        call: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Option<T>, Error> {
        let slot = self.slot(thread);
        let (handle, is_nothing) = (slot.handle, lines.is_empty() && slot.deferred == Deferred::Nothing);
        let due = match handle {
            Handle::Open if lines.is_empty() || self.write_goes_well() => "done",
            Handle::Open => "history",
            Handle::Closed | Handle::None => "closed",
            Handle::Discarded => "discarded",
        };
        let writes = match due {
            "done" if is_nothing => Writes::Nothing,
            "done" => Writes::Lines(lines.clone(), name != "persist"),
            _ => Writes::Fails,
        };
        let is_accepting = matches!(writes, Writes::Lines(..));
        let (result, driven) = self.barrier(thread, writes, &[], call)?;
        if self.machine.is_dead() {
            match &mut self.attempt {
                Some(attempt) => attempt.acknowledged = result.is_ok(),
                None if is_accepting => {}
                None => self.attempt = Some(Attempt { thread, lines, acknowledged: false }),
            }
            return Ok(None);
        }
        match due {
            "done" => {
                let due = self.barrier_due(thread, driven);
                expect_outcome(name, due, result.as_ref().err())?;
                let end = self.slot(thread).end();
                self.acknowledge(thread, result.is_ok(), end);
            }
            "history" => {
                expect_outcome(name, due, result.as_ref().err())?;
                self.reject(thread)?;
            }
            due => expect_outcome(name, due, result.as_ref().err())?,
        }
        Ok(result.ok())
    }

    fn update(&mut self, thread: u8, update: &super::Update) -> Result<(), Error> {
        let Some(live) = self.handle(thread) else { return Ok(()) };
        if *update == super::Update::default() {
            return Ok(());
        }
        let (given, payload) = slot::update(update);
        let at = self.at();
        let mut lines = self.slot(thread).lines(&[], at);
        lines.push(Line { at, kind: "event_msg", payload });
        let name = "update_metadata";
        let row = self.write_and_wait(thread, lines, name, move || live.update_metadata(&given))?;
        let Some(row) = row else { return Ok(()) };
        let slot = self.slot(thread);
        let due = slot.rows.get(&slot.end()).cloned().unwrap_or_default();
        let given = [
            ("title", serde_json::json!(row.title)),
            ("git_branch", serde_json::json!(row.git_branch)),
            ("memory_mode", serde_json::json!(row.memory_mode)),
            ("archived_at_ms", serde_json::json!(row.archived_at.map(|at| at.0))),
            ("tokens_used", serde_json::json!(row.tokens_used)),
            ("updated_at_ms", serde_json::json!(row.updated_at.0)),
            ("history_bytes", serde_json::json!(row.history_bytes)),
        ];
        match given.iter().find(|(column, value)| due.get(*column) != Some(value)) {
            None => Ok(()),
            Some((column, value)) => {
                let detail = format!("update_metadata returns {column} {value}, not {:?}", due.get(*column));
                Err(wrong(Wrong::Row, detail))
            }
        }
    }

    /// Shuts a thread down, or drops its handle, of which nobody hears how it went.
    pub(super) fn shutdown(&mut self, thread: u8, is_dropped: bool) -> Result<(), Error> {
        let Some(live) = self.handle(thread) else { return Ok(()) };
        let slot = self.slot(thread);
        let handle = slot.handle;
        if is_dropped {
            slot.live = None;
        }
        let close_fails = handle == Handle::Open && slot.has_file && self.machine.failing(DiskCall::Sync) > 0;
        let end = self.slot(thread).end();
        let call = move || {
            if is_dropped {
                drop(live);
                Ok(())
            } else {
                live.shutdown()
            }
        };
        let (result, driven) = self.barrier(thread, Writes::Nothing, &[], call)?;
        if self.machine.is_dead() {
            return Ok(());
        }
        let was_open = handle == Handle::Open;
        self.acknowledge(thread, driven.is_ok() && was_open, end);
        let due = match (handle, driven.is_err(), close_fails) {
            (Handle::Discarded, ..) => "discarded",
            (Handle::Closed | Handle::None, ..) => {
                if self.slot(thread).flow.is_level() {
                    "done"
                } else {
                    "shutdown: projection"
                }
            }
            (Handle::Open, true, true) => "shutdown: projection and history",
            (Handle::Open, true, false) => "shutdown: projection",
            (Handle::Open, false, true) => "shutdown: history",
            (Handle::Open, false, false) => "done",
        };
        if !is_dropped {
            expect_outcome("shutdown", due, result.as_ref().err())?;
        }
        let slot = self.slot(thread);
        if handle == Handle::Open {
            slot.handle = if is_dropped { Handle::None } else { Handle::Closed };
            slot.flow.give_up();
            if slot.has_file && !close_fails {
                slot.safe = slot.bytes.len();
            }
            slot.has_file = false;
        }
        Ok(())
    }

    fn discard(&mut self, thread: u8) -> Result<(), Error> {
        let Some(live) = self.handle(thread) else { return Ok(()) };
        let id = live.id();
        let finished = Arc::new(AtomicBool::new(false));
        let (gate, done) = (self.gate.clone(), Arc::clone(&finished));
        let is_done = || finished.load(Ordering::SeqCst);
        let waiting = std::thread::spawn(move || {
            live.discard();
            done.store(true, Ordering::SeqCst);
            gate.wake();
        });
        self.slot(thread).flow.give_up();
        while self.slot(thread).flow.flight.is_some() && !self.machine.is_dead() {
            if self.gate.until(Duration::from_millis(3), &is_done) {
                return Err(wrong(Wrong::Barrier, "discard returns while a projection is in flight"));
            }
            self.step()?;
            self.slot(thread).flow.give_up();
        }
        if !self.gate.until(PATIENCE, &is_done) {
            return Err(wrong(Wrong::Barrier, "discard does not return"));
        }
        if waiting.join().is_err() {
            return Err(Error::Panicked("in discard".to_owned()));
        }
        let slot = self.slot(thread);
        (slot.handle, slot.has_file) = (Handle::Discarded, false);
        if self.gate.is_there(id) {
            return Err(wrong(Wrong::Projections, "a discarded thread is projected"));
        }
        self.tally.count("discarded");
        Ok(())
    }

    /// Closes the store, with its threads.
    pub(super) fn close(&mut self) -> Result<(), Error> {
        let numbers: Vec<u8> = self.slots.keys().copied().collect();
        for thread in numbers {
            if !self.machine.is_dead() {
                self.shutdown(thread, true)?;
            }
            if !self.machine.is_dead() {
                let slot = self.slot(thread);
                (slot.live, slot.handle) = (None, Handle::None);
            }
        }
        if self.machine.is_dead() {
            return Ok(());
        }
        self.drain()?;
        (self.reader, self.held) = (None, false);
        self.gate.close(false);
        self.store = None;
        Ok(())
    }

    fn idle(&mut self) -> Result<(), Error> {
        let due: Vec<_> = self
            .slots
            .values()
            .map(|slot| (slot.id, slot.flow.flight.is_some(), slot.flow.log.len()))
            .collect();
        if self.mode.is_async() && !self.gate.is_still(IDLE, &due) {
            return Err(wrong(Wrong::Projections, "something is projected before it is due"));
        }
        Ok(())
    }

    fn foreign(&mut self, thread: u8, foreign: Foreign) -> Result<(), Error> {
        let (at, root, machine) = (self.at(), self.root.clone(), self.machine.clone());
        let Some(slot) = self.slots.get_mut(&thread) else { return Ok(()) };
        let is_whole = slot.torn.is_empty() && slot.is_ended() && !slot.bytes.is_empty();
        let (Some(path), true) = (slot.path.clone(), slot.handle != Handle::Open && is_whole) else {
            return Ok(());
        };
        let at = threads::Millis(at);
        let record = format!(
            r#"{{"timestamp":"{at}","type":"event_msg","payload":{{"type":"token_count","info":{{"total_token_usage":{{"total_tokens":77}}}}}}}}"#
        );
        let new = match foreign {
            Foreign::Record => format!("{record}\n"),
            Foreign::Rubbish => "{ this is no record\n".to_owned(),
            Foreign::Unended => record,
            Foreign::Torn => record[..40].to_owned(),
        };
        let mut all = slot.bytes.clone();
        all.extend(new.as_bytes());
        std::fs::write(&path, &all)?;
        machine.keep(&path, all.len() as u64);
        slot.safe = all.len();
        if foreign == Foreign::Torn {
            slot.torn = new.into_bytes();
            slot.safe = slot.bytes.len();
        } else {
            slot.take(all, new.as_bytes(), &root);
        }
        self.tally.count("foreign lines");
        Ok(())
    }

    fn lose_row(&mut self, thread: u8) -> Result<(), Error> {
        let id = slot::id(thread);
        let database = self.root.join(threads::schema::FILE_NAME);
        let other = Connection::open(database)?;
        other.busy_timeout(PATIENCE)?;
        other.execute("DELETE FROM threads WHERE id = ?", [id.to_string()])?;
        if let Some(slot) = self.slots.get_mut(&thread) {
            (slot.row, slot.acknowledged) = (None, 0);
        }
        Ok(())
    }

    pub(super) fn rebuild(&mut self, stale_only: bool) -> Result<(), Error> {
        let options = SweepOptions {
            jobs: std::num::NonZeroUsize::MIN,
            busy_timeout: PATIENCE,
            locks: Some(self.root.join(threads::LOCKS)),
        };
        let database = self.root.join(threads::schema::FILE_NAME);
        let sessions = Sessions::of(&self.root);
        let sweep = if stale_only { threads::repair } else { threads::rebuild };
        let done = sweep(&sessions, &database, &options, &mut |_| ControlFlow::Continue(()));
        let done = done.map_err(|error| wrong(Wrong::Outcome, format!("the rebuild fails: {error}")))?;
        let mut unreadable = 0;
        for slot in self.slots.values_mut() {
            let file = slot.read()?;
            match (file, slot.handle) {
                (Some(_), Handle::Open) => {}
                (Some(_), _) if slot.bytes.is_empty() => unreadable += 1,
                (Some(_), _) => slot.row = Some(slot.end()),
                (None, _) => {}
            }
        }
        if done.failures.len() != unreadable {
            return Err(wrong(Wrong::Outcome, format!("the rebuild fails for {:?}", done.failures)));
        }
        self.tally.count(if stale_only { "repairs" } else { "rebuilds" });
        Ok(())
    }

    /// Has the workers take what is due, as they would, and waits until it is at the gate.
    fn arrivals(&mut self) -> Result<(), Error> {
        let now = self.now();
        if !self.mode.is_async() {
            return Ok(());
        }
        if self.mode == Mode::Async && self.slots.values().any(|slot| slot.flow.flight.is_some()) {
            return Ok(());
        }
        let mut begun = Vec::new();
        for slot in self.slots.values_mut() {
            if slot.flow.is_due(now) {
                let end = slot.bytes.len() as u64;
                slot.flow.begin(now, end);
                begun.push(slot.id);
            }
        }
        for id in begun {
            if !self.gate.arrives(id) {
                return Err(wrong(Wrong::Projections, format!("the projection of {id} does not come")));
            }
        }
        Ok(())
    }

    /// Lets what is in flight through: the one projection, or one of each worker. Where there is no worker, what is asked for.
    fn step(&mut self) -> Result<(), Error> {
        let now = self.now();
        if !self.mode.is_async() {
            // It is made by who waits for it.
            let due: Vec<u8> =
                self.slots.iter().filter(|(_, slot)| slot.flow.is_due(now)).map(|(n, _)| *n).collect();
            for thread in due {
                let slot = self.slot(thread);
                let end = slot.end();
                slot.flow.begin(now, end);
                self.finish(&[thread])?;
            }
            return Ok(());
        }
        let flying: Vec<u8> = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.flow.flight.is_some())
            .map(|(number, _)| *number)
            .collect();
        if self.mode == Mode::Async {
            self.finish(&flying)?;
        } else {
            flying.iter().try_for_each(|thread| self.finish(&[*thread]))?;
        }
        self.arrivals()
    }

    /// Lets one projection of these threads through, and holds what came of it against what is prepared.
    fn finish(&mut self, threads: &[u8]) -> Result<(), Error> {
        if threads.is_empty() || self.machine.is_dead() {
            return Ok(());
        }
        let (now, touch_after) = (self.now(), self.touch_after());
        let ids: Vec<ThreadId> = threads.iter().map(|thread| slot::id(*thread)).collect();
        let is_busy = self.busy > 0;
        self.busy = self.busy.saturating_sub(1);
        self.gate.allow(&ids);
        for thread in threads {
            let is_refused = !is_busy && self.is_refused(*thread);
            let (readback, patient) = (self.mode == Mode::SyncReadback, self.patient);
            let slot = self.slot(*thread);
            let Some(flight) = slot.flow.flight else { continue };
            let is_missing = slot.row.is_none() && !flight.is_whole();
            // The published mode reads the row before it takes the lock.
            let outcome = if is_busy && !patient && !(readback && is_missing) {
                Outcome::Refused
            } else if is_missing {
                Outcome::Missing
            } else if is_refused {
                Outcome::Refused
            } else {
                Outcome::Done
            };
            let (id, count) = (slot.id, slot.flow.log.len() + 1);
            let came = self.gate.has_ended(id, count);
            if self.machine.is_dead() {
                // Whether it still reached the row is for the row to tell.
                return Ok(());
            }
            let slot = self.slot(*thread);
            slot.flow.finish(outcome, now, touch_after);
            if outcome == Outcome::Done {
                slot.row = Some(flight.end);
            }
            let due = slot.flow.log.clone();
            self.tally.count(if outcome == Outcome::Done { "projections" } else { "projections that fail" });
            let ended = self.gate.ended(id);
            if !came || !ended.starts_with(&due) {
                let (last, found) = (due.last(), ended.get(due.len() - 1));
                let detail = format!(
                    "{} projections of {id} were due, the last with (appends, done) {last:?}; {} came, that one {found:?}",
                    due.len(),
                    ended.len()
                );
                return Err(wrong(Wrong::Projections, detail));
            }
        }
        Ok(())
    }

    /// Nothing is prepared, and nothing held, any more.
    pub(super) fn calm(&mut self) {
        (self.busy, self.held) = (0, false);
        self.refused.clear();
        self.gate.calm();
        self.machine.calm();
    }

    /// Whether the database is to refuse the row of this thread, once.
    fn is_refused(&mut self, thread: u8) -> bool {
        let Some(times) = self.refused.get_mut(&thread).filter(|times| **times > 0) else { return false };
        *times -= 1;
        true
    }

    /// Lets everything through that comes unasked.
    fn drain(&mut self) -> Result<(), Error> {
        self.arrivals()?;
        while self.slots.values().any(|slot| slot.flow.flight.is_some()) && !self.machine.is_dead() {
            self.step()?;
        }
        Ok(())
    }
}
