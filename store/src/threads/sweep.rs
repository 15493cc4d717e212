//! Many histories replayed on several threads of execution, their outcomes taken by one.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::error::Error;
use super::lines::Scratch;
use super::lock::{NotLocked, WriterLock};
use super::replay::{Replay, replay_with};
use super::walk::Found;

/// How far a sweep has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Files of histories that are done.
    pub files: u64,
    /// Files of histories to do.
    pub total_files: u64,
    /// Bytes that were read, of files that are not done too.
    pub bytes: u64,
    /// Bytes of all those histories when they were found.
    pub total_bytes: u64,
}

/// Told how far a sweep has come, several times a second. It goes on until it is reported to break
/// off.
pub type Watch<'w> = &'w mut dyn FnMut(Progress) -> ControlFlow<()>;

/// How a sweep is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepOptions {
    /// Threads of execution that replay.
    pub jobs: NonZeroUsize,
    /// How long to wait for another connection's write lock.
    pub busy_timeout: Duration,
    /// The folder of the writers' locks: the rows of threads that are live are then left to their
    /// writers. `None` where no writer of this crate writes.
    pub locks: Option<PathBuf>,
}

impl Default for SweepOptions {
    /// As many jobs as there are cores, five seconds of patience, no writers.
    fn default() -> Self {
        let jobs = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { jobs, busy_timeout: Duration::from_secs(5), locks: None }
    }
}

/// What became of a history.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It was replayed. While the lock is held, no writer appends to it.
    Replayed(Box<Replay>, Option<WriterLock>),
    /// Its thread is live.
    InUse,
    /// It cannot be replayed.
    Failed(Error),
}

/// Outcomes that wait to be taken: enough to keep everyone busy, few enough to hold in memory with
/// their locks.
const WAITING: usize = 64;
/// How often a watch is reported.
const TICK: Duration = Duration::from_millis(50);

/// Replays `histories` and gives each outcome to `take`, in no order. Says whether it came to the
/// end; it does not when `watch` breaks off.
///
/// # Errors
/// The first that `take` gives, which ends the sweep.
pub(super) fn sweep<E>(
    histories: &[Found],
    options: &SweepOptions,
    watch: Watch<'_>,
    mut take: impl FnMut(&Found, Outcome) -> Result<(), E>,
) -> Result<bool, E> {
    let (next, bytes, stop) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let mut progress = Progress {
        total_files: histories.iter().map(|found| found.files.len() as u64).sum(),
        total_bytes: histories.iter().map(|found| found.bytes).sum(),
        ..Progress::default()
    };
    let jobs = options.jobs.get().min(histories.len());
    let (sender, outcomes) = mpsc::sync_channel(WAITING);
    let read = |more| {
        bytes.fetch_add(more, Ordering::Relaxed);
        if stop.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let one = |scratch: &mut Scratch| {
        let found = histories.get(next.fetch_add(1, Ordering::Relaxed))?;
        Some((found, look(found, options.locks.as_deref(), scratch, read)?))
    };
    std::thread::scope(|scope| {
        let start_one = |_| {
            let (one, sender) = (&one, sender.clone());
            let work = move || {
                let mut scratch = Scratch::new();
                // Unless nobody takes any more.
                while one(&mut scratch).is_some_and(|done| sender.send(done).is_ok()) {}
            };
            std::thread::Builder::new().spawn_scoped(scope, work).ok()
        };
        let started = (0..jobs).map_while(start_one).count();
        // Where the system starts no thread, this one does the work.
        let mut scratch = (started == 0).then(Scratch::new);
        drop(sender);
        // Taken along, so that it is gone before the threads of execution are waited for, whatever
        // ends this.
        let outcomes = outcomes;
        loop {
            let outcome = match &mut scratch {
                None => outcomes.recv_timeout(TICK),
                Some(scratch) => one(scratch).ok_or(RecvTimeoutError::Disconnected),
            };
            match outcome {
                Ok((found, outcome)) => {
                    progress.files += found.files.len() as u64;
                    take(found, outcome).inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Ok(progress.files == progress.total_files);
                }
            }
            progress.bytes = bytes.load(Ordering::Relaxed);
            if watch(progress).is_break() {
                stop.store(true, Ordering::Relaxed);
                return Ok(false);
            }
        }
    })
}

/// Replays one history. `None` when the sweep is broken off.
fn look(
    found: &Found,
    locks: Option<&Path>,
    scratch: &mut Scratch,
    read: impl FnMut(u64) -> ControlFlow<()>,
) -> Option<Outcome> {
    let lock = match locks.map(|folder| folder.join(found.id.to_string())) {
        None => None,
        Some(path) => match WriterLock::take(&path) {
            Ok(lock) => Some(lock),
            Err(NotLocked::Held) => return Some(Outcome::InUse),
            Err(NotLocked::Io(source)) => {
                return Some(Outcome::Failed(Error::history(&path, "lock it", source)));
            }
        },
    };
    match replay_with(&found.files, found.id, found.ablated, scratch, read) {
        Ok(ControlFlow::Break(())) => None,
        Ok(ControlFlow::Continue(replay)) => Some(Outcome::Replayed(Box::new(replay), lock)),
        Err(error) => Some(Outcome::Failed(error.into())),
    }
}
