//! Launching one fresh process, waiting for its end, and taking its whole-process figures from the operating system.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use tracerig_reports::ByteSize;
use tracerig_reports::record::{Exit, Launch};

use crate::child::{self, Child, Streams};
use crate::platform::{self, Ended};
use crate::watch::{Cut, Limits};

/// Starts processes of one program, one at a time; two launchers start two at once.
#[derive(Debug)]
pub struct Launcher {
    program: PathBuf,
    limit: Duration,
    stderr: File,
    /// What a process of the program reads before it does anything, and in how many calls.
    start: (u64, u64),
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
    /// Why it was ended, if it did not end by itself.
    pub cut: Option<Cut>,
}

/// The launch of a process that could not be started: nothing is known of it.
pub(crate) fn not_started() -> Launch {
    Launch {
        wall: Duration::ZERO,
        user: None,
        system: None,
        peak_memory: None,
        major_faults: None,
        device_read: None,
        resident_pages_before: None,
        exit: Exit::NotStarted,
        phases: Vec::new(),
        counters: BTreeMap::new(),
        histograms: BTreeMap::new(),
        mode: None,
        reason: None,
        turns: None,
        answer_digest: None,
        verified: false,
    }
}

/// An end as records tell it.
pub(crate) fn recorded(exit: platform::Exit) -> Exit {
    match exit {
        platform::Exit::Code(code) => Exit::Code(code),
        platform::Exit::Signal(signal) => Exit::Signal(signal),
    }
}

impl Finished {
    /// The launch as far as the operating system knows it.
    pub(crate) fn launch(&self) -> Launch {
        let ended = &self.ended;
        Launch {
            wall: self.wall,
            user: ended.user,
            system: ended.system,
            major_faults: ended.major_faults,
            device_read: ended.io.map(|io| ByteSize(io.device_read)),
            exit: recorded(ended.exit),
            ..not_started()
        }
    }

    /// What the process answered as JSON, or in words why that is no answer.
    ///
    /// # Errors
    /// It was ended, it failed, it said nothing, or something else than expected.
    pub fn answer<T: DeserializeOwned>(&self) -> Result<T, String> {
        if let Some(error) = child::fault(&self.ended, self.cut, &self.stderr) {
            return Err(error);
        }
        if self.stdout.is_empty() {
            return Err("it ended well but answered nothing".to_owned());
        }
        serde_json::from_slice(&self.stdout).map_err(|error| format!("its answer cannot be read: {error}"))
    }
}

impl Launcher {
    /// Launches `program`, and ends a process of it that takes longer than `limit` or writes without end.
    ///
    /// # Errors
    /// No temporary file can be made.
    pub fn new(program: &Path, limit: Duration) -> io::Result<Self> {
        Ok(Self { program: program.to_owned(), limit, stderr: tempfile::tempfile()?, start: (0, 0) })
    }

    /// The same, with what every process reads at its start left out of what its launches read, told by one that is launched with
    /// `nothing` to do. The C library reads `/proc/self/maps` then, which is longer where the path of the program is: without
    /// this, moving a program would seem to change its work.
    ///
    /// # Errors
    /// As [`Launcher::new`]. That the program cannot be launched shows when it is.
    pub fn without_start(program: &Path, limit: Duration, nothing: &[OsString]) -> io::Result<Self> {
        let mut launcher = Self::new(program, limit)?;
        if let Ok(finished) = launcher.run(nothing)
            && let (platform::Exit::Code(0), Some(io)) = (finished.ended.exit, finished.ended.io)
        {
            launcher.start = (io.rchar, io.syscr);
        }
        Ok(launcher)
    }

    /// Runs the program with `arguments` to its end.
    ///
    /// # Errors
    /// It cannot be started or waited for.
    pub fn run(&mut self, arguments: &[OsString]) -> io::Result<Finished> {
        self.start(arguments)?.finish()
    }

    /// Starts the program with `arguments`. The launch before must have finished.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(&mut self, arguments: &[OsString]) -> io::Result<Launched<'_>> {
        self.stderr.set_len(0)?;
        self.stderr.seek(SeekFrom::Start(0))?;
        let mut command = Command::new(&self.program);
        let limits = Limits { time: Some(self.limit), ..Limits::default() };
        let child = Child::start(command.args(arguments), &Streams::Read(&self.stderr), limits)?;
        Ok(Launched { child, read: self.start, _launcher: PhantomData })
    }
}

/// A process on its way.
#[derive(Debug)]
pub struct Launched<'a> {
    child: Child,
    /// What it has read before it does anything.
    read: (u64, u64),
    /// Its standard error is the launcher's.
    _launcher: PhantomData<&'a Launcher>,
}

impl Launched<'_> {
    /// When it was started.
    #[must_use]
    pub fn start(&self) -> Instant {
        self.child.started()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn finish(self) -> io::Result<Finished> {
        let (start, (rchar, syscr)) = (self.start(), self.read);
        let (stdout, child::End { mut ended, cut, said }) = self.child.finish()?;
        if let Some(io) = &mut ended.io {
            io.rchar = io.rchar.saturating_sub(rchar);
            io.syscr = io.syscr.saturating_sub(syscr);
        }
        Ok(Finished { wall: ended.at - start, stdout, stderr: said, ended, cut })
    }
}
