//! What is accepted for a thread's row and not yet in it: one merged patch, its generation, and how
//! its projections went.
//!
//! Nothing here waits, locks or knows of threads of execution: the state alone, so that every order
//! of events can be tested.

use std::sync::Arc;
use std::time::Duration;

use tracing::Span;

use super::ablation::{self, Ablation, Ablations};
use super::patch::Patch;
use super::project::ProjectError;

/// Failures in a row, each superseded by a newer generation, after which a waiting barrier is
/// reported of the last one: it would wait for ever beside a writer that never pauses.
const PATIENCE: u64 = 3;

/// The state of a thread's projection.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Accepted, not applied, not in flight.
    patch: Option<Patch>,
    /// Appends merged into `patch`.
    appends: u64,
    /// The span of the earliest of them.
    span: Option<Span>,
    /// When the earliest of them that is more than a touch was accepted.
    since: Option<Duration>,
    /// Raised by each merge.
    accepted: u64,
    /// The generation that the row is at.
    applied: u64,
    in_flight: Option<u64>,
    schedule: Schedule,
    /// When a projection was last begun.
    begun: Option<Duration>,
    /// Attempts that have ended.
    attempts: u64,
    /// Attempts that have failed since the last that did not.
    failures_in_a_row: u64,
    /// The failure of the last attempt, if nothing newer was queued behind it.
    failure: Option<Failure>,
    /// The row is not there: the next merge must bring all of it.
    row_missing: bool,
    discarded: bool,
    /// It was discarded by its user, and not closed.
    given_up: bool,
    ablated: Ablations,
    /// What is not merged, where nothing is.
    backlog: Vec<Patch>,
}

#[derive(Debug, Clone)]
struct Failure {
    attempt: u64,
    error: Arc<ProjectError>,
}

/// When the patch will be projected.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Schedule {
    /// When asked for.
    #[default]
    Idle,
    /// Not before this time.
    Later(Duration),
    /// As soon as a worker gets to it.
    Now,
}

/// Work for one projection.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) patch: Patch,
    pub(super) generation: u64,
    /// Appends that it brings to the row.
    pub(super) appends: u64,
    /// When the earliest of them that is more than a touch was accepted.
    pub(super) since: Option<Duration>,
    /// The span of the earliest of them.
    pub(super) span: Span,
}

/// What anyone who changed the state must see to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Next {
    /// Nothing.
    Nothing,
    /// Hand the thread to its worker, now.
    Enqueue,
    /// Hand the thread to its worker, which may leave it until then.
    EnqueueFor(Duration),
}

/// The state of a barrier.
#[derive(Debug)]
pub(super) enum Standing {
    /// The row is at its generation, or past it.
    Reached,
    /// An attempt made since it began to wait has failed.
    Failed(Arc<ProjectError>),
    /// It must wait for an attempt that is under way or due.
    Wait,
    /// Nobody is going to project: it must see to that itself.
    Ask,
    /// The thread was discarded.
    Discarded,
}

/// What a barrier waits for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Barrier {
    generation: u64,
    attempts: u64,
    failures_in_a_row: u64,
}

impl Pending {
    pub(super) fn new(ablated: Ablations) -> Self {
        Self { ablated, ..Self::default() }
    }

    /// Takes in what an append changes. `now` is asked only where the time matters, which it seldom
    /// does. `touch_after`: how long after a projection the next one that only touches may wait.
    pub(super) fn accept(
        &mut self,
        patch: Patch,
        now: impl Fn() -> Duration,
        touch_after: Duration,
    ) -> Next {
        self.accepted += 1;
        self.appends += 1;
        if self.span.is_none() {
            self.span = Some(Span::current());
        }
        if self.since.is_none() && !patch.is_touch() {
            self.since = Some(now());
        }
        let is_touch = match &mut self.patch {
            Some(_) if self.ablated.has(Ablation::Coalescing) => {
                self.backlog.push(patch);
                false
            }
            Some(pending) => {
                ablation::merge(self.ablated, pending, patch);
                pending.is_touch()
            }
            None => self.patch.insert(patch).is_touch(),
        };
        if self.schedule == Schedule::Now || self.in_flight.is_some() {
            // What is in flight is handed over again when it has ended.
            return Next::Nothing;
        }
        let due = is_touch
            .then(&now)
            .and_then(|now| self.begun.map(|begun| begun + touch_after).filter(|&due| due > now));
        match (self.schedule, due) {
            (Schedule::Later(_), Some(_)) => Next::Nothing,
            (_, Some(due)) => {
                self.schedule = Schedule::Later(due);
                Next::EnqueueFor(due)
            }
            (_, None) => {
                self.schedule = Schedule::Now;
                Next::Enqueue
            }
        }
    }

    /// Begins a projection of everything pending, unless one is in flight or nothing is.
    pub(super) fn begin(&mut self, now: Duration) -> Option<Job> {
        if self.in_flight.is_some() || self.discarded {
            return None;
        }
        let patch = self.patch.take()?;
        let span = self.span.take().unwrap_or_else(Span::none);
        let since = self.since.take();
        self.schedule = Schedule::Idle;
        self.begun = Some(now);
        let left = self.backlog.len() as u64;
        if left > 0 {
            self.patch = Some(self.backlog.remove(0));
        }
        let generation = self.accepted - left;
        self.in_flight = Some(generation);
        Some(Job {
            patch,
            generation,
            appends: std::mem::replace(&mut self.appends, left) - left,
            since,
            span,
        })
    }

    /// Begins it if it is due: a touch may still have to wait, and then says until when.
    pub(super) fn begin_if_due(&mut self, now: Duration) -> Result<Option<Job>, Duration> {
        match self.schedule {
            Schedule::Later(due) if due > now => Err(due),
            Schedule::Idle => Ok(None),
            Schedule::Later(_) | Schedule::Now => Ok(self.begin(now)),
        }
    }

    /// Ends the projection of `job`. A patch that was not applied is kept, below whatever was
    /// accepted since.
    pub(super) fn finish(
        &mut self,
        job: Job,
        outcome: &Result<(), ProjectError>,
        now: Duration,
        touch_after: Duration,
    ) -> Next {
        self.in_flight = None;
        self.attempts += 1;
        let newer = self.patch.is_some();
        match outcome {
            Ok(()) => {
                self.applied = job.generation;
                if self.ablated.has(Ablation::Generation) {
                    (self.patch, self.applied) = (None, self.accepted);
                }
                self.failures_in_a_row = 0;
                self.failure = None;
                self.row_missing = false;
            }
            Err(error) => {
                self.failures_in_a_row += 1;
                self.row_missing |= error.is_row_missing();
                self.failure =
                    Some(Failure { attempt: self.attempts, error: Arc::new(error.clone()) });
                if self.ablated.has(Ablation::FailedKept) {
                    self.applied = job.generation;
                } else {
                    self.put_back(job);
                }
                if self.discarded {
                    self.patch = None;
                }
            }
        }
        let goes_on = newer || self.ablated.has(Ablation::FailureRests);
        let Some(patch) = self.patch.as_ref().filter(|_| goes_on && !self.discarded) else {
            // Done, or failed alone: nobody tries again unasked.
            return Next::Nothing;
        };
        let due = patch
            .is_touch()
            .then(|| self.begun.unwrap_or(now) + touch_after)
            .filter(|&due| due > now);
        match due {
            Some(due) if self.failures_in_a_row == 0 => {
                self.schedule = Schedule::Later(due);
                Next::EnqueueFor(due)
            }
            _ => {
                self.schedule = Schedule::Now;
                Next::Enqueue
            }
        }
    }

    fn put_back(&mut self, job: Job) {
        let mut patch = job.patch;
        if let Some(mut newer) = self.patch.take() {
            if self.ablated.has(Ablation::FailedBelow) {
                std::mem::swap(&mut patch, &mut newer);
            }
            ablation::merge(self.ablated, &mut patch, newer);
        }
        self.patch = Some(patch);
        self.appends += job.appends;
        self.span = Some(job.span);
        self.since = job.since.or(self.since);
    }

    /// A barrier behind everything accepted so far.
    pub(super) fn barrier(&self) -> Barrier {
        Barrier {
            generation: if self.ablated.has(Ablation::BarrierBefore) {
                self.applied
            } else {
                self.accepted
            },
            attempts: self.attempts,
            failures_in_a_row: self.failures_in_a_row,
        }
    }

    /// The state of `barrier`.
    pub(super) fn standing(&self, barrier: Barrier) -> Standing {
        let generation = if self.ablated.has(Ablation::BarrierAfter) {
            self.accepted
        } else {
            barrier.generation
        };
        let is_left =
            self.ablated.has(Ablation::TouchBarrier) && matches!(self.schedule, Schedule::Later(_));
        if self.applied >= generation || is_left {
            return Standing::Reached;
        }
        if self.discarded {
            return Standing::Discarded;
        }
        if let Some(failure) = self.failure.as_ref().filter(|failure| {
            failure.attempt > barrier.attempts || self.ablated.has(Ablation::FailureOwn)
        }) {
            let superseded = self.in_flight.is_some() || self.schedule != Schedule::Idle;
            let seen = self.failures_in_a_row.saturating_sub(
                // Failures from before it began to wait do not count, unless an attempt has
                // succeeded since.
                if self.failures_in_a_row >= barrier.failures_in_a_row {
                    barrier.failures_in_a_row
                } else {
                    0
                },
            );
            if !superseded || seen >= PATIENCE || self.ablated.has(Ablation::FailureSuperseded) {
                return Standing::Failed(Arc::clone(&failure.error));
            }
        }
        if self.in_flight.is_some() || self.schedule == Schedule::Now {
            Standing::Wait
        } else {
            Standing::Ask
        }
    }

    /// Asks for a projection as soon as possible, for a barrier.
    pub(super) fn ask(&mut self) -> Next {
        if self.in_flight.is_some() || self.patch.is_none() {
            return Next::Nothing;
        }
        self.schedule = Schedule::Now;
        Next::Enqueue
    }

    /// Whether the row was found missing, so that the whole of it must be merged before the next
    /// attempt.
    pub(super) fn row_missing(&self) -> bool {
        self.row_missing
    }

    /// Merges the whole row below what is pending, after it was found missing. It changes no
    /// generation.
    pub(super) fn supply_row(&mut self, mut whole: Patch) {
        if let Some(newer) = self.patch.take() {
            whole.merge(newer);
        }
        self.patch = Some(whole);
        self.row_missing = false;
    }

    /// Drops what is pending and refuses everything from now on. The projection in flight, if there
    /// is one, goes on.
    pub(super) fn discard(&mut self) {
        self.discarded = true;
        self.patch = None;
        self.span = None;
        self.since = None;
        self.schedule = Schedule::Idle;
    }

    /// The thread was discarded by its user: drops what is pending, and no barrier may begin to
    /// wait any more.
    pub(super) fn give_up(&mut self) {
        self.given_up = true;
        self.discard();
    }

    /// Whether its user has discarded it.
    pub(super) fn is_given_up(&self) -> bool {
        self.given_up
    }

    /// Whether a projection is in flight.
    pub(super) fn is_in_flight(&self) -> bool {
        self.in_flight.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::column::{Column, Value};

    const TOUCH_AFTER: Duration = Duration::from_secs(1);

    fn touch() -> Patch {
        let mut patch = Patch::new();
        patch.set(Column::UpdatedAtMs, Value::Integer(1));
        patch
    }

    fn change() -> Patch {
        let mut patch = touch();
        patch.set(Column::TokensUsed, Value::Integer(7));
        patch
    }

    fn unasked() -> Duration {
        panic!("the time does not matter here")
    }

    #[test]
    fn a_thread_is_handed_over_once_and_not_while_it_is_projected() {
        let mut pending = Pending::new(Ablations::NONE);
        let at = |seconds: u64| move || Duration::from_secs(seconds);
        assert_eq!(pending.accept(change(), at(5), TOUCH_AFTER), Next::Enqueue);
        assert_eq!(pending.accept(touch(), unasked, TOUCH_AFTER), Next::Nothing);
        assert_eq!(pending.accept(change(), unasked, TOUCH_AFTER), Next::Nothing);
        let job = pending.begin(at(5)()).unwrap();
        assert_eq!((job.appends, job.since), (3, Some(at(5)())));
        // In flight: it is handed over when that has ended.
        assert_eq!(pending.accept(touch(), unasked, TOUCH_AFTER), Next::Nothing);
        assert_eq!(pending.accept(change(), at(6), TOUCH_AFTER), Next::Nothing);
        assert_eq!(pending.finish(job, &Ok(()), at(6)(), TOUCH_AFTER), Next::Enqueue);
        let job = pending.begin(at(6)()).unwrap();
        assert_eq!((job.appends, job.since), (2, Some(at(6)())));
        assert_eq!(pending.finish(job, &Ok(()), at(6)(), TOUCH_AFTER), Next::Nothing);
    }

    #[test]
    fn a_touch_waits_after_a_projection_and_a_change_does_not() {
        let mut pending = Pending::new(Ablations::NONE);
        let at = |tenths: u64| move || Duration::from_millis(tenths * 100);
        assert_eq!(pending.accept(touch(), at(1), TOUCH_AFTER), Next::Enqueue);
        let job = pending.begin(at(2)()).unwrap();
        assert_eq!(pending.finish(job, &Ok(()), at(3)(), TOUCH_AFTER), Next::Nothing);
        assert_eq!(pending.accept(touch(), at(4), TOUCH_AFTER), Next::EnqueueFor(at(12)()));
        assert_eq!(pending.accept(touch(), at(5), TOUCH_AFTER), Next::Nothing);
        assert_eq!(pending.begin_if_due(at(6)()).unwrap_err(), at(12)());
        assert_eq!(pending.accept(change(), at(7), TOUCH_AFTER), Next::Enqueue);
        assert!(pending.begin_if_due(at(7)()).unwrap().is_some());
    }

    #[test]
    fn a_touch_that_is_overdue_is_handed_over_again() {
        let mut pending = Pending::new(Ablations::NONE);
        let at = |tenths: u64| move || Duration::from_millis(tenths * 100);
        let _ = pending.accept(change(), at(1), TOUCH_AFTER);
        let job = pending.begin(at(1)()).unwrap();
        let _ = pending.finish(job, &Ok(()), at(1)(), TOUCH_AFTER);
        assert_eq!(pending.accept(touch(), at(2), TOUCH_AFTER), Next::EnqueueFor(at(11)()));
        assert_eq!(pending.accept(touch(), at(11), TOUCH_AFTER), Next::Enqueue);
    }
}
