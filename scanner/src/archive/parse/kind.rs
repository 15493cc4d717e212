//! What kind of line begins with these bytes, without reading the rest: nine lines in ten end here.
//!
//! The kind is the first member `type` of a line, and of its payload. In what Codex writes, it is
//! within the first 160 bytes, after members that are plain strings and numbers. Whatever looks
//! different is unclear, and read as JSON.

use super::json::plain;
use super::time::milliseconds;

/// What the beginning of a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It says nothing that a refresh returns; whether it is whole is not looked at.
    Skipped(Known),
    /// It matters.
    Matters,
    /// Only the whole line can tell.
    Unclear,
}

/// Whether a kind that does not matter is one that Codex is known to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is.
    Yes,
    /// It is of a later version, or nobody's.
    No,
}

/// The type of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// `session_meta`.
    Session,
    /// `turn_context`.
    Turn,
    /// `token_usage_record`.
    Record,
    /// `event_msg`, of which the payload says more.
    Event,
    Other(Known),
}

/// The type of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// `token_count`.
    Count,
    /// `thread_settings_applied`.
    Settings,
    /// `task_started`.
    Started,
    Other(Known),
}

impl Type {
    pub(super) fn named(name: &[u8]) -> Self {
        match name {
            b"session_meta" => Self::Session,
            b"turn_context" => Self::Turn,
            b"token_usage_record" => Self::Record,
            b"event_msg" => Self::Event,
            name => Self::Other(Known::among(&OTHER_LINES, name)),
        }
    }
}

impl Event {
    pub(super) fn named(name: &[u8]) -> Self {
        match name {
            b"token_count" => Self::Count,
            b"thread_settings_applied" => Self::Settings,
            b"task_started" => Self::Started,
            name => Self::Other(Known::among(&OTHER_EVENTS, name)),
        }
    }
}

impl Known {
    fn among(names: &[&str], name: &[u8]) -> Self {
        if names.iter().any(|known| known.as_bytes() == name) { Self::Yes } else { Self::No }
    }
}

/// Types of lines that Codex up to 0.171 writes and that do not matter here.
const OTHER_LINES: [&str; 6] = [
    "response_item",
    "world_state",
    "compacted",
    "ghost_snapshot",
    "inter_agent_message",
    "inter_agent_communication_metadata",
];

/// Types of events that Codex up to 0.171 writes into rollouts and that do not matter here.
const OTHER_EVENTS: [&str; 23] = [
    "agent_message",
    "agent_reasoning",
    "agent_reasoning_raw_content",
    "agent_reasoning_section_break",
    "collab_agent_spawn_end",
    "context_compacted",
    "entered_review_mode",
    "error",
    "exec_command_end",
    "exited_review_mode",
    "item_completed",
    "item_started",
    "mcp_tool_call_end",
    "patch_apply_end",
    "plan_update",
    "sub_agent_activity",
    "task_complete",
    "thread_goal_updated",
    "thread_name_updated",
    "thread_rolled_back",
    "turn_aborted",
    "user_message",
    "web_search_end",
];

/// The kind of a line by its types: its own and its payload's.
pub(super) fn by_types(line: Type, event: Option<Event>) -> Kind {
    match (line, event) {
        (Type::Event, Some(Event::Other(known))) | (Type::Other(known), _) => Kind::Skipped(known),
        (Type::Event, None) => Kind::Skipped(Known::No),
        _ => Kind::Matters,
    }
}

/// The kind of a line that begins with `start`, or is it.
pub(crate) fn kind(start: &[u8]) -> Kind {
    by_beginning(start).unwrap_or(Kind::Unclear)
}

/// When a line that begins with `start` was written, in milliseconds of Unix time.
pub(super) fn time(start: &[u8]) -> Option<i64> {
    milliseconds(text(Rest(start).find(b"timestamp")?)?)
}

fn by_beginning(start: &[u8]) -> Option<Kind> {
    let mut rest = Rest(start);
    // An empty name is none.
    let name = rest.find(b"type").filter(|name| !name.is_empty())?;
    let line = Type::named(name);
    if line == Type::Other(Known::No) {
        text(name)?;
    }
    if line != Type::Event {
        return Some(by_types(line, None));
    }
    rest.take(b',')?;
    // Plain members may stand between, another one called `type` among them: the first has said it.
    loop {
        let key = rest.string()?;
        rest.take(b':')?;
        if key == b"payload" {
            break;
        }
        rest.scalar()?;
        rest.take(b',')?;
    }
    let name = rest.find(b"type")?;
    let event = Event::named(name);
    if event == Event::Other(Known::No) {
        text(name)?;
    }
    Some(by_types(line, Some(event)))
}

/// The bytes of a name, if they are a text.
fn text(name: &[u8]) -> Option<&[u8]> {
    str::from_utf8(name).ok().map(str::as_bytes)
}

/// What was not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    /// The value of the first member `name` of the object that begins here, if only plain values
    /// stand before it.
    #[inline]
    fn find(&mut self, name: &[u8]) -> Option<&'a [u8]> {
        self.take(b'{')?;
        if name != b"timestamp" {
            self.pass_usual();
        }
        loop {
            let key = self.string()?;
            self.take(b':')?;
            if key == name {
                return self.string();
            }
            self.scalar()?;
            self.take(b',')?;
        }
    }

    /// Passes the members that Codex writes before a type, where they are spelled as it does: a
    /// time and a number.
    #[inline]
    fn pass_usual(&mut self) {
        let time = self.0.strip_prefix(b"\"timestamp\":\"").and_then(<[u8]>::split_first_chunk);
        if let Some((_, rest)) = time.filter(|(time, _)| looks_like_time(time))
            && let Some(rest) = rest.strip_prefix(b"\",")
        {
            self.0 = rest;
        }
        if let Some(rest) = self.0.strip_prefix(b"\"ordinal\":") {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if let [b',', rest @ ..] = &rest[digits..]
                && digits > 0
            {
                self.0 = rest;
            }
        }
    }

    /// Takes `byte`, and white space before it.
    fn take(&mut self, byte: u8) -> Option<()> {
        self.white();
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    /// Takes a string without escapes; its end must be there.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        let (string, rest) = self.0.split_at(plain::<true>(self.0).0);
        self.0 = rest.strip_prefix(b"\"")?;
        Some(string)
    }

    /// Takes a string without escapes, or a number or a word, whatever it is.
    fn scalar(&mut self) -> Option<()> {
        self.white();
        if self.0.first() == Some(&b'"') {
            return self.string().map(drop);
        }
        let is_plain =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        let length = self.0.iter().position(|byte| !is_plain(byte))?;
        self.0 = &self.0[length..];
        (length > 0).then_some(())
    }

    fn white(&mut self) {
        while let [b' ' | b'\t' | b'\r', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }
}

/// Whether a time is spelled as Codex does, where each digit may be a sign with a number near those
/// of digits.
fn looks_like_time(time: &[u8; 24]) -> bool {
    const FORM: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
    let (words, _) = time.as_chunks::<8>();
    let (forms, _) = FORM.as_chunks::<8>();
    words.iter().zip(forms).all(|(word, form)| {
        let mask = u64::from_le_bytes(form.map(|byte| if byte == b'0' { 0xf0 } else { 0xff }));
        u64::from_le_bytes(*word) & mask == u64::from_le_bytes(*form)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Kind = Kind::Skipped(Known::Yes);
    const UNKNOWN: Kind = Kind::Skipped(Known::No);

    #[test]
    fn what_codex_writes_is_told_by_its_beginning() {
        for (start, found) in [
            (
                r#"{"timestamp":"2026-11-20T20:37:24.062Z","type":"session_meta","payload":{"id":"#,
                Kind::Matters,
            ),
            (
                r#"{"timestamp":"x","ordinal":9,"type":"turn_context","payload":{"turn_id""#,
                Kind::Matters,
            ),
            (r#"{"timestamp":"x","type":"token_usage_record","pay"#, Kind::Matters),
            (
                concat!(
                    r#"{"timestamp":"x","type":"event_msg","#,
                    r#""payload":{"type":"token_count","info":null"#
                ),
                Kind::Matters,
            ),
            (
                concat!(
                    r#"{"timestamp":"x","ordinal":1,"type":"event_msg","#,
                    r#""payload":{"type":"task_started""#
                ),
                Kind::Matters,
            ),
            (
                r#"{"timestamp":"x","type":"event_msg","payload":{"type":"agent_message","mess"#,
                KNOWN,
            ),
            (
                r#"{"timestamp":"x","type":"response_item","payload":{"type":"message","role""#,
                KNOWN,
            ),
            (r#"{ "type" : "hologram" , "payload" : 1 }"#, UNKNOWN),
            (
                concat!(
                    r#"{"timestamp":"2026-11-20T20:37:24.062Z","ordinal":07,"type":"event_msg","#,
                    r#""payload":{"type":"error""#
                ),
                KNOWN,
            ),
            (
                concat!(
                    r#"{"timestamp":"2026-11-20T20:37:24.062Z","x":"2026-11-20T20:37:24.062Z","#,
                    r#""type":"hologram""#
                ),
                UNKNOWN,
            ),
            (r#"{"type":"event_msg","payload":{"n":1,"type":"hologram""#, UNKNOWN),
        ] {
            assert_eq!(kind(start.as_bytes()), found, "{start}");
        }
    }

    #[test]
    fn the_time_of_a_line_is_read_from_its_beginning() {
        for (start, at) in [
            (r#"{"timestamp":"1970-01-01T00:00:01.5Z","type":"x""#, Some(1500)),
            (r#"{"ordinal":1,"type":"x","timestamp":"1970-01-01T00:00:00Z","#, Some(0)),
            (r#"{"timestamp":"yesterday","type":"x""#, None),
            (r#"{"payload":{"timestamp":"1970-01-01T00:00:00Z"}}"#, None),
            ("rubbish", None),
        ] {
            assert_eq!(time(start.as_bytes()), at, "{start}");
        }
    }

    #[test]
    fn whatever_looks_different_is_unclear() {
        for start in [
            "",
            "null",
            r#"{"payload":{"type":"token_count"},"type":"event_msg"}"#,
            r#"{"timestamp":"x","type":"event_msg"}"#,
            r#"{"timestamp":"x","type":"event_msg","payload":"token_count"}"#,
            r#"{"timestamp":"x","type":"event_msg","payload":{"info":{},"type":"token_count"}}"#,
            r#"{"timestamp":"x","type":"session_me"#,
            r#"{"timestamp":"x","type":null}"#,
            r#"{"timestamp":"x","type":"","payload":{}}"#,
            r#"{"ty\u0070e":"session_meta"}"#,
            r#"{"timestamp":"a \" b","type":"session_meta"}"#,
            r#"{"timestamp":"2026-11-20T20:37:24.06\"","type":"session_meta"}"#,
            r#"{"timestamp":"2026-11-20T20:37:24.062Z","ordinal":,"type":"session_meta"}"#,
            r#"{"timestamp":"2026-11-20T20:37:24.062Z" "type":"session_meta"}"#,
            "{\"a\":\"\x01\",\"type\":\"session_meta\"}",
            r#"["type","session_meta"]"#,
        ] {
            assert_eq!(kind(start.as_bytes()), Kind::Unclear, "{start}");
        }
    }
}
