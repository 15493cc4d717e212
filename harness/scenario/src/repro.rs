//! A run made again from its record alone: the same plan, the same rows, the same order from the
//! same seeds.

use std::path::{Path, PathBuf};

use tracerig_reports::Record;
use tracerig_reports::record::ArmPlan;

use super::guest::Invited;
use super::{Definition, Kind, Place, ReproError, Tell, run};

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
