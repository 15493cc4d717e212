//! The columns a scan reads, and whether a table's ids can carry a memo.

use std::ffi::CStr;
use std::path::Path;

use rusqlite::ffi::SQLITE_ERROR;
use rusqlite::{Connection, OptionalExtension as _};

use crate::ablation::{Ablation, Ablations};
use crate::error::ScanError;

/// The columns a scan reads, with the type Codex declares for each. The rest of the table is of no
/// concern here.
const COLUMNS: [(&CStr, &CStr); 7] = [
    (c"id", c"INTEGER"),
    (c"ts", c"INTEGER"),
    (c"ts_nanos", c"INTEGER"),
    (c"target", c"TEXT"),
    (c"feedback_log_body", c"TEXT"),
    (c"thread_id", c"TEXT"),
    (c"process_uuid", c"TEXT"),
];

/// Whether the ids of a table can carry a memo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Ids only rise and never come back, and the columns are what they are in Codex's own schema.
    Rising,
    /// Anything else: every scan is a full one.
    Unknown,
}

/// Fails if `logs` is a view, a virtual table or a table with generated columns: to read these runs
/// code of anyone who wrote the schema. Nothing of the table is read. That there is such a table at
/// all is not checked.
///
/// # Errors
/// [`ScanError::ForeignTable`], or what SQLite says.
pub(crate) fn require_ordinary_table(
    connection: &Connection,
    path: &Path,
) -> Result<(), ScanError> {
    let sqlite = |error| ScanError::from_sqlite(path, error);
    let mut statement = connection
        .prepare(
            "SELECT type, rootpage, sql FROM sqlite_schema \
             WHERE name = 'logs' COLLATE nocase AND type IN ('table', 'view')",
        )
        .map_err(sqlite)?;
    let mut rows = statement.query([]).map_err(sqlite)?;
    let mut may_generate = false;
    while let Some(row) = rows.next().map_err(sqlite)? {
        let word = |column| row.get_ref(column).map(|value| value.as_bytes().unwrap_or_default());
        let sql = word(2).map_err(sqlite)?.to_ascii_uppercase();
        let root: i64 = row.get(1).unwrap_or_default();
        let what = match word(0).map_err(sqlite)? {
            b"view" => "a view",
            _ if root <= 0 => "a virtual table",
            _ if !sql.starts_with(b"CREATE TABLE") => "something else in its definition",
            _ => {
                may_generate |= memchr::memmem::find(&sql, b"AS").is_some();
                continue;
            }
        };
        return Err(ScanError::ForeignTable { path: path.to_owned(), what: what.to_owned() });
    }
    if may_generate {
        refuse_generated(connection, path)?;
    }
    Ok(())
}

/// Fails if a column is computed as it is read: by what expression, and into how large a value, is
/// its author's choice.
fn refuse_generated(connection: &Connection, path: &Path) -> Result<(), ScanError> {
    let generated = connection
        .query_row(
            "SELECT name FROM pragma_table_xinfo('logs') WHERE hidden <> 0 LIMIT 1",
            [],
            |row| row.get::<_, String>(0),
        )
        .optional()
        .map_err(|error| ScanError::from_sqlite(path, error))?;
    match generated {
        Some(name) => {
            let what = format!("a table with a generated column, `{}`", name.escape_debug());
            Err(ScanError::ForeignTable { path: path.to_owned(), what })
        }
        None => Ok(()),
    }
}

/// Looks at the schema in the connection's transaction, before any row is read.
pub(crate) fn examine(
    connection: &Connection,
    path: &Path,
    ablated: Ablations,
) -> Result<Trust, ScanError> {
    require_ordinary_table(connection, path)?;
    let mut missing = Vec::new();
    let mut trust = Trust::Rising;
    for (name, declared) in COLUMNS {
        match connection.column_metadata(Some(c"main"), c"logs", name) {
            Ok((found, _, _, is_key, rises_only)) => {
                let is_expected = found.is_some_and(|found| {
                    found.to_bytes().eq_ignore_ascii_case(declared.to_bytes())
                }) && (name != c"id"
                    || (is_key && (rises_only || ablated.has(Ablation::SchemaRising))));
                if !is_expected {
                    trust = Trust::Unknown;
                }
            }
            // "No such table column" is a plain error; a lock or a damaged file is another matter.
            Err(rusqlite::Error::SqliteFailure(failure, _))
                if failure.extended_code == SQLITE_ERROR =>
            {
                missing.push(name.to_str().unwrap_or_default());
            }
            Err(error) => return Err(ScanError::from_sqlite(path, error)),
        }
    }
    if missing.len() == COLUMNS.len() {
        let empty = std::fs::metadata(path).is_ok_and(|metadata| metadata.len() == 0);
        return Err(ScanError::NoLogsTable { path: path.to_owned(), empty });
    }
    if !missing.is_empty() {
        return Err(ScanError::MissingColumns { path: path.to_owned(), columns: missing });
    }
    if trust == Trust::Unknown {
        require_row_ids(connection, path)?;
    }
    Ok(trust)
}

/// Fails unless `id` alone is the key of the table and whole numbers: facts are ordered by it, and
/// rows found by it.
fn require_row_ids(connection: &Connection, path: &Path) -> Result<(), ScanError> {
    let names_a_row: bool = connection
        .query_row(
            "SELECT sum(pk > 0) = 1 AND sum(pk > 0 AND name = 'id' COLLATE nocase AND type = \
             'INTEGER' COLLATE nocase) = 1 FROM pragma_table_info('logs')",
            [],
            |row| row.get(0),
        )
        .map_err(|error| ScanError::from_sqlite(path, error))?;
    if names_a_row { Ok(()) } else { Err(ScanError::IdsNameNoRows { path: path.to_owned() }) }
}

/// Fails unless the database stores its text as UTF-8: lengths in bytes mean something else in
/// another encoding.
///
/// A file keeps its encoding for ever, so a memo proves it too.
pub(crate) fn require_utf8(connection: &Connection, path: &Path) -> Result<(), ScanError> {
    let encoding: String = connection
        .query_row("PRAGMA encoding", [], |row| row.get(0))
        .map_err(|error| ScanError::from_sqlite(path, error))?;
    if encoding == "UTF-8" {
        Ok(())
    } else {
        Err(ScanError::Encoding { path: path.to_owned(), encoding })
    }
}
