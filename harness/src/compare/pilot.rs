//! How many launches make a sample of each arm: found out before anything is compared.

use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;
use tracerig_reports::record::SampleState;
use tracerig_reports::stats::median;
use tracerig_reports::verdict::{Metric, Rules, launches_needed};

use super::CompareError;
use super::sides::{Launched, Side};
use crate::interrupt;

/// Launches of each of two equal sides that tell how far launches scatter. Thirty are too few: how
/// many make a sample follows from the square of what they tell, and was 4 in one comparison and 43
/// in the next of the same two programs.
const LAUNCHES: usize = 200;
/// Enough of them, where they have taken as long as [`LONGEST`] by then.
const FEWEST: usize = 30;
/// Launches on both sides of an arm take no longer than this, unless the fewest do.
const LONGEST: Duration = Duration::from_secs(6);
/// Nor does all that is done for them: putting a memo in place, and looking at an archive.
const LONGEST_WORK: Duration = Duration::from_secs(20);
/// Launches of each side after which it is known how long one takes.
const KNOWN: usize = 5;
/// No sample is longer than this, however far launches scatter: rather it is inconclusive.
const LONGEST_SAMPLE: Duration = Duration::from_millis(500);

/// Sets the launches of a sample of each arm: as many as take long enough, and more where they
/// scatter so far that `pairs` of such samples would miss a change as large as the noise budget.
/// `goes_on` hears of each turn, because they may take minutes.
pub(super) fn settle(
    sides: &mut dyn Launched,
    metric: Metric,
    pairs: u64,
    rules: &Rules,
    seed: u64,
    goes_on: &mut dyn FnMut(),
) -> Result<(), CompareError> {
    goes_on();
    sides.calibrate()?;
    if metric != Metric::Launch {
        // One launch makes thousands of appends: it is a sample.
        return Ok(());
    }
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    let mut arms: Vec<Scatter> =
        sides.arms().iter().map(|arm| Scatter::new(arm.launches_per_sample)).collect();
    // By turns, because a machine is as noisy as its others are just then.
    while !interrupt::requested() && arms.iter().any(|arm| !arm.is_known()) {
        for (at, arm) in arms.iter_mut().enumerate().filter(|(_, arm)| !arm.is_known()) {
            goes_on();
            let mut order = [Side::Base, Side::Again];
            order.shuffle(&mut random);
            let begun = Instant::now();
            let one = launch(sides, order[0], at)?;
            let other = launch(sides, order[1], at)?;
            arm.add(one, other);
            arm.work += begun.elapsed();
        }
    }
    for (at, arm) in arms.iter().enumerate() {
        sides.set_launches(at, arm.launches(pairs, arms.len(), rules));
    }
    Ok(())
}

/// What launches of equal sides tell of an arm.
struct Scatter {
    /// Launches that take long enough together.
    long_enough: u64,
    /// Logarithms of the ratios of one side to the other.
    between: Vec<f64>,
    /// Of both sides.
    times: Vec<Duration>,
    /// What the launches took with all that is done for them.
    work: Duration,
    /// A launch went wrong; that will be seen in the samples.
    has_failed: bool,
}

impl Scatter {
    fn new(long_enough: u64) -> Self {
        let (between, times, work) = (Vec::new(), Vec::new(), Duration::ZERO);
        Self { long_enough, between, times, work, has_failed: false }
    }

    fn add(&mut self, one: Option<Duration>, other: Option<Duration>) {
        let (Some(one), Some(other)) = (one, other) else {
            self.has_failed = true;
            return;
        };
        self.between.push((one.as_nanos() as f64 / other.as_nanos() as f64).ln());
        self.times.extend([one, other]);
    }

    fn is_known(&self) -> bool {
        let made = self.between.len();
        self.has_failed
            || made >= LAUNCHES
            || made >= FEWEST && self.is_long()
            || made >= KNOWN && self.at_most() <= self.long_enough
    }

    fn is_long(&self) -> bool {
        self.times.iter().sum::<Duration>() >= LONGEST || self.work >= LONGEST_WORK
    }

    /// Launches that fit into the longest sample; none where it is not known how long one takes.
    fn at_most(&self) -> u64 {
        let times: Vec<f64> = self.times.iter().map(Duration::as_secs_f64).collect();
        median(&times).map_or(0, |usual| (LONGEST_SAMPLE.as_secs_f64() / usual) as u64)
    }

    /// Launches that make a sample.
    fn launches(&self, pairs: u64, arms: usize, rules: &Rules) -> u64 {
        launches_needed(&self.between, pairs, arms, rules).min(self.at_most()).max(self.long_enough)
    }
}

fn launch(
    sides: &mut dyn Launched,
    side: Side,
    arm: usize,
) -> Result<Option<Duration>, CompareError> {
    let (launch, state) = sides.launch(side, arm)?;
    let answers = matches!(state, SampleState::Valid | SampleState::Excluded { .. });
    Ok(Metric::Launch.of_launch(&launch).filter(|_| answers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_for_short_launches_may_not_take_minutes() {
        let launch = Some(Duration::from_millis(40));
        let made = |work: Duration| {
            let mut arm = Scatter::new(1);
            while !arm.is_known() {
                arm.add(launch, launch);
                arm.work += work;
            }
            arm.between.len()
        };
        assert_eq!(made(Duration::from_millis(80)), LONGEST.as_millis() as usize / 80);
        assert_eq!(made(Duration::from_secs(1)), FEWEST);
    }
}
