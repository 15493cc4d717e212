//! A process that is talked to line by line in JSON, and every way in which it can go wrong.

use std::fmt;
use std::io::{self, Write};
use std::process::Command;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tracerig_process::child;
use tracerig_process::interrupt;
use tracerig_process::platform::Exit;
use tracerig_process::watch::{Cut, Limits};

/// How long a process may take to answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How a process failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It ended in another way than it was reported to.
    Crashed,
    /// It did not answer within half a minute.
    Hung,
    /// It wrote without end.
    Flooded,
    /// It answered with something else than an answer.
    Rubbish,
    /// It ended well and answered nothing.
    Silent,
    /// It could not be started.
    NotStarted,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 6] =
        [Self::Crashed, Self::Hung, Self::Flooded, Self::Rubbish, Self::Silent, Self::NotStarted];

    /// Its name in reports and file names.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crashed => "child-crashed",
            Self::Hung => "child-hung",
            Self::Flooded => "child-too-much-output",
            Self::Rubbish => "child-rubbish",
            Self::Silent => "child-silent",
            Self::NotStarted => "child-not-started",
        }
    }

    /// The same where the process is an oracle.
    #[must_use]
    pub const fn name_of_oracle(self) -> &'static str {
        match self {
            Self::Crashed => "oracle-crashed",
            Self::Hung => "oracle-hung",
            Self::Flooded => "oracle-too-much-output",
            Self::Rubbish => "oracle-rubbish",
            Self::Silent => "oracle-silent",
            Self::NotStarted => "oracle-not-started",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Crashed => "crashed",
            Self::Hung => "did not answer in time and was ended",
            Self::Flooded => "wrote more than an answer may have and was ended",
            Self::Rubbish => "answered what is no answer",
            Self::Silent => "ended and answered nothing",
            Self::NotStarted => "could not be started",
        })
    }
}

/// A process, for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Child {
    process: child::Child,
    patience: Duration,
}

impl Child {
    /// Starts `command`, which has `patience` for each answer. It is not waited for: while it
    /// starts, there is time for something else.
    pub(crate) fn start(command: &mut Command, patience: Duration) -> io::Result<Self> {
        Ok(Self { process: child::Child::start_to_talk(command, Limits::default())?, patience })
    }

    /// Says something. Whether it is heard shows when an answer is waited for.
    pub(crate) fn say(&mut self, message: &impl Serialize) {
        let Ok(mut line) = serde_json::to_vec(message) else { return };
        line.push(b'\n');
        self.process.limit(Some(self.patience));
        let _ = self.process.write(&line);
    }

    /// Waits for what it says next.
    pub(crate) fn hear<T: DeserializeOwned>(&mut self) -> Result<T, Fault> {
        self.process.limit(Some(self.patience));
        let line = self.process.answer();
        match self.process.cut() {
            Some(Cut::TimedOut | Cut::Held) => return Err(Fault::Hung),
            Some(Cut::TooMuchOutput | Cut::TooMuchError) => return Err(Fault::Flooded),
            Some(Cut::Interrupted) | None => {}
        }
        let line = line.unwrap_or_default();
        self.process.limit(None);
        if line.is_empty() {
            Err(Fault::Crashed)
        } else {
            serde_json::from_slice(&line).map_err(|_| Fault::Rubbish)
        }
    }

    /// Kills it, if it lives.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Ends it, if it lives, and gives the exit code that it had by itself.
    fn end(&mut self) -> Option<i32> {
        // One that is dead already keeps its exit code; nobody is left to tell if this fails.
        self.kill();
        let end = self.process.wait().ok()?;
        if !end.said.is_empty() && !interrupt::requested() {
            let _ = writeln!(io::stderr(), "{}", end.said);
        }
        match end.ended.exit {
            Exit::Code(code) => Some(code),
            Exit::Signal(_) => None,
        }
    }

    /// Ends it after `fault`, and says how it failed and which exit code it had.
    pub(crate) fn end_after(&mut self, fault: Fault) -> (Fault, Option<i32>) {
        let code = self.end();
        (if fault == Fault::Crashed && code == Some(0) { Fault::Silent } else { fault }, code)
    }
}

/// Writes `message` as a line.
pub(crate) fn send(mut stream: impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    stream.flush()
}
