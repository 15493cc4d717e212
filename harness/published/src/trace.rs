//! The scan as published: one LIKE query over every body at each launch, no memo. The baseline.
//!
//! Source of the rules: steipete/CodexBar, pull requests 1404 and 1421. It is kept unchanged, with
//! what it misses and what it reports falsely, so that a comparison compares with what people ran.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, StatementStatus, ToSql};
use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;

use tracerig_scanner::parts::{examine, guard, is_stop_wished, is_to_stop, require_files};
use tracerig_scanner::{Mode, Phases, Reason, Scan, ScanError, Stats, Turn, Turns, Window};

const EVENT: &str = "websocket event:";
const REQUEST: &str = "websocket request:";
const SUBMISSION: &str = "Submission sub=Submission {";
const PRIORITY: &str = "service_tier: Some(Some(\"priority\"))";

/// Steps of SQLite's machine between two looks whether the process is to end.
const STEPS: std::ffi::c_int = 1000;

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
    require_files(&path)?;
    let mut connection = Connection::open_with_flags(&path, flags).map_err(fail)?;
    guard(&mut connection).map_err(fail)?;
    if is_stop_wished() {
        // Only there: it is called every so many steps, and this is measured.
        connection.progress_handler(STEPS, Some(is_to_stop)).map_err(fail)?;
    }
    // SQLite counts milliseconds in 32 bits.
    connection
        .busy_timeout(busy_timeout.min(Duration::from_millis(i32::MAX as u64)))
        .map_err(fail)?;
    connection.execute_batch("BEGIN").map_err(fail)?;
    examine(&connection, &path)?;
    let cursor = connection
        .query_row("SELECT max(id) FROM logs", [], |row| row.get::<_, Option<i64>>(0))
        .map_err(fail)?;
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
    let (vm_steps, steps) =
        (status(StatementStatus::VmStep), status(StatementStatus::FullscanStep));
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
        // A full walk of n rows takes n - 1 steps. With a window SQLite may walk an index instead,
        // and does not tell how many rows it saw: then this says 0, as a separate count would cost
        // another pass.
        rows_examined: if steps > 0 || cursor.is_some() && window == Window::default() {
            steps + 1
        } else {
            0
        },
        rows_checked: 0,
        body_bytes: 0,
        facts,
        completions: known,
        unrecognised: 0,
        turn_rows: 0,
        turns_seen: 0,
        tier_rows: 0,
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
        && let Some(event) = object(after)
        && text(&event, "type").as_deref() == Some("response.completed")
        && let Some(response) = event.get(b"response".as_slice())
        && let Some(model) = object(response.get()).and_then(|response| text(&response, "model"))
        && !model.is_empty()
        && let Some(turn) = first(before, "turn.id=").or_else(|| first(before, "turn_id="))
    {
        return Some(Found::Completion(turn.to_owned(), model));
    }
    let evidence = |before, model: Option<String>| Turn {
        thread_id: first(before, "thread_id=").map(str::to_owned),
        model,
        timestamp,
    };
    if let Some((before, after)) = body.split_once(REQUEST) {
        let request = object(after)?;
        if text(&request, "type")? != "response.create"
            || text(&request, "service_tier")? != "priority"
        {
            return None;
        }
        let turn = first(before, "turn.id=")
            .or_else(|| first(before, "turn_id="))
            .map(str::to_owned)
            .or_else(|| text(&request, "turn_id").filter(|turn| !turn.is_empty()))?;
        return Some(Found::Evidence(turn, evidence(before, text(&request, "model"))));
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

/// The members of a JSON object, not decoded.
type Members<'a> = HashMap<Name, &'a RawValue>;

/// The members of the JSON object that `json` is. All of it is checked, but only what is wanted is
/// decoded: a number too large, nesting too deep or half a surrogate pair in a member that nobody
/// wants is JSON anyway.
fn object(json: &str) -> Option<Members<'_>> {
    // Names are read as bytes below, and control characters would pass there; this finds them.
    let whole: &RawValue = serde_json::from_str(json.trim_ascii()).ok()?;
    serde_json::from_str(whole.get()).ok()
}

/// The string that a member is.
fn text(members: &Members<'_>, name: &str) -> Option<String> {
    members.get(name.as_bytes()).and_then(|value| serde_json::from_str(value.get()).ok())
}

/// The name of a member, as bytes, since it may hold half a surrogate pair.
#[derive(PartialEq, Eq, Hash)]
struct Name(Vec<u8>);

impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Name;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a name")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Name, E> {
                Ok(Name(bytes.to_owned()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// What follows the first `name=` up to white space or one of `, ] ) } :`; empty is absent.
fn first<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = text.split_once(name)?;
    value
        .split(|c: char| c.is_ascii_whitespace() || matches!(c, ',' | ']' | ')' | '}' | ':'))
        .next()
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_evidence(member: &str) -> bool {
        let json = format!(r#"{{{member},"type":"response.create","service_tier":"priority"}}"#);
        matches!(
            read(&format!("turn.id=t websocket request: {json}\u{c}"), 1),
            Some(Found::Evidence(..))
        )
    }

    #[test]
    fn what_nobody_wants_only_has_to_be_json() {
        let deep = format!("\"a\":{}{}", "[".repeat(9_000), "]".repeat(9_000));
        for member in
            [r#""a":1"#, &format!("\"a\":{}", "9".repeat(9_000)), r#""\ud800":"\udc00""#, &deep]
        {
            assert!(is_evidence(member), "{member}");
        }
        for member in
            ["\"a\u{1}\":1", "\"a\":\"\u{1}\"", r#""a":01"#, r#""a":"\x""#, r#""a":NaN"#, "a:1"]
        {
            assert!(!is_evidence(member), "{member}");
        }
        assert!(is_evidence(r#""type":"x""#), "the last of duplicates wins");
        let last = concat!(
            "turn.id=t websocket request: ",
            r#"{"type":"response.create","service_tier":"priority","type":1}"#
        );
        assert!(read(last, 1).is_none());
    }
}
