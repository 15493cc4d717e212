//! Folders of this process's own: gone when it is, however it ends.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use crate::request::requested;

/// The file that a process holds locked in its folder, where the next one looks for abandoned ones.
pub const LOCK: &str = "lock";

/// A younger folder may not have been locked yet.
const MIN_AGE: Duration = Duration::from_secs(60);

/// Folders that are to be removed before the process ends.
static LITTER: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn litter() -> MutexGuard<'static, Vec<PathBuf>> {
    LITTER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder of this process's own, with a lock that is held as long. It is removed when this value
/// ends. After a signal it stays until [`tidy`](crate::interrupt::tidy): what was measured is
/// written before sixty thousand files are removed.
#[derive(Debug)]
pub struct TempFolder {
    path: PathBuf,
    _lock: File,
}

impl TempFolder {
    /// A folder in `parent` that is named as `builder` says.
    ///
    /// # Errors
    /// It cannot be made, or `parent` is not UTF-8, so that no request in JSON can name it.
    pub fn new(builder: &tempfile::Builder<'_, '_>, parent: &Path) -> io::Result<Self> {
        if parent.to_str().is_none() {
            return Err(io::Error::other("its path is not UTF-8, which a request cannot say"));
        }
        let mut litter = litter();
        let path = builder.tempdir_in(parent)?.keep();
        litter.push(path.clone());
        let lock = File::create_new(path.join(LOCK))?;
        // Where files cannot be locked nobody else gets the lock either, and so nobody removes it.
        let _ = lock.lock();
        Ok(Self { path, _lock: lock })
    }

    /// The same with a name that begins with `prefix`, once the folders of this prefix are removed
    /// whose process was killed before it could.
    ///
    /// # Errors
    /// As [`TempFolder::new`].
    pub fn with_prefix(prefix: &str, parent: &Path) -> io::Result<Self> {
        remove_abandoned(prefix, parent);
        Self::new(tempfile::Builder::new().prefix(prefix), parent)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let removed = remove(&self.path, &|| !requested());
        if removed.is_ok() || !requested() {
            litter().retain(|path| *path != self.path);
        }
    }
}

fn remove_abandoned(prefix: &str, parent: &Path) {
    let is_old = |path: &Path| {
        let changed = path.metadata().and_then(|found| found.modified());
        changed.is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= MIN_AGE))
    };
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !is_folder || !entry.file_name().to_string_lossy().starts_with(prefix) {
            continue;
        }
        let lock = entry.path().join(LOCK);
        // The lock goes with the process that holds it, whatever becomes of that.
        if is_old(&lock) && opened(&lock).is_ok_and(|lock| is_abandoned(&lock)) {
            // What cannot be removed is not ours.
            let _ = remove(&entry.path(), &|| !requested());
        }
    }
}

/// Opens a lock. A link is not followed, and nobody waits for the writer of a pipe.
fn opened(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    File::options().read(true).custom_flags(flags.cast_signed()).open(path)
}

/// Removes all folders that are left, as far as there is time before `until`, and tells which are
/// not gone. No folder is made any more.
pub(crate) fn remove_all(until: Instant) -> Vec<PathBuf> {
    // Held until the process ends, so that nothing is begun any more.
    let litter = std::mem::ManuallyDrop::new(litter());
    let remains = |folder: &&PathBuf| remove(folder, &|| Instant::now() < until).is_err();
    // The newest first: the small ones, whose places no later run looks through. And twice: who
    // works in a folder may still write into it.
    let left: Vec<&PathBuf> = litter.iter().rev().filter(remains).collect();
    left.into_iter().filter(remains).cloned().collect()
}

/// Removes a folder file by file, as long as it `goes_on`, its lock last: what is left of it is
/// recognised as abandoned.
///
/// # Errors
/// Something cannot be removed, or it did not go on.
pub fn remove(folder: &Path, goes_on: &dyn Fn() -> bool) -> io::Result<()> {
    let lock = folder.join(LOCK);
    emptied(folder, Some(&lock), goes_on)?;
    gone(fs::remove_file(&lock))?;
    gone(fs::remove_dir(folder))
}

fn emptied(folder: &Path, but: Option<&Path>, goes_on: &dyn Fn() -> bool) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if !goes_on() {
            return Err(io::Error::from(io::ErrorKind::Interrupted));
        }
        if entry.file_type()?.is_dir() {
            emptied(&path, None, goes_on)?;
            gone(fs::remove_dir(&path))?;
        } else if but != Some(path.as_path()) {
            gone(fs::remove_file(&path))?;
        }
    }
    Ok(())
}

/// Another process may remove the same.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Whether a file is a lock, always empty, that nobody holds.
#[must_use]
pub fn is_abandoned(lock: &File) -> bool {
    let is_lock = |found: fs::Metadata| found.is_file() && found.len() == 0;
    lock.metadata().is_ok_and(is_lock) && lock.try_lock().is_ok()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_removal_that_is_cut_short_leaves_the_lock_and_can_be_taken_up_again() {
        let parent = tempfile::tempdir().unwrap();
        let outside = parent.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), "").unwrap();
        let folder = parent.path().join("run");
        // It is asked before each of seven entries.
        for steps in 0..7_u32 {
            fs::create_dir_all(folder.join("home/day")).unwrap();
            for name in ["lock", "database", "home/day/lock", "home/day/rollout"] {
                fs::write(folder.join(name), "").unwrap();
            }
            let _ = std::os::unix::fs::symlink(&outside, folder.join("home/link"));
            let left = Cell::new(steps);
            let goes_on = || left.replace(left.get().saturating_sub(1)) > 0;
            assert!(remove(&folder, &goes_on).is_err(), "{steps}");
            assert!(folder.join(LOCK).exists(), "{steps}");
        }
        remove(&folder, &|| true).unwrap();
        assert!(!folder.exists() && outside.join("kept").exists());
        remove(&folder, &|| true).unwrap();
    }
}
