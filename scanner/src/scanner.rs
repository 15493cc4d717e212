//! The scanner as a caller sees it: one database, one place for its memo, scans one after the
//! other.

use std::collections::HashMap;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::ablation::{self, Ablation, Ablations};
use crate::answer::{Scan, Window};
use crate::artifact;
use crate::control::{Control, Probe, Progress};
use crate::error::ScanError;
use crate::identity::{FileSystemIdentity, IdentitySource};
use crate::scan::{self, Held, Job, Source};
use crate::snapshot::Context;

/// How long a scan waits for a locked database unless told otherwise.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a scanner keeps its memo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemoPlace {
    /// Nowhere: every scan examines every row.
    Disabled,
    /// In this process: it is gone when the scanner is.
    Memory,
    /// In a file. Its folder is created if need be; a lock file stays beside it.
    File(PathBuf),
}

/// How a scanner works. [`Options::default`] suits everything but tests.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the memo is kept.
    pub memo: MemoPlace,
    /// How long a scan waits for a database that another process keeps locked.
    pub busy_timeout: Duration,
    /// Connections that a full scan of a large database reads through, at most.
    pub connections: NonZeroUsize,
    /// Bytes from which a database is large: to open more than one connection to a smaller one
    /// takes longer than it saves.
    pub large_from_bytes: u64,
    /// Where file identities come from.
    pub identity: Arc<dyn IdentitySource>,
    /// Sees every point a scan reaches; for tests.
    pub probe: Option<Arc<dyn Probe>>,
    /// Rules that are switched off: tests of tests only, since it makes the answers wrong.
    #[cfg(feature = "ablations")]
    #[doc(hidden)]
    pub ablations: Ablations,
}

impl Options {
    /// Connections that more cores add nothing to.
    pub const MOST_CONNECTIONS: NonZeroUsize = const { NonZeroUsize::new(4).unwrap() };

    /// Rules that are switched off.
    const fn ablated(&self) -> Ablations {
        #[cfg(feature = "ablations")]
        {
            self.ablations
        }
        #[cfg(not(feature = "ablations"))]
        Ablations::NONE
    }
}

impl Default for Options {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            memo: MemoPlace::Disabled,
            busy_timeout: BUSY_TIMEOUT,
            connections: cores.min(Self::MOST_CONNECTIONS),
            large_from_bytes: 8 << 20,
            identity: Arc::new(FileSystemIdentity),
            probe: None,
            #[cfg(feature = "ablations")]
            ablations: Ablations::NONE,
        }
    }
}

/// What to scan for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request {
    /// Which evidence counts.
    pub window: Window,
    /// Examine every row, whatever the memo says, and replace the memo.
    pub rescan: bool,
}

/// Scans one trace database.
///
/// Cheap to clone; clones share the memo. Scans of one database are serialized in a process,
/// whichever scanner they were asked of: a scan that began earlier never replaces the memo of one
/// that began later. Scanners of different memos are independent.
#[derive(Clone, Debug)]
pub struct Scanner {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    database: PathBuf,
    options: Options,
    held: Mutex<Option<Held>>,
}

impl Scanner {
    /// A scanner of the database at `database`. Nothing is opened before the first scan.
    #[must_use]
    pub fn new(database: impl Into<PathBuf>, options: Options) -> Self {
        Self {
            shared: Arc::new(Shared { database: database.into(), options, held: Mutex::new(None) }),
        }
    }

    /// Scans now, on this thread.
    ///
    /// # Errors
    /// See [`ScanError`]. After an error the memo is unchanged.
    pub fn scan(&self, request: &Request) -> Result<Scan, ScanError> {
        self.shared.answer(request, &Arc::default())
    }

    /// Scans on a separate thread, to be watched and cancelled.
    #[must_use]
    pub fn start(&self, request: Request) -> Running {
        let control = Arc::new(Control::default());
        let shared = Arc::clone(&self.shared);
        let (over, ended) = mpsc::channel();
        let thread = {
            let control = Arc::clone(&control);
            std::thread::Builder::new().spawn(move || {
                // Dropped when the thread is done, also by a panic: the other end sees that.
                let _over: mpsc::Sender<()> = over;
                shared.answer(&request, &control)
            })
        };
        Running { database: self.shared.database.clone(), control, ended, thread }
    }
}

/// A scan on its way.
#[derive(Debug)]
pub struct Running {
    database: PathBuf,
    control: Arc<Control>,
    ended: Receiver<()>,
    /// Or why there is none.
    thread: io::Result<JoinHandle<Result<Scan, ScanError>>>,
}

impl Running {
    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.control.progress()
    }

    /// Whether [`Running::wait`] will return at once.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().map_or(true, JoinHandle::is_finished)
    }

    /// Waits until the scan has ended, but no longer than `patience`. Returns whether it has.
    #[must_use]
    pub fn has_ended_within(&self, patience: Duration) -> bool {
        !matches!(self.ended.recv_timeout(patience), Err(RecvTimeoutError::Timeout))
    }

    /// Asks the scan to stop. It ends with [`ScanError::Cancelled`] and leaves the memo unchanged,
    /// unless it is already past the last row.
    pub fn cancel(&self) {
        self.control.cancel();
    }

    /// Waits for the answer.
    ///
    /// # Errors
    /// As [`Scanner::scan`].
    pub fn wait(self) -> Result<Scan, ScanError> {
        let path = self.database;
        match self.thread {
            Ok(thread) => thread.join().unwrap_or(Err(ScanError::Stopped { path })),
            Err(source) => Err(ScanError::NoThread { path, source }),
        }
    }
}

impl Shared {
    fn answer(&self, request: &Request, control: &Arc<Control>) -> Result<Scan, ScanError> {
        self.scan(request, control)
            .or_else(|error| ablation::empty_answer(self.options.ablated(), error))
    }

    fn scan(&self, request: &Request, control: &Arc<Control>) -> Result<Scan, ScanError> {
        let named = &self.database;
        // Metadata of a link is not that of its target, and SQLite keeps its log beside the target.
        let path = match std::fs::canonicalize(named) {
            Ok(_) if self.options.ablated().has(Ablation::DatabaseLink) => named.clone(),
            resolved => resolved.map_err(|error| ScanError::from_io(named, error))?,
        };
        if let MemoPlace::File(memo) = &self.options.memo
            && artifact::clashes(memo, &path)
        {
            return Err(ScanError::MemoIsDatabase { path: memo.clone() });
        }
        let gate = gate(&path);
        let _turn = gate.enter(control, &path)?;

        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let memo = match &self.options.memo {
            MemoPlace::Disabled => Source::Disabled,
            // Taken, and put back only by a scan that succeeds: but a failed one must not lose it.
            MemoPlace::Memory => Source::Memory { held: held.clone() },
            MemoPlace::File(path) => Source::File { path, held: held.clone() },
        };
        let done = scan::run(Job {
            context: Context {
                path: &path,
                busy_timeout: self.options.busy_timeout,
                identity: self.options.identity.as_ref(),
                probe: self.options.probe.as_ref(),
                control,
                ablated: self.options.ablated(),
            },
            memo,
            rescan: request.rescan,
            window: request.window,
            connections: self.options.connections,
            large_from_bytes: self.options.large_from_bytes,
        })?;
        *held = done.held;
        Ok(done.scan)
    }
}

/// Lets one scan of a database through at a time.
#[derive(Debug, Default)]
struct Gate {
    occupied: Mutex<bool>,
    freed: Condvar,
}

impl Gate {
    /// Waits for the turn of this scan, or until it is cancelled.
    fn enter(&self, control: &Control, path: &Path) -> Result<Turn<'_>, ScanError> {
        let mut occupied = self.lock();
        while *occupied {
            control.check(path)?;
            occupied = self
                .freed
                .wait_timeout(occupied, Duration::from_millis(20))
                .map_or_else(|poisoned| poisoned.into_inner().0, |(guard, _)| guard);
        }
        *occupied = true;
        Ok(Turn(self))
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.occupied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Being the one scan of a database.
struct Turn<'a>(&'a Gate);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.lock() = false;
        self.0.freed.notify_one();
    }
}

/// The gate of the database at `path`, symbolic links resolved.
fn gate(path: &Path) -> Arc<Gate> {
    static GATES: LazyLock<Mutex<HashMap<PathBuf, Weak<Gate>>>> = LazyLock::new(Mutex::default);
    let mut gates = GATES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(gate) = gates.get(path).and_then(Weak::upgrade) {
        return gate;
    }
    gates.retain(|_, gate| gate.strong_count() > 0);
    let gate = Arc::new(Gate::default());
    gates.insert(path.to_owned(), Arc::downgrade(&gate));
    gate
}
