//! The arm whose process lives on: one refresh after the other, a writer at work between them and beside them.

use tracerig_reports::record::{Cache, Launch, SampleState};

use super::definition::Arm;
use super::judge::{self, account_of, misplaced, verdict, wrong};
use super::live_database::{Halt, Known, Living, Program};
use crate::scenario::companion::{Answered, Companion};
use crate::scenario::error::RunError;
use crate::scenario::relaunch::worker::{Refresh, Reply, resident_arguments};

/// Most rows of the transaction beside a refresh: a transaction of a real writer has no more.
const BESIDE: u64 = 128;

/// One refresh, judged.
pub(super) fn refresh(
    living: &mut Living,
    program: Program<'_>,
    arm: &Arm,
    cache: Cache,
) -> Result<(Launch, SampleState), RunError> {
    match attempt(living, program, arm, cache) {
        Ok(done) => Ok(done),
        Err(Halt::Run(error)) => Err(error),
        Err(Halt::Sample(state)) => {
            // Whatever went wrong, the next one begins with another process.
            (living.resident, living.known) = (None, None);
            Ok((judge::not_started(None), state))
        }
    }
}

fn attempt(
    living: &mut Living,
    program: Program<'_>,
    arm: &Arm,
    cache: Cache,
) -> Result<(Launch, SampleState), Halt> {
    let known = catch_up(living, program)?;
    living.write_between(program, known)?;
    let before = living.moment(&[known])?;
    let resident_before = living.cache.bring(cache)?;
    let beside = (living.appended / 2).min(BESIDE);
    let answered = living.write_beside(beside, ask)?;
    let after = living.moment(&[known])?;

    let Answered { answer: reply, wall, io } = answered?;
    let mut launch = account_of(arm.engine, wall, io, resident_before, Some(&reply));
    judge::beside_a_writer(&mut launch);
    let seen = if reply.cursor == after.max_id { &after } else { &before };
    let due = seen.due(known, &arm.reasons);
    let found = misplaced(false, reply.persisted, "it says").or_else(|| wrong(due, &reply));
    let state = verdict(found, &mut launch, cache, due);
    living.known = launch.verified.then_some(Known::Resident(reply.cursor));
    Ok((launch, state))
}

/// Makes sure that the process lives and has seen every row, and returns the highest id. Not measured, but verified.
fn catch_up(living: &mut Living, program: Program<'_>) -> Result<i64, Halt> {
    if let (Some(Known::Resident(cursor)), Some(_)) = (living.known, &living.resident) {
        return Ok(cursor);
    }
    let begins = living.resident.is_none();
    if begins {
        let started = Companion::start(program.path, &resident_arguments(&living.database), program.limit);
        living.resident = Some(started.map_err(|error| Halt::failed("scanner", &error))?);
    }
    let reply = ask(living)?.answer;
    let now = living.moment(&[])?;
    let answer = reply.answer.as_ref().ok_or_else(|| Halt::failed("scanner", "it answered without turns"))?;
    if !begins && answer.scan.mode == "full" {
        return Err(Halt::mismatch(format!("catching up, it scanned in full ({})", answer.scan.reason)));
    }
    match now.difference(&answer.turns) {
        None if reply.cursor == now.max_id => Ok(now.max_id),
        None => {
            Err(Halt::mismatch(format!("it saw the maximum id {} instead of {}", reply.cursor, now.max_id)))
        }
        Some(difference) => Err(Halt::mismatch(difference)),
    }
}

fn ask(living: &mut Living) -> Result<Answered<Reply>, Halt> {
    let resident = living.resident.as_mut().ok_or_else(|| Halt::failed("scanner", "it is not there"))?;
    resident.ask(&Refresh::Refresh).map_err(|error| Halt::failed("scanner", &error))
}
