//! Which file a path leads to: device, inode and birth time.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// The identity of a file. Inodes are reused at once by common file systems; birth times are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The device the file is on.
    pub device: u64,
    /// Its inode there.
    pub inode: u64,
    /// Nanoseconds from the Unix epoch to the birth of the file, where the file system reports it.
    pub birth: Option<i128>,
}

/// Where identities come from. The file system, unless a test decides when an inode is reused.
pub trait IdentitySource: Send + Sync + fmt::Debug {
    /// The identity of the file that `path` leads to, symbolic links followed.
    ///
    /// # Errors
    /// What the file system says.
    fn identity(&self, path: &Path) -> io::Result<Identity>;
}

/// Asks the file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileSystemIdentity;

impl IdentitySource for FileSystemIdentity {
    fn identity(&self, path: &Path) -> io::Result<Identity> {
        std::fs::metadata(path).map(|metadata| of(&metadata))
    }
}

/// The identity that `metadata` reports.
pub(crate) fn of(metadata: &std::fs::Metadata) -> Identity {
    let birth = metadata.created().ok().map(|time| match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_nanos().cast_signed(),
        Err(before) => -before.duration().as_nanos().cast_signed(),
    });
    Identity { device: metadata.dev(), inode: metadata.ino(), birth }
}
