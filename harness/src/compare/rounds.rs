//! The samples of one comparison: first one of each arm for its work, then pairs in random order for its time.
//!
//! In a round each arm has its turn, in random order, and in its turn the base, the base once more, and the new program give a sample each,
//! in random order. So base and new program are a pair, and base and base are one under the same conditions.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;
use tracerig_reports::record::{ArmKey, Sample, SampleState};
use tracerig_reports::verdict::{Measured, Metric, Pair, Rules, Set, Verdicts, judge};

use super::bench::{Bench, Side};
use super::{CompareError, TakenSample};
use crate::interrupt;

/// How often a sample that is to tell an arm's work is taken at most: others may have used the disk meanwhile.
const TRIES: usize = 5;

/// A comparison on its way.
pub(super) struct Rounds<'a> {
    bench: &'a mut dyn Bench,
    random: ChaCha12Rng,
    measured: Vec<Measured>,
    round: u64,
    /// By side.
    pub(super) samples: [Vec<Sample>; 3],
    /// Every sample, in the order taken.
    pub(super) taken: Vec<TakenSample>,
    pub(super) interrupted: bool,
}

/// Told before each sample: how many were taken, and of which arm the next is.
pub(super) type Tell<'t> = dyn FnMut(u64, &ArmKey) + 't;

impl<'a> Rounds<'a> {
    /// A comparison whose order comes from `seed`.
    pub(super) fn new(bench: &'a mut dyn Bench, metric: Metric, seed: u64) -> Self {
        let measured = bench.arms().iter().map(|arm| Measured::new(arm.key(), metric)).collect();
        Self {
            bench,
            random: ChaCha12Rng::seed_from_u64(seed),
            measured,
            round: 0,
            samples: [Vec::new(), Vec::new(), Vec::new()],
            taken: Vec::new(),
            interrupted: false,
        }
    }

    /// Everything: work, then `pairs` of samples of the arms that answer, and as many again of those that are not clear after
    /// them. Without pairs only the work.
    pub(super) fn run(
        &mut self,
        pairs: u64,
        rules: &Rules,
        tell: &mut Tell<'_>,
    ) -> Result<Verdicts, CompareError> {
        let sound = self.work(tell)?;
        if pairs > 0 {
            self.times(&sound, pairs, Set::First, tell)?;
            let again = judge(&self.measured, rules).again();
            let unclear: Vec<usize> =
                sound.into_iter().filter(|&arm| again.contains(&self.measured[arm].arm)).collect();
            self.times(&unclear, pairs, Set::Second, tell)?;
        }
        Ok(judge(&self.measured, rules))
    }

    /// One sample of each arm and program, for their work. Returns the arms that answered rightly in both.
    fn work(&mut self, tell: &mut Tell<'_>) -> Result<Vec<usize>, CompareError> {
        let mut sound = Vec::new();
        for arm in 0..self.measured.len() {
            let mut is_sound = true;
            for side in [Side::Base, Side::New] {
                for _ in 0..TRIES {
                    let Some(sample) = self.sample(side, arm, tell)? else { return Ok(sound) };
                    self.round += 1;
                    self.measured[arm].work(&sample, side == Side::Base);
                    is_sound &=
                        !matches!(sample.state, SampleState::Failed { .. } | SampleState::Mismatch { .. });
                    if !matches!(sample.state, SampleState::Excluded { .. }) {
                        break;
                    }
                }
            }
            if is_sound {
                sound.push(arm);
            }
        }
        Ok(sound)
    }

    /// Pairs of samples of these arms.
    fn times(
        &mut self,
        arms: &[usize],
        pairs: u64,
        set: Set,
        tell: &mut Tell<'_>,
    ) -> Result<(), CompareError> {
        let mut order = arms.to_vec();
        for _ in 0..pairs {
            order.shuffle(&mut self.random);
            for &arm in &order {
                let mut sides = Side::ALL;
                sides.shuffle(&mut self.random);
                let mut taken: [Option<Sample>; 3] = [None, None, None];
                for side in sides {
                    let Some(sample) = self.sample(side, arm, tell)? else { return Ok(()) };
                    taken[side as usize] = Some(sample);
                }
                if let [Some(base), Some(again), Some(new)] = taken {
                    let measured = &mut self.measured[arm];
                    measured.samples(set, &base, &new);
                    // The base is in two pairs, and counts once.
                    measured.work(&again, true);
                    let time = |sample: &Sample| measured.metric.time(sample).filter(|_| sample.is_valid());
                    if let (Some(base), Some(new)) = (time(&base), time(&again)) {
                        measured.pair(Set::Itself, Pair { base, new });
                    }
                }
            }
            self.round += 1;
        }
        Ok(())
    }

    /// One sample, kept; `None` once an end was asked for.
    fn sample(
        &mut self,
        side: Side,
        arm: usize,
        tell: &mut Tell<'_>,
    ) -> Result<Option<Sample>, CompareError> {
        if self.interrupted {
            return Ok(None);
        }
        let key = self.measured[arm].arm.clone();
        tell(self.taken.len() as u64, &key);
        let (launches, state) = self.bench.sample(side, arm)?;
        if interrupt::requested() {
            // It may have been cut short: it is no sample.
            self.interrupted = true;
            return Ok(None);
        }
        let samples = &mut self.samples[side as usize];
        let sample = Sample {
            order: samples.len() as u64,
            round: self.round,
            arm: key.name.clone(),
            cache: key.cache,
            launches,
            state,
        };
        self.taken.push(TakenSample { record: side.name(), order: samples.len() });
        samples.push(sample.clone());
        Ok(Some(sample))
    }
}

#[cfg(test)]
mod tests;
