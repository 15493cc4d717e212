//! How many launches make a sample of each arm: found out before anything is compared.

use std::time::Duration;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;
use tracerig_reports::record::SampleState;
use tracerig_reports::verdict::{Metric, Rules, launches_needed};

use super::CompareError;
use super::bench::{Bench, Side};
use crate::interrupt;

/// Launches of each of two equal sides that tell how far launches scatter.
const LAUNCHES: usize = 30;
/// No sample is longer than this, however far launches scatter: rather nobody can tell.
const LONGEST_SAMPLE: Duration = Duration::from_millis(500);

/// Sets the launches of a sample of each arm: as many as take long enough, and more where they scatter so far that `pairs` of
/// such samples would miss a change as large as the noise budget.
pub(super) fn settle(
    bench: &mut dyn Bench,
    metric: Metric,
    pairs: u64,
    rules: &Rules,
    seed: u64,
) -> Result<(), CompareError> {
    bench.calibrate()?;
    if metric != Metric::Launch {
        // One launch makes thousands of appends: it is a sample.
        return Ok(());
    }
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    let arms = bench.arms().len();
    for arm in 0..arms {
        let (mut between, mut times) = (Vec::new(), Vec::new());
        while between.len() < LAUNCHES && !interrupt::requested() {
            let mut sides = [Side::Base, Side::Again];
            sides.shuffle(&mut random);
            let [one, other] = [launch(bench, sides[0], arm)?, launch(bench, sides[1], arm)?];
            // One that fails will be seen in the samples.
            let (Some(one), Some(other)) = (one, other) else { break };
            between.push((one.as_nanos() as f64 / other.as_nanos() as f64).ln());
            times.extend([one, other]);
        }
        times.sort_unstable();
        let Some(usual) = times.get(times.len() / 2) else { continue };
        let at_most = u64::try_from(LONGEST_SAMPLE.as_nanos() / usual.as_nanos().max(1)).unwrap_or(u64::MAX);
        let needed = launches_needed(&between, pairs, arms, rules).min(at_most);
        let long_enough = bench.arms()[arm].launches_per_sample;
        bench.set_launches(arm, long_enough.max(needed));
    }
    Ok(())
}

fn launch(bench: &mut dyn Bench, side: Side, arm: usize) -> Result<Option<Duration>, CompareError> {
    let (launch, state) = bench.launch(side, arm)?;
    let answers = matches!(state, SampleState::Valid | SampleState::Excluded { .. });
    Ok(Metric::Launch.of_launch(&launch).filter(|_| answers))
}
