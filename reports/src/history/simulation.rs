//! How often steps are found in unchanged code, and whether planted ones are found where they are.
//!
//! `cargo test -p tracerig-reports --lib history::simulation -- --nocapture` prints the figures.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::tests::{commit, entry};
use super::*;
use crate::stats;

const COMMITS: usize = 40;
const ARMS: [&str; 6] =
    ["published-hot", "full-hot", "cold-hot", "warm-hot", "unchanged-hot", "pruned-hot"];

/// Ratios as runs give them: the median of ten rounds. A run as a whole is off, because code and
/// pages are placed anew; a round by 4 %; every twentieth round is late by up to a half.
struct Noise {
    random: ChaCha8Rng,
    /// How far a run as a whole is off: 0.01 is 1 %.
    of_run: f64,
}

impl Noise {
    fn uniform(&mut self) -> f64 {
        (self.random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    fn ratio(&mut self, true_ratio: f64) -> f64 {
        let of_run = self.of_run * self.normal();
        let rounds: Vec<f64> = (0..10)
            .map(|_| {
                let late = if self.uniform() < 0.05 { 0.5 * self.uniform() } else { 0.0 };
                of_run + 0.04 * self.normal() + late
            })
            .collect();
        true_ratio * stats::median(&rounds).unwrap().exp()
    }
}

/// A history of these arms, with so many runs of each commit, each off by `of_run`; `slower` is 6 %
/// slower from the commit on, and a row more is examined from the other.
fn history(seed: u64, planted: Option<(usize, usize)>, runs: usize, of_run: f64) -> Files {
    let mut noise = Noise { random: ChaCha8Rng::seed_from_u64(seed), of_run };
    let of = |nth: usize| {
        let (slower, row) = planted.unwrap_or((usize::MAX, usize::MAX));
        let ratios: Vec<(&str, f64)> = ARMS
            .iter()
            .enumerate()
            .map(|(at, arm)| {
                let planted = if *arm == "warm-hot" && nth >= slower { 1.06 } else { 1.0 };
                (*arm, noise.ratio(planted * (at + 1) as f64 * 1.3))
            })
            .collect();
        entry(commit(nth), &[("warm-hot", "rows_examined", 200 + u64::from(nth >= row))], &ratios)
    };
    let each = (0..COMMITS).flat_map(|nth| std::iter::repeat_n(nth, runs));
    Files { entries: each.map(of).collect(), ..Files::default() }
}

#[test]
fn unchanged_code_has_no_steps() {
    let histories = 200;
    let false_steps: Vec<usize> = (0..histories)
        .map(|seed| Judged::of(&history(1_000 + seed, None, 1, 0.01), Rules::default()).steps.len())
        .collect();
    let with = false_steps.iter().filter(|steps| **steps > 0).count();
    println!(
        "{histories} histories of {COMMITS} commits and {} ratios without a change: {with} with a \
         false step",
        ARMS.len()
    );
    // 1 % of 200.
    assert!(with <= 2, "{with} of {histories}");
}

#[test]
fn planted_steps_are_found_where_they_are() {
    let (mut exact, mut near, mut false_steps) = (0, 0, 0);
    let repetitions = 20;
    for seed in 0..repetitions {
        let (slower, row) = (8 + (seed as usize * 5) % 25, 3 + (seed as usize * 7) % 34);
        let planted = history(seed, Some((slower, row)), 1, 0.01);
        let judged = Judged::of(&planted, Rules::default());
        for step in &judged.steps {
            let is_slower = step.series == "relaunch/quick/warm-hot/of_floor";
            match step.kind {
                Kind::Counter if step.at == row && step.since_parent => exact += 1,
                Kind::Ratio if is_slower && step.at.abs_diff(slower) <= 2 => near += 1,
                _ => false_steps += 1,
            }
        }
    }
    println!(
        "{repetitions} histories with a row more and a 6 % slowdown: {exact} rows exactly, {near} \
         slowdowns within two commits, {false_steps} false steps"
    );
    assert_eq!((exact, near), (repetitions, repetitions));
    assert!(false_steps <= 1, "{false_steps}");
}

/// More samples do not help where runs differ: each is off as a whole.
#[test]
fn several_runs_of_a_commit_find_what_noise_between_runs_hides() {
    let repetitions = 60;
    let near = [1, 2, 3].map(|runs| {
        let found = (0..repetitions).filter(|&seed| {
            let (slower, row) = (8 + (seed as usize * 5) % 25, 3 + (seed as usize * 7) % 34);
            let planted = history(2_000 + seed, Some((slower, row)), runs, 0.02);
            Judged::of(&planted, Rules::default()).steps.iter().any(|step| {
                step.series == "relaunch/quick/warm-hot/of_floor" && step.at.abs_diff(slower) <= 2
            })
        });
        found.count()
    });
    println!(
        "{repetitions} histories with a 6 % slowdown and runs that differ by 2 %: {near:?} within \
         two commits, with one, two and three runs of a commit"
    );
    assert!(near[0] < near[1] && near[1] <= near[2] && near[2] * 10 >= 60 * 9, "{near:?}");
}
