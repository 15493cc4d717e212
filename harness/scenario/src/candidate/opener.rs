//! A candidate in the place of the scanner, for histories.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tracerig_differential::foreign::{self, Foreign, Interruption, Opener};
use tracerig_differential::share::Share;
use tracerig_protocol::{Ask, Capability, ErrorKind, Finding, Hello, Outcome};

use super::definition::Definition;
use super::guard::Guarded;
use super::host::Candidate;

/// The cases in which every request is a separate process.
const FRESH: Share = Share::one_in(50);

/// A candidate that answers histories.
#[derive(Debug)]
struct Answering {
    candidate: Candidate,
    serves: bool,
    /// Requests that were answered, rightly or not.
    answers: Arc<AtomicU64>,
}

impl Answering {
    fn new(mut candidate: Candidate, answers: Arc<AtomicU64>) -> Self {
        candidate.guarded = Guarded::Contents;
        Self { candidate, serves: false, answers }
    }
}

impl Foreign for Answering {
    fn hello(&self) -> &Hello {
        self.candidate.said()
    }

    fn begin(&mut self, fresh: bool) {
        self.serves = !fresh && self.hello().can(Capability::Serve);
        if !self.serves {
            self.candidate.stop_serving();
        }
    }

    fn ask(&mut self, ask: &Ask) -> io::Result<Outcome> {
        let outcome = if self.serves {
            self.candidate.serve(ask)?.outcome
        } else {
            self.candidate.launch(ask)?.outcome
        };
        self.answers.fetch_add(u64::from(outcome.answer().is_some()), Ordering::Relaxed);
        Ok(outcome)
    }

    fn interrupt(&mut self, ask: &Ask, how: Interruption) -> io::Result<Outcome> {
        self.candidate.stop_serving();
        Ok(self.candidate.interrupt(ask, how)?.outcome)
    }
}

#[derive(Debug)]
struct Opens {
    definition: Definition,
    limit: Duration,
    answers: Arc<AtomicU64>,
}

impl Opener for Opens {
    fn open(&self) -> io::Result<Box<dyn Foreign>> {
        match open(&self.definition, self.limit)? {
            Ok(candidate) => Ok(Box::new(Answering::new(candidate, Arc::clone(&self.answers)))),
            Err(fault) => Err(io::Error::other(fault.to_string())),
        }
    }
}

/// Why a candidate cannot be asked anything.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotOpened {
    /// What it means is not installed.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// It does not say who it is.
    #[error("{}: {}", .0.fault, .0.detail)]
    Faulty(Finding),
}

/// A candidate that has said who it is, or why it cannot be asked.
pub type Opened<T> = Result<T, NotOpened>;

/// Opens a candidate and asks it who it is.
pub(crate) fn open(definition: &Definition, limit: Duration) -> io::Result<Opened<Candidate>> {
    let mut candidate = Candidate::open(definition, limit)?;
    Ok(match candidate.hello()?.outcome {
        Outcome::Answered(..) => Ok(candidate),
        Outcome::Refused(refusal) if refusal.kind == ErrorKind::Unavailable => {
            Err(NotOpened::Unavailable(refusal.message))
        }
        Outcome::Refused(refusal) => Err(NotOpened::Faulty(Finding {
            fault: tracerig_protocol::Fault::NoHello,
            detail: format!("it refused `hello`: {refusal}"),
            answer: None,
        })),
        Outcome::Faulty(finding) => Err(NotOpened::Faulty(finding)),
    })
}

/// A candidate for a search. `named` is the option that names it again; `answers` counts the
/// requests that it answers, rightly or not.
///
/// # Errors
/// This machine has no room for temporary files.
pub fn opened_counting(
    definition: &Definition,
    limit: Duration,
    named: &str,
    answers: Arc<AtomicU64>,
) -> io::Result<Opened<foreign::Candidate>> {
    Ok(open(definition, limit)?.map(|candidate| foreign::Candidate {
        version: candidate.named(),
        contracts: candidate.said().contracts.clone(),
        opener: Arc::new(Opens { definition: definition.clone(), limit, answers }),
        named: named.to_owned(),
        processes: FRESH,
    }))
}
