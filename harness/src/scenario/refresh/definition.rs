//! What a refresh run is asked for: the arms of its TOML, and an archive.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use tracerig_datasets::archive::ArchiveRecipe;
use tracerig_protocol::Capability;
use tracerig_reports::Record;
use tracerig_reports::record::{self, ArmPlan, Cache, LaunchPolicy, Process};

use crate::scenario::definition::OnRecipe;
use crate::scenario::guest::GuestArm;
use crate::scenario::relaunch::worker::Engine;
use crate::scenario::repro::ReproError;
use crate::scenario::{Definition, DefinitionError, guest};

const BUILTIN: &str = include_str!("../../../plans/refresh.toml");

/// What the TOML of the scenario says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Builtin {
    scenario: String,
    recipe: String,
    samples: u64,
    appended_rows: u64,
    few_sessions: u64,
    many_per_mille: u64,
    at_least_ms: u64,
    time_limit_s: u64,
    #[serde(rename = "arm")]
    arms: Vec<Arm>,
    #[serde(rename = "candidate")]
    of_candidates: Vec<OfCandidate>,
}

/// What is launched, from which state, and what must come of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arm {
    pub(super) name: String,
    /// Why it is in the plan, in a sentence.
    why: String,
    /// What runs.
    pub(super) engine: Engine,
    /// The memos it starts from.
    pub(super) memo: Memo,
    /// The sessions it must read.
    pub(super) reads: Reads,
    /// Whether it must write what it remembers; if not, it must not.
    #[serde(default)]
    pub(super) persists: bool,
}

/// What a candidate of somebody else is asked for, and from which state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfCandidate {
    pub(super) name: String,
    why: String,
    /// Its memo; `none` asks for nothing at all.
    pub(super) memo: Memo,
}

impl OfCandidate {
    pub(super) fn guest_arm(&self) -> GuestArm<'_> {
        let needs_memo = !matches!(self.memo, Memo::None | Memo::Absent);
        let needs = needs_memo.then_some(Capability::Memo);
        let Self { name, why, .. } = self;
        GuestArm { name, why, needs, on_request: false, caches: &[Cache::Hot] }
    }
}

/// The memos that a launch starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Memo {
    /// The engine is reported of none.
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
pub(super) enum Reads {
    /// None.
    Nothing,
    /// The few that grew last, from where they ended.
    Few,
    /// All that grew, from where they ended.
    Many,
    /// Every one, from its beginning.
    All,
}

/// What only this scenario knows of its definition.
#[derive(Debug)]
pub(super) struct Refresh {
    pub(super) arms: Vec<Arm>,
    /// What candidates are asked for.
    pub(super) of_candidates: Vec<OfCandidate>,
    pub(super) recipe: Box<ArchiveRecipe>,
    /// Factor on the bytes of the archive that do not matter.
    pub(super) scale: f64,
    /// Sessions that got a turn since the memo from before.
    pub(super) few_sessions: u64,
    /// Of a thousand sessions, those that got one since the memo from long before.
    pub(super) many_per_mille: u64,
}

/// Refreshes of the archive of a recipe, by its name or path, with a factor on its bytes; every arm
/// there is.
///
/// # Errors
/// The recipe is not there, or is none.
pub fn on_recipe(recipe: Option<&str>, scale: f64) -> Result<Definition, DefinitionError> {
    let builtin: Builtin = toml::from_str(BUILTIN)?;
    let name = recipe.unwrap_or(&builtin.recipe).to_owned();
    let recipe = ArchiveRecipe::find(&name)?;
    Ok(builtin.definition(name, recipe, scale))
}

impl Builtin {
    fn definition(self, name: String, recipe: ArchiveRecipe, scale: f64) -> Definition {
        let Self {
            scenario,
            samples,
            appended_rows,
            few_sessions,
            many_per_mille,
            arms,
            of_candidates,
            ..
        } = self;
        let planned = arms.iter().map(|arm| ArmPlan {
            name: arm.name.clone(),
            cache: Cache::Hot,
            engine: arm.engine.name().to_owned(),
            process: Process::Fresh,
            why: arm.why.clone(),
            launches_per_sample: 0,
        });
        let plan = record::Plan {
            scenario,
            recipe: name,
            samples,
            launches: LaunchPolicy { at_least: Duration::from_millis(self.at_least_ms) },
            appended_rows,
            order_seed: 0,
            cores: None,
            candidates: Vec::new(),
            arms: planned.collect(),
            append: None,
            command: None,
        };
        let own = Refresh {
            arms,
            of_candidates,
            recipe: Box::new(recipe),
            scale,
            few_sessions,
            many_per_mille,
        };
        Definition {
            plan,
            time_limit: Duration::from_secs(self.time_limit_s),
            on_request: Vec::new(),
            expected: None,
            limit_of_candidates: guest::LIMIT,
            programs: Vec::new(),
            own: Box::new(own),
        }
    }
}

pub(super) fn of_plan(keys: toml::Table) -> Result<Definition, DefinitionError> {
    let OnRecipe { recipe, scale } = keys.try_into()?;
    on_recipe(Some(&recipe), scale)
}

pub(super) fn of_record(
    record: &Record,
    database: Option<&Path>,
) -> Result<Definition, ReproError> {
    let name = record.plan.recipe.clone();
    if database.is_some() {
        return Err(ReproError::NoDatabase(name));
    }
    let builtin: Builtin = toml::from_str(BUILTIN).map_err(DefinitionError::from)?;
    let recipe = ArchiveRecipe::parse(&record.dataset.recipe_text, "the recipe in the record")?;
    let expected = Some(record.dataset.file_digest.clone());
    Ok(Definition { expected, ..builtin.definition(name, recipe, record.dataset.scale) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::definition::named;

    #[test]
    fn the_builtin_plan_has_the_arms_of_the_scenario() {
        let mut definition = on_recipe(None, 1.0).unwrap();
        assert!(definition.plan.arms.iter().all(|arm| arm.why.ends_with('.')));
        definition.choose(&[]).unwrap();
        let names = ["floor", "published", "full", "cold", "appended", "warm", "unchanged"];
        assert_eq!(named(&definition), names.map(|name| format!("{name}:hot")));
    }

    #[test]
    fn arms_are_chosen_by_name() {
        let mut definition = on_recipe(None, 1.0).unwrap();
        definition.choose(&["warm".to_owned(), "floor".to_owned()]).unwrap();
        assert_eq!(named(&definition), ["floor:hot", "warm:hot"]);
        let error = definition.choose(&["lukewarm".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`lukewarm`") && error.contains("floor, warm"), "{error}");
    }
}
