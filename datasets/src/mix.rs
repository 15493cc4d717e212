//! Kinds of rows with their weights: drawing one, as often as the recipe says or so that levels are
//! met.

use crate::dice::Dice;
use crate::levels::{self, Counts};
use crate::recipe::{Share, Sizes};
use crate::shapes::{Shape, Shapes};

/// A kind of row in a mix.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) shape: &'static Shape,
    pub(crate) bytes: Sizes,
    pub(crate) stretch: bool,
    weight: u64,
    level: usize,
}

/// Kinds of rows with their weights.
#[derive(Debug)]
pub(crate) struct Mix {
    entries: Vec<Entry>,
    natural: Scale,
    /// The weights that were changed to meet levels; empty until then.
    steered: Scale,
}

/// Weights as running sums.
#[derive(Debug, Default)]
struct Scale {
    below: Vec<u64>,
}

impl Scale {
    fn of(weights: impl Iterator<Item = u64>) -> Self {
        let mut total = 0;
        let below = weights.map(|weight| {
            total += weight;
            total
        });
        Self { below: below.collect() }
    }

    fn total(&self) -> u64 {
        self.below.last().copied().unwrap_or(0)
    }

    fn draw(&self, dice: &mut Dice) -> usize {
        let at = dice.below(self.total());
        self.below.partition_point(|below| *below <= at)
    }
}

/// How a kind is to be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Draw {
    /// By the weights of the recipe.
    Natural,
    /// By the weights set last with [`Mix::steer`].
    Steered,
    /// One of a level, if the mix has any.
    Level(usize),
}

impl Mix {
    pub(crate) fn new(shares: &[Share], shapes: &'static Shapes) -> Self {
        let entries = shares.iter().filter_map(|share| {
            let shape = &shapes.all[shapes.find(&share.kind)?];
            let level = levels::position(&shape.level);
            Some(Entry {
                shape,
                bytes: share.bytes,
                stretch: share.stretch,
                weight: share.weight,
                level,
            })
        });
        let entries: Vec<Entry> = entries.collect();
        let natural = Scale::of(entries.iter().map(|entry| entry.weight));
        Self { entries, natural, steered: Scale::default() }
    }

    pub(crate) fn draw(&self, draw: Draw, dice: &mut Dice) -> &Entry {
        let at = match draw {
            Draw::Level(level) if self.weights()[level] > 0.0 => {
                let weight = |entry: &Entry| if entry.level == level { entry.weight } else { 0 };
                Scale::of(self.entries.iter().map(weight)).draw(dice)
            }
            Draw::Steered if self.steered.total() > 0 => self.steered.draw(dice),
            _ => self.natural.draw(dice),
        };
        &self.entries[at]
    }

    /// The share of each level by the weights of the recipe.
    pub(crate) fn weights(&self) -> [f64; levels::LEVELS.len()] {
        let mut shares = [0.0; levels::LEVELS.len()];
        for entry in &self.entries {
            shares[entry.level] += entry.weight as f64 / self.natural.total() as f64;
        }
        shares
    }

    /// Multiplies the weights of each level by a factor.
    fn steer(&mut self, factors: [f64; levels::LEVELS.len()]) {
        // Whole numbers, so that the draws are the same everywhere.
        let weight = |entry: &Entry| (entry.weight as f64 * factors[entry.level] * 65_536.0) as u64;
        self.steered = Scale::of(self.entries.iter().map(weight));
    }
}

/// Sets the weights of both mixes so that, of rows of which `share` are drawn from `threads`,
/// levels come out as `wanted`.
pub(crate) fn steer(threads: &mut Mix, processes: &mut Mix, share: f64, wanted: Counts) {
    let total = wanted.iter().sum::<u64>().max(1) as f64;
    let (in_threads, in_processes) = (threads.weights(), processes.weights());
    let factors = std::array::from_fn(|level| {
        let natural = share * in_threads[level] + (1.0 - share) * in_processes[level];
        // A level that no kind has is met by facts, or not at all.
        if natural > 0.0 { (wanted[level] as f64 / total / natural).min(1e6) } else { 0.0 }
    });
    threads.steer(factors);
    processes.steer(factors);
}
