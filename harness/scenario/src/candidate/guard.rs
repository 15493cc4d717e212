//! Whether a launch changed the data that it was to read.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tracerig_protocol::{Ask, LoadAsked, ScanAsked, UsageAsked};

use crate::interrupt;

/// Files up to this size are compared byte by byte, as far as a digest tells.
const MOST_DIGESTED: u64 = 1 << 20;

/// A file as far as a change of it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    digest: Option<u64>,
}

/// How closely the data of requests are watched for changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Guarded {
    /// Not at all: others write to them meanwhile.
    Nothing,
    /// A database with its log, and the files of a home, by their metadata.
    #[default]
    Metadata,
    /// All that lies beside a database, too, and the contents of the files of a home.
    Contents,
}

/// The data of a request, before or after a launch: files by their paths. Paths are compared byte by
/// byte; an archive has 60,000 of them.
#[derive(Clone, Debug)]
pub(crate) struct Guard(HashMap<OsString, State>);

impl Guard {
    /// Looks at the data of `ask`.
    ///
    /// A database is never opened: to close it again would drop the locks of every connection that
    /// this process has to it. Once an end is asked for, not everything is looked at.
    pub(super) fn look(ask: &Ask, guarded: Guarded) -> Self {
        let mut guard = Self(HashMap::new());
        match ask {
            _ if guarded == Guarded::Nothing => {}
            Ask::Scan(ScanAsked { database, .. }) if guarded == Guarded::Contents => {
                // A link is in another folder than the file that it leads to.
                let path = database.0.canonicalize().unwrap_or_else(|_| database.0.clone());
                guard.walk(path.parent().unwrap_or(Path::new(".")), false);
            }
            Ask::Scan(ScanAsked { database, .. }) => {
                guard.note(&database.0, false);
                guard.note(&with_suffix(&database.0, "-wal"), false);
            }
            Ask::Usage(UsageAsked { home, .. }) => {
                guard.walk(&home.0, guarded == Guarded::Contents);
            }
            // A store is there to be written to, and what is appended is not.
            Ask::Load(LoadAsked { lines, .. }) => guard.note(&lines.0, false),
            Ask::Append(_) | Ask::Hello { .. } | Ask::Idle => {}
        }
        guard
    }

    fn walk(&mut self, folder: &Path, digests: bool) {
        // What cannot be read cannot be compared.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if interrupt::requested() {
                return;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => self.walk(&entry.path(), digests),
                Ok(_) => self.found(&entry.path(), entry.metadata(), digests),
                Err(_) => {}
            }
        }
    }

    fn note(&mut self, path: &Path, digests: bool) {
        self.found(path, path.symlink_metadata(), digests);
    }

    fn found(&mut self, path: &Path, found: std::io::Result<Metadata>, digests: bool) {
        let Ok(found) = found else { return };
        let ends = |suffix: &[u8]| path.as_os_str().as_bytes().ends_with(suffix);
        // SQLite's index of the log belongs to whoever reads.
        if ends(b"-shm") {
            return;
        }
        let is_small = found.is_file() && found.len() <= MOST_DIGESTED;
        let digest = (digests && is_small).then(|| digest(path)).flatten();
        let state = State {
            inode: found.ino(),
            size: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            digest,
        };
        // An empty log is one that a reader may make, and take away.
        if !(ends(b"-wal") && state.size == 0) {
            self.0.insert(path.into(), state);
        }
    }

    /// What has changed since, in words.
    pub(super) fn changed(&self, after: &Self) -> Option<String> {
        let told = |(path, what): (&OsString, _)| format!("{} was {what}", path.display());
        let before = self.0.iter().filter_map(|(path, state)| match after.0.get(path) {
            None => Some((path, "removed")),
            Some(now) if now != state => Some((path, "changed")),
            Some(_) => None,
        });
        let created = after.0.keys().filter(|path| !self.0.contains_key(*path));
        // The first by name, so that it is the same one each time.
        before.min().or_else(|| created.min().map(|path| (path, "created"))).map(told)
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn digest(path: &Path) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    std::fs::read(path).ok()?.hash(&mut hasher);
    Some(hasher.finish())
}
