//! How the samples of a run are taken: in each round one of every arm, in an order drawn from the
//! run's seed, so that whatever happens to the machine happens to all arms. Samples that are left
//! out are taken again in further rounds.

use std::time::Duration;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;
use tracerig_reports::record::{ArmKey, Launch, Sample, SampleState};

use super::Made;
use crate::interrupt;

/// More launches than this never make one sample, however short they are.
const MAX_LAUNCHES: u128 = 100;
/// Launches to find out how long one takes.
const CALIBRATION_LAUNCHES: usize = 5;

/// The samples of a run, and whether it was interrupted.
pub(crate) type Taken = (Vec<Sample>, bool);

/// Rounds, as a multiple of the planned ones: on a machine whose memory is reclaimed all the time,
/// samples would be taken again without end.
const MOST_ROUNDS: u64 = 2;

/// Takes so many samples of each of `arms`, and again those that are left out. `take` makes the
/// launches of one, of the arm at this place; it gets how many samples there were before, and of
/// how many. `taken` hears of each sample as soon as it is there.
pub(crate) fn interleaved<E>(
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
pub(crate) fn launches_for<E>(
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
pub(crate) fn repeated<E>(
    launches: u64,
    mut attempt: impl FnMut() -> Result<Made, E>,
) -> Result<Made, E> {
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

/// A launch as those that are made at once.
pub(super) fn one((launch, state): (Launch, SampleState)) -> Made {
    (vec![launch], state)
}

#[cfg(test)]
mod tests {
    use tracerig_reports::record::Cache;

    use super::*;
    use crate::scenario::finished::not_started;

    #[test]
    fn every_round_has_every_arm_once_in_an_order_of_the_seed() {
        let arms = ["floor", "full", "warm"].map(|name| ArmKey::new(name, Cache::Hot));
        let order = |seed| {
            let take = |_: usize, at: u64, of: u64| {
                assert!(at < of && of == 24);
                Ok::<_, ()>((vec![not_started()], SampleState::Valid))
            };
            let (samples, interrupted) = interleaved(&arms, 8, seed, take, |_| ()).unwrap();
            assert!(!interrupted);
            let rounds: Vec<Vec<String>> = samples
                .chunks(3)
                .map(|round| round.iter().map(|sample| sample.arm.clone()).collect())
                .collect();
            for (number, round) in samples.chunks(3).enumerate() {
                assert!(round.iter().all(|sample| sample.round == number as u64));
                assert!(arms.iter().all(|arm| round.iter().any(|sample| sample.arm == arm.name)));
            }
            rounds
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        assert!(order(1).windows(2).any(|rounds| rounds[0] != rounds[1]), "not block by block");
    }

    #[test]
    fn what_is_left_out_is_taken_again_up_to_twice_the_plan() {
        let arms = ["quiet", "noisy", "never", "broken"].map(|name| ArmKey::new(name, Cache::Hot));
        let mut noise = 0;
        let take = |arm: usize, at: u64, of: u64| {
            assert!(at < of);
            noise += u64::from(arm == 1);
            let excluded =
                || SampleState::Excluded { reason: "it read from the device".to_owned() };
            let state = match arm {
                1 if noise % 3 == 0 => excluded(),
                2 => excluded(),
                3 => SampleState::Failed { error: "it crashed".to_owned() },
                _ => SampleState::Valid,
            };
            Ok::<_, ()>((vec![not_started()], state))
        };
        let mut heard = Vec::new();
        let (samples, _) =
            interleaved(&arms, 6, 7, take, |sample| heard.push(sample.clone())).unwrap();
        assert_eq!(samples, heard);
        let of = |arm: &str| samples.iter().filter(|sample| sample.arm == arm).count();
        let valid =
            samples.iter().filter(|sample| sample.arm == "noisy" && sample.is_valid()).count();
        // What fails is a result, and is not taken again.
        let counts = ["quiet", "noisy", "never", "broken"].map(of);
        assert_eq!((counts, valid), ([6, 8, 12, 6], 6));
    }

    #[test]
    fn a_sample_ends_with_the_first_launch_that_does_not_count() {
        let mut left = 2;
        let (launches, state) = repeated(5, || {
            left -= 1;
            let state = if left == 0 {
                SampleState::Failed { error: "it crashed".to_owned() }
            } else {
                SampleState::Valid
            };
            Ok::<_, ()>((vec![not_started()], state))
        })
        .unwrap();
        assert_eq!(launches.len(), 2);
        assert!(matches!(state, SampleState::Failed { .. }));
    }

    #[test]
    fn launches_are_as_many_as_take_long_enough() {
        let take = |nanoseconds| {
            let launch = Launch { wall: Duration::from_nanos(nanoseconds), ..not_started() };
            Ok::<_, ()>((vec![launch], SampleState::Valid))
        };
        let count = |at_once, nanoseconds| {
            launches_for(Duration::from_nanos(100), at_once, || take(nanoseconds))
        };
        assert_eq!(
            (count(1, 100), count(1, 30), count(2, 40), count(1, 1)),
            (Ok(1), Ok(4), Ok(4), Ok(100))
        );
        assert_eq!(count(1, 0), Ok(100), "at most");
    }
}
