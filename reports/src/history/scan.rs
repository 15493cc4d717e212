//! Steps of a noisy series: where its level changes, by seeded binary segmentation with a
//! permutation test.
//!
//! The statistic is the largest difference between the means of two adjacent stretches, scaled by
//! their lengths and the noise, over all places in a fixed set of intervals (Kovács, Bühlmann, Li
//! and Munk, "Seeded binary segmentation", Biometrika 110, 2023). Without intervals, a step up and
//! a later step down would hide each other. How often noise alone gives as much is counted in
//! permutations of the series itself, so nothing is assumed about the distribution of the noise.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::stats;

/// Values on each side of a step.
pub(crate) const SHORTEST: usize = 3;

/// Permutations that reach the statistic, after which a series is certainly not significant.
const ENOUGH: u32 = 20;

/// Two fixed intervals of each length overlap by half.
fn intervals(n: usize) -> Vec<(usize, usize)> {
    let mut all = Vec::new();
    let mut pieces = 1_usize;
    while n / pieces >= 2 * SHORTEST {
        let (length, count) = (n as f64 / pieces as f64, 2 * pieces - 1);
        let step = if count > 1 { (n as f64 - length) / (count - 1) as f64 } else { 0.0 };
        for nth in 0..count {
            let from = (nth as f64 * step).floor() as usize;
            all.push((from, ((nth as f64 * step + length).ceil() as usize).min(n)));
        }
        pieces *= 2;
    }
    all
}

/// How far from the median values may be, in standard deviations: what is farther counts as this
/// far.
const FARTHEST: f64 = 3.0;

/// The values without extremes: one disturbed run would hide steps for as long as it is among them.
/// What is cut follows from the values and not from their order, so permutations stay comparable.
fn clipped(values: &[f64]) -> Vec<f64> {
    let middle = stats::median(values).unwrap_or(0.0);
    let distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    // Of a normal distribution this is the standard deviation.
    let deviation = stats::median(&distances).unwrap_or(0.0) * 1.482_602_2;
    let reach = if deviation > 0.0 { FARTHEST * deviation } else { f64::MAX };
    values.iter().map(|value| middle + (value - middle).clamp(-reach, reach)).collect()
}

/// A test of one series, which can be continued with more permutations.
pub(crate) struct Test {
    values: Vec<f64>,
    intervals: Vec<(usize, usize)>,
    statistic: f64,
    split: usize,
    permuted: Vec<f64>,
    random: ChaCha8Rng,
    /// Permutations so far, and those that reach the statistic.
    made: u32,
    reached: u32,
}

impl Test {
    /// A test of `values`; `None` if they are too few or all equal.
    pub(crate) fn of(values: &[f64]) -> Option<Test> {
        let intervals = intervals(values.len());
        let permuted = clipped(values);
        let (statistic, split) = peak(&permuted, &intervals)?;
        Some(Test {
            values: values.to_vec(),
            intervals,
            statistic,
            split,
            permuted,
            // The same history gives the same answer.
            random: ChaCha8Rng::seed_from_u64(22),
            made: 0,
            reached: 0,
        })
    }

    /// Continues up to so many permutations, or until it is certain that the series is noise.
    pub(crate) fn permute(&mut self, most: u32) {
        while self.made < most && self.reached < ENOUGH {
            for last in (1..self.permuted.len()).rev() {
                let other = (u64::from(self.random.next_u32()) * (last as u64 + 1)) >> 32;
                self.permuted.swap(last, other as usize);
            }
            self.made += 1;
            let found = peak(&self.permuted, &self.intervals);
            self.reached += u32::from(found.is_some_and(|(found, _)| found >= self.statistic));
        }
    }

    /// The probability that noise gives as much. (Besag and Clifford, "Sequential Monte Carlo
    /// p-values", Biometrika 78, 1991.)
    pub(crate) fn p(&self) -> f64 {
        if self.reached >= ENOUGH {
            return f64::from(self.reached) / f64::from(self.made);
        }
        f64::from(self.reached + 1) / f64::from(self.made + 1)
    }

    /// The places of all steps, given that noise may give as much as the series does with
    /// probability `level`: the first value behind each.
    pub(crate) fn steps(&self, level: f64) -> Vec<usize> {
        let mut found = Vec::new();
        split(&self.values, 0, Some(self.split), level, &mut found);
        found.sort_unstable();
        settle(&self.values, &mut found);
        found
    }
}

/// Permutations that can show a probability of `level`, with some to spare.
pub(crate) fn permutations(level: f64) -> u32 {
    (5.0 / level).ceil().clamp(100.0, 5e7) as u32
}

/// Divides the values, which begin at `from` of the series, at `known` or at the place a test
/// finds, and both parts likewise.
fn split(values: &[f64], from: usize, known: Option<usize>, level: f64, found: &mut Vec<usize>) {
    let at = known.or_else(|| {
        let mut test = Test::of(values)?;
        test.permute(permutations(level));
        (test.p() <= level).then_some(test.split)
    });
    let Some(at) = at else { return };
    found.push(from + at);
    split(&values[..at], from, None, level, found);
    split(&values[at..], from + at, None, level, found);
}

/// Moves each step to the best place between its neighbours: an interval may have seen a part only.
fn settle(values: &[f64], steps: &mut [usize]) {
    for nth in 0..steps.len() {
        let from = if nth == 0 { 0 } else { steps[nth - 1] };
        let to = steps.get(nth + 1).copied().unwrap_or(values.len());
        if let Some((_, at)) = best(&sums(&clipped(&values[from..to])), 0, to - from) {
            steps[nth] = from + at;
        }
    }
}

/// The largest statistic and its place; `None` if all values are equal or they are too few.
fn peak(values: &[f64], intervals: &[(usize, usize)]) -> Option<(f64, usize)> {
    let noise = noise(values)?;
    let sums = sums(values);
    let mut peak: Option<(f64, usize)> = None;
    for &(from, to) in intervals {
        if let Some((found, at)) = best(&sums, from, to)
            && peak.is_none_or(|(known, _)| found > known)
        {
            peak = Some((found, at));
        }
    }
    peak.map(|(found, at)| (found / noise, at))
}

/// The largest scaled difference of means within an interval, and its place.
fn best(sums: &[f64], from: usize, to: usize) -> Option<(f64, usize)> {
    let mut best: Option<(f64, usize)> = None;
    for at in from + SHORTEST..(to + 1).saturating_sub(SHORTEST) {
        let (left, right) = ((at - from) as f64, (to - at) as f64);
        let means = (sums[to] - sums[at]) / right - (sums[at] - sums[from]) / left;
        let scaled = means.abs() * (left * right / (left + right)).sqrt();
        if best.is_none_or(|(known, _)| scaled > known) {
            best = Some((scaled, at));
        }
    }
    best
}

fn sums(values: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let running = values.iter().map(|value| {
        sum += value;
        sum
    });
    std::iter::once(0.0).chain(running).collect()
}

/// The spread of the values around their level, from the differences of neighbours: a step is in
/// one of them only, and in a permutation in many. `None` if all values are equal.
fn noise(values: &[f64]) -> Option<f64> {
    let differences = values.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    let noise = differences.sum::<f64>() / values.len() as f64;
    (noise > 0.0).then_some(noise)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(values: &[f64], level: f64) -> Vec<usize> {
        let Some(mut test) = Test::of(values) else { return Vec::new() };
        test.permute(permutations(level));
        if test.p() <= level { test.steps(level) } else { Vec::new() }
    }

    /// Noise of this deviation around levels that begin at these places.
    fn series(seed: u64, n: usize, deviation: f64, levels: &[(usize, f64)]) -> Vec<f64> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut normal = || {
            let uniform = |r: &mut ChaCha8Rng| (r.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            (0..12).map(|_| uniform(&mut random)).sum::<f64>() - 6.0
        };
        let level =
            |at| levels.iter().rev().find(|(from, _)| at >= *from).map_or(0.0, |(_, level)| *level);
        (0..n).map(|at| level(at) + deviation * normal()).collect()
    }

    #[test]
    fn intervals_cover_the_series_and_have_room_for_a_step() {
        for n in [0, 5, 6, 7, 12, 40, 200] {
            let all = intervals(n);
            assert_eq!(all.is_empty(), n < 2 * SHORTEST);
            assert!(all.iter().all(|(from, to)| *to <= n && to - from >= 2 * SHORTEST), "{all:?}");
            assert!(all.is_empty() || all[0] == (0, n));
        }
    }

    #[test]
    fn a_step_is_found_where_it_is() {
        for at in [4, 20, 36] {
            for sign in [1.0, -1.0] {
                let found = steps(&series(3, 40, 0.01, &[(at, sign * 0.06)]), 0.001);
                assert!(found.len() == 1 && found[0].abs_diff(at) <= 1, "{found:?}, not {at}");
            }
        }
    }

    #[test]
    fn steps_that_undo_each_other_do_not_hide_each_other() {
        let found = steps(&series(5, 40, 0.01, &[(15, 0.06), (25, 0.0)]), 0.001);
        assert_eq!(found, [15, 25]);
    }

    #[test]
    fn values_without_noise_have_exact_steps() {
        let mut values = vec![1.0; 30];
        assert!(steps(&values, 0.001).is_empty());
        values[12..].fill(1.5);
        assert_eq!(steps(&values, 0.001), [12]);
        assert!(steps(&values[..5], 0.001).is_empty());
        assert!(steps(&[], 0.001).is_empty());
    }

    #[test]
    fn one_late_run_is_no_step_and_hides_none() {
        let mut values = series(7, 40, 0.01, &[]);
        values[17] += 1.0;
        assert!(steps(&values, 0.001).is_empty());
        let mut values = series(8, 40, 0.01, &[(25, 0.04)]);
        values[17] -= 0.3;
        values[31] += 0.2;
        assert_eq!(steps(&values, 0.001), [25]);
        // Nor does a level that most values do not have.
        let found = steps(&series(9, 40, 0.01, &[(20, 0.5), (30, 1.0)]), 0.001);
        assert_eq!(found, [20, 30]);
    }
}
