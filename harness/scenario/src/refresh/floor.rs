//! The floor of a refresh: every folder read, one look at each file, nothing else.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, statat};
use tracerig_scanner::archive::{ARCHIVED, SESSIONS};

/// Bytes of names that are asked for at a time.
const BUFFER: usize = 64 << 10;

/// What the walk counts: enough to see that it looked at everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) folders: u64,
}

#[derive(Default)]
struct State {
    todo: Vec<PathBuf>,
    busy: usize,
    counted: Counted,
    failed: Option<io::Error>,
}

#[derive(Default)]
struct Walk {
    state: Mutex<State>,
    changed: Condvar,
}

/// Walks the archive at `home` with so many threads.
pub(super) fn walk(home: &Path, threads: usize) -> io::Result<Counted> {
    let walk = Walk::default();
    walk.lock().todo = [SESSIONS, ARCHIVED].map(|folder| home.join(folder)).into();
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // One that the system does not start is not missed: the others do its work.
            let _ = std::thread::Builder::new().spawn_scoped(scope, || walk.work());
        }
        walk.work();
    });
    let state = walk.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    match state.failed {
        Some(error) => Err(error),
        None => Ok(state.counted),
    }
}

impl Walk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut buffer = Vec::with_capacity(BUFFER);
        let mut state = self.lock();
        loop {
            let Some(folder) = state.todo.pop() else {
                if state.busy == 0 {
                    return;
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.busy += 1;
            drop(state);
            let found = look(&folder, &mut buffer);
            state = self.lock();
            match found {
                Ok((inner, counted)) => {
                    state.todo.extend(inner);
                    state.counted.files += counted.files;
                    state.counted.bytes += counted.bytes;
                    state.counted.folders += counted.folders;
                }
                // An archive may have no archived sessions.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => state.failed = Some(error),
            }
            state.busy -= 1;
            self.changed.notify_all();
        }
    }
}

fn look(folder: &Path, buffer: &mut Vec<u8>) -> io::Result<(Vec<PathBuf>, Counted)> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = openat(CWD, folder, flags, Mode::empty())?;
    let mut inner = Vec::new();
    let mut counted = Counted { folders: 1, ..Counted::default() };
    entries(&fd, buffer, |name, kind| {
        match kind {
            FileType::Directory if !matches!(name.to_bytes(), b"." | b"..") => {
                inner.push(folder.join(OsStr::from_bytes(name.to_bytes())));
            }
            FileType::RegularFile => {
                let stat = statat(&fd, name, AtFlags::empty())?;
                counted.files += 1;
                counted.bytes += u64::try_from(stat.st_size).unwrap_or(0);
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok((inner, counted))
}

#[cfg(target_os = "linux")]
fn entries(
    fd: &OwnedFd,
    buffer: &mut Vec<u8>,
    mut each: impl FnMut(&CStr, FileType) -> io::Result<()>,
) -> io::Result<()> {
    let mut entries = rustix::fs::RawDir::new(fd, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        each(entry.file_name(), entry.file_type())?;
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn entries(
    fd: &OwnedFd,
    _buffer: &mut Vec<u8>,
    mut each: impl FnMut(&CStr, FileType) -> io::Result<()>,
) -> io::Result<()> {
    for entry in rustix::fs::Dir::read_from(fd)? {
        let entry = entry?;
        each(entry.file_name(), entry.file_type())?;
    }
    Ok(())
}
