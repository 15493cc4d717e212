//! The plan of the relaunch scenario, read from TOML: its arms and what must come of them.

use std::time::Duration;

use serde::Deserialize;
use tracerig_reports::record::{ArmKey, ArmPlan, Cache, Process};

use super::prepared_database::SceneKind;
use crate::scenario::arms::{self, UnknownArm};
use crate::scenario::relaunch::worker::Engine;

const BUILTIN: &str = include_str!("../../../plans/relaunch.toml");

/// What a relaunch run does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the dataset recipe.
    pub recipe: String,
    /// Samples of each arm.
    pub samples: u64,
    /// Rows appended before the warm launches.
    pub appended_rows: u64,
    #[serde(rename = "at_least_ms")]
    at_least: Millis,
    #[serde(rename = "time_limit_s")]
    time_limit: Seconds,
    /// What is compared.
    #[serde(rename = "arm")]
    pub arms: Vec<Arm>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
struct Millis(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
struct Seconds(u64);

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
    /// What a launch is. Other than fresh processes have a database of their own that a writer appends to and prunes, between
    /// them and beside them, so that what they examine and answer is different each time.
    #[serde(default)]
    pub process: Process,
    /// The memo it starts from.
    pub memo: Memo,
    /// What happened to the database before; for fresh processes only.
    #[serde(default)]
    pub scene: SceneKind,
    /// Whether it asks for a full scan whatever the memo says.
    #[serde(default)]
    pub rescan: bool,
    /// Whether it asks for another window than the launch that left the memo: one day in the middle of the turns.
    #[serde(default)]
    pub moved: bool,
    /// Whether it runs only when asked for by name.
    #[serde(default)]
    pub on_request: bool,
    /// The mode it must take; `None` for an engine without modes.
    pub mode: Option<String>,
    /// The reasons it may name for that mode; which check speaks first can depend on the file system.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// The rows it must examine.
    pub examines: Examines,
    /// Whether it must write its memo; if not, it must not.
    #[serde(default)]
    pub persists: bool,
    /// The states of the page cache it is launched with.
    pub caches: Vec<Cache>,
}

/// The memo that a launch starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Memo {
    /// The engine is told of none.
    None,
    /// There is none yet.
    Absent,
    /// The one of a launch before the database changed.
    Before,
    /// The one of a launch after that.
    After,
}

/// The rows that a launch must examine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Examines {
    /// None.
    Nothing,
    /// Those appended.
    Appended,
    /// Every row.
    All,
}

impl Arm {
    /// The arm as it stands in a record.
    pub(crate) fn described(&self, key: &ArmKey, launches_per_sample: u64) -> ArmPlan {
        ArmPlan {
            name: key.name.clone(),
            cache: key.cache,
            engine: self.engine.name().to_owned(),
            process: self.process,
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
        Duration::from_millis(self.at_least.0)
    }

    /// Changes that, to the millisecond.
    pub(crate) fn set_at_least(&mut self, at_least: Duration) {
        self.at_least = Millis(u64::try_from(at_least.as_millis()).unwrap_or(u64::MAX));
    }

    /// How long one launch may take.
    #[must_use]
    pub fn time_limit(&self) -> Duration {
        Duration::from_secs(self.time_limit.0)
    }

    /// Keeps the arms that run without being asked for.
    pub fn choose_usual(&mut self) {
        self.arms.retain(|arm| !arm.on_request);
    }

    /// Keeps the arms in `chosen`, each named alone or with a cache state: `warm`, `warm:hot`; `all` means every arm.
    ///
    /// # Errors
    /// [`UnknownArm`] for a name that no arm has.
    pub fn choose(&mut self, chosen: &[String]) -> Result<(), UnknownArm> {
        if chosen.iter().any(|asked| asked == "all") {
            return Ok(());
        }
        let offered: Vec<ArmKey> = self.keyed().map(|(key, _)| key).collect();
        let mut kept: Vec<&ArmKey> = Vec::new();
        for asked in chosen {
            let (name, cache) = match asked.split_once(':') {
                Some((name, cache)) => (name, Some(cache)),
                None => (asked.as_str(), None),
            };
            let before = kept.len();
            kept.extend(
                offered.iter().filter(|key| {
                    key.name == name && cache.is_none_or(|cache| key.cache.to_string() == cache)
                }),
            );
            if kept.len() == before {
                let names = arms::names(&self.arms, |arm| &arm.name);
                let offered = format!("all, {names}, each also as NAME:hot or NAME:cold where it has both");
                return Err(UnknownArm::new(asked, offered));
            }
        }
        for arm in &mut self.arms {
            let name = &arm.name;
            arm.caches.retain(|&cache| kept.iter().any(|key| key.name == *name && key.cache == cache));
        }
        self.arms.retain(|arm| !arm.caches.is_empty());
        Ok(())
    }

    /// Keeps the arms with this state of the page cache only.
    pub fn keep(&mut self, state: Cache) {
        for arm in &mut self.arms {
            arm.caches.retain(|&cache| cache == state);
        }
        self.arms.retain(|arm| !arm.caches.is_empty());
    }

    /// Every arm with every cache state it is launched with.
    pub fn keyed(&self) -> impl Iterator<Item = (ArmKey, &Arm)> {
        self.arms
            .iter()
            .flat_map(|arm| arm.caches.iter().map(move |&cache| (ArmKey::new(&arm.name, cache), arm)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[&str]) -> Result<Vec<String>, String> {
        let mut plan = Plan::builtin().unwrap();
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        plan.choose(&names).map_err(|error| error.to_string())?;
        Ok(plan.keyed().map(|(key, _)| format!("{}:{}", key.name, key.cache)).collect())
    }

    #[test]
    fn the_builtin_plan_has_the_arms_of_the_scenario() {
        let mut plan = Plan::builtin().unwrap();
        plan.choose_usual();
        let arms: Vec<String> = plan.keyed().map(|(key, _)| format!("{}:{}", key.name, key.cache)).collect();
        assert_eq!(
            arms,
            [
                "floor:hot",
                "published:hot",
                "published:cold",
                "full:hot",
                "cold:hot",
                "cold:cold",
                "warm:hot",
                "warm:cold",
                "unchanged:hot"
            ]
        );
    }

    #[test]
    fn arms_are_chosen_by_name_and_cache_state() {
        assert_eq!(chosen(&["warm:cold", "floor", "floor:hot"]).unwrap(), ["floor:hot", "warm:cold"]);
        assert_eq!(chosen(&["published"]).unwrap(), ["published:hot", "published:cold"]);
        assert!(chosen(&["floor:cold"]).unwrap_err().contains("`floor:cold`"));
        assert!(
            chosen(&["lukewarm"])
                .unwrap_err()
                .contains("floor, published, full, cold, warm, unchanged, pruned")
        );
    }

    #[test]
    fn arms_beside_a_writer_find_the_page_cache_hot() {
        // Their launches cannot be judged by the bytes that a scan must read from the device.
        for (key, arm) in Plan::builtin().unwrap().keyed() {
            assert!(arm.process == Process::Fresh || key.cache == Cache::Hot, "{key}");
        }
    }
}
