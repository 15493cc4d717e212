//! Retention: which rows of a partition go when a batch has been inserted.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use crate::row::LogRow;

/// How much of a partition is kept. A partition is a thread, or for rows without one a process;
/// rows with neither share one partition. Of each, the newest rows by (`ts`, `ts_nanos`, `id`)
/// stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Rows past this number go.
    pub rows: usize,
    /// Rows past this many cumulative `estimated_bytes` go.
    pub bytes: i64,
}

impl Default for Retention {
    /// The limits of the Codex CLI: 1,000 rows and 10 MiB.
    fn default() -> Self {
        Self { rows: 1000, bytes: 10 * 1024 * 1024 }
    }
}

/// How the rows to prune are found. Both ways delete the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pruning {
    /// By SQL over each partition the batch touched, as the Codex CLI does. Right even with other
    /// writers.
    #[default]
    Sql,
    /// From a list in memory of what each partition holds (about 32 bytes a row), read when the log
    /// is opened. Much faster for bulk loading, and right only while no other connection writes.
    Ledger,
}

/// A unit of retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Partition<'a> {
    /// The rows of a thread.
    Thread(&'a str),
    /// The threadless rows of a process, or of none.
    Threadless(Option<&'a str>),
}

impl<'a> Partition<'a> {
    pub(crate) fn of(row: &LogRow<'a>) -> Self {
        row.thread_id.map_or(Self::Threadless(row.process_uuid), Self::Thread)
    }

    fn condition(self) -> (&'static str, Option<&'a str>) {
        match self {
            Self::Thread(thread) => ("thread_id = ?1", Some(thread)),
            Self::Threadless(process) => ("thread_id IS NULL AND process_uuid IS ?1", process),
        }
    }
}

/// The partitions that a batch touches, each once.
pub(crate) fn touched<'a>(rows: &[LogRow<'a>]) -> BTreeSet<Partition<'a>> {
    // Neighbours usually share a partition; the set is only asked when they do not.
    rows.chunk_by(|a, b| Partition::of(a) == Partition::of(b))
        .map(|run| Partition::of(&run[0]))
        .collect()
}

/// Prunes one partition by SQL and returns how many rows went.
pub(crate) fn prune(
    connection: &Connection,
    partition: Partition<'_>,
    limits: Retention,
) -> rusqlite::Result<usize> {
    let (condition, key) = partition.condition();
    let rows = i64::try_from(limits.rows).unwrap_or(i64::MAX);
    let total =
        format!("SELECT count(*), coalesce(sum(estimated_bytes), 0) FROM logs WHERE {condition}");
    let over = connection.prepare_cached(&total)?.query_row(params![key], |row| {
        Ok(row.get::<_, i64>(0)? > rows || row.get::<_, i64>(1)? > limits.bytes)
    })?;
    if !over {
        return Ok(0);
    }
    let delete = format!(
        "DELETE FROM logs WHERE id IN (
             SELECT id FROM (
                 SELECT id, sum(estimated_bytes) OVER newest AS bytes,
                     row_number() OVER newest AS position
                 FROM logs WHERE {condition}
                 WINDOW newest AS (
                     ORDER BY ts DESC, ts_nanos DESC, id DESC ROWS UNBOUNDED PRECEDING
                 )
             ) WHERE bytes > ?2 OR position > ?3
         )"
    );
    connection.prepare_cached(&delete)?.execute(params![key, limits.bytes, rows])
}
