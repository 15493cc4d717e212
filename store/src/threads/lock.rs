//! The lock of a thread's writer: one live writer a thread, in the process and across processes.
//!
//! An advisory lock of the operating system on a file of the thread's own: anyone who dies loses
//! it. The file is removed when the lock is given up, so that a folder of fifty thousand threads
//! holds a lock file for each live one only.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::files::open_lock;

/// Held as long as a thread has a live writer.
#[derive(Debug)]
pub(super) struct WriterLock {
    file: File,
    path: PathBuf,
}

/// Why a lock was not taken.
#[derive(Debug)]
pub(super) enum NotLocked {
    /// Somebody else holds it.
    Held,
    /// The file cannot be opened or locked.
    Io(io::Error),
}

impl WriterLock {
    /// Takes the lock file at `path`, without waiting. Its folder must exist.
    pub(super) fn take(path: &Path) -> Result<Self, NotLocked> {
        loop {
            let file = open_lock(path).map_err(NotLocked::Io)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(NotLocked::Held),
                Err(TryLockError::Error(error)) => return Err(NotLocked::Io(error)),
            }
            // Its last holder may have removed it between the opening and the locking: then it
            // guards nothing.
            if is_at(&file, path).map_err(NotLocked::Io)? {
                return Ok(Self { file, path: path.to_owned() });
            }
        }
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // Removed while it is still held: anyone who opened it before will see that its name is
        // gone. Where that is not possible the file stays, unlocked.
        if cfg!(unix) && matches!(is_at(&self.file, &self.path), Ok(true)) {
            let _ = std::fs::remove_file(&self.path);
        }
        let _ = self.file.unlock();
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let held = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(named) => Ok((held.dev(), held.ino()) == (named.dev(), named.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = WriterLock::take(&path).unwrap();
        assert!(matches!(WriterLock::take(&path), Err(NotLocked::Held)));
        drop(first);
        assert!(!path.exists());
        drop(WriterLock::take(&path).unwrap());
    }

    #[test]
    fn a_file_left_by_a_killed_writer_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        std::fs::write(&path, b"").unwrap();
        assert!(WriterLock::take(&path).is_ok());
    }

    #[test]
    fn many_takers_never_hold_it_together() {
        use std::sync::atomic::{AtomicU32, Ordering};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let holders = AtomicU32::new(0);
        let taken = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        if let Ok(lock) = WriterLock::take(&path) {
                            assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                            taken.fetch_add(1, Ordering::SeqCst);
                            holders.fetch_sub(1, Ordering::SeqCst);
                            drop(lock);
                        }
                    }
                });
            }
        });
        assert!(taken.load(Ordering::SeqCst) > 0);
    }
}
