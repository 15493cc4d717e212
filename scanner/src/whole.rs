//! Whether a row that might tell of a turn is whole.
//!
//! SQLite follows a chain of overflow pages wherever it leads. A row whose text was continued on
//! another row's pages does not end as such rows end, or lacks the marker that begins them. Such
//! rows do not occur in sound files (none in seven of the real Codex CLI), so they are worth a
//! check of the whole file.

use std::sync::LazyLock;

use memchr::memchr2;
use memchr::memmem::{self, FinderRev};

use crate::parse::{Marked, MarkerKind, Parsed, field};

/// Bytes from which a body is taken to reach beyond its page. A page of 4096 bytes holds rows of up
/// to 4,061 bytes, all columns together.
pub(crate) const SPILLS: usize = 3_400;

/// Targets whose rows name turns without a marker.
const TURN_TARGETS: [&[u8]; 2] = [b"feedback_tags", b"codex_core::session::turn"];

/// The kinds that a marker makes of a row.
const KINDS: [MarkerKind; 4] =
    [MarkerKind::Request, MarkerKind::Completion, MarkerKind::Submission, MarkerKind::Tags];

/// Whether a row looks as if a part of its body was another row's. `target` is the column, `None`
/// unless it is TEXT; `parsed` is what the row was found to say.
pub(crate) fn is_doubtful(
    body: &[u8],
    target: Option<&[u8]>,
    marked: Option<Marked>,
    parsed: Option<&Parsed<'_>>,
) -> bool {
    // Every row has a target.
    let Some(target) = target else { return true };
    let Some(marked) = marked.filter(|marked| marked.kind.targets().contains(&target)) else {
        let tells = || {
            TURN_TARGETS.contains(&target)
                || KINDS.iter().any(|kind| kind.targets().contains(&target))
        };
        return body.len() >= SPILLS && tells();
    };
    let after = body[marked.end..].trim_ascii();
    if marked.kind == MarkerKind::Request
        && body.len() >= SPILLS
        && let Some(is_own) = names_its_turn(body, marked)
    {
        return !is_own || body.trim_ascii_end().last() != Some(&b'}');
    }
    match (marked.kind, parsed) {
        // Its marker ends with the opening brace.
        (MarkerKind::Submission, _) => !is_closed(after, 1),
        // Its JSON was read to the end.
        (_, Some(Parsed::Fact(_))) => false,
        _ if body.len() < SPILLS => after.last() != Some(&b'}'),
        // The beginning of most events says that they name no model.
        (MarkerKind::Completion, _) if is_another_event(after) => after.last() != Some(&b'}'),
        _ => !is_closed(after, 0),
    }
}

/// Whether a request names at its end the turn that its spans name; `None` if one of both names
/// none.
fn names_its_turn(body: &[u8], marked: Marked) -> Option<bool> {
    const END: usize = 3_000;
    // Backwards: the name is in the last few hundred bytes as a rule.
    static NAME: LazyLock<FinderRev<'static>> = LazyLock::new(|| FinderRev::new("turn_id"));
    let end = &body[marked.end.max(body.len().saturating_sub(END))..];
    let turn = field(&body[..marked.start], b"turn.id")?.as_bytes();
    let value = &end[NAME.rfind(end)?..];
    // Behind the name come quotes, which may be escaped, and a colon.
    let said = value.get(..(turn.len() + 16).min(value.len()))?;
    Some(said.windows(turn.len()).any(|part| part == turn) || memmem::find(end, turn).is_some())
}

/// Whether an event says at its beginning that it is no completion.
fn is_another_event(json: &[u8]) -> bool {
    json.strip_prefix(br#"{"type":""#).is_some_and(|kind| !kind.starts_with(b"response.completed"))
}

/// Whether `text` ends where all brackets close, those in it and `depth` others, string literals
/// aside.
fn is_closed(text: &[u8], mut depth: usize) -> bool {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => match literal(&text[at..]) {
                Some(length) => at += length + 1,
                None => return false,
            },
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' if depth <= 1 => return at == text.len(),
            b'}' | b']' | b')' => depth -= 1,
            _ => {}
        }
    }
    false
}

/// The length of a string literal behind its opening quote.
fn literal(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{first_marker, parse};

    fn doubtful(target: &str, body: &str) -> bool {
        let (body, target) = (body.as_bytes(), Some(target.as_bytes()));
        let marked = first_marker(body);
        let parsed = marked.map(|marked| parse(body, marked, target));
        is_doubtful(body, target, marked, parsed.as_ref())
    }

    #[test]
    fn rows_that_end_as_their_kind_does_are_whole() {
        let socket = "codex_api::endpoint::responses_websocket";
        let long = "a \\\" \\n".repeat(1000);
        for (target, body) in [
            (socket, r#"websocket event: {"type":"response.created"} "#.to_owned()),
            (
                socket,
                format!(
                    r#"websocket request: {{"type":"response.create","input":[{{"t":"{long}"}}]}}"#
                ),
            ),
            (socket, format!(r#"websocket event: {{"type":"x","t":"{long}"}}"#)),
            (
                "codex_core::codex",
                r#"Submission sub=Submission { id: "a", op: X { t: "}" }, y: (1) }"#.to_owned(),
            ),
            ("feedback_tags", format!(r#"turn{{turn.id=a}}: tags_json={{"a":"{long}"}}"#)),
            ("feedback_tags", "turn{turn.id=a}: short".to_owned()),
            ("codex_core::client", long.clone()),
        ] {
            assert!(!doubtful(target, &body), "{target}: {body}");
            // And without their last bytes they are not, if their kind tells of turns.
            let is_told = first_marker(body.as_bytes()).is_some();
            assert_eq!(
                doubtful(target, body.trim_end().trim_end_matches('}')),
                is_told,
                "{target}: {body}"
            );
        }
        assert!(doubtful("feedback_tags", &long) && doubtful("codex_core::session::turn", &long));
        assert!(is_doubtful(b"a", None, None, None));
    }
}
