//! The worker that projects after appends have returned: its queue, its naps, and its end.
//!
//! It takes every thread that is dirty, projects them together, and rests for a moment: what
//! becomes dirty meanwhile waits in the queue without waking it. It holds no lock while the
//! projector works.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::ablation::Ablation;
use super::clock::Clock;
use super::live::Shared;
use super::options::{Observer, Point, ProjectionReport, StoreOptions};
use super::pending::{Job, Next};
use super::project::{ProjectError, Projection, Projector};

/// For how long after its last projection a worker looks into its queue at every nap instead of
/// waiting to be woken.
const ATTENTIVE: Duration = Duration::from_secs(1);
/// The shortest wait for a touch that is not due yet, by a clock that may not be the machine's.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// What projecting needs beside the projector.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) observer: Option<Arc<dyn Observer>>,
    pub(super) nap: Duration,
    pub(super) touch_after: Duration,
}

impl Context {
    pub(super) fn of(options: &StoreOptions) -> Self {
        Self {
            clock: Arc::clone(&options.clock),
            observer: options.observer.clone(),
            nap: options.nap,
            touch_after: if options.ablated().has(Ablation::TouchDelay) {
                Duration::ZERO
            } else {
                options.touch_after
            },
        }
    }

    fn passed(&self, point: Point) {
        if let Some(observer) = &self.observer {
            observer.passed(point);
        }
    }
}

/// A thread of execution that projects what is handed to it.
#[derive(Debug)]
pub(super) struct Worker {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<QueueState>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    dirty: Vec<Arc<Shared>>,
    /// A barrier waits: the nap ends.
    urgent: bool,
    /// The worker waits to be woken.
    parked: bool,
    closing: bool,
}

impl Worker {
    /// Starts a worker that projects through `projector`.
    pub(super) fn start(
        name: &str,
        projector: Box<dyn Projector>,
        context: Context,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let run = Run {
            queue: Arc::clone(&queue),
            projector,
            context,
            later: BTreeMap::new(),
            ticket: 0,
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || run.run())?;
        Ok(Self { queue, thread: Some(thread) })
    }

    /// Hands over a thread that has become dirty.
    pub(super) fn enqueue(&self, thread: Arc<Shared>) {
        let mut state = self.queue.lock();
        state.dirty.push(thread);
        let parked = state.parked;
        drop(state);
        if parked {
            self.queue.wake.notify_one();
        }
    }

    /// Hands over a thread that a barrier waits for.
    pub(super) fn enqueue_urgent(&self, thread: Arc<Shared>) {
        let mut state = self.queue.lock();
        state.dirty.push(thread);
        state.urgent = true;
        drop(state);
        self.queue.wake.notify_one();
    }

    /// Ends any nap: a barrier waits for something that was handed over before.
    pub(super) fn hurry(&self) {
        self.queue.lock().urgent = true;
        self.queue.wake.notify_one();
    }
}

impl Drop for Worker {
    /// Projects what was handed over, and ends.
    fn drop(&mut self) {
        self.queue.lock().closing = true;
        self.queue.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rests, but not when a barrier waits.
    fn nap(&self, nap: Duration) {
        let state = self.lock();
        let woken =
            self.wake.wait_timeout_while(state, nap, |state| !state.urgent && !state.closing);
        let (mut state, _) = woken.unwrap_or_else(PoisonError::into_inner);
        state.urgent = false;
    }

    /// Waits until something is handed over, or `patience` is over. Returns what was, and whether
    /// this is the end.
    fn take(&self, patience: Option<Duration>) -> (Vec<Arc<Shared>>, bool) {
        let mut state = self.lock();
        if state.dirty.is_empty() && !state.closing && patience != Some(Duration::ZERO) {
            state.parked = true;
            let idle = |state: &mut QueueState| state.dirty.is_empty() && !state.closing;
            state = match patience {
                None => self.wake.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    self.wake
                        .wait_timeout_while(state, patience, idle)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
            state.parked = false;
        }
        (std::mem::take(&mut state.dirty), state.closing)
    }
}

struct Run {
    queue: Arc<Queue>,
    projector: Box<dyn Projector>,
    context: Context,
    /// Threads with nothing but a touch, by when it is due.
    later: BTreeMap<(Duration, u64), Arc<Shared>>,
    ticket: u64,
}

impl Run {
    fn run(mut self) {
        let mut last_busy = self.context.clock.monotonic();
        loop {
            let now = self.context.clock.monotonic();
            // After work it is attentive for a while: waking it costs an append more than looking
            // costs it.
            let attentive =
                now.saturating_sub(last_busy) < ATTENTIVE && !self.context.nap.is_zero();
            let patience = match self.later.first_key_value() {
                _ if attentive => Some(Duration::ZERO),
                Some((&(due, _), _)) => Some(due.saturating_sub(now).max(SHORTEST_WAIT)),
                None => None,
            };
            let (dirty, closing) = self.queue.take(patience);
            let now = self.context.clock.monotonic();
            let batch = self.batch(dirty, now, closing);
            if !batch.is_empty() {
                last_busy = now;
                self.project(batch);
            } else if closing && self.later.is_empty() {
                return;
            }
            if !closing {
                self.queue.nap(self.context.nap);
            }
        }
    }

    /// What is due of the threads handed over and of those that had to wait; all of it at the end.
    fn batch(
        &mut self,
        dirty: Vec<Arc<Shared>>,
        now: Duration,
        closing: bool,
    ) -> Vec<(Arc<Shared>, Job)> {
        let mut batch = Vec::new();
        let mut overdue = Vec::new();
        while let Some(entry) = self.later.first_entry() {
            if entry.key().0 > now && !closing {
                break;
            }
            overdue.push(entry.remove());
        }
        let handed_over = dirty.into_iter().map(|thread| (thread, true));
        for (thread, is_new) in handed_over.chain(overdue.into_iter().map(|thread| (thread, false)))
        {
            let mut pending = thread.pending();
            let begun = if closing { Ok(pending.begin(now)) } else { pending.begin_if_due(now) };
            drop(pending);
            match begun {
                Ok(Some(job)) => batch.push((thread, job)),
                Ok(None) => {}
                Err(due) if is_new => {
                    self.ticket += 1;
                    self.later.insert((due, self.ticket), thread);
                }
                // It was projected meanwhile, and waits again: under another entry.
                Err(_) => {}
            }
        }
        batch
    }

    fn project(&mut self, batch: Vec<(Arc<Shared>, Job)>) {
        for (thread, next) in project(self.projector.as_mut(), &self.context, batch) {
            match next {
                Next::Nothing => {}
                Next::Enqueue => self.queue.lock().dirty.push(thread),
                Next::EnqueueFor(due) => {
                    self.ticket += 1;
                    self.later.insert((due, self.ticket), thread);
                }
            }
        }
    }
}

/// One projector that appends of several threads, or their workers, take turns with.
#[derive(Debug, Clone)]
pub(super) struct InTurns(Arc<Mutex<Box<dyn Projector>>>);

impl InTurns {
    pub(super) fn new(projector: Box<dyn Projector>) -> Self {
        Self(Arc::new(Mutex::new(projector)))
    }
}

impl Projector for InTurns {
    fn project(&mut self, batch: &[Projection<'_>]) -> Vec<Result<(), ProjectError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).project(batch)
    }
}

/// Projects a batch, ends each job with its outcome, and wakes anyone who waits. Returns what must
/// be seen to next.
pub(super) fn project(
    projector: &mut dyn Projector,
    context: &Context,
    batch: Vec<(Arc<Shared>, Job)>,
) -> Vec<(Arc<Shared>, Next)> {
    let spans: Vec<_> = batch
        .iter()
        .map(|(thread, job)| {
            tracing::info_span!(
                parent: &job.span, "project",
                thread = %thread.id(), generation = job.generation
            )
        })
        .collect();
    context.passed(Point::Projecting);
    let projections: Vec<Projection<'_>> = batch
        .iter()
        .map(|(thread, job)| Projection { thread: thread.id(), patch: &job.patch })
        .collect();
    let mut outcomes = {
        // One call works for all of them: it belongs to the first, and the others follow it.
        let _entered = spans.first().map(tracing::Span::enter);
        // A defect of a projector must not leave barriers waiting for ever.
        catch_unwind(AssertUnwindSafe(|| projector.project(&projections))).unwrap_or_default()
    };
    outcomes.resize(batch.len(), Err(ProjectError::Unreported));
    context.passed(Point::Projected);
    let now = context.clock.monotonic();
    batch
        .into_iter()
        .zip(outcomes)
        .zip(spans)
        .map(|(((thread, job), outcome), span)| {
            if let Err(error) = &outcome {
                let _entered = span.enter();
                tracing::warn!(%error, "the row is behind its history");
            }
            let (appends, lag) = (job.appends, job.since.map(|since| now.saturating_sub(since)));
            let mut pending = thread.pending();
            let next = pending.finish(job, &outcome, now, context.touch_after);
            if let Some(observer) = &context.observer {
                observer.projected(ProjectionReport {
                    thread: thread.id(),
                    appends,
                    lag,
                    outcome: &outcome,
                });
            }
            drop(pending);
            thread.changed();
            (thread, next)
        })
        .collect()
}
