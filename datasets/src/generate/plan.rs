//! Which rows go to which process and thread: the rows to be kept, and those that retention is to
//! take.

use crate::dice::Dice;
use crate::generate::filler::Planned;
use crate::recipe::Recipe;

/// Rows kept of a full partition.
const FULL: u64 = 1000;

/// Rows of a partition that is written looking at the file; fewer than retention keeps.
pub(super) const TAIL_ROWS: u64 = 900;

/// Processes and threads still to be opened, where a recipe says how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Census {
    processes: u64,
    threads: u64,
}

impl Census {
    /// What the recipe's numbers leave to the processes without facts, of which the last one writes
    /// `tail` rows and the others `fill`: more than that where their rows would not fit.
    pub(super) fn of(recipe: &Recipe, scale: f64, fill: u64, tail: u64) -> Option<Self> {
        let scaled = |number: u64| (number as f64 * scale).round() as u64;
        let (processes, threads) = (scaled(recipe.processes?), scaled(recipe.threads?));
        let processes = processes.saturating_sub(recipe.facts.processes + 1).max(1);
        let least = fill.div_ceil(FULL).saturating_sub(processes).max(1);
        let threads = threads.saturating_sub(recipe.facts.threads + tail_threads(tail)).max(least);
        Some(Self { processes, threads })
    }

    /// Of its partitions, how many are a thread's.
    pub(super) fn thread_share(self) -> f64 {
        self.threads as f64 / (self.threads + self.processes) as f64
    }

    /// Takes the next process and returns its threads.
    fn take(&mut self, dice: &mut Dice) -> Option<u64> {
        self.processes = self.processes.checked_sub(1)?;
        let mean = self.threads / (self.processes + 1);
        let taken = if self.processes == 0 {
            self.threads
        } else {
            dice.between(mean / 2, mean + mean / 2).min(self.threads)
        };
        self.threads -= taken;
        Some(taken)
    }
}

/// The threads of the process that writes the last rows, where their number counts.
fn tail_threads(rows: u64) -> u64 {
    // A tenth below the limit: where a partition is full others make up for it.
    rows.div_ceil(TAIL_ROWS * 9 / 10).saturating_sub(1).max(1)
}

/// The partitions that `rows` last rows are spread over evenly.
pub(super) fn tail_partitions(rows: u64) -> Vec<Planned> {
    let count = 1 + tail_threads(rows);
    let share = |at| (at + 1) * rows / count - at * rows / count;
    (0..count).map(|at| Planned { written: share(at), kept: share(at) }).collect()
}

/// Hands out the rows to be kept, and those to be pruned, to partitions.
#[derive(Debug)]
pub(super) struct FillPlan {
    pub(super) wanted: u64,
    pub(super) excess: u64,
    pub(super) planned: u64,
    pub(super) exceeding: u64,
    /// Threads of a process, at most.
    pub(super) threads: u64,
    pub(super) census: Option<Census>,
}

impl FillPlan {
    /// Whether another process is to be opened.
    pub(super) fn goes_on(&self) -> bool {
        self.planned < self.wanted && self.census.is_none_or(|census| census.processes > 0)
    }

    /// The partitions of the next process.
    pub(super) fn process(&mut self, dice: &mut Dice) -> Vec<Planned> {
        let taken = self.census.as_mut().and_then(|census| census.take(dice));
        let count = 1 + taken.unwrap_or_else(|| dice.between(1, self.threads));
        let mut partitions = Vec::new();
        for at in 0..count {
            let left = self.wanted - self.planned;
            if left == 0 {
                break;
            }
            let kept = match self.census {
                Some(census) => {
                    let others = (count - at - 1) + census.processes + census.threads;
                    share(left, others, dice)
                }
                None => {
                    let short = dice.chance(250);
                    if short { dice.between(80, FULL) } else { FULL }.min(left)
                }
            };
            self.planned += kept;
            let due = (self.excess as f64 * self.planned as f64 / self.wanted as f64) as u64;
            let missing = due.saturating_sub(self.exceeding);
            // Retention takes rows of full partitions only. The last one makes good what is
            // missing.
            let written = match (kept == FULL, self.planned == self.wanted) {
                (true, false) => kept + missing / 2 + dice.below(missing + 1),
                (true, true) => kept + missing,
                (false, _) => kept,
            };
            self.exceeding += written - kept;
            partitions.push(Planned { written, kept });
        }
        partitions
    }
}

/// The rows of one of several partitions that share `left` rows, so that each of the others gets
/// some and none too many.
fn share(left: u64, others: u64, dice: &mut Dice) -> u64 {
    let (least, most) =
        (left.saturating_sub(others * FULL).max(1), left.saturating_sub(others).clamp(1, FULL));
    let mean = left / (others + 1);
    // Many are full; the others are as much shorter.
    let full = (mean * mean / FULL).min(FULL);
    let drawn = if dice.chance(full) {
        FULL
    } else {
        let rest = (mean * FULL).saturating_sub(full * FULL) / (FULL - full).max(1);
        dice.between(rest / 2, rest + rest / 2)
    };
    drawn.clamp(least.min(most), most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_share_their_rows_whatever_their_number() {
        let mut dice = Dice::new(1, "test", 0);
        for (rows, processes, threads) in
            [(103_000, 14, 139), (12_000, 3, 9), (20, 1, 4), (500, 2, 60)]
        {
            let census = Some(Census { processes, threads });
            let mut plan =
                FillPlan { wanted: rows, excess: 0, planned: 0, exceeding: 0, threads: 1, census };
            let mut opened = Vec::new();
            while plan.goes_on() {
                opened.push(plan.process(&mut dice));
            }
            assert_eq!(opened.len() as u64, processes);
            let partitions: Vec<Planned> = opened.into_iter().flatten().collect();
            assert_eq!(partitions.len() as u64, processes + threads, "{rows}");
            assert_eq!(partitions.iter().map(|planned| planned.kept).sum::<u64>(), rows);
            assert!(partitions.iter().all(|planned| (1..=FULL).contains(&planned.kept)));
        }
    }
}
