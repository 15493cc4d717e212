//! Calls of a history that wait for projections, which are let through as far as the model says
//! that they are waited for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracerig_store::threads::Error as StoreError;

use super::arguments::{DiskCall, Update};
use super::flow::{Barrier, Outcome, Standing};
use super::gate::Gate;
use super::item::ItemSpec;
use super::outcome::expect_outcome;
use super::run::{Attempt, Runner, panicked};
use super::slot::{self, Deferred, Handle, Line};
use super::{Error, Wrong, wrong};

/// What a call that waits does before.
#[derive(Debug)]
pub(super) enum Writes {
    Nothing,
    /// It appends, and `true` if that waits for itself.
    Lines(Vec<Line>, bool),
    /// It tries, and is refused.
    Fails,
}

impl Runner {
    /// Does something that may wait for projections, and lets those through that the model says it
    /// waits for.
    ///
    /// `writes` are the lines that it accepts before it waits; `meanwhile` comes while it waits.
    pub(super) fn barrier<T: Send + 'static>(
        &mut self,
        thread: u8,
        writes: &Writes,
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
            self.gate.must(&is_done);
        }
        if !is_done() {
            let _ = driven?;
            return Err(wrong(
                Wrong::Barrier,
                "it does not return although the row has what it waits for",
            ));
        }
        let result = waiting.join().unwrap_or_else(Err).map_err(|panic| panicked(&*panic))?;
        Ok((result, driven?))
    }

    pub(super) fn wait_with(
        &mut self,
        thread: u8,
        writes: &Writes,
        meanwhile: &[Vec<ItemSpec>],
        waits: u64,
        is_done: &dyn Fn() -> bool,
    ) -> Result<Result<(), Outcome>, Error> {
        if !self.gate.waits_again(waits, is_done) {
            return Err(wrong(Wrong::Barrier, "it neither waits nor returns"));
        }
        if self.machine.is_dead() {
            if let Writes::Lines(lines, _) = writes {
                self.attempt = Some(Attempt { thread, lines: lines.clone(), acknowledged: false });
            }
            return Ok(Ok(()));
        }
        match writes {
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
        let id = slot::id(thread);
        self.drive_to(thread, barrier, &|gate| gate.is_early(id, is_done))
    }

    /// Lets projections through until a barrier of this moment has what it waits for.
    pub(super) fn drive(&mut self, thread: u8) -> Result<Result<(), Outcome>, Error> {
        let Some(barrier) = self.slots.get(&thread).map(|slot| slot.flow.barrier()) else {
            return Ok(Ok(()));
        };
        self.drive_to(thread, barrier, &|_| false)
    }

    pub(super) fn drive_to(
        &mut self,
        thread: u8,
        barrier: Barrier,
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
                        return Err(wrong(
                            Wrong::Barrier,
                            "it returns before the row has what it waits for",
                        ));
                    }
                    self.step()?;
                }
            }
        }
    }

    pub(super) fn flush(&mut self, thread: u8, meanwhile: &[Vec<ItemSpec>]) -> Result<(), Error> {
        let Some(live) = self.handle(thread) else { return Ok(()) };
        let during = if self.held { meanwhile } else { &[] };
        // Facts that wait for the first append are no concern of a barrier's.
        let slot = self.slot(thread);
        let end = if slot.deferred == Deferred::Nothing { slot.end() } else { 0 };
        let (result, driven) =
            self.barrier(thread, &Writes::Nothing, during, move || live.flush())?;
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

    /// A barrier has returned: what was there before it is acknowledged.
    pub(super) fn acknowledge(&mut self, thread: u8, is_ok: bool, end: u64) {
        self.tally.count(if is_ok { "barriers" } else { "barriers that fail" });
        let slot = self.slot(thread);
        // Facts that wait for the first append are no concern of a barrier's.
        let is_concerned = slot.row.is_some() && slot.deferred == Deferred::Nothing;
        if is_ok && slot.handle == Handle::Open && is_concerned {
            slot.acknowledged = slot.acknowledged.max(end);
        }
    }

    /// What a barrier without a separate write leads to.
    pub(super) fn barrier_due(&self, thread: u8, driven: Result<(), Outcome>) -> &'static str {
        let Some(slot) = self.slots.get(&thread) else { return "done" };
        match (slot.handle, driven) {
            (Handle::Discarded, _) => "discarded",
            (Handle::Closed | Handle::None, _) if slot.flow.is_level() => "done",
            (Handle::Closed | Handle::None, _) => "closed",
            (Handle::Open, Ok(())) => "done",
            (Handle::Open, Err(_)) => "projection",
        }
    }

    pub(super) fn append_and_flush(&mut self, thread: u8, items: &[ItemSpec]) -> Result<(), Error> {
        let Some(live) = self.handle(thread) else { return Ok(()) };
        if !items.iter().any(ItemSpec::is_kept) {
            // Nothing is written, also nothing that was deferred.
            let given = Self::items(live.id(), items)?;
            let (result, driven) =
                self.barrier(thread, &Writes::Nothing, &[], move || live.append_and_flush(&given))?;
            if !self.machine.is_dead() {
                let due = self.barrier_due(thread, driven);
                expect_outcome("append_and_flush", due, result.as_ref().err())?;
            }
            return Ok(());
        }
        let given = Self::items(live.id(), items)?;
        let at = self.at();
        let lines = self.slot(thread).lines(items, at);
        self.write_and_wait(thread, lines, "append_and_flush", move || {
            live.append_and_flush(&given)
        })
        .map(drop)
    }

    pub(super) fn persist(&mut self, thread: u8) -> Result<(), Error> {
        let Some(live) = self.handle(thread) else { return Ok(()) };
        let at = self.at();
        let lines = self.slot(thread).lines(&[], at);
        self.write_and_wait(thread, lines, "persist", move || live.persist()).map(drop)
    }

    /// A call that writes `lines` and then waits.
    pub(super) fn write_and_wait<T: Send + 'static>(
        &mut self,
        thread: u8,
        lines: Vec<Line>,
        name: &str,
        call: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Option<T>, Error> {
        let slot = self.slot(thread);
        let (handle, is_nothing) =
            (slot.handle, lines.is_empty() && slot.deferred == Deferred::Nothing);
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
        let (result, driven) = self.barrier(thread, &writes, &[], call)?;
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

    pub(super) fn update(&mut self, thread: u8, update: &Update) -> Result<(), Error> {
        let Some(live) = self.handle(thread) else { return Ok(()) };
        if *update == Update::default() {
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
                let detail =
                    format!("update_metadata returns {column} {value}, not {:?}", due.get(*column));
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
        let close_fails =
            handle == Handle::Open && slot.has_file && self.machine.failing(DiskCall::Sync) > 0;
        let end = self.slot(thread).end();
        let call = move || {
            if is_dropped {
                drop(live);
                Ok(())
            } else {
                live.shutdown()
            }
        };
        let (result, driven) = self.barrier(thread, &Writes::Nothing, &[], call)?;
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

    pub(super) fn discard(&mut self, thread: u8) -> Result<(), Error> {
        let Some(live) = self.handle(thread) else { return Ok(()) };
        let id = live.id();
        let finished = Arc::new(AtomicBool::new(false));
        let (gate, done) = (self.gate.clone(), Arc::clone(&finished));
        let is_done = || finished.load(Ordering::SeqCst);
        let waits = self.gate.waits();
        let waiting = std::thread::spawn(move || {
            live.discard();
            done.store(true, Ordering::SeqCst);
            gate.wake();
        });
        if !self.gate.waits_again(waits, &is_done) {
            return Err(wrong(Wrong::Barrier, "discard neither waits nor returns"));
        }
        self.slot(thread).flow.give_up();
        while self.slot(thread).flow.flight.is_some() && !self.machine.is_dead() {
            if self.gate.is_early(id, &is_done) && !self.machine.is_dead() {
                return Err(wrong(
                    Wrong::Barrier,
                    "discard returns while a projection is in flight",
                ));
            }
            self.step()?;
            self.slot(thread).flow.give_up();
        }
        if !self.gate.must(&is_done) {
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
}
