//! Another process that comes to the lock of the memo while the scan at hand holds it.

use std::sync::PoisonError;

use tracerig_oracle::Answer;
use tracerig_scanner::Point;

use super::answered::{Answered, Asked, Refused, Stop};
use super::meanwhile::Shared;
use super::verify::{expect, wrong};
use super::worker::{Said, Task};
use super::{Error, Wrong};
use crate::child::{Child, Fault};

/// A process that waits for the lock, and what it will have to answer then.
#[derive(Debug)]
pub(super) struct Waiting {
    child: Child,
    right: Answer,
}

impl Shared {
    /// Has another process scan until it waits for the lock, or, if it has nothing to write, to the
    /// end.
    pub(super) fn other_waits(&mut self) -> Result<(), Error> {
        let Some(worker) = self.worker.clone() else { return Ok(()) };
        let right = self.world.view()?.answer(self.window);
        let mut child = worker.lock().unwrap_or_else(PoisonError::into_inner).fresh()?;
        let stop = Some(Stop::Tell(Point::PersistWaits.name().to_owned()));
        child.say(&Task::Scan(Asked { stop, ..self.asked() }));
        match child.hear() {
            Ok(Said::Reached) => {
                self.waiting = Some(Waiting { child, right });
                Ok(())
            }
            Ok(Said::Scanned(outcome)) => check(outcome, &right),
            Ok(_) => Err(Error::Child(Fault::Rubbish)),
            Err(fault) => Err(Error::Child(child.end_after(fault).0)),
        }
    }

    /// Lets the process that waited end its scan: it finds another memo than it began with, and
    /// keeps its own to itself.
    pub(super) fn end_waiting(&mut self) -> Result<(), Error> {
        let Some(Waiting { mut child, right }) = self.waiting.take() else { return Ok(()) };
        match child.hear() {
            Ok(Said::Scanned(outcome)) => {
                self.tally.count("scans by another process that waited");
                check(outcome, &right)
            }
            Ok(_) => Err(Error::Child(Fault::Rubbish)),
            Err(fault) => Err(Error::Child(child.end_after(fault).0)),
        }
    }
}

fn check(outcome: Result<Answered, Refused>, right: &Answer) -> Result<(), Error> {
    let answered =
        outcome.map_err(|error| wrong(Wrong::Outcome, format!("another process: {error:?}")))?;
    expect(Wrong::Turns, "the answer of the process that waited", &answered.turns, &right.turns)?;
    expect(
        Wrong::Written,
        "persisting by the process that was to wait",
        &answered.persisted,
        &false,
    )
}
