//! The model of a thread's projection: which attempts are made, when, with how many appends each,
//! and what a barrier hears.
//!
//! Written from the rules, in the words of the rules; it shares nothing with the store but them.
//! Time is in milliseconds.

/// For how long after a projection the next one waits if only the updated time has changed.
pub(super) const TOUCH_AFTER: u64 = 2;

/// Failures in a row, each superseded, after which a barrier is reported.
const PATIENCE: u64 = 3;

/// What waits to be projected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Queued {
    /// Nothing but the updated time changes.
    pub(super) touch: bool,
    /// It is a whole row.
    pub(super) whole: bool,
}

/// A projection that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flight {
    what: Queued,
    /// The last append that it brings.
    upto: u64,
    /// The bytes of history that the row then is the replay of.
    pub(super) end: u64,
}

impl Flight {
    /// Whether it brings a whole row.
    pub(super) fn is_whole(&self) -> bool {
        self.what.whole
    }
}

/// When what is queued is projected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Due {
    /// When a barrier asks.
    #[default]
    Asked,
    At(u64),
    Now,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Refused,
    /// The row was not there.
    Missing,
}

/// The projections of one writer.
#[derive(Debug, Clone, Default)]
pub(super) struct Flow {
    accepted: u64,
    applied: u64,
    pub(super) queued: Option<Queued>,
    pub(super) flight: Option<Flight>,
    due: Due,
    begun: Option<u64>,
    attempts: u64,
    in_a_row: u64,
    /// The attempt that failed last, if none went well since.
    failed: Option<(u64, Outcome)>,
    /// The next append brings the whole row.
    missing: bool,
    /// Attempts that have ended: how many appends each brought, and whether it went well.
    pub(super) log: Vec<(u64, bool)>,
}

/// What a barrier waits for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Barrier {
    upto: u64,
    attempts: u64,
    in_a_row: u64,
}

/// Where a barrier is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Reached,
    Failed(Outcome),
    /// For an attempt that is on its way.
    Waits,
    /// Nobody projects unasked.
    Asks,
}

impl Flow {
    /// Those of the next writer, for anyone who counts all of them.
    pub(super) fn anew(&mut self) -> Self {
        Self { log: std::mem::take(&mut self.log), ..Self::default() }
    }

    /// An append was accepted.
    pub(super) fn accept(&mut self, what: Queued, now: u64, touch_after: u64) {
        self.accepted += 1;
        let whole = what.whole || self.missing;
        self.missing = false;
        let before = self.queued;
        let queued = Queued {
            touch: what.touch && !whole && before.is_none_or(|before| before.touch),
            whole: whole || before.is_some_and(|before| before.whole),
        };
        self.queued = Some(queued);
        let at = self.begun.map_or(now, |begun| begun + touch_after);
        let may_wait = queued.touch && at > now;
        self.due = match (self.due, may_wait) {
            (Due::Now, _) => Due::Now,
            (Due::At(at), true) => Due::At(at),
            (due, _) if self.flight.is_some() => due,
            (_, true) => Due::At(at),
            (_, false) => Due::Now,
        };
    }

    /// Whether a worker that is free projects now.
    pub(super) fn is_due(&self, now: u64) -> bool {
        let due = match self.due {
            Due::Asked => false,
            Due::At(at) => at <= now,
            Due::Now => true,
        };
        due && self.flight.is_none() && self.queued.is_some()
    }

    /// A projection of everything queued begins; the history has `end` bytes.
    pub(super) fn begin(&mut self, now: u64, end: u64) {
        let Some(what) = self.queued.take() else { return };
        self.due = Due::Asked;
        self.begun = Some(now);
        self.flight = Some(Flight { what, upto: self.accepted, end });
    }

    /// It ends.
    pub(super) fn finish(&mut self, outcome: Outcome, now: u64, touch_after: u64) {
        let Some(flight) = self.flight.take() else { return };
        self.attempts += 1;
        self.log.push((flight.upto - self.applied, outcome == Outcome::Done));
        let newer = self.queued;
        if outcome == Outcome::Done {
            self.applied = flight.upto;
            (self.in_a_row, self.failed, self.missing) = (0, None, false);
        } else {
            self.in_a_row += 1;
            self.missing |= outcome == Outcome::Missing;
            self.failed = Some((self.attempts, outcome));
            let merged = newer.map_or(flight.what, |newer| Queued {
                touch: newer.touch && flight.what.touch,
                whole: newer.whole || flight.what.whole,
            });
            self.queued = Some(merged);
        }
        if newer.is_none() {
            return;
        }
        let at = self.begun.unwrap_or(now) + touch_after;
        let may_wait =
            self.queued.is_some_and(|queued| queued.touch) && at > now && self.in_a_row == 0;
        self.due = if may_wait { Due::At(at) } else { Due::Now };
    }

    /// A barrier begins.
    pub(super) fn barrier(&self) -> Barrier {
        Barrier { upto: self.accepted, attempts: self.attempts, in_a_row: self.in_a_row }
    }

    /// Where it is.
    pub(super) fn standing(&self, barrier: Barrier) -> Standing {
        if self.applied >= barrier.upto {
            return Standing::Reached;
        }
        if let Some((_, outcome)) = self.failed.filter(|(attempt, _)| *attempt > barrier.attempts) {
            let superseded = self.flight.is_some() || self.due != Due::Asked;
            let before = if self.in_a_row >= barrier.in_a_row { barrier.in_a_row } else { 0 };
            if !superseded || self.in_a_row - before >= PATIENCE {
                return Standing::Failed(outcome);
            }
        }
        if self.flight.is_some() || self.due == Due::Now { Standing::Waits } else { Standing::Asks }
    }

    /// A barrier asks for a projection.
    pub(super) fn ask(&mut self) {
        if self.flight.is_none() && self.queued.is_some() {
            self.due = Due::Now;
        }
    }

    /// The whole row is brought, after it was found missing.
    pub(super) fn supply(&mut self) {
        self.queued = Some(Queued { touch: false, whole: true });
        self.missing = false;
    }

    /// What is queued is given up.
    pub(super) fn give_up(&mut self) {
        (self.queued, self.due) = (None, Due::Asked);
    }

    /// Whether everything accepted is in the row.
    pub(super) fn is_level(&self) -> bool {
        self.applied >= self.accepted
    }

    /// Everything accepted is in the row, by attempts that `log` has.
    pub(super) fn level(&mut self, accepted: u64, log: Vec<(u64, bool)>, now: u64) {
        self.attempts += (log.len() - self.log.len()) as u64;
        self.accepted += accepted;
        self.applied = self.accepted;
        self.begun = Some(now);
        self.log = log;
        (self.queued, self.flight, self.due, self.failed) = (None, None, Due::Asked, None);
        (self.in_a_row, self.missing) = (0, false);
    }
}
