//! The histories in a folder: every file that is named as one, wherever it lies below.

use std::collections::{HashMap, HashSet};
use std::fs::{DirEntry, FileType};
use std::path::{Path, PathBuf};

use super::ablation::{Ablation, Ablations};
use super::column::{Column, Value};
use super::derive::Seen;
use super::error::Error;
use super::id::ThreadId;
use super::name::{COMPRESSED, HistoryName};
use super::replay::Replay;
use super::skipped::{Reason, Skipped};
use super::store::{ARCHIVED, SESSIONS};
use super::titles::{INDEX, Titles};

/// A folder of histories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sessions {
    base: PathBuf,
    folders: Vec<PathBuf>,
    ablated: Ablations,
}

/// The history of a thread that was found, in one or more files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: ThreadId,
    /// Its files, in the order of their names.
    pub(super) files: Vec<PathBuf>,
    /// Their length when they were found.
    pub(super) bytes: u64,
    /// Whether all of them lie among the archived ones.
    pub(super) is_archived: bool,
    /// The name that the user gave to it.
    pub(super) title: Option<String>,
    /// The rules that are missing.
    pub(super) ablated: Ablations,
}

/// What a walk finds.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The histories, in the order of their paths; none of those whose thread has several.
    pub(super) found: Vec<Found>,
    /// Files that belong to `found`.
    pub(super) files: u64,
    /// Folders and files that could not be looked at, threads with several histories.
    pub(super) failures: Vec<Error>,
    /// Threads of `failures` that have a history nevertheless.
    pub(super) duplicated: Vec<ThreadId>,
    /// Files that were passed over.
    pub(super) skipped: Skipped,
    /// What users named their threads.
    pub(super) titles: Titles,
}

/// A file that is named as a history.
struct File {
    name: HistoryName,
    path: PathBuf,
    is_archived: bool,
}

impl Sessions {
    /// The histories below `folder`: in its folders `sessions` and `archived_sessions` if it has
    /// one of them, as the home of a store or of Codex does, else in itself.
    #[must_use]
    pub fn of(folder: impl AsRef<Path>) -> Self {
        let base = folder.as_ref().to_owned();
        let mut folders: Vec<PathBuf> = [SESSIONS, ARCHIVED]
            .map(|name| base.join(name))
            .into_iter()
            .filter(|folder| folder.is_dir())
            .collect();
        if folders.is_empty() {
            folders.push(base.clone());
        }
        Self { base, folders, ablated: Ablations::NONE }
    }

    /// The same without some of the rules of reading, to measure tests.
    #[cfg(feature = "ablations")]
    #[doc(hidden)]
    #[must_use]
    pub fn without(self, ablations: Ablations) -> Self {
        self.lacking(ablations)
    }

    /// The same without some of the rules of reading.
    pub(super) fn lacking(mut self, ablated: Ablations) -> Self {
        if ablated.has(Ablation::Archived) {
            let archived = self.base.join(ARCHIVED);
            self.folders.retain(|folder| *folder != archived);
        }
        self.ablated = ablated;
        self
    }

    /// The rules that are missing.
    pub(super) fn ablated(&self) -> Ablations {
        self.ablated
    }

    /// The folder that the paths in rows begin at.
    #[must_use]
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// The folders that the histories lie in.
    #[must_use]
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// The path of a history as its row has it; `None` if it is no text.
    pub(super) fn in_row<'p>(&self, history: &'p Path) -> Option<&'p str> {
        history.strip_prefix(&self.base).unwrap_or(history).to_str()
    }

    /// Whether the history that the row of a thread names is not there. One that came since, and
    /// one that cannot be seen, is not gone.
    pub(super) fn is_gone(&self, thread: ThreadId, in_row: &str) -> bool {
        let path = self.base.join(in_row);
        let named =
            path.file_name().and_then(|name| name.to_str()).and_then(ThreadId::from_file_name);
        named != Some(thread) || matches!(path.try_exists(), Ok(false))
    }

    /// Every history there is. Links are not followed.
    pub(super) fn walk(&self) -> Walk {
        self.look(None)
    }

    /// The history of one thread.
    ///
    /// # Errors
    /// What may keep it from being seen: a folder that cannot be read, a second history, an index
    /// of names that cannot be read.
    pub(super) fn find(&self, id: ThreadId) -> Result<Option<Found>, Error> {
        let mut walk = self.look(Some(id));
        match walk.failures.pop() {
            None => Ok(walk.found.pop()),
            Some(error) => Err(error),
        }
    }

    /// Every history there is, or that of one thread.
    pub(super) fn look(&self, only: Option<ThreadId>) -> Walk {
        let mut walk = Walk::default();
        let index = self.base.join(INDEX);
        match Titles::read(&index) {
            Ok(_) if self.ablated.has(Ablation::NamedTitle) => {}
            Ok(titles) => walk.titles = titles,
            Err(source) => {
                walk.failures.push(Error::history(&index, "read the names in it", source));
            }
        }
        let mut files = Vec::new();
        let mut folders = self.folders.clone();
        while let Some(folder) = folders.pop() {
            let is_archived = folder.starts_with(self.base.join(ARCHIVED));
            let unreadable = |source| Error::history(&folder, "read the folder", source);
            let mut look = || -> Result<(), Error> {
                for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
                    let entry = entry.map_err(unreadable)?;
                    let kind = entry.file_type().map_err(unreadable)?;
                    if kind.is_dir() {
                        folders.push(entry.path());
                    } else if let Some(name) = walk.named(&entry, kind)
                        && only.is_none_or(|id| id == name.thread)
                        && !(name.is_compressed && self.ablated.has(Ablation::Compressed))
                    {
                        files.push(File { name, path: entry.path(), is_archived });
                    }
                }
                Ok(())
            };
            if let Err(error) = look() {
                walk.failures.push(error);
            }
        }
        walk.group(files, self.ablated);
        walk
    }

    /// Puts into the replay of a history what its lines do not say: where it lies, whether it is
    /// archived, its name. Gives the error that keeps it from having a row.
    pub(super) fn complete(&self, found: &Found, replay: &mut Replay) -> Result<(), Error> {
        let Some(path) = self.in_row(&replay.path) else {
            return Err(Error::PathNotText { path: replay.path.clone() });
        };
        replay.patch.set(Column::RolloutPath, Value::text(path));
        if found.is_archived
            && matches!(replay.patch.get(Column::ArchivedAtMs), None | Some(Value::Null))
        {
            // Nothing is written when a thread is archived; nothing was written since.
            if let Some(updated) = replay.patch.get(Column::UpdatedAtMs).cloned() {
                replay.patch.set(Column::ArchivedAtMs, updated);
            }
        }
        found.name(&mut replay.seen, |title| replay.patch.set(Column::Title, Value::text(title)));
        Ok(())
    }
}

impl Found {
    /// Hands the name that the user gave to `set`, unless the history has an explicit title.
    pub(super) fn name(&self, seen: &mut Seen, set: impl FnOnce(&str)) {
        if let Some(title) = self.title.as_deref().filter(|_| !seen.has(Seen::EXPLICIT_TITLE)) {
            set(title);
            *seen |= Seen::TITLE;
        }
    }
}

impl Walk {
    /// The name of an entry, if it is that of a history that is to be read.
    fn named(&mut self, entry: &DirEntry, kind: FileType) -> Option<HistoryName> {
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if kind.is_symlink() {
            if HistoryName::is_near(&text) || entry.path().is_dir() {
                self.skipped.add(Reason::Link, &entry.path());
            }
            return None;
        }
        if !kind.is_file() {
            if HistoryName::is_near(&text) {
                self.skipped.add(Reason::NotAFile, &entry.path());
            }
            return None;
        }
        let parsed = name.to_str().and_then(HistoryName::parse);
        if parsed.is_none() && HistoryName::is_near(&text) {
            self.skipped.add(Reason::Name, &entry.path());
        }
        parsed
    }

    /// Puts the files of each thread together.
    fn group(&mut self, mut files: Vec<File>, ablated: Ablations) {
        if ablated.has(Ablation::PlainFirst) {
            files.retain(|file| file.name.is_compressed || !with_compressed(&file.path).exists());
        }
        // A plain file comes right before its compressed copy.
        files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        let mut threads: HashMap<ThreadId, usize> = HashMap::with_capacity(files.len());
        let mut parts: HashSet<(ThreadId, ThreadId)> = HashSet::with_capacity(files.len());
        let mut last: Option<usize> = None;
        for File { name, path, is_archived } in files {
            let plain = path.as_os_str().as_encoded_bytes().strip_suffix(COMPRESSED.as_bytes());
            let before = last.and_then(|place| self.found[place].files.last());
            if plain.is_some()
                && before.map(|before| before.as_os_str().as_encoded_bytes()) == plain
            {
                self.skipped.add(Reason::Superseded, &path);
                continue;
            }
            let bytes = match path.metadata() {
                Ok(metadata) => metadata.len(),
                Err(source) => {
                    self.failures.push(Error::history(&path, "look at it", source));
                    self.duplicated.push(name.thread);
                    continue;
                }
            };
            let place = *threads.entry(name.thread).or_insert_with(|| {
                let title = self.titles.of(name.thread).map(str::to_owned);
                self.found.push(Found {
                    id: name.thread,
                    files: Vec::new(),
                    bytes: 0,
                    is_archived,
                    title,
                    ablated,
                });
                self.found.len() - 1
            });
            if !parts.insert(name.part()) {
                let part = name.part();
                let is_first = |file: &&PathBuf| {
                    let name = file
                        .file_name()
                        .and_then(|name| name.to_str())
                        .and_then(HistoryName::parse);
                    name.is_some_and(|first| first.part() == part)
                };
                let first =
                    self.found[place].files.iter().find(is_first).cloned().unwrap_or_default();
                self.duplicated.push(name.thread);
                self.failures.push(Error::Duplicate { thread: name.thread, first, second: path });
                continue;
            }
            last = Some(place);
            let found = &mut self.found[place];
            found.files.push(path);
            found.bytes += bytes;
            found.is_archived &= is_archived;
        }
        // It is unknown which of two histories is that of their thread.
        let (found, duplicated) = (&mut self.found, &self.duplicated);
        if !duplicated.is_empty() {
            found.retain(|found| !duplicated.contains(&found.id));
        }
        self.files = found.iter().map(|found| found.files.len() as u64).sum();
    }
}

/// The compressed copy of a history.
fn with_compressed(plain: &Path) -> PathBuf {
    let mut name = plain.as_os_str().to_owned();
    name.push(COMPRESSED);
    name.into()
}
