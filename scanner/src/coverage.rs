//! Whether the rows of a database tell tiers at all: a version that logs otherwise must not look
//! like "no priority turns".

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};

use crate::answer::Stats;
use crate::error::ScanError;
use crate::parse::field;

/// Turns from which it is no accident that no row tells a tier.
const TURNS: u64 = 10;

/// Rows, counted by their ids from the newest on, in which the version of Codex is looked for.
const NEWEST: i64 = 50_000;

/// The warning that no examined row tells a tier, although many turns ran.
pub(crate) fn warning(
    path: &Path,
    connection: &Connection,
    stats: &Stats,
) -> Result<Option<String>, ScanError> {
    if stats.turns_seen < TURNS || stats.tier_rows > 0 {
        return Ok(None);
    }
    let version =
        version(connection, stats.cursor).map_err(|error| ScanError::from_sqlite(path, error))?;
    let codex = version
        .map_or_else(|| "this version of Codex".to_owned(), |version| format!("Codex {version}"));
    Ok(Some(format!(
        "{}: no row tells the service tier of any of the {} turns that the examined rows show; \
         {codex} may log it in a way unknown to this scanner, so priority turns may be missing. \
         Update tracerig, or report the version",
        path.display(),
        stats.turns_seen,
    )))
}

/// The version of Codex that the newest row to say so names.
fn version(connection: &Connection, max_id: i64) -> rusqlite::Result<Option<String>> {
    let body: Option<Vec<u8>> = connection
        .query_row(
            "SELECT CAST(feedback_log_body AS BLOB) FROM logs WHERE id > ?1 AND \
             typeof(feedback_log_body) = 'text' AND (instr(feedback_log_body, ' app.version=') OR \
             instr(feedback_log_body, ' client_version=')) ORDER BY id DESC LIMIT 1",
            [max_id.saturating_sub(NEWEST)],
            |row| row.get(0),
        )
        .optional()?;
    let named = |name: &[u8]| field(body.as_deref()?, name).map(str::to_owned);
    Ok(named(b"app.version").or_else(|| named(b"client_version")))
}
