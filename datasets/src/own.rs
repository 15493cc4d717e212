//! The user's own database as a dataset: a private copy, and more rows like its newest.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use tracerig_store::files::require_database;
use tracerig_store::schema::oddity;
use tracerig_store::stop::stoppable;
use tracerig_store::{LogRow, OwnedBody, OwnedRow, TraceLog};

use crate::cache::{Dataset, Progress, Stage};
use crate::digest;
use crate::error::{DatasetError, Result};
use crate::lock::Hold;
use crate::manifest::{Continuation, Manifest, Pages};
use crate::truth::Truth;

/// Pages copied between two looks at the caller's wishes.
const STEP_PAGES: std::ffi::c_int = 4096;
/// Rows of a batch, as real writers insert them.
const BATCH_ROWS: usize = 128;

/// Copies the database at `from` into `folder`, page by page and from one snapshot, also while it
/// is written to. Nothing in it is changed. The manifest tells sizes and digests; of the truth it
/// knows nothing.
///
/// # Errors
/// [`DatasetError::Cancelled`], [`DatasetError::NoTraceLog`], [`DatasetError::Source`], and what
/// the file system reports.
pub fn copy_of(
    from: &Path,
    folder: &Path,
    report: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Dataset> {
    copied(from, folder, report).map_err(|error| error.of_source(from))
}

fn copied(
    from: &Path,
    folder: &Path,
    report: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Dataset> {
    let database = folder.join("logs_2.sqlite");
    check_is_file(from)?;
    let failed = |path: &Path, error| DatasetError::sqlite(path)(error);
    let source = Connection::open_with_flags(
        from,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .and_then(stoppable)
    .map_err(|error| failed(from, error))?;
    let mut target = Connection::open(&database)
        .and_then(stoppable)
        .map_err(|error| failed(&database, error))?;
    target.pragma_update(None, "synchronous", "OFF").map_err(|error| failed(&database, error))?;
    {
        // A read transaction makes it one snapshot: a backup starts over whenever the source was
        // written to.
        source.execute_batch("BEGIN").map_err(|error| failed(from, error))?;
        check_is_trace_log(&source, from)?;
        // Rows will be inserted into the copy.
        let triggers = "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' OR sql LIKE \
                        'CREATE TRIGGER%'";
        let triggers = source.query_row(triggers, [], |row| row.get::<_, i64>(0));
        if triggers.map_err(|error| failed(from, error))? > 0 {
            let detail =
                "it has a trigger, which would run when rows are added to the copy".to_owned();
            return Err(DatasetError::NoTraceLog { path: from.to_path_buf(), detail });
        }
        let backup = Backup::new(&source, &mut target).map_err(|error| failed(from, error))?;
        loop {
            let step = backup.step(STEP_PAGES).map_err(|error| failed(from, error))?;
            let progress = backup.progress();
            let bytes = |pages: i32| u64::try_from(pages).unwrap_or(0) * 4096;
            let told = Progress {
                stage: Stage::Copying,
                done: bytes(progress.pagecount - progress.remaining),
                total: bytes(progress.pagecount),
            };
            if report(told).is_break() {
                return Err(DatasetError::Cancelled);
            }
            match step {
                StepResult::Done => break,
                StepResult::More => {}
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
    let count = |pragma: &str| {
        target
            .query_row(pragma, [], |row| row.get::<_, i64>(0))
            .map(|pages| u64::try_from(pages).unwrap_or(0))
            .map_err(|error| failed(&database, error))
    };
    let (page_size, free) = (count("PRAGMA page_size")?, count("PRAGMA freelist_count")?);
    let (total, last_ts) =
        (count("PRAGMA page_count")?, count("SELECT coalesce(max(ts), 0) FROM logs")?);
    target.close().map_err(|(_, error)| failed(&database, error))?;

    let digests = digest::of_database(&database, report)?;
    let (body_bytes, max_id) = (digests.body_bytes(), digests.max_id());
    let rows = digests.rows.len() as u64;
    let manifest = Manifest {
        name: "own".to_owned(),
        recipe: String::new(),
        seed: 0,
        scale: 1.0,
        generator_version: 0,
        levels: digests.levels,
        threads: digests.threads,
        processes: digests.processes,
        rows_digest: digests.rows_digest,
        file_digest: digests.file_digest,
        rows,
        max_id,
        inserted_rows: rows,
        inserted_bytes: body_bytes,
        body_bytes,
        file_bytes: digests.file_bytes,
        pages: Pages {
            page_size: u32::try_from(page_size).unwrap_or(0),
            total,
            free,
            logs: digests.logs_pages,
        },
        kinds: std::collections::BTreeMap::new(),
        truth: Truth::default(),
        facts: Vec::new(),
        turn_rows: Vec::new(),
        continuation: Continuation {
            last_ts: i64::try_from(last_ts).unwrap_or(0),
            processes: Vec::new(),
        },
    };
    Ok(Dataset { database, manifest, hold: Hold::default() })
}

/// Whether SQLite would open nothing but files: it waits for the writer of a pipe, and says "disk
/// I/O error" of a folder.
pub(crate) fn check_is_file(path: &Path) -> Result<()> {
    std::fs::metadata(path).map_err(DatasetError::io(path, "open the database"))?;
    require_database(path)
        .map_err(|(path, why)| DatasetError::NoTraceLog { path, detail: why.to_string() })
}

/// Whether the rows of a database can be read without running anything in it.
pub(crate) fn check_is_trace_log(connection: &Connection, path: &Path) -> Result<()> {
    let oddity = oddity(connection)
        .map_err(|source| DatasetError::Source { path: path.to_path_buf(), source })?;
    oddity
        .map_or(Ok(()), |detail| Err(DatasetError::NoTraceLog { path: path.to_path_buf(), detail }))
}

/// Appends the newest `rows` rows once more, a second later each: what your own writer would write
/// next is not known, but it looks like what it wrote last. Returns how many there were.
///
/// # Errors
/// [`DatasetError::Store`] when writing fails, and what SQLite reports.
pub fn repeat_newest(log: &mut TraceLog, rows: u64) -> Result<u64> {
    let path = log.path().to_owned();
    let newest = read_newest(&path, rows).map_err(DatasetError::sqlite(&path))?;
    for batch in newest.chunks(BATCH_ROWS) {
        let batch: Vec<LogRow<'_>> = batch.iter().map(OwnedRow::as_row).collect();
        log.insert_batch(&batch)?;
    }
    Ok(newest.len() as u64)
}

fn read_newest(path: &Path, rows: u64) -> rusqlite::Result<Vec<OwnedRow>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = stoppable(Connection::open_with_flags(path, flags)?)?;
    let mut statement = connection.prepare(
        "SELECT ts, ts_nanos, CAST(level AS TEXT), CAST(target AS TEXT), feedback_log_body, \
         module_path, file, line, thread_id, process_uuid FROM logs ORDER BY id DESC LIMIT ?1",
    )?;
    let mut newest = statement
        .query_map([i64::try_from(rows).unwrap_or(i64::MAX)], |row| {
            Ok(OwnedRow {
                ts: row.get::<_, i64>(0)?.saturating_add(1),
                ts_nanos: row.get(1)?,
                level: row.get(2)?,
                target: row.get(3)?,
                body: match row.get_ref(4)? {
                    rusqlite::types::ValueRef::Text(bytes) => OwnedBody::Text(bytes.to_vec()),
                    rusqlite::types::ValueRef::Blob(bytes) => OwnedBody::Blob(bytes.to_vec()),
                    _ => OwnedBody::Null,
                },
                module_path: text(row.get(5)?),
                file: text(row.get(6)?),
                line: row.get(7)?,
                thread_id: text(row.get(8)?),
                process_uuid: text(row.get(9)?),
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    newest.reverse();
    Ok(newest)
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}
