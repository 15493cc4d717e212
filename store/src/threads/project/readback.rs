//! The projector as published: reads the row, merges, writes all of it, and reads it again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, Row};

use super::{ProjectError, Projection, Projector, Sqlite};
use crate::threads::column::{Column, Value};
use crate::threads::database::DatabaseError;
use crate::threads::id::ThreadId;
use crate::threads::patch::Patch;

/// Applies patches by reading, merging, writing and reading again.
#[derive(Debug)]
pub(in crate::threads) struct Readback {
    rows: Sqlite,
}

impl Readback {
    /// Opens the database at `path`, creating it if it is missing.
    pub(in crate::threads) fn open(
        path: &Path,
        busy_timeout: Duration,
        transactions: Arc<AtomicU64>,
    ) -> Result<Self, DatabaseError> {
        Ok(Self { rows: Sqlite::open(path, busy_timeout, transactions)? })
    }

    fn read(&self, thread: ThreadId) -> Result<Option<Patch>, ProjectError> {
        let columns: Vec<&str> = Column::ALL.iter().map(|column| column.name()).collect();
        let sql = format!("SELECT {} FROM threads WHERE id = ?1", columns.join(", "));
        self.rows
            .connection()
            .prepare_cached(&sql)
            .and_then(|mut select| select.query_row([thread.to_string()], whole).optional())
            .map_err(|source| self.rows.error(&source))
    }

    fn project_one(&mut self, projection: Projection<'_>) -> Result<(), ProjectError> {
        let mut merged = match self.read(projection.thread)? {
            Some(row) if !projection.patch.is_complete() => row,
            None if !projection.patch.is_complete() => {
                let path = self.rows.path().to_owned();
                return Err(ProjectError::RowMissing { path, thread: projection.thread });
            }
            _ => Patch::default(),
        };
        merged.merge(projection.patch.clone());
        merged.mark_complete();
        self.rows.begin()?;
        let written = Projection { patch: &merged, ..projection };
        self.rows.apply(written).inspect_err(|_| self.rows.roll_back())?;
        self.rows.commit()?;
        self.read(projection.thread)?;
        Ok(())
    }
}

impl Projector for Readback {
    fn project(&mut self, batch: &[Projection<'_>]) -> Vec<Result<(), ProjectError>> {
        batch.iter().map(|&projection| self.project_one(projection)).collect()
    }
}

/// The whole of a row, as a patch.
fn whole(row: &Row<'_>) -> rusqlite::Result<Patch> {
    let mut patch = Patch::default();
    for (index, &column) in Column::ALL.iter().enumerate() {
        let value = match row.get_ref(index)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(integer) => Value::Integer(integer),
            other => Value::Text(String::from_utf8_lossy(other.as_bytes().unwrap_or_default()).into_owned()),
        };
        patch.set(column, value);
    }
    patch.mark_complete();
    Ok(patch)
}
