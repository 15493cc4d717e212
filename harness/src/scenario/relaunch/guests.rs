//! Candidates of others in this scenario: what they are asked, on which memo of their own.

use std::path::Path;

use tracerig_protocol::{Ask, ScanAsked, WirePath};
use tracerig_reports::record::{ArmPlan, Cache, Launch, Plan, Process, SampleState};
use tracerig_scanner::Window;

use super::definition::{Arm, OfCandidate, Relaunch};
use super::worker::Engine;
use crate::scenario::ScenarioError;
use crate::scenario::finished::not_started;
use crate::scenario::guest::{self, Guest, Whose};
use crate::scenario::guests::{Guests, Question};
use crate::scenario::own::Owns;
use crate::scenario::pagecache::{PageCache, unmet};
use crate::scenario::prepared_database::{Change, Memo, PreparedDatabase, answer_of};

/// What an arm of the plan launches.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// One of our own engines.
    Own(Arm),
    /// A candidate.
    Guest(Whose, OfCandidate),
}

impl Asked {
    /// What happened to the database that it is launched on; `None` for one that a writer is at.
    pub(super) fn change(&self) -> Option<Change> {
        match self {
            Self::Own(arm) => (arm.process == Process::Fresh).then_some(arm.change),
            Self::Guest(_, arm) => Some(arm.change),
        }
    }

    /// Whether a launch of our own scanner needs this memo, likewise.
    fn is_own_with(&self, change: Change, memo: Memo) -> bool {
        match self {
            Self::Own(arm) if arm.change == change && arm.process == Process::Fresh => {
                arm.memo == memo || (arm.memo, memo) == (Memo::After, Memo::Before)
            }
            _ => false,
        }
    }

    /// Whether a launch of this candidate needs this memo. The one after the change is made from
    /// the one before it.
    fn needs(&self, whose: Whose, change: Change, memo: Memo) -> bool {
        match self {
            Self::Guest(of, arm) if *of == whose && arm.change == change => {
                arm.memo == memo || (arm.memo, memo) == (Memo::After, Memo::Before)
            }
            _ => false,
        }
    }
}

impl Relaunch {
    /// The arms of `plan`, in its order.
    pub(super) fn asked(&self, plan: &Plan) -> Vec<Asked> {
        let of = |arm: &ArmPlan| match guest::asked(plan, arm) {
            None => self.arms.iter().find(|known| known.name == arm.name).cloned().map(Asked::Own),
            Some((name, whose)) => {
                let known = self.of_candidates.iter().find(|known| known.name == name).cloned();
                known.map(|known| Asked::Guest(whose, known))
            }
        };
        plan.arms.iter().filter_map(of).collect()
    }
}

/// The request of a scan.
pub(in crate::scenario) fn scan(
    database: &Path,
    memo: Option<WirePath>,
    window: Window,
    force: bool,
) -> Ask {
    let database = WirePath(database.to_owned());
    Ask::Scan(ScanAsked { database, memo, since: window.since, until: window.until, force })
}

/// The name of the state of a memo.
pub(super) fn state(change: Change, memo: Memo) -> Option<String> {
    let is_kept = matches!(memo, Memo::Before | Memo::After);
    is_kept.then(|| format!("{change:?}-{memo:?}").to_lowercase())
}

/// Has our own scanners and each candidate that needs this memo make it of the database as it is.
pub(super) fn remember(
    owns: &mut Owns,
    guests: &mut Guests,
    arms: &[Asked],
    (change, memo): (Change, Memo),
    database: &Path,
) -> Result<(), ScenarioError> {
    let from = (memo == Memo::After).then(|| state(change, Memo::Before)).flatten();
    let Some(to) = state(change, memo) else { return Ok(()) };
    let is_needed = |whose| arms.iter().any(|arm| arm.needs(whose, change, memo));
    let ask = |guest: &Guest| scan(database, guest.told(), Window::default(), false);
    if arms.iter().any(|arm| arm.is_own_with(change, memo)) {
        owns.remember(Engine::Scanner, ask, from.as_deref(), &to)?;
    }
    guests.remember(is_needed, ask, from.as_deref(), &to)
}

/// One launch of a fresh process of the candidate at this place, judged.
pub(super) fn launch(
    guests: &mut Guests,
    at: usize,
    arm: &OfCandidate,
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
    let state = state(arm.change, arm.memo);
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
