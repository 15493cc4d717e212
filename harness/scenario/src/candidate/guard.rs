//! Whether a launch changed the data that it was to read.

use std::collections::BTreeMap;
use std::ffi::OsStr;
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

/// The data of a request, before or after a launch: paths, each ended by a zero, and the state of
/// each. An archive has 60,000 of them, so nothing is done for one alone unless something changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Guard {
    paths: Vec<u8>,
    states: Vec<State>,
}

impl Guard {
    /// Looks at the data of `ask`.
    ///
    /// A database is never opened: to close it again would drop the locks of every connection that
    /// this process has to it. Once an end is asked for, not everything is looked at.
    pub(super) fn look(ask: &Ask, guarded: Guarded) -> Self {
        let mut guard = Self::default();
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
                Ok(_) => self.found(folder, &entry.file_name(), entry.metadata(), digests),
                Err(_) => {}
            }
        }
    }

    fn note(&mut self, path: &Path, digests: bool) {
        let (folder, name) = (path.parent(), path.file_name());
        if let (Some(folder), Some(name)) = (folder, name) {
            self.found(folder, name, path.symlink_metadata(), digests);
        }
    }

    fn found(
        &mut self,
        folder: &Path,
        name: &OsStr,
        found: std::io::Result<Metadata>,
        digests: bool,
    ) {
        let Ok(found) = found else { return };
        let ends = |suffix: &[u8]| name.as_bytes().ends_with(suffix);
        // SQLite's index of the log belongs to whoever reads.
        if ends(b"-shm") {
            return;
        }
        let is_small = found.is_file() && found.len() <= MOST_DIGESTED;
        let digest = (digests && is_small).then(|| digest(&folder.join(name))).flatten();
        let state = State {
            inode: found.ino(),
            size: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            digest,
        };
        // An empty log is one that a reader may make, and take away.
        if !(ends(b"-wal") && state.size == 0) {
            for part in [folder.as_os_str().as_bytes(), b"/", name.as_bytes(), b"\0"] {
                self.paths.extend_from_slice(part);
            }
            self.states.push(state);
        }
    }

    /// The files by their paths.
    fn files(&self) -> BTreeMap<&[u8], &State> {
        self.paths.split(|byte| *byte == 0).zip(&self.states).collect()
    }

    /// What has changed since, in words.
    pub(super) fn changed(&self, after: &Self) -> Option<String> {
        if self == after {
            return None;
        }
        let (files, now) = (self.files(), after.files());
        let told =
            |(path, what): (&&[u8], _)| format!("{} was {what}", OsStr::from_bytes(path).display());
        let mut before = files.iter().filter_map(|(path, state)| match now.get(path) {
            None => Some((path, "removed")),
            Some(now) if now != state => Some((path, "changed")),
            Some(_) => None,
        });
        let mut created = now.keys().filter(|path| !files.contains_key(*path));
        // The first by name, so that it is the same one each time.
        before.next().or_else(|| created.next().map(|path| (path, "created"))).map(told)
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

#[cfg(test)]
mod tests {
    use tracerig_protocol::WirePath;

    use super::*;

    #[test]
    fn what_changed_is_named_and_the_order_of_a_folder_is_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        std::fs::create_dir_all(home.join("day")).unwrap();
        for name in ["a", "day/b", "day/c", "index-shm"] {
            std::fs::write(home.join(name), "x").unwrap();
        }
        let ask = Ask::Usage(UsageAsked {
            home: WirePath(home.clone()),
            memo: None,
            database: None,
            zone_minutes: 0,
            priority: Vec::new(),
            force: false,
        });
        let look = || Guard::look(&ask, Guarded::Metadata);
        let before = look();
        let changed = |change: &dyn Fn()| {
            let before = look();
            change();
            before.changed(&look())
        };
        let told =
            |name: &str, what: &str| Some(format!("{} was {what}", home.join(name).display()));
        assert_eq!(changed(&|| std::fs::write(home.join("index-shm"), "yy").unwrap()), None);
        let append = || std::fs::write(home.join("day/b"), "xy").unwrap();
        assert_eq!(changed(&append), told("day/b", "changed"));
        let remove = || std::fs::remove_file(home.join("day/c")).unwrap();
        assert_eq!(changed(&remove), told("day/c", "removed"));
        let create = || std::fs::write(home.join("day/d"), "x").unwrap();
        assert_eq!(changed(&create), told("day/d", "created"));
        assert_eq!(before.changed(&look()), told("day/b", "changed"), "the first by name");
        let now = look();
        let mut turned = Guard::default();
        for (path, state) in now.files().iter().rev() {
            turned.paths.extend([*path, b"\0"].concat());
            turned.states.push((*state).clone());
        }
        assert!(turned != now && now.changed(&turned).is_none());
    }
}
