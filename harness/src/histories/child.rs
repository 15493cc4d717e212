//! A process that is talked to line by line in JSON, through a socket that is its standard input and output, and every way in
//! which it can go wrong.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// How long a process may take to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// No answer is longer. A process that prints without end must not fill the memory.
const MOST_BYTES: u64 = 64 << 20;

/// How a process failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It ended in another way than it was told to.
    Crashed,
    /// It did not answer within half a minute.
    Hung,
    /// It answered with something else than an answer.
    Rubbish,
    /// It ended well and answered nothing.
    Silent,
    /// It could not be started.
    NotStarted,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 5] = [Self::Crashed, Self::Hung, Self::Rubbish, Self::Silent, Self::NotStarted];

    /// Its name in reports and file names.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crashed => "child-crashed",
            Self::Hung => "child-hung",
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
            Self::Hung => "did not answer in time and was killed",
            Self::Rubbish => "answered what is no answer",
            Self::Silent => "ended and answered nothing",
            Self::NotStarted => "could not be started",
        })
    }
}

/// A process, for as long as this value lives.
#[derive(Debug)]
pub(super) struct Child {
    process: std::process::Child,
    stream: BufReader<UnixStream>,
}

impl Child {
    /// Starts `command`, which has `patience` for each answer. It is not waited for: while it starts, there is time for
    /// something else.
    pub(super) fn start(command: &mut Command, patience: Duration) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(patience))?;
        ours.set_write_timeout(Some(patience))?;
        let output = theirs.try_clone()?;
        let process = command
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::from(OwnedFd::from(output)))
            // A Ctrl-C in the terminal is for the parent, which lets the history at hand end first.
            .process_group(0)
            .spawn();
        // The command holds on to its ends of the socket, and no end would be seen while it does.
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Ok(Self { process: process?, stream: BufReader::new(ours) })
    }

    /// Says something. Whether it is heard shows when an answer is waited for.
    pub(super) fn say(&mut self, message: &impl Serialize) {
        let _ = send(self.stream.get_mut(), message);
    }

    /// Waits for what it says next.
    pub(super) fn hear<T: DeserializeOwned>(&mut self) -> Result<T, Fault> {
        let mut line = Vec::new();
        match io::Read::take(&mut self.stream, MOST_BYTES).read_until(b'\n', &mut line) {
            Ok(1..) => serde_json::from_slice(&line).map_err(|_| Fault::Rubbish),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Err(Fault::Hung)
            }
            Ok(0) | Err(_) => Err(Fault::Crashed),
        }
    }

    /// Kills it, if it lives.
    pub(super) fn kill(&mut self) {
        let _ = self.process.kill();
    }

    /// Ends it, if it lives, and gives the exit code that it had by itself.
    pub(super) fn end(&mut self) -> Option<i32> {
        // One that is dead already keeps its exit code; nobody is left to tell if this fails.
        self.kill();
        self.process.wait().ok()?.code()
    }

    /// Ends it after `fault`, and says how it failed and which exit code it had.
    pub(super) fn end_after(&mut self, fault: Fault) -> (Fault, Option<i32>) {
        let code = self.end();
        (if fault == Fault::Crashed && code == Some(0) { Fault::Silent } else { fault }, code)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end();
    }
}

/// Writes `message` as a line.
pub(super) fn send(mut stream: impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    stream.flush()
}
