//! Where histories are executed: a folder, in memory where there is one, and what the subject needs beside it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use super::{Error, Subject};
use crate::histories::Tally;

/// Executes histories, one after the other, each in a folder of its own that is gone afterwards.
#[derive(Debug)]
pub struct Bench<'s, S: Subject> {
    subject: &'s S,
    // Ends before its folder does.
    setup: S::Setup,
    folder: TempDir,
    count: AtomicU64,
}

impl<'s, S: Subject> Bench<'s, S> {
    /// A bench for histories of `subject`.
    ///
    /// Its files are in the folder that `TMPDIR` names; if it names none, in memory where the system offers that, for
    /// nothing in a history is about disks.
    ///
    /// # Errors
    /// The folder cannot be written to, or what the subject needs cannot be started.
    pub fn new(subject: &'s S) -> Result<Self, Error> {
        let parent = place();
        let failed = |source| Error::Bench { folder: parent.clone(), source };
        let folder = tempfile::Builder::new().prefix("tracerig-diff-").tempdir_in(&parent).map_err(failed)?;
        let setup = subject.set_up(folder.path()).map_err(failed)?;
        Ok(Self { subject, setup, folder, count: AtomicU64::new(0) })
    }

    /// Executes `case`.
    ///
    /// # Errors
    /// The first thing that went wrong.
    pub fn run(&self, case: &S::Case) -> Result<Tally, S::Failure> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.path().join(number.to_string());
        std::fs::create_dir(&folder)?;
        let result = self.subject.run(&self.setup, &folder, case);
        std::fs::remove_dir_all(&folder)?;
        result
    }
}

/// The folder in which benches make theirs.
fn place() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let is_usable = std::env::var_os("TMPDIR").is_none() && tempfile::tempfile_in(memory).is_ok();
    if is_usable { memory.to_owned() } else { std::env::temp_dir() }
}
