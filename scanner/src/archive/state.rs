//! What one metadata call says of a file, and what a memo remembers of that.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::Stat;

/// A file changed this shortly before it was looked at may change again within the same tick of the
/// clock that dates it.
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// A folder changed this shortly before it was looked at is listed again: some file systems date
/// changes by seconds.
const REST: Duration = Duration::from_secs(3);

/// Which file is at a path, and in which state. Equal states are the same content, under the
/// contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The device that the file is on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// Its length, in bytes.
    pub size: u64,
    /// When its content was changed, in nanoseconds of Unix time.
    pub modified: i64,
    /// When its content or anything about it was changed, in nanoseconds of Unix time.
    pub changed: i64,
}

impl State {
    /// What the system says of a file.
    // The types of these numbers differ between platforms.
    #[allow(clippy::unnecessary_cast, clippy::cast_lossless, trivial_numeric_casts)]
    pub(crate) fn of(stat: &Stat) -> Self {
        let nanos =
            |seconds: i64, nanos: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as u64,
            modified: nanos(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: nanos(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        }
    }

    /// Device and inode.
    pub(crate) const fn file(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// Whether it changed so shortly before `now`, or after, that a later change may leave no
    /// trace.
    pub(crate) fn is_fresh(&self, now: i64) -> bool {
        !self.is_older(TICK, now)
    }

    /// The same of a folder whose content nobody looks at again as long as its state is this one.
    pub(crate) fn has_rested(&self, now: i64) -> bool {
        self.is_older(REST, now)
    }

    fn is_older(&self, than: Duration, now: i64) -> bool {
        let than = i64::try_from(than.as_nanos()).unwrap_or(i64::MAX);
        now.saturating_sub(self.modified.max(self.changed)) >= than
    }

    pub(crate) fn to_bytes(self) -> [u8; 40] {
        let mut bytes = [0; 40];
        let parts = [
            self.device.to_le_bytes(),
            self.inode.to_le_bytes(),
            self.size.to_le_bytes(),
            self.modified.to_le_bytes(),
            self.changed.to_le_bytes(),
        ];
        for (place, part) in bytes.chunks_exact_mut(8).zip(parts) {
            place.copy_from_slice(&part);
        }
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; 40]) -> Self {
        let (parts, _) = bytes.as_chunks::<8>();
        Self {
            device: u64::from_le_bytes(parts[0]),
            inode: u64::from_le_bytes(parts[1]),
            size: u64::from_le_bytes(parts[2]),
            modified: i64::from_le_bytes(parts[3]),
            changed: i64::from_le_bytes(parts[4]),
        }
    }
}

/// The time in nanoseconds of Unix time.
pub(crate) fn now() -> i64 {
    let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => nanos(since),
        Err(before) => -nanos(before.duration()),
    }
}
