//! The memo of an archive: a folder of shards, each replaced alone, so that saving costs what
//! changed.
//!
//! A small file beside them says of which archive the memo is and which parser wrote it, and
//! carries the random stamp that every shard of it must bear. Whatever is wrong with that file, all
//! shards are forgotten and the archive is read anew.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use xxhash_rust::xxh3::xxh3_128;

use super::Options;
use super::ablation::{Ablation, Ablations};
use super::producer::FINGERPRINT;
use super::settled;
use super::shard::{self, Detail, Head, Key, Stamp, Stored};
use crate::regular::{self, begins_like, open_regular};
use crate::stop;

const MAGIC: [u8; 8] = *b"trigsess";
const VERSION: u32 = 5;
const MANIFEST: &str = "archive.memo";
const LOCK: &str = "archive.lock";
const SUFFIX: &str = ".shard";
/// What a file is called until it is whole.
const NEW: &str = ".new";

/// The memo of one archive.
#[derive(Debug)]
pub(crate) struct Memo {
    folder: PathBuf,
    stamp: Stamp,
    busy_timeout: Duration,
    ablated: Ablations,
    /// Whose turn it is among the threads of this refresh: they need not poll for the lock.
    turn: Mutex<()>,
}

/// Held while something is written: the lock of the folder, and the turn among threads.
type Lock<'a> = (File, MutexGuard<'a, ()>);

/// A shard is there that cannot be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damaged;

/// Why a memo was not opened.
#[derive(Debug)]
pub(crate) enum NotOpened {
    /// This file is where one of the memo would be, and is not one.
    Foreign(PathBuf),
    Io(io::Error),
}

impl From<io::Error> for NotOpened {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What came of writing a shard.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Saved {
    /// It exists, with this size.
    Written(u64),
    /// Another refresh has written it meanwhile: it is left as it is.
    Dropped,
}

impl Memo {
    /// Opens the memo of the archive at `home`, or begins one. A warning says why an earlier one is
    /// forgotten.
    pub(crate) fn open(
        folder: &Path,
        home: &Path,
        options: &Options,
    ) -> Result<(Self, Option<String>), NotOpened> {
        let (busy_timeout, ablated) = (options.busy_timeout, options.ablated());
        let memo = |stamp| Self {
            folder: folder.to_owned(),
            stamp,
            busy_timeout,
            ablated,
            turn: Mutex::default(),
        };
        let problem = match read_manifest(&folder.join(MANIFEST), home, ablated) {
            Ok(stamp) => return Ok((memo(stamp), None)),
            Err(problem) => problem,
        };
        if !folder.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut stamp = Stamp::default();
        getrandom::fill(&mut stamp).map_err(io::Error::other)?;
        let memo = memo(stamp);
        memo.foreign()?;
        let lock = memo.lock()?;
        // Another refresh may have begun one meanwhile.
        if let Ok(stamp) = read_manifest(&folder.join(MANIFEST), home, ablated) {
            drop(lock);
            return Ok((Self { stamp, ..memo }, None));
        }
        for path in memo.shard_files()? {
            std::fs::remove_file(path)?;
        }
        memo.replace(MANIFEST, &manifest(home, &stamp))?;
        let warning = problem.map(|why| {
            format!(
                "{}: the memo {why}; every session is read anew and the memo written anew",
                folder.display()
            )
        });
        drop(lock);
        Ok((memo, warning))
    }

    /// The shard of `key`, if there is one.
    pub(crate) fn load(&self, key: &Key) -> Result<Option<Stored>, Damaged> {
        match self.read(&self.folder.join(key.file_name())) {
            Ok(Some(stored)) if stored.head.key == *key => Ok(Some(stored)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Ok(_) | Err(_) => Err(Damaged),
        }
    }

    fn read(&self, path: &Path) -> io::Result<Option<Stored>> {
        Stored::read(path, &self.stamp, self.ablated)
    }

    /// The shards beside those of `known`, which are file names. Those that cannot be trusted are
    /// removed.
    pub(crate) fn others(&self, known: &dyn Fn(&str) -> bool) -> io::Result<Vec<Stored>> {
        let mut others = Vec::new();
        for path in self.shard_files()? {
            if path.file_name().and_then(|name| name.to_str()).is_some_and(known) {
                continue;
            }
            match self.read(&path) {
                Ok(Some(mut stored)) => {
                    stored.body.close();
                    others.push(stored);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                _ => {
                    let _lock = self.lock()?;
                    if self.is_current()
                        && !matches!(self.read(&path), Ok(Some(_)))
                        && self.is_its(&path)
                    {
                        std::fs::remove_file(path)?;
                    }
                }
            }
        }
        Ok(others)
    }

    /// Writes a shard in the place of the one that bears `before`, if that still is there.
    pub(crate) fn save(
        &self,
        head: &Head,
        details: &[Detail],
        before: Option<Stamp>,
    ) -> io::Result<Saved> {
        let mut stamp = Stamp::default();
        getrandom::fill(&mut stamp).map_err(io::Error::other)?;
        let bytes = shard::encode(head, details, &self.stamp, &stamp).map_err(io::Error::other)?;
        let name = head.key.file_name();
        let _lock = self.lock()?;
        let is_overtaken =
            self.standing(&name) != before && !self.ablated.has(Ablation::ShardStamp);
        if is_overtaken || !self.is_current() {
            return Ok(Saved::Dropped);
        }
        self.replace(&name, &bytes)?;
        Ok(Saved::Written(bytes.len() as u64))
    }

    /// Removes the shard that bears `before`, if that still is there.
    pub(crate) fn remove(&self, key: &Key, before: Stamp) -> io::Result<Saved> {
        let _lock = self.lock()?;
        let name = key.file_name();
        if self.standing(&name) != Some(before) {
            return Ok(Saved::Dropped);
        }
        std::fs::remove_file(self.folder.join(name))?;
        Ok(Saved::Written(0))
    }

    /// The stamp of the shard of this memo that is at `name`, whole or not.
    pub(crate) fn standing(&self, name: &str) -> Option<Stamp> {
        shard::stamp(&open_regular(&self.folder.join(name)).ok()?, &self.stamp).ok()?
    }

    /// Whether this rule is switched off.
    pub(crate) const fn lacks(&self, rule: Ablation) -> bool {
        self.ablated.has(rule)
    }

    /// What every file of it bears.
    pub(crate) fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// What is in a file beside the shards, which is small.
    pub(crate) fn read_beside(&self, name: &str) -> Option<Vec<u8>> {
        let file = open_regular(&self.folder.join(name)).ok()?;
        let mut bytes = Vec::new();
        file.take(64 << 20).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Writes a file beside the shards, in the place of whatever is there. Gives its bytes, 0 if
    /// another memo has been begun.
    pub(crate) fn write_beside(&self, name: &str, bytes: &[u8]) -> io::Result<u64> {
        let _lock = self.lock()?;
        if !self.is_current() {
            return Ok(0);
        }
        self.replace(name, bytes)?;
        Ok(bytes.len() as u64)
    }

    /// Whether no other memo has been begun in the folder.
    fn is_current(&self) -> bool {
        let mut start = Vec::new();
        let read = open_regular(&self.folder.join(MANIFEST))
            .and_then(|file| file.take(44).read_to_end(&mut start));
        read.is_ok() && start.get(28..) == Some(&self.stamp)
    }

    /// Fails if a file that a new memo would remove or replace is nobody's memo.
    fn foreign(&self) -> Result<(), NotOpened> {
        let beside = [MANIFEST, NEW, settled::NAME].map(|name| self.folder.join(name));
        match self.shard_files()?.into_iter().chain(beside).find(|path| !is_ours(path)) {
            Some(path) => Err(NotOpened::Foreign(path)),
            None => Ok(()),
        }
    }

    /// Whether a file is of a memo, or not there. One whose beginning is damaged still bears the
    /// stamp of this memo.
    fn is_its(&self, path: &Path) -> bool {
        let mut start = Vec::new();
        let mut read = || open_regular(path)?.take(256).read_to_end(&mut start);
        is_ours(path)
            || read().is_ok() && start.windows(self.stamp.len()).any(|part| part == self.stamp)
    }

    fn shard_files(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
            let is_ours = stem.is_some_and(|stem| {
                stem.len() == 32 && stem.bytes().all(|byte| byte.is_ascii_hexdigit())
            });
            if is_ours {
                files.push(entry.path());
            }
        }
        Ok(files)
    }

    /// Puts a file in its place, whole: under another name in the same folder, then by a rename.
    /// Not synced: checksums find torn ones, and losing one costs reading its sessions. The lock
    /// must be held.
    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.folder.join(NEW);
        for path in [&temporary, &self.folder.join(name)] {
            if !self.is_its(path) {
                let why = format!("{} belongs to something else", path.display());
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
            }
        }
        match std::fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let written = File::options()
            .write(true)
            .create_new(true)
            .mode(if self.ablated.has(Ablation::MemoPrivate) { 0o644 } else { 0o600 })
            .open(&temporary)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| regular::replace(&temporary, &self.folder.join(name)));
        if written.is_err() {
            // What cannot be removed is replaced by the next write.
            let _ = std::fs::remove_file(&temporary);
        }
        written
    }

    /// Waits for the lock, which others hold for as long as a small write takes.
    fn lock(&self) -> io::Result<Lock<'_>> {
        const NAP: Duration = Duration::from_millis(1);
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.folder.join(LOCK);
        let create = || File::options().write(true).create_new(true).mode(0o600).open(&path);
        let file = match create() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open_regular(&path)?,
            other => other?,
        };
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok((file, turn)),
                Err(TryLockError::WouldBlock) if start.elapsed() < self.busy_timeout => {
                    stop::check()?;
                    std::thread::sleep(NAP);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::other("another refresh holds its lock for too long"));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

/// Whether a file is of a memo, whole or not, or not there.
fn is_ours(path: &Path) -> bool {
    let mut start = Vec::new();
    match open_regular(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut start))
    {
        Ok(_) => {
            let magics = [MAGIC, shard::MAGIC, settled::MAGIC];
            magics.into_iter().any(|magic| begins_like(&start, magic))
        }
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn manifest(home: &Path, stamp: &Stamp) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&FINGERPRINT);
    bytes.extend_from_slice(stamp);
    bytes.extend_from_slice(home.as_os_str().as_bytes());
    let sum = xxh3_128(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// The stamp of the memo of `home`; else why there is none that can be trusted, or nothing if there
/// is none.
fn read_manifest(path: &Path, home: &Path, ablated: Ablations) -> Result<Stamp, Option<String>> {
    let read = |mut file: File| {
        let mut bytes = Vec::new();
        (&mut file).take(1 << 16).read_to_end(&mut bytes).map(|_| bytes)
    };
    let bytes = match open_regular(path).and_then(read) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(None),
        Err(error) => return Err(Some(format!("cannot be read ({error})"))),
    };
    let parse = || {
        let (rest, sum) = bytes.split_last_chunk::<16>()?;
        let whole = xxh3_128(rest).to_le_bytes() == *sum || ablated.has(Ablation::MemoChecksum);
        let (magic, rest) = rest.split_first_chunk::<8>()?;
        let (version, rest) = rest.split_first_chunk::<4>()?;
        let (producer, rest) = rest.split_first_chunk::<16>()?;
        let (stamp, of) = rest.split_first_chunk::<16>()?;
        Some((whole, *magic == MAGIC, u32::from_le_bytes(*version), *producer, *stamp, of))
    };
    let other;
    let problem = match parse() {
        Some((_, true, version, ..))
            if version != VERSION && !ablated.has(Ablation::MemoVersion) =>
        {
            other =
                format!("is of format version {version}, and this program reads version {VERSION}");
            other.as_str()
        }
        Some((true, true, _, producer, ..))
            if producer != FINGERPRINT && !ablated.has(Ablation::MemoParser) =>
        {
            "was written by another version of the parser"
        }
        Some((true, true, _, _, stamp, of))
            if of == home.as_os_str().as_bytes() || ablated.has(Ablation::MemoHome) =>
        {
            return Ok(stamp);
        }
        Some((true, true, ..)) => "belongs to another archive",
        _ => "is damaged",
    };
    Err(Some(problem.to_owned()))
}
