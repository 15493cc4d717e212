//! Digests of an archive: of what is in it, and of the states of its files.

use std::fs;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tracerig_store::files::open_regular;

use super::plan::{ARCHIVED, SESSIONS};
use crate::cache::{Progress, Stage};
use crate::digest::hexadecimal;
use crate::error::{DatasetError, Result};

/// Path below the home, length and SHA-256 of a rollout.
pub(super) type Entry = (PathBuf, u64, [u8; 32]);

/// The digest of rollouts, in the order of their paths.
pub(super) fn of_entries(entries: &mut [Entry]) -> String {
    entries.sort_unstable();
    let mut hasher = Sha256::new();
    for (path, bytes, digest) in entries {
        hasher.update(path.as_os_str().as_encoded_bytes());
        hasher.update([0]);
        hasher.update(bytes.to_le_bytes());
        hasher.update(digest);
    }
    hexadecimal(hasher)
}

/// The paths of all files below `home`, in their order, with their metadata.
fn files(home: &Path) -> Result<Vec<(PathBuf, fs::Metadata)>> {
    let mut found = Vec::new();
    let mut folders = vec![home.join(SESSIONS), home.join(ARCHIVED)];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            // An archive may have none that is archived.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries.map_err(DatasetError::io(&folder, "read the folder"))?,
        };
        for entry in entries {
            let entry = entry.map_err(DatasetError::io(&folder, "read the folder"))?;
            let path = entry.path();
            let metadata = entry.metadata().map_err(DatasetError::io(&path, "look at it"))?;
            if metadata.is_dir() {
                folders.push(path);
            } else {
                let below = path.strip_prefix(home).unwrap_or(&path).to_owned();
                found.push((below, metadata));
            }
        }
    }
    found.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    Ok(found)
}

/// The digest of the rollouts below `home`, read once more.
pub(super) fn of_home(
    home: &Path,
    total: u64,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<String> {
    /// Between two looks whether it shall go on.
    const PIECE: u64 = 4 << 20;
    let mut tell = |done: u64| {
        let told = Progress { stage: Stage::Verifying, done, total: total.max(done) };
        if progress(told).is_break() { Err(DatasetError::Cancelled) } else { Ok(()) }
    };
    let (mut done, mut entries) = (0, Vec::new());
    let mut buffer = vec![0; 256 << 10];
    for (path, _) in files(home)? {
        let whole = home.join(&path);
        let mut file = open_regular(&whole).map_err(DatasetError::io(&whole, "open it"))?;
        let (mut hasher, mut bytes) = (Sha256::new(), 0);
        loop {
            let count = file.read(&mut buffer).map_err(DatasetError::io(&whole, "read it"))?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            bytes += count as u64;
            if bytes.is_multiple_of(PIECE) {
                tell(done + bytes)?;
            }
        }
        done += bytes;
        entries.push((path, bytes, hasher.finalize().into()));
        tell(done)?;
    }
    Ok(of_entries(&mut entries))
}

/// A digest of the states of all files below `home`: as long as it stays, their bytes do.
#[cfg(unix)]
pub(super) fn of_states(home: &Path) -> Result<String> {
    use std::os::unix::fs::MetadataExt;
    let mut hasher = Sha256::new();
    for (path, metadata) in files(home)? {
        hasher.update(path.as_os_str().as_encoded_bytes());
        let times =
            [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()];
        for number in
            [metadata.len(), metadata.ino()].into_iter().chain(times.map(i64::cast_unsigned))
        {
            hasher.update(number.to_le_bytes());
        }
    }
    Ok(hexadecimal(hasher))
}
