//! What a comparison needs of a scenario, and both scenarios as that.

use std::time::Duration;

use tracerig_reports::record::{ArmKey, ArmPlan, Dataset, Launch, Plan, SampleState};

use super::CompareError;
use crate::append;
use crate::plan::{Place, Prepared};
use crate::relaunch;
use crate::subject::Subject;

/// A scenario made ready, on which any program can be launched.
pub(super) trait Bench {
    /// Its arms. How many launches make a sample is right once [`Bench::calibrate`] was called.
    fn arms(&self) -> &[ArmPlan];

    /// Finds out how many launches of `subject` make a sample.
    fn calibrate(&mut self, subject: &mut Subject) -> Result<(), CompareError>;

    /// One sample of the arm at this place, verified.
    fn sample(
        &mut self,
        subject: &mut Subject,
        arm: usize,
    ) -> Result<(Vec<Launch>, SampleState), CompareError>;

    /// The plan as it stands in a record.
    fn plan(&self, samples: u64, seed: u64) -> Result<Plan, CompareError>;

    /// The data as it stands in a record.
    fn dataset(&self) -> Result<Dataset, CompareError>;

    /// How long a launch may take.
    fn limit(&self) -> Duration;
}

/// Makes a run of a plan ready.
pub(super) fn set(
    prepared: Prepared,
    place: &Place,
    tell: &mut dyn FnMut(relaunch::Event<'_>),
) -> Result<Box<dyn Bench>, CompareError> {
    Ok(match prepared {
        Prepared::Relaunch { plan, recipe, scale } => {
            let mut bench = relaunch::Bench::set(&place.relaunch(plan, recipe, scale), tell)?;
            bench.compare_work();
            let arms = bench.plan().keyed().map(|(key, arm)| arm.described(&key, 1)).collect();
            Box::new(Relaunches { bench, arms })
        }
        Prepared::Append { plan, condition } => {
            let bench = append::Bench::set(&place.append(plan, condition))?;
            let arms = bench.record_plan(1, 0)?.arms;
            Box::new(Appends { bench, arms })
        }
    })
}

struct Relaunches {
    bench: relaunch::Bench,
    arms: Vec<ArmPlan>,
}

impl Relaunches {
    fn arm(&self, key: &ArmKey) -> Option<relaunch::Arm> {
        self.bench.plan().keyed().find(|(known, _)| known == key).map(|(_, arm)| arm.clone())
    }
}

impl Bench for Relaunches {
    fn arms(&self) -> &[ArmPlan] {
        &self.arms
    }

    fn calibrate(&mut self, subject: &mut Subject) -> Result<(), CompareError> {
        for at in 0..self.arms.len() {
            let key = self.arms[at].key();
            let Some(arm) = self.arm(&key) else { continue };
            self.arms[at].launches_per_sample = self.bench.launches_of(subject, &arm, key.cache)?;
        }
        Ok(())
    }

    fn sample(
        &mut self,
        subject: &mut Subject,
        arm: usize,
    ) -> Result<(Vec<Launch>, SampleState), CompareError> {
        let (key, launches) = (self.arms[arm].key(), self.arms[arm].launches_per_sample);
        match self.arm(&key) {
            Some(arm) => Ok(self.bench.sample(subject, &arm, key.cache, launches)?),
            None => Ok((Vec::new(), SampleState::Failed { error: format!("there is no arm {key}") })),
        }
    }

    fn plan(&self, samples: u64, seed: u64) -> Result<Plan, CompareError> {
        Ok(self.bench.record_plan(self.arms.clone(), samples, seed))
    }

    fn dataset(&self) -> Result<Dataset, CompareError> {
        Ok(self.bench.dataset().clone())
    }

    fn limit(&self) -> Duration {
        self.bench.plan().time_limit()
    }
}

struct Appends {
    bench: append::Bench,
    arms: Vec<ArmPlan>,
}

impl Bench for Appends {
    fn arms(&self) -> &[ArmPlan] {
        &self.arms
    }

    fn calibrate(&mut self, _subject: &mut Subject) -> Result<(), CompareError> {
        // A launch makes thousands of appends: it is a sample.
        Ok(())
    }

    fn sample(
        &mut self,
        subject: &mut Subject,
        arm: usize,
    ) -> Result<(Vec<Launch>, SampleState), CompareError> {
        let arm = self.bench.plan().arms[arm].clone();
        let (launch, state) = self.bench.launch(subject, &arm)?;
        Ok((vec![launch], state))
    }

    fn plan(&self, samples: u64, seed: u64) -> Result<Plan, CompareError> {
        Ok(self.bench.record_plan(samples, seed)?)
    }

    fn dataset(&self) -> Result<Dataset, CompareError> {
        Ok(self.bench.dataset()?)
    }

    fn limit(&self) -> Duration {
        self.bench.plan().time_limit()
    }
}
