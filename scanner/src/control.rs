//! What a caller can see of a running scan and do to it: progress, cancellation, and probes for
//! tests.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use crate::error::ScanError;

/// The points of a scan that a [`Probe`] sees, in the order in which they are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Point {
    /// The memo was read, the database is not open.
    Loaded,
    /// The identity of the file was taken, the file is not open.
    BeforeOpen,
    /// The file is open and nothing was read.
    Opened,
    /// The first connection has begun its transaction, the others, if there are any, have not.
    Begun,
    /// The snapshot's first read is done.
    FirstRead,
    /// The memo was found trustworthy, or not.
    Checked,
    /// All rows were examined, and the new memo exists in memory only.
    Scanned,
    /// Another scan holds the lock of the persisted memo. The only point that most scans never come
    /// to.
    PersistWaits,
    /// The lock of the persisted memo is held.
    PersistLocked,
    /// A part of the temporary file is written.
    PersistHalfWritten,
    /// The temporary file is whole and not yet renamed.
    PersistWritten,
    /// The persisted memo is replaced.
    Persisted,
}

impl Point {
    /// Every point that a scan comes to which nothing hinders.
    pub const ALL: [Self; 11] = [
        Self::Loaded,
        Self::BeforeOpen,
        Self::Opened,
        Self::Begun,
        Self::FirstRead,
        Self::Checked,
        Self::Scanned,
        Self::PersistLocked,
        Self::PersistHalfWritten,
        Self::PersistWritten,
        Self::Persisted,
    ];

    /// The name of the point, as tests and environment variables spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::BeforeOpen => "before-open",
            Self::Opened => "opened",
            Self::Begun => "begun",
            Self::FirstRead => "first-read",
            Self::Checked => "checked",
            Self::Scanned => "scanned",
            Self::PersistWaits => "persist-waits",
            Self::PersistLocked => "persist-locked",
            Self::PersistHalfWritten => "persist-half-written",
            Self::PersistWritten => "persist-written",
            Self::Persisted => "persisted",
        }
    }
}

/// Sees every [`Point`] that a scan reaches: to exchange the file there, to stop the process, or to
/// fail.
pub trait Probe: Send + Sync + fmt::Debug {
    /// Called at `point`; `false` makes the step fail with [`ScanError::Injected`].
    fn reached(&self, point: Point) -> bool;
}

/// How far a scan is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Rows examined so far.
    pub rows: u64,
    /// Bytes of bodies searched so far.
    pub body_bytes: u64,
    /// The share of the id range that is done, in thousandths; ids are unevenly used, so this is a
    /// guide only.
    pub permille: u16,
}

/// Shared by a running scan and its caller.
#[derive(Debug, Default)]
pub(crate) struct Control {
    cancelled: AtomicBool,
    rows: AtomicU64,
    body_bytes: AtomicU64,
    ids_done: AtomicI64,
    ids_total: AtomicI64,
}

impl Control {
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Fails if the caller cancelled.
    pub(crate) fn check(&self, path: &Path) -> Result<(), ScanError> {
        if self.is_cancelled() {
            Err(ScanError::Cancelled { path: path.to_owned() })
        } else {
            Ok(())
        }
    }

    pub(crate) fn begin(&self, ids: i64) {
        self.ids_total.store(ids, Ordering::Relaxed);
    }

    /// Notes a chunk of rows as done.
    pub(crate) fn advance(&self, rows: u64, body_bytes: u64, ids: i64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.body_bytes.fetch_add(body_bytes, Ordering::Relaxed);
        self.ids_done.fetch_add(ids, Ordering::Relaxed);
    }

    pub(crate) fn progress(&self) -> Progress {
        let total = i128::from(self.ids_total.load(Ordering::Relaxed)).max(1);
        let done = i128::from(self.ids_done.load(Ordering::Relaxed)).clamp(0, total);
        Progress {
            rows: self.rows.load(Ordering::Relaxed),
            body_bytes: self.body_bytes.load(Ordering::Relaxed),
            permille: u16::try_from(done * 1000 / total).unwrap_or(1000),
        }
    }
}

/// Tells the probe, if there is one.
pub(crate) fn reached(
    probe: Option<&Arc<dyn Probe>>,
    path: &Path,
    point: Point,
) -> Result<(), ScanError> {
    match probe {
        Some(probe) if !probe.reached(point) => {
            Err(ScanError::Injected { path: path.to_owned(), point: point.name() })
        }
        _ => Ok(()),
    }
}
