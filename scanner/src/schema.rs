//! The columns a scan reads, and whether a table's ids can carry a memo.

use std::ffi::CStr;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::ffi::SQLITE_ERROR;

use crate::ablation::{Ablation, Ablations};
use crate::error::ScanError;

/// The columns a scan reads, with the type Codex declares for each. The rest of the table is of no concern here.
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

/// Looks at the schema in the connection's transaction.
pub(crate) fn examine(connection: &Connection, path: &Path, ablated: Ablations) -> Result<Trust, ScanError> {
    let mut missing = Vec::new();
    let mut trust = Trust::Rising;
    for (name, declared) in COLUMNS {
        match connection.column_metadata(Some(c"main"), c"logs", name) {
            Ok((found, _, _, is_key, rises_only)) => {
                let is_expected = found
                    .is_some_and(|found| found.to_bytes().eq_ignore_ascii_case(declared.to_bytes()))
                    && (name != c"id" || (is_key && (rises_only || ablated.has(Ablation::SchemaRising))));
                if !is_expected {
                    trust = Trust::Unknown;
                }
            }
            // "No such table column" is a plain error; a lock or a damaged file is another matter.
            Err(rusqlite::Error::SqliteFailure(failure, _)) if failure.extended_code == SQLITE_ERROR => {
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

/// Fails unless `id` alone is the key of the table and whole numbers: facts are ordered by it, and rows found by it.
fn require_row_ids(connection: &Connection, path: &Path) -> Result<(), ScanError> {
    let names_a_row: bool = connection
        .query_row(
            "SELECT sum(pk > 0) = 1 AND sum(pk > 0 AND name = 'id' COLLATE nocase AND type = 'INTEGER' COLLATE nocase) = 1 \
             FROM pragma_table_info('logs')",
            [],
            |row| row.get(0),
        )
        .map_err(|error| ScanError::from_sqlite(path, error))?;
    if names_a_row { Ok(()) } else { Err(ScanError::IdsNameNoRows { path: path.to_owned() }) }
}

/// Fails unless the database stores its text as UTF-8: lengths in bytes mean something else in another encoding.
///
/// A file keeps its encoding for ever, so a memo proves it too.
pub(crate) fn require_utf8(connection: &Connection, path: &Path) -> Result<(), ScanError> {
    let encoding: String = connection
        .query_row("PRAGMA encoding", [], |row| row.get(0))
        .map_err(|error| ScanError::from_sqlite(path, error))?;
    if encoding == "UTF-8" { Ok(()) } else { Err(ScanError::Encoding { path: path.to_owned(), encoding }) }
}
