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

/// What became of the requests of histories.
#[derive(Debug, Default)]
pub struct Counts {
    answered: AtomicU64,
    ended: [AtomicU64; 2],
}

impl Counts {
    pub(crate) fn asked(&self, is_answered: bool) {
        self.answered.fetch_add(u64::from(is_answered), Ordering::Relaxed);
    }

    /// Requests that were answered, rightly or not.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    pub(crate) fn interrupted(&self, outcome: &Outcome) {
        let place = usize::from(outcome.answer().is_some());
        self.ended[place].fetch_add(1, Ordering::Relaxed);
    }

    /// Launches that were killed or cancelled before they had answered, and those that were so
    /// afterwards, since the last call.
    pub(crate) fn take_interrupted(&self) -> (u64, u64) {
        let [before, after] = &self.ended;
        (before.swap(0, Ordering::Relaxed), after.swap(0, Ordering::Relaxed))
    }
}

/// A candidate that answers histories.
#[derive(Debug)]
struct Answering {
    candidate: Candidate,
    serves: bool,
    counts: Arc<Counts>,
}

impl Answering {
    fn new(mut candidate: Candidate, counts: Arc<Counts>) -> Self {
        candidate.guarded = Guarded::Contents;
        Self { candidate, serves: false, counts }
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
        self.counts.asked(outcome.answer().is_some());
        Ok(outcome)
    }

    fn interrupt(&mut self, ask: &Ask, how: Interruption) -> io::Result<Outcome> {
        self.candidate.stop_serving();
        let outcome = self.candidate.interrupt(ask, how)?.outcome;
        self.counts.interrupted(&outcome);
        Ok(outcome)
    }
}

#[derive(Debug)]
struct Opens {
    definition: Definition,
    limit: Duration,
    counts: Arc<Counts>,
}

impl Opener for Opens {
    fn open(&self) -> io::Result<Box<dyn Foreign>> {
        match open(&self.definition, self.limit)? {
            Ok(candidate) => Ok(Box::new(Answering::new(candidate, Arc::clone(&self.counts)))),
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

/// A candidate for a search. `named` is the option that names it again.
///
/// # Errors
/// This machine has no room for temporary files.
pub fn opened_counting(
    definition: &Definition,
    limit: Duration,
    named: &str,
    counts: Arc<Counts>,
) -> io::Result<Opened<foreign::Candidate>> {
    Ok(open(definition, limit)?.map(|candidate| foreign::Candidate {
        version: candidate.named(),
        contracts: candidate.said().contracts.clone(),
        opener: Arc::new(Opens { definition: definition.clone(), limit, counts }),
        named: named.to_owned(),
        processes: FRESH,
    }))
}
