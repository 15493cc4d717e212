//! A live thread: appending to its history, and the barriers that wait for its row.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::ablation::Ablation;
use super::column::{Column, Value};
use super::derive::{Seen, derive_without};
use super::desk::{Deferred, Desk, DeskState};
use super::error::{Error, Result, ShutdownError};
use super::id::ThreadId;
use super::item::Item;
use super::options::Point;
use super::patch::Patch;
use super::pending::{Next, Pending, Standing};
use super::rows::ThreadRow;
use super::store::StoreInner;
use super::time::Millis;
use super::worker::Worker;
use super::{MetadataUpdate, replay};

/// The buffer of a thread is given back above this, so that one huge line does not stay in memory.
const BUFFER_KEPT: usize = 1 << 20;

/// A thread that is open for appending: its only writer. Cheap to clone; clones may be used from
/// several threads of execution, and the order in which their appends are observed is that of the
/// history.
///
/// Dropping the last clone does what [`LiveThread::shutdown`] does, but nobody is reported how it
/// went.
#[derive(Debug, Clone)]
pub struct LiveThread(Arc<Live>);

#[derive(Debug)]
struct Live {
    shared: Arc<Shared>,
    store: Arc<StoreInner>,
    /// The worker of this thread alone, in the mode that has one.
    worker: Option<Worker>,
}

/// What a thread's handles share with the worker.
#[derive(Debug)]
pub(super) struct Shared {
    id: ThreadId,
    /// Held while the history is written, so never by a worker.
    desk: Mutex<Desk>,
    /// Held for moments only.
    pending: Mutex<Pending>,
    changed: Condvar,
}

impl Shared {
    pub(super) fn id(&self) -> ThreadId {
        self.id
    }

    pub(super) fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes anyone who waits for this thread.
    pub(super) fn changed(&self) {
        self.changed.notify_all();
    }

    fn wait<'a>(&self, pending: MutexGuard<'a, Pending>) -> MutexGuard<'a, Pending> {
        self.changed.wait(pending).unwrap_or_else(PoisonError::into_inner)
    }
}

impl LiveThread {
    pub(super) fn new(
        id: ThreadId,
        desk: Desk,
        store: Arc<StoreInner>,
        worker: Option<Worker>,
    ) -> Self {
        let shared = Arc::new(Shared {
            id,
            desk: Mutex::new(desk),
            pending: Mutex::new(Pending::new(store.options.ablated())),
            changed: Condvar::new(),
        });
        Self(Arc::new(Live { shared, store, worker }))
    }

    /// The thread.
    #[must_use]
    pub fn id(&self) -> ThreadId {
        self.0.shared.id
    }

    /// Appends items to the history. When it returns they are in it, as the store's durability
    /// says; the row follows, later or before it returns, as the store's mode says. Items that are
    /// not kept in histories are passed over; if none is left, nothing happens.
    ///
    /// A row that could not be updated is no error here: the next barrier tries again, and reports.
    ///
    /// # Errors
    /// [`Error::History`] when the history could not be written, twice; then it holds nothing of
    /// these items. [`Error::Closed`] and [`Error::Discarded`] as the names say.
    pub fn append(&self, items: &[Item]) -> Result<()> {
        let kept =
            items.iter().filter(|item| item.is_persisted() || self.lacks(Ablation::Transient));
        if kept.clone().next().is_none() && !self.lacks(Ablation::EmptyAppend) {
            return Ok(());
        }
        let span = tracing::info_span!("append", thread = %self.id());
        let _entered = span.enter();
        self.write(kept)?;
        if !self.0.is_async() {
            // It is kept, and the next barrier reports.
            let projected = self.0.wait_for_row();
            if self.lacks(Ablation::AppendUnfailed) {
                return projected;
            }
        }
        Ok(())
    }

    /// Appends items, and returns when the thread can be read and listed with them.
    ///
    /// # Errors
    /// As [`LiveThread::append`] and [`LiveThread::flush`].
    pub fn append_and_flush(&self, items: &[Item]) -> Result<()> {
        self.append(items)?;
        if self.lacks(Ablation::AppendAndFlush) { Ok(()) } else { self.flush() }
    }

    /// Returns when the row holds everything accepted before this call. What is accepted after it
    /// is not waited for.
    ///
    /// # Errors
    /// [`Error::Projection`] when the row could not be updated; what it lacks is kept, and the next
    /// barrier tries again. [`Error::Discarded`] as the name says.
    pub fn flush(&self) -> Result<()> {
        self.0.wait_for_row()
    }

    /// As [`LiveThread::flush`], and what waits for a first append does not wait any longer: a
    /// thread without items gets its file and its row.
    ///
    /// # Errors
    /// As [`LiveThread::append`] and [`LiveThread::flush`].
    pub fn persist(&self) -> Result<()> {
        if !self.lacks(Ablation::PersistDeferred) {
            self.write_deferred()?;
        }
        self.0.wait_for_row()
    }

    /// Writes what waited for the first append.
    pub(super) fn write_deferred(&self) -> Result<()> {
        self.write(std::iter::empty())
    }

    /// Changes what the user may set, after everything accepted before, and returns the row. The
    /// change is an item of the history like any other, so that a replay knows it.
    ///
    /// # Errors
    /// As [`LiveThread::append`] and [`LiveThread::flush`].
    pub fn update_metadata(&self, update: &MetadataUpdate) -> Result<ThreadRow> {
        if *update == MetadataUpdate::default() {
            self.persist()?;
        } else {
            self.append(&[Item::metadata(update)?])?;
            if !self.lacks(Ablation::UpdateWaits) {
                self.flush()?;
            }
        }
        self.0.store.read(self.id())?.ok_or_else(|| self.0.store.unknown(self.id()))
    }

    /// Brings what is pending to the row, brings the history to the device, and closes the writer,
    /// which another may then open. Both are done even if one fails; a row that could not be
    /// updated stays behind until the thread is resumed, or repaired. Calling it again is harmless.
    ///
    /// # Errors
    /// [`Error::Shutdown`] with what failed, of either; [`Error::Discarded`] as the name says.
    pub fn shutdown(&self) -> Result<()> {
        self.0.shut_down()
    }

    /// Closes the writer and forgets what is pending: waits for the projection in flight, and
    /// begins no other. The history keeps what was accepted. Whatever is called on a handle
    /// afterwards fails; but calling this again is harmless.
    pub fn discard(&self) {
        if self.lacks(Ablation::DiscardDrops) {
            let _ = self.0.wait_for_row();
        }
        if self.lacks(Ablation::DiscardRefuses) {
            return;
        }
        self.0.shared.desk().state = DeskState::Discarded;
        let mut pending = self.0.shared.pending();
        pending.give_up();
        if let Some(observer) = &self.0.store.options.observer {
            observer.waits(self.id());
        }
        drop(pending);
        let mut desk = self.0.forget_pending();
        desk.history.abandon();
        desk.lock = None;
    }

    /// Whether a rule is switched off.
    fn lacks(&self, rule: Ablation) -> bool {
        self.0.store.options.ablated().has(rule)
    }

    /// Writes what waited for the first append, then `items`, and observes all of it.
    fn write<'a>(&self, items: impl Iterator<Item = &'a Item> + Clone) -> Result<()> {
        let Live { shared, store, .. } = &*self.0;
        let mut guard = shared.desk();
        let desk = &mut *guard;
        if desk.state != DeskState::Open {
            return Err(desk.refusal(self.id()));
        }
        let now = store.options.clock.now();
        let deferred = std::mem::replace(&mut desk.deferred, Deferred::Nothing);
        desk.buffer.clear();
        let stamp = desk.stamp(now);
        if let Deferred::Create(meta) = &deferred {
            meta.write_line(stamp.as_str(), &mut desk.buffer);
        }
        for item in items.clone() {
            item.write_line(stamp.as_str(), &mut desk.buffer);
        }
        if !desk.buffer.is_empty() {
            store.passed(Point::Accepted);
            if self.lacks(Ablation::RowFirst) {
                let next = self.take_in(desk, Deferred::Nothing, items.clone(), now);
                self.see_to(next);
            }
            if let Err(source) = desk.history.append(&desk.buffer) {
                desk.deferred = deferred;
                if self.lacks(Ablation::FailedUnobserved) {
                    let next = self.take_in(desk, Deferred::Nothing, items, now);
                    self.see_to(next);
                }
                return Err(Error::history(desk.history.path(), "write to it", source));
            }
            if self.lacks(Ablation::ObservedInOrder) {
                drop(guard);
                store.passed(Point::Written);
                guard = shared.desk();
            } else {
                store.passed(Point::Written);
            }
        } else if matches!(deferred, Deferred::Nothing) {
            return Ok(());
        }
        let desk = &mut *guard;
        desk.buffer.shrink_to(BUFFER_KEPT);
        let next = if desk.history.recovered() && self.lacks(Ablation::RecoveredObserved) {
            self.take_in(desk, deferred, std::iter::empty(), now)
        } else {
            self.take_in(desk, deferred, items, now)
        };
        store.passed(Point::Observed);
        drop(guard);
        self.see_to(next);
        Ok(())
    }

    /// Observes what was written, and has it pending. What comes back must be seen to, or barriers
    /// wait for ever.
    fn take_in<'a>(
        &self,
        desk: &mut Desk,
        deferred: Deferred,
        items: impl Iterator<Item = &'a Item>,
        now: Millis,
    ) -> Next {
        let Live { shared, store, .. } = &*self.0;
        let patch = self.observe(desk, deferred, items, now);
        // The history is read while nothing but the desk is held. These lines are accepted whether
        // that works or not; if not, a barrier will say why.
        let mut pending = shared.pending();
        if pending.row_missing() {
            drop(pending);
            let whole = self.0.whole_row(desk).ok();
            pending = shared.pending();
            if let Some(whole) = whole {
                pending.supply_row(whole);
            }
        }
        pending.accept(patch, || store.options.clock.monotonic(), store.touch_after())
    }

    /// Derives what has waited and what `items` change, and how long the history is with them.
    fn observe<'a>(
        &self,
        desk: &mut Desk,
        deferred: Deferred,
        items: impl Iterator<Item = &'a Item>,
        now: Millis,
    ) -> Patch {
        let (id, ablated) = (self.id(), self.0.store.options.ablated());
        let mut patch = match deferred {
            Deferred::Nothing => Patch::new(),
            Deferred::Resume(patch) => *patch,
            Deferred::Create(meta) => {
                let mut patch = self.0.store.row_of(desk.history.path());
                desk.seen = derive_without(ablated, desk.seen, id, meta.change(), now, &mut patch);
                patch
            }
        };
        for item in items {
            desk.seen = derive_without(ablated, desk.seen, id, item.change(), now, &mut patch);
        }
        let bytes = i64::try_from(desk.before.bytes + desk.history.length()).unwrap_or(i64::MAX);
        patch.set(Column::HistoryBytes, Value::Integer(bytes));
        patch
    }

    /// Hands the thread to its worker.
    fn see_to(&self, next: Next) {
        if let (Next::Enqueue | Next::EnqueueFor(_), Some(worker)) = (next, self.0.worker()) {
            worker.enqueue(Arc::clone(&self.0.shared));
        }
    }
}

impl Live {
    fn is_async(&self) -> bool {
        self.store.options.mode.is_async()
    }

    fn worker(&self) -> Option<&Worker> {
        self.worker.as_ref().or(self.store.worker.as_ref())
    }

    fn shut_down(&self) -> Result<()> {
        let mut desk = self.shared.desk();
        if desk.state == DeskState::Discarded {
            return Err(Error::Discarded { thread: self.shared.id });
        }
        desk.state = DeskState::Closed;
        drop(desk);
        let ablated = self.store.options.ablated();
        let projection =
            if ablated.has(Ablation::ShutdownPending) { None } else { self.wait_for_row().err() };
        // What could not be projected is forgotten: the next writer reads it from the history, and
        // must not be overtaken.
        let mut desk = self.forget_pending();
        let history = desk.history.close().err();
        let history = history
            .map(|source| Error::history(desk.history.path(), "bring it to the device", source));
        desk.lock = None;
        drop(desk);
        if projection.is_none() && history.is_none() {
            return Ok(());
        }
        let history =
            history.filter(|_| projection.is_none() || !ablated.has(Ablation::ShutdownBoth));
        let boxed = |error: Option<Error>| error.map(Box::new);
        Err(Error::Shutdown(ShutdownError {
            projection: boxed(projection),
            history: boxed(history),
        }))
    }

    /// Drops what is pending, and returns when nothing of this writer can reach the row any more.
    fn forget_pending(&self) -> MutexGuard<'_, Desk> {
        let mut pending = self.shared.pending();
        pending.discard();
        self.shared.changed();
        while pending.is_in_flight() && !self.store.options.ablated().has(Ablation::DiscardWaits) {
            pending = self.rest(pending);
        }
        drop(pending);
        self.shared.desk()
    }

    /// Waits for a projection to end, and tells that it does.
    fn rest<'a>(&self, pending: MutexGuard<'a, Pending>) -> MutexGuard<'a, Pending> {
        if let Some(observer) = &self.store.options.observer {
            observer.rests(self.shared.id);
        }
        self.shared.wait(pending)
    }

    /// Waits until the row holds everything accepted so far, and sees to it that somebody projects.
    fn wait_for_row(&self) -> Result<()> {
        let shared = &self.shared;
        let mut supplied = false;
        let mut pending = shared.pending();
        if pending.is_given_up() {
            return Err(Error::Discarded { thread: shared.id });
        }
        let barrier = pending.barrier();
        if let Some(observer) = &self.store.options.observer {
            observer.waits(self.shared.id);
        }
        loop {
            match pending.standing(barrier) {
                Standing::Reached => return Ok(()),
                Standing::Discarded => {
                    drop(pending);
                    return Err(self.shared.desk().refusal(self.shared.id));
                }
                Standing::Failed(error) if error.is_row_missing() && !supplied => {
                    supplied = true;
                    drop(pending);
                    // The desk comes before what is pending, as everywhere.
                    let desk = shared.desk();
                    let whole = self.whole_row(&desk)?;
                    pending = shared.pending();
                    drop(desk);
                    pending.supply_row(whole);
                    pending = self.ask(pending);
                }
                Standing::Failed(error) => {
                    return Err(Error::Projection { thread: self.shared.id, source: error });
                }
                Standing::Ask => pending = self.ask(pending),
                Standing::Wait => match self.worker() {
                    Some(worker) => {
                        worker.hurry();
                        pending = self.rest(pending);
                    }
                    None => pending = self.ask(pending),
                },
            }
        }
    }

    /// Has what is pending projected: by the worker, or here if there is none.
    fn ask<'a>(&'a self, mut pending: MutexGuard<'a, Pending>) -> MutexGuard<'a, Pending> {
        let Live { shared, store, .. } = self;
        if let Some(worker) = self.worker() {
            if pending.ask() != Next::Nothing {
                worker.enqueue_urgent(Arc::clone(shared));
            }
            return pending;
        }
        match pending.begin(store.options.clock.monotonic()) {
            Some(job) => {
                drop(pending);
                store.project_here(Arc::clone(shared), job);
                shared.pending()
            }
            // Another handle is projecting.
            None => shared.wait(pending),
        }
    }

    /// The whole row as the history has it, after the database has lost it.
    fn whole_row(&self, desk: &Desk) -> Result<Patch> {
        let path = desk.history.path();
        let mut patch = self.store.row_of(path);
        let replay = match &desk.before.files[..] {
            [] => replay::replay(path, self.shared.id)?,
            files => replay::replay_all(files, self.shared.id, self.store.options.ablated())?,
        };
        if replay.bytes != desk.history.length() {
            // A write has failed, and what it left could not be cut yet: the next append begins
            // with that.
            let source = std::io::Error::other("the history holds a line that was not accepted");
            return Err(Error::history(path, "replay it", source));
        }
        patch.merge(replay.patch);
        if let Some(title) =
            desk.before.title.as_deref().filter(|_| !replay.seen.has(Seen::EXPLICIT_TITLE))
        {
            patch.set(Column::Title, Value::text(title));
        }
        Ok(patch)
    }
}

impl Drop for Live {
    /// The lock must not be given up while anything of this writer could still reach the row.
    fn drop(&mut self) {
        let _ = self.shut_down();
    }
}
