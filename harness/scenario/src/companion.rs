//! A process that keeps running beside the harness, and answers each line of JSON with one.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::child::Child;

/// A process that keeps running. It ends when this value does.
#[derive(Debug)]
pub(super) struct Companion {
    child: Child,
    limit: Duration,
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
    ) -> Result<A, String> {
        self.begin(question)?;
        self.finish()
    }

    /// Asks. The answer is to be waited for before the next question.
    ///
    /// # Errors
    /// As [`Companion::ask`].
    pub(super) fn begin(&mut self, question: &impl Serialize) -> Result<(), String> {
        let mut line = serde_json::to_vec(question).map_err(|error| error.to_string())?;
        line.push(b'\n');
        self.child.limit(Some(self.limit));
        // Whether it has ended shows when it is waited for; it may have said why.
        let _ = self.child.write(&line);
        Ok(())
    }

    /// Waits for the answer to what was asked.
    ///
    /// # Errors
    /// As [`Companion::ask`].
    pub(super) fn finish<A: DeserializeOwned>(&mut self) -> Result<A, String> {
        let line = self.child.answer().unwrap_or_default();
        if !line.ends_with(b"\n") {
            return Err(match self.child.wait() {
                Ok(end) => {
                    end.fault().unwrap_or_else(|| "it ended well but answered nothing".to_owned())
                }
                Err(error) => format!("it cannot be waited for: {error}"),
            });
        }
        self.child.limit(None);
        serde_json::from_slice(&line).map_err(|error| format!("its answer cannot be read: {error}"))
    }
}
