//! The query and the rules as published: the baseline that everything is compared with.

use std::collections::BTreeMap;

use memchr::memmem::find;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::json;
use super::rules::{as_text, unquoted};
use super::{Answer, Turn, Window};

const QUERY: &str = "\
    SELECT ts, feedback_log_body FROM logs
    WHERE (feedback_log_body LIKE '%websocket request:%'
           OR feedback_log_body LIKE '%response.completed%'
           OR feedback_log_body LIKE '%service_tier: Some(Some(\"priority\"))%')
      AND (?1 IS NULL OR ts >= ?1) AND (?2 IS NULL OR ts < ?2)
    ORDER BY rowid";

/// What one row sets.
enum Found {
    Completion { turn: String, model: String },
    Winner { turn: String, thread_id: Option<String>, model: Option<String> },
}

/// Runs the query and the rules on what `connection` sees.
pub(super) fn scan(connection: &Connection, window: Window) -> rusqlite::Result<Answer> {
    let mut answer = Answer::default();
    let mut completed = BTreeMap::new();
    let mut statement = connection.prepare(QUERY)?;
    let mut rows = statement.query((window.since, window.until))?;
    while let Some(row) = rows.next()? {
        // LIKE looks at a BLOB as it looks at TEXT, and so does anyone who reads the column as a
        // string.
        let (ValueRef::Text(body) | ValueRef::Blob(body)) = row.get_ref(1)? else { continue };
        // A string that was cut at its NUL, and repaired where it is no UTF-8, is what the rules
        // were applied to.
        let body =
            String::from_utf8_lossy(body.split(|&byte| byte == 0).next().unwrap_or_default());
        let Some(found) = read(body.as_bytes()) else { continue };
        answer.facts += 1;
        match found {
            Found::Completion { turn, model } => {
                answer.completions += 1;
                completed.insert(turn, model);
            }
            Found::Winner { turn, thread_id, model } => {
                answer.turns.insert(turn, Turn { thread_id, model, timestamp: row.get(0)? });
            }
        }
    }
    for (id, turn) in &mut answer.turns {
        if let Some(model) = completed.remove(id) {
            turn.model = Some(model);
        }
    }
    Ok(answer)
}

fn read(body: &[u8]) -> Option<Found> {
    if let Some(found) =
        split(body, b"websocket event:").and_then(|(before, after)| completion(before, after))
    {
        return Some(found);
    }
    if let Some((before, after)) = split(body, b"websocket request:") {
        return request(before, after);
    }
    find(body, br#"service_tier: Some(Some("priority"))"#)?;
    let (before, after) = split(body, b"Submission sub=Submission {")?;
    let (_, id) = split(after, b"id: \"")?;
    let (id, _) = split(id, b"\"")?;
    Some(Found::Winner { turn: as_text(id)?, thread_id: first(before, b"thread_id="), model: None })
}

fn completion(before: &[u8], after: &[u8]) -> Option<Found> {
    let json = json::object(after)?;
    if json.string("type")? != "response.completed" {
        return None;
    }
    let model = json.object("response")?.string("model")?;
    let turn = first(before, b"turn.id=").or_else(|| first(before, b"turn_id="))?;
    Some(Found::Completion { turn, model })
}

fn request(before: &[u8], after: &[u8]) -> Option<Found> {
    let json = json::object(after)?;
    if json.string("type")? != "response.create" || json.string("service_tier")? != "priority" {
        return None;
    }
    let turn = first(before, b"turn.id=")
        .or_else(|| first(before, b"turn_id="))
        .or_else(|| json.string("turn_id"))?;
    Some(Found::Winner {
        turn,
        thread_id: first(before, b"thread_id="),
        model: json.any_string("model"),
    })
}

/// The value at the first textual `name=`, whatever is before it.
fn first(text: &[u8], name: &[u8]) -> Option<String> {
    as_text(unquoted(split(text, name)?.1))
}

/// What is before and after the first `needle`.
fn split<'a>(text: &'a [u8], needle: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = find(text, needle)?;
    Some((&text[..at], &text[at + needle.len()..]))
}
