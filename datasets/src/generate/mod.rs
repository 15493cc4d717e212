//! The generator: turns a recipe into batches of rows, steering towards its rows and its file size.
//!
//! Processes without facts fill the dataset; those with facts come at separate times. The last few
//! percent of the rows are written looking at the file itself, so that rows are met exactly and
//! pages nearly.

mod aged;
mod facts;
mod filler;
mod goal;
mod held;
mod odd;
mod plan;

use tracerig_store::schema::PAGE_SIZE;

use crate::batch::{Batch, NANOS};
use crate::dice::Dice;
use crate::error::Result;
use crate::generate::facts::Facts;
use crate::generate::filler::{Planned, Process};
use crate::generate::goal::{BODY_FACTOR, Fixed, ROW_BYTES};
use crate::generate::held::Totals;
use crate::generate::plan::{Census, FillPlan, TAIL_ROWS, tail_partitions};
use crate::levels::{self, Counts};
use crate::manifest::Continuation;
use crate::recipe::Recipe;
use crate::rows::RowWriter;

pub(crate) use goal::{Goal, check};

/// First second of every dataset, Unix time: 28 May 2026.
pub(crate) const START: i64 = 1_780_000_000;

/// Processes that write at the same time.
const ACTIVE: usize = 5;

/// What the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) rows: u64,
    /// Pages that are not free.
    pub(crate) pages: u64,
}

/// Where batches go.
pub(crate) trait Outlet {
    /// Takes a batch and gives an empty one. `None` ends the generator: nobody wants its rows any
    /// more.
    fn send(&mut self, batch: Batch) -> Option<Batch>;

    /// Prunes rows for their age, as a process does that starts at `now` (Unix seconds).
    fn start_up(&mut self, now: i64) -> Option<()>;

    /// Gives the file this many pages where it has fewer; the new ones are free.
    fn grow(&mut self, pages: u64) -> Option<()>;

    /// What the database holds once everything sent is in it.
    fn used(&mut self) -> Option<Used>;
}

/// Writes all batches of a dataset to the outlet. `None` when the outlet wanted no more.
///
/// # Errors
/// [`DatasetError::ScaleTooSmall`] before anything is sent.
pub(crate) fn generate(
    recipe: &Recipe,
    seed: u64,
    scale: f64,
    outlet: &mut dyn Outlet,
) -> Result<Option<Continuation>> {
    let start = START * NANOS;
    let mut rows = RowWriter::new(recipe, seed)?;
    let fixed = Fixed::measure(recipe, seed, start, &mut rows)?;
    let goal = Goal::new(recipe, scale);
    fixed.check(recipe, scale, &goal)?;
    let facts = Facts::plan(recipe, rows.shapes, seed, start)?;
    let span = i64::try_from(recipe.span_hours).unwrap_or(0) * 3600 * NANOS;
    let mut run = Run {
        recipe,
        seed,
        goal,
        scale,
        kept: fixed.totals.levels,
        start,
        span,
        fixed,
        rows,
        facts,
        outlet,
        batch: Batch::default(),
        opened: 0,
        sent: 0,
        aged: 0,
        started_up: i64::MIN,
        last: start,
    };
    Ok(run.all())
}

struct Run<'a> {
    recipe: &'a Recipe,
    seed: u64,
    goal: Goal,
    scale: f64,
    /// Rows in the database by level, as far as retention was reckoned.
    kept: Counts,
    start: i64,
    span: i64,
    fixed: Fixed,
    rows: RowWriter,
    facts: Facts,
    outlet: &'a mut dyn Outlet,
    batch: Batch,
    /// Processes without facts started so far.
    opened: u64,
    /// Rows written so far.
    sent: u64,
    /// Rows written of earlier days.
    aged: u64,
    /// When rows were pruned last for their age.
    started_up: i64,
    /// Time of the latest row.
    last: i64,
}

impl Run<'_> {
    fn all(&mut self) -> Option<Continuation> {
        if self.goal.aged {
            self.earlier_days()?;
        }
        if self.recipe.oddities {
            odd::write(&mut self.rows, self.seed, self.start, &mut self.batch);
            self.send()?;
        }
        let mut writers: Vec<_> = self.facts.writers().collect();
        self.fill(&mut writers)?;
        while self.facts.due().is_some() {
            self.send_facts()?;
        }
        self.tail(&mut writers)?;
        // The latest ones go on; the one with the last facts among them.
        let processes = writers.split_off(writers.len().saturating_sub(4));
        Some(Continuation { last_ts: self.last.div_euclid(NANOS), processes })
    }

    /// Writes most of the ordinary rows, by several processes at a time, with the facts in between.
    fn fill(&mut self, writers: &mut Vec<(String, Vec<String>)>) -> Option<()> {
        let fixed = self.fixed.totals;
        let tail = (self.goal.rows / 25).max(64).min(self.goal.rows.saturating_sub(fixed.rows));
        let wanted = self.goal.rows.saturating_sub(fixed.rows + tail);
        // What retention is to take of these rows, so that it is enough in all.
        let excess =
            self.goal.written.saturating_sub(self.goal.rows + (fixed.written - fixed.rows));
        let room = (self.goal.used_pages * u64::from(PAGE_SIZE)) as f64
            * (1.0 - tail as f64 / self.goal.rows as f64)
            - fixed.bytes as f64 * BODY_FACTOR
            - fixed.rows as f64 * ROW_BYTES;
        let mut dice = Dice::new(self.seed, "fill", 0);
        let census = Census::of(self.recipe, self.scale, wanted, tail);
        let mut plan = FillPlan {
            wanted,
            excess,
            planned: 0,
            exceeding: 0,
            threads: self.recipe.threads_per_process,
            census,
        };
        let thread_share = census.map_or_else(
            || 1.0 - 2.0 / (3.0 + self.recipe.threads_per_process as f64),
            Census::thread_share,
        );
        let (mut active, mut totals): (Vec<(u64, Process)>, _) = (Vec::new(), Totals::default());
        let expected = (wanted + excess).max(1);
        let mut now = self.start;
        loop {
            let progress = (totals.written as f64 / expected as f64).min(1.0);
            // Now and then two processes write at the same moment, so that their times interleave
            // and step back.
            if !dice.chance(150) {
                now = self.start + (self.span as f64 * 0.97 * progress) as i64;
            }
            self.start_up(now)?;
            while self.facts.due().is_some_and(|due| due <= now) {
                self.send_facts()?;
            }
            while active.len() < ACTIVE && plan.goes_on() {
                let partitions = plan.process(&mut dice);
                let kept = partitions.iter().map(|planned| planned.kept).sum();
                active.push((kept, self.open(now, &partitions)));
            }
            self.kept = std::array::from_fn(|level| fixed.levels[level] + totals.levels[level]);
            if active.is_empty() {
                return Some(());
            }
            if let Some(levels) = self.goal.levels {
                self.rows.steer(thread_share, levels::missing(levels, self.kept));
            }
            let left = (wanted.saturating_sub(totals.rows)).max(1) as f64;
            let bytes = room - totals.bytes as f64 * BODY_FACTOR - totals.rows as f64 * ROW_BYTES;
            // Far from the end the mean hardly moves; near it a few rows cannot make up for all
            // others.
            let mean = if left > wanted as f64 / 10.0 {
                (bytes / left - ROW_BYTES) / BODY_FACTOR
            } else {
                f64::NAN
            };
            if mean.is_finite() {
                self.rows.aim(mean, u64::MAX);
            }
            let at = usize::try_from(dice.below(active.len() as u64)).unwrap_or(0);
            active[at].1.write(now, &mut self.rows, None, &mut totals, &mut self.batch);
            self.raise((fixed.rows + totals.rows) as f64 / self.goal.rows as f64);
            self.send()?;
            if active[at].1.left() == 0 {
                let (kept, process) = active.swap_remove(at);
                // Where a partition was full before it had its rows, others make up for it.
                plan.planned = plan.planned.saturating_sub(kept.saturating_sub(process.kept()));
                writers.push(process.writer());
            }
        }
    }

    /// Writes the last rows, batch by batch so large that the file gets its size.
    fn tail(&mut self, writers: &mut Vec<(String, Vec<String>)>) -> Option<()> {
        let mut totals = Totals::default();
        let begin = self.last.max(self.start + self.span * 97 / 100);
        self.start_up(begin)?;
        let mut used = self.outlet.used()?;
        let first = self.goal.rows.saturating_sub(used.rows).max(1);
        while used.rows < self.goal.rows {
            let mut left = self.goal.rows - used.rows;
            let one_by_one = (0..=self.recipe.threads_per_process).map_while(|_| {
                let written = left.min(TAIL_ROWS);
                left -= written;
                (written > 0).then_some(Planned { written, kept: written })
            });
            let counted = self.goal.levels.is_some() || self.recipe.threads.is_some();
            let partitions = if counted { tail_partitions(left) } else { one_by_one.collect() };
            let mut process = self.open(begin, &partitions);
            while process.left() > 0 {
                let left = self.goal.rows.saturating_sub(used.rows);
                let bytes = self.goal.used_pages.saturating_sub(used.pages) * u64::from(PAGE_SIZE);
                let mean = (bytes as f64 / left.max(1) as f64 - ROW_BYTES) / BODY_FACTOR;
                self.rows.aim(mean, (bytes / 16).max(1_000));
                let done = (first - left.min(first)) as f64 / first as f64;
                let end = self.start + self.span;
                let now = begin + ((end - begin) as f64 * done) as i64;
                let mut missing = self.goal.levels.map(|levels| {
                    let kept = std::array::from_fn(|level| self.kept[level] + totals.levels[level]);
                    levels::missing(levels, kept)
                });
                process.write(now, &mut self.rows, missing.as_mut(), &mut totals, &mut self.batch);
                if left <= self.batch.len() as u64 {
                    self.raise_to_end();
                } else {
                    self.raise(used.rows as f64 / self.goal.rows as f64);
                }
                self.send()?;
                used = self.outlet.used()?;
            }
            writers.push(process.writer());
        }
        Some(())
    }

    fn open(&mut self, at: i64, partitions: &[Planned]) -> Process {
        self.opened += 1;
        Process::start(at, partitions, &self.rows, Dice::new(self.seed, "process", self.opened))
    }

    fn send_facts(&mut self) -> Option<()> {
        // The same rows were written once to be measured, so this cannot fail any more.
        self.facts.write(&mut self.rows, &mut self.batch, &mut |_, _| {}).ok()?;
        self.send()
    }

    fn send(&mut self) -> Option<()> {
        if self.batch.is_empty() {
            return Some(());
        }
        self.last = self.last.max(self.batch.latest());
        self.sent += self.batch.len() as u64;
        let full = std::mem::take(&mut self.batch);
        self.batch = self.outlet.send(full)?;
        Some(())
    }

    /// Leaves ids out before the batch, as far as the dataset has come.
    fn raise(&mut self, progress: f64) {
        let fixed = self.fixed.totals;
        let planned =
            self.aged + self.goal.written.max(self.goal.rows + fixed.written - fixed.rows);
        self.batch.raise_to = self.goal.max_id.map(|id| {
            let spare = u64::try_from(id).unwrap_or(0).saturating_sub(planned);
            // A little short of the end: retention may take more rows than planned, and others take
            // their place.
            let gaps = (spare as f64 * progress.min(1.0) * 0.99) as u64;
            i64::try_from(self.sent + gaps).unwrap_or(i64::MAX)
        });
    }

    fn raise_to_end(&mut self) {
        let rows = i64::try_from(self.batch.len()).unwrap_or(0);
        self.batch.raise_to = self.goal.max_id.map(|id| id - rows);
    }
}
