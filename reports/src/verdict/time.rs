//! From pairs of times to a verdict.

use super::measured::Measured;
use super::noise::corrected;
use super::{Basis, Change, Doubt, Noise, Rules, Verdict};
use crate::bootstrap::Medians;
use crate::stats::{CONFIDENCE, FEWEST_PAIRS, Interval, median};

/// Confidence with which each run by itself must show a change: less than both together, or the
/// confirmation would miss what both together find.
pub(super) const CONFIRMATION: f64 = 0.95;

/// One run, or both together: the logarithms of its ratios, and the medians of their resamples.
pub(super) struct Run {
    pairs: usize,
    median: f64,
    medians: Medians,
}

impl Run {
    pub(super) fn of(mut logs: Vec<f64>) -> Run {
        logs.sort_unstable_by(f64::total_cmp);
        Run { pairs: logs.len(), median: median(&logs).unwrap_or(0.0), medians: Medians::of(&logs) }
    }

    /// Where the interval lies: beyond `bar` from no change, as a whole, or not.
    fn beyond(&self, bar: f64, confidence: f64) -> Option<Direction> {
        direction(self.medians.interval(confidence)?, bar)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Slower,
    Faster,
}

fn direction(Interval { low, high }: Interval, bar: f64) -> Option<Direction> {
    if low > bar {
        Some(Direction::Slower)
    } else if high < -bar {
        Some(Direction::Faster)
    } else {
        None
    }
}

/// The rule: both runs together lie beyond the bar, and each by itself shows a change in that
/// direction.
pub(super) fn called(
    first: &Run,
    second: &Run,
    both: &Run,
    bar: f64,
    confidence: f64,
) -> Option<Direction> {
    let direction = both.beyond(bar, confidence)?;
    confirmed(first, second, direction).then_some(direction)
}

fn confirmed(first: &Run, second: &Run, direction: Direction) -> bool {
    [first, second].into_iter().all(|run| run.beyond(0.0, CONFIRMATION) == Some(direction))
}

/// What is judged of one arm.
struct Arm {
    first: Run,
    second: Run,
    both: Run,
    noise: Option<Noise>,
    bar: f64,
    /// The confidence it was last tested with, and what that gave.
    confidence: f64,
    beyond: Option<Direction>,
}

/// The verdict, the change and the noise of an arm.
pub(super) type Judged = (Option<Verdict>, Option<Change>, Option<Noise>);

/// The verdict, the change and the noise of every arm.
pub(super) fn judge(measured: &[Measured], rules: &Rules) -> Vec<Judged> {
    let beside = usize::try_from(rules.beside).unwrap_or(usize::MAX);
    let count = measured.iter().filter(|arm| arm.is_timed()).count().saturating_add(beside);
    let mut arms: Vec<Option<Arm>> =
        measured.iter().map(|arm| arm.is_timed().then(|| Arm::of(arm, count, rules))).collect();
    holm(&mut arms.iter_mut().flatten().collect::<Vec<_>>(), beside);
    arms.iter()
        .map(|arm| match arm {
            Some(arm) if arm.both.pairs == 0 => (Some(arm.verdict(rules)), None, None),
            Some(arm) => (Some(arm.verdict(rules)), Some(arm.change()), arm.noise),
            None => (None, None, None),
        })
        .collect()
}

/// Holm's correction, by steps: all arms are tested with what is left out divided by the number of
/// arms still in question, those found drop out, and the others are tested again with the smaller
/// number, until none is found. So the probability that any equal arm is called stays below that of
/// a single one. Arms `beside` these are in question all the time: what is found of them is not
/// known here.
fn holm(arms: &mut [&mut Arm], beside: usize) {
    loop {
        let open = arms.iter().filter(|arm| arm.beyond.is_none()).count();
        let confidence = corrected(open.saturating_add(beside));
        let mut found = false;
        for arm in arms.iter_mut().filter(|arm| arm.beyond.is_none()) {
            arm.confidence = confidence;
            arm.beyond = arm.both.beyond(arm.bar, confidence);
            found |= arm.beyond.is_some();
        }
        if !found {
            return;
        }
    }
}

impl Arm {
    fn of(measured: &Measured, arms: usize, rules: &Rules) -> Arm {
        let (first, second) = (measured.first.clone(), measured.second.clone());
        let noise = Noise::of(&measured.itself, first.len(), second.len(), arms, rules);
        let both = first.iter().chain(&second).copied().collect();
        Arm {
            first: Run::of(first),
            second: Run::of(second),
            both: Run::of(both),
            noise,
            bar: noise.map_or(rules.margin.ln_1p(), |noise| noise.bar(rules)),
            confidence: CONFIDENCE,
            beyond: None,
        }
    }

    fn verdict(&self, rules: &Rules) -> Verdict {
        let inconclusive = |why| Verdict::Inconclusive { why };
        let Some(interval) = self.both.medians.interval(CONFIDENCE) else {
            return inconclusive(Doubt::TooFewPairs {
                have: self.both.pairs as u64,
                need: FEWEST_PAIRS as u64,
            });
        };
        let Some(noise) = self.noise else {
            return inconclusive(Doubt::NoSelfComparison);
        };
        if noise.biased {
            return inconclusive(Doubt::Biased { ratio: noise.ratio });
        }
        let ratio = self.both.median.exp();
        if let Some(direction) = self.beyond {
            return if self.second.pairs == 0 {
                inconclusive(Doubt::Unconfirmed { ratio })
            } else if !confirmed(&self.first, &self.second, direction) {
                self.contradicted()
            } else if direction == Direction::Slower {
                Verdict::Slower
            } else {
                Verdict::Faster
            };
        }
        if !noise.within(rules) {
            return inconclusive(Doubt::Noisy { reach: noise.reach });
        }
        if self.second.pairs > 0 && self.first.beyond(self.bar, CONFIDENCE).is_some() {
            return self.contradicted();
        }
        if self.both.median.abs() > rules.margin.ln_1p() {
            return inconclusive(Doubt::Margin { ratio });
        }
        let reach = interval.low.abs().max(interval.high.abs()).exp_m1();
        if reach > rules.budget { inconclusive(Doubt::Wide { reach }) } else { Verdict::Same }
    }

    fn contradicted(&self) -> Verdict {
        let [first, second] = [&self.first, &self.second].map(|run| run.median.exp());
        Verdict::Inconclusive { why: Doubt::Contradicted { first, second } }
    }

    fn change(&self) -> Change {
        let interval = |confidence| {
            let Interval { low, high } = self.both.medians.interval(confidence)?;
            Some(Interval { low: low.exp(), high: high.exp() })
        };
        let of = |run: &Run| (run.pairs > 0).then(|| run.median.exp());
        Change {
            basis: Basis::Paired,
            pairs: self.both.pairs as u64,
            ratio: self.both.median.exp(),
            interval: interval(CONFIDENCE),
            corrected_confidence: self.confidence,
            corrected_interval: interval(self.confidence),
            first: of(&self.first),
            second: of(&self.second),
        }
    }
}
