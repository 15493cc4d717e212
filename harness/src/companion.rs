//! A process that lives on beside the harness, and answers each line of JSON with one.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::interrupt::{self, Watched};
use crate::platform::{self, Io};
use crate::process::{ended_badly, said};

/// A process that lives on. It ends when this value does.
#[derive(Debug)]
pub struct Companion {
    child: Child,
    /// `None` once it has been closed, so that the process ends.
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    stderr: File,
    limit: Duration,
    /// Whether it was waited for: its id may be another's by now.
    ended: bool,
}

/// A question that is not answered yet.
#[derive(Debug)]
pub struct Asked {
    start: Instant,
    before: Option<Io>,
    watched: Watched,
}

/// An answer, and what it took.
#[derive(Debug)]
pub struct Answered<A> {
    /// What it says.
    pub answer: A,
    /// From before the question was written until the answer was read.
    pub wall: Duration,
    /// What the process read from question to answer, the question included, where the platform tells.
    pub io: Option<Io>,
}

impl Companion {
    /// Starts `program` with `arguments`. An answer that takes longer than `limit` is its last.
    ///
    /// # Errors
    /// In words: it cannot be started.
    pub fn start(program: &Path, arguments: &[OsString], limit: Duration) -> Result<Self, String> {
        let start = || -> io::Result<Self> {
            let stderr = tempfile::tempfile()?;
            let mut child = Command::new(program)
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(stderr.try_clone()?)
                // A Ctrl-C in the terminal is for the harness.
                .process_group(0)
                .spawn()?;
            let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
                return Err(io::Error::other("it has no pipes"));
            };
            let answers = BufReader::new(answers);
            Ok(Self { child, questions: Some(questions), answers, stderr, limit, ended: false })
        };
        start().map_err(|error| format!("{}: cannot be launched: {error}", program.display()))
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// In words: it gave none, or one that cannot be read. It will not answer again.
    pub fn ask<A: DeserializeOwned>(&mut self, question: &impl Serialize) -> Result<Answered<A>, String> {
        let asked = self.begin(question)?;
        self.finish(asked)
    }

    /// Asks. The answer is to be waited for before the next question.
    ///
    /// # Errors
    /// As [`Companion::ask`].
    pub fn begin(&mut self, question: &impl Serialize) -> Result<Asked, String> {
        let mut line = serde_json::to_vec(question).map_err(|error| error.to_string())?;
        line.push(b'\n');
        let before = platform::io_of(self.child.id());
        let watched = interrupt::watch(self.child.id(), self.limit);
        let asked = Asked { start: Instant::now(), before, watched };
        // Whether it has ended shows when it is waited for; it may have said why.
        let _ = self.questions.as_mut().map(|pipe| pipe.write_all(&line));
        Ok(asked)
    }

    /// Waits for the answer to what was asked.
    ///
    /// # Errors
    /// As [`Companion::ask`].
    pub fn finish<A: DeserializeOwned>(&mut self, asked: Asked) -> Result<Answered<A>, String> {
        let Asked { start, before, watched } = asked;
        let mut line = Vec::new();
        let read = self.answers.read_until(b'\n', &mut line);
        let wall = start.elapsed();
        let after = platform::io_of(self.child.id());
        if !matches!(read, Ok(1..)) {
            return Err(self.end(watched));
        }
        watched.release();
        let answer =
            serde_json::from_slice(&line).map_err(|error| format!("its answer cannot be read: {error}"))?;
        let io = before.zip(after).map(|(before, after)| Io {
            rchar: after.rchar - before.rchar,
            syscr: after.syscr - before.syscr,
            device_read: after.device_read - before.device_read,
            wchar: after.wchar - before.wchar,
            syscw: after.syscw - before.syscw,
            device_write: after.device_write - before.device_write,
        });
        Ok(Answered { answer, wall, io })
    }

    /// Ends the process, which answers no more, and says how it ended.
    fn end(&mut self, watched: Watched) -> String {
        drop(self.questions.take());
        let mut timed_out = false;
        let ended = platform::wait(&mut self.child, || timed_out = watched.release());
        self.ended = true;
        let said = said(&self.stderr).unwrap_or_default();
        match ended {
            Ok(ended) => ended_badly(&ended, timed_out, &said)
                .unwrap_or_else(|| "it ended well but answered nothing".to_owned()),
            Err(error) => format!("it cannot be waited for: {error}"),
        }
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        if !self.ended {
            // It would end by itself, unless it hangs; nobody is left to tell.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
