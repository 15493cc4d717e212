//! The memo of a history: what a refresh has to find in it, and everything that can happen to it.
//!
//! Its layout is restated here. The manifest: magic (8 bytes), version (4), parser (16), stamp
//! (16), the home, and a sum (16) of all that. A shard: magic (8), the stamp of the memo (16), its
//! own (16), the lengths of head and details (8 each), their sums (16 each), head, details. A head
//! ends with how many lines are of unknown kinds, how many are broken, and how many files are
//! untyped and inferred.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracerig_scanner::archive::FileState;
use xxhash_rust::xxh3::xxh3_128;

use super::arguments::MemoOp;

const MANIFEST: &str = "archive.memo";
const VERSION: usize = 8;
const PARSER: usize = 12;
const HOME: usize = 44;
const SUM: usize = 16;
const HEAD_LENGTH: usize = 40;
const HEAD_SUM: usize = 56;
const HEAD: usize = 88;

/// What is remembered of a file.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) state: FileState,
    pub(super) is_shared: bool,
    /// It may have changed since without a trace.
    pub(super) is_fresh: bool,
    pub(super) text: Arc<Vec<u8>>,
    /// The ids of its session and of its segment.
    pub(super) session: Session,
    /// Whether only its details tell all of it: which lines are broken, which turns have no tier.
    pub(super) is_told: bool,
    pub(super) open: BTreeSet<String>,
}

impl Record {
    /// Bytes up to the end of the last whole line.
    pub(super) fn consumed(&self) -> usize {
        line_ends(&self.text)
    }
}

/// Where the last whole line of a text ends.
pub(super) fn line_ends(text: &[u8]) -> usize {
    text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

impl PartialEq for Record {
    /// A line without its end is not remembered.
    fn eq(&self, other: &Self) -> bool {
        let flags = |record: &Self| (record.state, record.is_shared, record.is_fresh);
        flags(self) == flags(other)
            && self.text[..self.consumed()] == other.text[..other.consumed()]
    }
}

/// What is wrong with a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    None,
    Head,
    Details,
}

/// The files of a folder whose names have the same day, or of archived ones the same days but for
/// the last digit.
#[derive(Clone, Debug)]
pub(super) struct Shard {
    pub(super) records: BTreeMap<OsString, Record>,
    pub(super) flaw: Flaw,
}

/// A folder, and what its files have in common of the day in their names.
pub(super) type Key = (PathBuf, String);

/// The ids of a session and of a segment.
pub(super) type Session = (String, Option<String>);

/// The shards in which copies stand: of each file its name, its state, its session, and whether
/// several paths may lead to it.
pub(super) type Settled = BTreeMap<Key, Vec<(OsString, FileState, Session, bool)>>;

/// What a memo holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Memo {
    /// Why nothing of it can be believed, as the warning says it.
    pub(super) problem: Option<&'static str>,
    pub(super) shards: BTreeMap<Key, Shard>,
    /// Between which files copies were looked for last.
    pub(super) settled: Option<Settled>,
}

impl Memo {
    fn is_sound(&self) -> bool {
        self.problem.is_none() && self.shards.values().all(|shard| shard.flaw == Flaw::None)
    }
}

/// The memo on the disk.
pub(super) struct MemoFolder {
    pub(super) path: PathBuf,
    kept: PathBuf,
    /// What a refresh has to find there.
    pub(super) holds: Memo,
    /// The same of what was kept.
    held: Option<Memo>,
}

impl MemoFolder {
    pub(super) fn new(root: &Path) -> Self {
        let (path, kept) = (root.join("memo"), root.join("memo.kept"));
        Self { path, kept, holds: Memo::default(), held: None }
    }

    /// Does `op`, where there is a memo to do it to. One that something is wrong with already is
    /// only removed or exchanged.
    pub(super) fn apply(&mut self, op: MemoOp) -> io::Result<bool> {
        let manifest = self.path.join(MANIFEST);
        match op {
            MemoOp::Restore => {
                let Some(held) = self.held.clone() else { return Ok(false) };
                remove(&self.path)?;
                copy(&self.kept, &self.path)?;
                self.holds = held;
            }
            _ if !manifest.is_file() => return Ok(false),
            MemoOp::Save => {
                remove(&self.kept)?;
                copy(&self.path, &self.kept)?;
                self.held = Some(self.holds.clone());
            }
            MemoOp::Remove => {
                remove(&self.path)?;
                self.holds = Memo::default();
            }
            _ if !self.holds.is_sound() => return Ok(false),
            MemoOp::RemoveManifest => {
                fs::remove_file(manifest)?;
                self.holds = Memo::default();
            }
            MemoOp::FlipManifest => {
                self.change(&manifest, |bytes| flip(bytes, 1))?;
                self.holds.problem = Some("is damaged");
            }
            MemoOp::FlipHeads => self.flaw(Flaw::Head, |bytes| other_head(bytes))?,
            MemoOp::FlipDetails => self.flaw(Flaw::Details, |bytes| flip(bytes, 3))?,
            MemoOp::Shorten => {
                self.flaw(Flaw::Details, |bytes| bytes.truncate(bytes.len().saturating_sub(1)))?;
            }
            MemoOp::OtherVersion => self.forge(VERSION, "is of format version")?,
            MemoOp::OtherParser => self.forge(PARSER, "another version of the parser")?,
            MemoOp::OtherHome => self.forge(HOME + 1, "another archive")?,
        }
        Ok(true)
    }

    fn change(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut bytes = fs::read(path)?;
        change(&mut bytes);
        fs::write(path, bytes)
    }

    fn shards(&self) -> io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(&self.path)?.map(|entry| entry.map(|entry| entry.path()));
        let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
        paths.retain(|path| path.extension().is_some_and(|end| end == "shard"));
        Ok(paths)
    }

    fn flaw(&mut self, flaw: Flaw, change: impl Fn(&mut Vec<u8>)) -> io::Result<()> {
        for path in self.shards()? {
            self.change(&path, &change)?;
        }
        self.holds.shards.values_mut().for_each(|shard| shard.flaw = flaw);
        Ok(())
    }

    /// Makes it one of another version, parser or home, in which the same bytes mean something
    /// else; its sums are right.
    fn forge(&mut self, at: usize, problem: &'static str) -> io::Result<()> {
        self.change(&self.path.join(MANIFEST), |bytes| {
            bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1);
            let end = bytes.len().saturating_sub(SUM);
            let sum = xxh3_128(&bytes[..end]).to_le_bytes();
            bytes[end..].copy_from_slice(&sum);
        })?;
        for path in self.shards()? {
            self.change(&path, |bytes| {
                other_head(bytes);
                if let Some(end) = head_end(bytes) {
                    let sum = xxh3_128(&bytes[HEAD..end]).to_le_bytes();
                    bytes[HEAD_SUM..HEAD_SUM + SUM].copy_from_slice(&sum);
                }
            })?;
        }
        self.holds.problem = Some(problem);
        Ok(())
    }

    /// Names of files in it that others may read, and of what is left behind.
    pub(super) fn litter(&self) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path).into_iter().flatten() {
            let (name, mode) = {
                let entry = entry?;
                (
                    entry.file_name().to_string_lossy().into_owned(),
                    entry.metadata()?.permissions().mode(),
                )
            };
            let is_known = [MANIFEST, "archive.lock", "archive.copies"].contains(&name.as_str())
                || name.ends_with(".shard");
            if !is_known || mode & 0o077 != 0 {
                found.push(format!("{name} (mode {:o})", mode & 0o777));
            }
        }
        Ok(found)
    }
}

fn head_end(bytes: &[u8]) -> Option<usize> {
    let length =
        bytes.get(HEAD_LENGTH..HEAD_LENGTH + 8)?.try_into().ok().map(u64::from_le_bytes)?;
    let end = HEAD.checked_add(usize::try_from(length).ok()?)?;
    (end <= bytes.len()).then_some(end)
}

/// Changes how many lines are of unknown kinds.
fn other_head(bytes: &mut [u8]) {
    if let Some(end) = head_end(bytes) {
        bytes[end - 4] ^= 1;
    }
}

fn flip(bytes: &mut [u8], from_end: usize) {
    if let Some(at) = bytes.len().checked_sub(from_end) {
        bytes[at] ^= 1;
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Copies a folder of files.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}
