//! What processes are asked in this scenario. Another protocol would change this file and
//! `candidate`, and nothing else.

use std::time::Duration;

use tracerig_scanner::{Request, Window};

use super::definition::Arm;
use super::live_database::{Halt, LiveDatabase};
use super::worker::{self, Engine, Refresh, Reply};
use crate::handicap::Handicap;
use crate::scenario::candidate::Candidate;
use crate::scenario::companion::Answered;
use crate::scenario::finished::Finished;
use crate::scenario::prepared_database::{Memo, PreparedDatabase};

/// Asks a fresh process for a relaunch. `Err` says in words that it could not be started.
pub(super) fn ask(
    candidate: &mut Candidate,
    arm: &Arm,
    prepared: &PreparedDatabase,
) -> Result<Finished, String> {
    let memo = (arm.memo != Memo::None).then_some(prepared.memo.as_path());
    let window = if arm.moved { prepared.moved } else { Window::default() };
    let request = Request { rescan: arm.rescan, window };
    let handicap = candidate.handicap;
    let cores = candidate.cores();
    let arguments = worker::arguments(arm.engine, &prepared.database, memo, request, handicap, cores);
    candidate.run(&arguments)
}

/// Asks two fresh processes at once, the second so long after the first. Also says whether they
/// overlapped.
pub(super) fn ask_two(
    candidate: &mut Candidate,
    live: &LiveDatabase,
    apart: Duration,
) -> Result<([Finished; 2], bool), String> {
    let (request, handicap) = (Request::default(), Handicap::default());
    let memo = Some(live.memo.as_path());
    let cores = candidate.cores();
    let arguments = worker::arguments(Engine::Scanner, &live.database, memo, request, handicap, cores);
    candidate.two(&arguments, apart)
}

/// Asks the process that lives on, which is started if need be.
pub(super) fn ask_resident(candidate: &Candidate, live: &mut LiveDatabase) -> Result<Answered<Reply>, Halt> {
    let mut ask = || {
        let resident = match &mut live.resident {
            Some(resident) => resident,
            none => {
                let arguments = worker::resident_arguments(&live.database, candidate.cores());
                none.insert(candidate.live_on(&arguments)?)
            }
        };
        resident.ask(&Refresh::Refresh)
    };
    ask().map_err(|error| Halt::failed("scanner", &error))
}
