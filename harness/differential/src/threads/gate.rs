//! The gate that every projection goes through: it waits there for the history to say so, and meets
//! what the history has prepared.
//!
//! Refusals are real: a trigger has the database refuse the row, another connection holds the lock,
//! the row is gone. So what the projector does about them is tested, too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tracerig_store::threads::{
    Observer, Point, ProjectError, Projection, ProjectionReport, Projector, ThreadId, Through,
};

use super::machine::Machine;
use crate::switches::threads::Ablations;

/// How long something is waited for that must happen; only a failing history waits so long.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// For how long the other connection keeps its lock where projections wait for it, and for how long
/// an append is to be overtaken.
const MOMENT: Duration = Duration::from_millis(1);
/// The same where a rule is missing, which must show on the busiest machine: it is over as soon as
/// it shows.
const LONG_MOMENT: Duration = Duration::from_secs(2);

/// For how long the gate waits for what.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// For what must happen.
    must: Duration,
    /// For what must not be necessary: the other connection to let go of its lock.
    busy: Duration,
    /// For what must not happen: an append to be overtaken.
    crowded: Duration,
}

impl Patience {
    fn with(ablated: Ablations) -> Self {
        let off = |name| ablated.iter().any(|rule| rule.name() == name);
        let without = |name| if off(name) { LONG_MOMENT } else { MOMENT };
        Self {
            // Where something is meant to go wrong, nobody waits long for it not to.
            must: if ablated == Ablations::NONE { PATIENCE } else { PATIENCE / 8 },
            busy: without("busy-wait"),
            crowded: without("observed-in-order"),
        }
    }
}

/// The gate, and what it has seen.
#[derive(Debug, Clone)]
pub(super) struct Gate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    machine: Machine,
    database: PathBuf,
    /// Whether projections wait for another connection's lock.
    patient: bool,
    patience: Patience,
    state: Mutex<State>,
    changed: Condvar,
    /// Held while the database is prepared, used and put right again.
    prepared: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether projections wait to be let through.
    closed: bool,
    /// Threads whose projections are at the gate.
    arrived: BTreeSet<ThreadId>,
    /// Those that may go on.
    allowed: BTreeSet<ThreadId>,
    refused: BTreeMap<ThreadId, u32>,
    busy: u32,
    /// Barriers that have begun to wait.
    waits: u64,
    /// Threads whose barrier has looked since the last projection, and waits for the next.
    resting: BTreeSet<ThreadId>,
    /// Projections that have ended, by thread: how many appends each brought, and whether it went
    /// well.
    ended: BTreeMap<ThreadId, Vec<(u64, bool)>>,
    /// What went wrong with the gate itself.
    trouble: Option<String>,
    /// The next append is here for a moment after its lines were written, so that others overtake
    /// it if they can.
    crowded: bool,
    /// Appends that were observed.
    observed: u64,
}

impl Gate {
    pub(super) fn new(
        machine: Machine,
        database: &Path,
        patient: bool,
        ablated: Ablations,
    ) -> Self {
        Self(Arc::new(Shared {
            machine,
            database: database.to_owned(),
            patient,
            patience: Patience::with(ablated),
            state: Mutex::default(),
            changed: Condvar::new(),
            prepared: Mutex::new(()),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state());
        self.0.changed.notify_all();
        changed
    }

    /// Waits until `is_so`; `false` if it takes too long.
    fn wait(&self, patience: Duration, is_so: impl Fn(&State) -> bool) -> bool {
        let start = Instant::now();
        let mut state = self.state();
        while !is_so(&state) {
            let Some(left) = patience.checked_sub(start.elapsed()) else { return false };
            let woken = self.0.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Waits for `is_so`, of which the gate hears by [`Gate::wake`], as long as anything is waited
    /// for.
    pub(super) fn must(&self, is_so: &dyn Fn() -> bool) -> bool {
        self.wait(self.0.patience.must, |_| is_so())
    }

    /// Has projections wait, or lets all through.
    pub(super) fn close(&self, closed: bool) {
        self.change(|state| {
            state.closed = closed;
            state.allowed.clear();
        });
    }

    /// Wakes what waits here after the machine has died, and anyone who waits for it.
    pub(super) fn wake(&self) {
        self.change(|_| ());
    }

    /// Appends represent a moment after their lines were written.
    pub(super) fn crowd(&self, crowded: bool) {
        self.state().crowded = crowded;
    }

    pub(super) fn refuse(&self, thread: ThreadId, times: u32) {
        *self.state().refused.entry(thread).or_default() += times;
    }

    pub(super) fn lock(&self, times: u32) {
        self.state().busy += times;
    }

    /// Whether for so long nothing comes here or ends but what is `due`: each thread, whether its
    /// projection is here, and how many have ended.
    pub(super) fn is_still(&self, patience: Duration, due: &[(ThreadId, bool, usize)]) -> bool {
        !self.wait(patience, |state| {
            due.iter().any(|(id, is_here, count)| {
                state.arrived.contains(id) && !is_here
                    || state.ended.get(id).map_or(0, Vec::len) > *count
            })
        })
    }

    /// Whether the projection of `thread` comes to the gate.
    pub(super) fn arrives(&self, thread: ThreadId) -> bool {
        self.wait(self.0.patience.must, |state| {
            state.arrived.contains(&thread) || self.0.machine.is_dead()
        })
    }

    /// Whether a projection of `thread` is at the gate.
    pub(super) fn is_there(&self, thread: ThreadId) -> bool {
        self.state().arrived.contains(&thread)
    }

    /// Lets the projection of these threads through.
    pub(super) fn allow(&self, threads: &[ThreadId]) {
        self.change(|state| state.allowed.extend(threads));
    }

    /// Waits until so many projections of `thread` have ended.
    pub(super) fn has_ended(&self, thread: ThreadId, count: usize) -> bool {
        let enough = |state: &State| state.ended.get(&thread).map_or(0, Vec::len) >= count;
        self.wait(self.0.patience.must, |state| enough(state) || self.0.machine.is_dead())
    }

    /// Waits until the projections of `thread` after the first `before` have brought so many
    /// appends.
    pub(super) fn has_brought(&self, thread: ThreadId, before: usize, appends: u64) -> bool {
        let brought = |state: &State| -> u64 {
            let ended =
                state.ended.get(&thread).and_then(|ended| ended.get(before..)).unwrap_or_default();
            ended.iter().map(|(appends, _)| appends).sum()
        };
        self.wait(self.0.patience.must, |state| brought(state) >= appends)
    }

    /// The projections of `thread` that have ended.
    pub(super) fn ended(&self, thread: ThreadId) -> Vec<(u64, bool)> {
        self.state().ended.get(&thread).cloned().unwrap_or_default()
    }

    /// Nothing is prepared any more.
    pub(super) fn calm(&self) {
        let mut state = self.state();
        (state.busy, state.refused) = (0, BTreeMap::new());
    }

    /// Forgets what was prepared and what was seen: another process begins.
    pub(super) fn restart(&self) {
        self.change(|state| {
            *state = State { closed: state.closed, waits: state.waits, ..State::default() };
        });
    }

    /// Barriers so far.
    pub(super) fn waits(&self) -> u64 {
        self.state().waits
    }

    /// Waits for a barrier to begin, or for `is_over`.
    pub(super) fn waits_again(&self, before: u64, is_over: &dyn Fn() -> bool) -> bool {
        self.wait(self.0.patience.must, |state| state.waits > before || is_over())
    }

    /// Whether a call that waits for projections of `thread` returns now, before the next one:
    /// waits until it has, or rests.
    pub(super) fn is_early(&self, thread: ThreadId, is_done: &dyn Fn() -> bool) -> bool {
        let over = |state: &State| {
            state.resting.contains(&thread) || is_done() || self.0.machine.is_dead()
        };
        self.wait(self.0.patience.must, over);
        is_done()
    }

    /// What went wrong with the gate itself.
    pub(super) fn trouble(&self) -> Option<String> {
        self.state().trouble.take()
    }

    /// Waits until all of `batch` may go on; `None` on a dead machine.
    fn pass(&self, batch: &[ThreadId]) -> Option<Script> {
        let shared = &*self.0;
        let mut state = self.state();
        state.arrived.extend(batch);
        shared.changed.notify_all();
        while state.closed
            && !batch.iter().all(|id| state.allowed.contains(id))
            && !shared.machine.is_dead()
        {
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        for id in batch {
            state.arrived.remove(id);
            state.allowed.remove(id);
        }
        if shared.machine.is_dead() {
            return None;
        }
        if state.busy > 0 {
            state.busy -= 1;
            return Some(if shared.patient { Script::Briefly } else { Script::Busy });
        }
        let mut refused = Vec::new();
        for id in batch {
            if let Some(times) = state.refused.get_mut(id).filter(|times| **times > 0) {
                *times -= 1;
                refused.push(*id);
            }
        }
        Some(Script::Refused(refused))
    }
}

/// What a projection meets.
enum Script {
    /// A database that stays locked.
    Busy,
    /// One that is locked for a moment.
    Briefly,
    /// A database that refuses the rows of these threads.
    Refused(Vec<ThreadId>),
}

impl Through for Gate {
    fn wrap(&self, projector: Box<dyn Projector>) -> Box<dyn Projector> {
        Box::new(Gated { gate: self.clone(), projector })
    }
}

#[derive(Debug)]
struct Gated {
    gate: Gate,
    projector: Box<dyn Projector>,
}

impl Projector for Gated {
    fn project(&mut self, batch: &[Projection<'_>]) -> Vec<Result<(), ProjectError>> {
        let ids: Vec<ThreadId> = batch.iter().map(|projection| projection.thread).collect();
        let dead = || vec![Err(ProjectError::Unreported); ids.len()];
        let Some(script) = self.gate.pass(&ids) else { return dead() };
        let gate = Arc::clone(&self.gate.0);
        let _prepared = gate.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        match self.play(batch, &script) {
            Ok(outcomes) => outcomes,
            Err(error) => {
                self.gate.state().trouble = Some(error.to_string());
                dead()
            }
        }
    }
}

impl Gated {
    fn play(
        &mut self,
        batch: &[Projection<'_>],
        script: &Script,
    ) -> rusqlite::Result<Vec<Result<(), ProjectError>>> {
        let refused = match script {
            Script::Refused(refused) if refused.is_empty() => {
                return Ok(self.projector.project(batch));
            }
            Script::Refused(refused) => refused.as_slice(),
            Script::Busy | Script::Briefly => &[],
        };
        let other = Connection::open(&self.gate.0.database)?;
        other.busy_timeout(PATIENCE)?;
        for (number, id) in refused.iter().enumerate() {
            for event in ["INSERT", "UPDATE"] {
                other.execute_batch(&format!(
                    "CREATE TRIGGER refuse_{event}_{number} BEFORE {event} ON threads WHEN NEW.id \
                     = '{id}' BEGIN SELECT RAISE(ABORT, 'refused by the history'); END"
                ))?;
            }
        }
        Ok(if matches!(script, Script::Busy) {
            other.execute_batch("BEGIN IMMEDIATE")?;
            let outcomes = self.projector.project(batch);
            other.execute_batch("ROLLBACK")?;
            outcomes
        } else if matches!(script, Script::Briefly) {
            other.execute_batch("BEGIN IMMEDIATE")?;
            let (projected, waits) = std::sync::mpsc::channel::<()>();
            let busy = self.gate.0.patience.busy;
            std::thread::scope(|scope| {
                scope.spawn(move || {
                    let _ = waits.recv_timeout(busy);
                    // Closing it gives the lock back.
                    drop(other);
                });
                let outcomes = self.projector.project(batch);
                drop(projected);
                outcomes
            })
        } else {
            let outcomes = self.projector.project(batch);
            for number in 0..refused.len() {
                for event in ["INSERT", "UPDATE"] {
                    other.execute_batch(&format!("DROP TRIGGER refuse_{event}_{number}"))?;
                }
            }
            outcomes
        })
    }
}

impl Observer for Gate {
    fn passed(&self, point: Point) {
        self.0.machine.passed(point);
        if self.0.machine.is_dead() {
            self.wake();
        }
        // The first one only, so that others come before it if they can.
        if point == Point::Observed {
            self.change(|state| state.observed += 1);
        }
        if point == Point::Written {
            let mut state = self.state();
            if std::mem::take(&mut state.crowded) {
                let before = state.observed;
                drop(state);
                self.wait(self.0.patience.crowded, |state| state.observed > before);
            }
        }
    }

    fn waits(&self, thread: ThreadId) {
        self.change(|state| {
            state.waits += 1;
            state.resting.remove(&thread);
        });
    }

    fn rests(&self, thread: ThreadId) {
        self.change(|state| state.resting.insert(thread));
    }

    fn projected(&self, report: ProjectionReport<'_>) {
        let ended = (report.appends, report.outcome.is_ok());
        self.change(|state| {
            state.resting.remove(&report.thread);
            state.ended.entry(report.thread).or_default().push(ended);
        });
    }
}
