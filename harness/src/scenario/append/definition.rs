//! The plan of the append scenario, read from TOML: its arms, and what each launch of them does.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracerig_store::threads::{Durability, Mode};

use crate::scenario::arms::{self, UnknownArm};

const BUILTIN: &str = include_str!("../../../plans/append.toml");

/// What an append run does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Name of the scenario.
    pub scenario: String,
    /// Samples of each arm.
    pub samples: u64,
    /// Appends of one launch, over all threads.
    pub appends: u64,
    /// The same where each append waits for the device.
    pub appends_with_fsync: u64,
    /// How long a launch appends at a fixed rate.
    pub seconds_at_a_rate: u64,
    /// Appends of each thread that are not measured.
    pub warmup: u64,
    /// Appends of each thread that are followed by a measured flush.
    pub barriers: u64,
    /// How long the contender holds the write lock.
    pub hold_ms: u64,
    /// How long it leaves it free.
    pub pause_ms: u64,
    time_limit_s: u64,
    /// What is compared.
    #[serde(rename = "arm")]
    pub arms: Vec<Arm>,
}

/// What appends, and how.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Its name.
    pub name: String,
    /// Who projects; `None` appends to plain files.
    #[serde(default, deserialize_with = "mode")]
    pub mode: Option<Mode>,
    /// Why it is in the plan, in a sentence.
    pub why: String,
}

fn mode<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Mode>, D::Error> {
    let name = Option::<String>::deserialize(deserializer)?;
    name.map(|name| name.parse().map_err(serde::de::Error::custom)).transpose()
}

/// Under which conditions every arm of a run appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Threads that append at once, each to a history of its own.
    pub threads: u64,
    /// When an append is acknowledged.
    pub fsync: bool,
    /// Appends a second over all threads, from the intended start; `None` appends as fast as it goes.
    pub rate: Option<u64>,
    /// Whether another process keeps taking the write lock of the database.
    pub contended: bool,
}

impl Condition {
    /// When an append is acknowledged.
    #[must_use]
    pub fn durability(self) -> Durability {
        if self.fsync { Durability::Fsync } else { Durability::Buffered }
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

    /// How long one launch may take.
    #[must_use]
    pub fn time_limit(&self) -> Duration {
        Duration::from_secs(self.time_limit_s)
    }

    /// Measured appends of each thread in one launch.
    #[must_use]
    pub fn appends_of_a_thread(&self, condition: Condition) -> u64 {
        let all = match condition.rate {
            Some(rate) => rate.saturating_mul(self.seconds_at_a_rate),
            None if condition.fsync => self.appends_with_fsync,
            None => self.appends,
        };
        (all / condition.threads.max(1)).max(1)
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
    fn the_builtin_plan_has_the_floor_and_every_mode() {
        let plan = Plan::builtin().unwrap();
        let modes: Vec<Option<Mode>> = plan.arms.iter().map(|arm| arm.mode).collect();
        assert_eq!(modes[0], None);
        assert_eq!(modes[1..], Mode::ALL.map(Some));
        assert!(plan.arms.iter().all(|arm| arm.mode.is_none_or(|mode| mode.name() == arm.name)));
    }

    #[test]
    fn arms_are_chosen_by_name() {
        let mut plan = Plan::builtin().unwrap();
        plan.choose(&["async".to_owned(), "bare".to_owned()]).unwrap();
        let names: Vec<&str> = plan.arms.iter().map(|arm| arm.name.as_str()).collect();
        assert_eq!(names, ["bare", "async"]);
        let error = plan.choose(&["sink".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`sink`") && error.contains("bare, async"), "{error}");
    }
}
