//! A run, from its definition to its record: every scenario is measured by the same loop.

use std::cell::RefCell;
use std::path::Path;

use tracerig_reports::Record;
use tracerig_reports::record::{ArmKey, ArmPlan, Build, Dataset, Outcome, Plan, Process, Sample};

use super::candidate::Candidate;
use super::samples::{interleaved, launches_for, repeated};
use super::{Definition, Event, Place, Scenario, ScenarioError, Tell};
use crate::machine;

/// Runs a scenario. Ctrl-C ends it with the samples there are.
///
/// # Errors
/// See [`ScenarioError`]. A launch that fails, answers wrongly or does not meet its conditions is
/// no error but a sample.
pub fn run(
    definition: &mut Definition,
    place: &Place,
    tell: &mut Tell<'_>,
) -> Result<Record, ScenarioError> {
    let mut scenario = definition.prepare(place, tell)?;
    let mut candidate = Candidate::of(&definition.plan, &place.program, definition.time_limit)?
        .on_cores(definition.plan.cores);
    let plan = &mut definition.plan;
    let is_unknown = |arm: &ArmPlan| arm.launches_per_sample == 0;
    if plan.arms.iter().any(is_unknown) && !plan.launches.at_least.is_zero() {
        tell(Event::Preparing("finding out how many launches make a sample"));
    }
    for at in 0..plan.arms.len() {
        if plan.arms[at].launches_per_sample == 0 {
            plan.arms[at].launches_per_sample =
                launches_of(scenario.as_mut(), &mut candidate, plan, at)?;
        }
    }
    let session = Session::begin(&place.command, place.seed);
    let keys: Vec<ArmKey> = plan.arms.iter().map(ArmPlan::key).collect();
    let nothing = Measured {
        plan: plan.clone(),
        dataset: scenario.dataset().clone(),
        samples: Vec::new(),
        interrupted: true,
    };
    tell(Event::Begun(&session.clone().record(nothing, &place.workplaces)));
    let telling = RefCell::new(&mut *tell);
    let take = |arm: usize, at: u64, of: u64| {
        (*telling.borrow_mut())(Event::Sample { at, of, arm: &keys[arm] });
        repeated(plan.arms[arm].launches_per_sample, || scenario.launch(&mut candidate, arm))
    };
    let hear = |sample: &Sample| (*telling.borrow_mut())(Event::Taken(sample));
    let (samples, interrupted) = interleaved(&keys, plan.samples, place.seed, take, hear)?;
    if !interrupted {
        scenario.confirm(tell)?;
    }
    let data = place.of_data(plan);
    let measured =
        Measured { plan: plan.clone(), dataset: scenario.dataset().clone(), samples, interrupted };
    Ok(session.record(measured, data))
}

/// How many launches of the arm at this place take as long as a sample should, found out by
/// launches that are not kept.
pub(crate) fn launches_of(
    scenario: &mut dyn Scenario,
    candidate: &mut Candidate,
    plan: &Plan,
    at: usize,
) -> Result<u64, ScenarioError> {
    let at_once = if plan.arms[at].process == Process::Paired { 2 } else { 1 };
    if plan.launches.at_least.is_zero() {
        // One launch of appends makes thousands of them: it is a sample.
        return Ok(at_once);
    }
    launches_for(plan.launches.at_least, at_once, || scenario.launch(candidate, at))
}

/// A run under way.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    started: String,
    load_start: Option<[f64; 3]>,
    command: Vec<String>,
    seed: u64,
    build: Build,
}

/// What was measured, and on what.
pub(crate) struct Measured {
    pub(crate) plan: Plan,
    pub(crate) dataset: Dataset,
    pub(crate) samples: Vec<Sample>,
    pub(crate) interrupted: bool,
}

impl Session {
    /// To be called before the first sample.
    pub(crate) fn begin(command: &[String], seed: u64) -> Self {
        Self {
            started: machine::now(),
            load_start: machine::load(),
            command: command.to_vec(),
            seed,
            build: machine::build(),
        }
    }

    /// The same session of another build than this one.
    pub(crate) fn of(&self, build: Build) -> Self {
        Self { build, ..self.clone() }
    }

    /// To be called after the last sample. `data` is where the measured files were.
    pub(crate) fn record(self, measured: Measured, data: &Path) -> Record {
        let Measured { plan, dataset, samples, interrupted } = measured;
        Record {
            id: machine::run_id(&plan.scenario, &self.started),
            scenario: plan.scenario.clone(),
            started: self.started,
            finished: machine::now(),
            command: self.command,
            seed: self.seed,
            plan,
            dataset,
            build: self.build,
            machine: machine::machine(data),
            load_start: self.load_start,
            load_end: machine::load(),
            outcome: Outcome::of(&samples, interrupted),
            samples,
        }
    }
}
