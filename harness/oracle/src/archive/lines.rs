//! What a line of a rollout is: one that matters, one to skip, or a broken one.

use serde_json::Value;

use crate::value::json_value;

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
const KNOWN_EVENTS: &str = "agent_message agent_reasoning agent_reasoning_raw_content \
                            agent_reasoning_section_break collab_agent_spawn_end context_compacted \
                            entered_review_mode error exec_command_end exited_review_mode \
                            item_completed item_started mcp_tool_call_end patch_apply_end \
                            plan_update sub_agent_activity task_complete thread_goal_updated \
                            thread_name_updated thread_rolled_back turn_aborted user_message \
                            web_search_end";

/// What a line is.
pub(super) enum Line {
    Matters(Value),
    /// Whether its kind is known.
    Skipped(bool),
    /// An object without a type.
    Untyped,
    Broken(&'static str),
}

/// The object that a line is. Of several members `type` the first that is a text counts.
fn object(line: &[u8]) -> Option<Value> {
    json_value(line, |name, before| {
        name == "type" && before.as_str().is_some_and(|before| !before.is_empty())
    })
    .filter(Value::is_object)
}

/// What a line is. Whatever begins with types that do not matter is skipped, whole or not.
pub(super) fn line_of(line: &[u8]) -> Line {
    let value = object(line);
    let (kind, payload) = match &value {
        Some(value) => types(value),
        None => types_of_beginning(&lossy(line)),
    };
    let has_no_type = value.as_ref().is_some_and(|value| value.get("type").is_none());
    let Some(kind) = kind else {
        return if has_no_type { Line::Untyped } else { Line::Broken("no type") };
    };
    let payload = payload.unwrap_or_default();
    if MATTER.contains(&kind.as_str())
        || kind == "event_msg" && EVENTS_MATTER.contains(&payload.as_str())
    {
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
            let line = lossy(line);
            let (name, value) = member(after(&line, '{')?)?;
            let (stamp, _) = string(value).filter(|_| name == "timestamp")?;
            Some(stamp.to_owned())
        }
    }
}

/// Stands in the place of bytes that are no text.
const NO_TEXT: char = char::REPLACEMENT_CHARACTER;

/// The text of a line that need not be one. A [`NO_TEXT`] that was written becomes another
/// character, which no known type has.
fn lossy(line: &[u8]) -> String {
    let mut text = String::new();
    for chunk in line.utf8_chunks() {
        text += &chunk.valid().replace(NO_TEXT, "?");
        text.extend((!chunk.invalid().is_empty()).then_some(NO_TEXT));
    }
    text
}

/// The types of a line and of its payload.
pub(super) fn types(value: &Value) -> (Option<String>, Option<String>) {
    (text(value, "type"), text(&value["payload"], "type"))
}

/// The same of what is not JSON, if only plain values are before the types.
fn types_of_beginning(line: &str) -> (Option<String>, Option<String>) {
    // An empty name does not count.
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
            return string(value).filter(|(kind, _)| !kind.contains(NO_TEXT));
        }
        rest = after(plain(value)?, ',')?;
    }
}

/// What follows `mark`, which is here.
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
    let rest = text.trim_start_matches(|character: char| {
        character.is_ascii_alphanumeric() || "+-.".contains(character)
    });
    (rest.len() < text.len() && !rest.is_empty()).then_some(rest)
}

/// A member that is a text; an empty one does not count.
pub(super) fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}
