//! What a line of a rollout is: one that matters, one to skip, or a broken one.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// Types of lines that matter, and of events.
const MATTER: [&str; 3] = ["session_meta", "turn_context", "token_usage_record"];
const EVENTS_MATTER: [&str; 3] = ["token_count", "thread_settings_applied", "task_started"];

/// Types that Codex is known to write and that do not matter.
const KNOWN: [&str; 6] = [
    "response_item",
    "world_state",
    "compacted",
    "ghost_snapshot",
    "inter_agent_message",
    "inter_agent_communication_metadata",
];
const KNOWN_EVENTS: &str = "agent_message agent_reasoning agent_reasoning_raw_content agent_reasoning_section_break \
    collab_agent_spawn_end context_compacted entered_review_mode error exec_command_end exited_review_mode item_completed \
    item_started mcp_tool_call_end patch_apply_end plan_update sub_agent_activity task_complete thread_goal_updated thread_name_updated \
    thread_rolled_back turn_aborted user_message web_search_end";

/// What a line is.
pub(super) enum Line {
    Matters(Value),
    /// Whether its kind is known.
    Skipped(bool),
    /// An object without a type.
    Untyped,
    Broken(&'static str),
}

/// The object that a line is.
fn object(line: &[u8]) -> Option<Value> {
    serde_json::from_slice::<&RawValue>(line).ok().map(value).filter(Value::is_object)
}

/// A JSON value, one level after the other, as the grammar takes it: `serde_json` by itself refuses a text with half of a surrogate
/// pair, a number that no double holds, and depth. Of several members `type` the first that is a text counts, of others the last.
fn value(raw: &RawValue) -> Value {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'{') => {
            let Ok(Members(members)) = serde_json::from_str(text) else { return Value::Null };
            let mut object = Map::new();
            for (name, raw) in members {
                // A name that is no text is that of no member.
                let Ok(name) = serde_json::from_str::<String>(name.get()) else { continue };
                if name != "type" || object.get("type").and_then(Value::as_str).is_none_or(str::is_empty) {
                    object.insert(name, value(raw));
                }
            }
            Value::Object(object)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
            items.into_iter().map(value).collect()
        }
        // A text that is none is absent; a number that is too large is no count.
        Some(b'"') => serde_json::from_str(text).unwrap_or(Value::Null),
        _ => serde_json::from_str(text).unwrap_or(json!(0.5)),
    }
}

/// The members of an object, in their order.
struct Members<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Each)
    }
}

/// What a line is. Whatever begins with types that do not matter is skipped, whole or not.
pub(super) fn line_of(line: &[u8]) -> Line {
    let value = object(line);
    let (kind, payload) = match &value {
        Some(value) => types(value),
        None => types_of_beginning(&String::from_utf8_lossy(line)),
    };
    let has_no_type = value.as_ref().is_some_and(|value| value.get("type").is_none());
    let Some(kind) = kind else { return if has_no_type { Line::Untyped } else { Line::Broken("no type") } };
    let payload = payload.unwrap_or_default();
    if MATTER.contains(&kind.as_str()) || kind == "event_msg" && EVENTS_MATTER.contains(&payload.as_str()) {
        value.map_or(Line::Broken("no JSON"), Line::Matters)
    } else if kind == "event_msg" {
        Line::Skipped(KNOWN_EVENTS.split(' ').any(|known| known == payload))
    } else {
        Line::Skipped(KNOWN.contains(&kind.as_str()))
    }
}

/// The timestamp of a line, whole or not, whatever its kind.
pub(super) fn stamp(line: &[u8]) -> Option<String> {
    match object(line) {
        Some(value) => text(&value, "timestamp"),
        None => {
            let line = String::from_utf8_lossy(line);
            let (name, value) = member(after(&line, '{')?)?;
            let (stamp, _) = string(value).filter(|_| name == "timestamp")?;
            Some(stamp.to_owned())
        }
    }
}

/// The types of a line and of its payload.
pub(super) fn types(value: &Value) -> (Option<String>, Option<String>) {
    (text(value, "type"), text(&value["payload"], "type"))
}

/// The same of what is no JSON, if only plain values stand before the types.
fn types_of_beginning(line: &str) -> (Option<String>, Option<String>) {
    // An empty name is none.
    let Some((kind, rest)) = first_type(line).filter(|(kind, _)| !kind.is_empty()) else {
        return (None, None);
    };
    let payload = || {
        let mut rest = after(rest, ',')?;
        loop {
            let (name, value) = member(rest)?;
            if name == "payload" {
                return Some(first_type(value)?.0.to_owned());
            }
            rest = after(plain(value)?, ',')?;
        }
    };
    match (kind, payload()) {
        // Without its event, an event is nothing yet.
        ("event_msg", None) => (None, None),
        (kind, payload) => (Some(kind.to_owned()), payload),
    }
}

/// The first member `type` of the object that begins here, and what follows it.
fn first_type(object: &str) -> Option<(&str, &str)> {
    let mut rest = after(object, '{')?;
    loop {
        let (name, value) = member(rest)?;
        if name == "type" {
            // Bytes that are no text name nothing.
            return string(value).filter(|(kind, _)| !kind.contains(char::REPLACEMENT_CHARACTER));
        }
        rest = after(plain(value)?, ',')?;
    }
}

/// What follows `mark`, which stands here.
fn after(text: &str, mark: char) -> Option<&str> {
    text.trim_start_matches([' ', '\t', '\r']).strip_prefix(mark)
}

/// The name of the member that begins here, and what follows its colon.
fn member(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = string(text)?;
    Some((name, after(rest, ':')?))
}

/// The string without escapes that begins here, and what follows it.
fn string(text: &str) -> Option<(&str, &str)> {
    let (string, rest) = after(text, '"')?.split_once('"')?;
    let is_plain = |character: char| character != '\\' && !character.is_ascii_control();
    string.chars().all(is_plain).then_some((string, rest))
}

/// What follows the plain value that begins here.
fn plain(text: &str) -> Option<&str> {
    if let Some((_, rest)) = string(text) {
        return Some(rest);
    }
    let text = text.trim_start_matches([' ', '\t', '\r']);
    let rest = text
        .trim_start_matches(|character: char| character.is_ascii_alphanumeric() || "+-.".contains(character));
    (rest.len() < text.len() && !rest.is_empty()).then_some(rest)
}

/// A member that is a text; an empty one is none.
pub(super) fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}
