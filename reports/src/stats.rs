//! Statistics: quantiles, spread, and ratios of paired measurements with a bootstrap interval.
//!
//! Everything here is a pure function of its arguments, and nothing is drawn at random: the same
//! record gives the same figures.

use serde::{Deserialize, Serialize};

use crate::bootstrap;
use crate::units::figures;

/// Confidence of every interval given.
pub(crate) const CONFIDENCE: f64 = 0.99;

/// Pairs needed for an interval. The whole range of n values holds the median with probability `1 -
/// 2^(1-n)`, and no interval drawn from them can hold it with more: seven pairs give 98.4 %, eight
/// 99.2 %.
pub const FEWEST_PAIRS: usize = 8;

/// The middle of the values, or the mean of the two in the middle. `None` without values.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The quantile `q` (0 to 1) of the values, interpolated linearly between the two nearest ranks:
/// rank `(n - 1) q` counted from 0 (definition 7 of Hyndman and Fan, the default of R and NumPy).
/// `None` without values.
///
/// It never exceeds the highest value seen: with 20 values or fewer, the 95th percentile lies
/// between the highest two.
#[must_use]
pub(crate) fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    of_sorted(&sorted, q)
}

fn of_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let rank = last as f64 * q.clamp(0.0, 1.0);
    let below = rank.floor() as usize;
    let part = rank - rank.floor();
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    // Written so that equal neighbours give exactly their value.
    Some(low + part * (high - low))
}

/// Width of the middle half of the values: the third quartile less the first. `None` without
/// values.
#[must_use]
pub(crate) fn interquartile_range(values: &[f64]) -> Option<f64> {
    Some(quantile(values, 0.75)? - quantile(values, 0.25)?)
}

/// The geometric mean, which suits values that vary by factors. `None` without values or when one
/// is not above 0.
#[must_use]
pub(crate) fn geometric_mean(values: &[f64]) -> Option<f64> {
    if values.is_empty() || values.iter().any(|value| value.is_nan() || *value <= 0.0) {
        return None;
    }
    Some((values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp())
}

/// A range that holds the true value with `CONFIDENCE`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    #[serde(serialize_with = "figures::serialize")]
    pub low: f64,
    /// Upper end.
    #[serde(serialize_with = "figures::serialize")]
    pub high: f64,
}

/// The ratio of two things measured side by side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedRatio {
    /// The pairs it comes from.
    pub pairs: usize,
    /// Exponential of the median of the logarithms of the pairs' ratios.
    pub ratio: f64,
    /// Bootstrap interval of that, widened for few pairs; `None` with fewer than [`FEWEST_PAIRS`].
    pub interval: Option<Interval>,
}

/// The ratio first / second over pairs of positive numbers. `None` without pairs, or when a number
/// is not above 0.
///
/// Pairing cancels what slowed both members of a pair; the logarithm makes "twice" and "half"
/// equally far from "same", so exchanging the members gives the inverse, interval included. With an
/// even number of pairs the median is the geometric mean of the two in the middle.
#[must_use]
pub(crate) fn paired_ratio(pairs: &[(f64, f64)]) -> Option<PairedRatio> {
    let mut logs = Vec::with_capacity(pairs.len());
    for &(first, second) in pairs {
        if first.is_nan() || second.is_nan() || first <= 0.0 || second <= 0.0 {
            return None;
        }
        logs.push(first.ln() - second.ln());
    }
    logs.sort_unstable_by(f64::total_cmp);
    let ratio = of_sorted(&logs, 0.5)?.exp();
    let interval = bootstrap::of_median(&logs)
        .map(|Interval { low, high }| Interval { low: low.exp(), high: high.exp() });
    Some(PairedRatio { pairs: logs.len(), ratio, interval })
}

/// The difference of two things measured side by side, in their unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedDifference {
    /// The pairs it comes from.
    pub pairs: usize,
    /// The median of first - second.
    pub difference: f64,
    /// Bootstrap interval of that, widened for few pairs; `None` with fewer than [`FEWEST_PAIRS`].
    pub interval: Option<Interval>,
}

/// The difference first - second over pairs: for a small part of a whole, whose ratio says little.
/// `None` without pairs.
#[must_use]
pub fn paired_difference(pairs: &[(f64, f64)]) -> Option<PairedDifference> {
    let mut differences: Vec<f64> = pairs.iter().map(|(first, second)| first - second).collect();
    differences.sort_unstable_by(f64::total_cmp);
    let difference = of_sorted(&differences, 0.5)?;
    Some(PairedDifference {
        pairs: pairs.len(),
        difference,
        interval: bootstrap::of_median(&differences),
    })
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    fn close(found: Option<f64>, expected: f64) {
        let found = found.unwrap();
        assert!((found - expected).abs() <= 1e-12 * expected.abs(), "{found} is not {expected}");
    }

    fn uniform(random: &mut ChaCha8Rng) -> f64 {
        (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    #[test]
    fn quantiles_by_hand() {
        close(median(&[3.0, 1.0, 2.0]), 2.0);
        close(median(&[10.0, 1.0, 3.0, 2.0]), 2.5);
        close(median(&[7.0]), 7.0);
        assert_eq!(median(&[]), None);
        // Rank (4 - 1) * 0.25 = 0.75: three quarters of the way from 1 to 2.
        close(quantile(&[1.0, 2.0, 3.0, 4.0], 0.25), 1.75);
        let to = |n: u32| (1..=n).map(f64::from).collect::<Vec<_>>();
        // Rank 20 * 0.95 = 19, counted from 0.
        close(quantile(&to(21), 0.95), 20.0);
        // Rank 9 * 0.95 = 8.55: between the highest two.
        close(quantile(&to(10), 0.95), 9.55);
        close(quantile(&to(10), 1.0), 10.0);
        close(interquartile_range(&to(5)), 2.0);
        assert_eq!(interquartile_range(&[]), None);
    }

    #[test]
    fn a_paired_difference_is_that_of_the_middle_pair_and_does_not_see_what_slows_both() {
        let pairs: Vec<(f64, f64)> =
            (0..40).map(|n| (f64::from(n * n + 5), f64::from(n * n))).collect();
        let found = paired_difference(&pairs).unwrap();
        assert_eq!((found.pairs, found.difference), (40, 5.0));
        assert_eq!(found.interval, Some(Interval { low: 5.0, high: 5.0 }));
        assert_eq!(paired_difference(&[]), None);
        assert_eq!(paired_difference(&pairs[..7]).unwrap().interval, None);
    }

    #[test]
    fn geometric_means_by_hand() {
        close(geometric_mean(&[1.0, 10.0, 100.0]), 10.0);
        close(geometric_mean(&[0.5, 2.0]), 1.0);
        assert_eq!(geometric_mean(&[1.0, 0.0]), None);
        assert_eq!(geometric_mean(&[1.0, f64::NAN]), None);
        assert_eq!(geometric_mean(&[]), None);
    }

    #[test]
    fn paired_ratios_by_hand() {
        let ratio = |pairs: &[(f64, f64)]| paired_ratio(pairs).map(|found| found.ratio);
        // Ratios 2, 8 and 1/3.
        close(ratio(&[(2.0, 1.0), (8.0, 1.0), (1.0, 3.0)]), 2.0);
        // An even number: the geometric mean of 2 and 8.
        close(ratio(&[(2.0, 1.0), (24.0, 3.0)]), 4.0);
        assert_eq!(ratio(&[]), None);
        assert_eq!(ratio(&[(1.0, 0.0)]), None);
        assert_eq!(ratio(&[(f64::NAN, 1.0)]), None);
    }

    #[test]
    fn pairing_cancels_what_slows_both() {
        // Times drift tenfold, the second is always the first and a half: the ratio does not know
        // of the drift.
        let pairs: Vec<(f64, f64)> =
            (1..=10).map(|n| (f64::from(n) * 1.5e6, f64::from(n) * 1e6)).collect();
        let found = paired_ratio(&pairs).unwrap();
        close(Some(found.ratio), 1.5);
        let Interval { low, high } = found.interval.unwrap();
        close(Some(low), 1.5);
        close(Some(high), 1.5);
    }

    #[test]
    fn eight_pairs_are_the_fewest_for_an_interval() {
        assert!(1.0 - 0.5_f64.powi(FEWEST_PAIRS as i32 - 1) >= CONFIDENCE);
        assert!(1.0 - 0.5_f64.powi(FEWEST_PAIRS as i32 - 2) < CONFIDENCE);
        let of = |n: usize| paired_ratio(&vec![(2.0, 1.0); n]).unwrap();
        assert_eq!((of(7).pairs, of(7).interval), (7, None));
        assert!(of(8).interval.is_some());
    }

    /// Eight pairs: 0.0094 % is left out at either end, what a normal distribution has beyond
    /// `3.49 * sqrt(8/7) = 3.74`. A resample whose median is the lowest value has it five times or
    /// more of eight, probability `56 * 7^3 / 8^8 + 28 * 7^2 / 8^8 + ...` = 0.12 %. So the interval
    /// is the whole range.
    #[test]
    fn an_interval_by_hand() {
        let pairs: Vec<(f64, f64)> =
            [3.0, 5.0, 2.0, 7.0, 4.0, 6.0, 9.0, 8.0].map(|n| (n, 1.0)).to_vec();
        let Interval { low, high } = paired_ratio(&pairs).unwrap().interval.unwrap();
        close(Some(low), 2.0);
        close(Some(high), 9.0);
    }

    /// With many pairs one wild pair does not move the interval's ends to itself.
    #[test]
    fn an_outlier_does_not_stretch_the_interval() {
        let mut pairs = vec![(1.0, 1.0); 19];
        pairs.push((1000.0, 1.0));
        let Interval { low, high } = paired_ratio(&pairs).unwrap().interval.unwrap();
        close(Some(low), 1.0);
        close(Some(high), 1.0);
    }

    #[test]
    fn quantiles_follow_their_values() {
        let mut random = ChaCha8Rng::seed_from_u64(11);
        for _ in 0..300 {
            let n = 1 + (random.next_u64() % 40) as usize;
            let values: Vec<f64> = (0..n).map(|_| uniform(&mut random) * 100.0).collect();
            let (low, high) = (quantile(&values, 0.0).unwrap(), quantile(&values, 1.0).unwrap());
            assert!(values.iter().all(|value| (low..=high).contains(value)));
            assert!(values.contains(&low) && values.contains(&high));
            let mut previous = low;
            for step in 0..=20 {
                let q = f64::from(step) / 20.0;
                let at = quantile(&values, q).unwrap();
                assert!(at >= previous && at <= high, "quantile {q} of {values:?}");
                // At least the part q of the values is not above it, counted in whole ranks.
                let not_above = values.iter().filter(|value| **value <= at).count();
                assert!(not_above as f64 >= ((n - 1) as f64 * q).floor() + 1.0);
                previous = at;
            }
            let mut turned = values.clone();
            turned.reverse();
            assert_eq!(median(&turned), median(&values));
            let doubled: Vec<f64> = values.iter().map(|value| value * 2.0).collect();
            close(median(&doubled), 2.0 * median(&values).unwrap());
        }
    }

    #[test]
    fn exchanging_the_members_inverts_the_ratio() {
        let mut random = ChaCha8Rng::seed_from_u64(12);
        for _ in 0..100 {
            let n = 1 + (random.next_u64() % 30) as usize;
            let pairs: Vec<(f64, f64)> =
                (0..n).map(|_| (1.0 + uniform(&mut random), 1.0 + uniform(&mut random))).collect();
            let exchanged: Vec<(f64, f64)> =
                pairs.iter().map(|&(first, second)| (second, first)).collect();
            let (one, other) = (paired_ratio(&pairs).unwrap(), paired_ratio(&exchanged).unwrap());
            assert!((one.ratio * other.ratio - 1.0).abs() < 1e-12);
            if let (Some(one_ends), Some(other_ends)) = (one.interval, other.interval) {
                assert!(one_ends.low <= one.ratio && one.ratio <= one_ends.high);
                assert!((one_ends.low * other_ends.high - 1.0).abs() < 1e-12);
            }
        }
    }
}
