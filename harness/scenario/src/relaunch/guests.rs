//! Candidates of others in this scenario: what they are asked, on which memo that they made.

use std::path::Path;

use tracerig_protocol::{Ask, ScanAsked, WirePath};
use tracerig_reports::record::{Cache, Launch, Process, SampleState};
use tracerig_scanner::Window;

use super::definition::Arm;
use crate::ScenarioError;
use crate::arms::{self, MemoArm};
use crate::engine::Engine;
use crate::finished::not_started;
use crate::guest::Guest;
use crate::guests::{Guests, Question};
use crate::own::Owns;
use crate::pagecache::{PageCache, unmet};
use crate::prepared_database::{Change, Memo, PreparedDatabase, answer_of};

/// What an arm of the plan launches.
pub(super) type Asked = arms::Asked<Arm, MemoArm>;

impl Asked {
    /// What happened to the database that it is launched on; `None` for one that a writer is at.
    pub(super) fn change(&self) -> Option<Change> {
        match self {
            Self::Own(arm) => (arm.process == Process::Fresh).then_some(arm.start.change),
            Self::Guest(_, arm) => Some(arm.change),
        }
    }

    /// Whether a launch of our own scanner needs this memo of a database after this change.
    fn is_own_with(&self, change: Change, memo: Memo) -> bool {
        let is_changed = self.change() == Some(change);
        matches!(self, Self::Own(arm) if is_changed && arm.start.memo.needs(memo))
    }
}

/// The request of a scan.
pub(crate) fn scan(database: &Path, memo: Option<WirePath>, window: Window, force: bool) -> Ask {
    let database = WirePath(database.to_owned());
    Ask::Scan(ScanAsked { database, memo, since: window.since, until: window.until, force })
}

/// Has our own scanners and each candidate that needs this memo make it of the database as it is.
pub(super) fn remember(
    owns: &mut Owns,
    guests: &mut Guests,
    arms: &[Asked],
    (change, memo): (Change, Memo),
    database: &Path,
) -> Result<(), ScenarioError> {
    let ask = |guest: &Guest| scan(database, guest.told(), Window::default(), false);
    if arms.iter().any(|arm| arm.is_own_with(change, memo)) {
        let from = if memo == Memo::After { Memo::Before.state(change) } else { None };
        owns.remember(Engine::Scanner, ask, from.as_deref(), memo.state(change).as_deref())?;
    }
    guests.remember(arms, (change, memo), ask)
}

/// One launch of a fresh process of the candidate at this place, judged.
pub(super) fn launch(
    guests: &mut Guests,
    at: usize,
    arm: &MemoArm,
    cache: Cache,
    database: Option<&(PreparedDatabase, PageCache)>,
) -> Result<(Launch, SampleState), ScenarioError> {
    let Some((prepared, files)) = database else {
        let error = "it has no database".to_owned();
        return Ok((not_started(), SampleState::Failed { error }));
    };
    if arm.memo == Memo::None {
        return guests.idle(at);
    }
    let state = arm.state();
    let window = if arm.moved { prepared.moved } else { Window::default() };
    let right = &prepared.expected[&(Engine::Scanner, arm.moved)];
    let question = Question {
        state: state.as_deref(),
        ask: scan(&prepared.database, guests.at(at).told(), window, arm.rescan),
        right: &answer_of(right),
    };
    let bring = |guest: &Guest| {
        let memo = PageCache::of(guest.memo.files()?).bring(cache)?;
        Ok(files.bring(cache)?.zip(memo).map(|(one, other)| one + other))
    };
    let (launch, state) = guests.launch(at, &question, bring)?;
    let least = if arm.memo == Memo::Absent { prepared.state.logs_bytes } else { 1 };
    let unmet = if state == SampleState::Valid { unmet(cache, least, &launch) } else { None };
    Ok((launch, unmet.map_or(state, |reason| SampleState::Excluded { reason })))
}
