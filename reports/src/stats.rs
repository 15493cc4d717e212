//! Statistics: quantiles, spread, and ratios of paired measurements with a bootstrap interval.
//!
//! Everything here is a pure function of its arguments, random choices included: they come from a seed, so the same
//! record gives the same figures to the last digit, on any machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::Serialize;

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
    pub low: f64,
    /// Upper end.
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
/// so exchanging the members gives exactly the inverse.
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
