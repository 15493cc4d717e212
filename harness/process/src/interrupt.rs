//! Ctrl-C and its like: the first signal asks for an orderly end, which must come within a second.
//!
//! Every long step looks at [`requested`], and every child is ended. A step that cannot look is
//! ended with the process shortly before the second is over: children are killed and temporary
//! folders removed first.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use crate::request::{check, requested};
use crate::{platform, request, watch};

/// Signals closer to each other than this are one request: `timeout` and others send theirs to a
/// process and then to its group, and a wrapper passes on what its child has had from the terminal.
const ONE_REQUEST: Duration = Duration::from_millis(500);

/// From the first signal until the process is ended whatever it does.
const LAST_RESORT: Duration = Duration::from_millis(650);

/// Between two tries to take a lock.
const LOCK_TRIES: Duration = Duration::from_millis(10);

/// The exit code of a process that a signal ended.
const CODE: i32 = 130;

/// Folders that are removed when the process is ended in the middle of something.
static LITTER: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Takes over Ctrl-C, hang-up and termination for this process: the first asks for an orderly end
/// and ends the children; a second, later one ends the process at once with exit code 130.
///
/// # Errors
/// The operating system refuses, or handlers are installed already.
pub fn install() -> Result<(), ctrlc::Error> {
    platform::adopt_orphans();
    let mut first = None;
    ctrlc::set_handler(move || {
        let now = Instant::now();
        match first {
            Some(first) if is_another(first, now) => end_now(),
            Some(_) => {}
            None => {
                first = Some(now);
                request::make();
                watch::end_all();
                let last_resort = || {
                    std::thread::sleep(LAST_RESORT);
                    end_now();
                };
                // Without it a second signal ends the program.
                let _ = std::thread::Builder::new().spawn(last_resort);
            }
        }
    })
}

/// Whether a signal at `now` is a separate request, and not the one of `first` once more.
fn is_another(first: Instant, now: Instant) -> bool {
    now.duration_since(first) >= ONE_REQUEST
}

/// Ends the process in the middle of whatever it does.
fn end_now() -> ! {
    watch::kill_all();
    // Held until the end, so that nothing is begun any more. Who works in a folder may still write
    // into it: hence twice.
    let litter = litter();
    for folder in litter.iter().chain(litter.iter()) {
        let _ = std::fs::remove_dir_all(folder);
    }
    let _ = writeln!(
        io::stderr(),
        "tracerig: interrupted in the middle of a step; the next run removes what is left of it"
    );
    std::process::exit(CODE)
}

fn litter() -> MutexGuard<'static, Vec<PathBuf>> {
    LITTER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for the lock of `file`; `None` if a signal asks for the end before.
///
/// # Errors
/// It cannot be locked.
pub fn lock(file: File) -> io::Result<Option<File>> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if requested() => return Ok(None),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_TRIES),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Whether a file is a lock, always empty, that nobody holds.
#[must_use]
pub fn is_abandoned(lock: &File) -> bool {
    lock.metadata().is_ok_and(|found| found.len() == 0) && lock.try_lock().is_ok()
}

/// Copies a file, and sees that no more than a piece of it waits for the disk: nothing ends a sync
/// on its way.
///
/// # Errors
/// A file cannot be read or written, or an orderly end was asked for.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    const PIECE: u64 = 64 << 20;
    let (mut from, mut to) = (File::open(from)?, File::create(to)?);
    to.set_permissions(from.metadata()?.permissions())?;
    while io::copy(&mut (&mut from).take(PIECE), &mut to)? > 0 {
        to.sync_data()?;
        check()?;
    }
    Ok(())
}

/// A folder of this process's own. It is removed when this value ends, or the process in the middle
/// of something.
#[derive(Debug)]
pub struct TempFolder {
    // Ends first: until it is gone, it is litter.
    folder: TempDir,
    _litter: Litter,
}

impl TempFolder {
    /// A folder in `parent` that is named as `builder` says.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(builder: &tempfile::Builder<'_, '_>, parent: &Path) -> io::Result<Self> {
        let folder = builder.tempdir_in(parent)?;
        litter().push(folder.path().to_owned());
        Ok(Self { _litter: Litter(folder.path().to_owned()), folder })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

#[derive(Debug)]
struct Litter(PathBuf);

impl Drop for Litter {
    fn drop(&mut self) {
        litter().retain(|path| *path != self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_comes_twice_is_one_request() {
        let first = Instant::now();
        let after = |millis| is_another(first, first + Duration::from_millis(millis));
        assert_eq!([0, 1, 499, 500, 10_000].map(after), [false, false, false, true, true]);
    }
}
