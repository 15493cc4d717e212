//! Statistics: quantiles, spread, and ratios of paired measurements with a bootstrap interval.
//!
//! Everything here is a pure function of its arguments, random choices included: they come from a seed, so the same
//! record gives the same figures.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::Serialize;

use crate::units::figures;

/// Confidence of every interval given.
pub const CONFIDENCE: f64 = 0.99;

/// Resamples of a bootstrap.
pub const RESAMPLES: usize = 10_000;

/// Pairs needed for an interval. The whole range of n values holds the median with probability `1 - 2^(1-n)`, and no
/// interval drawn from them can hold it with more: seven pairs give 98.4 %, eight 99.2 %.
pub const FEWEST_PAIRS: usize = 8;

/// The middle of the values, or the mean of the two in the middle. `None` without values.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The quantile `q` (0 to 1) of the values, interpolated linearly between the two nearest ranks: rank `(n - 1) q`
/// counted from 0 (definition 7 of Hyndman and Fan, the default of R and NumPy). `None` without values.
///
/// It never exceeds the highest value seen: with 20 values or fewer, the 95th percentile lies between the highest two.
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
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

/// Width of the middle half of the values: the third quartile less the first. `None` without values.
#[must_use]
pub fn interquartile_range(values: &[f64]) -> Option<f64> {
    Some(quantile(values, 0.75)? - quantile(values, 0.25)?)
}

/// The geometric mean, which suits values that vary by factors. `None` without values or when one is not above 0.
#[must_use]
pub fn geometric_mean(values: &[f64]) -> Option<f64> {
    if values.is_empty() || values.iter().any(|value| value.is_nan() || *value <= 0.0) {
        return None;
    }
    Some((values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp())
}

/// A range that holds the true value with [`CONFIDENCE`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
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
    /// Bootstrap percentile interval of that; `None` with fewer than [`FEWEST_PAIRS`] pairs.
    pub interval: Option<Interval>,
}

/// The ratio first / second over pairs of positive numbers. `None` without pairs, or when a number is not above 0.
///
/// Pairing cancels what slowed both members of a pair; the logarithm makes "twice" and "half" equally far from "same",
/// so exchanging the members gives the inverse. With an even number of pairs the median is the geometric mean of the
/// two in the middle.
#[must_use]
pub fn paired_ratio(pairs: &[(f64, f64)], seed: u64) -> Option<PairedRatio> {
    let mut logs = Vec::with_capacity(pairs.len());
    for &(first, second) in pairs {
        if first.is_nan() || second.is_nan() || first <= 0.0 || second <= 0.0 {
            return None;
        }
        logs.push(first.ln() - second.ln());
    }
    logs.sort_unstable_by(f64::total_cmp);
    let ratio = of_sorted(&logs, 0.5)?.exp();
    let interval = (logs.len() >= FEWEST_PAIRS).then(|| bootstrap_median(&logs, seed)).flatten();
    let interval = interval.map(|Interval { low, high }| Interval { low: low.exp(), high: high.exp() });
    Some(PairedRatio { pairs: logs.len(), ratio, interval })
}

/// Percentile interval of the median of `sorted`, by resampling with replacement.
fn bootstrap_median(sorted: &[f64], seed: u64) -> Option<Interval> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let n = sorted.len();
    let mut chosen = vec![0; n];
    let mut medians = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        // 64 random bits scaled to n choices: the bias is below n / 2^64.
        chosen.fill_with(|| ((u128::from(random.next_u64()) * n as u128) >> 64) as usize);
        // The values are sorted, so sorting positions sorts values.
        chosen.sort_unstable();
        medians.push((sorted[chosen[(n - 1) / 2]] + sorted[chosen[n / 2]]) / 2.0);
    }
    medians.sort_unstable_by(f64::total_cmp);
    let outside = (1.0 - CONFIDENCE) / 2.0;
    Some(Interval { low: of_sorted(&medians, outside)?, high: of_sorted(&medians, 1.0 - outside)? })
}

#[cfg(test)]
mod tests {
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
    fn geometric_means_by_hand() {
        close(geometric_mean(&[1.0, 10.0, 100.0]), 10.0);
        close(geometric_mean(&[0.5, 2.0]), 1.0);
        assert_eq!(geometric_mean(&[1.0, 0.0]), None);
        assert_eq!(geometric_mean(&[1.0, f64::NAN]), None);
        assert_eq!(geometric_mean(&[]), None);
    }

    #[test]
    fn paired_ratios_by_hand() {
        let ratio = |pairs: &[(f64, f64)]| paired_ratio(pairs, 1).map(|found| found.ratio);
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
        // Times drift tenfold, the second is always the first and a half: the ratio does not know of the drift.
        let pairs: Vec<(f64, f64)> = (1..=10).map(|n| (f64::from(n) * 1.5e6, f64::from(n) * 1e6)).collect();
        let found = paired_ratio(&pairs, 3).unwrap();
        close(Some(found.ratio), 1.5);
        let Interval { low, high } = found.interval.unwrap();
        close(Some(low), 1.5);
        close(Some(high), 1.5);
    }

    #[test]
    fn eight_pairs_are_the_fewest_for_an_interval() {
        assert!(1.0 - 0.5_f64.powi(FEWEST_PAIRS as i32 - 1) >= CONFIDENCE);
        assert!(1.0 - 0.5_f64.powi(FEWEST_PAIRS as i32 - 2) < CONFIDENCE);
        let of = |n: usize| paired_ratio(&vec![(2.0, 1.0); n], 1).unwrap();
        assert_eq!((of(7).pairs, of(7).interval), (7, None));
        assert!(of(8).interval.is_some());
    }

    /// Seven ratios of 1 and one of e. The median of a resample is above 1 when at least four of eight draws hit the
    /// one: probability 1.13 %, more than the 0.5 % beyond the upper end. With exactly four it is the square root of
    /// e, with five or more (0.13 %) e. So the upper end is the square root of e, the lower end 1.
    #[test]
    fn an_interval_by_hand() {
        let mut pairs = vec![(1.0, 1.0); 7];
        pairs.push((1.0_f64.exp(), 1.0));
        for seed in 0..20 {
            let found = paired_ratio(&pairs, seed).unwrap();
            close(Some(found.ratio), 1.0);
            close(found.interval.map(|interval| interval.low), 1.0);
            close(found.interval.map(|interval| interval.high), 0.5_f64.exp());
        }
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
            let exchanged: Vec<(f64, f64)> = pairs.iter().map(|&(first, second)| (second, first)).collect();
            let (one, other) = (paired_ratio(&pairs, 5).unwrap(), paired_ratio(&exchanged, 5).unwrap());
            assert!((one.ratio * other.ratio - 1.0).abs() < 1e-12);
            assert_eq!(one, paired_ratio(&pairs, 5).unwrap(), "the same seed gives the same interval");
            if let Some(Interval { low, high }) = one.interval {
                assert!(low <= one.ratio && one.ratio <= high);
            }
        }
    }

    /// Intervals from ten pairs each of a skewed distribution with median ratio 2. A percentile interval of so few is
    /// a little too narrow; it must still hold the truth nearly always, and not by being wide beyond use.
    #[test]
    fn intervals_hold_the_true_ratio() {
        let mut random = ChaCha8Rng::seed_from_u64(13);
        let (trials, mut held, mut widths) = (400, 0, Vec::new());
        for trial in 0..trials {
            let mut draw = || {
                let u = uniform(&mut random) - 0.5;
                2.0 * (if u < 0.0 { 0.02 * u } else { 0.2 * u }).exp()
            };
            let pairs: Vec<(f64, f64)> = (0..10).map(|_| (draw(), 1.0)).collect();
            let Interval { low, high } = paired_ratio(&pairs, trial).unwrap().interval.unwrap();
            held += u64::from(low <= 2.0 && 2.0 <= high);
            widths.push(high / low);
        }
        assert!(held * 100 >= trials * 97, "{held} of {trials}");
        assert!(median(&widths).unwrap() < 1.1);
    }
}
