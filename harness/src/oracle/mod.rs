//! The independent oracle: a full scan written to be obvious, sharing no code with the scanner it checks.
//!
//! It reads every row in the order of ids, turns each into at most one fact (`rules`), and folds the facts into the
//! answer (`fold`). The JSON reader (`json`) is its own. `published` stands beside it: the query and the rules as they
//! were published. Memory is one body at a time plus the facts.

pub mod archive;
mod fold;
mod json;
mod notes;
mod published;
mod rules;
pub mod thread_home;
pub mod threads;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};

pub(crate) use fold::relevant;
pub(crate) use notes::Notes;
pub(crate) use rules::{Fact, Verdict};

/// How long a locked database is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Which evidence counts: `since <= ts < until`, in Unix seconds, each side optional.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// First second that counts.
    pub since: Option<i64>,
    /// First second that no longer counts.
    pub until: Option<i64>,
}

impl Window {
    /// Whether a row of this second counts.
    pub fn contains(self, ts: i64) -> bool {
        self.since.is_none_or(|since| since <= ts) && self.until.is_none_or(|until| ts < until)
    }
}

/// What is known of one turn that ran at the priority tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Thread of the evidence with the highest id, where it names one.
    pub thread_id: Option<String>,
    /// Model of the latest completion, else of the latest evidence that names one.
    pub model: Option<String>,
    /// Unix seconds of the evidence with the highest id.
    pub timestamp: i64,
}

/// The answer of one full scan.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Answer {
    /// Turn id to what is known of it.
    pub turns: BTreeMap<String, Turn>,
    /// Facts found. For the published rules: rows that set a turn or a model.
    pub facts: u64,
    /// Those of them that are completions.
    pub completions: u64,
    /// TEXT rows whose first marker belongs to another target; always 0 for the published rules.
    pub unrecognised: u64,
}

/// Why the oracle has no answer.
#[derive(Debug, thiserror::Error)]
pub enum OracleError {
    /// The database could not be opened.
    #[error("cannot open {path} for the oracle: {source}; check that it exists and can be read")]
    Open {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// Its rows could not be read.
    #[error(
        "cannot read the rows of {path} for the oracle: {source}; check it with `PRAGMA integrity_check`"
    )]
    Read {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

/// Scans the database at `db` by the rules of the scanner.
///
/// # Errors
/// The database cannot be opened or read.
pub fn scan(db: &Path, window: Window) -> Result<Answer, OracleError> {
    read(db, |connection| scan_connection(connection, window))
}

/// Scans what `connection` sees, by the rules of the scanner, in one statement and thus one snapshot.
///
/// # Errors
/// Whatever SQLite reports.
pub fn scan_connection(connection: &Connection, window: Window) -> rusqlite::Result<Answer> {
    let mut facts = Vec::new();
    let mut unrecognised = 0;
    each_marked(connection, i64::MIN, |_, verdict| match verdict {
        Verdict::Fact(fact) => facts.push(fact),
        Verdict::Nothing => {}
        Verdict::Unrecognised => unrecognised += 1,
    })?;
    Ok(answer(&facts, unrecognised, window))
}

/// Calls `found` for every row with a marker from the id `from` on, in the order of ids, with the id and what the row says.
pub(crate) fn each_marked(
    connection: &Connection,
    from: i64,
    mut found: impl FnMut(i64, Verdict),
) -> rusqlite::Result<()> {
    let finder = rules::MarkerFinder::new();
    let mut statement = connection.prepare_cached(
        "SELECT ts, target, thread_id, process_uuid, feedback_log_body, id FROM logs WHERE id >= ?1 ORDER BY id",
    )?;
    let mut rows = statement.query([from])?;
    while let Some(row) = rows.next()? {
        let ValueRef::Text(body) = row.get_ref(4)? else { continue };
        let Some(place) = finder.first(body) else { continue };
        let id = row.get(5)?;
        let row = rules::Row {
            ts: row.get(0)?,
            target: text(row.get_ref(1)?),
            thread_id: text(row.get_ref(2)?).and_then(as_utf8),
            process_uuid: text(row.get_ref(3)?).and_then(as_utf8),
        };
        found(id, rules::fact(&row, body, place));
    }
    Ok(())
}

/// The answer that `facts`, in the order of their ids, give in `window`.
pub(crate) fn answer(facts: &[Fact], unrecognised: u64, window: Window) -> Answer {
    Answer {
        turns: fold::turns(facts, window),
        facts: facts.len() as u64,
        completions: facts.iter().filter(|fact| fact.is_completion()).count() as u64,
        unrecognised,
    }
}

/// Scans the database at `db` with the query and the rules as published.
///
/// # Errors
/// The database cannot be opened or read.
pub fn published(db: &Path, window: Window) -> Result<Answer, OracleError> {
    read(db, |connection| published::scan(connection, window))
}

fn read<T>(db: &Path, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, OracleError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(db, flags)
        .and_then(|connection| connection.busy_timeout(BUSY_TIMEOUT).map(|()| connection))
        .map_err(|source| OracleError::Open { path: db.to_owned(), source })?;
    work(&connection).map_err(|source| OracleError::Read { path: db.to_owned(), source })
}

fn text(value: ValueRef<'_>) -> Option<&[u8]> {
    match value {
        ValueRef::Text(bytes) => Some(bytes),
        _ => None,
    }
}

fn as_utf8(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
