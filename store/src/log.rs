//! The trace log: opening it, and inserting batches with their retention.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, ToSql, TransactionBehavior, params_from_iter};

use crate::error::{Error, Result};
use crate::files::require_database;
use crate::ledger::Ledger;
use crate::retention::{self, Pruning, Retention};
use crate::row::LogRow;
use crate::schema;
use crate::stop::stoppable;

/// What survives a crash of the machine or of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// WAL, `synchronous = NORMAL`, as the Codex CLI writes.
    #[default]
    Normal,
    /// No journal and no sync: a crash ruins the file. For files that are thrown away unless
    /// finished; end with [`TraceLog::finish_bulk`].
    None,
}

/// How a trace log is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogOptions {
    /// Create the file if it does not exist.
    pub create: bool,
    /// The limits of each partition.
    pub retention: Retention,
    /// How rows to prune are found.
    pub pruning: Pruning,
    /// What survives a crash.
    pub durability: Durability,
    /// How long to wait for another connection's lock.
    pub busy_timeout: Duration,
    /// Page cache of the connection in KiB.
    pub cache_kib: u32,
    /// Batches that share a transaction where nothing needs to survive a crash
    /// ([`Durability::None`]); the rows come out the same, faster. Otherwise each batch has a
    /// separate transaction.
    pub batches_per_commit: u32,
}

impl Default for LogOptions {
    /// As the Codex CLI writes: created if missing, its retention, by SQL, five seconds of
    /// patience, 2 MiB of cache.
    fn default() -> Self {
        Self {
            create: true,
            retention: Retention::default(),
            pruning: Pruning::default(),
            durability: Durability::default(),
            busy_timeout: Duration::from_secs(5),
            cache_kib: 2048,
            batches_per_commit: 1,
        }
    }
}

/// What an inserted batch did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BatchOutcome {
    /// Id of the first row, 0 for an empty batch. Ids of a batch are consecutive.
    pub first_id: i64,
    /// Id of the last row, 0 for an empty batch.
    pub last_id: i64,
    /// Rows inserted, including those that retention took away at once.
    pub inserted: usize,
    /// Rows that retention deleted.
    pub pruned: usize,
}

/// A trace log open for writing.
#[derive(Debug)]
pub struct TraceLog {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    options: LogOptions,
    /// Loaded when first needed, dropped when something else deleted rows.
    ledger: Option<Ledger>,
    /// Batches in the transaction that is open.
    uncommitted: u32,
}

impl TraceLog {
    /// Opens the log at `path` as the Codex CLI would, creating it if it is missing.
    ///
    /// # Errors
    /// [`Error::Missing`] when its folder does not exist, [`Error::NotADatabase`],
    /// [`Error::Locked`], [`Error::ReadOnly`] and [`Error::Corrupt`] as the names say.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, LogOptions::default())
    }

    /// Opens the log at `path` with options.
    ///
    /// # Errors
    /// [`Error::NotAFile`] before anything is opened; as [`TraceLog::open`]; a missing file is
    /// [`Error::Missing`] too when `create` is off.
    pub fn open_with(path: impl AsRef<Path>, options: LogOptions) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        if !options.create && !path.exists() {
            return Err(Error::Missing { path });
        }
        require_database(&path)
            .map_err(|(path, why)| Error::NotAFile { path, detail: why.to_string() })?;
        let connection =
            connect(&path, &options).map_err(|source| Error::from_sqlite(&path, source))?;
        Ok(Self { connection, path, options, ledger: None, uncommitted: 0 })
    }

    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Inserts rows and prunes every partition they touch, in one transaction.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Full`], [`Error::Corrupt`] and others as the names say; then
    /// nothing was inserted (with [`Durability::None`] the file is lost).
    pub fn insert_batch(&mut self, rows: &[LogRow<'_>]) -> Result<BatchOutcome> {
        let outcome = self.try_insert_batch(rows);
        if outcome.is_err() {
            self.forget_ledger();
        }
        outcome.map_err(|source| Error::from_sqlite(&self.path, source))
    }

    fn try_insert_batch(&mut self, rows: &[LogRow<'_>]) -> rusqlite::Result<BatchOutcome> {
        if rows.is_empty() {
            return Ok(BatchOutcome::default());
        }
        if self.options.pruning == Pruning::Ledger && self.ledger.is_none() {
            self.ledger = Some(Ledger::load(&self.connection)?);
        }
        if self.options.durability == Durability::None {
            if self.connection.is_autocommit() {
                self.connection.execute_batch("BEGIN IMMEDIATE")?;
            }
            let outcome =
                insert(&self.connection, self.ledger.as_mut(), self.options.retention, rows)?;
            self.uncommitted += 1;
            if self.uncommitted >= self.options.batches_per_commit {
                self.commit()?;
            }
            return Ok(outcome);
        }
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let outcome = insert(&transaction, self.ledger.as_mut(), self.options.retention, rows)?;
        transaction.commit()?;
        Ok(outcome)
    }

    /// Ends the transaction that batches share, if one is open.
    pub(crate) fn commit(&mut self) -> rusqlite::Result<()> {
        self.uncommitted = 0;
        if self.connection.is_autocommit() {
            Ok(())
        } else {
            self.connection.execute_batch("COMMIT")
        }
    }

    /// The largest id in the log and the largest `ts` in it; `None` when it is empty.
    ///
    /// # Errors
    /// Whatever SQLite reports, typed as for [`TraceLog::open`].
    pub fn newest(&self) -> Result<Option<(i64, i64)>> {
        self.query("SELECT max(id), max(ts) FROM logs", |row| {
            let (id, ts): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
            Ok(id.zip(ts))
        })
    }

    /// Pages of the file, and how many of them are on the free list.
    ///
    /// # Errors
    /// Whatever SQLite reports, typed as for [`TraceLog::open`].
    pub fn pages(&self) -> Result<(u64, u64)> {
        let count = |row: &rusqlite::Row<'_>| Ok(u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0));
        Ok((self.query("PRAGMA page_count", count)?, self.query("PRAGMA freelist_count", count)?))
    }

    /// Grows the file to `pages` pages by free pages, as if that many had held rows that are gone.
    /// A file that is larger already is left as it is. Returns the pages of the file.
    ///
    /// # Errors
    /// [`Error::Full`] and others, typed as for [`TraceLog::insert_batch`].
    pub fn pad_with_free_pages(&mut self, pages: u64) -> Result<u64> {
        let grow = |connection: &mut Connection| -> rusqlite::Result<()> {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let now = |connection: &Connection| -> rusqlite::Result<u64> {
                let (count, free): (i64, i64) = connection.query_row(
                    "SELECT page_count, freelist_count FROM pragma_page_count, \
                     pragma_freelist_count",
                    [],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )?;
                // Free pages are taken before the file grows.
                Ok(u64::try_from(count - free).unwrap_or(0))
            };
            transaction.execute_batch("CREATE TABLE padding (filler BLOB)")?;
            {
                // One row a page: as large as a page takes without overflow.
                let mut insert =
                    transaction.prepare("INSERT INTO padding VALUES (zeroblob(4000))")?;
                let mut used = now(&transaction)?;
                while used < pages {
                    // Map and interior pages come by themselves, so the last steps are counted one
                    // by one.
                    for _ in 0..(pages - used).div_ceil(2) {
                        insert.execute([])?;
                    }
                    used = now(&transaction)?;
                }
            }
            transaction.execute_batch("DROP TABLE padding")?;
            transaction.commit()
        };
        self.commit().map_err(|source| Error::from_sqlite(&self.path, source))?;
        if self.pages()?.0 < pages {
            grow(&mut self.connection).map_err(|source| Error::from_sqlite(&self.path, source))?;
        }
        Ok(self.pages()?.0)
    }

    /// Ends a bulk load: gives the file its lasting settings (WAL), writes everything to it, closes
    /// it, and leaves neither `-wal` nor `-shm` behind.
    ///
    /// # Errors
    /// Whatever SQLite reports, typed as for [`TraceLog::insert_batch`].
    pub fn finish_bulk(mut self) -> Result<()> {
        self.commit().map_err(|source| Error::from_sqlite(&self.path, source))?;
        let Self { connection, path, .. } = self;
        let finish = || -> rusqlite::Result<()> {
            connection.pragma_update(None, "locking_mode", "NORMAL")?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        };
        finish().map_err(|source| Error::from_sqlite(&path, source))?;
        connection.close().map_err(|(_, source)| Error::from_sqlite(&path, source))
    }

    pub(crate) fn query<T>(
        &self,
        sql: &str,
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.connection
            .query_row(sql, [], read)
            .map_err(|source| Error::from_sqlite(&self.path, source))
    }

    /// After age pruning: what it took is known, so the ledger need not be read again.
    pub(crate) fn ledger_without_older(&mut self, cutoff_ts: i64) {
        if let Some(ledger) = &mut self.ledger {
            ledger.forget_older(cutoff_ts);
        }
    }

    /// For everything that changes rows behind the ledger's back.
    pub(crate) fn forget_ledger(&mut self) {
        self.ledger = None;
    }
}

/// Rows of one statement where there are that many: it opens the table and its indexes once.
const AT_ONCE: usize = 16;

/// Executes a statement for all, [`AT_ONCE`] of them at a time and the rest one by one. Returns how
/// many rows changed.
fn execute<'a, T, V>(
    connection: &Connection,
    sql: impl Fn(usize) -> String,
    all: &'a [T],
    values: impl Fn(&'a T) -> V,
) -> rusqlite::Result<usize>
where
    V: IntoIterator<Item: ToSql>,
{
    let (whole, rest) = all.split_at(all.len() / AT_ONCE * AT_ONCE);
    let mut changed = 0;
    for (part, size) in [(whole, AT_ONCE), (rest, 1)] {
        if part.is_empty() {
            continue;
        }
        let mut statement = connection.prepare_cached(&sql(size))?;
        for group in part.chunks(size) {
            changed += statement.execute(params_from_iter(group.iter().flat_map(&values)))?;
        }
    }
    Ok(changed)
}

fn insert_sql(rows: usize) -> String {
    let row = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    format!(
        "INSERT INTO logs (ts, ts_nanos, level, target, feedback_log_body, module_path, file, \
         line, thread_id, process_uuid, estimated_bytes) VALUES {}",
        vec![row; rows].join(", ")
    )
}

fn delete_sql(ids: usize) -> String {
    format!("DELETE FROM logs WHERE id IN ({})", vec!["?"; ids].join(", "))
}

/// Inserts rows and prunes every partition they touch, within the transaction that is open.
fn insert(
    connection: &Connection,
    mut ledger: Option<&mut Ledger>,
    limits: Retention,
    rows: &[LogRow<'_>],
) -> rusqlite::Result<BatchOutcome> {
    execute(connection, insert_sql, rows, LogRow::values)?;
    let last_id = connection.last_insert_rowid();
    // Nobody else inserts within this transaction.
    let first_id = last_id + 1 - i64::try_from(rows.len()).unwrap_or(0);
    let mut outcome = BatchOutcome { first_id, last_id, inserted: rows.len(), pruned: 0 };
    if let Some(ledger) = &mut ledger {
        for (id, row) in (first_id..).zip(rows) {
            ledger.insert(row, id, row.estimated_bytes());
        }
    }
    for partition in retention::touched(rows) {
        outcome.pruned += match &mut ledger {
            None => retention::prune(connection, partition, limits)?,
            Some(ledger) => {
                execute(connection, delete_sql, &ledger.prune(partition, limits), |id| [id])?
            }
        };
    }
    Ok(outcome)
}

fn connect(path: &Path, options: &LogOptions) -> rusqlite::Result<Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if options.create {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let mut connection = stoppable(Connection::open_with_flags(path, flags)?)?;
    connection.busy_timeout(options.busy_timeout)?;
    connection.pragma_update(None, "cache_size", -i64::from(options.cache_kib))?;
    if !schema::exists(&connection)? {
        schema::create(&mut connection)?;
    }
    match options.durability {
        Durability::Normal => {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
        }
        Durability::None => {
            connection.pragma_update(None, "journal_mode", "OFF")?;
            connection.pragma_update(None, "synchronous", "OFF")?;
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        }
    }
    Ok(connection)
}
