//! From one row to at most one fact, and to the turn it proves to have run: everything that decides
//! what a row means.
//!
//! The fingerprint that a memo carries ([`crate::producer`]) covers exactly the files of this
//! folder. The rules come from the databases that the Codex CLI 0.117 to 0.171 writes; see
//! `docs/trace-rules.md` for each with its evidence.

mod dump;
mod fields;
mod json;
mod markers;
mod turn_row;

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;

pub(crate) use fields::field;
pub(crate) use markers::{Marked, MarkerKind, first_marker};
pub(crate) use turn_row::{TurnRow, turn_row};

use dump::{Operation, Submission};

/// What one marked row turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed<'a> {
    /// The marker is in a row of another target, or a tier in a submission of an unknown operation:
    /// a quotation, or a version that moved its targets or renamed its operations.
    Unrecognised,
    /// A row of the right target that says nothing about a turn.
    Nothing,
    /// One fact.
    Fact(Fact<'a>),
}

/// What one row says, borrowed from its body where possible.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fact<'a> {
    /// The thread that the spans before the marker name.
    span_thread: Option<&'a str>,
    /// What it says.
    pub(crate) says: Says<'a>,
}

impl<'a> Fact<'a> {
    /// The thread it belongs to: the row's column `thread_id` (`None` unless it is valid text),
    /// else the field before the marker. Asked for apart from parsing, because the column comes
    /// after the body and few rows are facts.
    pub(crate) fn thread(&self, column: Option<&'a str>) -> Option<&'a str> {
        column.filter(|thread| !thread.is_empty()).or(self.span_thread)
    }
}

/// The kinds of fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Says<'a> {
    /// A request at priority tier was sent for `turn`.
    Request { turn: Cow<'a, str>, model: Option<Cow<'a, str>> },
    /// `turn` was answered by `model`.
    Completion { turn: Cow<'a, str>, model: Cow<'a, str> },
    /// A submission named `turn`, which it started if that turn ran afterwards.
    Submission { turn: &'a str, tier: TierWord },
    /// A submission changed a thread's settings and started no turn.
    Settings { tier: TierWord },
    /// The tags of `turn` name the priority tier.
    Tags { turn: &'a str, model: Option<&'a str> },
}

/// What a submission says about the service tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TierWord {
    /// Nothing: the thread keeps the tier it had.
    Inherit,
    /// `priority`, or its other name `fast`.
    Priority,
    /// Another tier, or explicitly none.
    Other,
}

/// Parses a row whose body holds `marked`.
///
/// `body` is the whole body; `marked` must come from [`first_marker`] on it; `target` is the
/// column, `None` unless it is TEXT.
pub(crate) fn parse<'a>(body: &'a [u8], marked: Marked, target: Option<&[u8]>) -> Parsed<'a> {
    if !marked.kind.is_logged_as(target) {
        return Parsed::Unrecognised;
    }
    let before = &body[..marked.start];
    let after = &body[marked.end..];
    let says = match marked.kind {
        MarkerKind::Request => request(before, after),
        MarkerKind::Completion => completion(before, after),
        MarkerKind::Submission => match submission(after) {
            Err(UnknownOperation) => return Parsed::Unrecognised,
            Ok(says) => says,
        },
        MarkerKind::Tags => tags(before, after),
    };
    says.map_or(Parsed::Nothing, |says| {
        Parsed::Fact(Fact { span_thread: field(before, b"thread_id"), says })
    })
}

static PRIORITY: json::Word = json::Word::priority();
static COMPLETED: json::Word = json::Word::completed();

fn request<'a>(before: &'a [u8], after: &'a [u8]) -> Option<Says<'a>> {
    if !PRIORITY.may_stand_in(after) {
        return None;
    }
    let mut kind = None;
    let mut tier = None;
    let mut model = None;
    let mut own_turn = None;
    let mut metadata_turn = None;
    json::object(after, |key, value| match key {
        "type" => kind = value.text(),
        "service_tier" => tier = value.text(),
        "model" => model = value.text(),
        "turn_id" => own_turn = value.text(),
        "client_metadata" => {
            metadata_turn = value.member("turn_id").and_then(json::Value::into_text);
        }
        _ => {}
    })?;
    if kind.as_deref() != Some("response.create") || tier.as_deref() != Some("priority") {
        return None;
    }
    let turn = turn_field(before).map(Cow::Borrowed).or(own_turn).or(metadata_turn)?;
    Some(Says::Request { turn, model })
}

fn completion<'a>(before: &'a [u8], after: &'a [u8]) -> Option<Says<'a>> {
    if !COMPLETED.may_stand_in(after) {
        return None;
    }
    let mut kind = None;
    let mut model = None;
    json::object(after, |key, value| match key {
        "type" => kind = value.text(),
        "response" => model = value.member("model").and_then(json::Value::into_text),
        _ => {}
    })?;
    if kind.as_deref() != Some("response.completed") {
        return None;
    }
    Some(Says::Completion { turn: Cow::Borrowed(turn_field(before)?), model: model? })
}

fn tags<'a>(before: &'a [u8], after: &'a [u8]) -> Option<Says<'a>> {
    if !PRIORITY.may_stand_in(after) {
        return None;
    }
    let mut tier = None;
    json::object(after, |key, value| {
        if key == "service_tier" {
            tier = value.text();
        }
    })?;
    if tier.as_deref() != Some("priority") {
        return None;
    }
    Some(Says::Tags { turn: turn_field(before)?, model: field(before, b"model") })
}

/// A submission that sets a tier by an operation not known here.
struct UnknownOperation;

fn submission(after: &[u8]) -> Result<Option<Says<'_>>, UnknownOperation> {
    let Some(Submission { id, operation, tier, sets_tier }) = dump::submission(after) else {
        return Ok(None);
    };
    match operation {
        Some(Operation::NamesTurn) => Ok(Some(Says::Submission { turn: id, tier })),
        Some(Operation::Settings) => Ok(Some(Says::Settings { tier })),
        Some(Operation::Other) | None if sets_tier => Err(UnknownOperation),
        Some(Operation::Other) | None => Ok(None),
    }
}

/// Whether a row whose body holds `marked` is of a kind that tells the tier of turns, whichever it
/// is. A hint: nothing is parsed.
pub(crate) fn tells_tier(body: &[u8], marked: Marked, target: Option<&[u8]>) -> bool {
    static NAME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"service_tier\""));
    marked.kind.is_logged_as(target)
        && match marked.kind {
            MarkerKind::Request | MarkerKind::Submission => true,
            MarkerKind::Completion => false,
            MarkerKind::Tags => NAME.find(&body[marked.end..]).is_some(),
        }
}

/// The turn that the spans before a marker name: `turn.id`, else `turn_id`.
fn turn_field(before: &[u8]) -> Option<&str> {
    field(before, b"turn.id").or_else(|| field(before, b"turn_id"))
}

#[cfg(test)]
mod tests;
