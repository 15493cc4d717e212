//! The folder of a candidate's memo, and what can happen to it. Nothing is known of the files in
//! it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// What can happen to a memo of which nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    /// It is gone.
    Remove,
    /// A copy is set aside.
    Save,
    /// The copy set aside takes its place.
    Restore,
    /// Each file loses its second half.
    Truncate,
    /// Each file loses everything.
    Clear,
    /// A bit in the middle of each file changes.
    Flip,
}

/// A folder, and the copy of it that was set aside.
#[derive(Debug)]
pub(crate) struct Memo {
    pub(crate) path: PathBuf,
    saved: BTreeMap<PathBuf, Vec<u8>>,
}

impl Memo {
    /// An empty one.
    pub(crate) fn new(path: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&path)?;
        Ok(Self { path, saved: BTreeMap::new() })
    }

    /// Its files with their bytes.
    pub(crate) fn content(&self) -> io::Result<BTreeMap<PathBuf, Vec<u8>>> {
        let (mut files, mut folders) = (BTreeMap::new(), vec![self.path.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let (entry, path) = entry.map(|entry| (entry.file_type(), entry.path()))?;
                match entry? {
                    kind if kind.is_dir() => folders.push(path),
                    kind if kind.is_file() => {
                        let bytes = std::fs::read(&path)?;
                        files.insert(path, bytes);
                    }
                    _ => {}
                }
            }
        }
        Ok(files)
    }

    pub(crate) fn apply(&mut self, damage: Damage) -> io::Result<()> {
        match damage {
            Damage::Remove => self.replace(&BTreeMap::new()),
            Damage::Save => {
                self.saved = self.content()?;
                Ok(())
            }
            Damage::Restore => self.replace(&self.saved),
            Damage::Truncate => self.change(|bytes| bytes.truncate(bytes.len() / 2)),
            Damage::Clear => self.change(Vec::clear),
            Damage::Flip => self.change(|bytes| {
                let middle = bytes.len() / 2;
                if let Some(byte) = bytes.get_mut(middle) {
                    *byte ^= 1;
                }
            }),
        }
    }

    fn change(&self, change: impl Fn(&mut Vec<u8>)) -> io::Result<()> {
        for (path, mut bytes) in self.content()? {
            change(&mut bytes);
            std::fs::write(path, bytes)?;
        }
        Ok(())
    }

    fn replace(&self, files: &BTreeMap<PathBuf, Vec<u8>>) -> io::Result<()> {
        std::fs::remove_dir_all(&self.path)?;
        std::fs::create_dir_all(&self.path)?;
        for (path, bytes) in files {
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            std::fs::write(path, bytes)?;
        }
        Ok(())
    }
}
