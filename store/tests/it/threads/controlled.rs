//! A store whose projector does what the test says, when the test says it; a clock that does not
//! move; a disk that fails.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tracerig_store::threads::{
    Clock, DatabaseError, Disk, DiskFile, FileSystem, Item, LiveThread, Millis, Mode, Observer,
    Patch, ProjectError, Projection, ProjectionReport, Projector, SessionMeta, StoreOptions,
    ThreadId, ThreadStore,
};

/// How long a test waits for what must happen; only a failing test waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A store whose projections wait for the test.
pub(crate) struct Controlled {
    pub(crate) folder: TempDir,
    pub(crate) store: ThreadStore,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) calls: Calls,
    pub(crate) barriers: Barriers,
    pub(crate) ended: Ended,
}

impl Controlled {
    pub(crate) fn new(mode: Mode) -> Self {
        Self::with(StoreOptions { mode, ..StoreOptions::default() })
    }

    pub(crate) fn with(options: StoreOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (started, calls) = channel();
        let (barriers, waiting) = channel();
        let (projected, ended) = channel();
        let clock = Arc::new(ManualClock::default());
        let options = StoreOptions {
            clock: clock.clone(),
            observer: Some(Arc::new(Watch {
                barriers: Mutex::new(barriers),
                projected: Mutex::new(projected),
            })),
            nap: Duration::from_millis(1),
            ..options
        };
        let store =
            ThreadStore::open_with(folder.path(), options, Box::new(Gated { started })).unwrap();
        Self {
            folder,
            store,
            clock,
            calls: Calls(calls),
            barriers: Barriers(waiting),
            ended: Ended(ended),
        }
    }

    pub(crate) fn thread(&self) -> LiveThread {
        self.store.create(&meta()).unwrap()
    }
}

pub(crate) fn meta() -> SessionMeta {
    SessionMeta { timestamp: Some(Millis(1_780_000_000_000)), ..SessionMeta::new(ThreadId::new()) }
}

/// An item that changes the row, and says which it is.
pub(crate) fn tokens(total: i64) -> Item {
    Item::token_count(total).unwrap()
}

/// An item that only touches.
pub(crate) fn touch() -> Item {
    Item::from_line(
        br#"{"timestamp":"2026-11-20T20:37:24.062Z","type":"response_item",
            "payload":{"type":"reasoning"}}"#,
    )
    .unwrap()
}

/// What the projector was asked to do.
pub(crate) struct Calls(Receiver<Call>);

impl Calls {
    /// The next call; it waits until it is answered.
    pub(crate) fn next(&self) -> Call {
        self.0.recv_timeout(PATIENCE).expect("a projection")
    }

    pub(crate) fn none(&self) -> bool {
        self.0.try_recv().is_err()
    }
}

/// A projection in flight.
pub(crate) struct Call {
    pub(crate) batch: Vec<(ThreadId, Patch)>,
    answer: Sender<Vec<Result<(), ProjectError>>>,
}

impl Call {
    pub(crate) fn succeed(self) {
        self.answer(&Ok(()));
    }

    pub(crate) fn fail(self) {
        self.answer(&Err(failure()));
    }

    pub(crate) fn answer(self, outcome: &Result<(), ProjectError>) {
        let outcomes = self.batch.iter().map(|_| outcome.clone()).collect();
        self.answer.send(outcomes).unwrap();
    }

    pub(crate) fn answer_each(self, outcomes: Vec<Result<(), ProjectError>>) {
        self.answer.send(outcomes).unwrap();
    }

    /// The patch of the only thread in it.
    pub(crate) fn patch(&self) -> &Patch {
        assert_eq!(self.batch.len(), 1);
        &self.batch[0].1
    }
}

pub(crate) fn failure() -> ProjectError {
    DatabaseError::Full { path: "rows".into() }.into()
}

#[derive(Debug)]
struct Gated {
    started: Sender<Call>,
}

impl Projector for Gated {
    fn project(&mut self, batch: &[Projection<'_>]) -> Vec<Result<(), ProjectError>> {
        let batch: Vec<_> = batch.iter().map(|one| (one.thread, one.patch.clone())).collect();
        let failed = vec![Err(failure()); batch.len()];
        let (answer, answered) = channel();
        if self.started.send(Call { batch, answer }).is_err() {
            // The test is over.
            return failed;
        }
        answered.recv().unwrap_or(failed)
    }
}

/// Barriers that have begun to wait.
pub(crate) struct Barriers(Receiver<ThreadId>);

impl Barriers {
    pub(crate) fn next(&self) -> ThreadId {
        self.0.recv_timeout(PATIENCE).expect("a barrier")
    }
}

/// Projections whose outcome is known to the thread.
pub(crate) struct Ended(Receiver<ThreadId>);

impl Ended {
    pub(crate) fn next(&self) -> ThreadId {
        self.0.recv_timeout(PATIENCE).expect("the end of a projection")
    }
}

#[derive(Debug)]
struct Watch {
    barriers: Mutex<Sender<ThreadId>>,
    projected: Mutex<Sender<ThreadId>>,
}

impl Observer for Watch {
    fn waits(&self, thread: ThreadId) {
        let _ = self.barriers.lock().unwrap().send(thread);
    }

    fn projected(&self, report: ProjectionReport<'_>) {
        let _ = self.projected.lock().unwrap().send(report.thread);
    }
}

/// A clock that the test moves.
#[derive(Debug)]
pub(crate) struct ManualClock(Mutex<Duration>);

impl Default for ManualClock {
    fn default() -> Self {
        Self(Mutex::new(Duration::from_secs(1000)))
    }
}

impl ManualClock {
    pub(crate) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        Millis(1_780_000_000_000 + i64::try_from(self.monotonic().as_millis()).unwrap())
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

/// What the failing disk does with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Takes this many bytes, then there is no room.
    WriteAfter(usize),
    /// The sync fails.
    Sync,
    /// Cutting fails.
    Cut,
    /// Opening fails.
    Open,
}

/// The file system, with faults that are due in order; each strikes the first call of its kind.
#[derive(Debug, Default, Clone)]
pub(crate) struct FailingDisk {
    faults: Arc<Mutex<VecDeque<Fault>>>,
}

impl FailingDisk {
    pub(crate) fn due(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().unwrap().extend(faults);
    }

    fn strike<T>(&self, kind: impl Fn(Fault) -> Option<T>) -> Option<T> {
        let mut faults = self.faults.lock().unwrap();
        let struck = kind(*faults.front()?)?;
        faults.pop_front();
        Some(struck)
    }

    pub(crate) fn all_struck(&self) -> bool {
        self.faults.lock().unwrap().is_empty()
    }

    fn wrap(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(FailingFile { disk: self.clone(), file })
    }
}

impl Disk for FailingDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        FileSystem.create_folder(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.opening()?;
        FileSystem.create(path).map(|file| self.wrap(file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.opening()?;
        FileSystem.open(path).map(|file| self.wrap(file))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        FileSystem.remove(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        FileSystem.sync_folder(path)
    }
}

impl FailingDisk {
    fn opening(&self) -> io::Result<()> {
        match self.strike(|fault| (fault == Fault::Open).then_some(())) {
            Some(()) => Err(io::ErrorKind::PermissionDenied.into()),
            None => Ok(()),
        }
    }
}

#[derive(Debug)]
struct FailingFile {
    disk: FailingDisk,
    file: Box<dyn DiskFile>,
}

impl DiskFile for FailingFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let limit = self.disk.strike(|fault| match fault {
            Fault::WriteAfter(limit) => Some(limit),
            Fault::Sync | Fault::Cut | Fault::Open => None,
        });
        match limit {
            None => self.file.append(bytes),
            Some(limit) => {
                let mut part = &bytes[..limit.min(bytes.len())];
                while !part.is_empty() {
                    let taken = self.file.append(part)?;
                    part = &part[taken..];
                }
                Err(io::ErrorKind::StorageFull.into())
            }
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        match self.disk.strike(|fault| (fault == Fault::Sync).then_some(())) {
            Some(()) => Err(io::Error::other("the device failed")),
            None => self.file.sync(),
        }
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        match self.disk.strike(|fault| (fault == Fault::Cut).then_some(())) {
            Some(()) => Err(io::Error::other("the device failed")),
            None => self.file.cut(length),
        }
    }
}
