//! What the outcome of a request means for a sample.

use tracerig_protocol::{ErrorKind, Fault, Finding, Outcome};
use tracerig_reports::record::SampleState;

use crate::candidate::NotOpened;

/// What became of a request that was not answered rightly: the name of the fault, and what
/// happened.
pub(super) fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Answered(..) => "it answered another question".to_owned(),
        Outcome::Refused(refusal) => format!("refused: {refusal}"),
        Outcome::Faulty(Finding { fault, detail, .. }) => format!("{fault}: {detail}"),
    }
}

/// The state of a sample that ends in this.
pub(super) fn fault(outcome: &Outcome) -> SampleState {
    match outcome {
        Outcome::Faulty(Finding {
            fault: Fault::Wrong | Fault::Stale | Fault::Nondeterministic,
            ..
        }) => SampleState::Mismatch { detail: told(outcome) },
        // As in a check: what is not offered is no failure, and has no time either.
        Outcome::Refused(refusal) if refusal.kind == ErrorKind::Unsupported => {
            SampleState::Excluded { reason: told(outcome) }
        }
        other => SampleState::Failed { error: told(other) },
    }
}

/// The state of a sample whose candidate was not opened.
pub(super) fn not_opened(why: &NotOpened) -> SampleState {
    match why {
        NotOpened::Unavailable(_) => SampleState::Excluded { reason: why.to_string() },
        NotOpened::Faulty(_) => SampleState::Failed { error: why.to_string() },
    }
}
