//! A batch of rows on its way from the generator to the trace log: one arena for all bodies, and
//! what the rows mean.

use std::ops::Range;
use std::sync::Arc;

use tracerig_store::{Body, LogRow};

use crate::levels;
use crate::shapes::Shape;
use crate::truth::{Fact, Intent, Ran};

/// Rows of a batch, as the Codex CLI writes them.
pub(crate) const BATCH_ROWS: usize = 128;

pub(crate) const NANOS: i64 = 1_000_000_000;

/// Where a row comes from: what is the same for all rows of a kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    /// Name of the kind, for counting.
    pub(crate) kind: &'static str,
    pub(crate) level: &'static str,
    pub(crate) target: &'static str,
    pub(crate) module: Option<&'static str>,
    pub(crate) file: Option<&'static str>,
    pub(crate) line: Option<i64>,
    pub(crate) quotes: bool,
}

impl Origin {
    pub(crate) fn of(shape: &'static Shape) -> Self {
        Self {
            kind: &shape.name,
            level: &shape.level,
            target: &shape.target,
            module: shape.module.as_deref(),
            file: shape.file.as_deref(),
            line: shape.line,
            quotes: shape.quotes,
        }
    }
}

/// What retention counts of a row, and the level it is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Weight {
    pub(crate) bytes: u64,
    /// Position of the level.
    pub(crate) level: usize,
}

/// When, and by whom, a row is written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stamp {
    /// Nanoseconds of Unix time.
    pub(crate) at: i64,
    pub(crate) thread: Option<Arc<str>>,
    pub(crate) process: Option<Arc<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    Null,
    Text,
    Blob,
}

#[derive(Debug)]
struct Row {
    stamp: Stamp,
    origin: Origin,
    storage: Storage,
    body: Range<usize>,
}

impl Row {
    fn borrow<'a>(&'a self, bodies: &'a [u8]) -> LogRow<'a> {
        let bytes = &bodies[self.body.clone()];
        LogRow {
            ts: self.stamp.at.div_euclid(NANOS),
            ts_nanos: self.stamp.at.rem_euclid(NANOS),
            level: self.origin.level,
            target: self.origin.target,
            body: match self.storage {
                Storage::Null => Body::Null,
                Storage::Text => Body::Text(bytes),
                Storage::Blob => Body::Blob(bytes),
            },
            module_path: self.origin.module,
            file: self.origin.file,
            line: self.origin.line,
            thread_id: self.stamp.thread.as_deref(),
            process_uuid: self.stamp.process.as_deref(),
        }
    }
}

/// Rows to be inserted together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bodies: Vec<u8>,
    rows: Vec<Row>,
    /// Facts by the position of their row; the id comes with the insertion.
    facts: Vec<(usize, Fact)>,
    /// Rows that turns logged, likewise.
    turn_rows: Vec<(usize, Ran)>,
    /// Ids below this one are left out before the first row.
    pub(crate) raise_to: Option<i64>,
}

impl Batch {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.bodies.clear();
        self.rows.clear();
        self.facts.clear();
        self.turn_rows.clear();
        self.raise_to = None;
    }

    /// Adds a row whose body `write` appends to the arena. Returns what it counts for in retention,
    /// and what `write` gave.
    pub(crate) fn push<T>(
        &mut self,
        origin: Origin,
        stamp: Stamp,
        storage: Storage,
        write: impl FnOnce(&mut Vec<u8>) -> T,
    ) -> (Weight, T) {
        let start = self.bodies.len();
        let given = write(&mut self.bodies);
        let body = start..self.bodies.len();
        let texts = [Some(origin.level), Some(origin.target), origin.module, origin.file];
        let bytes = body.len() + texts.into_iter().flatten().map(str::len).sum::<usize>();
        let weight = Weight { bytes: bytes as u64, level: levels::position(origin.level) };
        self.rows.push(Row { stamp, origin, storage, body });
        (weight, given)
    }

    /// Says what the row added last means.
    pub(crate) fn mean(&mut self, thread: Option<&str>, intent: Intent) {
        let Some(row) = self.rows.last() else { return };
        let fact = Fact {
            id: 0,
            ts: row.stamp.at.div_euclid(NANOS),
            thread: thread.map(str::to_owned),
            process: row.stamp.process.as_deref().map(str::to_owned),
            intent,
        };
        self.facts.push((self.rows.len() - 1, fact));
    }

    /// Says that a turn logged the row added last.
    pub(crate) fn ran(&mut self, turn: &str, model: &str) {
        let model = Some(model.to_owned());
        let row = Ran { id: 0, turn: turn.to_owned(), model };
        self.turn_rows.extend(self.rows.len().checked_sub(1).map(|at| (at, row)));
    }

    /// Bytes of all bodies.
    pub(crate) fn body_bytes(&self) -> u64 {
        self.bodies.len() as u64
    }

    /// The rows for an insertion.
    pub(crate) fn rows(&self) -> Vec<LogRow<'_>> {
        self.rows.iter().map(|row| row.borrow(&self.bodies)).collect()
    }

    /// The facts, once the first row has its id.
    pub(crate) fn facts(&self, first_id: i64) -> impl Iterator<Item = Fact> {
        self.facts.iter().map(move |(at, fact)| Fact { id: id_at(first_id, *at), ..fact.clone() })
    }

    /// The rows that turns logged, once the first row has its id.
    pub(crate) fn turn_rows(&self, first_id: i64) -> impl Iterator<Item = Ran> {
        self.turn_rows.iter().map(move |(at, row)| Ran { id: id_at(first_id, *at), ..row.clone() })
    }

    /// The kinds of the rows, in order.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.rows.iter().map(|row| row.origin.kind)
    }

    /// Ids of the rows that quote a marker.
    pub(crate) fn quotes(&self, first_id: i64) -> impl Iterator<Item = i64> {
        let quoting = self.rows.iter().enumerate().filter(|(_, row)| row.origin.quotes);
        quoting.map(move |(at, _)| id_at(first_id, at))
    }

    /// The latest time of a row, nanoseconds of Unix time.
    pub(crate) fn latest(&self) -> i64 {
        self.rows.iter().map(|row| row.stamp.at).max().unwrap_or(0)
    }
}

fn id_at(first_id: i64, at: usize) -> i64 {
    first_id + i64::try_from(at).unwrap_or(i64::MAX)
}
