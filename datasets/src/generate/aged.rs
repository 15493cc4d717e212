//! Rows of earlier days, none of which is left in the end: they fill the whole file, and while
//! newer rows come, age pruning takes them day by day. So the newer rows are spread over the file,
//! with free pages between them, as in a real file that was written to for weeks and less in the
//! last ones.

use tracerig_store::MAX_AGE_DAYS;
use tracerig_store::schema::PAGE_SIZE;

use super::{ACTIVE, Run};
use crate::batch::NANOS;
use crate::dice::Dice;
use crate::generate::filler::{Planned, Process};
use crate::generate::held::Totals;

/// With fewer free pages, filling the file beforehand would not pay; they are at its end.
pub(super) const LEAST_FREE_PERCENT: u64 = 10;

/// Times that a process starts and prunes, over the span of a dataset.
const START_UPS: i64 = 400;

/// Rows of a partition, at most; fewer than retention keeps.
const PARTITION_ROWS: u64 = 900;

/// While this many pages are missing, the database is asked for its pages now and then only.
const FAR_PAGES: u64 = 10_000;
const FAR_BATCHES: u64 = 16;

/// Pages that are left to be added at the end, so that the last batch does not make the file too
/// large.
const SPARE_PAGES: u64 = 128;

impl Run<'_> {
    /// Fills the file with rows that will be too old at some time of the dataset's span.
    pub(super) fn earlier_days(&mut self) -> Option<()> {
        let begin = self.start - MAX_AGE_DAYS * 86_400 * NANOS - self.span / 20;
        // The first rows go before the first new ones come, and the last ones before the last.
        let span = self.span * 97 / 100;
        let mut dice = Dice::new(self.seed, "earlier-days", 0);
        let mut active: Vec<Process> = Vec::new();
        let (mut opened, mut totals) = (0, Totals::default());
        let mut pages = self.outlet.used()?.pages;
        loop {
            let missing = self.goal.pages.saturating_sub(pages);
            if missing <= SPARE_PAGES {
                break;
            }
            self.rows.limit((missing * u64::from(PAGE_SIZE) / 256).max(1_000));
            for _ in 0..if missing > FAR_PAGES { FAR_BATCHES } else { 1 } {
                let done = 1.0 - missing as f64 / self.goal.pages as f64;
                let now = begin + (span as f64 * done) as i64;
                while active.len() < ACTIVE {
                    opened += 1;
                    let partitions = self.earlier_partitions(&mut dice);
                    let process = Dice::new(self.seed, "earlier-process", opened);
                    active.push(Process::start(now, &partitions, &self.rows, process));
                }
                let at = usize::try_from(dice.below(active.len() as u64)).unwrap_or(0);
                active[at].write(now, &mut self.rows, None, &mut totals, &mut self.batch);
                self.send()?;
                if active[at].left() == 0 {
                    active.swap_remove(at);
                }
            }
            pages = self.outlet.used()?.pages;
        }
        self.aged = self.sent;
        self.rows.limit(u64::MAX);
        self.outlet.grow(self.goal.pages)
    }

    fn earlier_partitions(&self, dice: &mut Dice) -> Vec<Planned> {
        let threads = dice.between(1, self.recipe.threads_per_process);
        (0..=threads)
            .map(|_| {
                let rows = dice.between(80, PARTITION_ROWS);
                Planned { written: rows, kept: rows }
            })
            .collect()
    }

    /// Lets a process start at a time (nanoseconds) if one is due: what is too old then goes.
    pub(super) fn start_up(&mut self, now: i64) -> Option<()> {
        if !self.goal.aged || now < self.started_up.saturating_add(self.span / START_UPS) {
            return Some(());
        }
        self.started_up = now;
        self.outlet.start_up(now.div_euclid(NANOS))
    }
}
