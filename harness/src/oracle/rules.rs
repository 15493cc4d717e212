//! One row to at most one fact: markers, fields, and the dump of a submission.

use memchr::memmem::Finder;

use super::json;

/// The columns of a row beside its body.
pub(super) struct Row<'a> {
    pub(super) ts: i64,
    pub(super) target: Option<&'a [u8]>,
    pub(super) thread_id: Option<&'a str>,
    pub(super) process_uuid: Option<&'a str>,
}

/// What a row says about a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(super) kind: Kind,
    pub(super) turn: String,
    pub(super) model: Option<String>,
    pub(super) thread: Option<String>,
    pub(super) process: Option<String>,
    pub(super) ts: i64,
}

impl Fact {
    /// Whether it names the model that answered.
    pub(crate) fn is_completion(&self) -> bool {
        matches!(self.kind, Kind::Completion)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Names the model that answered.
    Completion,
    /// A request or a tags row at the priority tier.
    Evidence,
    /// A submission, or a change of settings, which starts no turn.
    Submission { starts_turn: bool, tier: Tier },
}

/// What a submission says about the service tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tier {
    Inherited,
    Priority,
    Other,
}

/// What a row with a marker is.
pub(crate) enum Verdict {
    /// It says something.
    Fact(Fact),
    /// It is of the marker's kind, but says nothing.
    Nothing,
    /// Its target is not of the marker's kind.
    Unrecognised,
}

/// A kind of row: its marker and the targets that may log it.
struct Marker {
    text: &'static str,
    targets: &'static [&'static str],
    read: fn(&Row<'_>, &[u8], &[u8]) -> Option<Fact>,
}

const MARKERS: [Marker; 4] = [
    Marker {
        text: "websocket request:",
        targets: &["codex_api::endpoint::responses_websocket"],
        read: request,
    },
    Marker {
        text: "websocket event:",
        targets: &["codex_api::endpoint::responses_websocket"],
        read: completion,
    },
    Marker {
        text: "Submission sub=Submission {",
        targets: &["codex_core::session::handlers", "codex_core::codex"],
        read: submission,
    },
    Marker { text: "tags_json=", targets: &["feedback_tags"], read: tags },
];

/// Where the first marker of a body stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    at: usize,
    marker: usize,
}

/// Finds the first marker of any kind.
pub(super) struct MarkerFinder([Finder<'static>; 4]);

impl MarkerFinder {
    pub(super) fn new() -> MarkerFinder {
        MarkerFinder(MARKERS.each_ref().map(|marker| Finder::new(marker.text)))
    }

    pub(super) fn first(&self, body: &[u8]) -> Option<Place> {
        let places = self.0.iter().enumerate();
        places.filter_map(|(marker, finder)| finder.find(body).map(|at| Place { at, marker })).min()
    }
}

/// Reads the row whose first marker stands at `place`.
pub(super) fn fact(row: &Row<'_>, body: &[u8], place: Place) -> Verdict {
    let marker = &MARKERS[place.marker];
    if !marker.targets.iter().any(|target| row.target == Some(target.as_bytes())) {
        return Verdict::Unrecognised;
    }
    let before = &body[..place.at];
    let after = &body[place.at + marker.text.len()..];
    (marker.read)(row, before, after).map_or(Verdict::Nothing, Verdict::Fact)
}

fn request(row: &Row<'_>, before: &[u8], after: &[u8]) -> Option<Fact> {
    let json = json::object(after)?;
    if json.string("type")? != "response.create" || json.string("service_tier")? != "priority" {
        return None;
    }
    let turn = turn_field(before)
        .or_else(|| json.string("turn_id"))
        .or_else(|| json.object("client_metadata")?.string("turn_id"))?;
    Some(new_fact(row, before, Kind::Evidence, turn, json.string("model")))
}

fn completion(row: &Row<'_>, before: &[u8], after: &[u8]) -> Option<Fact> {
    let json = json::object(after)?;
    if json.string("type")? != "response.completed" {
        return None;
    }
    let model = json.object("response")?.string("model")?;
    Some(new_fact(row, before, Kind::Completion, turn_field(before)?, Some(model)))
}

fn tags(row: &Row<'_>, before: &[u8], after: &[u8]) -> Option<Fact> {
    if json::object(after)?.string("service_tier")? != "priority" {
        return None;
    }
    Some(new_fact(row, before, Kind::Evidence, turn_field(before)?, field(before, "model")))
}

fn submission(row: &Row<'_>, before: &[u8], after: &[u8]) -> Option<Fact> {
    let quoted = after.trim_ascii_start().strip_prefix(b"id: \"")?;
    let id = as_text(&quoted[..closing_quote(quoted, 0)?])?;
    let (op, tier) = read_dump(after);
    let starts_turn = match op? {
        b"UserInput" | b"UserTurn" => true,
        b"ThreadSettings" => false,
        _ => return None,
    };
    Some(new_fact(row, before, Kind::Submission { starts_turn, tier }, id, None))
}

fn new_fact(row: &Row<'_>, before: &[u8], kind: Kind, turn: String, model: Option<String>) -> Fact {
    let column = row.thread_id.filter(|thread| !thread.is_empty());
    Fact {
        kind,
        turn,
        model,
        thread: column.map(str::to_owned).or_else(|| field(before, "thread_id")),
        process: row.process_uuid.map(str::to_owned),
        ts: row.ts,
    }
}

/// The first operation and the tier that a debug dump names outside its string literals.
fn read_dump(dump: &[u8]) -> (Option<&[u8]>, Tier) {
    let (mut op, mut tier) = (None, None);
    let mut at = 0;
    while at < dump.len() {
        if dump[at] == b'"' {
            // A literal that never closes ends the dump.
            let Some(end) = closing_quote(dump, at + 1) else { break };
            at = end + 1;
            continue;
        }
        if at == 0 || !is_word(dump[at - 1]) {
            if op.is_none() {
                op = dump[at..].strip_prefix(b"op: ").map(leading_word).filter(|name| !name.is_empty());
            }
            if tier.is_none() {
                tier = dump[at..].strip_prefix(b"service_tier: ").and_then(read_tier);
            }
        }
        at += 1;
    }
    (op, tier.unwrap_or(Tier::Inherited))
}

fn read_tier(text: &[u8]) -> Option<Tier> {
    if leading_word(text) == b"None" {
        return Some(Tier::Inherited);
    }
    if text.starts_with(b"Some(None)") {
        return Some(Tier::Other);
    }
    let name = text.strip_prefix(b"Some(Some(\"")?;
    let end = closing_quote(name, 0)?;
    if !name[end + 1..].starts_with(b"))") {
        return None;
    }
    Some(if [&b"priority"[..], b"fast"].contains(&&name[..end]) { Tier::Priority } else { Tier::Other })
}

/// The first quote at or after `from` that no backslash escapes.
fn closing_quote(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while at < text.len() {
        match text[at] {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}

fn leading_word(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|&byte| !is_word(byte)).unwrap_or(text.len());
    &text[..end]
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn turn_field(before: &[u8]) -> Option<String> {
    field(before, "turn.id").or_else(|| field(before, "turn_id"))
}

/// The value at the first `name=` in `text` that is not the tail of a longer name.
fn field(text: &[u8], name: &str) -> Option<String> {
    let needle = format!("{name}=");
    let at = memchr::memmem::find_iter(text, &needle)
        .find(|&at| at == 0 || !(is_word(text[at - 1]) || text[at - 1] == b'.'))?;
    let value = &text[at + needle.len()..];
    if let Some(quoted) = value.strip_prefix(b"\"") {
        let end = quoted.iter().position(|&byte| byte == b'"')?;
        return as_text(&quoted[..end]);
    }
    as_text(unquoted(value))
}

/// What stands before the byte that ends an unquoted value.
pub(super) fn unquoted(value: &[u8]) -> &[u8] {
    let end = value.iter().position(|byte| byte.is_ascii_whitespace() || b",])}:".contains(byte));
    &value[..end.unwrap_or(value.len())]
}

/// The bytes as text, absent when empty or no UTF-8.
pub(super) fn as_text(bytes: &[u8]) -> Option<String> {
    super::as_utf8(bytes).filter(|text| !text.is_empty()).map(str::to_owned)
}
