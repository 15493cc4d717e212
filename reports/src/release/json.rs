//! The report as JSON, for scripts.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Release, words};
use crate::budgets::Judgement;
use crate::verdict::Gate;

/// Name of the format.
const SCHEMA: &str = "tracerig.release";
/// Version of that format: fields may be added in a version, never renamed or removed.
const VERSION: u64 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: u64,
    gate: Gate,
    exit_code: u8,
    verdict: String,
    since: &'a str,
    plan: &'a str,
    not_compared: &'a [String],
    budgets: Option<&'a Judgement>,
    comparisons: Box<RawValue>,
}

/// The report as one JSON object with a final line feed; `comparisons` is what `comparison.json`
/// holds.
///
/// # Errors
/// Never in practice: only when a figure cannot be put into JSON at all.
pub fn json(release: &Release<'_>) -> serde_json::Result<String> {
    let document = Document {
        schema: SCHEMA,
        version: VERSION,
        gate: release.gate(),
        exit_code: release.exit_code,
        verdict: words::verdict(release),
        since: release.since,
        plan: release.plan,
        not_compared: release.not_compared,
        budgets: release.budgets,
        comparisons: RawValue::from_string(release.comparisons.to_json()?)?,
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}
