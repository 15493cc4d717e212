//! Histories for programs of others: the same operations, with a candidate in the place of the
//! scanner.
//!
//! A candidate is asked through [`Foreign`] and answers in the words of `tracerig-protocol`.
//! Nothing is known of its inside, so answers are compared and work is not. What happens within a
//! scan of our own scanner happens before a scan of a candidate.

mod answers;
mod asking;
mod memo;

pub use answers::{day, trace_answer, usage_answer};
pub(crate) use asking::Asking;
pub(crate) use memo::{Damage, Memo};

use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tracerig_protocol::{Ask, Contract, Fault, Hello, Outcome};

use crate::failure::Why;
use crate::share::Share;

/// A program that is asked in the place of the scanner.
pub trait Foreign: Send + Debug {
    /// Who it is.
    fn hello(&self) -> &Hello;

    /// A history begins. With `fresh`, every request of it is a process of its own.
    fn begin(&mut self, fresh: bool);

    /// Asks it.
    ///
    /// # Errors
    /// The harness cannot start processes or handle its own files. What the program does wrong is
    /// an outcome.
    fn ask(&mut self, ask: &Ask) -> io::Result<Outcome>;

    /// Asks it, and ends its process before it has answered, or soon afterwards.
    ///
    /// # Errors
    /// As [`Foreign::ask`].
    fn interrupt(&mut self, ask: &Ask, how: Interruption) -> io::Result<Outcome>;
}

/// How a process is ended in the middle of what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// By SIGKILL after this time, or later if launches are slower than [`Self::QUICK`].
    Kill(Duration),
    /// By SIGTERM, about half-way.
    Cancel,
}

impl Interruption {
    /// How long the launches take that the times of kills are written for. One that takes twice as
    /// long is killed after twice the time, but not long after its end. Otherwise an interpreter
    /// would be killed each time before it has begun.
    pub const QUICK: Duration = Duration::from_millis(5);

    /// After which time a process is ended, if a whole launch takes `whole`.
    #[must_use]
    pub fn after(self, whole: Duration) -> Duration {
        match self {
            Self::Kill(after) => {
                let slower = (whole.as_secs_f64() / Self::QUICK.as_secs_f64()).max(1.0);
                after.mul_f64(slower).min(after.max(whole * 2))
            }
            Self::Cancel => whole / 2,
        }
    }
}

/// Opens a candidate once for each thread of a search.
pub trait Opener: Send + Sync + Debug {
    /// Opens it.
    ///
    /// # Errors
    /// It does not say who it is, or the harness cannot handle its own files.
    fn open(&self) -> io::Result<Box<dyn Foreign>>;
}

/// A candidate, as a search names and opens it.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What opens it.
    pub opener: Arc<dyn Opener>,
    /// What names it on the command line: `NAME=COMMAND`.
    pub named: String,
    /// Its name and version, for reports.
    pub version: String,
    /// The contracts that it offers.
    pub contracts: Vec<Contract>,
    /// The cases in which every request is a process of its own.
    pub processes: Share,
}

impl Candidate {
    /// Whether it offers this contract.
    #[must_use]
    pub fn offers(&self, contract: Contract) -> bool {
        self.contracts.contains(&contract)
    }

    /// The option that names it, for a replay command.
    pub(crate) fn flag(&self) -> String {
        format!(" --candidate '{}'", self.named.replace('\'', r"'\''"))
    }

    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        vec![("candidate", self.version.clone()), ("processes", self.processes.to_string())]
    }

    pub(crate) fn remarks(&self) -> Vec<String> {
        vec![
            format!("candidate: {} ({})", self.version, self.named),
            format!("every request a process of its own: {} of the cases", self.processes),
        ]
    }
}

/// Why a history of a candidate failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It misbehaved, or gave a wrong answer.
    #[error("{fault}: {detail}")]
    Fault {
        /// In which way.
        fault: Fault,
        /// What was found and what was expected.
        detail: String,
    },
    /// It refused what it has to answer.
    #[error("refused: an answer was due, and it refused: {0}")]
    Refused(String),
    /// It answered what it has to refuse.
    #[error("not-refused: {0}")]
    NotRefused(String),
    /// It changed its memo although it said that it did nothing.
    #[error("memo-changed: it refused with `{0}`, after which the memo must be as it was")]
    MemoChanged(&'static str),
    /// The history cannot be executed.
    #[error("cannot be done: {0}. Change the history")]
    Impossible(String),
    /// A file could not be handled.
    #[error("a file of the history: {0}. Check the room on the disk that holds temporary files")]
    Io(#[from] io::Error),
}

/// Every way to fail, in one word each.
pub(crate) fn kinds() -> Vec<&'static str> {
    let others = ["refused", "not-refused", "memo-changed", "impossible", "file"];
    Fault::ALL.into_iter().map(Fault::name).chain(others).collect()
}

impl Why for Error {
    fn kind(&self) -> &'static str {
        match self {
            Self::Fault { fault, .. } => fault.name(),
            Self::Refused(_) => "refused",
            Self::NotRefused(_) => "not-refused",
            Self::MemoChanged(_) => "memo-changed",
            Self::Impossible(_) => "impossible",
            Self::Io(_) => "file",
        }
    }

    fn is_mismatch(&self) -> bool {
        !matches!(self, Self::Impossible(_) | Self::Io(_))
    }

    fn is_of_the_place(&self) -> bool {
        matches!(self, Self::Io(_))
    }
}

/// Where a history of a candidate failed, and why.
pub type Failure = crate::failure::Failure<Error>;

impl From<crate::trace::Error> for Error {
    fn from(error: crate::trace::Error) -> Self {
        match error {
            crate::trace::Error::Io(error) => Self::Io(error),
            other => Self::Impossible(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_programs_are_killed_later() {
        let after = |micros, whole| {
            Interruption::Kill(Duration::from_micros(micros)).after(Duration::from_millis(whole))
        };
        assert_eq!(after(1000, 1), Duration::from_millis(1));
        assert_eq!(after(1000, 60), Duration::from_millis(12));
        // Such a launch has ended by then; nobody waits for longer.
        assert_eq!(after(100_000, 60), Duration::from_millis(120));
        assert_eq!(after(100_000, 2), Duration::from_millis(100));
        assert_eq!(Interruption::Cancel.after(Duration::from_millis(60)).as_millis(), 30);
    }
}
