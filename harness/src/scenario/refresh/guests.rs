//! Candidates of others in this scenario: the contract `usage`, on memos of their own.

use std::path::Path;

use tracerig_protocol::{Answer, Ask, UsageAsked, WirePath};
use tracerig_reports::record::{ArmPlan, Cache, Launch, Plan, SampleState};

use super::definition::{Arm, Memo, OfCandidate, Refresh};
use crate::scenario::ScenarioError;
use crate::scenario::guest::{self, Guest, Whose};
use crate::scenario::guests::{Guests, Question};
use crate::scenario::pagecache::unmet;

/// What an arm of the plan launches.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// One of our own engines.
    Own(Arm),
    /// A candidate.
    Guest(Whose, OfCandidate),
}

impl Asked {
    /// Whether a launch of this candidate needs this memo. The last one is made from the one before.
    fn needs(&self, whose: Whose, memo: Memo) -> bool {
        match self {
            Self::Guest(of, arm) if *of == whose => {
                arm.memo == memo || (arm.memo, memo) == (Memo::After, Memo::Before)
            }
            _ => false,
        }
    }
}

impl Refresh {
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

/// The name of the state of a memo.
fn state(memo: Memo) -> Option<String> {
    matches!(memo, Memo::Before | Memo::After).then(|| format!("{memo:?}").to_lowercase())
}

/// The request for the tokens of a home.
fn usage(guest: &Guest, home: &Path, priority: &[String]) -> Ask {
    Ask::Usage(UsageAsked {
        home: WirePath(home.to_owned()),
        memo: guest.told(),
        zone_minutes: 0,
        priority: priority.to_owned(),
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
    let from = (memo == Memo::After).then(|| state(Memo::Before)).flatten();
    let Some(to) = state(memo) else { return Ok(()) };
    let is_needed = |whose| arms.iter().any(|arm| arm.needs(whose, memo));
    let ask = |guest: &Guest| usage(guest, home, priority);
    guests.remember(is_needed, ask, from.as_deref(), &to)
}

/// One launch of a fresh process of the candidate at this place, judged. `bring` brings what it
/// reads into memory.
pub(super) fn launch(
    guests: &mut Guests,
    at: usize,
    arm: &OfCandidate,
    (home, priority, right): (&Path, &[String], &Answer),
    bring: impl FnOnce() -> Result<(), ScenarioError>,
) -> Result<(Launch, SampleState), ScenarioError> {
    if arm.memo == Memo::None {
        return guests.idle(at);
    }
    let state = state(arm.memo);
    let question = Question { state: state.as_deref(), ask: usage(guests.at(at), home, priority), right };
    let (launch, state) = guests.launch(at, &question, |_| bring().map(|()| None))?;
    let unmet = if state == SampleState::Valid { unmet(Cache::Hot, 0, &launch) } else { None };
    Ok((launch, unmet.map_or(state, |reason| SampleState::Excluded { reason })))
}
