//! A second look at the end of a long row, by another way than through its middle.
//!
//! Rows of one kind end alike and at the end of a page, so that the end of one fits the beginning
//! of another. SQLite finds the end of a row through its pointer map where it can, and so does not
//! follow a wrong pointer on the way. And where it does, the columns at the end are the other
//! row's.

use rusqlite::blob::Blob;
use rusqlite::{Connection, ErrorCode, MAIN_DB, Statement};

use crate::rows::{BODY, TABLE, text};
use crate::whole::SPILLS;

/// Bytes at the end of a body that are read again.
const TAIL_BYTES: usize = 512;

/// Looks at ends of rows through one connection.
pub(crate) struct Tail<'c> {
    connection: &'c Connection,
    /// Prepared once needed; nothing where the table lacks a column.
    columns: Option<Option<Statement<'c>>>,
    body: Option<Blob<'c>>,
}

impl<'c> Tail<'c> {
    pub(crate) fn new(connection: &'c Connection) -> Self {
        Self { connection, columns: None, body: None }
    }

    /// Whether the end of the row `id` is not that of the row which begins like `body`, whose spans
    /// name `thread`.
    pub(crate) fn is_anothers(
        &mut self,
        id: i64,
        body: &[u8],
        target: &[u8],
        thread: Option<&str>,
    ) -> rusqlite::Result<bool> {
        if body.len() < SPILLS {
            return Ok(false);
        }
        let mut end = [0; TAIL_BYTES];
        let at = body.len() - TAIL_BYTES;
        self.body_of(id)?.read_at_exact(&mut end, at)?;
        Ok(end != body[at..] || self.are_columns_anothers(id, body.len() + target.len(), thread)?)
    }

    fn body_of(&mut self, id: i64) -> rusqlite::Result<&mut Blob<'c>> {
        match self.body.take() {
            Some(mut body) => {
                body.reopen(id)?;
                Ok(self.body.insert(body))
            }
            None => {
                let body = self.connection.blob_open(MAIN_DB, TABLE, BODY, id, true)?;
                Ok(self.body.insert(body))
            }
        }
    }

    /// Whether the columns behind the body say another size than `bytes`, another thread, or no
    /// process.
    fn are_columns_anothers(
        &mut self,
        id: i64,
        bytes: usize,
        thread: Option<&str>,
    ) -> rusqlite::Result<bool> {
        let columns = match &mut self.columns {
            Some(columns) => columns,
            empty => empty.insert(prepare(self.connection)?),
        };
        let Some(columns) = columns else { return Ok(false) };
        let mut rows = columns.query([id])?;
        let Some(row) = rows.next()? else { return Ok(true) };
        let is_another = |column: Option<&str>| {
            column
                .filter(|column| !column.is_empty())
                .zip(thread)
                .is_some_and(|(column, thread)| column != thread)
        };
        let estimated: i64 = row.get(2).unwrap_or_default();
        let others: i64 = row.get(3).unwrap_or_default();
        Ok(usize::try_from(estimated.saturating_sub(others)) != Ok(bytes)
            || is_another(text(row.get_ref(0)?))
            || text(row.get_ref(1)?).is_some_and(|process| !process.starts_with("pid:")))
    }
}

/// Codex keeps in the last column how many bytes the texts of a row have.
fn prepare(connection: &Connection) -> rusqlite::Result<Option<Statement<'_>>> {
    let sql = "SELECT thread_id, process_uuid, estimated_bytes, octet_length(level) + \
               ifnull(octet_length(module_path), 0) + ifnull(octet_length(file), 0) FROM logs \
               WHERE id = ?1";
    match connection.prepare(sql) {
        Ok(statement) => Ok(Some(statement)),
        Err(rusqlite::Error::SqliteFailure(failure, _)) if failure.code == ErrorCode::Unknown => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
