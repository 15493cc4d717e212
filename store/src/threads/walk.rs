//! The histories in a folder: every file that is named as one, wherever it lies below.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::id::ThreadId;
use super::store::SESSIONS;

/// A folder of histories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sessions {
    base: PathBuf,
    folder: PathBuf,
}

/// A history that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: ThreadId,
    pub(super) path: PathBuf,
    /// Its length when it was found.
    pub(super) bytes: u64,
}

/// What a walk finds.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The histories, in the order of their paths; none of those whose thread has several.
    pub(super) found: Vec<Found>,
    /// Folders and files that could not be looked at, threads with several histories.
    pub(super) failures: Vec<Error>,
    /// Threads of `failures` that have a history nevertheless.
    pub(super) duplicated: Vec<ThreadId>,
}

impl Sessions {
    /// The histories below `folder`: in its folder `sessions` if it has one, as the home of a store or of Codex does,
    /// else in itself.
    #[must_use]
    pub fn of(folder: impl AsRef<Path>) -> Self {
        let base = folder.as_ref().to_owned();
        let sessions = base.join(SESSIONS);
        let folder = if sessions.is_dir() { sessions } else { base.clone() };
        Self { base, folder }
    }

    /// The folder that the paths in rows begin at.
    #[must_use]
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// The folder that the histories lie in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of a history as its row has it; `None` if it is no text.
    pub(super) fn in_row<'p>(&self, history: &'p Path) -> Option<&'p str> {
        history.strip_prefix(&self.base).unwrap_or(history).to_str()
    }

    /// Whether the history that the row of a thread names is not there. One that came since, and one that cannot be seen, is
    /// not gone.
    pub(super) fn is_gone(&self, thread: ThreadId, in_row: &str) -> bool {
        let path = self.base.join(in_row);
        let named = path.file_name().and_then(|name| name.to_str()).and_then(ThreadId::from_file_name);
        named != Some(thread) || matches!(path.try_exists(), Ok(false))
    }

    /// Every history there is. Links are not followed, and other files are nobody's business here.
    pub(super) fn walk(&self) -> Walk {
        let mut walk = Walk::default();
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            let unreadable = |source| Error::history(&folder, "read the folder", source);
            let mut look = || -> Result<(), Error> {
                for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
                    let entry = entry.map_err(unreadable)?;
                    let kind = entry.file_type().map_err(unreadable)?;
                    if kind.is_dir() {
                        folders.push(entry.path());
                        continue;
                    }
                    let Some(id) = entry.file_name().to_str().and_then(ThreadId::from_file_name) else {
                        continue;
                    };
                    if kind.is_file() {
                        let path = entry.path();
                        match entry.metadata() {
                            Ok(metadata) => walk.found.push(Found { id, path, bytes: metadata.len() }),
                            Err(source) => walk.failures.push(Error::history(&path, "look at it", source)),
                        }
                    }
                }
                Ok(())
            };
            if let Err(error) = look() {
                walk.failures.push(error);
            }
        }
        walk.found.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        walk.set_duplicates_aside();
        walk
    }
}

impl Walk {
    /// Nobody can say which of two histories is that of their thread.
    fn set_duplicates_aside(&mut self) {
        let mut first: HashMap<ThreadId, &Path> = HashMap::with_capacity(self.found.len());
        for found in &self.found {
            if let Some(first) = first.insert(found.id, &found.path) {
                self.duplicated.push(found.id);
                self.failures.push(Error::Duplicate {
                    thread: found.id,
                    first: first.to_owned(),
                    second: found.path.clone(),
                });
            }
        }
        let duplicated = &self.duplicated;
        if !duplicated.is_empty() {
            self.found.retain(|found| !duplicated.contains(&found.id));
        }
    }
}
