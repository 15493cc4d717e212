//! What a caller appends to a history: one line's kind and payload, understood once, written by
//! copying bytes.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::threads::change::{self, Change};
use crate::threads::json;
use crate::threads::line::{self, MAX_LINE_BYTES};

/// One line of a history, but for its time, which the store gives it when it is accepted.
#[derive(Debug, Clone)]
pub struct Item {
    kind: Cow<'static, str>,
    payload: Box<RawValue>,
    change: Change,
    persisted: bool,
}

/// Why something is no item.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ItemError {
    /// The kind could not be in a line as it is.
    #[error("`{kind}` is no kind of item: use letters, digits and underscores, such as event_msg")]
    Kind {
        /// The beginning of the kind.
        kind: String,
    },
    /// The payload is JSON, but no object.
    #[error("the payload of a `{kind}` item is not a JSON object: give it braces and named fields")]
    NotAnObject {
        /// The kind of the item.
        kind: String,
    },
    /// The line would be too long to be read again.
    #[error("an item of {bytes} bytes is too long for a history; cut its payload into several")]
    TooLong {
        /// The length that the line would have.
        bytes: u64,
    },
    /// A line is not what a history holds.
    #[error(
        "this is no line of a history ({reason}): expected a JSON object with timestamp, type and \
         payload"
    )]
    Line {
        /// What the parser said.
        reason: String,
    },
    /// A payload could not be written as JSON.
    #[error("the payload cannot be written as JSON: {source}; give it texts, numbers and lists")]
    Encode {
        /// What the serializer said.
        source: serde_json::Error,
    },
}

impl Item {
    /// An item of this kind (the `type` of its line) with this payload. White space between the
    /// payload's tokens goes where it would break the line.
    ///
    /// # Errors
    /// [`ItemError::Kind`], [`ItemError::TooLong`], and [`ItemError::NotAnObject`] for a payload
    /// that is no object.
    pub fn new(kind: &str, payload: Box<RawValue>) -> Result<Self, ItemError> {
        Self::of(Cow::Owned(kind.to_owned()), payload)
    }

    fn of(kind: Cow<'static, str>, mut payload: Box<RawValue>) -> Result<Self, ItemError> {
        if !line::is_kind(&kind) {
            return Err(ItemError::Kind { kind: kind.chars().take(64).collect() });
        }
        let bytes = (kind.len() + payload.get().len()) as u64 + 64;
        if bytes > MAX_LINE_BYTES {
            return Err(ItemError::TooLong { bytes });
        }
        if !payload.get().trim_start().starts_with('{') {
            return Err(ItemError::NotAnObject { kind: kind.into_owned() });
        }
        if let Cow::Owned(line) = json::one_line(payload.get()) {
            payload = RawValue::from_string(line).map_err(|source| ItemError::Encode { source })?;
        }
        let change = Change::parse(&kind, payload.get());
        let persisted = is_persisted(&kind, payload.get());
        Ok(Self { kind, payload, change, persisted })
    }

    /// An item of the crate's own making.
    pub(super) fn built(kind: &'static str, payload: &impl Serialize) -> Result<Self, ItemError> {
        let payload = serde_json::value::to_raw_value(payload)
            .map_err(|source| ItemError::Encode { source })?;
        Self::of(Cow::Borrowed(kind), payload)
    }

    /// The item of a line in a history; its time is left out, and so is what else is next to the
    /// payload.
    ///
    /// # Errors
    /// [`ItemError::Line`] for what is no line of a history, and as [`Item::new`].
    pub fn from_line(line: &[u8]) -> Result<Self, ItemError> {
        let no_line = |reason: String| ItemError::Line { reason };
        let line = str::from_utf8(line).map_err(|error| no_line(error.to_string()))?;
        let [kind, payload] =
            json::members(line, ["type", "payload"]).map_err(|error| no_line(error.to_string()))?;
        let kind = kind.and_then(json::text).ok_or_else(|| no_line("it has no type".to_owned()))?;
        let payload = payload.ok_or_else(|| no_line("it has no payload".to_owned()))?;
        Self::new(&kind, payload.to_owned())
    }

    /// The `type` of the line.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The `payload` of the line, a JSON object on one line.
    #[must_use]
    pub fn payload(&self) -> &RawValue {
        &self.payload
    }

    /// The `type` inside of the payload, such as that of an event; `None` where it has none.
    #[must_use]
    pub fn inner_kind(&self) -> Option<Cow<'_, str>> {
        change::inner_kind(self.payload.get())
    }

    /// What the item says of its thread's row.
    #[must_use]
    pub fn change(&self) -> &Change {
        &self.change
    }

    /// Whether the item belongs into a history: pieces of what comes whole later, questions and
    /// notices do not.
    #[must_use]
    pub fn is_persisted(&self) -> bool {
        self.persisted
    }

    /// Adds the line of this item to `out`: `{"timestamp":"...","type":"...","payload":{...}}` and
    /// a line break. `timestamp` is taken as it is;
    /// [`Millis::rfc3339`](crate::threads::Millis::rfc3339) gives one.
    pub fn write_line(&self, timestamp: &str, out: &mut Vec<u8>) {
        const AROUND: usize = br#"{"timestamp":"","type":"","payload":}"#.len() + 1;
        let payload = self.payload.get();
        out.reserve(AROUND + timestamp.len() + self.kind.len() + payload.len());
        for piece in [
            r#"{"timestamp":""#,
            timestamp,
            r#"","type":""#,
            &self.kind,
            r#"","payload":"#,
            payload,
            "}\n",
        ] {
            out.extend_from_slice(piece.as_bytes());
        }
    }
}

/// As the Codex CLI decides it: of what streams, only what is whole.
fn is_persisted(kind: &str, payload: &str) -> bool {
    if kind.ends_with("_delta") {
        return false;
    }
    let Some(inner) = change::inner_kind(payload) else { return true };
    match kind {
        "event_msg" => {
            !(inner.ends_with("_delta")
                || inner.ends_with("_begin")
                || TRANSIENT_EVENTS.contains(&&*inner))
        }
        "response_item" => !matches!(&*inner, "compaction_trigger" | "other"),
        _ => true,
    }
}

/// Events that no history keeps, besides those that are named after a piece or a beginning.
const TRANSIENT_EVENTS: [&str; 32] = [
    "agent_reasoning_section_break",
    "apply_patch_approval_request",
    "background_event",
    "deprecation_notice",
    "dynamic_tool_call_request",
    "elicitation_request",
    "error",
    "exec_approval_request",
    "guardian_assessment",
    "guardian_warning",
    "hook_completed",
    "hook_started",
    "item_started",
    "mcp_startup_complete",
    "mcp_startup_update",
    "model_reroute",
    "model_verification",
    "patch_apply_updated",
    "plan_update",
    "raw_response_item",
    "realtime_conversation_closed",
    "realtime_conversation_list_voices_response",
    "realtime_conversation_realtime",
    "realtime_conversation_sdp",
    "realtime_conversation_started",
    "request_permissions",
    "request_user_input",
    "session_configured",
    "shutdown_complete",
    "stream_error",
    "terminal_interaction",
    "turn_diff",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn a_line_is_written_and_read_again() {
        let item = Item::new(
            "event_msg",
            raw("{\n  \"type\": \"agent_message\",\r\n\t\"message\": \"a b\"\n}"),
        )
        .unwrap();
        let mut line = b"before".to_vec();
        item.write_line("2026-11-20T20:37:24.062Z", &mut line);
        let expected = "before{\"timestamp\":\"2026-11-20T20:37:24.062Z\",\"type\":\"event_msg\",\
                        \"payload\":{\"type\":\"agent_message\",\"message\":\"a b\"}}\n";
        assert_eq!(str::from_utf8(&line).unwrap(), expected);
        let read = Item::from_line(&line[6..]).unwrap();
        assert_eq!((read.kind(), read.payload().get()), (item.kind(), item.payload().get()));
        // As newer versions write it, and in another order.
        let newer = br#"{"payload":{"type":"agent_message"},"ordinal":5,"type":"event_msg",
            "timestamp":"x","metadata":{}}"#;
        assert_eq!(Item::from_line(newer).unwrap().payload().get(), r#"{"type":"agent_message"}"#);
    }

    #[test]
    fn what_would_not_make_a_line_is_refused() {
        for kind in ["", "a\"b", "a\\b", "a\n"] {
            assert!(matches!(Item::new(kind, raw("{}")), Err(ItemError::Kind { .. })), "{kind}");
        }
        for payload in ["7", "[]", "null", "\"{}\""] {
            assert!(
                matches!(Item::new("x", raw(payload)), Err(ItemError::NotAnObject { .. })),
                "{payload}"
            );
        }
        for line in ["", "{}", "{\"type\":\"x\"}", "{\"type\":\"x\",\"payload\":{}", "\u{feff}{}"] {
            assert!(
                matches!(Item::from_line(line.as_bytes()), Err(ItemError::Line { .. })),
                "{line}"
            );
        }
        assert!(Item::from_line(b"{\"type\":\"x\",\"payload\":{\"a\":\"\xff\"}}").is_err());
    }

    #[test]
    fn pieces_questions_and_notices_are_not_persisted() {
        let is_persisted =
            |kind: &str, payload: &str| Item::new(kind, raw(payload)).unwrap().is_persisted();
        for kept in [
            "user_message",
            "token_count",
            "item_completed",
            "task_started",
            "thread_settings_applied",
            "new",
        ] {
            assert!(is_persisted("event_msg", &format!("{{\"type\":\"{kept}\"}}")), "{kept}");
        }
        for gone in [
            "agent_message_content_delta",
            "exec_command_begin",
            "exec_approval_request",
            "stream_error",
        ] {
            assert!(!is_persisted("event_msg", &format!("{{\"type\":\"{gone}\"}}")), "{gone}");
        }
        assert!(is_persisted("session_meta", "{}") && is_persisted("event_msg", "{}"));
        assert!(is_persisted("response_item", "{\"type\":\"message\"}"));
        assert!(!is_persisted("response_item", "{\"type\":\"compaction_trigger\"}"));
        assert!(!is_persisted("response_text_delta", "{}"));
    }
}
