//! What a comparison needs of a scenario, and both scenarios as that.

use std::path::Path;
use std::time::Duration;

use tracerig_reports::record::{ArmPlan, Dataset, Launch, Plan, SampleState};

use super::CompareError;
use super::executables::Executables;
use crate::handicap::Handicap;
use crate::plan::{Place, Prepared};
use crate::subject::Subject;
use crate::{append, relaunch};

/// Whose sample is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The program compared with.
    Base,
    /// The same once more.
    Again,
    /// The program in question.
    New,
}

impl Side {
    pub(super) const ALL: [Self; 3] = [Self::Base, Self::Again, Self::New];

    /// Its name in results.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Again => "again",
            Self::New => "new",
        }
    }
}

/// A scenario made ready, on which both programs can be launched.
pub(super) trait Bench {
    /// Its arms. How many launches make a sample is right once [`Bench::calibrate`] was called.
    fn arms(&self) -> &[ArmPlan];

    /// Finds out how many launches of the base make a sample.
    fn calibrate(&mut self) -> Result<(), CompareError>;

    /// One sample of the arm at this place, verified.
    fn sample(&mut self, side: Side, arm: usize) -> Result<(Vec<Launch>, SampleState), CompareError>;

    /// Plants something in what is launched of the new program: one handicap an arm.
    fn plant(&mut self, handicaps: Vec<Handicap>);

    /// The plan as it stands in a record.
    fn plan(&self, samples: u64, seed: u64) -> Result<Plan, CompareError>;

    /// The data as it stands in a record.
    fn dataset(&self) -> Result<Dataset, CompareError>;
}

/// Makes a run of a plan ready.
pub(super) fn set(
    prepared: Prepared,
    place: &Place,
    executables: &Executables,
    tell: &mut dyn FnMut(relaunch::Event<'_>),
) -> Result<Box<dyn Bench>, CompareError> {
    Ok(match prepared {
        Prepared::Relaunch { plan, recipe, scale } => {
            let mut bench = relaunch::Bench::set(&place.relaunch(plan, recipe, scale), tell)?;
            bench.compare_work();
            let planned = bench.plan().keyed().map(|(key, arm)| (arm.clone(), arm.described(&key, 1)));
            let (launched, arms) = planned.unzip();
            let sides = subjects(executables, bench.plan().time_limit())?;
            Box::new(Relaunches { bench, launched, arms, sides, planted: Vec::new() })
        }
        Prepared::Append { plan, condition } => {
            let bench = append::Bench::set(&place.append(plan, condition))?;
            let arms = bench.record_plan(1, 0)?.arms;
            let sides = subjects(executables, bench.plan().time_limit())?;
            Box::new(Appends { bench, arms, sides, planted: Vec::new() })
        }
    })
}

fn subjects(executables: &Executables, limit: Duration) -> Result<[Subject; 3], CompareError> {
    let of = |path: &Path| {
        Subject::new(path, limit)
            .map_err(CompareError::io(&std::env::temp_dir(), "create a temporary file in it"))
    };
    let Executables { base, again, new, .. } = executables;
    Ok([of(&base.path)?, of(&again.path)?, of(&new.path)?])
}

/// What is planted in launches of this side of this arm.
fn planted(planted: &[Handicap], side: Side, arm: usize) -> Handicap {
    if side == Side::New { planted.get(arm).copied().unwrap_or_default() } else { Handicap::default() }
}

struct Relaunches {
    bench: relaunch::Bench,
    launched: Vec<relaunch::Arm>,
    arms: Vec<ArmPlan>,
    sides: [Subject; 3],
    planted: Vec<Handicap>,
}

impl Bench for Relaunches {
    fn arms(&self) -> &[ArmPlan] {
        &self.arms
    }

    fn calibrate(&mut self) -> Result<(), CompareError> {
        let base = &mut self.sides[Side::Base as usize];
        for (arm, planned) in self.launched.iter().zip(&mut self.arms) {
            planned.launches_per_sample = self.bench.launches_of(base, arm, planned.cache)?;
        }
        Ok(())
    }

    fn sample(&mut self, side: Side, arm: usize) -> Result<(Vec<Launch>, SampleState), CompareError> {
        let (subject, planned) = (&mut self.sides[side as usize], &self.arms[arm]);
        subject.handicap = planted(&self.planted, side, arm);
        let launches = planned.launches_per_sample;
        Ok(self.bench.sample(subject, &self.launched[arm], planned.cache, launches)?)
    }

    fn plant(&mut self, handicaps: Vec<Handicap>) {
        self.planted = handicaps;
    }

    fn plan(&self, samples: u64, seed: u64) -> Result<Plan, CompareError> {
        Ok(self.bench.record_plan(self.arms.clone(), samples, seed))
    }

    fn dataset(&self) -> Result<Dataset, CompareError> {
        Ok(self.bench.dataset().clone())
    }
}

struct Appends {
    bench: append::Bench,
    arms: Vec<ArmPlan>,
    sides: [Subject; 3],
    planted: Vec<Handicap>,
}

impl Bench for Appends {
    fn arms(&self) -> &[ArmPlan] {
        &self.arms
    }

    fn calibrate(&mut self) -> Result<(), CompareError> {
        // A launch makes thousands of appends: it is a sample.
        Ok(())
    }

    fn sample(&mut self, side: Side, arm: usize) -> Result<(Vec<Launch>, SampleState), CompareError> {
        let subject = &mut self.sides[side as usize];
        subject.handicap = planted(&self.planted, side, arm);
        let arm = self.bench.plan().arms[arm].clone();
        let (launch, state) = self.bench.launch(subject, &arm)?;
        Ok((vec![launch], state))
    }

    fn plant(&mut self, handicaps: Vec<Handicap>) {
        self.planted = handicaps;
    }

    fn plan(&self, samples: u64, seed: u64) -> Result<Plan, CompareError> {
        Ok(self.bench.record_plan(samples, seed)?)
    }

    fn dataset(&self) -> Result<Dataset, CompareError> {
        Ok(self.bench.dataset()?)
    }
}
