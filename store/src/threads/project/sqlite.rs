//! The projector of every mode but the published one: one statement a patch, one transaction a
//! batch.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, params_from_iter};

use super::{ProjectError, Projection, Projector};
use crate::stop::is_to_stop;
use crate::threads::ablation::{Ablation, Ablations};
use crate::threads::column::{Column, Value};
use crate::threads::database::{self, DatabaseError};
use crate::threads::patch::Patch;

/// Between two tries to take the write lock. SQLite's own handler waits up to 100 ms, and a row
/// would be that much later.
const RETRY: Duration = Duration::from_millis(1);
/// Shapes of patches that keep their statement: a conversation makes about ten.
const STATEMENTS: usize = 64;

/// Applies patches through a separate connection.
#[derive(Debug)]
pub(in crate::threads) struct Sqlite {
    connection: Connection,
    path: PathBuf,
    busy_timeout: Duration,
    transactions: Arc<AtomicU64>,
    ablated: Ablations,
}

impl Sqlite {
    /// Opens the database at `path`, creating it if it is missing. Transactions are counted in
    /// `transactions`.
    pub(in crate::threads) fn open(
        path: &Path,
        busy_timeout: Duration,
        transactions: Arc<AtomicU64>,
    ) -> Result<Self, DatabaseError> {
        let connection = database::open(path, busy_timeout)?;
        // Waiting is done here, a millisecond at a time.
        connection
            .busy_timeout(Duration::ZERO)
            .map_err(|source| DatabaseError::from_sqlite(path, &source))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let ablated = Ablations::NONE;
        Ok(Self { connection, path: path.to_owned(), busy_timeout, transactions, ablated })
    }

    /// The same without some of its rules.
    pub(in crate::threads) fn without(self, ablated: Ablations) -> Self {
        Self { ablated, ..self }
    }

    /// The connection, for what is done beside projecting.
    pub(in crate::threads) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The database.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the write lock, waiting for it as long as the timeout lasts.
    pub(super) fn begin(&mut self) -> Result<(), ProjectError> {
        self.transactions.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        loop {
            let begun = self
                .connection
                .prepare_cached("BEGIN IMMEDIATE")
                .and_then(|mut begin| begin.execute([]));
            let Err(source) = begun else { return Ok(()) };
            let waited = started.elapsed();
            if source.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) {
                return Err(self.error(&source));
            }
            if waited >= self.busy_timeout || self.ablated.has(Ablation::BusyWait) || is_to_stop() {
                return Err(DatabaseError::Busy { path: self.path.clone(), waited }.into());
            }
            std::thread::sleep(RETRY.min(self.busy_timeout - waited));
        }
    }

    /// Ends the transaction, keeping what it did.
    pub(super) fn commit(&self) -> Result<(), ProjectError> {
        self.execute("COMMIT").inspect_err(|_| self.roll_back())
    }

    /// Ends the transaction, undoing what it did.
    pub(super) fn roll_back(&self) {
        // SQLite may have ended it itself, as it does when the disk is full.
        if !self.connection.is_autocommit() {
            let _ = self.execute("ROLLBACK");
        }
    }

    fn execute(&self, sql: &str) -> Result<(), ProjectError> {
        let mut statement =
            self.connection.prepare_cached(sql).map_err(|source| self.error(&source))?;
        statement.execute([]).map(drop).map_err(|source| self.error(&source))
    }

    pub(super) fn error(&self, source: &rusqlite::Error) -> ProjectError {
        DatabaseError::from_sqlite(&self.path, source).into()
    }

    /// Applies one patch, in the transaction that is open.
    pub(super) fn apply(&self, projection: Projection<'_>) -> Result<(), ProjectError> {
        let changed = self
            .connection
            .prepare_cached(&statement(projection.patch))
            .and_then(|mut statement| statement.execute(params_from_iter(values(projection))))
            .map_err(|source| self.error(&source))?;
        if changed == 0 && !self.ablated.has(Ablation::RowMissing) {
            return Err(ProjectError::RowMissing {
                path: self.path.clone(),
                thread: projection.thread,
            });
        }
        Ok(())
    }

    /// Applies all patches or none.
    fn apply_all(&self, batch: &[Projection<'_>]) -> Vec<Result<(), ProjectError>> {
        let outcome = batch.iter().try_for_each(|projection| self.apply(*projection));
        if outcome.is_err() {
            self.roll_back();
        }
        vec![outcome; batch.len()]
    }

    /// Applies each patch in a separate savepoint, so that a row the database refuses is the only
    /// one it costs.
    fn apply_each(&self, batch: &[Projection<'_>]) -> Vec<Result<(), ProjectError>> {
        batch
            .iter()
            .map(|&projection| {
                if self.connection.is_autocommit() {
                    return Err(ProjectError::Unreported);
                }
                self.execute("SAVEPOINT thread")?;
                let applied = self.apply(projection);
                if applied.is_err() {
                    if self.connection.is_autocommit() {
                        // The whole transaction is gone: nothing more can be done in it.
                        return applied;
                    }
                    self.execute("ROLLBACK TO thread")?;
                }
                self.execute("RELEASE thread")?;
                applied
            })
            .collect()
    }
}

impl Projector for Sqlite {
    fn project(&mut self, batch: &[Projection<'_>]) -> Vec<Result<(), ProjectError>> {
        let all_failed = |error: ProjectError| batch.iter().map(|_| Err(error.clone())).collect();
        if let Err(error) = self.begin() {
            return all_failed(error);
        }
        let outcomes = match batch {
            // A transaction is savepoint enough.
            [only] => vec![self.apply(*only)],
            _ if self.ablated.has(Ablation::Savepoints) => self.apply_all(batch),
            _ => self.apply_each(batch),
        };
        // Some failures, such as a full disk, end the transaction, and what was done in it before
        // is undone.
        if self.connection.is_autocommit()
            && let Some(Err(error)) = outcomes.iter().find(|outcome| outcome.is_err())
        {
            return all_failed(error.clone());
        }
        match self.commit() {
            Ok(()) => outcomes,
            Err(error) => all_failed(error),
        }
    }
}

/// The statement that applies a patch of this shape. A whole row takes the place of whatever is
/// there, its absent columns included; a part of one changes a row that must be there.
fn statement(patch: &Patch) -> Cow<'static, str> {
    if patch.is_complete() {
        return Cow::Borrowed(WHOLE_ROW.as_str());
    }
    let mut sql = String::from("UPDATE threads SET ");
    for (index, (column, _)) in patch.iter().enumerate() {
        if index > 0 {
            sql.push_str(", ");
        }
        sql.push_str(column.name());
        sql.push_str(" = ?");
    }
    sql.push_str(" WHERE id = ?");
    Cow::Owned(sql)
}

static WHOLE_ROW: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<&str> = Column::ALL.iter().map(|column| column.name()).collect();
    let excluded: Vec<String> =
        names.iter().map(|name| format!("{name} = excluded.{name}")).collect();
    format!(
        "INSERT INTO threads ({}, id) VALUES ({}) ON CONFLICT (id) DO UPDATE SET {}",
        names.join(", "),
        vec!["?"; names.len() + 1].join(", "),
        excluded.join(", "),
    )
});

/// The values of the statement, the id after those of the columns.
fn values(projection: Projection<'_>) -> Vec<Cow<'_, Value>> {
    let patch = projection.patch;
    let mut values: Vec<Cow<'_, Value>> = if patch.is_complete() {
        let of = |column: Column| {
            patch.get(column).map_or_else(|| Cow::Owned(column.default_value()), Cow::Borrowed)
        };
        Column::ALL.into_iter().map(of).collect()
    } else {
        patch.iter().map(|(_, value)| Cow::Borrowed(value)).collect()
    };
    values.push(Cow::Owned(Value::Text(projection.thread.to_string())));
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::id::ThreadId;

    fn whole(id: u64) -> (ThreadId, Patch) {
        let mut patch = Patch::new();
        patch.set(Column::RolloutPath, Value::text("x"));
        for column in [Column::CreatedAtMs, Column::UpdatedAtMs, Column::RecencyAtMs] {
            patch.set(column, Value::Integer(1));
        }
        patch.set(Column::Preview, Value::Text("long ".repeat(4000)));
        patch.mark_complete();
        (format!("01a1faad-9ba1-7b10-b548-{id:012}").parse().unwrap(), patch)
    }

    #[test]
    fn a_full_database_is_reported_as_full() {
        for rows in [1, 3] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("threads.sqlite");
            let mut sqlite = Sqlite::open(&path, Duration::ZERO, Arc::default()).unwrap();
            let pages: i64 =
                sqlite.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
            sqlite
                .connection
                .query_row(&format!("PRAGMA max_page_count = {}", pages + 1), [], |_| Ok(()))
                .unwrap();
            let patches: Vec<_> = (0..rows).map(whole).collect();
            let batch: Vec<_> = patches
                .iter()
                .map(|(thread, patch)| Projection { thread: *thread, patch })
                .collect();
            for outcome in sqlite.project(&batch) {
                let error = outcome.unwrap_err();
                assert!(
                    matches!(error, ProjectError::Database(DatabaseError::Full { .. })),
                    "{rows}: {error}"
                );
            }
        }
    }

    #[test]
    fn a_batch_is_one_transaction_synced_at_checkpoints_only() {
        let folder = tempfile::tempdir().unwrap();
        let transactions = Arc::new(AtomicU64::new(0));
        let path = folder.path().join("threads.sqlite");
        let mut sqlite = Sqlite::open(&path, Duration::ZERO, Arc::clone(&transactions)).unwrap();
        let pragma = |name: &str| {
            sqlite
                .connection
                .query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, String>(0))
        };
        assert_eq!(pragma("journal_mode").unwrap(), "wal");
        let synchronous: i64 =
            sqlite.connection.query_row("PRAGMA synchronous", [], |row| row.get(0)).unwrap();
        assert_eq!(synchronous, 1, "NORMAL");
        let patches: Vec<_> = (0..3).map(whole).collect();
        let batch: Vec<_> =
            patches.iter().map(|(thread, patch)| Projection { thread: *thread, patch }).collect();
        for _ in 0..2 {
            assert!(sqlite.project(&batch).iter().all(Result::is_ok));
        }
        assert_eq!(transactions.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn applying_a_patch_twice_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("threads.sqlite");
        let mut sqlite = Sqlite::open(&path, Duration::ZERO, Arc::default()).unwrap();
        let (thread, first) = whole(1);
        let mut second = Patch::new();
        second.set(Column::TokensUsed, Value::Integer(7));
        second.set(Column::Preview, Value::Null);
        let rows = |sqlite: &Sqlite| -> String {
            let all = "SELECT group_concat(id || preview || tokens_used, '|'), count(*), \
                       sum(tokens_used) FROM threads";
            sqlite
                .connection
                .query_row(all, [], |row| {
                    Ok(format!("{:?} {:?} {:?}", row.get_ref(0)?, row.get_ref(1)?, row.get_ref(2)?))
                })
                .unwrap()
        };
        for patch in [&first, &second] {
            assert!(sqlite.project(&[Projection { thread, patch }])[0].is_ok());
            let once = rows(&sqlite);
            assert!(sqlite.project(&[Projection { thread, patch }])[0].is_ok());
            assert_eq!(rows(&sqlite), once);
        }
    }
}
