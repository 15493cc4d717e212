//! A judged history as JSON, for scripts.

use serde::Serialize;

use super::steps::Judged;

/// Name and version of the format: fields may be added in a version, never renamed or removed.
const SCHEMA: &str = "tracerig.history-report";
const VERSION: u64 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: u64,
    #[serde(flatten)]
    judged: &'a Judged,
}

/// The commits, series and steps as one JSON object with a final line feed, `schema` and `version`
/// first. Commits are referred to by their place in `commits`, counted from 0.
///
/// # Errors
/// Never in practice: only if a figure cannot be put into JSON at all.
pub fn json(judged: &Judged) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(&Document { schema: SCHEMA, version: VERSION, judged })? + "\n")
}
