//! How the files of a history are dated: by its own clock, so that it does not matter how long
//! anything takes, or by the system.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, utimensat};
use tracerig_scanner::archive::{Clock, FileState, Observed, Options};

use super::op::Dates;

const MILLISECOND: i64 = 1_000_000;

/// When histories begin, in nanoseconds of Unix time.
const BEGINNING: i64 = 1_795_215_600_000_000_000;

/// A file looked at this shortly after its change may change again without a trace.
const TRACELESS: i64 = 20 * MILLISECOND;

/// Device and inode of a file.
type Id = (u64, u64);

/// Folders: the state of each, and the names in it with the numbers of what they lead to.
pub(super) type Folders = BTreeMap<PathBuf, (FileState, BTreeSet<(OsString, u64)>)>;

/// When a file was changed: its content, and anything about it.
type Times = (i64, i64);

/// Dates the files of a history.
pub(super) struct Dating {
    dates: Dates,
    /// Nanoseconds of Unix time.
    clock: i64,
    times: Arc<Mutex<HashMap<Id, Times>>>,
    /// States that a refresh may remember as what they were.
    believed: HashSet<FileState>,
}

fn state(found: &Metadata) -> FileState {
    let nanos = |seconds: i64, nanos: i64| seconds * 1_000_000_000 + nanos;
    FileState {
        device: found.dev(),
        inode: found.ino(),
        size: found.size(),
        modified: nanos(found.mtime(), found.mtime_nsec()),
        changed: nanos(found.ctime(), found.ctime_nsec()),
    }
}

fn with_times(state: FileState, times: &HashMap<Id, Times>) -> FileState {
    let Some(&(modified, changed)) = times.get(&(state.device, state.inode)) else { return state };
    FileState { modified, changed, ..state }
}

impl Dating {
    pub(super) fn new(dates: Dates) -> Self {
        Self { dates, clock: BEGINNING, times: Arc::default(), believed: HashSet::new() }
    }

    pub(super) fn dates(&self) -> Dates {
        self.dates
    }

    pub(super) fn moves(&mut self, milliseconds: i64) {
        self.clock = self.clock.saturating_add(milliseconds.saturating_mul(MILLISECOND));
    }

    fn times(&self) -> MutexGuard<'_, HashMap<Id, Times>> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a refresh takes for the time. Where the system dates files, it is an hour later than it
    /// is.
    pub(super) fn now(&self) -> i64 {
        if self.dates != Dates::System {
            return self.clock;
        }
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let later = since + Duration::from_secs(3600);
        i64::try_from(later.as_nanos()).unwrap_or(i64::MAX)
    }

    /// The clock of a refresh, which does not move.
    pub(super) fn clock(&self) -> Clock {
        let now = self.now();
        Arc::new(move || now)
    }

    /// The same for folders. Only the system dates these.
    pub(super) fn folder_clock(&self) -> Clock {
        if self.dates == Dates::System { self.clock() } else { Options::default().folder_clock }
    }

    /// `roots` and the folders below, where the system dates them: what they are to be compared
    /// with after a change.
    pub(super) fn folders(&self, roots: &[PathBuf]) -> Folders {
        let mut folders = Folders::new();
        let mut todo = roots.to_vec();
        while let Some(folder) = todo.pop().filter(|_| self.dates == Dates::System) {
            let found = fs::symlink_metadata(&folder).ok().filter(Metadata::is_dir);
            let Some(found) = found else { continue };
            let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
            let names: BTreeSet<_> =
                entries.map(|entry| (entry.file_name(), entry.ino())).collect();
            todo.extend(names.iter().map(|(name, _)| folder.join(name)));
            folders.insert(folder, (state(&found), names));
        }
        folders
    }

    /// Has the system date each folder that holds something else than `before` later than it was
    /// then.
    pub(super) fn folders_changed(&self, roots: &[PathBuf], before: &Folders) -> io::Result<()> {
        for (path, (_, names)) in self.folders(roots) {
            if let Some((then, _)) = before.get(&path).filter(|(_, before)| *before != names) {
                later(&path, |now| is_later(now, *then), None)?;
            }
        }
        Ok(())
    }

    /// What a refresh is told of a file instead of what the system says.
    pub(super) fn observed(&self) -> Option<Observed> {
        if self.dates == Dates::System {
            return None;
        }
        let times = Arc::clone(&self.times);
        Some(Arc::new(move |state| {
            with_times(state, &times.lock().unwrap_or_else(PoisonError::into_inner))
        }))
    }

    /// The state that a refresh finds a file in.
    pub(super) fn state(&self, found: &Metadata) -> FileState {
        with_times(state(found), &self.times())
    }

    /// Whether a file may change after `now` without a trace.
    pub(super) fn is_fresh(state: &FileState, now: i64) -> bool {
        now - state.modified.max(state.changed) < TRACELESS
    }

    /// Notes that a refresh saw a file in this state.
    pub(super) fn seen(&mut self, state: FileState, now: i64) {
        if !Self::is_fresh(&state, now) {
            self.believed.insert(state);
        }
    }

    /// The date of a change made now.
    fn date(&self) -> i64 {
        let tick = self.tick();
        self.clock.div_euclid(tick) * tick
    }

    fn tick(&self) -> i64 {
        MILLISECOND * if self.dates == Dates::Coarse { 2000 } else { 4 }
    }

    /// Dates a change of the content of the file at `path`; `put_back` is what its time of
    /// modification is set to then. `before` is the file as it was.
    ///
    /// Whatever a refresh believes to be one content never represents another, but for the moment
    /// after a change that each file system must be given: where it would, time passes.
    pub(super) fn changed(
        &mut self,
        path: &Path,
        before: Option<&Metadata>,
        put_back: Option<i64>,
    ) -> io::Result<()> {
        let put_back = put_back.filter(|_| self.dates != Dates::Modified);
        if self.dates == Dates::System {
            let then = before.map(state);
            return later(path, |now| then.is_none_or(|then| is_later(now, then)), put_back);
        }
        let found = fs::metadata(path)?;
        loop {
            let date = self.date();
            let changed = if self.dates == Dates::Modified { 0 } else { date };
            let modified = put_back.unwrap_or(date);
            self.times().insert((found.dev(), found.ino()), (modified, changed));
            if !self.believed.contains(&self.state(&found)) {
                return Ok(());
            }
            self.clock += self.tick();
        }
    }

    /// Dates a change of something else than the content, such as the name.
    pub(super) fn changed_around(
        &mut self,
        path: &Path,
        before: Option<&Metadata>,
    ) -> io::Result<()> {
        let modified = self.state(&fs::metadata(path)?).modified;
        match self.dates {
            Dates::Modified => Ok(()),
            _ => self.changed(path, before, Some(modified)),
        }
    }
}

/// Whether a state is another one than `then` to everybody.
fn is_later(now: FileState, then: FileState) -> bool {
    (now.device, now.inode) != (then.device, then.inode) || now.changed > then.changed
}

/// Has the system date what is at `path` until that is late enough.
fn later(
    path: &Path,
    is_later: impl Fn(FileState) -> bool,
    put_back: Option<i64>,
) -> io::Result<()> {
    const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    const AS_IT_IS: Timespec = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    // By its path: nobody may be able to open it.
    let touch = |modified| {
        let times = Timestamps { last_access: AS_IT_IS, last_modification: modified };
        utimensat(CWD, path, &times, AtFlags::empty())
    };
    let modified = put_back.map(|at| Timespec {
        tv_sec: at.div_euclid(1_000_000_000),
        tv_nsec: at.rem_euclid(1_000_000_000),
    });
    if let Some(modified) = modified {
        touch(modified)?;
    }
    while !is_later(state(&fs::metadata(path)?)) {
        std::thread::sleep(Duration::from_millis(1));
        touch(modified.unwrap_or(NOW))?;
    }
    Ok(())
}
