//! A run made again from its record alone: the same plan, the same rows, the same order from the same seeds.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tracerig_datasets::archive::ArchiveRecipe;
use tracerig_datasets::{DatasetError, Recipe};
use tracerig_reports::Record;
use tracerig_reports::record::{AppendPlan, ArmKey, ArmPlan, Cache};

use crate::plan::Place;
use crate::scenario::append::{self, AppendError, Condition};
use crate::scenario::refresh::{self, RefreshError};
use crate::scenario::relaunch::{self, RunError, Source};

/// The name that stands for the recipe of one's own database.
const OWN: &str = "own";

/// Why a run cannot be made again. Every message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReproError {
    /// The scenario is not known.
    #[error(
        "the record is of the scenario `{0}`, which this tracerig does not know; use the one that made it (its version stands in the record)"
    )]
    Scenario(String),
    /// The plan of the record cannot be had from this program.
    #[error(
        "the plan of the record cannot be made again: {0}; use the tracerig that made it (its version stands in the record)"
    )]
    Plan(String),
    /// The run was made on the user's own database.
    #[error(
        "the record is of a run on a database of one's own, which is not in it; name the same database with --db"
    )]
    OwnDatabase,
    /// A database is named for a run on generated data.
    #[error("the record is of a run on the recipe `{0}`, which stands in it; leave --db out")]
    NoDatabase(String),
    /// The recipe of the record.
    #[error(transparent)]
    Recipe(#[from] DatasetError),
    /// The run of the relaunch scenario.
    #[error(transparent)]
    Relaunch(#[from] RunError),
    /// The run of the refresh scenario.
    #[error(transparent)]
    Refresh(#[from] RefreshError),
    /// The run of the append scenario.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// What was appended is not what the record says.
    #[error(
        "what is appended now is not what the record says ({found} instead of {expected}); use the tracerig that made it (its version stands in the record)"
    )]
    OtherLines {
        /// The digest in the record.
        expected: String,
        /// The digest now.
        found: String,
    },
}

/// What a run is made again with.
#[derive(Debug)]
pub struct Again {
    /// Where, and with which program; its seed is the record's.
    pub place: Place,
    /// The user's own database, where the record is of one.
    pub database: Option<PathBuf>,
    /// Samples of each arm, instead of the record's.
    pub samples: Option<u64>,
}

/// What a repetition is busy with.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A relaunch or a refresh run.
    Relaunch(relaunch::Event<'a>),
    /// An append run.
    Append(append::Event<'a>),
}

/// Makes the run of `record` again.
///
/// # Errors
/// See [`ReproError`].
pub fn again(record: &Record, again: &Again, tell: &mut dyn FnMut(Event<'_>)) -> Result<Record, ReproError> {
    let place = Place { seed: record.seed, ..again.place.clone() };
    let samples = again.samples.unwrap_or(record.plan.samples);
    match &record.plan.append {
        Some(appended) => {
            let (plan, condition) = append_plan(record, appended, samples)?;
            let job = place.append(plan, condition);
            // Cheap to know before, and costly to learn after.
            let found = append::Bench::set(&job)?.dataset()?.rows_digest;
            if found != record.dataset.rows_digest {
                return Err(ReproError::OtherLines { expected: record.dataset.rows_digest.clone(), found });
            }
            Ok(append::run(&job, &mut |event| tell(Event::Append(event)))?)
        }
        None if record.scenario == "relaunch" => {
            let job = relaunch_job(record, &place, again.database.as_ref(), samples)?;
            Ok(relaunch::run(&job, &mut |event| tell(Event::Relaunch(event)))?)
        }
        None if record.scenario == "refresh" => {
            if again.database.is_some() {
                return Err(ReproError::NoDatabase(record.plan.recipe.clone()));
            }
            let job = refresh_job(record, &place, samples)?;
            Ok(refresh::run(&job, &mut |event| tell(Event::Relaunch(event)))?)
        }
        None => Err(ReproError::Scenario(record.scenario.clone())),
    }
}

fn relaunch_job(
    record: &Record,
    place: &Place,
    database: Option<&PathBuf>,
    samples: u64,
) -> Result<relaunch::Job, ReproError> {
    let mut plan = relaunch::Plan::builtin().map_err(|error| ReproError::Plan(error.to_string()))?;
    let wanted: Vec<ArmKey> = record.plan.arms.iter().map(ArmPlan::key).collect();
    let names: Vec<String> = wanted.iter().map(|key| format!("{}:{}", key.name, key.cache)).collect();
    plan.choose(&names).map_err(|error| ReproError::Plan(error.to_string()))?;
    // The order of the arms of a round is drawn from the order in the plan.
    if let Some((key, _)) =
        plan.keyed().zip(&wanted).find_map(|((key, _), old)| (key != *old).then_some((key, old)))
    {
        return Err(ReproError::Plan(format!("the arm {key} stands in another place of the plan")));
    }
    plan.samples = samples;
    plan.recipe.clone_from(&record.plan.recipe);
    plan.appended_rows = record.plan.appended_rows;
    plan.set_at_least(record.plan.launches.at_least);
    let source = match (record.plan.recipe == OWN, database) {
        (true, Some(path)) => Source::Own(path.clone()),
        (true, None) => return Err(ReproError::OwnDatabase),
        (false, Some(_)) => return Err(ReproError::NoDatabase(record.plan.recipe.clone())),
        (false, None) => {
            let recipe = Recipe::parse(&record.dataset.recipe_text, "the recipe in the record")?;
            Source::Recipe { recipe: Box::new(recipe), scale: record.dataset.scale }
        }
    };
    let launches: BTreeMap<ArmKey, u64> =
        record.plan.arms.iter().map(|arm| (arm.key(), arm.launches_per_sample)).collect();
    Ok(relaunch::Job {
        plan,
        source,
        datasets: place.datasets.clone(),
        workplaces: place.workplaces.clone(),
        seed: place.seed,
        program: place.program.clone(),
        command: place.command.clone(),
        launches,
        expected_rows: Some(record.dataset.rows_digest.clone()),
    })
}

fn refresh_job(record: &Record, place: &Place, samples: u64) -> Result<refresh::Job, ReproError> {
    let mut plan = refresh::Plan::builtin().map_err(|error| ReproError::Plan(error.to_string()))?;
    let wanted: Vec<String> = record.plan.arms.iter().map(|arm| arm.name.clone()).collect();
    plan.choose(&wanted).map_err(|error| ReproError::Plan(error.to_string()))?;
    if !plan.arms.iter().map(|arm| &arm.name).eq(&wanted) {
        return Err(ReproError::Plan("its arms stand in another order".to_owned()));
    }
    plan.samples = samples;
    plan.recipe.clone_from(&record.plan.recipe);
    plan.appended_rows = record.plan.appended_rows;
    let recipe = ArchiveRecipe::parse(&record.dataset.recipe_text, "the recipe in the record")?;
    let expected_digest = Some(record.dataset.file_digest.clone());
    let job = place.refresh(plan, Box::new(recipe), record.dataset.scale);
    Ok(refresh::Job { expected_digest, ..job })
}

fn append_plan(
    record: &Record,
    appended: &AppendPlan,
    samples: u64,
) -> Result<(append::Plan, Condition), ReproError> {
    let mut plan = append::Plan::builtin().map_err(|error| ReproError::Plan(error.to_string()))?;
    let wanted: Vec<String> = record.plan.arms.iter().map(|arm| arm.name.clone()).collect();
    plan.choose(&wanted).map_err(|error| ReproError::Plan(error.to_string()))?;
    let names = plan.arms.iter().map(|arm| &arm.name);
    if !names.eq(&wanted) || record.plan.arms.iter().any(|arm| arm.cache != Cache::Any) {
        return Err(ReproError::Plan("its arms stand in another order".to_owned()));
    }
    let condition = Condition {
        threads: appended.threads,
        fsync: appended.durability == AppendPlan::FSYNC,
        rate: appended.rate,
        contended: appended.contended,
    };
    plan.samples = samples;
    plan.warmup = appended.warmup;
    let measured = appended.measured();
    plan.appends = measured;
    plan.appends_with_fsync = measured;
    let of_all = plan.appends_of_a_thread(condition).saturating_mul(condition.threads);
    if of_all != measured {
        return Err(ReproError::Plan(format!(
            "a launch now measures {of_all} appends instead of {measured}"
        )));
    }
    Ok((plan, condition))
}
