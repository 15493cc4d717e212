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
        self.rows
            .connection()
            .prepare_cached(&select())
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

fn select() -> String {
    let columns: Vec<&str> = Column::ALL.iter().map(|column| column.name()).collect();
    format!("SELECT {} FROM threads WHERE id = ?1", columns.join(", "))
}

/// The whole of a row, as a patch.
fn whole(row: &Row<'_>) -> rusqlite::Result<Patch> {
    let mut patch = Patch::default();
    for (index, &column) in Column::ALL.iter().enumerate() {
        let value = match row.get_ref(index)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(integer) => Value::Integer(integer),
            other => Value::Text(
                String::from_utf8_lossy(other.as_bytes().unwrap_or_default()).into_owned(),
            ),
        };
        patch.set(column, value);
    }
    patch.mark_complete();
    Ok(patch)
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn the_row_is_read_before_and_after_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("threads.sqlite");
        let mut readback = Readback::open(&path, Duration::ZERO, Arc::default()).unwrap();
        let thread = ThreadId::new();
        let mut patch = Patch::new();
        for column in [Column::CreatedAtMs, Column::UpdatedAtMs, Column::RecencyAtMs] {
            patch.set(column, Value::Integer(1));
        }
        patch.set(Column::RolloutPath, Value::text("x"));
        patch.mark_complete();
        assert!(readback.project(&[Projection { thread, patch: &patch }])[0].is_ok());
        let runs = |readback: &Readback| {
            let sql = select();
            let statement = readback.rows.connection().prepare_cached(&sql).unwrap();
            statement.get_status(StatementStatus::Run)
        };
        assert_eq!(runs(&readback), 2);
        let mut part = Patch::new();
        part.set(Column::TokensUsed, Value::Integer(3));
        assert!(readback.project(&[Projection { thread, patch: &part }])[0].is_ok());
        assert_eq!(runs(&readback), 4);
        let row = readback.read(thread).unwrap().unwrap();
        assert_eq!(row.get(Column::TokensUsed), Some(&Value::Integer(3)));
        assert_eq!(row.get(Column::RolloutPath), Some(&Value::text("x")));
    }
}
