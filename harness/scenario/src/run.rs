//! A run, from its definition to its record: every scenario is measured by the same loop.
//!
//! In each round one sample of every arm is taken, in an order drawn from the run's seed, so that
//! whatever happens to the machine happens to all arms. Samples that are left out are taken again
//! in further rounds.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;
use tracerig_reports::Record;
use tracerig_reports::record::{
    ArmKey, ArmPlan, Build, Dataset, Outcome, Plan, Process, Sample, SampleState,
};

use super::program::Program;
use super::{Definition, Event, Made, Place, Scenario, ScenarioError, Tell};
use crate::{interrupt, machine};

/// More launches than this never make one sample, however short they are.
const MAX_LAUNCHES: u128 = 100;
/// Launches to find out how long one takes.
const CALIBRATION_LAUNCHES: usize = 5;
/// Rounds, as a multiple of the planned ones: on a machine whose memory is reclaimed all the time,
/// samples would be taken again without end.
const MOST_ROUNDS: u64 = 2;

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
    let mut program = Program::of(&definition.plan, &place.program, definition.time_limit)?
        .on_cores(definition.plan.cores);
    let plan = &mut definition.plan;
    let is_unknown = |arm: &ArmPlan| arm.launches_per_sample == 0;
    if plan.arms.iter().any(is_unknown) && !plan.launches.at_least.is_zero() {
        tell(Event::Preparing("finding out how many launches make a sample"));
    }
    for at in 0..plan.arms.len() {
        if plan.arms[at].launches_per_sample == 0 {
            plan.arms[at].launches_per_sample =
                launches_of(scenario.as_mut(), &mut program, plan, at)?;
        }
    }
    let session = Session::begin(place);
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
        repeated(plan.arms[arm].launches_per_sample, || scenario.launch(&mut program, arm))
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
///
/// # Errors
/// See [`ScenarioError`].
pub fn launches_of(
    scenario: &mut dyn Scenario,
    program: &mut Program,
    plan: &Plan,
    at: usize,
) -> Result<u64, ScenarioError> {
    let at_once = if plan.arms[at].process == Process::Paired { 2 } else { 1 };
    if plan.launches.at_least.is_zero() {
        // One launch of appends makes thousands of them: it is a sample.
        return Ok(at_once);
    }
    launches_for(plan.launches.at_least, at_once, || scenario.launch(program, at))
}

/// The samples of a run, and whether it was interrupted.
type Taken = (Vec<Sample>, bool);

/// Takes so many samples of each of `arms`, and again those that are left out. `take` makes the
/// launches of one, of the arm at this place; it gets how many samples there were before, and of
/// how many. `taken` hears of each sample as soon as it is there.
fn interleaved<E>(
    arms: &[ArmKey],
    samples: u64,
    seed: u64,
    mut take: impl FnMut(usize, u64, u64) -> Result<Made, E>,
    mut hear: impl FnMut(&Sample),
) -> Result<Taken, E> {
    let mut taken = Vec::new();
    let mut of = samples * arms.len() as u64;
    let mut order: Vec<usize> = (0..arms.len()).collect();
    // Samples that still have to be taken, by arm.
    let mut lacking = vec![samples; arms.len()];
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    for round in 0..samples * MOST_ROUNDS {
        order.retain(|&arm| lacking[arm] > 0);
        order.shuffle(&mut random);
        for &arm in &order {
            let at = taken.len() as u64;
            let made = take(arm, at, of);
            if interrupt::requested() {
                // The sample may have been cut short: it is not one, and that it went wrong says
                // nothing.
                return Ok((taken, true));
            }
            let (launches, state) = made?;
            if matches!(state, SampleState::Excluded { .. }) {
                of += 1;
            } else {
                lacking[arm] -= 1;
            }
            let ArmKey { name, cache } = &arms[arm];
            let sample =
                Sample { order: at, round, arm: name.clone(), cache: *cache, launches, state };
            hear(&sample);
            taken.push(sample);
        }
    }
    Ok((taken, false))
}

/// How many launches take as long as a sample should, a multiple of those made `at_once`. The
/// fastest of a few tells: a slow one was disturbed, and would make all samples too short.
fn launches_for<E>(
    at_least: Duration,
    at_once: u64,
    mut attempt: impl FnMut() -> Result<Made, E>,
) -> Result<u64, E> {
    let mut fastest = Duration::MAX;
    for _ in 0..CALIBRATION_LAUNCHES {
        let (launches, state) = attempt()?;
        if matches!(state, SampleState::Failed { .. } | SampleState::Mismatch { .. })
            || interrupt::requested()
        {
            // It will be seen in the samples, if there are any.
            return Ok(at_once);
        }
        fastest = launches.iter().map(|launch| launch.wall).fold(fastest, Duration::min);
        if fastest >= at_least {
            break;
        }
    }
    let launches = at_least.as_nanos().div_ceil(fastest.as_nanos().max(1)).clamp(1, MAX_LAUNCHES);
    Ok(u64::try_from(launches).unwrap_or(1).next_multiple_of(at_once))
}

/// One sample: its launches, up to the first that does not count.
fn repeated<E>(launches: u64, mut attempt: impl FnMut() -> Result<Made, E>) -> Result<Made, E> {
    let mut made = Vec::new();
    while (made.len() as u64) < launches {
        let (launches, state) = attempt()?;
        made.extend(launches);
        if state != SampleState::Valid {
            return Ok((made, state));
        }
    }
    Ok((made, SampleState::Valid))
}

/// A run under way.
#[derive(Clone, Debug)]
pub struct Session {
    started: String,
    load_start: Option<[f64; 3]>,
    command: Vec<String>,
    seed: u64,
    build: Build,
}

/// What was measured, and on what.
#[derive(Debug)]
pub struct Measured {
    /// What was asked.
    pub plan: Plan,
    /// The data.
    pub dataset: Dataset,
    /// Every sample, in the order taken.
    pub samples: Vec<Sample>,
    /// Whether Ctrl-C ended it.
    pub interrupted: bool,
}

impl Session {
    /// To be called before the first sample.
    #[must_use]
    pub fn begin(place: &Place) -> Self {
        Self {
            started: machine::now(),
            load_start: machine::load(),
            command: place.command.clone(),
            seed: place.seed,
            build: place.build.clone(),
        }
    }

    /// The same session of another build than this one.
    #[must_use]
    pub fn of(&self, build: Build) -> Self {
        Self { build, ..self.clone() }
    }

    /// To be called after the last sample. `data` is where the measured files were.
    #[must_use]
    pub fn record(self, measured: Measured, data: &Path) -> Record {
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

#[cfg(test)]
mod tests;
