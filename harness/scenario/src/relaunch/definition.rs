//! What a relaunch run is asked for: the arms of its TOML, and a database.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use tracerig_datasets::Recipe;
use tracerig_reports::Record;
use tracerig_reports::record::{ArmPlan, Process};

use crate::ReproError;
use crate::arms::{MemoArm, Named};
use crate::definition::{Builtin, OnRecipe};
use crate::engine::Engine;
use crate::{Definition, DefinitionError};

const BUILTIN: &str = include_str!("../../plans/relaunch.toml");
/// The name that represents the recipe of your own database.
const OWN: &str = "own";

/// What is launched, from which state, and what must come of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arm {
    /// What it starts from, and is asked.
    #[serde(flatten)]
    pub(super) start: MemoArm,
    /// What runs.
    pub(super) engine: Engine,
    /// What a launch is. Other than fresh processes have a separate database that a writer
    /// appends to and prunes, between them and beside them, so that what they examine and answer is
    /// different each time.
    #[serde(default)]
    pub(super) process: Process,
    /// The mode it must take; `None` for an engine without modes.
    pub(super) mode: Option<String>,
    /// The reasons it may name for that mode; which check speaks first can depend on the file
    /// system.
    #[serde(default)]
    pub(super) reasons: Vec<String>,
    /// The rows it must examine.
    pub(super) examines: Examines,
    /// Whether it must write its memo; if not, it must not.
    #[serde(default)]
    pub(super) persists: bool,
}

impl Named for Arm {
    fn name(&self) -> &str {
        self.start.name()
    }
}

/// The rows that a launch must examine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Examines {
    /// None.
    Nothing,
    /// Those appended.
    Appended,
    /// Every row.
    All,
}

/// What only this scenario knows of its definition.
#[derive(Debug)]
pub(super) struct Relaunch {
    pub(super) arms: Vec<Arm>,
    /// What candidates are asked for.
    pub(super) of_candidates: Vec<MemoArm>,
    pub(super) source: Source,
}

/// Where the database of a run comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// It is built from a recipe, with this factor on its rows.
    Recipe(Box<Recipe>, f64),
    /// It is a private copy of your own, at this path.
    Own(PathBuf),
}

/// Relaunches on the dataset of a recipe, by its name or path, with a factor on its rows; every arm
/// there is.
///
/// # Errors
/// The recipe is missing or invalid.
pub fn on_recipe(recipe: Option<&str>, scale: f64) -> Result<Definition, DefinitionError> {
    let recipe = recipe.map_or_else(
        || Ok(builtin()?.recipe),
        |recipe| Ok::<_, DefinitionError>(recipe.to_owned()),
    )?;
    let source = Source::Recipe(Box::new(Recipe::find(&recipe)?), scale);
    definition(recipe, source)
}

/// Relaunches on a private copy of the user's own database; every arm there is.
///
/// # Errors
/// None but for a defect of the program.
pub fn on_own(database: &Path) -> Result<Definition, DefinitionError> {
    definition(OWN.to_owned(), Source::Own(database.to_owned()))
}

fn builtin() -> Result<Builtin<Arm>, DefinitionError> {
    Ok(toml::from_str(BUILTIN)?)
}

fn definition(recipe: String, source: Source) -> Result<Definition, DefinitionError> {
    let builtin = builtin()?;
    let arms = builtin.arms.clone();
    let keyed = arms.iter().flat_map(|arm| arm.start.caches.iter().map(move |&cache| (arm, cache)));
    let planned = keyed.map(|(arm, cache)| ArmPlan {
        name: arm.name().to_owned(),
        cache,
        engine: arm.engine.name().to_owned(),
        process: arm.process,
        why: arm.start.why.clone(),
        launches_per_sample: 0,
    });
    let planned = planned.collect();
    let on_request =
        arms.iter().filter(|arm| arm.start.on_request).map(|arm| arm.name().to_owned()).collect();
    let own = Relaunch { arms, of_candidates: builtin.of_candidates.clone(), source };
    Ok(Definition { on_request, ..builtin.definition(recipe, planned, own) })
}

pub(super) fn of_plan(keys: toml::Table) -> Result<Definition, DefinitionError> {
    let OnRecipe { recipe, scale } = keys.try_into()?;
    on_recipe(Some(&recipe), scale)
}

pub(super) fn of_record(
    record: &Record,
    database: Option<&Path>,
) -> Result<Definition, ReproError> {
    let recipe = record.plan.recipe.clone();
    let source = match (recipe == OWN, database) {
        (true, Some(path)) => Source::Own(path.to_owned()),
        (true, None) => return Err(ReproError::OwnDatabase),
        (false, Some(_)) => return Err(ReproError::NoDatabase(recipe)),
        (false, None) => {
            let recipe = Recipe::parse(&record.dataset.recipe_text, "the recipe in the record")?;
            Source::Recipe(Box::new(recipe), record.dataset.scale)
        }
    };
    Ok(Definition {
        expected: Some(record.dataset.rows_digest.clone()),
        ..definition(recipe, source)?
    })
}

#[cfg(test)]
mod tests {
    use tracerig_reports::record::{Cache, CandidatePlan};

    use super::*;
    use crate::definition::named;
    use crate::guest::Invited;

    fn chosen(names: &[&str]) -> Result<Vec<String>, String> {
        let mut definition = on_recipe(None, 1.0).unwrap();
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        definition.choose(&names).map_err(|error| error.to_string())?;
        Ok(named(&definition))
    }

    #[test]
    fn the_builtin_plan_has_the_arms_of_the_scenario() {
        assert_eq!(
            chosen(&[]).unwrap(),
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
        assert_eq!(
            chosen(&["warm:cold", "floor", "floor:hot"]).unwrap(),
            ["floor:hot", "warm:cold"]
        );
        assert_eq!(chosen(&["published"]).unwrap(), ["published:hot", "published:cold"]);
        assert_eq!(chosen(&["all"]).unwrap().len(), chosen(&[]).unwrap().len() + 7);
        assert!(chosen(&["floor:cold"]).unwrap_err().contains("`floor:cold`"));
        assert!(
            chosen(&["lukewarm"])
                .unwrap_err()
                .contains("floor, published, full, cold, warm, unchanged, pruned")
        );
    }

    #[test]
    fn a_candidate_without_an_arm_is_an_error_that_names_its_arms() {
        let chosen = |names: &[&str]| {
            let mut definition = on_recipe(None, 1.0).unwrap();
            let plan = CandidatePlan { name: "mine".to_owned(), ..CandidatePlan::default() };
            definition.invite(&[Invited::again(&plan)]).unwrap();
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            definition.choose(&names).map(|()| named(&definition)).map_err(|it| it.to_string())
        };
        let error = chosen(&["floor"]).unwrap_err();
        assert!(error.starts_with("no arm of mine is chosen"), "{error}");
        assert!(error.contains("mine full"), "{error}");
        let both = chosen(&["floor", "mine full"]).unwrap();
        assert_eq!(both, ["floor:hot", "mine idle:hot", "mine full:hot", "mine full:cold"]);
    }

    #[test]
    fn a_key_that_no_arm_has_is_refused() {
        for (of, key) in [("[[arm]]\n", "rescans"), ("[[candidate]]\n", "persists")] {
            let text = BUILTIN.replacen(of, &format!("{of}{key} = true\n"), 1);
            let error = toml::from_str::<Builtin<Arm>>(&text).unwrap_err();
            assert!(error.message().contains(key), "{error}");
        }
    }

    #[test]
    fn arms_beside_a_writer_find_the_page_cache_hot() {
        // Their launches cannot be judged by the bytes that a scan must read from the device.
        for arm in on_recipe(None, 1.0).unwrap().plan.arms {
            assert!(arm.process == Process::Fresh || arm.cache == Cache::Hot, "{}", arm.key());
        }
    }
}
