//! The plan of the refresh scenario, read from TOML: its arms and what must come of them.

use std::time::Duration;

use serde::Deserialize;
use tracerig_reports::record::{ArmPlan, Cache, Process};

use crate::scenario::arms::{self, UnknownArm};
use crate::scenario::relaunch::worker::Engine;

const BUILTIN: &str = include_str!("../../../plans/refresh.toml");

/// What a refresh run does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the archive's recipe.
    pub recipe: String,
    /// Samples of each arm.
    pub samples: u64,
    /// Rows appended to the trace database after the first memos.
    pub appended_rows: u64,
    /// Sessions that got a turn since the memo from before.
    pub few_sessions: u64,
    /// Of a thousand sessions, those that got one since the memo from long before.
    pub many_per_mille: u64,
    at_least_ms: u64,
    time_limit_s: u64,
    /// What is compared.
    #[serde(rename = "arm")]
    pub arms: Vec<Arm>,
}

/// What is launched, from which state, and what must come of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Its name.
    pub name: String,
    /// Why it is in the plan, in a sentence.
    pub why: String,
    /// What runs.
    pub engine: Engine,
    /// The memos it starts from.
    pub memo: Memo,
    /// The sessions it must read.
    pub reads: Reads,
    /// Whether it must write what it remembers; if not, it must not.
    #[serde(default)]
    pub persists: bool,
}

/// The memos that a launch starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Memo {
    /// The engine is told of none.
    None,
    /// There is none yet.
    Absent,
    /// Those of a launch before anything changed.
    LongBefore,
    /// Those of a launch before the last few sessions and the trace database changed.
    Before,
    /// Those of a launch after that.
    After,
}

/// The sessions that a launch must read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reads {
    /// None.
    Nothing,
    /// The few that grew last, from where they ended.
    Few,
    /// All that grew, from where they ended.
    Many,
    /// Every one, from its beginning.
    All,
}

impl Arm {
    /// The arm as it stands in a record.
    pub(crate) fn described(&self, launches_per_sample: u64) -> ArmPlan {
        ArmPlan {
            name: self.name.clone(),
            cache: Cache::Hot,
            engine: self.engine.name().to_owned(),
            process: Process::Fresh,
            why: self.why.clone(),
            launches_per_sample,
        }
    }
}

impl Plan {
    /// The plan that comes with the program.
    ///
    /// # Errors
    /// None but for a defect of the program.
    pub fn builtin() -> Result<Self, toml::de::Error> {
        toml::from_str(BUILTIN)
    }

    /// How long the launches of one sample take together, at least.
    #[must_use]
    pub fn at_least(&self) -> Duration {
        Duration::from_millis(self.at_least_ms)
    }

    /// How long one launch may take.
    #[must_use]
    pub fn time_limit(&self) -> Duration {
        Duration::from_secs(self.time_limit_s)
    }

    /// Keeps the arms in `chosen`.
    ///
    /// # Errors
    /// [`UnknownArm`] for a name that no arm has.
    pub fn choose(&mut self, chosen: &[String]) -> Result<(), UnknownArm> {
        arms::choose(&mut self.arms, |arm| &arm.name, chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builtin_plan_has_the_arms_of_the_scenario() {
        let plan = Plan::builtin().unwrap();
        let names: Vec<&str> = plan.arms.iter().map(|arm| arm.name.as_str()).collect();
        assert_eq!(names, ["floor", "published", "full", "cold", "appended", "warm", "unchanged"]);
        assert!(plan.arms.iter().all(|arm| arm.why.ends_with('.')));
    }

    #[test]
    fn arms_are_chosen_by_name() {
        let mut plan = Plan::builtin().unwrap();
        plan.choose(&["warm".to_owned(), "floor".to_owned()]).unwrap();
        assert_eq!(plan.arms.len(), 2);
        let error = plan.choose(&["lukewarm".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`lukewarm`") && error.contains("floor, warm"), "{error}");
    }
}
