//! The floor of a refresh: every folder read, one look at each file, nothing else.

use std::ffi::CString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat};
use tracerig_scanner::archive::{ARCHIVED, SESSIONS};

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
            scope.spawn(|| walk.work());
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
            let found = look(&folder);
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

fn look(folder: &Path) -> io::Result<(Vec<PathBuf>, Counted)> {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = openat(CWD, folder, flags, Mode::empty())?;
    let (mut inner, mut files): (Vec<PathBuf>, Vec<CString>) = (Vec::new(), Vec::new());
    for entry in Dir::read_from(&fd)? {
        let entry = entry?;
        let name = entry.file_name();
        match entry.file_type() {
            FileType::Directory if !matches!(name.to_bytes(), b"." | b"..") => {
                inner.push(folder.join(OsStr::from_bytes(name.to_bytes())));
            }
            FileType::RegularFile => files.push(name.to_owned()),
            _ => {}
        }
    }
    let mut counted = Counted { folders: 1, ..Counted::default() };
    for name in files {
        let stat = statat(&fd, &name, AtFlags::empty())?;
        counted.files += 1;
        counted.bytes += u64::try_from(stat.st_size).unwrap_or(0);
    }
    Ok((inner, counted))
}
