//! One row to at most one fact, and to the turn that logged it: markers, fields, and the dump of a
//! submission.

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
pub struct Fact {
    pub(super) kind: Kind,
    pub(super) turn: String,
    pub(super) model: Option<String>,
    pub(super) thread: Option<String>,
    pub(super) process: Option<String>,
    pub(super) ts: i64,
}

impl Fact {
    /// Whether it names the model that answered.
    pub fn is_completion(&self) -> bool {
        matches!(self.kind, Kind::Completion)
    }

    /// `evidence`, `completion`, `submission`, or `settings` where a submission starts no turn.
    pub fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Completion => "completion",
            Kind::Evidence => "evidence",
            Kind::Submission { starts_turn: true, .. } => "submission",
            Kind::Submission { starts_turn: false, .. } => "settings",
        }
    }

    /// What a submission says of the tier: `inherited`, `priority` or `other`.
    pub fn tier(&self) -> Option<&'static str> {
        let Kind::Submission { tier, .. } = self.kind else { return None };
        Some(match tier {
            Tier::Inherited => "inherited",
            Tier::Priority => "priority",
            Tier::Other => "other",
        })
    }

    /// The thread that it belongs to.
    pub fn thread(&self) -> Option<&str> {
        self.thread.as_deref()
    }

    /// The turn that it names.
    pub fn turn(&self) -> &str {
        &self.turn
    }

    /// The model that it names.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Whether it is a submission that names a turn.
    pub fn submits_turn(&self) -> bool {
        matches!(self.kind, Kind::Submission { starts_turn: true, .. })
    }

    /// Whether it proves by itself that its turn ran at priority, and names no model.
    pub fn is_proof_without_model(&self) -> bool {
        self.kind == Kind::Evidence && self.model.is_none()
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

/// What the marker of a row makes of it.
pub enum Verdict {
    /// It says something.
    Fact(Fact),
    /// It has no marker, or says nothing.
    Nothing,
    /// Its target is not of the marker's kind, or it is a submission that sets a tier by an unknown
    /// operation.
    Unrecognised,
}

/// A turn that logged a row while it ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its id.
    pub turn: String,
    /// The model that the row names.
    pub model: Option<String>,
}

/// What a row is in every respect.
pub struct Seen {
    /// What its marker makes of it.
    pub verdict: Verdict,
    /// The turn that it proves to have run.
    pub ran: Option<Ran>,
    /// Whether it names the tier of a turn, whichever tier.
    pub tells_tier: bool,
}

/// The targets of rows that a turn logs while it runs.
const TURN_TARGETS: [&str; 2] = ["feedback_tags", "codex_core::session::turn"];

/// A kind of row: its marker and the targets that may log it.
struct Marker {
    text: &'static str,
    targets: &'static [&'static str],
    read: fn(&Row<'_>, &[u8], &[u8]) -> Verdict,
    /// Whether a row with this text behind the marker names a tier.
    tells_tier: fn(&[u8]) -> bool,
}

const MARKERS: [Marker; 4] = [
    Marker {
        text: "websocket request:",
        targets: &["codex_api::endpoint::responses_websocket"],
        read: |row, before, after| said(request(row, before, after)),
        tells_tier: |_| true,
    },
    Marker {
        text: "websocket event:",
        targets: &["codex_api::endpoint::responses_websocket"],
        read: |row, before, after| said(completion(row, before, after)),
        tells_tier: |_| false,
    },
    Marker {
        text: "Submission sub=Submission {",
        targets: &["codex_core::session::handlers", "codex_core::codex"],
        read: submission,
        tells_tier: |_| true,
    },
    Marker {
        text: "tags_json=",
        targets: &["feedback_tags"],
        read: |row, before, after| said(tags(row, before, after)),
        tells_tier: |after| memchr::memmem::find(after, b"\"service_tier\"").is_some(),
    },
];

/// Position of the first marker of a body.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    at: usize,
    marker: usize,
}

/// Finds the first marker of any kind.
pub(super) struct MarkerFinder([Finder<'static>; 4]);

impl MarkerFinder {
    pub(super) fn new() -> MarkerFinder {
        MarkerFinder(MARKERS.each_ref().map(|marker| Finder::new(marker.text)))
    }

    fn first(&self, body: &[u8]) -> Option<Place> {
        let places = self.0.iter().enumerate();
        places.filter_map(|(marker, finder)| finder.find(body).map(|at| Place { at, marker })).min()
    }
}

/// Reads a row by itself. `target` is `None` unless it is TEXT, `thread_id` unless that column is
/// valid UTF-8.
pub fn read_row(target: Option<&[u8]>, thread_id: Option<&str>, body: &[u8]) -> Seen {
    read(&Row { ts: 0, target, thread_id, process_uuid: None }, body, &MarkerFinder::new())
}

/// Reads a row with this body.
pub(super) fn read(row: &Row<'_>, body: &[u8], finder: &MarkerFinder) -> Seen {
    let place = finder.first(body);
    let before = place.map_or(body, |place| &body[..place.at]);
    let is_of =
        |targets: &[&str]| targets.iter().any(|target| row.target == Some(target.as_bytes()));
    let turn = is_of(&TURN_TARGETS).then(|| field(before, "turn.id")).flatten();
    let ran = turn.map(|turn| Ran { turn, model: field(before, "model") });
    let (verdict, tells_tier) = match place.map(|place| (place, &MARKERS[place.marker])) {
        None => (Verdict::Nothing, false),
        Some((_, marker)) if !is_of(marker.targets) => (Verdict::Unrecognised, false),
        Some((place, marker)) => {
            let after = &body[place.at + marker.text.len()..];
            ((marker.read)(row, before, after), (marker.tells_tier)(after))
        }
    };
    Seen { verdict, ran, tells_tier }
}

fn said(fact: Option<Fact>) -> Verdict {
    fact.map_or(Verdict::Nothing, Verdict::Fact)
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

fn submission(row: &Row<'_>, before: &[u8], after: &[u8]) -> Verdict {
    let Some(id) = submission_id(after) else { return Verdict::Nothing };
    let Dump { op, tier, sets_tier } = read_dump(after);
    let starts_turn = match op.unwrap_or_default() {
        b"UserInput" | b"UserTurn" | b"UserInputWithTurnContext" | b"TurnInput" => true,
        b"ThreadSettings" | b"OverrideTurnContext" => false,
        _ if sets_tier => return Verdict::Unrecognised,
        _ => return Verdict::Nothing,
    };
    let tier = tier.unwrap_or(Tier::Inherited);
    Verdict::Fact(new_fact(row, before, Kind::Submission { starts_turn, tier }, id, None))
}

fn submission_id(dump: &[u8]) -> Option<String> {
    let quoted = dump.trim_ascii_start().strip_prefix(b"id: \"")?;
    as_text(&quoted[..closing_quote(quoted, 0)?])
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

/// What a debug dump says outside its string literals.
#[derive(Default)]
struct Dump<'a> {
    /// The first operation.
    op: Option<&'a [u8]>,
    /// The first tier of a known form.
    tier: Option<Tier>,
    /// Whether some tier, of whatever form, is set.
    sets_tier: bool,
}

fn read_dump(text: &[u8]) -> Dump<'_> {
    let mut dump = Dump::default();
    let mut at = 0;
    while at < text.len() {
        if text[at] == b'"' {
            // A literal that never closes ends the dump.
            let Some(end) = closing_quote(text, at + 1) else { break };
            at = end + 1;
            continue;
        }
        if at == 0 || !is_word(text[at - 1]) {
            if dump.op.is_none() {
                dump.op = text[at..]
                    .strip_prefix(b"op: ")
                    .map(leading_word)
                    .filter(|name| !name.is_empty());
            }
            if let Some(tier) = text[at..].strip_prefix(b"service_tier: ") {
                dump.tier = dump.tier.or_else(|| read_tier(tier));
                dump.sets_tier |= tier.starts_with(b"Some(");
            }
        }
        at += 1;
    }
    dump
}

fn read_tier(text: &[u8]) -> Option<Tier> {
    if leading_word(text) == b"None" {
        return Some(Tier::Inherited);
    }
    if text.starts_with(b"Some(None)") {
        return Some(Tier::Other);
    }
    let inner = text.strip_prefix(b"Some(Some(")?;
    let (is_priority, length) = match inner.strip_prefix(b"\"") {
        Some(quoted) => {
            let end = closing_quote(quoted, 0)?;
            ([&b"priority"[..], b"fast"].contains(&&quoted[..end]), end + 2)
        }
        None => {
            let name = leading_word(inner);
            (!name.is_empty()).then_some(())?;
            (
                [&b"priority"[..], b"fast"].iter().any(|known| name.eq_ignore_ascii_case(known)),
                name.len(),
            )
        }
    };
    let tier = if is_priority { Tier::Priority } else { Tier::Other };
    inner[length..].starts_with(b"))").then_some(tier)
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

/// What is before the byte that ends an unquoted value.
pub(super) fn unquoted(value: &[u8]) -> &[u8] {
    let end = value.iter().position(|byte| byte.is_ascii_whitespace() || b",])}:".contains(byte));
    &value[..end.unwrap_or(value.len())]
}

/// The bytes as text, absent when empty or no UTF-8.
pub(super) fn as_text(bytes: &[u8]) -> Option<String> {
    super::as_utf8(bytes).filter(|text| !text.is_empty()).map(str::to_owned)
}
