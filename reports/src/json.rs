//! The summary as JSON, for scripts.

use serde::Serialize;

use crate::Record;
use crate::summary::{SCHEMA, Summary, VERSION};

#[derive(Serialize)]
struct Document<'a, S> {
    schema: &'static str,
    version: u64,
    id: &'a str,
    scenario: &'a str,
    started: &'a str,
    finished: &'a str,
    machine_fingerprint: &'a str,
    #[serde(flatten)]
    summary: &'a S,
}

/// The summary as one JSON object with a final line feed, `schema` and `version` first. Times are
/// integer nanoseconds in fields that end in `_ns`, sizes integer bytes in fields that end in
/// `_bytes`; `null` means unavailable. Within a version fields are added, never renamed or removed.
///
/// # Errors
/// Never in practice: only when a figure cannot be put into JSON at all.
pub fn summary(record: &Record, summary: &Summary) -> serde_json::Result<String> {
    document(SCHEMA, VERSION, record, summary)
}

/// The fields of `summary` behind those that every summary begins with.
pub(crate) fn document(
    schema: &'static str,
    version: u64,
    record: &Record,
    summary: &impl Serialize,
) -> serde_json::Result<String> {
    let mut text = serde_json::to_string_pretty(&Document {
        schema,
        version,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{assert_golden, record};

    /// Scripts depend on these names: a change of a name or a type needs another version.
    #[test]
    fn the_fields_are_as_kept() {
        let record = record();
        assert_golden("summary.json", &super::summary(&record, &Summary::of(&record)).unwrap());
    }

    #[test]
    fn unavailable_is_null_and_nothing_is_infinite() {
        let mut record = record();
        for sample in &mut record.samples {
            sample.state = crate::record::SampleState::Excluded { reason: "busy".to_owned() };
        }
        record.outcome = crate::record::Outcome::of(&record.samples, false);
        let text = super::summary(&record, &Summary::of(&record)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["schema"], "tracerig.summary");
        assert_eq!(json["arms"][0]["samples"]["excluded"], 9);
        assert!(json["arms"][0]["sample_time"].is_null());
        assert_eq!(json["left_out"][0]["kind"], "excluded");
        assert_eq!(json["left_out"].as_array().unwrap().len(), 81);
    }
}
