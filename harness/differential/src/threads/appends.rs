//! Appends of a history, alone and at the same time: what they write, and what they are refused
//! for.

use tracerig_store::threads::{Durability, Item, LiveThread, ThreadId};

use super::arguments::DiskCall;
use super::flow::Queued;
use super::item::ItemSpec;
use super::outcome::expect_outcome;
use super::run::{Attempt, Runner, panicked};
use super::slot::{self, Deferred, Handle, Line};
use super::{Error, Wrong, wrong};

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

impl Runner {
    /// The items of an append as the store takes them.
    pub(super) fn items(id: ThreadId, items: &[ItemSpec]) -> Result<Vec<Item>, Error> {
        let id = id.to_string();
        let made = items.iter().map(|item| item.item(&id)).collect::<Result<_, _>>();
        made.map_err(|error| Error::Executor(error.to_string()))
    }

    pub(super) fn handle(&mut self, thread: u8) -> Option<LiveThread> {
        self.slots.get(&thread)?.live.clone()
    }

    /// Whether the next write of lines goes well, within its two tries.
    pub(super) fn write_goes_well(&self) -> bool {
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
    pub(super) fn write_due(&self, thread: u8, items: &[ItemSpec]) -> &'static str {
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
    pub(super) fn accept(&mut self, thread: u8, lines: &[Line]) -> Result<(), Error> {
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
    pub(super) fn reject(&mut self, thread: u8) -> Result<(), Error> {
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

    pub(super) fn append(&mut self, thread: u8, items: &[ItemSpec]) -> Result<(), Error> {
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
                // Where there is no worker the row follows before it returns, or fails and nobody
                // is reported.
                if self.mode.is_async() { Ok(()) } else { self.drive(thread).map(drop) }
            }
            "history" => self.reject(thread),
            _ => Ok(()),
        }
    }

    /// Appends at the same time; in turns where something is prepared, which one of them meets
    /// would be chance.
    pub(super) fn together(&mut self, thread: u8, batches: &[Vec<ItemSpec>]) -> Result<(), Error> {
        let Some(live) = self.handle(thread) else { return Ok(()) };
        let id = live.id();
        let kept: Vec<&Vec<ItemSpec>> =
            batches.iter().filter(|items| items.iter().any(ItemSpec::is_kept)).collect();
        let slot = self.slot(thread);
        let is_calm =
            slot.handle == Handle::Open && slot.flow.is_level() && slot.flow.flight.is_none();
        let is_prepared = self.busy + self.refused.get(&thread).copied().unwrap_or(0) > 0
            || self.machine.failing(DiskCall::Write) + self.machine.failing(DiskCall::Sync) > 0
            || self.machine.is_armed();
        let others = self
            .slots
            .values()
            .any(|slot| slot.flow.flight.is_some() || slot.flow.queued.is_some());
        let has_row = self
            .slots
            .get(&thread)
            .is_some_and(|slot| slot.row.is_some() || slot.deferred != Deferred::Nothing);
        if !is_calm || is_prepared || others || self.held || kept.len() < 2 || !has_row {
            return self.append_each(thread, batches);
        }
        self.gate.close(false);
        self.gate.crowd(true);
        let appends =
            batches.iter().map(|items| Self::items(id, items)).collect::<Result<Vec<_>, _>>()?;
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
    pub(super) fn accept_together(
        &mut self,
        thread: u8,
        batches: &[&Vec<ItemSpec>],
    ) -> Result<(), Error> {
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
            return Err(wrong(
                Wrong::History,
                format!("appends are mixed up: {}", slot::shown(new)),
            ));
        };
        let mut lines = first;
        lines.extend(order.into_iter().flat_map(<[Line]>::to_vec));
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

    /// Appends one after the other, as long as the machine lives.
    pub(super) fn append_each(
        &mut self,
        thread: u8,
        batches: &[Vec<ItemSpec>],
    ) -> Result<(), Error> {
        batches.iter().try_for_each(|items| {
            if self.machine.is_dead() { Ok(()) } else { self.append(thread, items) }
        })
    }
}
