//! The memo on disk: one small file, whole or not trusted.
//!
//! Layout: magic, format version, fingerprint of the parser, stamp, SHA-256 of everything else,
//! payload (postcard). Magic and version keep their place in every format. Only ids, names, times
//! and digests are stored, never bodies.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ablation::{self, Ablation, Ablations};
use crate::anchors::Anchor;
use crate::checks::Check;
use crate::facts::{FactSet, Parts};
use crate::identity::Identity;
use crate::memo::Memo;
use crate::path::with_suffix;
use crate::producer::{self, FINGERPRINT, Fingerprint};
use crate::regular::{self, begins_like, open_regular};

const MAGIC: [u8; 8] = *b"trigmemo";
const VERSION: u32 = 2;
const HEADER_BYTES: usize = 8 + 4 + 16 + 16 + 32;

/// No memo is larger. Some sixty bytes a fact make this more than ten million facts, and a file
/// that claims more is not worth the memory that reading it takes.
const MAX_BYTES: u64 = 1 << 30;

/// A random value that every write renews.
pub(crate) type Stamp = [u8; 16];

/// What is at the artifact's path, as far as replacing it is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing.
    Absent,
    /// Something that is no artifact of this format: too short, of another version, a folder, a
    /// link.
    Foreign,
    /// An artifact with this stamp, whole or not.
    Stamped(Stamp),
}

/// Whether writing the artifact at `path` could touch the database at `database` (resolved): it,
/// its log, index or journal is where the artifact, its lock or its temporary file would.
pub(crate) fn clashes(path: &Path, database: &Path) -> bool {
    // All three are in one folder.
    let folder = folder(path).canonicalize().unwrap_or_else(|_| folder(path).to_owned());
    let resolved = |path: &Path| folder.join(path.file_name().unwrap_or_default());
    let file = |path: &Path| std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    let own = [path.to_owned(), with_suffix(path, ".lock"), temporary(path)]
        .map(|path| (file(&path), resolved(&path)));
    ["", "-wal", "-shm", "-journal"].map(|suffix| with_suffix(database, suffix)).iter().any(
        |theirs| {
            let identity = file(theirs);
            own.iter()
                .any(|(file, path)| path == theirs || (identity.is_some() && *file == identity))
        },
    )
}

/// Whether what is at `path` is a file of someone else, which no memo may replace.
fn is_of_someone_else(path: &Path) -> io::Result<bool> {
    let mut start = Vec::with_capacity(MAGIC.len());
    match open_regular(path) {
        Ok(file) => file.take(MAGIC.len() as u64).read_to_end(&mut start)?,
        // What cannot be read cannot be distinguished: it is where the memo was asked for.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
            ) =>
        {
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    Ok(!begins_like(&start, MAGIC))
}

/// Fails if something is at `path` that no scan wrote. A link is replaced, not followed: what it
/// leads to is not ours to judge.
fn check_ours(path: &Path) -> io::Result<()> {
    let kind = std::fs::symlink_metadata(path).map(|found| found.file_type());
    let wrong = match kind {
        Ok(kind) if kind.is_symlink() => return Ok(()),
        Ok(kind) if !kind.is_file() => "not a regular file",
        Ok(_) if is_of_someone_else(path)? => "not a memo",
        _ => return Ok(()),
    };
    Err(io::Error::other(format!("{} is {wrong}, so it is left alone", path.display())))
}

/// What loading an artifact gave.
#[derive(Debug)]
pub(crate) enum Loaded {
    /// A memo that is whole, of this format, of this database, by a trusted parser.
    Memo(Memo, u64),
    /// There is none.
    Absent,
    /// There is one that must not be used.
    Refused(Check, String),
}

#[derive(Serialize, Deserialize)]
struct Payload<'a> {
    database: &'a [u8],
    identity: Identity,
    cursor: i64,
    anchors: Vec<Anchor>,
    #[serde(borrow)]
    known: Parts<&'a str>,
}

/// The fixed part, taken apart.
struct Header {
    producer: Fingerprint,
    stamp: Stamp,
    checksum: [u8; 32],
}

impl Header {
    fn read(bytes: &[u8], ablated: Ablations) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (version, rest) = rest.split_first_chunk::<4>()?;
        let (producer, rest) = rest.split_first_chunk()?;
        let (stamp, rest) = rest.split_first_chunk()?;
        let (checksum, _) = rest.split_first_chunk()?;
        let is_known =
            u32::from_le_bytes(*version) == VERSION || ablated.has(Ablation::ArtifactVersion);
        (*magic == MAGIC && is_known).then_some(Self {
            producer: *producer,
            stamp: *stamp,
            checksum: *checksum,
        })
    }
}

/// The format version of what begins like a memo.
fn version(bytes: &[u8]) -> Option<u32> {
    let (version, _) = bytes.strip_prefix(&MAGIC)?.split_first_chunk()?;
    Some(u32::from_le_bytes(*version))
}

/// What is at `path`.
pub(crate) fn standing(path: &Path, ablated: Ablations) -> Standing {
    let mut header = [0; HEADER_BYTES];
    match open(path, ablated) {
        Ok(mut file) => match file.read_exact(&mut header) {
            Ok(()) => Header::read(&header, ablated)
                .map_or(Standing::Foreign, |header| Standing::Stamped(header.stamp)),
            Err(_) => Standing::Foreign,
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Standing::Absent,
        Err(_) => Standing::Foreign,
    }
}

/// Loads the memo of `database` from `path`, with what was there.
pub(crate) fn load(path: &Path, database: &Path, ablated: Ablations) -> (Loaded, Standing) {
    let refused = |why: String| {
        Loaded::Refused(
            Check::Artifact,
            format!(
                "{}: the memo {why}; the database is scanned in full and the memo written anew",
                path.display()
            ),
        )
    };
    let cannot_be_read = |error: io::Error| refused(format!("cannot be read ({error})"));
    let file = match open(path, ablated) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return (Loaded::Absent, Standing::Absent);
        }
        Err(error) => return (cannot_be_read(error), Standing::Foreign),
    };
    // What is not a memo by its first bytes may be of any size, and is not read further.
    let mut bytes = Vec::new();
    if let Err(error) = (&file).take(HEADER_BYTES as u64).read_to_end(&mut bytes) {
        return (cannot_be_read(error), Standing::Foreign);
    }
    let Some(header) = Header::read(&bytes, ablated) else {
        let why = match version(&bytes) {
            Some(version) if version != VERSION => {
                format!("is of format version {version}, and this program reads version {VERSION}")
            }
            _ => "is damaged".to_owned(),
        };
        return (refused(why), Standing::Foreign);
    };
    let standing = Standing::Stamped(header.stamp);
    if let Err(error) = read_rest(&file, &mut bytes) {
        return (cannot_be_read(error), standing);
    }
    if !ablated.has(Ablation::ArtifactChecksum) && checksum(&bytes) != header.checksum {
        return (refused("is damaged".into()), standing);
    }
    if !producer::is_trusted(&header.producer) && !ablated.has(Ablation::Producer) {
        let why = format!(
            "{}: the memo was written by another version of the parser; the database is scanned in \
             full",
            path.display()
        );
        return (Loaded::Refused(Check::Producer, why), standing);
    }
    let Ok(payload) = postcard::from_bytes::<Payload<'_>>(&bytes[HEADER_BYTES..]) else {
        return (refused("is damaged".into()), standing);
    };
    let is_of_database = payload.database == database.as_os_str().as_bytes();
    if !is_of_database && !ablated.has(Ablation::ArtifactDatabase) {
        return (refused("belongs to another database".into()), standing);
    }
    let Parts { facts, kept, names } = payload.known;
    let names = names.into_iter().map(Arc::from).collect();
    let Some(facts) = FactSet::from_parts(Parts { facts, kept, names }) else {
        return (refused("is damaged".into()), standing);
    };
    let memo = Memo {
        identity: payload.identity,
        cursor: payload.cursor,
        anchors: payload.anchors,
        facts,
    };
    (Loaded::Memo(memo, bytes.len() as u64), standing)
}

/// The artifact of `memo`, ready to be written.
pub(crate) fn encode(
    memo: &Memo,
    database: &Path,
    stamp: Stamp,
) -> Result<Vec<u8>, postcard::Error> {
    let payload = Payload {
        database: database.as_os_str().as_bytes(),
        identity: memo.identity,
        cursor: memo.cursor,
        anchors: memo.anchors.clone(),
        known: memo.facts.parts(),
    };
    let mut bytes = Vec::with_capacity(HEADER_BYTES + 64 * memo.facts.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&FINGERPRINT);
    bytes.extend_from_slice(&stamp);
    bytes.extend_from_slice(&[0; 32]);
    let mut bytes = postcard::to_extend(&payload, bytes)?;
    let sum = checksum(&bytes);
    bytes[HEADER_BYTES - 32..HEADER_BYTES].copy_from_slice(&sum);
    Ok(bytes)
}

/// SHA-256 over everything but the checksum itself.
fn checksum(bytes: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(&bytes[..HEADER_BYTES - 32]);
    hasher.update(&bytes[HEADER_BYTES..]);
    hasher.finalize().into()
}

/// Held while an artifact is compared and replaced; freed by the operating system if the process
/// dies.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "dropping it unlocks")] File);

/// Takes the lock beside the artifact; `None` while another scan holds it. Creates the folder, for
/// the owner alone, if need be.
pub(crate) fn try_lock(path: &Path) -> io::Result<Option<Lock>> {
    let folder = folder(path);
    if !folder.is_dir() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let lock_path = with_suffix(path, ".lock");
    let create = || File::options().write(true).create_new(true).mode(0o600).open(&lock_path);
    let file = match create() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open_regular(&lock_path)?,
        other => other?,
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Replaces the artifact: a temporary file in the same folder, readable by the owner alone, then a
/// rename. The lock must be held.
///
/// Not synced: the checksum finds a torn file, and losing it costs one scan. `at_half` and
/// `at_whole` are called with a part and with all of the temporary file written.
pub(crate) fn replace<E: From<io::Error>>(
    path: &Path,
    bytes: &[u8],
    ablated: Ablations,
    at_half: impl FnOnce() -> Result<(), E>,
    at_whole: impl FnOnce() -> Result<(), E>,
) -> Result<(), E> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it holds too many facts").into());
    }
    check_ours(path)?;
    if ablated.has(Ablation::ArtifactRename) {
        return ablation::write_in_place(path, bytes, at_half, at_whole);
    }
    // Under the lock one name is enough, and with one name a process that is killed leaves at most
    // one file.
    let temporary = temporary(path);
    check_ours(&temporary)?;
    let temporary = Temporary(temporary, ablated);
    match std::fs::remove_file(&temporary.0) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    // Only if nothing is there, so never through a link.
    let mode = if ablated.has(Ablation::ArtifactPrivate) { 0o644 } else { 0o600 };
    let mut file = File::options().write(true).create_new(true).mode(mode).open(&temporary.0)?;
    let (first, second) = bytes.split_at(bytes.len() / 2);
    file.write_all(first)?;
    at_half()?;
    file.write_all(second)?;
    at_whole()?;
    regular::replace(&temporary.0, path)?;
    Ok(())
}

/// A file that is gone afterwards, renamed or removed.
struct Temporary(PathBuf, Ablations);

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.1.has(Ablation::ArtifactTemporary) {
            // Gone already if it took its place. What cannot be removed is replaced by the next
            // scan that writes.
            let _ = std::fs::remove_file(&self.0);
        }
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The name that a new artifact has until it is whole.
fn temporary(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    folder(path).join(name)
}

/// Reads what is left of `file`, as far as a memo can reach.
fn read_rest(file: &File, bytes: &mut Vec<u8>) -> io::Result<()> {
    let length = file.metadata()?.len();
    if length > MAX_BYTES {
        return Err(io::Error::other("it is larger than any memo"));
    }
    bytes.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX))?;
    file.take(MAX_BYTES).read_to_end(bytes)?;
    Ok(())
}

/// Opens the artifact at `path`.
fn open(path: &Path, ablated: Ablations) -> io::Result<File> {
    if ablated.has(Ablation::ArtifactLink) { File::open(path) } else { open_regular(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_replaced_and_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, victim) = (folder.path().join("memo"), folder.path().join("victim"));
        let left = folder.path().join(".memo.new");
        let ok = || Ok::<(), io::Error>(());
        std::fs::write(&left, b"trigmemo, a part").unwrap();
        replace(&path, b"trigmemo first", Ablations::NONE, ok, ok).unwrap();
        std::fs::write(&victim, b"untouched").unwrap();
        std::os::unix::fs::symlink(&victim, &left).unwrap();
        replace(&path, b"trigmemo second", Ablations::NONE, ok, ok).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"trigmemo second");
        assert_eq!(std::fs::read(&victim).unwrap(), b"untouched");
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            2,
            "only the memo and the victim"
        );

        let failed = replace(&path, b"trigmemo third", Ablations::NONE, ok, || {
            Err(io::Error::other("full"))
        });
        assert!(
            failed.is_err()
                && std::fs::read(&path).unwrap() == b"trigmemo second"
                && !left.exists()
        );
    }

    #[test]
    fn only_a_memo_is_replaced_however_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("memo");
        let ok = || Ok::<(), io::Error>(());
        for ours in [&b""[..], b"trig", b"trigmemo\x01", b"xrixmemo", b"\0\0\0\0\0\0\0\0\0"] {
            std::fs::write(&path, ours).unwrap();
            replace(&path, b"trigmemo", Ablations::NONE, ok, ok).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"trigmemo", "{ours:?}");
        }
        for theirs in [&b"SQLite format 3\0"[..], b"# Notes", b"n", b"\x37\x7f\x06\x82"] {
            std::fs::write(&path, theirs).unwrap();
            assert!(replace(&path, b"trigmemo", Ablations::NONE, ok, ok).is_err());
            assert_eq!(std::fs::read(&path).unwrap(), theirs);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no litter");
        }
    }

    #[test]
    fn a_place_that_belongs_to_the_database_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let database = folder.join("logs");
        std::fs::write(&database, "rows").unwrap();
        std::fs::hard_link(&database, folder.join("linked")).unwrap();
        std::os::unix::fs::symlink(&folder, folder.join("here")).unwrap();
        for wrong in ["logs", "logs-wal", "logs-shm", "logs-journal", "linked", "here/logs"] {
            assert!(clashes(&folder.join(wrong), &database), "{wrong}");
        }
        assert!(clashes(&folder.join("logs"), &folder.join("logs.lock")));
        assert!(clashes(&folder.join("memo"), &folder.join(".memo.new")));
        for right in ["memo", "logs.memo", "logs-wal.memo"] {
            assert!(!clashes(&folder.join(right), &database), "{right}");
        }
    }
}
