//! How often a comparison is wrong: one executable against itself, again and again, as it is and
//! with something planted in it.

use std::path::PathBuf;

use serde::Serialize;
use tracerig_reports::record::{ArmKey, ArmPlan, Cache};
use tracerig_reports::verdict::{ArmVerdict, Rules, Verdict, Work};

use super::executables::Executables;
use super::programs::Programs;
use super::rounds::Rounds;
use super::sides::{Launched, Sides};
use super::{CompareError, Event, compared, pilot};
use crate::handicap::Planted;
use crate::plan::Run;
use crate::scenario::Place;

/// What is checked.
#[derive(Debug)]
pub struct SelfCheck {
    /// The executable that is compared with itself.
    pub program: PathBuf,
    /// The run whose compared arms are launched.
    pub run: Run,
    /// What is planted in the one that counts as new; `None`: nothing, so that every change found
    /// is a false alarm.
    pub planted: Option<Planted>,
    /// How many comparisons are made.
    pub comparisons: u64,
    /// Pairs of each arm in each comparison, and as many in its second run. Work is compared in one
    /// sample in any case.
    pub pairs: u64,
    /// What counts as a change.
    pub rules: Rules,
    /// Where it is done.
    pub place: Place,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// What was planted, as it was asked for.
    pub planted: Option<String>,
    /// Comparisons made.
    pub comparisons: u64,
    /// Pairs of each arm in each; 0 where only work is compared.
    pub pairs: u64,
    /// What they kept to.
    pub rules: Rules,
    /// What was said of each arm.
    pub arms: Vec<Arm>,
    /// Comparisons in which some arm was called slower or faster, or to do other work.
    pub called: u64,
    /// Whether it was cut short.
    pub interrupted: bool,
}

/// What the comparisons said of one arm.
#[derive(Clone, Debug, Serialize)]
pub struct Arm {
    /// Its name.
    pub arm: String,
    /// State of its page cache.
    pub cache: Cache,
    /// Comparisons that said of its time: the same.
    pub same: u64,
    /// Slower.
    pub slower: u64,
    /// Faster.
    pub faster: u64,
    /// Inconclusive.
    pub inconclusive: u64,
    /// Comparisons that saw other work.
    pub other_work: u64,
    /// Comparisons in which it failed or answered wrongly.
    pub wrong: u64,
}

impl Checked {
    /// The part of the verdicts on an arm that called a change in its time or its work, of the arm
    /// called most often.
    #[must_use]
    pub fn most_called(&self) -> f64 {
        self.arms
            .iter()
            .map(|arm| self.part(arm.slower + arm.faster + arm.other_work))
            .fold(0.0, f64::max)
    }

    /// The part of the comparisons that found what was planted, of the arm in which it was found
    /// least often.
    #[must_use]
    pub fn least_found(&self, planted: Planted) -> f64 {
        let found = |arm: &Arm| match planted {
            Planted::Slowdown(_) => arm.slower,
            Planted::Rows(_) | Planted::Syncs(_) => arm.other_work,
        };
        self.arms.iter().map(|arm| self.part(found(arm))).fold(1.0, f64::min)
    }

    fn part(&self, count: u64) -> f64 {
        if self.comparisons == 0 { 0.0 } else { count as f64 / self.comparisons as f64 }
    }
}

/// Compares the executable with itself. Ctrl-C ends it with the comparisons there are.
///
/// # Errors
/// See [`CompareError`].
pub fn self_check(
    job: &SelfCheck,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Checked, CompareError> {
    let executables = Executables::of(&job.program, &job.program, &job.place.workplaces)?;
    let programs = Programs::Executables(Box::new(executables));
    tell(Event::Run(&job.run));
    let mut sides = Sides::of(compared(&job.run)?, &job.place, &programs, &mut |event| {
        tell(Event::Preparing(event));
    })?;
    let by_work = matches!(job.planted, Some(Planted::Rows(_) | Planted::Syncs(_)));
    let pairs = if by_work { 0 } else { job.pairs };
    let metric = sides.metric();
    sides.planted = job.planted;
    let keys: Vec<ArmKey> = sides.arms().iter().map(ArmPlan::key).collect();
    let mut checked = Checked {
        planted: job.planted.map(|planted| planted.to_string()),
        comparisons: 0,
        pairs,
        rules: job.rules.clone(),
        arms: keys.iter().map(Arm::of).collect(),
        called: 0,
        interrupted: false,
    };
    while checked.comparisons < job.comparisons {
        let (at, of) = (checked.comparisons, job.comparisons);
        let seed = job.place.seed.wrapping_add(at);
        if !by_work {
            // Each is made as a user makes one: how long its samples are is a part of it.
            pilot::settle(&mut sides, metric, pairs, &job.rules, seed, &mut || ())?;
        }
        let mut rounds = Rounds::new(&mut sides, metric, seed);
        let verdicts =
            rounds.run(pairs, &job.rules, &mut |_, arm| tell(Event::Sample { at, of, arm }));
        match rounds.cut {
            None => {}
            Some(CompareError::Interrupted) => {
                checked.interrupted = true;
                break;
            }
            Some(error) => return Err(error),
        }
        let mut called = false;
        for (arm, verdict) in checked.arms.iter_mut().zip(&verdicts.arms) {
            called |= arm.count(verdict);
        }
        checked.called += u64::from(called);
        checked.comparisons += 1;
    }
    Ok(checked)
}

impl Arm {
    fn of(key: &ArmKey) -> Self {
        Self {
            arm: key.name.clone(),
            cache: key.cache,
            same: 0,
            slower: 0,
            faster: 0,
            inconclusive: 0,
            other_work: 0,
            wrong: 0,
        }
    }

    /// Counts a verdict. Returns whether it called a change.
    fn count(&mut self, verdict: &ArmVerdict) -> bool {
        match verdict.time {
            None => {}
            Some(Verdict::Same) => self.same += 1,
            Some(Verdict::Slower) => self.slower += 1,
            Some(Verdict::Faster) => self.faster += 1,
            Some(Verdict::Inconclusive { .. }) => self.inconclusive += 1,
        }
        let other_work = matches!(verdict.work, Work::More | Work::Less);
        let wrong = verdict.left_out.failed + verdict.left_out.mismatched > 0;
        self.other_work += u64::from(other_work);
        self.wrong += u64::from(wrong);
        other_work || matches!(verdict.time, Some(Verdict::Slower | Verdict::Faster))
    }
}
