//! Keeping account of a scan while it runs: where the time goes and what was read.

use std::time::{Duration, Instant};

use crate::answer::Phases;
use crate::rows::{Lookup, Read, Reader};

/// The account of one scan.
#[derive(Debug)]
pub(crate) struct Work {
    /// Rows examined.
    pub(crate) read: Read,
    /// Turn rows among them.
    pub(crate) turn_rows: u64,
    /// The turns of these.
    pub(crate) turns_seen: u64,
    /// Remembered rows looked up.
    pub(crate) rows_checked: u64,
    /// Whether one of the rows examined looked damaged.
    pub(crate) doubtful: bool,
    /// Virtual-machine steps of both.
    pub(crate) vm_steps: u64,
    /// Where the time went so far.
    pub(crate) elapsed: Phases,
    lap: Instant,
}

impl Work {
    /// An empty account; the first lap begins.
    pub(crate) fn start() -> Self {
        Self {
            read: Read::default(),
            turn_rows: 0,
            turns_seen: 0,
            rows_checked: 0,
            doubtful: false,
            vm_steps: 0,
            elapsed: Phases::default(),
            lap: Instant::now(),
        }
    }

    /// Books the time since the last lap to a phase.
    pub(crate) fn lap(&mut self, phase: impl FnOnce(&mut Phases) -> &mut Duration) {
        let now = Instant::now();
        *phase(&mut self.elapsed) += now - self.lap;
        self.lap = now;
    }

    /// Books what a look-up did in all.
    pub(crate) fn add_lookup(&mut self, lookup: &Lookup<'_>) {
        self.rows_checked += lookup.rows();
        self.vm_steps += lookup.vm_steps();
    }

    /// Books what a reader did in all.
    pub(crate) fn add_reader(&mut self, reader: &Reader<'_>) {
        self.read += reader.read();
        self.doubtful |= reader.is_doubtful();
        self.turn_rows += reader.turn_rows().rows();
        self.vm_steps += reader.vm_steps();
    }
}
