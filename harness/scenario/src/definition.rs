//! What is asked of a scenario: arms, samples, data. It comes from a plan, the command line or a
//! record.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use tracerig_reports::record::{ArmPlan, Cache, CandidatePlan, LaunchPolicy, Plan, Process};

use super::arms::MemoArm;
use super::guest::{self, GuestArm, Invited};
use super::pagecache::can_be_cold;
use super::{ArmError, DefinitionError, Event, Place, Scenario, ScenarioError, Tell};
use crate::machine;

/// What is asked of a scenario.
#[derive(Debug)]
pub struct Definition {
    /// The plan as a record holds it. Of an arm with 0 launches a sample, the run finds out how
    /// many it needs.
    pub plan: Plan,
    /// How long one launch may take.
    pub time_limit: Duration,
    /// The same of a candidate of somebody else.
    pub limit_of_candidates: Duration,
    /// The executables that are launched, one for each side of a comparison; none: that of the
    /// place.
    pub programs: Vec<PathBuf>,
    /// The arms that are launched only when asked for by name.
    pub(super) on_request: Vec<String>,
    /// The digest of the data, where only that will do.
    pub(super) expected: Option<String>,
    /// What only the scenario knows of its arms and its data.
    pub(super) own: Box<dyn Prepare>,
}

/// What only a scenario knows of its definition.
pub(super) trait Prepare: Debug {
    /// The arms that a candidate of somebody else is launched in.
    fn guest_arms(&self) -> Vec<GuestArm<'_>> {
        Vec::new()
    }

    /// Builds the dataset if need be, and makes working copies, memos and right answers.
    fn prepare(
        &self,
        definition: &Definition,
        place: &Place,
        tell: &mut Tell<'_>,
    ) -> Result<Box<dyn Scenario>, ScenarioError>;
}

/// What the TOML of a scenario with data from a recipe says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Builtin<A> {
    scenario: String,
    /// The recipe, if no other is named.
    pub(super) recipe: String,
    samples: u64,
    appended_rows: u64,
    /// Of an archive: the sessions that got a turn since the memo from before, and of a thousand
    /// those that got one since the memo from long before.
    #[serde(default)]
    pub(super) few_sessions: u64,
    #[serde(default)]
    pub(super) many_per_mille: u64,
    at_least_ms: u64,
    time_limit_s: u64,
    #[serde(rename = "arm")]
    pub(super) arms: Vec<A>,
    #[serde(rename = "candidate")]
    pub(super) of_candidates: Vec<MemoArm>,
}

impl<A> Builtin<A> {
    /// Its definition with data from this recipe, and these arms of our own.
    pub(super) fn definition(
        &self,
        recipe: String,
        arms: Vec<ArmPlan>,
        own: impl Prepare + 'static,
    ) -> Definition {
        let plan = Plan {
            scenario: self.scenario.clone(),
            recipe,
            samples: self.samples,
            launches: LaunchPolicy { at_least: Duration::from_millis(self.at_least_ms) },
            appended_rows: self.appended_rows,
            arms,
            ..Plan::default()
        };
        Definition::new(plan, Duration::from_secs(self.time_limit_s), own)
    }
}

/// The keys of a run of a plan whose data come from a recipe.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OnRecipe {
    /// Its name or path.
    pub(super) recipe: String,
    /// Factor on its size.
    #[serde(default = "one")]
    pub(super) scale: f64,
}

fn one() -> f64 {
    1.0
}

impl Definition {
    /// What `plan` says; no arm waits to be asked for, and any data will do.
    pub(super) fn new(plan: Plan, time_limit: Duration, own: impl Prepare + 'static) -> Self {
        Self {
            plan,
            time_limit,
            limit_of_candidates: guest::LIMIT,
            programs: Vec::new(),
            on_request: Vec::new(),
            expected: None,
            own: Box::new(own),
        }
    }

    /// Adds candidates of others, each with the arms that it can be launched in.
    ///
    /// # Errors
    /// Two have one name.
    pub fn invite(&mut self, invited: &[Invited]) -> Result<(), DefinitionError> {
        for guest in invited {
            let name = &guest.plan.name;
            if self.plan.candidates.iter().any(|other| other.name == *name) {
                let words = format!("two candidates are called `{name}`: give each another name");
                return Err(DefinitionError::Words(words));
            }
            for arm in self.own.guest_arms() {
                self.plan.arms.extend(arm.of(guest));
                if arm.on_request {
                    self.on_request.push(guest.plan.arm(arm.name));
                }
            }
            self.plan.candidates.push(guest.plan.clone());
        }
        Ok(())
    }

    /// Has two candidates of others answer in the same arms, one on each side of a comparison,
    /// instead of our own engines: those of `chosen`, or every one that both can be launched in.
    ///
    /// # Errors
    /// An arm that is not there, or that one of them cannot be launched in.
    pub fn oppose(
        &mut self,
        sides: &[Invited; 2],
        chosen: &[String],
    ) -> Result<(), DefinitionError> {
        let arms = self.own.guest_arms();
        let fits = |arm: &&GuestArm<'_>| sides.iter().all(|side| side.fits(arm));
        let is_usual = |arm: &GuestArm<'_>| !arm.on_request && arm.name != CandidatePlan::IDLE;
        let is_named = |arm: &GuestArm<'_>| {
            chosen.iter().any(|asked| asked.split(':').next() == Some(arm.name))
        };
        let is_meant = |arm: &&GuestArm<'_>| match chosen {
            [] => is_usual(arm),
            _ => is_named(arm),
        };
        let known = |asked: &&String| {
            let name = asked.strip_suffix(":hot").unwrap_or(asked);
            arms.iter().filter(fits).any(|arm| arm.name == name)
        };
        if let Some(asked) = chosen.iter().find(|asked| !known(asked)) {
            let names: Vec<&str> = arms.iter().filter(fits).map(|arm| arm.name).collect();
            let offered = names.join(", ");
            return Err(ArmError::Unknown { asked: asked.clone(), offered }.into());
        }
        let arms = arms.iter().filter(fits).filter(is_meant);
        self.plan.arms = arms.map(|arm| arm.of_side()).collect();
        self.plan.candidates = sides.iter().map(|side| side.plan.clone()).collect();
        Ok(())
    }

    /// Keeps the arms in `chosen`, each named alone or with the state of its page cache: `warm`,
    /// `warm:hot`. `all` means every arm, and no name every arm that does not wait to be asked for.
    ///
    /// # Errors
    /// See [`ArmError`].
    pub fn choose(&mut self, chosen: &[String]) -> Result<(), ArmError> {
        let Self { plan, on_request, .. } = self;
        let candidates = plan.candidates.clone();
        // The arms of a candidate are meant by what is asked, `warm`, or in full, `mine@1 warm`.
        let is_named = |name: &str, arm: &ArmPlan| {
            let mut labels = candidates.iter().filter(|candidate| candidate.label() == arm.engine);
            arm.name == name || labels.any(|candidate| candidate.arm(name) == arm.name)
        };
        let is_idle = |arm: &ArmPlan| {
            candidates.iter().any(|candidate| candidate.arm(CandidatePlan::IDLE) == arm.name)
        };
        let is_meant = |asked: &str, arm: &ArmPlan| {
            let (name, cache) =
                asked.split_once(':').map_or((asked, None), |(name, cache)| (name, Some(cache)));
            asked == "all"
                || is_named(name, arm) && cache.is_none_or(|cache| arm.cache.to_string() == cache)
        };
        if let Some(asked) =
            chosen.iter().find(|asked| !plan.arms.iter().any(|arm| is_meant(asked, arm)))
        {
            return Err(ArmError::Unknown { asked: asked.clone(), offered: offered(&plan.arms) });
        }
        let all = plan.arms.clone();
        plan.arms.retain(|arm| match chosen {
            [] => !on_request.contains(&arm.name),
            chosen => chosen.iter().any(|asked| is_meant(asked, arm)) || is_idle(arm),
        });
        // The process floor of a candidate is of use beside its other arms alone.
        let answers: BTreeSet<String> =
            plan.arms.iter().filter(|arm| !is_idle(arm)).map(|arm| arm.engine.clone()).collect();
        plan.arms.retain(|arm| {
            !is_idle(arm) || chosen.contains(&arm.name) || answers.contains(&arm.engine)
        });
        for candidate in candidates.iter().map(CandidatePlan::label) {
            if !plan.arms.iter().any(|arm| arm.engine == candidate) {
                let is_its = |arm: &ArmPlan| arm.engine == candidate;
                let its: Vec<ArmPlan> = all.into_iter().filter(is_its).collect();
                return Err(ArmError::NoneOf { candidate, offered: offered(&its) });
            }
        }
        Ok(())
    }

    /// Why an arm cannot be compared between executables, in words, if there is one.
    #[must_use]
    pub fn not_compared(&self) -> Option<String> {
        if self.plan.command.is_some() {
            return Some("commands are compared by `tracerig compare --base-cmd`".to_owned());
        }
        let mut arms = self.plan.arms.iter();
        let arm = arms.find(|arm| arm.cache == Cache::Cold || arm.process != Process::Fresh)?;
        Some(format!(
            "{}: only fresh processes with a hot page cache are compared between executables",
            arm.key()
        ))
    }

    /// Makes it ready: builds the dataset if need be, and makes working copies, memos and right
    /// answers. Arms that are impossible there are left out.
    ///
    /// # Errors
    /// See [`ScenarioError`].
    pub fn prepare(
        &mut self,
        place: &Place,
        tell: &mut Tell<'_>,
    ) -> Result<Box<dyn Scenario>, ScenarioError> {
        // The files of a command lie anywhere; whether they were cold is seen at each launch.
        let in_workplace = self.plan.command.is_none();
        let arms = &mut self.plan.arms;
        if in_workplace
            && arms.iter().any(|arm| arm.cache == Cache::Cold)
            && !can_be_cold(&place.workplaces)?
        {
            tell(Event::NeverCold(&place.workplaces));
            arms.retain(|arm| arm.cache != Cache::Cold);
            if arms.is_empty() {
                return Err(ScenarioError::NeverCold { path: place.workplaces.clone() });
            }
        }
        self.plan.order_seed = place.seed;
        self.plan.cores.get_or_insert(machine::cores().get() as u64);
        self.own.prepare(self, place, tell)
    }

    /// Refuses data that are not those of the record that is repeated. `or` says what else may be
    /// done.
    pub(super) fn accept(
        &self,
        (what, or): (&'static str, &'static str),
        recipe: &str,
        found: &str,
    ) -> Result<(), ScenarioError> {
        match &self.expected {
            Some(expected) if expected != found => Err(ScenarioError::OtherData {
                what,
                recipe: recipe.to_owned(),
                expected: expected.clone(),
                found: found.to_owned(),
                or,
            }),
            _ => Ok(()),
        }
    }
}

/// The names of `arms`, and how they are asked for, as a text.
fn offered(arms: &[ArmPlan]) -> String {
    let mut names: Vec<&str> = arms.iter().map(|arm| arm.name.as_str()).collect();
    names.dedup();
    let has_both = names.len() < arms.len();
    let names = names.join(", ");
    if has_both {
        format!("all, {names}, each also as NAME:hot or NAME:cold where it has both")
    } else {
        names
    }
}

/// The names of its arms, as they are asked for.
#[cfg(test)]
pub(super) fn named(definition: &Definition) -> Vec<String> {
    definition.plan.arms.iter().map(|arm| format!("{}:{}", arm.name, arm.cache)).collect()
}
