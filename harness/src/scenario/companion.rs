//! A process that keeps running beside the harness, and answers each line of JSON with one.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::child::Child;
use crate::platform::{self, Io};

/// A process that keeps running. It ends when this value does.
#[derive(Debug)]
pub(super) struct Companion {
    child: Child,
    limit: Duration,
}

/// A question that is not answered yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    start: Instant,
    before: Option<Io>,
}

/// An answer, and what it took.
#[derive(Debug)]
pub(super) struct Answered<A> {
    /// What it says.
    pub answer: A,
    /// From before the question was written until the answer was read.
    pub wall: Duration,
    /// What the process read from question to answer, the question included, where the platform
    /// tells.
    pub io: Option<Io>,
}

impl Companion {
    /// Talks to `child`. An answer that takes longer than `limit` is its last.
    #[must_use]
    pub(super) fn new(child: Child, limit: Duration) -> Self {
        Self { child, limit }
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// In words: it gave none, or one that cannot be read. It will not answer again.
    pub(super) fn ask<A: DeserializeOwned>(
        &mut self,
        question: &impl Serialize,
    ) -> Result<Answered<A>, String> {
        let asked = self.begin(question)?;
        self.finish(asked)
    }

    /// Asks. The answer is to be waited for before the next question.
    ///
    /// # Errors
    /// As [`Companion::ask`].
    pub(super) fn begin(&mut self, question: &impl Serialize) -> Result<Asked, String> {
        let mut line = serde_json::to_vec(question).map_err(|error| error.to_string())?;
        line.push(b'\n');
        let before = platform::io_of(self.child.id());
        self.child.limit(Some(self.limit));
        let asked = Asked { start: Instant::now(), before };
        // Whether it has ended shows when it is waited for; it may have said why.
        let _ = self.child.write(&line);
        Ok(asked)
    }

    /// Waits for the answer to what was asked.
    ///
    /// # Errors
    /// As [`Companion::ask`].
    pub(super) fn finish<A: DeserializeOwned>(
        &mut self,
        asked: Asked,
    ) -> Result<Answered<A>, String> {
        let Asked { start, before } = asked;
        let line = self.child.answer().unwrap_or_default();
        let wall = start.elapsed();
        let after = platform::io_of(self.child.id());
        if !line.ends_with(b"\n") {
            return Err(match self.child.wait() {
                Ok(end) => {
                    end.fault().unwrap_or_else(|| "it ended well but answered nothing".to_owned())
                }
                Err(error) => format!("it cannot be waited for: {error}"),
            });
        }
        self.child.limit(None);
        let answer = serde_json::from_slice(&line)
            .map_err(|error| format!("its answer cannot be read: {error}"))?;
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
}
