//! The store: histories in a folder, rows in a database beside them, and the threads that are live.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::ablation::Ablation;
use super::column::{Column, Value};
use super::derive::Seen;
use super::desk::{Before, Deferred, Desk, DeskState};
use super::error::{Error, Result};
use super::id::ThreadId;
use super::item::Item;
use super::list::{ListQuery, Page};
use super::live::{LiveThread, Shared};
use super::lock::{NotLocked, WriterLock};
use super::options::{Mode, Point, StoreOptions};
use super::patch::Patch;
use super::pending::Job;
use super::problem::HistoryError;
use super::project::{Projector, Readback, Sqlite, Through};
use super::replay::Replay;
use super::rows::{Rows, ThreadRow};
use super::source::is_compressed;
use super::walk::{Found, Sessions};
use super::worker::{self, Context, InTurns, Worker};
use super::writer::HistoryWriter;
use super::{SessionMeta, find, replay, restore, schema};

/// The folder of the histories, below that of the store.
pub const SESSIONS: &str = "sessions";
/// The folder of the histories of archived threads, below that of the store.
pub const ARCHIVED: &str = "archived_sessions";
/// The folder of the writers' locks, below that of the store.
pub const LOCKS: &str = "locks";

/// A store of threads: append-only histories, and a row of metadata for each, derived from its
/// history.
///
/// Dropping the last of a store and its live threads projects what is pending.
#[derive(Debug, Clone)]
pub struct ThreadStore {
    inner: Arc<StoreInner>,
}

/// What the live threads of a store share.
#[derive(Debug)]
pub(super) struct StoreInner {
    root: PathBuf,
    pub(super) options: StoreOptions,
    context: Context,
    rows: Mutex<Rows>,
    /// The worker of the store, in the mode that has one.
    pub(super) worker: Option<Worker>,
    /// What everything else projects with.
    in_turns: Option<InTurns>,
    through: Option<Arc<dyn Through>>,
    transactions: Arc<AtomicU64>,
}

impl ThreadStore {
    /// Opens the store in the folder `root`, creating what is missing of it.
    ///
    /// # Errors
    /// [`Error::History`] when the folder cannot be used, [`Error::Database`] when the database
    /// cannot.
    pub fn open(root: impl AsRef<Path>, options: StoreOptions) -> Result<Self> {
        Self::open_through(root, options, None)
    }

    /// Opens the store with something between it and its projectors, if `through` says so: for
    /// tests that make projections wait or fail.
    ///
    /// # Errors
    /// As [`ThreadStore::open`].
    pub fn open_through(
        root: impl AsRef<Path>,
        options: StoreOptions,
        through: Option<Arc<dyn Through>>,
    ) -> Result<Self> {
        let transactions = Arc::new(AtomicU64::new(0));
        let path = root.as_ref().join(schema::FILE_NAME);
        let counted = Arc::clone(&transactions);
        create_folders(root.as_ref())?;
        let projector: Box<dyn Projector> = match options.mode {
            Mode::SyncReadback => Box::new(Readback::open(&path, options.busy_timeout, counted)?),
            Mode::Sync | Mode::AsyncPerThread | Mode::Async => Box::new(
                Sqlite::open(&path, options.busy_timeout, counted)?.without(options.ablated()),
            ),
        };
        Self::assemble(root.as_ref(), options, projector, through, transactions)
    }

    /// Opens the store with a projector of the caller's, for tests that need one that waits or
    /// fails.
    ///
    /// # Errors
    /// As [`ThreadStore::open`].
    pub fn open_with(
        root: impl AsRef<Path>,
        options: StoreOptions,
        projector: Box<dyn Projector>,
    ) -> Result<Self> {
        create_folders(root.as_ref())?;
        Self::assemble(root.as_ref(), options, projector, None, Arc::default())
    }

    fn assemble(
        root: &Path,
        options: StoreOptions,
        projector: Box<dyn Projector>,
        through: Option<Arc<dyn Through>>,
        transactions: Arc<AtomicU64>,
    ) -> Result<Self> {
        let context = Context::of(&options);
        let rows = Mutex::new(Rows::open(&root.join(schema::FILE_NAME), options.busy_timeout)?);
        let (worker, in_turns) = match options.mode {
            Mode::Async => {
                let projector = wrapped(through.as_ref(), projector);
                let worker = Worker::start("thread-rows", projector, context.clone())
                    .map_err(|source| Error::history(root, "start its worker", source))?;
                (Some(worker), None)
            }
            Mode::AsyncPerThread => (None, Some(InTurns::new(projector))),
            Mode::SyncReadback | Mode::Sync => {
                (None, Some(InTurns::new(wrapped(through.as_ref(), projector))))
            }
        };
        let root = root.to_owned();
        let inner =
            StoreInner { root, options, context, rows, worker, in_turns, through, transactions };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The folder of the store.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// Transactions that projections have begun.
    #[must_use]
    pub fn transactions(&self) -> u64 {
        self.inner.transactions.load(Ordering::Relaxed)
    }

    /// A new thread that begins with `meta`, whose id it has. Its file and its row come with its
    /// first item.
    ///
    /// # Errors
    /// [`Error::InUse`] and [`Error::Exists`] when there is a thread with this id;
    /// [`Error::History`] when its lock cannot be taken.
    pub fn create(&self, meta: &SessionMeta) -> Result<LiveThread> {
        let id = meta.id;
        let lock = self.lock(id)?;
        let at = meta.timestamp.unwrap_or_else(|| self.inner.options.clock.now());
        let known = self.inner.known_path(id)?;
        if let Some(path) =
            known.map_or_else(|| find::around(&self.sessions(), id, at), |path| Ok(Some(path)))?
        {
            self.give_way(id, path)?;
        }
        let path = self.sessions().join(at.folder()).join(id.file_name(at));
        let StoreOptions { disk, durability, .. } = &self.inner.options;
        let ablated = self.inner.options.ablated();
        let desk = Desk {
            history: HistoryWriter::new(Arc::clone(disk), path, *durability, ablated),
            before: Before::default(),
            lock,
            seen: Seen::default(),
            deferred: Deferred::Create(Box::new(Item::session_meta(meta)?)),
            state: DeskState::Open,
            buffer: Vec::new(),
            stamp: None,
        };
        let live = self.live(id, desk)?;
        if self.inner.options.ablated().has(Ablation::DeferredCreate) {
            live.write_deferred()?;
        }
        Ok(live)
    }

    /// A thread whose history exists, for appending to it. If it is compressed, the plain file is
    /// restored first. The row is updated with the first append, or by [`LiveThread::persist`].
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::InUse`], [`Error::Archived`]; [`Error::Duplicate`] when two
    /// histories have this id, and the errors of a replay.
    pub fn resume(&self, id: ThreadId) -> Result<LiveThread> {
        let lock = self.lock(id)?;
        let sessions = Sessions::of(&self.inner.root).lacking(self.inner.options.ablated());
        let found = sessions.find(id)?.ok_or_else(|| self.inner.unknown(id))?;
        if found.is_archived {
            let path = found.files.last().cloned().unwrap_or_default();
            return Err(Error::Archived { thread: id, path });
        }
        let (mut before, mut replay) = self.inner.replay(found, id)?;
        if is_compressed(&replay.path) {
            let compressed = replay.path.clone();
            let StoreOptions { disk, .. } = &self.inner.options;
            let restored = restore::restore(&**disk, self.inner.options.ablated(), &compressed);
            restored
                .map_err(|source| Error::history(&compressed, "restore its plain file", source))?;
            let found = sessions.find(id)?.ok_or_else(|| self.inner.unknown(id))?;
            (before, replay) = self.inner.replay(found, id)?;
        }
        let path = replay.path;
        let mut patch = self.inner.row_of(&path);
        patch.merge(replay.patch);
        if self.inner.options.ablated().has(Ablation::LineTime) {
            patch.set(Column::UpdatedAtMs, Value::Integer(self.inner.options.clock.now().0));
        }
        let StoreOptions { disk, durability, .. } = &self.inner.options;
        let ablated = self.inner.options.ablated();
        let desk = Desk {
            history: HistoryWriter::resume(
                Arc::clone(disk),
                path,
                *durability,
                ablated,
                replay.bytes,
                replay.torn.map_or(0, |torn| torn.bytes),
                !replay.is_ended,
            ),
            before,
            lock,
            seen: replay.seen,
            deferred: if ablated.has(Ablation::DeferredResume) {
                Deferred::Nothing
            } else {
                Deferred::Resume(Box::new(patch))
            },
            state: DeskState::Open,
            buffer: Vec::new(),
            stamp: None,
        };
        self.live(id, desk)
    }

    /// Removes a history that broke off before its first record was whole: nothing of it was ever
    /// acknowledged. Any other stays.
    fn give_way(&self, id: ThreadId, path: PathBuf) -> Result<()> {
        match replay::replay(&path, id) {
            Err(HistoryError::Empty { .. } | HistoryError::TornAtStart { .. }) => {
                let removed = self.inner.options.disk.remove(&path);
                removed.map_err(|source| Error::history(&path, "remove what is left of it", source))
            }
            _ => Err(Error::Exists { thread: id, path }),
        }
    }

    fn live(&self, id: ThreadId, desk: Desk) -> Result<LiveThread> {
        let worker = match (&self.inner.in_turns, self.inner.options.mode) {
            (Some(in_turns), Mode::AsyncPerThread) => {
                let projector = wrapped(self.inner.through.as_ref(), Box::new(in_turns.clone()));
                let worker = Worker::start("thread-row", projector, self.inner.context.clone())
                    .map_err(|source| Error::history(&self.inner.root, "start a worker", source))?;
                Some(worker)
            }
            _ => None,
        };
        Ok(LiveThread::new(id, desk, Arc::clone(&self.inner), worker))
    }

    fn lock(&self, id: ThreadId) -> Result<Option<WriterLock>> {
        if self.inner.options.ablated().has(Ablation::OneWriter) {
            return Ok(None);
        }
        let path = self.inner.root.join(LOCKS).join(id.to_string());
        WriterLock::take(&path).map(Some).map_err(|error| match error {
            NotLocked::Held => Error::InUse { thread: id, path },
            NotLocked::Io(source) => Error::history(&path, "lock it", source),
        })
    }

    /// The row of a thread, as far as it was projected; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Database`] when the database cannot be read.
    pub fn read(&self, id: ThreadId) -> Result<Option<ThreadRow>> {
        self.inner.read(id)
    }

    /// A page of rows, newest first.
    ///
    /// # Errors
    /// [`Error::Database`] when the database cannot be read, [`Error::Cursor`] when the cursor is
    /// of another order.
    pub fn list(&self, query: &ListQuery) -> Result<Page> {
        Ok(self.inner.rows().list(query)?)
    }

    fn sessions(&self) -> PathBuf {
        self.inner.root.join(SESSIONS)
    }
}

impl StoreInner {
    fn rows(&self) -> std::sync::MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn read(&self, id: ThreadId) -> Result<Option<ThreadRow>> {
        Ok(self.rows().read(id)?)
    }

    pub(super) fn unknown(&self, id: ThreadId) -> Error {
        Error::Unknown { thread: id, path: self.root.clone() }
    }

    /// The history that the row names, if it is there.
    fn known_path(&self, id: ThreadId) -> Result<Option<PathBuf>> {
        let row = self.read(id)?;
        Ok(row.map(|row| self.root.join(row.rollout_path)).filter(|path| path.exists()))
    }

    /// Replays a history for a writer: the last of its files goes on.
    fn replay(&self, mut found: Found, id: ThreadId) -> Result<(Before, Replay)> {
        let mut replay = replay::replay_all(&found.files, id, self.options.ablated())?;
        found.name(&mut replay.seen, |title| replay.patch.set(Column::Title, Value::text(title)));
        let before =
            Before { bytes: replay.earlier, title: found.title.take(), files: found.files };
        Ok((before, replay))
    }

    /// A whole row that says where the history is, and nothing else yet.
    pub(super) fn row_of(&self, history: &Path) -> Patch {
        let path = history.strip_prefix(&self.root).unwrap_or(history);
        let mut patch = Patch::default();
        patch.set(Column::RolloutPath, Value::Text(path.to_string_lossy().into_owned()));
        patch.mark_complete();
        patch
    }

    pub(super) fn passed(&self, point: Point) {
        if let Some(observer) = &self.options.observer {
            observer.passed(point);
        }
    }

    /// How long a touch may wait: where no worker could project it later, it may not.
    pub(super) fn touch_after(&self) -> std::time::Duration {
        if self.options.mode.is_async() {
            self.context.touch_after
        } else {
            std::time::Duration::ZERO
        }
    }

    /// Projects in the thread of execution that asks, taking turns with the others.
    pub(super) fn project_here(&self, thread: Arc<Shared>, job: Job) {
        if let Some(in_turns) = &self.in_turns {
            worker::project(&mut in_turns.clone(), &self.context, vec![(thread, job)]);
        }
    }
}

fn wrapped(
    through: Option<&Arc<dyn Through>>,
    projector: Box<dyn Projector>,
) -> Box<dyn Projector> {
    match through {
        Some(through) => through.wrap(projector),
        None => projector,
    }
}

fn create_folders(root: &Path) -> Result<()> {
    for folder in [root.join(SESSIONS), root.join(LOCKS)] {
        std::fs::create_dir_all(&folder)
            .map_err(|source| Error::history(&folder, "create the folder", source))?;
    }
    Ok(())
}
