//! Where histories are executed: a folder, in memory if there is one, and what the subject needs
//! beside it.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tracerig_process::interrupt::TempFolder;

use super::error::Error;
use super::watch::{LIMIT, Watch};
use crate::failure::Failure;
use crate::subject::Subject;
use crate::tally::Tally;

/// What the names of their folders begin with.
const PREFIX: &str = "tracerig-diff-";

/// The exit code of a wrong result.
const MISMATCH: i32 = 3;

/// Executes histories, one after the other, each in a separate folder that is gone afterwards.
#[derive(Debug)]
pub struct Bench<'s, S: Subject> {
    subject: &'s S,
    // Ends before its folder does.
    setup: S::Setup,
    folder: TempFolder,
    watch: Watch,
    count: AtomicU64,
}

impl<'s, S: Subject> Bench<'s, S> {
    /// A bench for histories of `subject`.
    ///
    /// Its files are in the folder that `TMPDIR` names; if it names none, in memory where the
    /// system offers that, for nothing in a history is about disks.
    ///
    /// # Errors
    /// The folder cannot be written to, or what the subject needs cannot be started.
    pub fn new(subject: &'s S) -> Result<Self, Error> {
        let parent = place();
        let failed = |source| Error::Bench { folder: parent.clone(), source };
        let folder = TempFolder::with_prefix(PREFIX, &parent).map_err(failed)?;
        let setup = subject.set_up(folder.path()).map_err(failed)?;
        let replay = format!("tracerig diff {}{} --replay", S::VERB, subject.flags());
        let watch = Watch::new(LIMIT, move |history| hangs(history, &replay)).map_err(failed)?;
        Ok(Self { subject, setup, folder, watch, count: AtomicU64::new(0) })
    }

    /// Executes `case`. One that does not end within two minutes ends the process, with exit code
    /// 3.
    ///
    /// # Errors
    /// The first thing that went wrong.
    pub fn run(&self, case: &S::Case) -> Result<Tally, Failure<S::Error>> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.path().join(number.to_string());
        std::fs::create_dir(&folder)?;
        self.watch.begins(case.to_string());
        let result = self.subject.run(&self.setup, &folder, case);
        self.watch.ends();
        std::fs::remove_dir_all(&folder)?;
        result
    }
}

/// Ends the process for a history that hangs.
fn hangs(history: &str, replay: &str) {
    let path = std::env::temp_dir().join(format!("tracerig-hangs-{}.txt", std::process::id()));
    let limit = LIMIT.as_secs();
    let text = format!("# This history did not end within {limit} s.\n{history}");
    // The name can be guessed, and a link planted there.
    let kept = File::create_new(&path).and_then(|mut file| file.write_all(text.as_bytes()));
    let mut stderr = std::io::stderr();
    // Nobody may be listening any more.
    let _ =
        writeln!(stderr, "MISMATCH hangs: this history did not end within {limit} s:\n\n{history}");
    let _ = match kept {
        Ok(()) => writeln!(stderr, "replay: {replay} {}", path.display()),
        Err(error) => writeln!(stderr, "{}: it could not be kept: {error}", path.display()),
    };
    std::process::exit(MISMATCH);
}

/// The folder in which benches make theirs.
fn place() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let is_usable = std::env::var_os("TMPDIR").is_none() && tempfile::tempfile_in(memory).is_ok();
    if is_usable { memory.to_owned() } else { std::env::temp_dir() }
}
