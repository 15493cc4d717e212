//! What processes are asked in this scenario. Another protocol would change this file and
//! `candidate`, and nothing else.

use super::worker::{self, Task};
use crate::scenario::candidate::Candidate;
use crate::scenario::finished::Finished;

/// Asks a fresh process for a refresh. `Err` says in words that it could not be started.
pub(super) fn ask(candidate: &mut Candidate, task: Task) -> Result<Finished, String> {
    let handicap = candidate.handicap;
    let cores = candidate.cores();
    candidate.run(&worker::arguments(&Task { handicap, cores, ..task }))
}
