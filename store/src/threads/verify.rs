//! Rows compared with the replay of their histories.

use std::path::Path;
use std::time::Duration;

use rusqlite::OptionalExtension;

use super::ablation::Ablation;
use super::column::{Column, Value};
use super::database::DatabaseError;
use super::error::Error;
use super::id::ThreadId;
use super::problem::HistoryError;
use super::rebuild::Flaws;
use super::replay::Replay;
use super::rows::{self, COLUMNS, Rows};
use super::skipped::{Reason, Skipped};
use super::sweep::{Outcome, SweepOptions, Watch, sweep};
use super::walk::{Found, Sessions, Walk};

/// What a verification found.
#[derive(Debug, Default)]
pub struct Verified {
    /// Threads whose histories were found.
    pub threads: u64,
    /// Files of these histories: more than threads where histories have several.
    pub files: u64,
    /// Threads whose rows are the replay of their histories, in every column.
    pub equal: u64,
    /// Threads that are live: their rows may be behind, and were not looked at.
    pub in_use: u64,
    /// Columns that differ, in the order of threads and columns.
    pub differences: Vec<Difference>,
    /// Histories without a row.
    pub without_row: Vec<ThreadId>,
    /// Rows without a history.
    pub without_history: Vec<ThreadId>,
    /// What was left out of the histories.
    pub flaws: Flaws,
    /// Files that were passed over.
    pub skipped: Skipped,
    /// Which threads could not be verified, and why; and which folders could not be read.
    pub failures: Vec<Error>,
    /// It was broken off: there are threads that were not looked at.
    pub is_cut_short: bool,
}

/// A column whose value is not what the history says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The thread.
    pub thread: ThreadId,
    /// The column.
    pub column: Column,
    /// What is in the row.
    pub row: Value,
    /// What the history says.
    pub replayed: Value,
}

impl Verified {
    /// Whether every history has its row, every row its history, and all of them are equal.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty()
            && self.without_row.is_empty()
            && self.without_history.is_empty()
    }
}

/// Replays every history and compares each column of its row. Changes nothing.
///
/// # Errors
/// What is wrong with the database; [`DatabaseError::Missing`] if there is none. What is wrong with
/// a thread is in [`Verified::failures`].
pub fn verify(
    sessions: &Sessions,
    database: &Path,
    options: &SweepOptions,
    watch: Watch<'_>,
) -> Result<Verified, DatabaseError> {
    let rows = Rows::open_existing(database, options.busy_timeout)?;
    let Walk { found, files, failures, duplicated, skipped, mut titles } = sessions.walk();
    let threads = found.len() as u64;
    let mut done = Verified { threads, files, failures, skipped, ..Verified::default() };
    done.flaws.lines(&mut titles);
    let finished = sweep(&found, options, watch, |found, outcome| {
        match outcome {
            Outcome::Replayed(mut replay, _lock) => {
                done.flaws.add(&mut replay);
                match sessions.complete(found, &mut replay) {
                    Ok(()) => compare(&rows, found, &replay, &mut done)?,
                    Err(error) => done.failures.push(error),
                }
            }
            Outcome::InUse => done.in_use += 1,
            Outcome::Failed(Error::Unreadable(HistoryError::Untyped { path })) => {
                done.skipped.add(Reason::Untyped, &path);
            }
            Outcome::Failed(error) => done.failures.push(error),
        }
        Ok::<_, DatabaseError>(())
    })?;
    if sessions.ablated().has(Ablation::SkippedTold) {
        done.skipped = Skipped::default();
    }
    done.is_cut_short = !finished;
    done.differences.sort_by_key(|difference| (difference.thread, difference.column));
    done.without_row.sort_unstable();
    let mut there: Vec<ThreadId> = found.iter().map(|found| found.id).chain(duplicated).collect();
    there.sort_unstable();
    done.without_history = rows.query(|connection| {
        let mut statement =
            connection.prepare("SELECT id, rollout_path FROM threads ORDER BY id")?;
        let mut rows = statement.query([])?;
        let mut without = Vec::new();
        while let Some(row) = rows.next()? {
            let id = rows::id(row, 0)?;
            if there.binary_search(&id).is_err() && sessions.is_gone(id, row.get_ref(1)?.as_str()?)
            {
                without.push(id);
            }
        }
        Ok(without)
    })?;
    Ok(done)
}

fn compare(
    rows: &Rows,
    found: &Found,
    replay: &Replay,
    done: &mut Verified,
) -> Result<(), DatabaseError> {
    let sql = format!("SELECT {} FROM threads WHERE id = ?", *COLUMNS);
    let row: Option<Vec<Value>> = rows.query(|connection| {
        let read = |row: &rusqlite::Row<'_>| {
            Column::ALL.into_iter().map(|column| rows::value(row, column)).collect()
        };
        connection.prepare_cached(&sql)?.query_row([found.id], read).optional()
    })?;
    let Some(row) = row else {
        done.without_row.push(found.id);
        return Ok(());
    };
    let before = done.differences.len();
    for (column, row) in Column::ALL.into_iter().zip(row) {
        let replayed = replay.patch.get(column).cloned().unwrap_or_else(|| column.default_value());
        if row != replayed {
            done.differences.push(Difference { thread: found.id, column, row, replayed });
        }
    }
    done.equal += u64::from(before == done.differences.len());
    Ok(())
}

impl Rows {
    /// Opens the database at `path`, which must be there.
    fn open_existing(path: &Path, busy_timeout: Duration) -> Result<Self, DatabaseError> {
        if path.exists() {
            Self::open(path, busy_timeout)
        } else {
            Err(DatabaseError::Missing { path: path.to_owned() })
        }
    }
}
