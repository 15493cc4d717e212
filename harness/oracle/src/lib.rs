//! The independent oracle: a full scan written to be obvious, sharing no code with the scanner.
//!
//! It reads every row in the order of ids, turns each into at most one fact and the turn that
//! logged it (`rules`), and folds these into the answer (`fold`). It has a separate JSON reader
//! (`json`). `published` has the query and the rules of other scanners. Memory use is one body at a
//! time, plus facts and turn rows.
//!
//! ```no_run
//! use std::path::Path;
//! use tracerig_oracle::{Window, scan};
//!
//! let answer = scan(Path::new("logs_2.sqlite"), Window::default())?;
//! for (id, turn) in &answer.turns {
//!     println!("{id} {:?} {}", turn.model, turn.timestamp);
//! }
//! # Ok::<(), tracerig_oracle::OracleError>(())
//! ```

pub mod archive;
mod fold;
mod json;
mod notes;
mod published;
pub mod python;
mod rules;
pub mod thread_home;
pub mod threads;
mod value;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};

pub use fold::Known;
pub use notes::Notes;
pub use rules::{Fact, Ran, Seen, Verdict, read_row};

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
    /// Model of the latest completion, else of the latest evidence that names one, else of the
    /// latest turn row that does.
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
    /// TEXT rows whose first marker belongs to another target, and submissions that set a tier by
    /// an unknown operation; always 0 for the published rules, like the counts below.
    pub unrecognised: u64,
    /// Rows that a turn logged while it ran.
    pub turn_rows: u64,
    /// Turns that they name.
    pub turns_seen: u64,
    /// Rows that tell the tier of a turn, whichever tier.
    pub tier_rows: u64,
}

impl Answer {
    /// Rows unrecognised, turn rows, turns seen, and rows that tell a tier.
    #[must_use]
    pub const fn hints(&self) -> [u64; 4] {
        [self.unrecognised, self.turn_rows, self.turns_seen, self.tier_rows]
    }
}

/// Why the oracle has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
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
        "cannot read the rows of {path} for the oracle: {source}; check it with `PRAGMA \
         integrity_check`"
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

/// Scans what `connection` sees, by the rules of the scanner, in one statement and thus one
/// snapshot.
///
/// # Errors
/// Whatever SQLite reports.
pub fn scan_connection(connection: &Connection, window: Window) -> rusqlite::Result<Answer> {
    let (mut facts, mut ran) = (Vec::new(), Vec::new());
    let mut hints = Hints::default();
    each_row(connection, i64::MIN, |id, seen| {
        hints.count(&seen);
        if let Verdict::Fact(fact) = seen.verdict {
            facts.push((id, fact));
        }
        ran.extend(seen.ran.map(|turn| (id, turn)));
    })?;
    let known = Known {
        facts: facts.iter().map(|(id, fact)| (*id, fact)).collect(),
        ran: ran.iter().map(|(id, turn)| (*id, turn)).collect(),
    };
    Ok(answer(&known, &hints, window))
}

/// What is counted of rows beside their facts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints {
    /// Rows with a marker under another target, and submissions that set a tier by an unknown
    /// operation.
    pub unrecognised: u64,
    /// Rows that a turn logged while it ran.
    pub turn_rows: u64,
    /// Rows that tell the tier of a turn.
    pub tier_rows: u64,
    /// Turns that turn rows name.
    pub turns: HashSet<String>,
}

impl Hints {
    /// Their figures, in the order of [`Answer::hints`].
    pub fn figures(&self) -> [u64; 4] {
        [self.unrecognised, self.turn_rows, self.turns.len() as u64, self.tier_rows]
    }

    /// Counts a row.
    pub fn count(&mut self, seen: &Seen) {
        self.unrecognised += u64::from(matches!(seen.verdict, Verdict::Unrecognised));
        self.tier_rows += u64::from(seen.tells_tier);
        if let Some(ran) = &seen.ran {
            self.turn_rows += 1;
            self.turns.insert(ran.turn.clone());
        }
    }
}

/// Calls `found` for every TEXT row from the id `from` on, in the order of ids, with the id and
/// what the row is.
pub fn each_row(
    connection: &Connection,
    from: i64,
    mut found: impl FnMut(i64, Seen),
) -> rusqlite::Result<()> {
    let finder = rules::MarkerFinder::new();
    let mut statement = connection.prepare_cached(
        "SELECT ts, target, thread_id, process_uuid, feedback_log_body, id FROM logs WHERE id >= \
         ?1 ORDER BY id",
    )?;
    let mut rows = statement.query([from])?;
    while let Some(row) = rows.next()? {
        let ValueRef::Text(body) = row.get_ref(4)? else { continue };
        let id = row.get(5)?;
        let row = rules::Row {
            ts: row.get(0)?,
            target: text(row.get_ref(1)?),
            thread_id: text(row.get_ref(2)?).and_then(as_utf8),
            process_uuid: text(row.get_ref(3)?).and_then(as_utf8),
        };
        found(id, rules::read(&row, body, &finder));
    }
    Ok(())
}

/// The answer that what is known gives in `window`.
pub fn answer(known: &Known<'_>, hints: &Hints, window: Window) -> Answer {
    let [unrecognised, turn_rows, turns_seen, tier_rows] = hints.figures();
    Answer {
        turns: known.turns(window),
        facts: known.facts.len() as u64,
        completions: known.facts.iter().filter(|(_, fact)| fact.is_completion()).count() as u64,
        unrecognised,
        turn_rows,
        turns_seen,
        tier_rows,
    }
}

/// Scans the database at `db` with the query and the rules as published.
///
/// # Errors
/// The database cannot be opened or read.
pub fn published(db: &Path, window: Window) -> Result<Answer, OracleError> {
    read(db, |connection| published::scan(connection, window))
}

fn read<T>(
    db: &Path,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, OracleError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(db, flags)
        .and_then(stoppable)
        .and_then(|connection| connection.busy_timeout(BUSY_TIMEOUT).map(|()| connection))
        .map_err(|source| OracleError::Open { path: db.to_owned(), source })?;
    work(&connection).map_err(|source| OracleError::Read { path: db.to_owned(), source })
}

static WISH: OnceLock<fn() -> bool> = OnceLock::new();

/// Has the statements of this process's oracles end with an error once `wish` is true. The first
/// call counts.
pub fn stop_when(wish: fn() -> bool) {
    let _ = WISH.set(wish);
}

fn stoppable(mut connection: Connection) -> rusqlite::Result<Connection> {
    // Well below a millisecond of work.
    const STEPS: std::ffi::c_int = 1000;
    if let Some(&wish) = WISH.get() {
        connection.progress_handler(STEPS, Some(wish))?;
    }
    Ok(connection)
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
