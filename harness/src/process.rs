//! Launching one fresh process, waiting for its end, and taking its whole-process figures from the operating system.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use tracerig_reports::record::Exit;

use crate::interrupt;
use crate::platform::{self, Ended};

/// What is kept of a process's standard error.
const STDERR_KEPT: u64 = 4096;

/// Starts processes of one program, one at a time.
#[derive(Debug)]
pub struct Launcher {
    program: PathBuf,
    limit: Duration,
    /// A file, not a pipe: two pipes would take a thread or a poll to empty.
    stderr: File,
}

/// A process from its start to its end.
#[derive(Debug)]
pub struct Finished {
    /// From before it was started until its end was noticed.
    pub wall: Duration,
    /// What it wrote on standard output.
    pub stdout: Vec<u8>,
    /// The beginning of what it wrote on standard error.
    pub stderr: String,
    /// How it ended.
    pub ended: Ended,
    /// Whether it was killed because its time was up.
    pub timed_out: bool,
}

impl Finished {
    /// What the process answered as JSON, or in words why that is no answer.
    ///
    /// # Errors
    /// It was killed, it failed, it said nothing, or something else than expected.
    pub fn answer<T: DeserializeOwned>(&self) -> Result<T, String> {
        let said = if self.stderr.is_empty() { "it said nothing" } else { &self.stderr };
        if self.timed_out {
            return Err("it took longer than the time limit and was killed".to_owned());
        }
        match self.ended.exit {
            Exit::Code(0) => {}
            Exit::Code(code) => return Err(format!("exit code {code}: {said}")),
            Exit::Signal(signal) => return Err(format!("ended by signal {signal}: {said}")),
            Exit::NotStarted => return Err("it did not end in a known way".to_owned()),
        }
        if self.stdout.is_empty() {
            return Err("it ended well but answered nothing".to_owned());
        }
        serde_json::from_slice(&self.stdout).map_err(|error| format!("its answer cannot be read: {error}"))
    }
}

impl Launcher {
    /// Launches `program`, and kills a process of it that takes longer than `limit`.
    ///
    /// # Errors
    /// No temporary file can be made.
    pub fn new(program: &Path, limit: Duration) -> io::Result<Self> {
        Ok(Self { program: program.to_owned(), limit, stderr: tempfile::tempfile()? })
    }

    /// Runs the program with `arguments` to its end.
    ///
    /// # Errors
    /// It cannot be started or waited for.
    pub fn run(&mut self, arguments: &[OsString]) -> io::Result<Finished> {
        self.stderr.set_len(0)?;
        self.stderr.seek(SeekFrom::Start(0))?;
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(self.stderr.try_clone()?)
            // A Ctrl-C in the terminal is for the harness, which then decides what becomes of its child.
            .process_group(0);
        let mut stdout = Vec::with_capacity(64 * 1024);
        let start = Instant::now();
        let mut child = command.spawn()?;
        let watched = interrupt::watch(child.id(), self.limit);
        let read = child.stdout.take().map_or(Ok(0), |mut pipe| pipe.read_to_end(&mut stdout));
        let mut timed_out = false;
        let ended = platform::wait(&mut child, || timed_out = watched.release())?;
        read?;
        Ok(Finished { wall: ended.at - start, stdout, stderr: self.said()?, ended, timed_out })
    }

    fn said(&mut self) -> io::Result<String> {
        let mut said = Vec::new();
        self.stderr.seek(SeekFrom::Start(0))?;
        self.stderr.by_ref().take(STDERR_KEPT).read_to_end(&mut said)?;
        Ok(String::from_utf8_lossy(&said).trim().to_owned())
    }
}
