//! Candidates of others in this scenario: the contract `usage`, on the memos that they made.

use std::path::Path;

use tracerig_protocol::{Answer, Ask, UsageAsked, WirePath};
use tracerig_reports::record::{Cache, Launch, SampleState};

use super::definition::Arm;
use crate::ScenarioError;
use crate::arms::{self, MemoArm};
use crate::engine::Engine;
use crate::guest::Guest;
use crate::guests::{Guests, Question};
use crate::own::Owns;
use crate::pagecache::unmet;
use crate::prepared_database::{Change, Memo};
use crate::relaunch::guests::scan;
use tracerig_scanner::Window;

/// What an arm of the plan launches.
pub(super) type Asked = arms::Asked<Arm, MemoArm>;

/// The state of the memo of the trace database before it grew, and of nothing else.
const TRACE: &str = "trace";

/// The name of the state of a memo.
pub(super) fn state(memo: Memo) -> Option<String> {
    memo.state(Change::Appended)
}

/// Whether an arm launches this engine of ours on a memo that lasts.
fn lasts(arms: &[Asked], engine: Engine) -> bool {
    arms.iter().any(|arm| match arm {
        Asked::Own(arm) => arm.engine == engine && state(arm.memo).is_some(),
        Asked::Guest(..) => false,
    })
}

/// Has our own scanners make their memo of the trace database before it grows.
pub(super) fn remember_trace(
    owns: &mut Owns,
    arms: &[Asked],
    memo: Memo,
    database: &Path,
) -> Result<(), ScenarioError> {
    if memo != Memo::Before || !lasts(arms, Engine::Scanner) {
        return Ok(());
    }
    let ask = |guest: &Guest| scan(database, guest.told(), Window::default(), false);
    owns.remember(Engine::Scanner, ask, None, Some(TRACE))
}

/// Has our own engines make their memos of the archive as it is. The trace database has grown
/// already, so that it is named for the last memo alone.
pub(super) fn remember_own(
    owns: &mut Owns,
    arms: &[Asked],
    memo: Memo,
    (home, priority, database): (&Path, &[String], &Path),
) -> Result<(), ScenarioError> {
    let from = match memo {
        Memo::Before => state(Memo::LongBefore),
        Memo::After => state(Memo::Before),
        _ => Some(TRACE.to_owned()),
    };
    let to = state(memo);
    let database = (memo == Memo::After).then_some(database);
    if lasts(arms, Engine::Scanner) {
        let ask = |guest: &Guest| usage(guest.told(), home, priority, database);
        owns.remember(Engine::Scanner, ask, from.as_deref(), to.as_deref())?;
    }
    if memo == Memo::After && lasts(arms, Engine::Published) {
        let ask = |guest: &Guest| usage(guest.told(), home, &[], database);
        owns.remember(Engine::Published, ask, None, to.as_deref())?;
    }
    Ok(())
}

/// The request for the tokens of a home.
pub(super) fn usage(
    memo: Option<WirePath>,
    home: &Path,
    priority: &[String],
    database: Option<&Path>,
) -> Ask {
    Ask::Usage(UsageAsked {
        home: WirePath(home.to_owned()),
        memo,
        zone_minutes: 0,
        priority: priority.to_owned(),
        database: database.map(|database| WirePath(database.to_owned())),
        force: false,
    })
}

/// Has each candidate that needs this memo make it of the archive as it is.
pub(super) fn remember(
    guests: &mut Guests,
    arms: &[Asked],
    memo: Memo,
    (home, priority): (&Path, &[String]),
) -> Result<(), ScenarioError> {
    let ask = |guest: &Guest| usage(guest.told(), home, priority, None);
    guests.remember(arms, (Change::Appended, memo), ask)
}

/// One launch of a fresh process of the candidate at this place, judged. `bring` brings what it
/// reads into memory.
pub(super) fn launch(
    guests: &mut Guests,
    at: usize,
    arm: &MemoArm,
    (home, priority, right): (&Path, &[String], &Answer),
    bring: impl FnOnce() -> Result<(), ScenarioError>,
) -> Result<(Launch, SampleState), ScenarioError> {
    if arm.memo == Memo::None {
        return guests.idle(at);
    }
    let state = arm.state();
    let question = Question {
        state: state.as_deref(),
        ask: usage(guests.at(at).told(), home, priority, None),
        right,
    };
    let (launch, state) = guests.launch(at, &question, |_| bring().map(|()| None))?;
    let unmet = if state == SampleState::Valid { unmet(Cache::Hot, 0, &launch) } else { None };
    Ok((launch, unmet.map_or(state, |reason| SampleState::Excluded { reason })))
}
