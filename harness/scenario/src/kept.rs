//! The memo folder of a candidate: its states, kept beside it and put in place before a launch.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::ScenarioError;

/// Files with what changes when one is written: inode, size and time.
pub(super) type Look = BTreeMap<PathBuf, (u64, u64, i64, i64)>;

/// A memo folder that belongs to one candidate, and its states by name.
#[derive(Debug)]
pub struct KeptFolder {
    /// Where the candidate finds it.
    pub place: PathBuf,
    states: PathBuf,
}

impl KeptFolder {
    /// An empty one below `folder`.
    ///
    /// # Errors
    /// A folder cannot be created.
    pub fn new(folder: &Path) -> Result<Self, ScenarioError> {
        let (place, states) = (folder.join("memo"), folder.join("states"));
        for folder in [&place, &states] {
            fs::create_dir_all(folder).map_err(ScenarioError::io(folder, "create the folder"))?;
        }
        Ok(Self { place, states })
    }

    /// Keeps what is there now as the state of this name.
    ///
    /// # Errors
    /// It cannot be copied.
    pub fn keep(&self, state: &str) -> Result<(), ScenarioError> {
        replace(&self.place, &self.states.join(state))
    }

    /// Whether there is a state of this name.
    pub(super) fn has(&self, state: &str) -> bool {
        self.states.join(state).is_dir()
    }

    /// Puts the state of this name in place, byte for byte; `None`: an empty folder.
    ///
    /// # Errors
    /// There is no such state, or it cannot be copied.
    pub fn restore(&self, state: Option<&str>) -> Result<(), ScenarioError> {
        match state {
            Some(state) => replace(&self.states.join(state), &self.place),
            None => empty(&self.place),
        }
    }

    /// What its files look like: another look means that something was written. A lock is opened by
    /// anyone who writes, and tells nothing.
    pub(super) fn look(&self) -> Result<Look, ScenarioError> {
        let mut look = Look::new();
        for path in self.files()? {
            let found = fs::metadata(&path).map_err(ScenarioError::io(&path, "look at it"))?;
            if path.extension().is_none_or(|kind| kind != "lock") {
                look.insert(path, (found.ino(), found.len(), found.mtime(), found.mtime_nsec()));
            }
        }
        Ok(look)
    }

    /// The files in it.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>, ScenarioError> {
        let mut files = Vec::new();
        list(&self.place, &mut files).map_err(ScenarioError::io(&self.place, "list the memo"))?;
        Ok(files)
    }
}

fn empty(folder: &Path) -> Result<(), ScenarioError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(ScenarioError::io(folder, "empty it")(error));
        }
        _ => {}
    }
    fs::create_dir_all(folder).map_err(ScenarioError::io(folder, "create the folder"))
}

fn replace(from: &Path, to: &Path) -> Result<(), ScenarioError> {
    empty(to)?;
    copy(from, to).map_err(ScenarioError::io(to, "copy the memo to it"))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, to) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            fs::create_dir(&to)?;
            copy(&entry.path(), &to)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path())?, &to)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()? {
            kind if kind.is_dir() => list(&entry.path(), files)?,
            kind if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_comes_back_byte_for_byte_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let kept = KeptFolder::new(folder.path()).unwrap();
        fs::create_dir(kept.place.join("deep")).unwrap();
        fs::write(kept.place.join("deep/memo"), b"one\0").unwrap();
        kept.keep("before").unwrap();
        fs::write(kept.place.join("deep/memo"), "two").unwrap();
        fs::write(kept.place.join("other"), "three").unwrap();
        let look = kept.look().unwrap();
        fs::write(kept.place.join("memo.lock"), "").unwrap();
        assert_eq!(kept.look().unwrap(), look);
        kept.restore(Some("before")).unwrap();
        assert_eq!(kept.files().unwrap(), [kept.place.join("deep/memo")]);
        assert_eq!(fs::read(kept.place.join("deep/memo")).unwrap(), b"one\0");
        kept.restore(None).unwrap();
        assert_eq!(kept.files().unwrap(), Vec::<PathBuf>::new());
        assert_ne!(kept.look().unwrap(), look);
        assert!(kept.has("before") && !kept.has("after"));
    }
}
