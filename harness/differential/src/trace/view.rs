//! What is in a database at one moment, read without the scanner.

use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::types::{Value, ValueRef};

use tracerig_oracle::{self as oracle, Answer, Fact, Hints, Known, Ran, Verdict, Window};

/// Bytes of a body that tell rows apart, beside its length.
const PREFIX_BYTES: usize = 256;

/// What tells one row from another of the same id.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Signature {
    ts: Value,
    ts_nanos: Value,
    target: Value,
    body_type: rusqlite::types::Type,
    body_bytes: usize,
    prefix: Vec<u8>,
}

/// A row as far as anyone may want to know it again.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) signature: Signature,
    /// Bytes of its body if that is TEXT.
    pub(super) text_bytes: u64,
    /// What it says, if it says something.
    pub(super) fact: Option<Fact>,
    /// The turn that logged it while it ran.
    pub(super) ran: Option<Ran>,
    /// Whether it has a marker under another target, or sets a tier by an unknown operation.
    unrecognised: bool,
    tells_tier: bool,
}

/// One state of a database.
#[derive(Debug, Clone)]
pub(super) struct View {
    /// Which file it is: another number for each that was at the path, as far as they can be
    /// distinguished.
    pub(super) file: u64,
    /// Whether ids never come back.
    pub(super) rising: bool,
    /// By id.
    pub(super) rows: BTreeMap<i64, Row>,
}

impl View {
    /// Reads everything that `connection` sees, in one transaction.
    pub(super) fn read(connection: &Connection, file: u64) -> rusqlite::Result<Self> {
        connection.execute_batch("BEGIN")?;
        let view = Self::read_all(connection, file);
        connection.execute_batch("COMMIT")?;
        view
    }

    fn read_all(connection: &Connection, file: u64) -> rusqlite::Result<Self> {
        let schema = "SELECT sql LIKE '%AUTOINCREMENT%' FROM sqlite_schema WHERE name = 'logs'";
        // Prepared once for all looks: to prepare takes longer than to read so few rows.
        let rising = connection.prepare_cached(schema)?.query_row([], |row| row.get(0))?;
        let mut rows = BTreeMap::new();
        let mut statement = connection
            .prepare_cached("SELECT id, ts, ts_nanos, target, feedback_log_body FROM logs")?;
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            let body = row.get_ref(4)?;
            let (bytes, is_text) = match body {
                ValueRef::Text(bytes) => (bytes, true),
                ValueRef::Blob(bytes) => (bytes, false),
                _ => (&[][..], false),
            };
            let signature = Signature {
                ts: row.get(1)?,
                ts_nanos: row.get(2)?,
                target: row.get(3)?,
                body_type: body.data_type(),
                body_bytes: bytes.len(),
                prefix: bytes[..bytes.len().min(PREFIX_BYTES)].to_vec(),
            };
            let text_bytes = if is_text { bytes.len() as u64 } else { 0 };
            let silent = Row {
                signature,
                text_bytes,
                fact: None,
                ran: None,
                unrecognised: false,
                tells_tier: false,
            };
            rows.insert(row.get(0)?, silent);
        }
        oracle::each_row(connection, i64::MIN, |id, seen| {
            let Some(row) = rows.get_mut(&id) else { return };
            (row.ran, row.tells_tier) = (seen.ran, seen.tells_tier);
            match seen.verdict {
                Verdict::Fact(fact) => row.fact = Some(fact),
                Verdict::Unrecognised => row.unrecognised = true,
                Verdict::Nothing => {}
            }
        })?;
        Ok(Self { file, rising, rows })
    }

    /// The highest id, 0 if there is none.
    pub(super) fn max_id(&self) -> i64 {
        self.rows.last_key_value().map_or(0, |(&id, _)| id)
    }

    /// Whether row `id` is there and is the same.
    pub(super) fn has(&self, id: i64, signature: &Signature) -> Option<bool> {
        self.rows.get(&id).map(|row| row.signature == *signature)
    }

    /// The right answer.
    pub(super) fn answer(&self, window: Window) -> Answer {
        let known = Known {
            facts: self
                .rows
                .iter()
                .filter_map(|(&id, row)| Some((id, row.fact.as_ref()?)))
                .collect(),
            ran: self.rows.iter().filter_map(|(&id, row)| Some((id, row.ran.as_ref()?))).collect(),
        };
        oracle::answer(&known, &self.work(i64::MIN).hints, window)
    }

    /// What reading the rows above `cursor` takes.
    pub(super) fn work(&self, cursor: i64) -> Work {
        let mut work = Work::default();
        for row in self.rows.range(cursor.saturating_add(1)..).map(|(_, row)| row) {
            work.rows += 1;
            work.body_bytes += row.text_bytes;
            work.hints.unrecognised += u64::from(row.unrecognised);
            work.hints.tier_rows += u64::from(row.tells_tier);
            if let Some(ran) = &row.ran {
                work.hints.turn_rows += 1;
                work.hints.turns.insert(ran.turn.clone());
            }
        }
        work
    }
}

/// What a scan has to read, no more and no less.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) rows: u64,
    pub(super) body_bytes: u64,
    pub(super) hints: Hints,
}

impl Work {
    /// The same after other rows were read for nothing. The turns are those of the rows read last,
    /// if there were any.
    pub(super) fn after(mut self, in_vain: &Self) -> Self {
        if self.rows == 0 {
            self.hints.turns.clone_from(&in_vain.hints.turns);
        }
        self.rows += in_vain.rows;
        self.body_bytes += in_vain.body_bytes;
        self.hints.unrecognised += in_vain.hints.unrecognised;
        self.hints.turn_rows += in_vain.hints.turn_rows;
        self.hints.tier_rows += in_vain.hints.tier_rows;
        self
    }

    /// Whether the rows read look like those of a version that tells the tier elsewhere.
    pub(super) fn lacks_tiers(&self) -> bool {
        self.hints.turns.len() >= 10 && self.hints.tier_rows == 0
    }
}
