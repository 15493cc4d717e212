//! A scenario made ready, on which two programs are launched side by side.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rand_chacha::ChaCha12Rng;
use tracerig_reports::record::{ArmPlan, Launch, SampleState};
use tracerig_reports::verdict::Metric;

use super::CompareError;
use super::programs::Programs;
use crate::handicap::{Handicap, Planted};
use crate::scenario::{Definition, Place, Program, Scenario, Tell, launches_of, not_started};

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

/// Programs that can be launched side by side.
pub(super) trait Launched {
    /// The arms. How many launches make a sample is right once [`Launched::calibrate`] was called.
    fn arms(&self) -> &[ArmPlan];

    /// Finds out how many launches of the base take as long as a sample should.
    fn calibrate(&mut self) -> Result<(), CompareError>;

    /// Has so many launches make a sample of the arm at this place.
    fn set_launches(&mut self, arm: usize, launches: u64);

    /// Gives both programs a fresh start for a run of pairs: what memory did to their files before
    /// is not to be seen in it.
    fn renew(&mut self, random: &mut ChaCha12Rng) -> Result<(), CompareError>;

    /// One launch of the arm at this place, verified.
    fn launch(&mut self, side: Side, arm: usize) -> Result<(Launch, SampleState), CompareError>;
}

/// The two programs of a comparison on a scenario.
pub(super) struct Sides<'e> {
    pub(super) definition: Definition,
    pub(super) scenario: Box<dyn Scenario>,
    programs: &'e Programs,
    launched: [Program; 3],
    /// What is planted in every launch of the new program.
    pub(super) planted: Option<Planted>,
    /// The times that a planted slowdown is a part of, by arm, the latest last: those of the last
    /// launches of the base, because a machine is not as fast at all times.
    recent: BTreeMap<usize, VecDeque<Duration>>,
}

impl<'e> Sides<'e> {
    /// Makes a scenario ready for both.
    pub(super) fn of(
        mut definition: Definition,
        place: &Place,
        programs: &'e Programs,
        tell: &mut Tell<'_>,
    ) -> Result<Self, CompareError> {
        definition.programs = programs.executables();
        let mut scenario = definition.prepare(place, tell)?;
        scenario.compare_work();
        let arms = &mut definition.plan.arms;
        arms.iter_mut().for_each(|arm| arm.launches_per_sample = arm.launches_per_sample.max(1));
        let of = |side: Side| programs.program(side, &definition);
        let launched = [of(Side::Base)?, of(Side::Again)?, of(Side::New)?];
        Ok(Self {
            definition,
            scenario,
            programs,
            launched,
            planted: None,
            recent: BTreeMap::new(),
        })
    }

    /// The time that is compared.
    pub(super) fn metric(&self) -> Metric {
        Metric::of(&self.definition.plan)
    }

    /// What is planted in a launch of this side of this arm.
    fn handicap(&self, side: Side, arm: usize) -> Handicap {
        let Some(planted) = self.planted.filter(|_| side == Side::New) else {
            return Handicap::default();
        };
        let mut recent: Vec<Duration> =
            self.recent.get(&arm).into_iter().flatten().copied().collect();
        recent.sort_unstable();
        planted.of(recent.get(recent.len() / 2).copied().unwrap_or_default())
    }
}

impl Launched for Sides<'_> {
    fn arms(&self) -> &[ArmPlan] {
        &self.definition.plan.arms
    }

    fn calibrate(&mut self) -> Result<(), CompareError> {
        let plan = &mut self.definition.plan;
        // One launch of appends makes thousands of them: it is a sample.
        if plan.launches.at_least.is_zero() {
            return Ok(());
        }
        let base = &mut self.launched[Side::Base as usize];
        for at in 0..plan.arms.len() {
            plan.arms[at].launches_per_sample =
                launches_of(self.scenario.as_mut(), base, plan, at)?;
        }
        Ok(())
    }

    fn set_launches(&mut self, arm: usize, launches: u64) {
        self.definition.plan.arms[arm].launches_per_sample = launches;
    }

    fn renew(&mut self, random: &mut ChaCha12Rng) -> Result<(), CompareError> {
        self.programs.renew(random)
    }

    fn launch(&mut self, side: Side, arm: usize) -> Result<(Launch, SampleState), CompareError> {
        let handicap = self.handicap(side, arm);
        let program = &mut self.launched[side as usize];
        program.handicap = handicap;
        let (launches, state) = self.scenario.launch(program, arm)?;
        // Arms that launch several at once are not compared.
        let launch = launches.into_iter().next().unwrap_or_else(not_started);
        if side != Side::New
            && let Some(time) = self.metric().of_launch(&launch)
        {
            let recent = self.recent.entry(arm).or_default();
            recent.push_back(time);
            if recent.len() > RECENT {
                recent.pop_front();
            }
        }
        Ok((launch, state))
    }
}
