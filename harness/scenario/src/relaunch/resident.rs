//! The arm whose process is long-lived: one refresh after the other, a writer at work between them
//! and beside them.

use tracerig_protocol::Outcome;
use tracerig_reports::record::{Cache, Launch, SampleState};
use tracerig_scanner::Window;

use super::definition::Arm;
use super::guests::scan;
use super::judge::{self, account_of, misplaced, verdict, wrong};
use super::live_database::{Halt, Known, LiveDatabase};
use super::told::Told;
use crate::candidate::Served;
use crate::engine::Engine;
use crate::program::Program;
use crate::{ScenarioError, own};

/// Most rows of the transaction beside a refresh: a transaction of a real writer has no more.
const BESIDE: u64 = 128;

/// One refresh, judged.
pub(super) fn refresh(
    live: &mut LiveDatabase,
    program: &Program,
    arm: &Arm,
    cache: Cache,
) -> Result<(Launch, SampleState), ScenarioError> {
    match attempt(live, program, arm, cache) {
        Ok(done) => Ok(done),
        Err(Halt::Run(error)) => Err(error),
        Err(Halt::Sample(state)) => {
            // Whatever went wrong, the next one begins with another process.
            live.resident.stop_serving();
            live.known = None;
            Ok((judge::not_started(None), state))
        }
    }
}

fn attempt(
    live: &mut LiveDatabase,
    program: &Program,
    arm: &Arm,
    cache: Cache,
) -> Result<(Launch, SampleState), Halt> {
    let known = catch_up(live, program)?;
    live.write_between(program, known)?;
    let before = live.moment(&[known])?;
    let resident_before = live.cache.bring(cache)?;
    let beside = (live.appended / 2).min(BESIDE);
    let answered = live.write_beside(beside, |live| ask(live, program))?;
    let after = live.moment(&[known])?;

    let Served { outcome, wall, io, .. } = answered?;
    let reply = told(outcome)?;
    let mut launch = account_of(arm.engine, wall, io, resident_before, Some(&reply));
    judge::beside_a_writer(&mut launch);
    let seen = if reply.cursor == after.max_id { &after } else { &before };
    let due = seen.due(known, &arm.reasons);
    let found = misplaced(false, reply.persisted, "it says").or_else(|| wrong(due, &reply));
    let state = verdict(found, &mut launch, cache, due);
    live.known = launch.verified.then_some(Known::Resident(reply.cursor));
    Ok((launch, state))
}

/// Makes sure that the process lives and has seen every row, and returns the highest id. Not
/// measured, but verified.
fn catch_up(live: &mut LiveDatabase, program: &Program) -> Result<i64, Halt> {
    if let Some(Known::Resident(cursor)) = live.known {
        return Ok(cursor);
    }
    let Served { outcome, begun, .. } = ask(live, program)?;
    let reply = told(outcome)?;
    let now = live.moment(&[])?;
    let turns =
        reply.turns.as_ref().ok_or_else(|| Halt::failed("scanner", "it answered without turns"))?;
    if !begun && reply.mode.as_deref() == Some("full") {
        let reason = reply.reason.unwrap_or_default();
        return Err(Halt::mismatch(format!("catching up, it scanned in full ({reason})")));
    }
    match now.difference(turns) {
        None if reply.cursor == now.max_id => Ok(now.max_id),
        None => Err(Halt::mismatch(format!(
            "it saw the maximum id {} instead of {}",
            reply.cursor, now.max_id
        ))),
        Some(difference) => Err(Halt::mismatch(difference)),
    }
}

/// Asks the process that keeps running, which is started if need be.
fn ask(live: &mut LiveDatabase, program: &Program) -> Result<Served, Halt> {
    let ask = scan(&live.database, None, Window::default(), false);
    live.resident.serve(&ask, own::with(program))?.map_err(Halt::Sample)
}

fn told(outcome: Outcome) -> Result<Told, Halt> {
    Told::of(Engine::Scanner, outcome).map_err(|error| Halt::failed("scanner", &error))
}
