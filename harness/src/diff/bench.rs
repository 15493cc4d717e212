//! Where histories are executed: a folder, in memory where there is one, and another process that scans.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::Error;
use crate::histories::{self, Case, Engine, Failure, Setup, Tally, Worker};

/// Executes histories, one after the other, each in a folder of its own that is gone afterwards.
#[derive(Debug)]
pub struct Bench {
    folder: TempDir,
    setup: Setup,
    count: AtomicU64,
}

impl Bench {
    /// A bench whose other process is one of `program`, this very program. What is checked are the answers of `engine`.
    ///
    /// Its files are in the folder that `TMPDIR` names; if it names none, in memory where the system offers that, for
    /// nothing in a history is about disks.
    ///
    /// # Errors
    /// The folder cannot be written to, or the program cannot be started.
    pub fn new(program: &Path, engine: Engine) -> Result<Self, Error> {
        let parent = place();
        let failed = |source| Error::Bench { folder: parent.clone(), source };
        let folder = tempfile::Builder::new().prefix("tracerig-diff-").tempdir_in(&parent).map_err(failed)?;
        let mut command = Command::new(program);
        command.arg(histories::SUBCOMMAND).stdin(Stdio::null()).stdout(Stdio::null());
        let worker = Worker::start(command, folder.path()).map_err(failed)?;
        let worker = Some(Arc::new(Mutex::new(worker)));
        Ok(Self { folder, setup: Setup { worker, engine, ..Setup::default() }, count: AtomicU64::new(0) })
    }

    /// Executes `case`.
    ///
    /// # Errors
    /// The first thing that went wrong.
    pub fn run(&self, case: &Case) -> Result<Tally, Failure> {
        let fail = |error: io::Error| Failure { op: 0, error: error.into() };
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.path().join(number.to_string());
        std::fs::create_dir(&folder).map_err(fail)?;
        let result = histories::run(case, &folder, &self.setup);
        std::fs::remove_dir_all(&folder).map_err(fail)?;
        result
    }
}

/// The folder in which benches make theirs.
fn place() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let is_usable = std::env::var_os("TMPDIR").is_none() && tempfile::tempfile_in(memory).is_ok();
    if is_usable { memory.to_owned() } else { std::env::temp_dir() }
}
