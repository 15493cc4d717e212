//! What the base is against itself: how far chance alone goes, and what the rules make of it.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use super::Rules;
use super::time::{CONFIRMATION, Run, called};
use crate::bootstrap::{self, Medians};
use crate::stats::{CONFIDENCE, Interval, median, quantile};
use crate::units::figures;

/// Comparisons that are made up from the pairs of the base with itself.
const RESAMPLED: u64 = 1_000;
/// Quantile of the normal distribution below which 95 % lie: how much further a change must be to
/// be found so often.
const FOUND_95: f64 = 1.645;

/// The same of 97.5 %, where how far samples scatter is known from a few.
const FOUND_975: f64 = 1.960;
/// Standard error of the median of n values of a normal distribution, as a multiple of that of
/// their mean.
const MEDIAN_ERROR: f64 = 1.2533;
/// Half of the values of a normal distribution lie within so many standard deviations of its
/// middle.
const HALF_WITHIN: f64 = 0.6745;

/// The base against itself, as a multiple of the time of the base.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// Pairs of the base with itself.
    pub pairs: u64,
    /// The ratio; 1 without noise.
    #[serde(serialize_with = "figures::serialize")]
    pub ratio: f64,
    /// Its interval of 99 %.
    pub interval: Interval,
    /// How far the interval reaches from 1 at its farther end, as a part.
    #[serde(serialize_with = "figures::serialize")]
    pub reach: f64,
    /// The smallest slowdown, as a part, that a comparison of as many pairs, second run included,
    /// finds in such noise 9 times of 10. (It is computed for 95 of 100; that the noise is known
    /// from a few pairs only takes the rest. A simulation among the tests counts.)
    #[serde(serialize_with = "figures::serialize")]
    pub smallest_change: f64,
    /// Whether the base against itself would be called slower or faster.
    pub biased: bool,
    /// Comparisons made up of the pairs of the base with itself, drawn at random and turned round
    /// at random, as many as the comparison of the programs has, both runs included.
    pub resampled: u64,
    /// How many of them were called slower or faster.
    pub false_alarms: u64,
}

/// How many launches must make a sample so that `pairs` of pairs in each of the two runs find a
/// change as large as the noise budget nearly always, on one of `arms` arms; `between` are
/// logarithms of ratios of single launches of the base, one made right after the other.
///
/// A sample's ratio is the median of those of its launches, whose standard error falls with the
/// root of their number. How far single launches scatter is taken from the middle of them: the few
/// that were held up are no matter to a median. It is the farthest at which the middle of all
/// launches there could be may lie, given these: samples that are too short end with
/// "inconclusive".
#[must_use]
pub fn launches_needed(between: &[f64], pairs: u64, arms: usize, rules: &Rules) -> u64 {
    let Some(middle) = farthest_middle(between) else { return 1 };
    let launch = MEDIAN_ERROR * middle / HALF_WITHIN;
    let pairs = pairs.max(2);
    // The error of one pair with which `runs` of them reach this far, and the change is found with
    // it.
    let allowed = |reach: f64, pairs: u64, confidence: f64| {
        let pairs = usize::try_from(pairs).unwrap_or(usize::MAX);
        reach / (bootstrap::reach(pairs, confidence) + FOUND_975) * (pairs as f64).sqrt()
    };
    let change = rules.budget.ln_1p();
    let arms = arms.saturating_add(usize::try_from(rules.beside).unwrap_or(usize::MAX));
    let both =
        allowed((change - rules.margin.ln_1p()).max(f64::EPSILON), 2 * pairs, corrected(arms));
    let alone = allowed(change, pairs, CONFIRMATION);
    let needed = (MEDIAN_ERROR * launch / both.min(alone)).powi(2).ceil();
    (needed as u64).max(1)
}

/// What the median distance from 0 of all values there could be stays below, with a confidence of
/// 95 %, given these. How many of them lie below that median is binomial, whatever their
/// distribution; so the limit is one of them, found by its rank.
fn farthest_middle(values: &[f64]) -> Option<f64> {
    let distances: Vec<f64> = values.iter().map(|value| value.abs()).collect();
    let count = distances.len() as f64;
    let rank = (count / 2.0 + FOUND_95 * count.sqrt() / 2.0).ceil();
    quantile(&distances, rank / (count - 1.0))
}

/// The confidence of one of so many arms in question.
pub(super) fn corrected(arms: usize) -> f64 {
    1.0 - (1.0 - CONFIDENCE) / arms.max(1) as f64
}

impl Noise {
    /// The noise in `itself`, logarithms of ratios, for a comparison with `first` and `second`
    /// pairs among `arms` arms; `None` with too few.
    pub(super) fn of(
        itself: &[f64],
        first: usize,
        second: usize,
        arms: usize,
        rules: &Rules,
    ) -> Option<Noise> {
        let mut sorted = itself.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let own = Medians::of(&sorted).interval(CONFIDENCE)?;
        let reach = own.low.abs().max(own.high.abs());
        let within_budget = reach <= rules.budget.ln_1p();
        let margin = rules.margin.ln_1p();
        let bar = if within_budget { margin } else { margin.max(reach) };
        let runs = planned(first, second);
        let corrected = corrected(arms);
        // Of one pair, for an interval as wide as this one.
        let one = (own.high - own.low) / 2.0 / bootstrap::reach(sorted.len(), CONFIDENCE)
            * (sorted.len() as f64).sqrt();
        let beyond = |bar: f64, pairs: usize, confidence: f64| {
            let reach = bootstrap::reach(pairs.max(2), confidence);
            bar + (reach + FOUND_95) * one / (pairs as f64).sqrt()
        };
        let smallest = beyond(bar, runs[0] + runs[1], corrected)
            .max(beyond(0.0, runs[0], CONFIRMATION))
            .max(beyond(0.0, runs[1], CONFIRMATION));
        Some(Noise {
            pairs: sorted.len() as u64,
            ratio: median(&sorted)?.exp(),
            interval: Interval { low: own.low.exp(), high: own.high.exp() },
            reach: reach.exp_m1(),
            smallest_change: smallest.exp_m1(),
            biased: own.low > margin || own.high < -margin,
            resampled: 0,
            false_alarms: 0,
        })
    }

    /// Counts the false alarms of made-up comparisons, in the noise of `itself` that this one was
    /// computed of.
    pub(super) fn resample(&mut self, itself: &[f64], first: usize, second: usize, rules: &Rules) {
        self.resampled = RESAMPLED;
        self.false_alarms = false_alarms(itself, planned(first, second), self.bar(rules));
    }

    /// Whether it stays within the noise budget.
    #[must_use]
    pub fn within(&self, rules: &Rules) -> bool {
        self.reach <= rules.budget
    }

    /// How far, in logarithms, an interval must lie from no change to be called. Beyond the budget
    /// a change counts only when it exceeds all that the base shows against itself.
    pub(super) fn bar(&self, rules: &Rules) -> f64 {
        let margin = rules.margin;
        (if self.within(rules) { margin } else { margin.max(self.reach) }).ln_1p()
    }
}

/// The pairs of both runs: a second one that was not made would have as many as the first.
fn planned(first: usize, second: usize) -> [usize; 2] {
    [first, if second == 0 { first } else { second }]
}

/// How many comparisons of nothing but this noise would be called. The seed is fixed: the same
/// pairs give the same count.
fn false_alarms(noise: &[f64], runs: [usize; 2], bar: f64) -> u64 {
    let mut random = ChaCha8Rng::seed_from_u64(RESAMPLED);
    let mut draw = |pairs: usize| -> Vec<f64> {
        let one = |_| {
            let drawn = random.next_u64();
            // The lowest bit turns the pair round: which of two equal programs is called the base
            // is chance.
            let value = noise[((drawn >> 1) % noise.len() as u64) as usize];
            if drawn & 1 == 0 { value } else { -value }
        };
        (0..pairs).map(one).collect()
    };
    let alarm = |_: &u64| {
        let [first, second] = runs.map(&mut draw);
        let both: Vec<f64> = first.iter().chain(&second).copied().collect();
        // The interval holds the median: most need no interval at all.
        median(&both).is_some_and(|median| median.abs() > bar)
            && called(&Run::of(first), &Run::of(second), &Run::of(both), bar, CONFIDENCE).is_some()
    };
    (0..RESAMPLED).filter(alarm).count() as u64
}
