//! A program under measurement. Processes that do not answer the protocol of candidates are started
//! here: those of appends and commands, and the writer beside relaunches.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tracerig_protocol::Handicap;
use tracerig_reports::record::Plan;

use super::ScenarioError;
use super::companion::Companion;
use super::engine;
use super::finished::Finished;
use super::guest::Whose;
use crate::candidate::under;
use crate::child::{self, Child, Streams};
use crate::watch::Limits;
use crate::{machine, platform};

/// An executable that processes are started from.
#[derive(Debug)]
pub struct Program {
    program: PathBuf,
    /// The words before its processes' command: a tool that they run under.
    tool: Vec<OsString>,
    /// Of any command: program and arguments. Of an executable that is asked for things: nothing.
    argv: Vec<String>,
    limit: Duration,
    /// What its processes do beyond their work.
    pub handicap: Handicap,
    /// The cores that its processes divide their work by, if not those there are.
    cores: Option<NonZeroUsize>,
    /// Which side of a comparison it is; 0 outside of one.
    side: usize,
    /// What a process of it reads before it does anything, and in how many calls.
    start: (u64, u64),
    /// What a process writes on standard error.
    said: File,
}

impl Program {
    /// Starts processes from `program`, and ends one that takes longer than `limit` or writes
    /// without end. What a process reads before it does anything, told by one that does nothing, is
    /// left out of what processes read. The C library reads `/proc/self/maps` then, which is longer
    /// where the path of the program is: without this, moving a program would seem to change its
    /// work.
    ///
    /// # Errors
    /// No temporary file can be made. That the program cannot be started shows when it is.
    pub fn new(program: &Path, limit: Duration) -> Result<Self, ScenarioError> {
        let mut program = Self::made(program, limit)?;
        if let Ok(finished) = program.finished(&engine::idle_arguments())
            && let (platform::Exit::Code(0), Some(io)) = (finished.ended.exit, finished.ended.io)
        {
            program.start = (io.rchar, io.syscr);
        }
        Ok(program)
    }

    /// Starts a command of somebody else. What it reads at its start is counted: nothing is known
    /// of it.
    ///
    /// # Errors
    /// As [`Program::new`].
    pub fn of_command(argv: &[String], limit: Duration) -> Result<Self, ScenarioError> {
        let program = argv.first().map(PathBuf::from).unwrap_or_default();
        let program = Self::made(&program, limit)?;
        Ok(Self { argv: argv.to_vec(), ..program })
    }

    /// The candidate of somebody else at this place of the plan, which its scenario
    /// launches.
    ///
    /// # Errors
    /// As [`Program::new`].
    pub fn of_guest(at: usize, limit: Duration) -> Result<Self, ScenarioError> {
        let program = Self::made(Path::new(""), limit)?;
        Ok(program.on_side(at))
    }

    /// The same on this side of a comparison.
    #[must_use]
    pub fn on_side(self, side: usize) -> Self {
        Self { side, ..self }
    }

    /// Which side of a comparison it is; 0 outside of one.
    pub(super) fn side(&self) -> usize {
        self.side
    }

    /// The place in the plan of the candidate that an arm launches.
    pub(super) fn at(&self, whose: Whose) -> usize {
        match whose {
            Whose::At(at) => at,
            Whose::Side => self.side,
        }
    }

    /// What a plan launches: its command, or else processes of `program`.
    ///
    /// # Errors
    /// As [`Program::new`].
    pub fn of(plan: &Plan, program: &Path, limit: Duration) -> Result<Self, ScenarioError> {
        match &plan.command {
            Some(command) => Self::of_command(&command.argv, limit),
            None => Self::new(program, limit),
        }
    }

    fn made(program: &Path, limit: Duration) -> Result<Self, ScenarioError> {
        Self::with_start(program, limit)
            .map_err(ScenarioError::io(&std::env::temp_dir(), "create a temporary file in it"))
    }

    /// The same, with what a process reads before it does anything counted.
    ///
    /// # Errors
    /// No temporary file can be made.
    pub fn with_start(program: &Path, limit: Duration) -> io::Result<Self> {
        Ok(Self {
            program: program.to_owned(),
            tool: Vec::new(),
            argv: Vec::new(),
            side: 0,
            limit,
            handicap: Handicap::default(),
            cores: None,
            start: (0, 0),
            said: tempfile::tempfile()?,
        })
    }

    /// Has its processes divide their work by so many cores. Where these are those there are, they
    /// find them by themselves, and need not be told: a program of an earlier revision knows no
    /// word for it.
    #[must_use]
    pub fn on_cores(mut self, cores: Option<u64>) -> Self {
        let cores = cores.and_then(|cores| NonZeroUsize::new(usize::try_from(cores).ok()?));
        self.cores = cores.filter(|&cores| machine::cores() != cores);
        self
    }

    /// Has its processes run under a tool from now on: these words come before their command.
    pub fn under(&mut self, tool: Vec<OsString>) {
        self.tool = tool;
    }

    /// The words before the command of its processes: a tool that they run under.
    pub(super) fn tool(&self) -> &[OsString] {
        &self.tool
    }

    /// The cores that its processes divide their work by, if not those there are.
    pub(super) fn cores(&self) -> Option<NonZeroUsize> {
        self.cores
    }

    /// Runs a process with these arguments to its end.
    ///
    /// # Errors
    /// It cannot be started, or not be waited for.
    pub fn finished(&mut self, arguments: &[OsString]) -> io::Result<Finished> {
        let streams = Streams::Read(self.nothing_said()?);
        let limits = Limits { time: Some(self.limit), ..Limits::default() };
        let mut command = under(&self.tool, &self.program);
        self.end(Child::start(command.args(arguments), &streams, limits)?)
    }

    /// Runs the command to its end, with this file on standard input or nothing. A process that it
    /// leaves with its output is not waited for until the time limit.
    pub(super) fn run_on(&mut self, input: Option<File>) -> io::Result<Finished> {
        let streams = Streams::Read(self.nothing_said()?);
        let limits = Limits { time: Some(self.limit), gives_up_held: true, ..Limits::default() };
        let mut command = under(&self.tool, &self.program);
        command.args(self.argv.iter().skip(1));
        let child = match input {
            Some(input) => Child::start_reading(&mut command, input, &streams, limits)?,
            None => Child::start(&mut command, &streams, limits)?,
        };
        self.end(child)
    }

    /// The command and its arguments; nothing of an executable that is asked for things.
    pub(super) fn argv(&self) -> &[String] {
        &self.argv
    }

    /// Starts a process that answers each line of JSON with one.
    pub(super) fn live_on(&self, arguments: &[OsString]) -> Result<Companion, String> {
        let child = self.child(arguments, None, None).map_err(|error| self.not_launched(&error))?;
        Ok(Companion::new(child, self.limit))
    }

    /// Starts a process to talk to, with this environment variable or without it, and ends it after
    /// `limit`.
    pub(super) fn child(
        &self,
        arguments: &[OsString],
        limit: Option<Duration>,
        variable: Option<(&str, Option<String>)>,
    ) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        match variable {
            Some((name, Some(value))) => command.env(name, value),
            Some((name, None)) => command.env_remove(name),
            None => &mut command,
        };
        Child::start_to_talk(command.args(arguments), Limits { time: limit, ..Limits::default() })
    }

    /// The executable.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.program
    }

    /// The file for what a process writes on standard error, empty.
    fn nothing_said(&self) -> io::Result<&File> {
        let mut said = &self.said;
        said.set_len(0)?;
        said.seek(SeekFrom::Start(0))?;
        Ok(said)
    }

    fn end(&self, child: Child) -> io::Result<Finished> {
        let begun = child.started();
        let (stdout, child::End { mut ended, cut, said }) = child.finish()?;
        if let Some(io) = &mut ended.io {
            io.rchar = io.rchar.saturating_sub(self.start.0);
            io.syscr = io.syscr.saturating_sub(self.start.1);
        }
        Ok(Finished { wall: ended.at - begun, stdout, stderr: said, ended, cut })
    }

    fn not_launched(&self, error: &io::Error) -> String {
        format!("{}: cannot be launched: {error}", self.program.display())
    }
}
