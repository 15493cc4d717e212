//! What a relaunch run is asked for: the arms of its TOML, and a database.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tracerig_datasets::Recipe;
use tracerig_protocol::Capability;
use tracerig_reports::Record;
use tracerig_reports::record::{self, ArmPlan, Cache, LaunchPolicy, Process};

use super::worker::Engine;
use crate::scenario::definition::OnRecipe;
use crate::scenario::guest::{self, GuestArm};
use crate::scenario::prepared_database::{Change, Memo};
use crate::scenario::repro::ReproError;
use crate::scenario::{Definition, DefinitionError};

const BUILTIN: &str = include_str!("../../../plans/relaunch.toml");
/// The name that represents the recipe of your own database.
const OWN: &str = "own";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Builtin {
    scenario: String,
    recipe: String,
    samples: u64,
    appended_rows: u64,
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
    /// What a launch is. Other than fresh processes have a database of their own that a writer
    /// appends to and prunes, between them and beside them, so that what they examine and answer is
    /// different each time.
    #[serde(default)]
    pub(super) process: Process,
    /// The memo it starts from.
    pub(super) memo: Memo,
    /// What happened to the database before; for fresh processes only.
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
    on_request: bool,
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
    /// The states of the page cache it is launched with.
    caches: Vec<Cache>,
}

/// What a candidate of somebody else is asked for, and from which state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfCandidate {
    pub(super) name: String,
    why: String,
    /// Its memo; `none` asks for nothing at all.
    pub(super) memo: Memo,
    #[serde(default)]
    pub(super) change: Change,
    #[serde(default)]
    pub(super) rescan: bool,
    #[serde(default)]
    pub(super) moved: bool,
    #[serde(default)]
    on_request: bool,
    caches: Vec<Cache>,
}

impl OfCandidate {
    pub(super) fn guest_arm(&self) -> GuestArm<'_> {
        let needs_memo = matches!(self.memo, Memo::Before | Memo::After);
        let needs = needs_memo.then_some(Capability::Memo);
        let Self { name, why, on_request, caches, .. } = self;
        GuestArm { name, why, needs, on_request: *on_request, caches }
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
    pub(super) of_candidates: Vec<OfCandidate>,
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
/// The recipe is not there, or is none.
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

fn builtin() -> Result<Builtin, DefinitionError> {
    Ok(toml::from_str(BUILTIN)?)
}

fn definition(recipe: String, source: Source) -> Result<Definition, DefinitionError> {
    let Builtin {
        scenario,
        samples,
        appended_rows,
        at_least_ms,
        time_limit_s,
        arms,
        of_candidates,
        ..
    } = builtin()?;
    let keyed = arms.iter().flat_map(|arm| arm.caches.iter().map(move |&cache| (arm, cache)));
    let planned = keyed.map(|(arm, cache)| ArmPlan {
        name: arm.name.clone(),
        cache,
        engine: arm.engine.name().to_owned(),
        process: arm.process,
        why: arm.why.clone(),
        launches_per_sample: 0,
    });
    let plan = record::Plan {
        scenario,
        recipe,
        samples,
        launches: LaunchPolicy { at_least: Duration::from_millis(at_least_ms) },
        appended_rows,
        order_seed: 0,
        cores: None,
        candidates: Vec::new(),
        arms: planned.collect(),
        append: None,
        command: None,
    };
    Ok(Definition {
        plan,
        time_limit: Duration::from_secs(time_limit_s),
        on_request: arms.iter().filter(|arm| arm.on_request).map(|arm| arm.name.clone()).collect(),
        expected: None,
        limit_of_candidates: guest::LIMIT,
        programs: Vec::new(),
        own: Box::new(Relaunch { arms, of_candidates, source }),
    })
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
    use super::*;
    use crate::scenario::definition::named;

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
    fn arms_beside_a_writer_find_the_page_cache_hot() {
        // Their launches cannot be judged by the bytes that a scan must read from the device.
        for arm in on_recipe(None, 1.0).unwrap().plan.arms {
            assert!(arm.process == Process::Fresh || arm.cache == Cache::Hot, "{}", arm.key());
        }
    }
}
