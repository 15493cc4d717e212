//! Finding rollouts below a home: every folder once, whatever leads to it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::text::is_compressed;

/// A rollout that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Whether a symbolic link leads to it, or several names.
    pub is_shared: bool,
    /// Of the file itself, links followed.
    pub metadata: fs::Metadata,
}

/// What a walk found below a home.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    /// The rollouts.
    pub files: Vec<Found>,
    /// Rollouts that cannot be looked at.
    pub failed: Vec<PathBuf>,
    /// Folders that cannot be read.
    pub failed_folders: Vec<PathBuf>,
    /// Folders read.
    pub folders: u64,
    seen: BTreeSet<(u64, u64)>,
    linked: BTreeSet<PathBuf>,
}

/// Finds what is below `home`: first by real folders, then by links in the order of their paths.
pub fn walk(home: &Path) -> Walk {
    let mut walk = Walk::default();
    for root in ["sessions", "archived_sessions"] {
        match fs::symlink_metadata(home.join(root)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            _ => walk.folder(home, Path::new(root)),
        }
    }
    while let Some(folder) = walk.linked.pop_first() {
        walk.folder(home, &folder);
    }
    // Of a rollout that is there plain and compressed, the plain one is the one.
    let plain: BTreeSet<PathBuf> = walk
        .files
        .iter()
        .map(|found| found.path.clone())
        .chain(walk.failed.iter().cloned())
        .collect();
    let is_the_one =
        |path: &Path| !is_compressed(path) || !plain.contains(&path.with_extension(""));
    walk.files.retain(|found| is_the_one(&found.path));
    walk.failed.retain(|path| is_the_one(path));
    walk
}

impl Walk {
    fn folder(&mut self, home: &Path, folder: &Path) {
        let path = home.join(folder);
        let entries = fs::metadata(&path).and_then(|found| Ok((found, fs::read_dir(&path)?)));
        let Ok((itself, entries)) = entries else {
            self.failed_folders.push(folder.to_owned());
            return;
        };
        if !self.seen.insert((itself.dev(), itself.ino())) {
            return;
        }
        self.folders += 1;
        for entry in entries.flatten() {
            let path = folder.join(entry.file_name());
            let name = entry.file_name().as_bytes().to_owned();
            let is_rollout = name.starts_with(b"rollout-")
                && (name.ends_with(b".jsonl") || name.ends_with(b".jsonl.zst"));
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                self.folder(home, &path);
                continue;
            }
            match fs::metadata(home.join(&path)) {
                Ok(metadata) if metadata.is_dir() => drop(self.linked.insert(path)),
                Ok(metadata) if metadata.is_file() && is_rollout => {
                    let is_shared = kind.is_symlink() || metadata.nlink() > 1;
                    self.files.push(Found { path, is_shared, metadata });
                }
                // A link to nothing is there.
                Err(error)
                    if is_rollout
                        && (kind.is_symlink() || error.kind() != io::ErrorKind::NotFound) =>
                {
                    self.failed.push(path);
                }
                _ => {}
            }
        }
    }
}
