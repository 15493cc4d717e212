//! Folders of this process's own: gone when it is, however it ends.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::request::requested;

/// The file that a process holds locked in its folder, where the next one looks for abandoned ones.
pub const LOCK: &str = "lock";

/// Folders that are to be removed before the process ends.
static LITTER: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn litter() -> MutexGuard<'static, Vec<PathBuf>> {
    LITTER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder of this process's own. It is removed when this value ends. After a signal it stays
/// until [`tidy`](crate::interrupt::tidy): what was measured is written before sixty thousand files
/// are removed.
#[derive(Debug)]
pub struct TempFolder(PathBuf);

impl TempFolder {
    /// A folder in `parent` that is named as `builder` says.
    ///
    /// # Errors
    /// It cannot be made, or `parent` is not UTF-8: processes are told in JSON where it is.
    pub fn new(builder: &tempfile::Builder<'_, '_>, parent: &Path) -> io::Result<Self> {
        if parent.to_str().is_none() {
            return Err(io::Error::other("its path is not UTF-8, which a request cannot say"));
        }
        let mut litter = litter();
        let path = builder.tempdir_in(parent)?.keep();
        litter.push(path.clone());
        Ok(Self(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let removed = remove(&self.0, &|| !requested());
        if removed.is_ok() || !requested() {
            litter().retain(|path| *path != self.0);
        }
    }
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
    lock.metadata().is_ok_and(|found| found.len() == 0) && lock.try_lock().is_ok()
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
