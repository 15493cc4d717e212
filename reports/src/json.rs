//! The summary as JSON, for scripts.

use serde::Serialize;

use crate::Record;
use crate::summary::{SCHEMA, Summary, VERSION};

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: u64,
    id: &'a str,
    scenario: &'a str,
    started: &'a str,
    finished: &'a str,
    machine_fingerprint: &'a str,
    #[serde(flatten)]
    summary: &'a Summary,
}

/// The summary as one JSON object with a final line feed, `schema` and `version` first. Times are integer nanoseconds
/// in fields that end in `_ns`, sizes integer bytes in fields that end in `_bytes`; `null` means unavailable. Within a
/// version fields are added, never renamed or removed.
///
/// # Errors
/// Never in practice: only when a figure cannot be put into JSON at all.
pub fn summary(record: &Record, summary: &Summary) -> serde_json::Result<String> {
    let mut text = serde_json::to_string_pretty(&Document {
        schema: SCHEMA,
        version: VERSION,
        id: &record.id,
        scenario: &record.scenario,
        started: &record.started,
        finished: &record.finished,
        machine_fingerprint: &record.machine.fingerprint,
        summary,
    })?;
    text.push('\n');
    Ok(text)
}
