//! What a comparison needs of a scenario, and both scenarios as that.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rand_chacha::ChaCha12Rng;
use tracerig_reports::record::{ArmPlan, Dataset, Launch, Plan, SampleState};
use tracerig_reports::verdict::Metric;

use super::CompareError;
use super::executables::Executables;
use crate::handicap::{Handicap, Planted};
use crate::plan::{Place, Prepared};
use crate::scenario::candidate::Subject;
use crate::scenario::{append, relaunch};

/// Launches of the base that say how long one takes just now.
const RECENT: usize = 5;

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

    /// Finds out how many launches of the base take as long as a sample should.
    fn calibrate(&mut self) -> Result<(), CompareError>;

    /// Has so many launches make a sample of the arm at this place.
    fn set_launches(&mut self, arm: usize, launches: u64);

    /// Gives both programs a fresh start for a run of pairs: what memory did to their files before is not to be seen in it.
    fn renew(&mut self, random: &mut ChaCha12Rng) -> Result<(), CompareError>;

    /// One launch of the arm at this place, verified.
    fn launch(&mut self, side: Side, arm: usize) -> Result<(Launch, SampleState), CompareError>;

    /// Plants something in every launch of the new program from now on.
    fn plant(&mut self, planted: Planted);

    /// The plan as it stands in a record.
    fn plan(&self, samples: u64, seed: u64) -> Result<Plan, CompareError>;

    /// The data as it stands in a record.
    fn dataset(&self) -> Result<Dataset, CompareError>;
}

/// Makes a run of a plan ready.
pub(super) fn set<'e>(
    prepared: Prepared,
    place: &Place,
    executables: &'e Executables,
    tell: &mut dyn FnMut(relaunch::Event<'_>),
) -> Result<Box<dyn Bench + 'e>, CompareError> {
    Ok(match prepared {
        Prepared::Relaunch { plan, recipe, scale } => {
            let mut bench = relaunch::Bench::set(&place.relaunch(plan, recipe, scale), tell)?;
            bench.compare_work();
            let planned = bench.plan().keyed().map(|(key, arm)| (arm.clone(), arm.described(&key, 1)));
            let (launched, arms) = planned.unzip();
            let sides = subjects(executables, bench.plan().time_limit())?;
            Box::new(Relaunches { bench, launched, arms, executables, sides, planting: Planting::default() })
        }
        Prepared::Refresh { plan, .. } => return Err(CompareError::NotCompared { scenario: plan.scenario }),
        Prepared::Append { plan, condition } => {
            let bench = append::Bench::set(&place.append(plan, condition))?;
            let arms = bench.record_plan(1, 0)?.arms;
            let sides = subjects(executables, bench.plan().time_limit())?;
            Box::new(Appends { bench, arms, executables, sides, planting: Planting::default() })
        }
    })
}

fn subjects(executables: &Executables, limit: Duration) -> Result<[Subject; 3], CompareError> {
    let of = |side: Side| {
        Subject::new(&executables.path(side), limit)
            .map_err(CompareError::io(&std::env::temp_dir(), "create a temporary file in it"))
    };
    Ok([of(Side::Base)?, of(Side::Again)?, of(Side::New)?])
}

/// What is planted, and the times that a planted slowdown is a part of: those of the last launches of the base, because a machine
/// is not as fast at all times.
#[derive(Debug, Default)]
struct Planting {
    planted: Option<Planted>,
    /// By arm, the latest last.
    recent: BTreeMap<usize, VecDeque<Duration>>,
}

impl Planting {
    /// What is planted in a launch of this side of this arm.
    fn of(&self, side: Side, arm: usize) -> Handicap {
        let Some(planted) = self.planted.filter(|_| side == Side::New) else { return Handicap::default() };
        let mut recent: Vec<Duration> = self.recent.get(&arm).into_iter().flatten().copied().collect();
        recent.sort_unstable();
        planted.of(recent.get(recent.len() / 2).copied().unwrap_or_default())
    }

    fn seen(&mut self, side: Side, arm: usize, time: Duration) {
        if side == Side::New {
            return;
        }
        let recent = self.recent.entry(arm).or_default();
        recent.push_back(time);
        if recent.len() > RECENT {
            recent.pop_front();
        }
    }
}

struct Relaunches<'e> {
    bench: relaunch::Bench,
    launched: Vec<relaunch::Arm>,
    arms: Vec<ArmPlan>,
    executables: &'e Executables,
    sides: [Subject; 3],
    planting: Planting,
}

impl Bench for Relaunches<'_> {
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

    fn set_launches(&mut self, arm: usize, launches: u64) {
        self.arms[arm].launches_per_sample = launches;
    }

    fn renew(&mut self, random: &mut ChaCha12Rng) -> Result<(), CompareError> {
        self.executables.renew(random)
    }

    fn launch(&mut self, side: Side, arm: usize) -> Result<(Launch, SampleState), CompareError> {
        let (subject, planned) = (&mut self.sides[side as usize], &self.arms[arm]);
        subject.handicap = self.planting.of(side, arm);
        let (launch, state) = self.bench.launch(subject, &self.launched[arm], planned.cache)?;
        self.planting.seen(side, arm, launch.wall);
        Ok((launch, state))
    }

    fn plant(&mut self, planted: Planted) {
        self.planting.planted = Some(planted);
    }

    fn plan(&self, samples: u64, seed: u64) -> Result<Plan, CompareError> {
        Ok(self.bench.record_plan(self.arms.clone(), samples, seed))
    }

    fn dataset(&self) -> Result<Dataset, CompareError> {
        Ok(self.bench.dataset().clone())
    }
}

struct Appends<'e> {
    bench: append::Bench,
    arms: Vec<ArmPlan>,
    executables: &'e Executables,
    sides: [Subject; 3],
    planting: Planting,
}

impl Bench for Appends<'_> {
    fn arms(&self) -> &[ArmPlan] {
        &self.arms
    }

    fn calibrate(&mut self) -> Result<(), CompareError> {
        // One launch makes thousands of appends: it is a sample.
        Ok(())
    }

    fn set_launches(&mut self, arm: usize, launches: u64) {
        self.arms[arm].launches_per_sample = launches;
    }

    fn renew(&mut self, random: &mut ChaCha12Rng) -> Result<(), CompareError> {
        self.executables.renew(random)
    }

    fn launch(&mut self, side: Side, arm: usize) -> Result<(Launch, SampleState), CompareError> {
        let subject = &mut self.sides[side as usize];
        subject.handicap = self.planting.of(side, arm);
        let launched = self.bench.plan().arms[arm].clone();
        let (launch, state) = self.bench.launch(subject, &launched)?;
        if let Some(time) = Metric::AppendP50.of_launch(&launch) {
            self.planting.seen(side, arm, time);
        }
        Ok((launch, state))
    }

    fn plant(&mut self, planted: Planted) {
        self.planting.planted = Some(planted);
    }

    fn plan(&self, samples: u64, seed: u64) -> Result<Plan, CompareError> {
        Ok(self.bench.record_plan(samples, seed)?)
    }

    fn dataset(&self) -> Result<Dataset, CompareError> {
        Ok(self.bench.dataset()?)
    }
}
