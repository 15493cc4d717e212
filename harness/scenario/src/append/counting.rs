//! What a launch of the append scenario counts of its store: projections, how late they were, bytes
//! and synchronisations.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tracerig_reports::record::Histogram;
use tracerig_store::threads::{Disk, DiskFile, FileSystem, Observer, ProjectionReport};

/// What the store was seen to do.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) projections: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) syncs: Arc<AtomicU64>,
    staleness: Mutex<Histogram>,
}

impl Counts {
    pub(super) fn forget_staleness(&self) {
        *self.staleness.lock().unwrap_or_else(PoisonError::into_inner) = Histogram::new();
    }

    pub(super) fn staleness(&self) -> Histogram {
        self.staleness.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Observer for Counts {
    fn projected(&self, report: ProjectionReport<'_>) {
        self.projections.fetch_add(1, Ordering::Relaxed);
        match (report.outcome, report.lag) {
            (Ok(()), Some(lag)) => {
                self.staleness.lock().unwrap_or_else(PoisonError::into_inner).record(lag);
            }
            (Ok(()), None) => {}
            (Err(_), _) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// The file system, with its bytes and syncs counted.
#[derive(Debug)]
pub(super) struct CountingDisk {
    pub(super) counts: Arc<Counts>,
    /// Synchronisations after each write that nobody asked for: planted, so that a comparison has
    /// something to find.
    pub(super) extra_syncs: u64,
}

#[derive(Debug)]
struct CountingFile {
    file: Box<dyn DiskFile>,
    counts: Arc<Counts>,
    /// Handed over when the file is closed: threads would fight over a counter of all.
    bytes: u64,
    extra_syncs: u64,
}

impl CountingDisk {
    fn counting(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(CountingFile {
            file,
            counts: Arc::clone(&self.counts),
            bytes: 0,
            extra_syncs: self.extra_syncs,
        })
    }
}

impl Disk for CountingDisk {
    fn create_folder(&self, path: &Path) -> std::io::Result<()> {
        FileSystem.create_folder(path)
    }

    fn create(&self, path: &Path) -> std::io::Result<Box<dyn DiskFile>> {
        FileSystem.create(path).map(|file| self.counting(file))
    }

    fn open(&self, path: &Path) -> std::io::Result<Box<dyn DiskFile>> {
        FileSystem.open(path).map(|file| self.counting(file))
    }

    fn remove(&self, path: &Path) -> std::io::Result<()> {
        FileSystem.remove(path)
    }

    fn sync_folder(&self, path: &Path) -> std::io::Result<()> {
        FileSystem.sync_folder(path)
    }
}

impl DiskFile for CountingFile {
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = self.file.append(bytes)?;
        self.bytes += taken as u64;
        for _ in 0..self.extra_syncs {
            self.sync()?;
        }
        Ok(taken)
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.counts.syncs.fetch_add(1, Ordering::Relaxed);
        self.file.sync()
    }

    fn length(&self) -> std::io::Result<u64> {
        self.file.length()
    }

    fn cut(&mut self, length: u64) -> std::io::Result<()> {
        self.file.cut(length)
    }
}

impl Drop for CountingFile {
    fn drop(&mut self) {
        self.counts.bytes.fetch_add(self.bytes, Ordering::Relaxed);
    }
}
