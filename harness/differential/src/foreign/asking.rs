//! Asking a candidate, and holding what it says against the right answer.

use std::path::PathBuf;

use tracerig_protocol::{
    Answer, Ask, Capability, ErrorKind, Expected, Fault, Finding, Outcome, WirePath,
};

use super::memo::{Damage, Memo};
use super::{Error, Foreign, Interruption};
use crate::tally::Tally;

/// How many earlier answers a stale one is looked for in.
const MOST_EARLIER: usize = 8;

/// A candidate in the middle of a history.
#[derive(Debug)]
pub(crate) struct Asking<'a> {
    foreign: &'a mut dyn Foreign,
    memo: Memo,
    keeps_memo: bool,
    /// Right answers of states before this one, the latest last.
    earlier: Vec<Answer>,
    /// What was asked last and answered, as long as nothing has changed.
    last: Option<(Ask, Answer)>,
    pub(crate) tally: Tally,
}

impl<'a> Asking<'a> {
    /// A candidate that has no memo yet; `memo` becomes its folder.
    pub(crate) fn new(
        foreign: &'a mut dyn Foreign,
        memo: PathBuf,
        fresh: bool,
    ) -> Result<Self, Error> {
        foreign.begin(fresh);
        let keeps_memo = foreign.hello().can(Capability::Memo);
        let (earlier, tally) = (Vec::new(), Tally::default());
        Ok(Self { foreign, memo: Memo::new(memo)?, keeps_memo, earlier, last: None, tally })
    }

    /// The folder that requests name.
    pub(crate) fn memo(&self) -> Option<WirePath> {
        self.keeps_memo.then(|| WirePath(self.memo.path.clone()))
    }

    /// Something happens to the memo.
    pub(crate) fn damage(&mut self, damage: Damage) -> Result<(), Error> {
        Ok(self.memo.apply(damage)?)
    }

    /// The requests from here on have another memo.
    pub(crate) fn turn_to(&mut self, other: &mut Option<Memo>, path: PathBuf) -> Result<(), Error> {
        let memo = match other.take() {
            Some(memo) => memo,
            None => Memo::new(path)?,
        };
        *other = Some(std::mem::replace(&mut self.memo, memo));
        Ok(())
    }

    /// What is asked about has changed.
    pub(crate) fn changed(&mut self) {
        self.last = None;
    }

    /// Asks, and fails unless the answer is `right`.
    pub(crate) fn ask(&mut self, ask: &Ask, right: Answer) -> Result<(), Error> {
        let outcome = self.foreign.ask(ask)?;
        let again = self.last.as_ref().filter(|(asked, _)| asked == ask).map(|(_, answer)| answer);
        let expected = Expected {
            right: &right,
            earlier: &self.earlier,
            again,
            declared: self.foreign.hello().usage.as_ref(),
        };
        match outcome.against(&expected) {
            Outcome::Answered(answer, _) => {
                self.tally.count("answers");
                self.last = Some((ask.clone(), answer));
            }
            // Nothing is wrong with who says what he cannot do; reports tell how often.
            Outcome::Refused(refusal) if refusal.kind == ErrorKind::Unsupported => {
                self.tally.count("unsupported");
            }
            Outcome::Refused(refusal) => return Err(Error::Refused(refusal.to_string())),
            Outcome::Faulty(Finding { fault, detail, .. }) => {
                return Err(Error::Fault { fault, detail });
            }
        }
        if self.earlier.last() != Some(&right) {
            self.earlier.push(right);
        }
        if self.earlier.len() > MOST_EARLIER {
            self.earlier.remove(0);
        }
        Ok(())
    }

    /// Asks for what cannot be answered, for the reason `why`, and fails unless it is refused.
    pub(crate) fn ask_in_vain(&mut self, ask: &Ask, why: &str) -> Result<(), Error> {
        let before = self.memo.content()?;
        match self.foreign.ask(ask)? {
            Outcome::Refused(refusal) => {
                self.tally.count("refusals");
                let is_as_it_was = self.memo.content()? == before;
                if refusal.kind == ErrorKind::Failed || is_as_it_was {
                    Ok(())
                } else {
                    Err(Error::MemoChanged(refusal.kind.name()))
                }
            }
            Outcome::Answered(..) => Err(Error::NotRefused(format!(
                "{why}, and it answered with a result instead of an error"
            ))),
            Outcome::Faulty(Finding { fault, detail, .. }) => Err(Error::Fault { fault, detail }),
        }
    }

    /// Asks, and ends the process before it has answered.
    pub(crate) fn interrupt(&mut self, ask: &Ask, how: Interruption) -> Result<(), Error> {
        let outcome = self.foreign.interrupt(ask, how)?;
        self.tally.count("interruptions");
        match outcome {
            // Only this one was due in time.
            Outcome::Faulty(Finding { fault: Fault::TimedOut, detail, .. })
                if how == Interruption::Cancel && self.foreign.hello().can(Capability::Cancel) =>
            {
                Err(Error::Fault { fault: Fault::TimedOut, detail })
            }
            _ => Ok(()),
        }
    }
}
