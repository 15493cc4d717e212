//! The candidates of a run, in the order of its plan.

use std::path::Path;

use tracerig_protocol::{Answer, Ask, Capability, Hello};
use tracerig_reports::record::{Launch, SampleState};

use super::arms::{Asked, MemoArm};
use super::finished::not_started;
use super::guest::{Claimed, Guest, Whose};
use super::prepared_database::{Change, Memo};
use super::{Definition, ScenarioError};
use crate::candidate::Guarded;

/// The candidates of a run.
#[derive(Debug)]
pub(super) struct Guests {
    all: Vec<Guest>,
    claimed: Claimed,
}

/// What a launch of a candidate is asked, once its memo is in place.
pub(super) struct Question<'a> {
    /// The state of its memo; `None`: an empty folder.
    pub(super) state: Option<&'a str>,
    /// The request.
    pub(super) ask: Ask,
    /// The right answer.
    pub(super) right: &'a Answer,
}

impl Guests {
    /// Asks each who it is, and gives each a separate folder below `folder`.
    pub(super) fn open(
        definition: &Definition,
        folder: &Path,
        guarded: Guarded,
    ) -> Result<Self, ScenarioError> {
        let limit = definition.limit_of_candidates;
        let candidates = definition.plan.candidates.iter().enumerate();
        let guests = candidates
            .map(|(at, plan)| Guest::open(plan, &folder.join(at.to_string()), limit, guarded));
        Ok(Self { all: guests.collect::<Result<_, _>>()?, claimed: Claimed::Shown })
    }

    /// Has each candidate that one of `arms` launches from this memo make it of the data as they
    /// are; the last one from the one before.
    pub(super) fn remember<O>(
        &mut self,
        arms: &[Asked<O, MemoArm>],
        (change, memo): (Change, Memo),
        ask: impl Fn(&Guest) -> Ask,
    ) -> Result<(), ScenarioError> {
        let Some(to) = memo.state(change) else { return Ok(()) };
        let from = if memo == Memo::After { Memo::Before.state(change) } else { None };
        for (at, guest) in self.all.iter_mut().enumerate() {
            let needs = |arm: &Asked<O, MemoArm>| match arm {
                Asked::Guest(whose, arm) => {
                    (*whose == Whose::At(at) || *whose == Whose::Side)
                        && arm.change == change
                        && arm.memo.needs(memo)
                }
                Asked::Own(_) => false,
            };
            if arms.iter().any(needs) {
                let ask = ask(guest);
                guest.remember(&ask, from.as_deref(), &to)?;
            }
        }
        Ok(())
    }

    /// From now on counters are compared: they decide between two builds of one program that say
    /// that theirs repeat.
    pub(super) fn compare_work(&mut self) {
        let hellos: Option<Vec<&Hello>> = self.all.iter().map(Guest::hello).collect();
        let hellos = hellos.unwrap_or_default();
        let counts =
            |hello: &&Hello| hello.can(Capability::Counters) && hello.name == hellos[0].name;
        let all = !hellos.is_empty() && hellos.iter().all(counts);
        self.claimed = if all { Claimed::Exact } else { Claimed::Shown };
    }

    /// The candidate at this place.
    pub(super) fn at(&self, at: usize) -> &Guest {
        &self.all[at]
    }

    /// A process of the candidate at this place that does nothing.
    pub(super) fn idle(&mut self, at: usize) -> Result<(Launch, SampleState), ScenarioError> {
        self.all[at].launch(&Ask::Idle, None, None, self.claimed)
    }

    /// One launch of a fresh process of the candidate at this place, judged. After its memo was put
    /// in place, `bring` brings about the state of the page cache, and tells the pages in memory.
    pub(super) fn launch(
        &mut self,
        at: usize,
        question: &Question<'_>,
        bring: impl FnOnce(&Guest) -> Result<Option<u64>, ScenarioError>,
    ) -> Result<(Launch, SampleState), ScenarioError> {
        let Question { state, ask, right } = question;
        let guest = &mut self.all[at];
        if let Some(lacking) = guest.restore(*state)? {
            return Ok((not_started(), lacking));
        }
        let resident_before = bring(guest)?;
        let (mut launch, state) = guest.launch(ask, Some(right), *state, self.claimed)?;
        launch.resident_pages_before = resident_before;
        Ok((launch, state))
    }
}
