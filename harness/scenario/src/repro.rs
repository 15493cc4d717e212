//! A run made again from its record alone: the same plan, the same rows, the same order from the
//! same seeds.

use std::path::{Path, PathBuf};

use tracerig_datasets::DatasetError;
use tracerig_reports::Record;
use tracerig_reports::record::ArmPlan;

use super::guest::Invited;
use super::{Definition, DefinitionError, Kind, Place, ScenarioError, Tell, run};

/// Why a run cannot be made again. Every message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReproError {
    /// The scenario is not known.
    #[error(
        "the record is of the scenario `{0}`, which this tracerig does not know; use the one that \
         made it (its version is in the record)"
    )]
    Scenario(String),
    /// The plan of the record cannot be had from this program.
    #[error(
        "the plan of the record cannot be made again: {0}; use the tracerig that made it (its \
         version is in the record)"
    )]
    Plan(String),
    /// The run was made on the user's own database.
    #[error(
        "the record is of a run on a database of one's own, which is not in it; name the same \
         database with --db"
    )]
    OwnDatabase,
    /// A database is named for a run on generated data.
    #[error("the record is of a run on the recipe `{0}`, which the record holds; leave --db out")]
    NoDatabase(String),
    /// The record holds commands, and nobody allowed to run them.
    #[error(
        "the record would run the command {0}; read it, and pass --allow-command to run it in this \
         folder"
    )]
    NotAllowed(String),
    /// The recipe of the record.
    #[error(transparent)]
    Recipe(#[from] DatasetError),
    /// The run.
    #[error(transparent)]
    Run(#[from] ScenarioError),
}

impl From<DefinitionError> for ReproError {
    fn from(error: DefinitionError) -> Self {
        match error {
            DefinitionError::Words(words) => Self::Plan(words),
            DefinitionError::Recipe(error) => Self::Recipe(error),
        }
    }
}

/// What a run is made again with.
#[derive(Debug)]
pub struct Again {
    /// Where, and with which program; its seed is the record's.
    pub place: Place,
    /// The user's own database, where the record is of one.
    pub database: Option<PathBuf>,
    /// Whether commands that are in the record may be run.
    pub allow_command: bool,
    /// Samples of each arm, instead of the record's.
    pub samples: Option<u64>,
}

/// Makes the run of `record` again.
///
/// # Errors
/// See [`ReproError`].
pub fn again(record: &Record, again: &Again, tell: &mut Tell<'_>) -> Result<Record, ReproError> {
    let foreign = commands(record);
    if !foreign.is_empty() && !again.allow_command {
        return Err(ReproError::NotAllowed(foreign.join(", and ")));
    }
    let mut definition = definition(record, again.database.as_deref())?;
    if let Some(samples) = again.samples {
        definition.plan.samples = samples;
    }
    let place = Place { seed: record.seed, ..again.place.clone() };
    Ok(run(&mut definition, &place, tell)?)
}

/// The commands that are in the record and would be run.
fn commands(record: &Record) -> Vec<String> {
    let command = record.plan.command.iter().flat_map(|command| {
        let prepare = command.prepare.iter().map(|argv| format!("{argv:?}, before each launch"));
        prepare.chain([format!("{:?}", command.argv)])
    });
    let candidates = record.plan.candidates.iter().map(|candidate| format!("{:?}", candidate.argv));
    command.chain(candidates).collect()
}

/// What was asked of the run of `record`; `database` is the user's own, if it is of one.
///
/// # Errors
/// See [`ReproError`].
pub fn definition(record: &Record, database: Option<&Path>) -> Result<Definition, ReproError> {
    let kind = Kind::find(&record.scenario)
        .ok_or_else(|| ReproError::Scenario(record.scenario.clone()))?;
    let mut definition = (kind.of_record)(record, database)?;
    let invited: Vec<Invited> = record.plan.candidates.iter().map(Invited::again).collect();
    definition.invite(&invited)?;
    let plan = &mut definition.plan;
    // In the order of the record: the order in a round is drawn from it.
    let arm = |old: &ArmPlan| {
        let arm = plan
            .arm(&old.key())
            .ok_or_else(|| ReproError::Plan(format!("there is no arm {}", old.key())));
        arm.map(|arm| ArmPlan { launches_per_sample: old.launches_per_sample, ..arm.clone() })
    };
    plan.arms = record.plan.arms.iter().map(arm).collect::<Result<_, _>>()?;
    plan.samples = record.plan.samples;
    plan.appended_rows = record.plan.appended_rows;
    plan.launches = record.plan.launches.clone();
    plan.cores = Some(record.cores());
    Ok(definition)
}
