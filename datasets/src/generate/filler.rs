//! Processes without facts: how many rows each of their partitions gets and keeps, and writing
//! them.

use std::sync::Arc;

use crate::batch::{BATCH_ROWS, Batch, NANOS};
use crate::dice::Dice;
use crate::generate::held::{Held, Totals};
use crate::levels::Counts;
use crate::rows::{RowWriter, Thread, process_uuid};

/// A thread, or the rows of a process that have none.
#[derive(Debug)]
struct Partition {
    thread: Option<Thread>,
    /// Rows still to be written.
    left: u64,
    held: Held,
}

/// A process that writes ordinary rows.
#[derive(Debug)]
pub(crate) struct Process {
    uuid: Arc<str>,
    partitions: Vec<Partition>,
    dice: Dice,
    /// Time of its last row.
    last: i64,
}

/// How many rows a partition is given, and how many of them retention is to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) written: u64,
    pub(crate) kept: u64,
}

impl Process {
    /// A process that starts at a time (nanoseconds) and fills the first partition without a
    /// thread, the others with one.
    pub(crate) fn start(at: i64, plan: &[Planned], rows: &RowWriter, mut dice: Dice) -> Self {
        let uuid = process_uuid(&mut dice);
        let partitions = plan.iter().enumerate().map(|(position, planned)| Partition {
            thread: (position > 0).then(|| Thread::start(at, rows.shapes, &mut dice)),
            left: planned.written,
            held: Held::default(),
        });
        let partitions = partitions.collect();
        Self { uuid, partitions, dice, last: at }
    }

    /// Writes its next batch, with rows up to about the time `now`.
    /// Where `missing` tells how many rows of each level there are to be, they are of those levels.
    pub(crate) fn write(
        &mut self,
        now: i64,
        rows: &mut RowWriter,
        mut missing: Option<&mut Counts>,
        totals: &mut Totals,
        batch: &mut Batch,
    ) {
        let count = self.left().min(BATCH_ROWS as u64);
        // A sink collects what two seconds bring; a process that was quiet did not log since.
        let from = self.last.max(now - 2 * NANOS) + 1;
        let step = (now - from).max(0) / i64::try_from(BATCH_ROWS).unwrap_or(1);
        for at in 0..count {
            let at = from
                + step * i64::try_from(at).unwrap_or(0)
                + i64::try_from(self.dice.below(900)).unwrap_or(0);
            let at = at.max(self.last + 1);
            let at_level = missing.as_mut().and_then(|missing| self.by_level(missing, rows));
            let Some(position) = at_level.or_else(|| self.by_rows_left(|_| true)) else { return };
            if self.partitions[position].left == 0 {
                // It writes in place of another one.
                let fullest = self.partitions.iter_mut().max_by_key(|partition| partition.left);
                fullest.into_iter().for_each(|partition| partition.left -= 1);
                self.partitions[position].left += 1;
            }
            let partition = &mut self.partitions[position];
            let weight = match &mut partition.thread {
                Some(thread) => rows.thread_row(thread, &self.uuid, at, &mut self.dice, batch),
                None => rows.process_row(&self.uuid, at, &mut self.dice, batch),
            };
            partition.held.push(weight, totals);
            partition.left -= 1;
            self.last = at;
        }
    }

    /// Draws one of some partitions by the rows that they have left; none when they have none.
    fn by_rows_left(&mut self, among: impl Fn(&Partition) -> bool) -> Option<usize> {
        let left = |partition: &Partition| if among(partition) { partition.left } else { 0 };
        let mut draw = self.dice.below(self.partitions.iter().map(left).sum());
        self.partitions.iter().position(|partition| {
            let here = draw < left(partition);
            draw = draw.saturating_sub(left(partition));
            here
        })
    }

    /// Draws a level by the rows missing of it, sets the writer to it, and draws a partition that
    /// has such rows.
    fn by_level(&mut self, missing: &mut Counts, rows: &mut RowWriter) -> Option<usize> {
        let mut draw = self.dice.below(missing.iter().sum());
        let level = missing.iter().position(|missing| {
            let here = draw < *missing;
            draw = draw.saturating_sub(*missing);
            here
        })?;
        missing[level] -= 1;
        rows.draw_level(level);
        let (in_threads, in_process) = rows.can_stand_at(level);
        let can = |partition: &Partition| {
            if partition.thread.is_some() { in_threads } else { in_process }
        };
        self.by_rows_left(can).or_else(|| {
            let able = (0..self.partitions.len()).filter(|at| can(&self.partitions[*at]));
            able.min_by_key(|at| self.partitions[*at].held.rows())
        })
    }

    /// Rows still to be written.
    pub(crate) fn left(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.left).sum()
    }

    /// Rows that retention kept so far.
    pub(crate) fn kept(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.held.rows()).sum()
    }

    /// The process and its threads.
    pub(crate) fn writer(&self) -> (String, Vec<String>) {
        let threads = self.partitions.iter().filter_map(|partition| partition.thread.as_ref());
        (self.uuid.to_string(), threads.map(|thread| thread.id.to_string()).collect())
    }
}
