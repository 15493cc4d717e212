//! The persisted memo seen from outside: what is at its path, and everything that can happen to it
//! there.
//!
//! Its layout is restated here: magic (8 bytes), version (4), parser (16), stamp (16), SHA-256 of
//! all the rest (32), payload, which begins with the length and the bytes of the database's path.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tracerig_scanner::{Check, Reason};

use super::arguments::{ArtifactOp, Region};
use super::model::{Artifact, Memo, Standing};
use super::world::remove;

/// Every memo of this format begins so: what tells it from other files, and the version.
const BEGINNING: &[u8; PRODUCER] = b"trigmemo\x02\0\0\0";

const VERSION: usize = 8;
const PRODUCER: usize = 12;
const STAMP: usize = 28;
const CHECKSUM: usize = 44;
const PAYLOAD: usize = 76;

/// A persisted memo, with all that is known of what was ever written to it.
pub(super) struct MemoFile {
    pub(super) path: PathBuf,
    /// The bytes of each memo written, whole, with what a scan has to make of it.
    known: Vec<(Vec<u8>, Result<Memo, Reason>)>,
}

/// What must not change when nothing is written; `None` where there is not a file.
pub(super) type State = Option<Seen>;

/// A file as it was seen.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Seen {
    bytes: Vec<u8>,
    /// Seconds and nanoseconds of Unix time.
    changed: (i64, i64),
    inode: u64,
}

impl fmt::Debug for Seen {
    /// A person has no use for hundreds of bytes: the checksum tells them apart.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes", self.bytes.len())?;
        if let Some(checksum) = self.bytes.get(CHECKSUM..CHECKSUM + 4) {
            write!(formatter, " with checksum {}", base16ct::lower::encode_string(checksum))?;
        }
        let (seconds, nanoseconds) = self.changed;
        write!(formatter, ", changed at {seconds}.{nanoseconds:09}, inode {}", self.inode)
    }
}

impl MemoFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, known: Vec::new() }
    }

    /// What a new process finds.
    pub(super) fn artifact(&self) -> io::Result<Artifact> {
        let Ok(metadata) = fs::symlink_metadata(&self.path) else { return Ok(Artifact::absent()) };
        let refused =
            |standing| Artifact { standing, content: Err(Reason::Check(Check::Artifact)) };
        if !metadata.is_file() {
            return Ok(refused(Standing::Foreign));
        }
        let bytes = fs::read(&self.path)?;
        let known = self
            .known
            .iter()
            .find(|(known, _)| *known == bytes)
            .map(|(_, content)| content.clone());
        let stamp = stamp(&bytes);
        let is_one = bytes.starts_with(BEGINNING);
        match stamp {
            Some(stamp) if is_one && bytes.len() >= PAYLOAD => Ok(Artifact {
                standing: Standing::Stamp(stamp),
                content: known.unwrap_or(Err(Reason::Check(Check::Artifact))),
            }),
            _ => Ok(refused(Standing::Foreign)),
        }
    }

    /// What is there after a scan has written it.
    pub(super) fn standing_after_write(&self) -> io::Result<Standing> {
        Ok(stamp(&fs::read(&self.path)?).map_or(Standing::Foreign, Standing::Stamp))
    }

    /// Notes what a scan has just written, and checks that only the owner may read it.
    pub(super) fn written(&mut self, memo: Memo) -> io::Result<bool> {
        let is_private = fs::metadata(&self.path)?.permissions().mode() & 0o077 == 0;
        self.known.push((fs::read(&self.path)?, Ok(memo)));
        Ok(is_private)
    }

    /// Bytes, time of the last change and inode.
    pub(super) fn state(&self) -> State {
        let metadata = fs::symlink_metadata(&self.path).ok()?;
        let bytes = fs::read(&self.path).unwrap_or_default();
        Some(Seen {
            bytes,
            changed: (metadata.mtime(), metadata.mtime_nsec()),
            inode: metadata.ino(),
        })
    }

    /// Does `op`; where there is not a memo to do it to, nothing.
    pub(super) fn apply(&mut self, op: ArtifactOp) -> io::Result<()> {
        let saved = with_name(&self.path, "memo.saved");
        let is_file = fs::symlink_metadata(&self.path).is_ok_and(|metadata| metadata.is_file());
        match op {
            ArtifactOp::Restore => {
                remove(&self.path)?;
                return if saved.exists() { fs::copy(saved, &self.path).map(drop) } else { Ok(()) };
            }
            ArtifactOp::Remove => return remove(&self.path),
            _ if !is_file => return Ok(()),
            ArtifactOp::Save => return fs::copy(&self.path, saved).map(drop),
            ArtifactOp::Link => {
                let target = with_name(&self.path, "memo.target");
                fs::rename(&self.path, &target)?;
                return symlink(target, &self.path);
            }
            _ => {}
        }
        let mut bytes = fs::read(&self.path)?;
        match op {
            ArtifactOp::Truncate => bytes.truncate(bytes.len() / 2),
            ArtifactOp::Clear => bytes.clear(),
            ArtifactOp::Flip(region) => {
                let at = match region {
                    Region::Magic => 0,
                    Region::Version => VERSION,
                    Region::Producer => PRODUCER,
                    Region::Stamp => STAMP,
                    Region::Checksum => CHECKSUM,
                    Region::Payload => PAYLOAD + (bytes.len().saturating_sub(PAYLOAD)) / 2,
                };
                bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1);
            }
            _ if bytes.len() <= PAYLOAD + 1 => return Ok(()),
            ArtifactOp::OtherParser => bytes[PRODUCER] ^= 0xff,
            ArtifactOp::OtherVersion => bytes[VERSION] ^= 0xff,
            ArtifactOp::OtherDatabase => bytes[PAYLOAD + 1] ^= 0xff,
            ArtifactOp::Remove | ArtifactOp::Save | ArtifactOp::Restore | ArtifactOp::Link => {}
        }
        if let ArtifactOp::OtherParser | ArtifactOp::OtherVersion | ArtifactOp::OtherDatabase = op {
            if checksum(&fs::read(&self.path)?) != bytes[CHECKSUM..PAYLOAD] {
                // A damaged one made whole again would be a forgery, and nothing protects from
                // that.
                return Ok(());
            }
            let digest = checksum(&bytes);
            bytes[CHECKSUM..PAYLOAD].copy_from_slice(&digest);
            // One of another version is refused before anyone asks for its parser.
            if self.known.first().is_some_and(|(known, _)| {
                bytes.starts_with(BEGINNING) && known[PRODUCER..STAMP] != bytes[PRODUCER..STAMP]
            }) {
                self.known.push((bytes.clone(), Err(Reason::Check(Check::Producer))));
            }
        }
        fs::write(&self.path, bytes)
    }
}

/// The random value that tells this write of a memo from others.
pub(super) fn stamp(bytes: &[u8]) -> Option<[u8; 16]> {
    bytes.get(STAMP..CHECKSUM)?.try_into().ok()
}

fn checksum(bytes: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(&bytes[..CHECKSUM]);
    hasher.update(&bytes[PAYLOAD..]);
    hasher.finalize().into()
}

fn with_name(path: &Path, name: &str) -> PathBuf {
    path.with_file_name(name)
}
