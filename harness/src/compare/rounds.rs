//! The samples of one comparison: first one of each arm for its work, then pairs in random order
//! for its time.
//!
//! In a round each arm has its turn, in random order, and in its turn the base, the base once more,
//! and the new program give a sample each. Their launches alternate: one of each side, in random
//! order, then one of each again, so that all sides see the same machine. So base and new program
//! are a pair, and base and base are one under the same conditions.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;
use tracerig_reports::record::{ArmKey, Launch, Sample, SampleState};
use tracerig_reports::verdict::{Measured, Metric, Rules, Set, Verdicts, judge};

use super::sides::{Launched, Side};
use super::{CompareError, TakenSample};
use crate::interrupt;

/// How often a sample that is to tell an arm's work is taken at most: others may have used the disk
/// meanwhile.
const TRIES: usize = 5;

/// A comparison on its way.
pub(super) struct Rounds<'a> {
    launched: &'a mut dyn Launched,
    random: ChaCha12Rng,
    measured: Vec<Measured>,
    round: u64,
    /// By side.
    pub(super) samples: [Vec<Sample>; 3],
    /// Every sample, in the order taken.
    pub(super) taken: Vec<TakenSample>,
    /// Hears of each sample as soon as it is there.
    pub(super) hear: Option<&'a mut Hear<'a>>,
    /// What ended it early: Ctrl-C, or a launch that could not be made. What was taken before is
    /// kept.
    pub(super) cut: Option<CompareError>,
}

/// Hears of each sample, and whose it is.
pub(super) type Hear<'h> = dyn FnMut(Side, &Sample) + 'h;

/// Told before each sample: how many were taken, and of which arm the next is.
pub(super) type Tell<'t> = dyn FnMut(u64, &ArmKey) + 't;

/// A sample in the making.
struct Part {
    launches: Vec<Launch>,
    state: SampleState,
}

impl<'a> Rounds<'a> {
    /// A comparison whose order comes from `seed`.
    pub(super) fn new(launched: &'a mut dyn Launched, metric: Metric, seed: u64) -> Self {
        let measured = launched.arms().iter().map(|arm| Measured::new(arm.key(), metric)).collect();
        Self {
            launched,
            random: ChaCha12Rng::seed_from_u64(seed),
            measured,
            round: 0,
            samples: [Vec::new(), Vec::new(), Vec::new()],
            taken: Vec::new(),
            hear: None,
            cut: None,
        }
    }

    /// Everything: work, then `pairs` of samples of the arms that answer, and as many again of
    /// those that are not clear after them. Without pairs only the work. The verdicts are those of
    /// what there is where it was cut short.
    pub(super) fn run(&mut self, pairs: u64, rules: &Rules, tell: &mut Tell<'_>) -> Verdicts {
        self.measured.iter_mut().for_each(|measured| measured.expect(pairs > 0));
        let sound = self.work(tell);
        if pairs > 0 {
            self.times(&sound, pairs, Set::First, tell);
            let again = judge(&self.measured, rules).again();
            let unclear: Vec<usize> =
                sound.into_iter().filter(|&arm| again.contains(&self.measured[arm].arm)).collect();
            self.times(&unclear, pairs, Set::Second, tell);
        }
        judge(&self.measured, rules)
    }

    /// One sample of each arm and program, for their work. Returns the arms that answered rightly
    /// in both.
    fn work(&mut self, tell: &mut Tell<'_>) -> Vec<usize> {
        let mut sound = Vec::new();
        for arm in 0..self.measured.len() {
            let mut is_sound = true;
            for side in [Side::Base, Side::New] {
                for _ in 0..TRIES {
                    tell(self.taken.len() as u64, &self.measured[arm].arm);
                    let Some(taken) = self.taken(&[side], arm) else { return sound };
                    let [sample] = taken.as_slice() else { return sound };
                    self.round += 1;
                    self.measured[arm].work(sample, side == Side::Base);
                    is_sound &= answers(&sample.state);
                    if !matches!(sample.state, SampleState::Excluded { .. }) {
                        break;
                    }
                }
            }
            if is_sound {
                sound.push(arm);
            }
        }
        sound
    }

    /// Pairs of samples of these arms, by programs that start afresh: the luck of one run is not
    /// the other's.
    fn times(&mut self, arms: &[usize], pairs: u64, set: Set, tell: &mut Tell<'_>) {
        if arms.is_empty() || self.cut.is_some() {
            return;
        }
        if let Err(error) = self.launched.renew(&mut self.random) {
            self.cut = Some(error);
            return;
        }
        let mut order = arms.to_vec();
        for _ in 0..pairs {
            order.shuffle(&mut self.random);
            for &arm in &order {
                tell(self.taken.len() as u64, &self.measured[arm].arm);
                let Some(taken) = self.taken(&Side::ALL, arm) else { return };
                if let [base, again, new] = taken.as_slice() {
                    let measured = &mut self.measured[arm];
                    measured.samples(set, base, new);
                    measured.itself(base, again);
                }
            }
            self.round += 1;
        }
    }

    /// A sample of each of these sides, in their order, kept; `None` once it is cut short.
    ///
    /// Launches that were disturbed are made once more, all sides of that moment together, and are
    /// in separate samples, which are left out.
    fn taken(&mut self, sides: &[Side], arm: usize) -> Option<Vec<Sample>> {
        let launches = self.launched.arms()[arm].launches_per_sample.max(1);
        let mut parts: Vec<Part> = sides
            .iter()
            .map(|_| Part { launches: Vec::new(), state: SampleState::Valid })
            .collect();
        // As many times as it has launches; a machine that disturbs more is no place for it.
        let mut spare = if sides.len() > 1 { launches } else { 0 };
        let mut order: Vec<usize> = (0..sides.len()).collect();
        while parts.iter().all(|part| part.state == SampleState::Valid)
            && parts.iter().any(|part| (part.launches.len() as u64) < launches)
        {
            order.shuffle(&mut self.random);
            let mut made: Vec<Option<(Launch, SampleState)>> = sides.iter().map(|_| None).collect();
            for &at in &order {
                made[at] = Some(self.launch(sides[at], arm)?);
            }
            let made: Vec<(Launch, SampleState)> = made.into_iter().flatten().collect();
            let is_disturbed =
                made.iter().any(|(_, state)| matches!(state, SampleState::Excluded { .. }))
                    && made.iter().all(|(_, state)| answers(state));
            if is_disturbed && spare > 0 {
                spare -= 1;
                for (&side, (launch, state)) in sides.iter().zip(made) {
                    let alone = state == SampleState::Valid;
                    let state = if alone { beside() } else { state };
                    let sample = self.keep(side, arm, vec![launch], state);
                    if !alone {
                        self.measured[arm].work(&sample, side != Side::New);
                    }
                }
                // A record has one sample an arm and round.
                self.round += 1;
                continue;
            }
            for (part, (launch, state)) in parts.iter_mut().zip(made) {
                part.launches.push(launch);
                part.state = state;
            }
        }
        let mut kept: Vec<Option<Sample>> = sides.iter().map(|_| None).collect();
        for at in order {
            let Part { launches, state } = std::mem::replace(
                &mut parts[at],
                Part { launches: Vec::new(), state: SampleState::Valid },
            );
            kept[at] = Some(self.keep(sides[at], arm, launches, state));
        }
        Some(kept.into_iter().flatten().collect())
    }

    /// A launch; `None` where it, or one before, cuts the comparison short.
    fn launch(&mut self, side: Side, arm: usize) -> Option<(Launch, SampleState)> {
        if self.cut.is_some() {
            return None;
        }
        let launched = self.launched.launch(side, arm);
        if interrupt::requested() {
            // Killed on its way it is no launch, and that it went wrong says nothing.
            self.cut = Some(CompareError::Interrupted);
            return None;
        }
        launched.map_err(|error| self.cut = Some(error)).ok()
    }

    fn keep(
        &mut self,
        side: Side,
        arm: usize,
        launches: Vec<Launch>,
        state: SampleState,
    ) -> Sample {
        let key = &self.measured[arm].arm;
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
        if let Some(hear) = &mut self.hear {
            hear(side, &sample);
        }
        sample
    }
}

/// Whether the answer was right.
fn answers(state: &SampleState) -> bool {
    matches!(state, SampleState::Valid | SampleState::Excluded { .. })
}

/// What is said of a launch that nothing is wrong with but its company.
fn beside() -> SampleState {
    SampleState::Excluded { reason: "it was made beside one that is left out".to_owned() }
}

#[cfg(test)]
mod tests;
