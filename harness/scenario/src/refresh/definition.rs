//! What a refresh run is asked for: the arms of its TOML, and an archive.

use std::path::Path;

use serde::Deserialize;
use tracerig_datasets::archive::ArchiveRecipe;
use tracerig_reports::Record;
use tracerig_reports::record::{ArmPlan, Cache, Process};

use crate::ReproError;
use crate::arms::{MemoArm, Named};
use crate::definition::{Builtin, OnRecipe};
use crate::engine::Engine;
use crate::prepared_database::Memo;
use crate::{Definition, DefinitionError};

const BUILTIN: &str = include_str!("../../plans/refresh.toml");

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

impl Named for Arm {
    fn name(&self) -> &str {
        &self.name
    }
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
    pub(super) of_candidates: Vec<MemoArm>,
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
/// The recipe is missing or invalid.
pub fn on_recipe(recipe: Option<&str>, scale: f64) -> Result<Definition, DefinitionError> {
    let builtin = builtin()?;
    let name = recipe.unwrap_or(&builtin.recipe).to_owned();
    let recipe = ArchiveRecipe::find(&name)?;
    Ok(definition(&builtin, name, recipe, scale))
}

fn builtin() -> Result<Builtin<Arm>, DefinitionError> {
    Ok(toml::from_str(BUILTIN)?)
}

fn definition(
    builtin: &Builtin<Arm>,
    name: String,
    recipe: ArchiveRecipe,
    scale: f64,
) -> Definition {
    let planned = builtin.arms.iter().map(|arm| ArmPlan {
        name: arm.name.clone(),
        cache: Cache::Hot,
        engine: arm.engine.name().to_owned(),
        process: Process::Fresh,
        why: arm.why.clone(),
        launches_per_sample: 0,
    });
    let own = Refresh {
        arms: builtin.arms.clone(),
        of_candidates: builtin.of_candidates.clone(),
        recipe: Box::new(recipe),
        scale,
        few_sessions: builtin.few_sessions,
        many_per_mille: builtin.many_per_mille,
    };
    builtin.definition(name, planned.collect(), own)
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
    let builtin = builtin()?;
    let recipe = ArchiveRecipe::parse(&record.dataset.recipe_text, "the recipe in the record")?;
    let expected = Some(record.dataset.file_digest.clone());
    Ok(Definition { expected, ..definition(&builtin, name, recipe, record.dataset.scale) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::named;

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
