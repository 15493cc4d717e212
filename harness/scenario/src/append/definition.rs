//! What an append run is asked for: the arms and amounts of its TOML, and the conditions under
//! which every arm appends.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use tracerig_datasets::Conversation;
use tracerig_reports::Record;
use tracerig_reports::record::{self, AppendPlan, ArmPlan, Cache, LaunchPolicy, Process};
use tracerig_store::threads::Mode;

use super::guests::RequestArm;
use crate::ReproError;
use crate::arms::Named;
use crate::{Definition, DefinitionError};

const BUILTIN: &str = include_str!("../../plans/append.toml");

/// What the TOML of the scenario says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Builtin {
    scenario: String,
    samples: u64,
    /// Appends of one launch, over all threads.
    appends: u64,
    /// The same where each append waits for the device.
    appends_with_fsync: u64,
    /// How long a launch appends at a fixed rate.
    seconds_at_a_rate: u64,
    /// Appends of each thread that are not measured.
    pub(super) warmup: u64,
    /// Appends of each thread that are followed by a measured flush.
    pub(super) barriers: u64,
    /// How long the contender holds the write lock.
    pub(super) hold_ms: u64,
    /// How long it leaves it free.
    pub(super) pause_ms: u64,
    time_limit_s: u64,
    #[serde(rename = "arm")]
    pub(super) arms: Vec<Arm>,
    #[serde(rename = "candidate")]
    pub(super) of_candidates: Vec<RequestArm>,
}

/// What appends, and how.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arm {
    pub(super) name: String,
    /// Who projects; `None` appends to plain files.
    #[serde(default, deserialize_with = "mode")]
    pub(super) mode: Option<Mode>,
    /// Why it is in the plan, in a sentence.
    why: String,
}

impl Named for Arm {
    fn name(&self) -> &str {
        &self.name
    }
}

fn mode<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Mode>, D::Error> {
    let name = Option::<String>::deserialize(deserializer)?;
    name.map(|name| name.parse().map_err(serde::de::Error::custom)).transpose()
}

/// Under which conditions every arm of a run appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Threads that append at once, each to a separate history.
    pub threads: u64,
    /// When an append is acknowledged.
    pub fsync: bool,
    /// Appends a second over all threads, from the intended start; `None` appends as fast as it
    /// goes.
    pub rate: Option<u64>,
    /// Whether another process keeps taking the write lock of the database.
    pub contended: bool,
}

/// When an append is acknowledged.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Durability {
    /// When the system has taken it.
    #[default]
    Buffered,
    /// When it is on the disk.
    Fsync,
}

/// What only this scenario knows of its definition.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) builtin: Builtin,
    pub(super) condition: Condition,
}

impl Builtin {
    fn new() -> Result<Self, DefinitionError> {
        Ok(toml::from_str(BUILTIN)?)
    }

    /// Measured appends of each thread in one launch.
    pub(super) fn appends_of_a_thread(&self, condition: Condition) -> u64 {
        let all = match condition.rate {
            Some(rate) => rate.saturating_mul(self.seconds_at_a_rate),
            None if condition.fsync => self.appends_with_fsync,
            None => self.appends,
        };
        (all / condition.threads.max(1)).max(1)
    }

    /// Has one launch make so many appends over all threads.
    fn set_appends(&mut self, appends: u64) {
        (self.appends, self.appends_with_fsync) = (appends, appends);
    }

    fn definition(self, condition: Condition) -> Result<Definition, DefinitionError> {
        let (recipe, _) = Conversation::name_and_reason()?;
        let planned = self.arms.iter().map(|arm| ArmPlan {
            name: arm.name.clone(),
            cache: Cache::Any,
            engine: if arm.mode.is_some() { "store" } else { "files" }.to_owned(),
            process: Process::Fresh,
            why: arm.why.clone(),
            // It makes thousands of appends: it is a sample.
            launches_per_sample: 1,
        });
        let plan = record::Plan {
            scenario: self.scenario.clone(),
            recipe,
            samples: self.samples,
            launches: LaunchPolicy { at_least: Duration::ZERO },
            arms: planned.collect(),
            append: Some(AppendPlan {
                threads: condition.threads,
                durability: if condition.fsync { AppendPlan::FSYNC } else { AppendPlan::BUFFERED }
                    .to_owned(),
                contended: condition.contended,
                rate: condition.rate,
                appends: (self.appends_of_a_thread(condition) + self.warmup) * condition.threads,
                warmup: self.warmup,
            }),
            ..record::Plan::default()
        };
        let time_limit = Duration::from_secs(self.time_limit_s);
        Ok(Definition::new(plan, time_limit, Append { builtin: self, condition }))
    }
}

/// Appends under this condition, so many in one launch, or as many as the scenario says; every arm
/// there is.
///
/// # Errors
/// None but for a defect of the program.
pub fn on(condition: Condition, appends: Option<u64>) -> Result<Definition, DefinitionError> {
    let mut builtin = Builtin::new()?;
    if let Some(appends) = appends {
        builtin.set_appends(appends);
    }
    builtin.definition(condition)
}

/// The keys of a run of a plan.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    threads: u64,
    rate: Option<u64>,
    #[serde(default)]
    durability: Durability,
    #[serde(default)]
    contended: bool,
    appends: Option<u64>,
}

pub(super) fn of_plan(keys: toml::Table) -> Result<Definition, DefinitionError> {
    let Keys { threads, rate, durability, contended, appends } = keys.try_into()?;
    if rate.is_some() && appends.is_some() {
        let words = "at a rate, a launch appends for five seconds: leave `appends` out";
        return Err(DefinitionError::Words(words.to_owned()));
    }
    on(Condition { threads, fsync: durability == Durability::Fsync, rate, contended }, appends)
}

pub(super) fn of_record(
    record: &Record,
    database: Option<&Path>,
) -> Result<Definition, ReproError> {
    if database.is_some() {
        return Err(ReproError::NoDatabase(record.plan.recipe.clone()));
    }
    let appended = record.plan.append.as_ref();
    let appended = appended.ok_or_else(|| ReproError::Plan("it has no appends".to_owned()))?;
    let condition = Condition {
        threads: appended.threads,
        fsync: appended.durability == AppendPlan::FSYNC,
        rate: appended.rate,
        contended: appended.contended,
    };
    let mut builtin = Builtin::new()?;
    builtin.warmup = appended.warmup;
    let measured = appended.measured();
    builtin.set_appends(measured);
    let of_all = builtin.appends_of_a_thread(condition).saturating_mul(condition.threads);
    if of_all != measured {
        return Err(ReproError::Plan(format!(
            "a launch now measures {of_all} appends instead of {measured}"
        )));
    }
    let expected = Some(record.dataset.rows_digest.clone());
    Ok(Definition { expected, ..builtin.definition(condition)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builtin_plan_has_the_floor_and_every_mode() {
        let builtin = Builtin::new().unwrap();
        let modes: Vec<Option<Mode>> = builtin.arms.iter().map(|arm| arm.mode).collect();
        assert_eq!(modes[0], None);
        assert_eq!(modes[1..], Mode::ALL.map(Some));
        assert!(builtin.arms.iter().all(|arm| arm.mode.is_none_or(|mode| mode.name() == arm.name)));
    }

    #[test]
    fn arms_are_chosen_by_name() {
        let condition = Condition { threads: 1, fsync: false, rate: None, contended: false };
        let mut definition = on(condition, None).unwrap();
        definition.choose(&["async".to_owned(), "bare".to_owned()]).unwrap();
        let names: Vec<&str> = definition.plan.arms.iter().map(|arm| arm.name.as_str()).collect();
        assert_eq!(names, ["bare", "async"]);
        let error = definition.choose(&["sink".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`sink`") && error.contains("bare, async"), "{error}");
    }
}
