//! The machine that a store of a history runs on: its clock, its disk, and how it dies or loses its
//! power.
//!
//! A dead machine does nothing any more: every call of the file layer fails, and the gate lets no
//! projection through. So dropping a store on it leaves what a killed process leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracerig_store::threads::{Clock, Disk, DiskFile, FileSystem, Millis, Point};

use super::arguments::{Death, DiskCall};

/// When histories begin, milliseconds.
pub(super) const EPOCH: i64 = 1_780_000_000_000;

/// The clock of a history, which only its operations move.
#[derive(Debug)]
pub(super) struct HandClock {
    now: AtomicI64,
    passed: AtomicU64,
}

impl Default for HandClock {
    fn default() -> Self {
        Self { now: AtomicI64::new(EPOCH), passed: AtomicU64::new(1_000_000) }
    }
}

impl HandClock {
    /// Moves the time of day; intervals never shrink.
    pub(super) fn step(&self, by: i64) {
        self.now.fetch_add(by, Ordering::SeqCst);
        self.passed.fetch_add(u64::try_from(by).unwrap_or(0), Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Millis {
        Millis(self.now.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.passed.load(Ordering::SeqCst))
    }
}

/// The disk, and whether the machine is alive.
#[derive(Debug, Clone, Default)]
pub(super) struct Machine(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    dead: bool,
    /// Whether what was not synced is gone.
    dark: bool,
    dies: Option<Death>,
    /// Syncs until the power fails.
    power: Option<u32>,
    syncs: u64,
    failing_writes: u32,
    failing_syncs: u32,
    /// The bytes of each file that are on the device.
    safe: BTreeMap<PathBuf, u64>,
    /// Folders whose names are.
    named: BTreeSet<PathBuf>,
}

impl Machine {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has so many calls fail.
    pub(super) fn fail(&self, call: DiskCall, times: u32) {
        match call {
            DiskCall::Write => self.state().failing_writes += times,
            DiskCall::Sync => self.state().failing_syncs += times,
        }
    }

    /// Calls that are yet to fail.
    pub(super) fn failing(&self, call: DiskCall) -> u32 {
        match call {
            DiskCall::Write => self.state().failing_writes,
            DiskCall::Sync => self.state().failing_syncs,
        }
    }

    /// Has the machine die when it comes there.
    pub(super) fn die_at(&self, death: Death) {
        self.state().dies = Some(death);
    }

    /// Has the power fail at the sync of this number from here, from 1.
    pub(super) fn power_at(&self, sync: u32) {
        self.state().power = Some(sync.saturating_sub(1));
    }

    /// Whether it will die, or lose its power, by something that was asked for.
    pub(super) fn is_armed(&self) -> bool {
        let state = self.state();
        state.dies.is_some() || state.power.is_some()
    }

    /// Another program has written the file at `path`, which now has `length` bytes, all of them on
    /// the device.
    pub(super) fn keep(&self, path: &Path, length: u64) {
        let mut state = self.state();
        state.safe.insert(path.to_owned(), length);
        state.named.extend(path.parent().map(Path::to_owned));
    }

    /// Whether what was not synced is gone.
    pub(super) fn is_dark(&self) -> bool {
        self.state().dark
    }

    /// Nothing is asked for any more.
    pub(super) fn calm(&self) {
        let mut state = self.state();
        (state.dies, state.power) = (None, None);
        (state.failing_writes, state.failing_syncs) = (0, 0);
    }

    /// Dies now.
    pub(super) fn die(&self) {
        self.state().dead = true;
    }

    pub(super) fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// Syncs so far.
    pub(super) fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// A point was passed.
    pub(super) fn passed(&self, point: Point) {
        let mut state = self.state();
        if state.dies == Some(Death::At(point)) {
            state.dead = true;
        }
    }

    /// Starts the machine anew; if the power was gone, without what was not on the device. What is
    /// there now counts as safe: it was written back meanwhile.
    pub(super) fn restart(&self) -> io::Result<()> {
        let mut state = self.state();
        if state.dark {
            for (path, safe) in &state.safe {
                if !path.exists() {
                    continue;
                }
                if path.parent().is_some_and(|folder| state.named.contains(folder)) {
                    let file = std::fs::File::options().write(true).open(path)?;
                    let length = file.metadata()?.len();
                    file.set_len(length.min(*safe))?;
                } else {
                    std::fs::remove_file(path)?;
                }
            }
        }
        *state = State { syncs: state.syncs, ..State::default() };
        Ok(())
    }

    fn works(&self) -> io::Result<()> {
        if self.is_dead() { Err(gone()) } else { Ok(()) }
    }

    /// A sync, which is the one that the power fails at, fails, or is noted by `done`.
    fn sync(
        &self,
        may_fail: bool,
        done: impl FnOnce(&mut State) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut state = self.state();
        if state.dead {
            return Err(gone());
        }
        if state.power == Some(0) {
            (state.dead, state.dark) = (true, true);
            return Err(gone());
        }
        if may_fail && state.failing_syncs > 0 {
            state.failing_syncs -= 1;
            return Err(io::Error::other("the device failed"));
        }
        state.power = state.power.map(|left| left - 1);
        state.syncs += 1;
        done(&mut state)
    }
}

fn gone() -> io::Error {
    io::Error::other("the machine is dead")
}

impl Disk for Machine {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.works().and_then(|()| FileSystem.create_folder(path))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.works()?;
        let file = FileSystem.create(path)?;
        self.state().safe.insert(path.to_owned(), 0);
        Ok(Box::new(HistoryFile { machine: self.clone(), path: path.to_owned(), file }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.works()?;
        let file = FileSystem.open(path)?;
        let length = file.length()?;
        let mut state = self.state();
        if !state.safe.contains_key(path) {
            // It was there when the machine started, and so was its name.
            state.safe.insert(path.to_owned(), length);
            state.named.extend(path.parent().map(Path::to_owned));
        }
        Ok(Box::new(HistoryFile { machine: self.clone(), path: path.to_owned(), file }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.works().and_then(|()| FileSystem.remove(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.works()?;
        FileSystem.rename(from, to)?;
        let mut state = self.state();
        let safe = state.safe.remove(from);
        state.safe.extend(safe.map(|safe| (to.to_owned(), safe)));
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.sync(false, |state| {
            state.named.insert(path.to_owned());
            Ok(())
        })
    }
}

#[derive(Debug)]
struct HistoryFile {
    machine: Machine,
    path: PathBuf,
    file: Box<dyn DiskFile>,
}

impl HistoryFile {
    fn part(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let taken = self.file.append(bytes)?;
            bytes = &bytes[taken..];
        }
        Ok(())
    }
}

impl DiskFile for HistoryFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = {
            let mut state = self.machine.state();
            if state.dead {
                return Err(gone());
            }
            if let Some(Death::Torn(taken)) = state.dies {
                state.dead = true;
                Some((taken as usize, gone()))
            } else if state.failing_writes > 0 {
                state.failing_writes -= 1;
                Some((bytes.len() / 2, io::ErrorKind::StorageFull.into()))
            } else {
                None
            }
        };
        match part {
            None => self.file.append(bytes),
            Some((taken, error)) => {
                self.part(&bytes[..taken.min(bytes.len() - 1)])?;
                Err(error)
            }
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let length = self.file.length()?;
        let path = self.path.clone();
        self.machine.sync(true, |state| {
            state.safe.insert(path, length);
            Ok(())
        })
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.machine.works()?;
        let safe = self.machine.state().safe.get(&self.path).copied();
        self.file.cut(length)?;
        if let Some(safe) = safe {
            self.machine.state().safe.insert(self.path.clone(), safe.min(length));
        }
        Ok(())
    }
}
