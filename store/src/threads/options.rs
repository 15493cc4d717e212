//! How a thread store is opened.

use std::fmt::{self, Debug, Display};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::ablation::Ablations;
use super::clock::{Clock, SystemClock};
use super::disk::{Disk, FileSystem};
use super::id::ThreadId;
use super::project::ProjectError;

/// When an append is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// When the operating system has its bytes, as the Codex CLI does: they survive the process,
    /// not the machine.
    #[default]
    Buffered,
    /// When the device has them.
    Fsync,
}

/// Who brings a change to the row, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// The append, before it returns: it reads the row, writes all of it, and reads it again. As
    /// published.
    SyncReadback,
    /// The append, before it returns, in one write.
    Sync,
    /// A worker of the thread's own, after the append returned. As published.
    AsyncPerThread,
    /// One worker for the store, which brings all threads that have changed to their rows in one
    /// transaction.
    #[default]
    Async,
}

impl Mode {
    /// All modes, slowest for the caller first.
    pub const ALL: [Self; 4] = [Self::SyncReadback, Self::Sync, Self::AsyncPerThread, Self::Async];

    /// The name of the mode.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SyncReadback => "sync-readback",
            Self::Sync => "sync",
            Self::AsyncPerThread => "async-per-thread",
            Self::Async => "async",
        }
    }

    /// Whether an append returns before its change is in the row.
    #[must_use]
    pub fn is_async(self) -> bool {
        matches!(self, Self::AsyncPerThread | Self::Async)
    }
}

impl Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A name that no mode has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no projection mode `{0}`; choose sync-readback, sync, async-per-thread or async")]
pub struct UnknownMode(String);

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(name: &str) -> Result<Self, UnknownMode> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.name() == name)
            .ok_or_else(|| UnknownMode(name.to_owned()))
    }
}

/// How a thread store is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Who brings changes to the rows.
    pub mode: Mode,
    /// When an append is acknowledged.
    pub durability: Durability,
    /// How long a projection waits for another connection's write lock.
    pub busy_timeout: Duration,
    /// How long a worker rests after projecting. Appends that come meanwhile need not wake it,
    /// which costs more than all else they do; barriers do.
    pub nap: Duration,
    /// How long after a projection the next one waits if nothing but the time of the last line has
    /// changed.
    pub touch_after: Duration,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The file layer below the histories.
    pub disk: Arc<dyn Disk>,
    /// Told of every projection.
    pub observer: Option<Arc<dyn Observer>>,
    /// Rules that are switched off: tests of tests only, since it makes the answers wrong.
    #[cfg(feature = "ablations")]
    #[doc(hidden)]
    pub ablations: Ablations,
}

impl StoreOptions {
    /// Rules that are switched off.
    pub(super) const fn ablated(&self) -> Ablations {
        #[cfg(feature = "ablations")]
        {
            self.ablations
        }
        #[cfg(not(feature = "ablations"))]
        Ablations::NONE
    }
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            durability: Durability::default(),
            busy_timeout: Duration::from_secs(5),
            nap: Duration::from_millis(5),
            touch_after: Duration::from_secs(5),
            clock: Arc::new(SystemClock::default()),
            disk: Arc::new(FileSystem),
            observer: None,
            #[cfg(feature = "ablations")]
            ablations: Ablations::NONE,
        }
    }
}

/// Told what a store does, where it does it: anyone who implements it must be quick.
pub trait Observer: Debug + Send + Sync {
    /// A point was passed.
    fn passed(&self, point: Point) {
        let _ = point;
    }

    /// A barrier has begun to wait: what is accepted from now on is not its concern. A discard is
    /// one, too.
    fn waits(&self, thread: ThreadId) {
        let _ = thread;
    }

    /// A barrier has seen the state of its thread, and there is nothing left for it to do but wait
    /// until a projection has ended. It is reported again whenever it has looked again. The thread
    /// is locked meanwhile: nothing may be asked of it here.
    fn rests(&self, thread: ThreadId) {
        let _ = thread;
    }

    /// A projection has ended, and no barrier has looked since. The thread is locked meanwhile:
    /// nothing may be asked of it here.
    fn projected(&self, report: ProjectionReport<'_>) {
        let _ = report;
    }
}

/// A point in the life of an append, at which a test may end the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Point {
    /// Accepted, not yet written.
    Accepted,
    /// In the history, not yet observed.
    Written,
    /// Observed: its patch is pending.
    Observed,
    /// Its projection is about to begin.
    Projecting,
    /// Its projection has ended.
    Projected,
}

impl Point {
    /// All of them, in order.
    pub const ALL: [Self; 5] =
        [Self::Accepted, Self::Written, Self::Observed, Self::Projecting, Self::Projected];

    /// The name of the point.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Written => "written",
            Self::Observed => "observed",
            Self::Projecting => "projecting",
            Self::Projected => "projected",
        }
    }
}

/// What one projection of one thread did.
#[derive(Debug, Clone, Copy)]
pub struct ProjectionReport<'a> {
    /// Whose row.
    pub thread: ThreadId,
    /// Appends that it brought to the row.
    pub appends: u64,
    /// Since the earliest of them was observed that is more than a touch: for how long the row was
    /// behind its history. `None` if all were touches, which may wait.
    pub lag: Option<Duration>,
    /// What came of it.
    pub outcome: &'a Result<(), ProjectError>,
}
