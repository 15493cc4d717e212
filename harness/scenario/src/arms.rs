//! The arms of a plan: of our own engines, and of the candidates of others.

use serde::Deserialize;
use tracerig_protocol::Capability;
use tracerig_reports::record::{ArmPlan, Cache, Plan};

use super::guest::{self, GuestArm, Whose};
use super::prepared_database::{Change, Memo};

/// What an arm of a plan launches.
#[derive(Clone, Debug)]
pub(super) enum Asked<O, G> {
    /// One of our own engines.
    Own(O),
    /// A candidate.
    Guest(Whose, G),
}

/// An arm of a scenario.
pub(super) trait Named: Clone {
    /// Its name in the scenario.
    fn name(&self) -> &str;
}

impl<O: Named, G: Named> Asked<O, G> {
    /// The arms of `plan`, in its order, of those that the scenario has.
    pub(super) fn all(plan: &Plan, owns: &[O], guests: &[G]) -> Vec<Self> {
        let of = |arm: &ArmPlan| match guest::asked(plan, arm) {
            None => of_name(owns, &arm.name).map(Self::Own),
            Some((name, whose)) => of_name(guests, name).map(|known| Self::Guest(whose, known)),
        };
        plan.arms.iter().filter_map(of).collect()
    }
}

fn of_name<A: Named>(known: &[A], name: &str) -> Option<A> {
    known.iter().find(|known| known.name() == name).cloned()
}

/// An arm whose launches start from a memo, or without one: what happened to the data before, and
/// what they are asked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MemoArm {
    name: String,
    /// Why it is in the plan, in a sentence.
    pub(super) why: String,
    /// The memo; `none` asks candidates of others for nothing at all.
    pub(super) memo: Memo,
    /// What happened to a database before; for fresh processes only.
    #[serde(default)]
    pub(super) change: Change,
    /// Whether it asks for a full scan whatever the memo says.
    #[serde(default)]
    pub(super) rescan: bool,
    /// Whether it asks for another window than the launch that left the memo: one day in the middle
    /// of the turns.
    #[serde(default)]
    pub(super) moved: bool,
    /// Whether it runs only when asked for by name.
    #[serde(default)]
    pub(super) on_request: bool,
    /// The states of the page cache it is launched with.
    #[serde(default = "hot")]
    pub(super) caches: Vec<Cache>,
}

fn hot() -> Vec<Cache> {
    vec![Cache::Hot]
}

impl Named for MemoArm {
    fn name(&self) -> &str {
        &self.name
    }
}

impl MemoArm {
    pub(super) fn guest_arm(&self) -> GuestArm<'_> {
        let needs_memo = !matches!(self.memo, Memo::None | Memo::Absent);
        let needs = needs_memo.then_some(Capability::Memo);
        let Self { name, why, on_request, caches, .. } = self;
        GuestArm { name, why, needs, on_request: *on_request, caches }
    }

    /// The name of the state of its memo; `None` for one that no launch left.
    pub(super) fn state(&self) -> Option<String> {
        self.memo.state(self.change)
    }
}
