//! The scan as it was published: one LIKE query over every body at each launch, no memo. The baseline.
//!
//! Source of the rules: steipete/CodexBar, pull requests 1404 and 1421. It is kept as it was, with what it misses and what
//! it reports falsely, so that a comparison compares with what people ran.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, StatementStatus, ToSql};
use serde_json::Value;

use crate::answer::{Mode, Phases, Reason, Scan, Stats, Turn, Turns, Window};
use crate::error::ScanError;

const EVENT: &str = "websocket event:";
const REQUEST: &str = "websocket request:";
const SUBMISSION: &str = "Submission sub=Submission {";
const PRIORITY: &str = "service_tier: Some(Some(\"priority\"))";

/// Scans `database` by the published query.
///
/// # Errors
/// See [`ScanError`].
pub fn scan(database: &Path, window: Window, busy_timeout: Duration) -> Result<Scan, ScanError> {
    let start = Instant::now();
    let path: PathBuf =
        std::fs::canonicalize(database).map_err(|error| ScanError::from_io(database, error))?;
    let fail = |error| ScanError::from_sqlite(&path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags).map_err(fail)?;
    connection.busy_timeout(busy_timeout).map_err(fail)?;
    connection.execute_batch("BEGIN").map_err(fail)?;
    let cursor = connection
        .query_row("SELECT max(id) FROM logs", [], |row| row.get::<_, Option<i64>>(0))
        .map_err(|error| crate::schema::examine(&connection, &path).err().unwrap_or_else(|| fail(error)))?;
    let open = start.elapsed();

    let mut won: HashMap<String, Turn> = HashMap::new();
    let mut completions: HashMap<String, String> = HashMap::new();
    let mut facts = 0;
    let mut sql = format!(
        "SELECT feedback_log_body, ts FROM logs WHERE (feedback_log_body LIKE '%{REQUEST}%' \
         OR feedback_log_body LIKE '%response.completed%' OR feedback_log_body LIKE '%{PRIORITY}%')"
    );
    let mut bounds: Vec<&dyn ToSql> = Vec::new();
    for (bound, condition) in [(&window.since, " AND ts >= ?"), (&window.until, " AND ts < ?")] {
        if let Some(bound) = bound {
            sql.push_str(condition);
            bounds.push(bound);
        }
    }
    sql.push_str(" ORDER BY rowid");
    let mut statement = connection.prepare(&sql).map_err(fail)?;
    let mut rows = statement.query(&*bounds).map_err(fail)?;
    while let Some(row) = rows.next().map_err(fail)? {
        let Ok(body) = row.get_ref(0).map_err(fail)?.as_bytes() else { continue };
        let body = body.split(|&byte| byte == 0).next().unwrap_or_default();
        let body = String::from_utf8_lossy(body);
        let ts = row.get(1).map_err(fail)?;
        match read(&body, ts) {
            Some(Found::Completion(turn, model)) => {
                completions.insert(turn, model);
            }
            Some(Found::Evidence(turn, evidence)) => {
                won.insert(turn, evidence);
            }
            None => continue,
        }
        facts += 1;
    }
    drop(rows);
    let status = |which| u64::try_from(statement.get_status(which)).unwrap_or(0);
    let (vm_steps, steps) = (status(StatementStatus::VmStep), status(StatementStatus::FullscanStep));
    let known = completions.len() as u64;
    let turns: Turns = won
        .into_iter()
        .map(|(id, turn)| match completions.remove(&id) {
            Some(model) => (id, Turn { model: Some(model), ..turn }),
            None => (id, turn),
        })
        .collect();
    let stats = Stats {
        mode: Mode::Full,
        reason: Reason::Disabled,
        // A full walk of n rows takes n - 1 steps. With a window SQLite may walk an index instead, and does not tell how
        // many rows it saw: then this says 0, as a count of its own would cost another pass.
        rows_examined: if steps > 0 || cursor.is_some() && window == Window::default() { steps + 1 } else { 0 },
        rows_checked: 0,
        body_bytes: 0,
        facts,
        completions: known,
        unrecognised: 0,
        cursor: cursor.unwrap_or(0),
        db_bytes: std::fs::metadata(&path).map_or(0, |metadata| metadata.len()),
        artifact_bytes: 0,
        vm_steps,
        persisted: false,
        connections: 1,
        elapsed: Phases { open, scan: start.elapsed() - open, ..Phases::default() },
    };
    Ok(Scan { turns, stats, warnings: Vec::new() })
}

enum Found {
    Completion(String, String),
    Evidence(String, Turn),
}

/// What the published rules find in one body.
fn read(body: &str, timestamp: i64) -> Option<Found> {
    if let Some((before, after)) = body.split_once(EVENT)
        && let Ok(Value::Object(event)) = serde_json::from_str(after)
        && event.get("type").and_then(Value::as_str) == Some("response.completed")
        && let Some(model) =
            event.get("response").and_then(|response| response.get("model")).and_then(Value::as_str)
        && !model.is_empty()
        && let Some(turn) = first(before, "turn.id=").or_else(|| first(before, "turn_id="))
    {
        return Some(Found::Completion(turn.to_owned(), model.to_owned()));
    }
    let evidence = |before, model: Option<&str>| Turn {
        thread_id: first(before, "thread_id=").map(str::to_owned),
        model: model.map(str::to_owned),
        timestamp,
    };
    if let Some((before, after)) = body.split_once(REQUEST) {
        let Ok(Value::Object(request)) = serde_json::from_str(after) else { return None };
        let text = |name: &str| request.get(name).and_then(Value::as_str);
        if text("type") != Some("response.create") || text("service_tier") != Some("priority") {
            return None;
        }
        let turn = first(before, "turn.id=")
            .or_else(|| first(before, "turn_id="))
            .or_else(|| text("turn_id").filter(|turn| !turn.is_empty()))?;
        return Some(Found::Evidence(turn.to_owned(), evidence(before, text("model"))));
    }
    if body.contains(PRIORITY)
        && let Some((before, after)) = body.split_once(SUBMISSION)
        && let Some((_, id)) = after.split_once("id: \"")
        && let Some((id, _)) = id.split_once('"')
        && !id.is_empty()
    {
        return Some(Found::Evidence(id.to_owned(), evidence(before, None)));
    }
    None
}

/// What follows the first `name=` up to white space or one of `, ] ) } :`; empty is absent.
fn first<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = text.split_once(name)?;
    value
        .split(|c: char| c.is_ascii_whitespace() || matches!(c, ',' | ']' | ')' | '}' | ':'))
        .next()
        .filter(|value| !value.is_empty())
}
