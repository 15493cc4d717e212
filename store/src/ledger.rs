//! What every partition holds, kept in memory, so that bulk loading finds the rows to prune without
//! asking SQLite.

use std::collections::{HashMap, VecDeque};

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
#[derive(Debug)]
pub(crate) struct Ledger {
    /// The first one is that of the rows with neither thread nor process.
    holdings: Vec<Holding>,
    /// Positions in `holdings`, by thread, and by process of the rows without one.
    threads: HashMap<String, usize>,
    processes: HashMap<String, usize>,
}

impl Ledger {
    fn empty() -> Self {
        Self {
            holdings: vec![Holding::default()],
            threads: HashMap::new(),
            processes: HashMap::new(),
        }
    }

    fn holding(&mut self, partition: Partition<'_>) -> &mut Holding {
        let (known, name) = match partition {
            Partition::Threadless(None) => return &mut self.holdings[0],
            Partition::Threadless(Some(process)) => (&mut self.processes, process),
            Partition::Thread(thread) => (&mut self.threads, thread),
        };
        // Asked for every row: a name is copied only when it is new.
        let at = known.get(name).copied().unwrap_or_else(|| {
            known.insert(name.to_owned(), self.holdings.len());
            self.holdings.push(Holding::default());
            self.holdings.len() - 1
        });
        &mut self.holdings[at]
    }

    /// Reads what the database holds.
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut ledger = Self::empty();
        let sql = "SELECT ts, ts_nanos, id, estimated_bytes, thread_id, process_uuid FROM logs";
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (thread, process): (Option<String>, Option<String>) = (row.get(4)?, row.get(5)?);
            let partition = thread
                .as_deref()
                .map_or(Partition::Threadless(process.as_deref()), Partition::Thread);
            let entry = Entry {
                ts: row.get(0)?,
                ts_nanos: row.get(1)?,
                id: row.get(2)?,
                bytes: row.get(3)?,
            };
            ledger.holding(partition).insert(entry);
        }
        Ok(ledger)
    }

    /// Notes an inserted row.
    pub(crate) fn insert(&mut self, row: &LogRow<'_>, id: i64, bytes: i64) {
        let entry = Entry { ts: row.ts, ts_nanos: row.ts_nanos, id, bytes };
        self.holding(Partition::of(row)).insert(entry);
    }

    /// Takes the rows past the limits out of a partition and returns their ids.
    pub(crate) fn prune(&mut self, partition: Partition<'_>, limits: Retention) -> Vec<i64> {
        let holding = self.holding(partition);
        let mut gone = Vec::new();
        // Weights are never negative, so the rows past a cumulative limit are always the oldest
        // ones.
        while holding.entries.len() > limits.rows || holding.bytes > limits.bytes {
            let Some(oldest) = holding.entries.pop_front() else { break };
            holding.bytes -= oldest.bytes;
            gone.push(oldest.id);
        }
        gone
    }

    /// Takes out all rows with a `ts` below a limit.
    pub(crate) fn forget_older(&mut self, cutoff_ts: i64) {
        for holding in &mut self.holdings {
            let gone = holding.entries.partition_point(|entry| entry.ts < cutoff_ts);
            holding.bytes -= holding.entries.drain(..gone).map(|entry| entry.bytes).sum::<i64>();
        }
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
