//! Ctrl-C and its like: the first signal asks for an orderly end, which must come within a second.
//!
//! Every long step looks at [`requested`], and every child is ended. What was measured is written,
//! then temporary folders are removed ([`tidy`]). A step that cannot look is ended with the process
//! shortly before the second is over: children are killed and temporary folders removed first.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use crate::folder::{LOCK, TempFolder, is_abandoned, remove};
pub use crate::request::{check, requested};
use crate::{folder, platform, request, watch};

/// Signals closer to each other than this are one request: `timeout` and others send theirs to a
/// process and then to its group, and a wrapper passes on what its child has had from the terminal.
const ONE_REQUEST: Duration = Duration::from_millis(500);

/// From the first signal until the process is ended whatever it does.
const LAST_RESORT: Duration = Duration::from_millis(650);

/// For folders that are removed then. More of them is left to the next run.
const LONGEST_REMOVAL: Duration = Duration::from_millis(100);

/// Between two tries to take a lock.
const LOCK_TRIES: Duration = Duration::from_millis(10);

/// The exit code of a process that a signal ended.
const CODE: i32 = 130;

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
    folder::remove_all(Instant::now() + LONGEST_REMOVAL);
    let _ = writeln!(
        io::stderr(),
        "tracerig: interrupted in the middle of a step; the next run removes what is left of it"
    );
    std::process::exit(CODE)
}

/// Removes the folders that a signal left, once everything is written: as far as there is time. To
/// be called last. Returns those of which something is left.
#[must_use]
pub fn tidy() -> Vec<PathBuf> {
    let until = request::made().map(|made| made + LAST_RESORT + LONGEST_REMOVAL);
    until.map(folder::remove_all).unwrap_or_default()
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
