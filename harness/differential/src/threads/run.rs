//! Executing a history: each operation on the store, and what the model says of it.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tracerig_oracle::threads::Row;
use tracerig_store::threads::{self, Clock as _, Durability, Mode, StoreOptions, ThreadStore};

use super::flow::TOUCH_AFTER;
use super::gate::Gate;
use super::machine::{HandClock, Machine};
use super::op::{Case, Op};
use super::outcome::{expect_outcome, unexpected};
use super::slot::{self, Deferred, Handle, Line, Slot};
use super::{Error, Failure, Wrong, wrong};
use crate::failure::said_by;
use crate::switches::threads::Ablations;
use crate::tally::Tally;

/// For how long a busy database is waited for where projections are patient.
const PATIENT: Duration = Duration::from_secs(20);

/// For how long nothing may happen in an idle moment.
const IDLE: Duration = Duration::from_millis(8);
/// The same where a rule is missing, so that what happens then is seen on a busy machine, too.
const IDLE_ABLATED: Duration = Duration::from_millis(100);

/// Executes `case` with files in `folder`, which must be empty, on a store without the rules
/// `ablated`.
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
        done =
            catch_unwind(step).unwrap_or_else(|panic| Err(panicked(&*panic))).map_err(fail(place));
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

pub(super) fn panicked(panic: &(dyn Any + Send)) -> Error {
    Error::Panicked(said_by(panic))
}

/// What an append was to write when the machine died, and whether it was acknowledged.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) thread: u8,
    pub(super) lines: Vec<Line>,
    pub(super) acknowledged: bool,
}

/// Executes the operations of a history, and knows what must come of each.
pub(super) struct Runner {
    pub(super) root: PathBuf,
    pub(super) mode: Mode,
    pub(super) durability: Durability,
    pub(super) patient: bool,
    pub(super) ablated: Ablations,
    pub(super) clock: Arc<HandClock>,
    pub(super) machine: Machine,
    pub(super) gate: Gate,
    pub(super) store: Option<ThreadStore>,
    /// Reads the rows.
    pub(super) reader: Option<Connection>,
    pub(super) slots: BTreeMap<u8, Slot>,
    /// The rows of threads that are left alone from now on.
    pub(super) settled: BTreeMap<u8, Row>,
    pub(super) held: bool,
    /// What was under way when the machine died.
    pub(super) attempt: Option<Attempt>,
    /// Whether the database is lost with the machine.
    pub(super) rows_lost: bool,
    /// What projections are to meet, as the gate has it: refusals by thread, and locked databases.
    pub(super) refused: BTreeMap<u8, u32>,
    pub(super) busy: u32,
    /// Whether the machine has died.
    pub(super) crashed: bool,
    pub(super) tally: Tally,
}

impl Runner {
    pub(super) fn new(case: &Case, folder: &Path, ablated: Ablations) -> Result<Self, Error> {
        let root = folder.join("home");
        let machine = Machine::default();
        let gate = Gate::new(
            machine.clone(),
            &root.join(threads::schema::FILE_NAME),
            case.patient,
            ablated,
        );
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
            settled: BTreeMap::new(),
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
            #[cfg(feature = "ablations")]
            ablations: self.ablated,
        };
        self.gate.close(self.mode.is_async());
        let opened =
            ThreadStore::open_through(&self.root, options, Some(Arc::new(self.gate.clone())));
        self.store = Some(opened.map_err(|error| unexpected("the store does not open", &error))?);
        let database = self.root.join(threads::schema::FILE_NAME);
        self.reader =
            Some(Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?);
        Ok(())
    }

    pub(super) fn store(&self) -> Result<&ThreadStore, Error> {
        self.store.as_ref().ok_or_else(|| Error::Executor("there is no store".to_owned()))
    }

    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn at(&self) -> i64 {
        self.clock.now().0
    }

    pub(super) fn touch_after(&self) -> u64 {
        if self.mode.is_async() { TOUCH_AFTER } else { 0 }
    }

    pub(super) fn slot(&mut self, thread: u8) -> &mut Slot {
        self.slots.entry(thread).or_insert_with(|| Slot::new(thread))
    }

    /// One operation and everything that must hold afterwards.
    pub(super) fn operation(&mut self, op: &Op) -> Result<(), Error> {
        self.perform(op)?;
        if let Some(trouble) = self.gate.trouble() {
            return Err(Error::Executor(trouble));
        }
        if self.machine.is_dead() {
            let attempt = self.attempt.take();
            return self.restart(attempt.as_ref());
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

    pub(super) fn perform(&mut self, op: &Op) -> Result<(), Error> {
        if op.thread().is_some_and(|thread| self.settled.contains_key(&thread)) {
            return Ok(());
        }
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
            Op::Home(thread, how) => self.home(*thread, *how),
            Op::Untyped => self.untyped(),
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

    pub(super) fn create(&mut self, thread: u8, facts: bool) -> Result<(), Error> {
        let (meta, payload) = slot::meta(slot::id(thread), facts);
        if self.slots.get(&thread).is_some_and(|slot| slot.is_far(self.at())) {
            return Ok(());
        }
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

    pub(super) fn resume(&mut self, thread: u8) -> Result<(), Error> {
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

    pub(super) fn idle(&mut self) -> Result<(), Error> {
        let due: Vec<_> = self
            .slots
            .values()
            .map(|slot| (slot.id, slot.flow.flight.is_some(), slot.flow.log.len()))
            .collect();
        let idle = if self.ablated == Ablations::NONE { IDLE } else { IDLE_ABLATED };
        if self.mode.is_async() && !self.gate.is_still(idle, &due) {
            return Err(wrong(Wrong::Projections, "something is projected before it is due"));
        }
        Ok(())
    }
}
