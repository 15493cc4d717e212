//! A folder of a run's own, that is gone when the run is, however it ended; and whether there is
//! room for it.

use std::fs::File;
use std::path::{Path, PathBuf};

use tracerig_store::files::{open_lock, open_regular};

use super::ScenarioError;
use crate::interrupt::{self, LOCK, TempFolder, is_abandoned};

const PREFIX: &str = "run-";
/// Bytes of the path of every workplace, whatever it lies in. A memo holds the path of its database
/// and a thread's row that of its history, so that what is read and written follows the length of
/// both: with this, counters do not depend on where the cache lies. Names stay short enough for
/// every file system, encrypted ones included (143 bytes).
const PATH_BYTES: usize = 128;
/// Random characters of its name.
const RANDOM: usize = 6;
/// Beside the folders: held while one is made, and while abandoned ones are looked for.
const TURN: &str = "turn";

/// A folder that a run works in. Dropping it removes it; what a killed run left is removed by the
/// next.
#[derive(Debug)]
pub struct Workplace(TempFolder);

impl Workplace {
    /// A new folder in `parent`, which is created if need be.
    ///
    /// # Errors
    /// See [`ScenarioError`].
    pub fn new(parent: &Path) -> Result<Self, ScenarioError> {
        std::fs::create_dir_all(parent).map_err(ScenarioError::io(parent, "create the folder"))?;
        // No other run may look for abandoned folders while this one has none locked yet.
        let _turn = lock(&parent.join(TURN))?;
        sweep(parent);
        // SQLite and the scanner see resolved paths; a link on the way would make them two.
        let parent =
            parent.canonicalize().map_err(ScenarioError::io(parent, "resolve its path"))?;
        let padding = padding(&parent);
        let mut name = tempfile::Builder::new();
        name.prefix(PREFIX).suffix(&padding).rand_bytes(RANDOM);
        let folder = TempFolder::new(&name, &parent);
        folder.map(Self).map_err(ScenarioError::io(&parent, "create a folder in it"))
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}

/// What the name of a folder in `parent` ends with, so that its path is as long as every other's;
/// nothing where it is longer already.
fn padding(parent: &Path) -> String {
    let without = parent.as_os_str().len() + 1 + PREFIX.len() + RANDOM;
    "-".repeat(PATH_BYTES.saturating_sub(without))
}

/// Opens the file at `path`, creating it if need be, and waits for its lock.
fn lock(path: &Path) -> Result<File, ScenarioError> {
    open_lock(path)
        .and_then(interrupt::lock)
        .map_err(ScenarioError::io(path, "lock it"))?
        .ok_or(ScenarioError::Interrupted)
}

/// Removes the folders of runs that are no more.
fn sweep(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let folder = entry.path();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !is_folder || !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        // What cannot be removed now is the next run's to try.
        let _ = match open_regular(&folder.join(LOCK)) {
            Ok(lock) if is_abandoned(&lock) => {
                interrupt::remove(&folder, &|| !interrupt::requested())
            }
            // Killed before it had one: nobody is between creating a folder and locking it now.
            // With anything in it, it is not a run's.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                std::fs::remove_dir(folder)
            }
            _ => Ok(()),
        };
    }
}

/// Whether the file system has room for so many bytes.
pub(crate) fn check_room(folder: &Path, needed: u64) -> Result<(), ScenarioError> {
    let available =
        free_room(folder).map_err(ScenarioError::io(folder, "ask for its free room"))?;
    if available < needed {
        return Err(ScenarioError::NoRoom { path: folder.to_owned(), needed, available });
    }
    Ok(())
}

/// Bytes that may still be written below `folder`, as far as its file system tells: one of no size
/// at all does not.
///
/// # Errors
/// The file system does not answer.
pub fn free_room(folder: &Path) -> std::io::Result<u64> {
    let told = rustix::fs::statvfs(folder)?;
    Ok(if told.f_blocks == 0 { u64::MAX } else { told.f_bavail.saturating_mul(told.f_frsize) })
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
        // Called like those of runs, and somebody else's.
        let [theirs, locked] = ["run-notes", "run-locked"].map(|name| parent.path().join(name));
        std::fs::create_dir(&theirs).unwrap();
        std::fs::write(theirs.join("notes.txt"), "mine").unwrap();
        std::fs::create_dir(&locked).unwrap();
        std::fs::write(locked.join(LOCK), "a key").unwrap();
        let empty = parent.path().join("run-empty");
        std::fs::create_dir(&empty).unwrap();

        let next = Workplace::new(parent.path()).unwrap();
        assert!(!killed.exists() && !empty.exists());
        assert!(theirs.join("notes.txt").exists() && locked.exists());
        assert!(alive.path().exists() && next.path().exists() && other.exists());
        let path = next.path();
        drop(next);
        assert!(!path.exists());
    }

    #[test]
    fn every_path_has_one_length_unless_its_parent_is_too_long() {
        let folder = tempfile::tempdir().unwrap();
        let length = |parent: &str| {
            let workplace = Workplace::new(&folder.path().join(parent)).unwrap();
            workplace.path().as_os_str().len()
        };
        assert_eq!([length("a"), length("a/longer/one")], [PATH_BYTES; 2]);
        assert!(length(&"x".repeat(PATH_BYTES)) > PATH_BYTES);
    }
}
