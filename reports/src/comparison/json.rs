//! The comparison as JSON, for scripts.

use serde::Serialize;

use super::{Comparison, SCHEMA, VERSION};
use crate::verdict::Gate;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: u64,
    gate: Gate,
    exit_code: u8,
    #[serde(flatten)]
    comparison: &'a Comparison,
}

/// The comparison as one JSON object with a final line feed, `schema` and `version` first. Parts
/// and ratios are plain numbers: 0.05 is 5 %, 1.05 is slower by 5 %; `null` means unavailable.
/// Within a version fields are added, never renamed or removed.
///
/// # Errors
/// Never in practice: only when a figure cannot be put into JSON at all.
pub fn json(comparison: &Comparison) -> serde_json::Result<String> {
    let gate = comparison.gate();
    let exit_code = gate.exit_code();
    let document = Document { schema: SCHEMA, version: VERSION, gate, exit_code, comparison };
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(text)
}
