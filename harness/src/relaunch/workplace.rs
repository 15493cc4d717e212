//! A folder of a run's own, that is gone when the run is, however it ended.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::error::RunError;

const PREFIX: &str = "run-";
const LOCK: &str = "lock";
/// Beside the folders: held while one is made, and while abandoned ones are looked for.
const TURN: &str = "turn";

/// A folder that a run works in. Dropping it removes it; what a killed run left is removed by the next.
#[derive(Debug)]
pub(crate) struct Workplace {
    folder: TempDir,
    /// Held as long as the folder is in use.
    _lock: File,
}

impl Workplace {
    /// A new folder in `parent`, which is created if need be.
    pub(crate) fn new(parent: &Path) -> Result<Self, RunError> {
        std::fs::create_dir_all(parent).map_err(RunError::io(parent, "create the folder"))?;
        // No other run may look for abandoned folders while this one has none locked yet.
        let _turn = lock(&parent.join(TURN))?;
        sweep(parent);
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(parent)
            .map_err(RunError::io(parent, "create a folder in it"))?;
        let lock = lock(&folder.path().join(LOCK))?;
        Ok(Self { folder, _lock: lock })
    }

    pub(crate) fn path(&self) -> PathBuf {
        // SQLite and the scanner see resolved paths; a link on the way would make them two.
        self.folder.path().canonicalize().unwrap_or_else(|_| self.folder.path().to_owned())
    }
}

/// Opens the file at `path`, creating it if need be, and waits for its lock.
fn lock(path: &Path) -> Result<File, RunError> {
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(path);
    file.and_then(|file| file.lock().map(|()| file)).map_err(RunError::io(path, "lock it"))
}

/// Removes the folders of runs that are no more.
fn sweep(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let folder = entry.path();
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let abandoned = match File::open(folder.join(LOCK)) {
            Ok(lock) => lock.try_lock().is_ok(),
            // Killed before it had one: nobody is between creating a folder and locking it now.
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        if abandoned {
            // What cannot be removed now is the next run's to try.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_run_removes_what_killed_runs_left_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let alive = Workplace::new(parent.path()).unwrap();
        let killed = parent.path().join("run-killed");
        std::fs::create_dir(&killed).unwrap();
        std::fs::write(killed.join(LOCK), "").unwrap();
        std::fs::write(killed.join("logs_2.sqlite"), "rows").unwrap();
        let other = parent.path().join("notes");
        std::fs::create_dir(&other).unwrap();
        std::fs::write(other.join(LOCK), "").unwrap();

        let next = Workplace::new(parent.path()).unwrap();
        assert!(!killed.exists());
        assert!(alive.path().exists() && next.path().exists() && other.exists());
        let path = next.path();
        drop(next);
        assert!(!path.exists());
    }
}
