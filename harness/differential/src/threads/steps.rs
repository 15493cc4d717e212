//! Projections of a history: which are at the gate, and what comes of those that are let through.

use tracerig_store::threads::{Mode, ThreadId};

use super::flow::Outcome;
use super::run::Runner;
use super::slot;
use super::{Error, Wrong, wrong};

impl Runner {
    /// Has the workers take what is due, as they would, and waits until it is at the gate.
    pub(super) fn arrivals(&mut self) -> Result<(), Error> {
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
                return Err(wrong(
                    Wrong::Projections,
                    format!("the projection of {id} does not come"),
                ));
            }
        }
        Ok(())
    }

    /// Lets what is in flight through: the one projection, or one of each worker. Where there is no
    /// worker, what is asked for.
    pub(super) fn step(&mut self) -> Result<(), Error> {
        let now = self.now();
        if !self.mode.is_async() {
            // It is made by who waits for it.
            let due: Vec<u8> = self
                .slots
                .iter()
                .filter(|(_, slot)| slot.flow.is_due(now))
                .map(|(n, _)| *n)
                .collect();
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

    /// Lets one projection of these threads through, and holds what came of it against what is
    /// prepared.
    pub(super) fn finish(&mut self, threads: &[u8]) -> Result<(), Error> {
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
            self.tally.count(if outcome == Outcome::Done {
                "projections"
            } else {
                "projections that fail"
            });
            let ended = self.gate.ended(id);
            if !came || !ended.starts_with(&due) {
                let (last, found) = (due.last(), ended.get(due.len() - 1));
                let detail = format!(
                    "{} projections of {id} were due, the last with (appends, done) {last:?}; {} \
                     came, that one {found:?}",
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
    pub(super) fn is_refused(&mut self, thread: u8) -> bool {
        let Some(times) = self.refused.get_mut(&thread).filter(|times| **times > 0) else {
            return false;
        };
        *times -= 1;
        true
    }

    /// Lets everything through that comes unasked.
    pub(super) fn drain(&mut self) -> Result<(), Error> {
        self.arrivals()?;
        while self.slots.values().any(|slot| slot.flow.flight.is_some()) && !self.machine.is_dead()
        {
            self.step()?;
        }
        Ok(())
    }
}
