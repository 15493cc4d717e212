//! The worker that writes: appends and deletes when told to, as a running Codex would.
//!
//! Started as `tracerig __worker writer PARENT DATABASE SEED`, with the manifest of the database
//! beside it. Making rows up takes longer than inserting them, and is no part of a writer's work;
//! so they are prepared first, and written at a word.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};
use serde::{Deserialize, Serialize};
use tracerig_datasets::Manifest;
use tracerig_datasets::workload::{self, Mix};
use tracerig_store::{LogOptions, LogRow, OwnedBody, OwnedRow, TraceLog};

use super::answers::{nanos, next, say};
use crate::engine::SUBCOMMAND;

/// What makes a worker a writer.
pub(super) const WRITER: &str = "writer";

/// Rows of a transaction, as real writers insert them.
const BATCH_ROWS: usize = 128;

/// Rows made up at once, at least: to begin takes longer than each of them.
const AT_ONCE: u64 = 2000;

/// How long it waits for the lock of another writer; there should be none.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What a writer is reported to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Task {
    /// To have at least this many rows ready.
    Prepare(u64),
    /// To delete rows, in one transaction, and then to append rows that are ready, 128 a
    /// transaction, each with its retention.
    Write {
        /// The ids of the rows to delete.
        delete: Vec<i64>,
        /// How many rows to append.
        append: u64,
    },
}

/// What the worker that writes did.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Done {
    /// Rows that it deleted because it was reported to.
    pub deleted: u64,
    /// Rows that it appended.
    pub appended: u64,
    /// Rows that are ready.
    pub ready: u64,
    /// How long it took, in nanoseconds.
    pub elapsed_ns: u64,
}

/// The arguments of a writer whose rows come from `seed`.
pub(crate) fn writer_arguments(database: &Path, seed: u64) -> Vec<OsString> {
    let parent = std::process::id().to_string();
    vec![SUBCOMMAND.into(), WRITER.into(), parent.into(), database.into(), seed.to_string().into()]
}

/// Writes each time it is reported to.
pub(super) fn writer(arguments: &mut impl Iterator<Item = OsString>) -> Result<(), String> {
    let database = arguments.next().ok_or("a writer needs the path of a database")?.into();
    let seed = next(arguments)?.parse().map_err(|error| format!("seed: {error}"))?;
    let mut writer = Writer::new(database, seed)?;
    for line in std::io::stdin().lines() {
        let failed = |error: &dyn std::fmt::Display| format!("standard input: {error}");
        let line = line.map_err(|error| failed(&error))?;
        let done = match serde_json::from_str(&line).map_err(|error| failed(&error))? {
            Task::Prepare(rows) => writer.prepare(rows)?,
            Task::Write { delete, append } => writer.write(&delete, append)?,
        };
        say(&done)?;
    }
    Ok(())
}

struct Writer {
    log: TraceLog,
    source: Source,
    /// The next one to be written first.
    ready: VecDeque<OwnedRow>,
}

/// Where rows come from.
enum Source {
    /// They are made up, in a separate log.
    Draft { log: Box<TraceLog>, manifest: Box<Manifest>, seed: u64 },
    /// The newest rows of the database, once more: what its own writer would write next is not
    /// known.
    Newest,
}

impl Writer {
    fn new(database: PathBuf, seed: u64) -> Result<Self, String> {
        let folder = database.parent().unwrap_or(Path::new("."));
        let manifest = Manifest::read(folder).map_err(|error| error.to_string())?;
        let open = |path: PathBuf, create| {
            let options = LogOptions { create, ..LogOptions::default() };
            TraceLog::open_with(path, options).map_err(|error| error.to_string())
        };
        let source = if manifest.is_generated() {
            let log = Box::new(open(folder.join("draft.sqlite"), true)?);
            Source::Draft { log, manifest: manifest.into(), seed }
        } else {
            Source::Newest
        };
        Ok(Self { log: open(database, false)?, source, ready: VecDeque::new() })
    }

    fn prepare(&mut self, rows: u64) -> Result<Done, String> {
        if self.ready.len() as u64 >= rows {
            return Ok(Done { ready: self.ready.len() as u64, ..Done::default() });
        }
        let rows = rows.max(AT_ONCE);
        let more = match &mut self.source {
            Source::Draft { log, manifest, seed } => {
                workload::append(log, manifest, *seed, rows, Mix::Realistic)
                    .map_err(|error| error.to_string())?;
                newest(log.path(), rows).map_err(failed(log.path(), "be read"))?
            }
            Source::Newest => {
                let path = self.log.path();
                let mut rows = newest(path, rows).map_err(failed(path, "be read"))?;
                for row in &mut rows {
                    row.ts = row.ts.saturating_add(1);
                }
                rows
            }
        };
        self.ready.extend(more);
        Ok(Done { ready: self.ready.len() as u64, ..Done::default() })
    }

    fn write(&mut self, delete: &[i64], append: u64) -> Result<Done, String> {
        let path = self.log.path();
        let start = Instant::now();
        let deleted = delete_rows(path, delete).map_err(failed(path, "be deleted"))?;
        let append = usize::try_from(append).unwrap_or(usize::MAX).min(self.ready.len());
        let rows: Vec<OwnedRow> = self.ready.drain(..append).collect();
        for batch in rows.chunks(BATCH_ROWS) {
            let batch: Vec<LogRow<'_>> = batch.iter().map(OwnedRow::as_row).collect();
            self.log.insert_batch(&batch).map_err(|error| error.to_string())?;
        }
        let elapsed_ns = nanos(start.elapsed());
        Ok(Done {
            deleted,
            appended: rows.len() as u64,
            ready: self.ready.len() as u64,
            elapsed_ns,
        })
    }
}

fn failed(path: &Path, what: &str) -> impl FnOnce(rusqlite::Error) -> String {
    move |error| format!("{}: rows cannot {what}: {error}", path.display())
}

/// The newest `rows` rows of the log at `path`, oldest first.
fn newest(path: &Path, rows: u64) -> rusqlite::Result<Vec<OwnedRow>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    let mut statement = connection.prepare(
        "SELECT ts, ts_nanos, level, target, feedback_log_body, module_path, file, line, \
         thread_id, process_uuid FROM logs ORDER BY id DESC LIMIT ?1",
    )?;
    let found = statement.query_map([i64::try_from(rows).unwrap_or(i64::MAX)], |row| {
        Ok(OwnedRow {
            ts: row.get(0)?,
            ts_nanos: row.get(1)?,
            level: text(row, 2)?.unwrap_or_default(),
            target: text(row, 3)?.unwrap_or_default(),
            body: match row.get_ref(4)? {
                ValueRef::Text(bytes) => OwnedBody::Text(bytes.to_vec()),
                ValueRef::Blob(bytes) => OwnedBody::Blob(bytes.to_vec()),
                _ => OwnedBody::Null,
            },
            module_path: text(row, 5)?,
            file: text(row, 6)?,
            line: row.get(7)?,
            thread_id: text(row, 8)?,
            process_uuid: text(row, 9)?,
        })
    })?;
    let mut found = found.collect::<rusqlite::Result<Vec<_>>>()?;
    found.reverse();
    Ok(found)
}

/// A column's text; of anything else that your own database may hold, nothing.
fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    Ok(row.get_ref(column)?.as_str_or_null().ok().flatten().map(str::to_owned))
}

/// Deletes the rows with these ids, as far as they are there, and says how many were.
fn delete_rows(database: &Path, ids: &[i64]) -> rusqlite::Result<u64> {
    if ids.is_empty() {
        return Ok(0);
    }
    let mut connection = Connection::open(database)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let transaction = connection.transaction()?;
    let mut deleted = 0;
    for id in ids {
        deleted += transaction.execute("DELETE FROM logs WHERE id = ?1", [id])?;
    }
    transaction.commit()?;
    Ok(deleted as u64)
}
