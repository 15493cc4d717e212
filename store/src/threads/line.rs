//! One line of a history, from bytes to what it says of the row.
//!
//! Every line is checked in full: UTF-8, JSON to its end, a time. Skipping through JSON runs at
//! several gigabytes a second, so that nothing would be gained by trusting the beginning of a line.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read};

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::threads::change::Change;
use crate::threads::json;
use crate::threads::problem::Defect;
use crate::threads::time::Millis;

/// The longest line that is held in memory, 80 MiB. Longer ones are read past, unless they would
/// change more of the row than its updated time; items that would become such a line are refused.
pub const MAX_LINE_BYTES: u64 = 80 << 20;

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The time of the line.
    pub(crate) at: Millis,
    /// Its place in the history, where the line tells it.
    pub(crate) ordinal: Option<u64>,
    /// What it changes.
    pub(crate) change: Change,
}

/// Understands a line, given without its line break.
pub(crate) fn parse(line: &[u8]) -> Result<Entry, Defect> {
    let line = str::from_utf8(line).map_err(|_| Defect::NotUtf8)?;
    let [timestamp, kind, ordinal, payload] =
        json::members(line, ["timestamp", "type", "ordinal", "payload"])
            .map_err(|error| not_an_object(line, &error))?;
    let lacks = |what: &str| Defect::NotARecord { reason: format!("it has no {what}") };
    let at = time(&timestamp.and_then(json::text).ok_or_else(|| lacks("timestamp"))?)?;
    let kind = kind.and_then(json::text).ok_or_else(|| lacks("type"))?;
    if !is_kind(&kind) {
        return Err(Defect::NotARecord { reason: "its type is no kind of item".to_owned() });
    }
    let payload = payload.ok_or_else(|| lacks("payload"))?.get();
    if !payload.starts_with('{') {
        return Err(Defect::NotARecord { reason: "its payload is no object".to_owned() });
    }
    let ordinal = ordinal.and_then(|ordinal| ordinal.get().parse().ok());
    Ok(Entry { at, ordinal, change: Change::parse(&kind, payload) })
}

/// Whether a text can be the `type` of a line: it is written between quotes as it is.
pub(crate) fn is_kind(text: &str) -> bool {
    !text.is_empty()
        && !text
            .contains(|character: char| character.is_control() || matches!(character, '"' | '\\'))
}

fn time(text: &str) -> Result<Millis, Defect> {
    text.parse().map_err(|_| Defect::NoTime { text: text.chars().take(32).collect() })
}

/// What a line is that is no object. The parser stops where it knows that, whatever follows: only a
/// look at all of the line tells JSON of another kind from a line that breaks off.
fn not_an_object(line: &str, error: &serde_json::Error) -> Defect {
    // The parser's line is always the first; its column is of use.
    let reason =
        |error: &serde_json::Error| error.to_string().replace(" at line 1 column ", ", byte ");
    match serde_json::from_str::<&RawValue>(line) {
        Ok(_) => Defect::NotARecord { reason: reason(error) },
        Err(error) => Defect::NotJson { reason: reason(&error) },
    }
}

/// What can be said of a line that was not held in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Probe {
    /// It is a record that changes nothing but the updated time.
    Touch { at: Millis, ordinal: Option<u64> },
    /// It may change more, or is defective: [`parse`] must see it.
    Unclear,
}

/// Looks through a line that comes in pieces, holding none of it but its time and its kinds. What
/// it says of a line is what [`parse`] says.
pub(crate) fn probe(line: impl Read) -> Probe {
    #[derive(Deserialize)]
    struct Envelope {
        timestamp: String,
        r#type: String,
        #[serde(default)]
        ordinal: Ordinal,
        payload: Payload,
    }
    // The parser asks for single bytes, and takes a list for an object.
    let mut line = BufReader::new(line);
    if !line.fill_buf().is_ok_and(|start| start.trim_ascii_start().starts_with(b"{")) {
        return Probe::Unclear;
    }
    let Ok(envelope) = serde_json::from_reader::<_, Envelope>(line) else {
        return Probe::Unclear;
    };
    let Envelope { timestamp, r#type: kind, ordinal: Ordinal(ordinal), payload } = envelope;
    match time(&timestamp) {
        Ok(at)
            if is_kind(&kind)
                && !Change::may_be_more_than_a_touch(&kind, payload.kind.as_deref()) =>
        {
            Probe::Touch { at, ordinal }
        }
        _ => Probe::Unclear,
    }
}

/// A number if there is one, whatever else may be in its place.
#[derive(Default)]
struct Ordinal(Option<u64>);

impl<'de> Deserialize<'de> for Ordinal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Nothing that is there is held in memory.
        deserializer.deserialize_any(NumberOrNot).map(Self)
    }
}

struct NumberOrNot;

impl<'de> Visitor<'de> for NumberOrNot {
    type Value = Option<u64>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

/// A payload of any shape, and its `type` where it has one.
#[derive(Default)]
struct Payload {
    kind: Option<String>,
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Payload;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Payload, A::Error> {
                let mut payload = Payload::default();
                while let Some(key) = map.next_key::<Key>()? {
                    match key {
                        Key::Type => payload.kind = Some(map.next_value()?),
                        Key::Other => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(payload)
            }
        }
        // Anything else than an object is an error here, which makes the line unclear.
        deserializer.deserialize_map(Any)
    }
}

#[derive(Deserialize)]
enum Key {
    #[serde(rename = "type")]
    Type,
    #[serde(other)]
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_in_pieces_has_a_number_or_none_whatever_is_in_its_place() {
        let of = |ordinal: &str| {
            let line = format!(
                r#"{{"timestamp":"2026-05-28T20:26:39.995Z","type":"response_item",{ordinal}
                "payload":{{"type":"reasoning","summary":[]}}}}"#
            );
            match probe(line.as_bytes()) {
                Probe::Touch { ordinal, .. } => ordinal,
                Probe::Unclear => panic!("{line}"),
            }
        };
        assert_eq!(of(""), None);
        assert_eq!(of(r#""ordinal":7,"#), Some(7));
        assert_eq!(of(r#""ordinal":18446744073709551615,"#), Some(u64::MAX));
        for other in ["-1", "1.5", "true", "null", r#""7""#, "[7,[8]]", r#"{"ordinal":7}"#] {
            assert_eq!(of(&format!(r#""ordinal":{other},"#)), None, "{other}");
        }
    }
}
