//! Rows from histories: all of them anew, or those that are missing or behind.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use super::ablation::Ablation;
use super::database::DatabaseError;
use super::error::Error;
use super::id::ThreadId;
use super::lock::WriterLock;
use super::patch::Patch;
use super::problem::{HistoryError, Problem, Torn};
use super::project::{ProjectError, Projection, Projector, Sqlite};
use super::replay::Replay;
use super::rows;
use super::skipped::{Reason, Skipped};
use super::sweep::{Outcome, SweepOptions, Watch, sweep};
use super::titles::Titles;
use super::walk::{Found, Sessions, Walk};

/// Rows that are written in one transaction.
const BATCH: usize = 1024;
/// The same where each row that waits holds a lock, which is an open file.
const LOCKED_BATCH: usize = 128;
/// Pages of the write-ahead log that are folded into the database at once, with a sync each time:
/// 64 MiB.
const CHECKPOINT_PAGES: u32 = 16_384;

/// What a rebuild or a repair did. Whatever was wrong with one thread, the others are done.
#[derive(Debug, Default)]
pub struct Rebuilt {
    /// Threads whose histories were found.
    pub threads: u64,
    /// Files of these histories: more than threads where histories have several.
    pub files: u64,
    /// Histories that were replayed and whose rows were written.
    pub written: u64,
    /// Histories whose rows are as long as they are, and were left alone.
    pub fresh: u64,
    /// Threads that are live; their rows are their writers' to write.
    pub in_use: u64,
    /// Rows that were removed because their histories are gone.
    pub removed: u64,
    /// Rows whose histories are gone, and that were left alone.
    pub gone: u64,
    /// What was left out of the histories that were replayed.
    pub flaws: Flaws,
    /// Files that were passed over.
    pub skipped: Skipped,
    /// Why which threads have no row, or not a new one; and which folders could not be read.
    pub failures: Vec<Error>,
    /// It was broken off: what is written is right, and there is more to write.
    pub is_cut_short: bool,
}

/// How many problems of all histories together are described; the others are counted.
pub const MOST_PROBLEMS: usize = 1000;

/// What was left out of replayed histories.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flaws {
    /// Lines that are no records: the first hundred of each history, and at most [`MOST_PROBLEMS`].
    pub problems: Vec<Problem>,
    /// How many such lines there are.
    pub problem_count: u64,
    /// Last lines that break off.
    pub torn: Vec<(PathBuf, Torn)>,
}

/// Replays every history and writes its row; removes the rows of histories that are gone. The
/// database at `database` is created if it is missing.
///
/// # Errors
/// What is wrong with the database. What is wrong with a thread is in [`Rebuilt::failures`].
pub fn rebuild(
    sessions: &Sessions,
    database: &Path,
    options: &SweepOptions,
    watch: Watch<'_>,
) -> Result<Rebuilt, DatabaseError> {
    Work::open(sessions, database, options)?.run(Scope::All, watch)
}

/// Replays the histories that have no row, or one that is not the replay of as many bytes as the
/// file has. Removes nothing.
///
/// # Errors
/// As [`rebuild`].
pub fn repair(
    sessions: &Sessions,
    database: &Path,
    options: &SweepOptions,
    watch: Watch<'_>,
) -> Result<Rebuilt, DatabaseError> {
    Work::open(sessions, database, options)?.run(Scope::Stale, watch)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    All,
    Stale,
}

struct Work<'a> {
    sessions: &'a Sessions,
    database: &'a Path,
    options: &'a SweepOptions,
    rows: Sqlite,
    batch: Vec<Ready>,
    done: Rebuilt,
}

/// A row that waits to be written, and the lock that keeps it right until then.
struct Ready {
    thread: ThreadId,
    patch: Patch,
    _lock: Option<WriterLock>,
}

impl<'a> Work<'a> {
    fn open(
        sessions: &'a Sessions,
        database: &'a Path,
        options: &'a SweepOptions,
    ) -> Result<Self, DatabaseError> {
        let rows = Sqlite::open(database, options.busy_timeout, Arc::default())?;
        let work =
            Self { sessions, database, options, rows, batch: Vec::new(), done: Rebuilt::default() };
        work.query(|connection| {
            connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)
        })?;
        Ok(work)
    }

    fn run(mut self, scope: Scope, watch: Watch<'_>) -> Result<Rebuilt, DatabaseError> {
        let Walk { mut found, files, failures, duplicated, skipped, mut titles } =
            self.sessions.walk();
        let known = self.known(!titles.is_empty())?;
        let there: HashSet<ThreadId> =
            found.iter().map(|found| found.id).chain(duplicated).collect();
        (self.done.threads, self.done.files) = (found.len() as u64, files);
        (self.done.failures, self.done.skipped) = (failures, skipped);
        self.done.flaws.lines(&mut titles);
        if scope == Scope::Stale {
            found.retain(|found| !self.is_fresh(found, &known));
            self.done.fresh = self.done.threads - found.len() as u64;
        }
        let finished =
            sweep(&found, self.options, watch, |found, outcome| self.take(found, outcome))?;
        self.write()?;
        if self.sessions.ablated().has(Ablation::SkippedTold) {
            self.done.skipped = Skipped::default();
        }
        self.done.is_cut_short = !finished;
        if finished {
            let gone = known.into_iter().filter(|(id, row)| {
                // A thread with two histories has one.
                !there.contains(id) && self.sessions.is_gone(*id, &row.path)
            });
            let gone: Vec<ThreadId> = gone.map(|(id, _)| id).collect();
            match scope {
                Scope::Stale => self.done.gone = gone.len() as u64,
                Scope::All => self.done.removed = self.remove(&gone)?,
            }
        }
        Ok(self.done)
    }

    fn is_fresh(&self, found: &Found, known: &HashMap<ThreadId, Known>) -> bool {
        known.get(&found.id).is_some_and(|row| {
            let is_there = |file: &PathBuf| self.sessions.in_row(file) == Some(row.path.as_str());
            row.bytes == found.bytes
                && found.files.iter().any(is_there)
                && (found.title.is_none() || found.title == row.title)
        })
    }

    fn take(&mut self, found: &Found, outcome: Outcome) -> Result<(), DatabaseError> {
        let (mut replay, lock) = match outcome {
            Outcome::Replayed(replay, lock) => (*replay, lock),
            Outcome::InUse => {
                self.done.in_use += 1;
                return Ok(());
            }
            Outcome::Failed(Error::Unreadable(HistoryError::Untyped { path })) => {
                self.done.skipped.add(Reason::Untyped, &path);
                return Ok(());
            }
            Outcome::Failed(error) => {
                self.done.failures.push(error);
                return Ok(());
            }
        };
        self.done.flaws.add(&mut replay);
        if let Err(error) = self.sessions.complete(found, &mut replay) {
            self.done.failures.push(error);
            return Ok(());
        }
        self.batch.push(Ready { thread: found.id, patch: replay.patch, _lock: lock });
        let batch = if self.options.locks.is_some() { LOCKED_BATCH } else { BATCH };
        if self.batch.len() >= batch { self.write() } else { Ok(()) }
    }

    /// Writes the rows that wait, each as if alone.
    fn write(&mut self) -> Result<(), DatabaseError> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let projections: Vec<Projection<'_>> = batch
            .iter()
            .map(|ready| Projection { thread: ready.thread, patch: &ready.patch })
            .collect();
        for (ready, outcome) in batch.iter().zip(self.rows.project(&projections)) {
            match outcome {
                Ok(()) => self.done.written += 1,
                Err(ProjectError::Database(error)) if error.is_of_the_whole() => return Err(error),
                Err(error) => {
                    let source = Arc::new(error);
                    self.done.failures.push(Error::Projection { thread: ready.thread, source });
                }
            }
        }
        Ok(())
    }

    fn known(&self, titles: bool) -> Result<HashMap<ThreadId, Known>, DatabaseError> {
        self.query(|connection| {
            let sql =
                "SELECT id, history_bytes, rollout_path, CASE WHEN ? THEN title END FROM threads";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([titles], |row| {
                let bytes = u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
                Ok((rows::id(row, 0)?, Known { bytes, path: row.get(2)?, title: row.get(3)? }))
            })?;
            rows.collect()
        })
    }

    fn remove(&self, gone: &[ThreadId]) -> Result<u64, DatabaseError> {
        if gone.is_empty() {
            return Ok(0);
        }
        self.query(|connection| {
            let transaction = connection.unchecked_transaction()?;
            let mut removed = 0;
            for id in gone {
                removed += transaction
                    .prepare_cached("DELETE FROM threads WHERE id = ?")?
                    .execute([id])? as u64;
            }
            transaction.commit()?;
            Ok(removed)
        })
    }

    fn query<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, DatabaseError> {
        query(self.rows.connection())
            .map_err(|source| DatabaseError::from_sqlite(self.database, &source))
    }
}

/// What the row of a thread says of its history.
struct Known {
    bytes: u64,
    path: String,
    /// Where the histories have names beside them.
    title: Option<String>,
}

impl Flaws {
    /// Takes what is wrong with a history out of its replay.
    pub(super) fn add(&mut self, replay: &mut Replay) {
        self.problem_count += replay.problem_count;
        self.describe(std::mem::take(&mut replay.problems));
        self.torn.extend(replay.torn.map(|torn| (replay.path.clone(), torn)));
    }

    /// Takes what is wrong with lines beside the histories.
    pub(super) fn lines(&mut self, titles: &mut Titles) {
        self.problem_count += titles.problem_count;
        self.describe(std::mem::take(&mut titles.problems));
    }

    fn describe(&mut self, problems: Vec<Problem>) {
        let room = MOST_PROBLEMS.saturating_sub(self.problems.len());
        self.problems.extend(problems.into_iter().take(room));
    }

    /// Whether nothing was left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problem_count == 0 && self.torn.is_empty()
    }
}
