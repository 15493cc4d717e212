//! What every partition holds, kept in memory, so that bulk loading finds the rows to prune without asking SQLite.

use std::collections::{BTreeMap, VecDeque};

use rusqlite::Connection;

use crate::retention::{Partition, Retention};
use crate::row::LogRow;

/// A row's place in the order of its partition, and what it weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    ts: i64,
    ts_nanos: i64,
    id: i64,
    bytes: i64,
}

#[derive(Debug, Default)]
struct Holding {
    /// Oldest first.
    entries: VecDeque<Entry>,
    bytes: i64,
}

/// All partitions of a log.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    partitions: BTreeMap<Partition, Holding>,
}

impl Ledger {
    /// Reads what the database holds.
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut ledger = Self::default();
        let sql = "SELECT ts, ts_nanos, id, estimated_bytes, thread_id, process_uuid FROM logs";
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let partition = match row.get(4)? {
                Some(thread) => Partition::Thread(thread),
                None => Partition::Threadless(row.get(5)?),
            };
            let entry = Entry { ts: row.get(0)?, ts_nanos: row.get(1)?, id: row.get(2)?, bytes: row.get(3)? };
            ledger.partitions.entry(partition).or_default().insert(entry);
        }
        Ok(ledger)
    }

    /// Notes an inserted row.
    pub(crate) fn insert(&mut self, row: &LogRow<'_>, id: i64, bytes: i64) {
        let entry = Entry { ts: row.ts, ts_nanos: row.ts_nanos, id, bytes };
        self.partitions.entry(Partition::of(row)).or_default().insert(entry);
    }

    /// Takes the rows past the limits out of a partition and returns their ids.
    pub(crate) fn prune(&mut self, partition: &Partition, limits: Retention) -> Vec<i64> {
        let Some(holding) = self.partitions.get_mut(partition) else { return Vec::new() };
        let mut gone = Vec::new();
        // Weights are never negative, so the rows past a cumulative limit are always the oldest ones.
        while holding.entries.len() > limits.rows || holding.bytes > limits.bytes {
            let Some(oldest) = holding.entries.pop_front() else { break };
            holding.bytes -= oldest.bytes;
            gone.push(oldest.id);
        }
        gone
    }
}

impl Holding {
    fn insert(&mut self, entry: Entry) {
        self.bytes += entry.bytes;
        // Rows come almost in order of time, so the place is at the end or a few steps before it.
        let newer = self.entries.iter().rev().take_while(|other| **other > entry).count();
        self.entries.insert(self.entries.len() - newer, entry);
    }
}
