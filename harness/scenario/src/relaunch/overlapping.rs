//! The arm of two at once: two launches that share a memo, and a writer beside them.
//!
//! What the scanner promises: each answers for the state that it saw, whatever becomes of the memo.
//! A launch replaces the memo only if the one it had read is still there, so that of two that read
//! the same one the first to finish writes, and the other drops what it would have written. Hence
//! the memo that is left is that of the launch that wrote last, and covers at least the rows that
//! any memo before it covered; not always those that both have seen.

use std::thread::{Builder, ScopedJoinHandle};
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha12Rng;
use tracerig_reports::record::{Cache, SampleState};
use tracerig_scanner::{MemoPlace, Mode, Window};

use super::definition::Arm;
use super::guests::scan;
use super::judge::{self, describe, verdict, wrong};
use super::live_database::{Halt, Known, LiveDatabase, Moment};
use super::told::Told;
use crate::candidate;
use crate::program::Program;
use crate::{Made, ScenarioError, own, prepared_database};

/// Rows of the transaction beside the launches: few, so that it is over before they are.
const BESIDE: u64 = 8;

/// How two launches are made at once.
#[derive(Debug)]
pub(super) struct Overlapping {
    /// Decides by how much the launches and the transaction beside them are apart.
    random: ChaCha12Rng,
    /// How long the last launch took.
    pace: Duration,
}

impl Overlapping {
    pub(super) fn new(random: ChaCha12Rng) -> Self {
        Self { random, pace: Duration::ZERO }
    }

    /// Two launches, judged.
    pub(super) fn launch(
        &mut self,
        live: &mut LiveDatabase,
        program: &mut Program,
        arm: &Arm,
        cache: Cache,
    ) -> Result<Made, ScenarioError> {
        match self.attempt(live, program, arm, cache) {
            Ok(done) => Ok(done),
            Err(Halt::Run(error)) => Err(error),
            Err(Halt::Sample(state)) => {
                live.known = None;
                Ok((vec![judge::not_started(None)], state))
            }
        }
    }

    fn attempt(
        &mut self,
        live: &mut LiveDatabase,
        program: &mut Program,
        arm: &Arm,
        cache: Cache,
    ) -> Result<Made, Halt> {
        let known = catch_up(live)?;
        live.known = None;
        live.write_between(program, known)?;
        let before = live.moment(&[known])?;
        let resident_before = live.cache.bring(cache)?;
        let beside = BESIDE.min(live.appended / 2);
        let asked = live.write_beside(beside, |live| self.ask(live, program))?;
        let after = live.moment(&[known, before.max_id])?;
        let done = asked?;
        self.pace = done[0].wall;
        let overlap = are_overlapping(&done);

        let (mut launches, mut replies) = (Vec::new(), Vec::new());
        for done in done {
            let reply = Told::of(arm.engine, done.outcome);
            let (ended, told) = (done.ended.as_ref(), reply.as_ref().ok());
            let mut launch = describe(arm, done.wall, ended, resident_before, told);
            judge::beside_a_writer(&mut launch);
            launches.push(launch);
            replies.push(reply);
        }
        let [Ok(one), Ok(other)] = &replies[..] else {
            let error = replies.into_iter().find_map(Result::err).unwrap_or_default();
            return Ok((launches, SampleState::Failed { error }));
        };
        let states = States { known, before, after };
        let mut state = SampleState::Valid;
        for (launch, (own, other)) in launches.iter_mut().zip([(one, other), (other, one)]) {
            let seen = states.seen_by(own);
            let found = states.wrong(own, other, arm);
            let judged = verdict(found, launch, cache, seen.due(known, &arm.reasons));
            if state == SampleState::Valid {
                state = judged;
            }
        }
        if let Some(detail) = left_behind(live, &states, [one, other])? {
            for launch in &mut launches {
                launch.verified = false;
            }
            return Ok((launches, SampleState::Mismatch { detail }));
        }
        live.known = Some(Known::Memo(states.after.max_id));
        if state == SampleState::Valid && !overlap {
            let reason = "one launch was started after the other had ended".to_owned();
            state = SampleState::Excluded { reason };
        }
        Ok((launches, state))
    }

    /// Asks both. The transaction beside them was begun so early, as far as the last one tells,
    /// that it ends while the first of them runs.
    fn ask(
        &mut self,
        live: &mut LiveDatabase,
        program: &Program,
    ) -> Result<[candidate::Launch; 2], Halt> {
        let up_to_now = |random: &mut ChaCha12Rng, most: Duration| most.mul_f64(random.random());
        let early = up_to_now(&mut self.random, self.pace);
        let apart = up_to_now(&mut self.random, self.pace / 2);
        std::thread::sleep(live.writing.saturating_sub(early));
        let [one, other] = &mut live.pair;
        let ask = scan(&live.database, one.told(), Window::default(), false);
        let first = one.begin(&ask, own::with(program))?;
        std::thread::sleep(apart);
        let second = other.begin(&ask, own::with(program))?;
        // Each is waited for by a thread, since both may end at any moment.
        let (first, second) = std::thread::scope(|scope| {
            let second = Builder::new().spawn_scoped(scope, || other.finish(second));
            (one.finish(first), second.map(ScopedJoinHandle::join))
        });
        let second =
            second.map_err(ScenarioError::io(&live.database, "start a thread beside it"))?;
        let second = second.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok([first?.map_err(Halt::Sample)?, second?.map_err(Halt::Sample)?])
    }
}

/// Whether each launch was started before the other had ended.
fn are_overlapping(done: &[candidate::Launch; 2]) -> bool {
    let [Some(one), Some(other)] = done.each_ref().map(|done| done.ended.as_ref()) else {
        return false;
    };
    one.at - done[0].wall < other.at && other.at - done[1].wall < one.at
}

/// The states that a pair may see, and what its memo knew before.
struct States {
    known: i64,
    before: Moment,
    after: Moment,
}

impl States {
    fn seen_by(&self, reply: &Told) -> &Moment {
        if reply.cursor == self.after.max_id { &self.after } else { &self.before }
    }

    /// What is wrong with the answer of one, or with the way to it. It may have started from the
    /// memo that was before, or from the one that the other wrote.
    fn wrong(&self, own: &Told, other: &Told, arm: &Arm) -> Option<String> {
        let seen = self.seen_by(own);
        let found = wrong(seen.due(self.known, &arm.reasons), own)?;
        let may_follow = other.persisted && other.cursor <= own.cursor;
        let also = may_follow.then(|| wrong(seen.due(other.cursor, &arm.reasons), own)).flatten();
        if may_follow && also.is_none() { None } else { Some(found) }
    }

    /// Whether one went on from the memo that the other wrote.
    fn follows(&self, own: &Told, other: &Told) -> bool {
        let rows = self.seen_by(own).rows_above(other.cursor);
        own.rows_examined() == Some(rows)
    }
}

/// What is wrong with the memo that a pair left, told by a launch that starts from it: how many
/// rows it reads says where the memo ended.
fn left_behind(
    live: &LiveDatabase,
    states: &States,
    pair: [&Told; 2],
) -> Result<Option<String>, ScenarioError> {
    let States { known, before, after } = states;
    let [one, other] = pair;
    let last = match (one.persisted, other.persisted) {
        (false, false) => {
            return Ok(Some("neither wrote the memo, and both had new rows".to_owned()));
        }
        (true, false) => one.cursor,
        (false, true) => other.cursor,
        (true, true) if one.cursor < other.cursor && states.follows(other, one) => other.cursor,
        (true, true) if other.cursor < one.cursor && states.follows(one, other) => one.cursor,
        (true, true) => {
            return Ok(Some("one of them replaced a memo that it had not read".to_owned()));
        }
    };
    let next = prepared_database::scan(&live.database, MemoPlace::File(live.memo.clone()))?;
    let rows = next.stats.rows_examined;
    let stored = match next.stats.mode {
        Mode::Full => {
            return Ok(Some(format!(
                "the memo left behind costs a full scan ({})",
                next.stats.reason
            )));
        }
        Mode::Unchanged => after.max_id,
        Mode::Incremental if rows == after.rows_above(before.max_id) => before.max_id,
        Mode::Incremental if rows == after.rows_above(*known) => *known,
        Mode::Incremental => {
            return Ok(Some(format!(
                "the memo left behind knows all but {rows} rows, which no launch saw"
            )));
        }
    };
    if stored != last {
        let back = if stored < last { "went back" } else { "went on" };
        return Ok(Some(format!("the stored cursor {back} to {stored} after {last} was written")));
    }
    Ok(after
        .difference(&next.turns)
        .map(|difference| format!("with the memo left behind, {difference}")))
}

/// Makes sure that the memo knows every row, and returns the highest id. Not measured, but
/// verified.
fn catch_up(live: &mut LiveDatabase) -> Result<i64, Halt> {
    if let Some(Known::Memo(cursor)) = live.known {
        return Ok(cursor);
    }
    let found = prepared_database::scan(&live.database, MemoPlace::File(live.memo.clone()))?;
    let now = live.moment(&[])?;
    match now.difference(&found.turns) {
        None => Ok(now.max_id),
        Some(difference) => Err(Halt::mismatch(difference)),
    }
}
