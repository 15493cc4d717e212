//! Whether a dataset is still what was built.
//!
//! A dataset found in the cache is taken if its file has the length and the digest that the
//! manifest says, and no write-ahead log with anything in it. The digest is computed again unless
//! length, inode, modification and change time of the file are those remembered, in
//! `verified.json`, from the last time it was right. (Anyone who can write the file can still forge
//! that; it guards against accidents.)

use std::fs;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tracerig_store::files::{create_regular, read_regular};

use crate::cache::{Dataset, Progress};
use crate::digest;
use crate::error::{DatasetError, Result};

/// The name of the file in a dataset's folder that remembers the last verification.
pub(crate) const VERIFIED_FILE: &str = "verified.json";

/// That file has a few hundred bytes.
pub(crate) const MOST_VERIFIED: u64 = 1 << 16;

/// What a file looked like when its digest was right.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Verified {
    bytes: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    file_digest: String,
}

impl Verified {
    /// `None` where the system does not tell enough.
    #[cfg(unix)]
    fn now(dataset: &Dataset) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = fs::metadata(&dataset.database).ok()?;
        Some(Self {
            bytes: metadata.len(),
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            file_digest: dataset.manifest.file_digest.clone(),
        })
    }

    #[cfg(not(unix))]
    fn now(_: &Dataset) -> Option<Self> {
        None
    }
}

fn verified_path(dataset: &Dataset) -> PathBuf {
    dataset.database.with_file_name(VERIFIED_FILE)
}

/// Remembers that the file is right as it is. Where that fails the digest is simply computed again.
pub(crate) fn remember(dataset: &Dataset) {
    let text = Verified::now(dataset).and_then(|verified| serde_json::to_string(&verified).ok());
    if let Some(text) = text {
        let _ = create_regular(&verified_path(dataset))
            .and_then(|mut file| file.write_all(text.as_bytes()));
    }
}

/// Rows that somebody wrote to the dataset may be in a write-ahead log, with the file unchanged. A
/// reader leaves an empty one at most.
fn check_unwritten(dataset: &Dataset) -> Result<()> {
    let mut name = dataset.database.clone().into_os_string();
    name.push("-wal");
    match fs::metadata(&name) {
        Ok(log) if log.len() > 0 => Err(DatasetError::Damaged {
            path: dataset.database.clone(),
            detail: "somebody wrote to it and left a write-ahead log".into(),
        }),
        _ => Ok(()),
    }
}

pub(crate) fn verify_quickly(
    dataset: &Dataset,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<()> {
    check_unwritten(dataset)?;
    let known = read_regular(&verified_path(dataset), MOST_VERIFIED)
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok());
    if known.is_some() && known == Verified::now(dataset) {
        return Ok(());
    }
    verify_file(dataset, progress)?;
    remember(dataset);
    Ok(())
}

pub(crate) fn verify_file(
    dataset: &Dataset,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<()> {
    check_unwritten(dataset)?;
    let Dataset { database, manifest, .. } = dataset;
    let damaged = |detail: String| DatasetError::Damaged { path: database.clone(), detail };
    let metadata = fs::metadata(database).map_err(|error| damaged(error.to_string()))?;
    if metadata.len() != manifest.file_bytes {
        return Err(damaged(format!(
            "it has {} bytes, not {}",
            metadata.len(),
            manifest.file_bytes
        )));
    }
    let found = digest::of_file(database, progress)?;
    if found != manifest.file_digest {
        return Err(damaged(format!("the file has the digest {found}")));
    }
    Ok(())
}
