//! Rows that prove that a turn ran: logged while it ran, with the turn's span around them.

use super::fields::fields;
use super::markers::Marked;

/// The targets whose rows in a turn's span rest on the submission that began it, in every version
/// from 0.117 to 0.171.
const TARGETS: [&[u8]; 2] = [b"feedback_tags", b"codex_core::session::turn"];

/// What a turn row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TurnRow<'a> {
    /// The turn that ran.
    pub(crate) turn: &'a str,
    /// The model it ran with, where the spans name it.
    pub(crate) model: Option<&'a str>,
}

/// The turn that a row proves to have run.
///
/// `marked` is the first marker in `body`: fields are looked for before it only, and what kind of
/// row it makes of this one does not matter here. `target` is the column, `None` unless it is TEXT.
pub(crate) fn turn_row<'a>(
    body: &'a [u8],
    marked: Option<Marked>,
    target: Option<&[u8]>,
) -> Option<TurnRow<'a>> {
    if !target.is_some_and(|target| TARGETS.contains(&target)) {
        return None;
    }
    let spans = &body[..marked.map_or(body.len(), |marked| marked.start)];
    let (turn, model) = fields(spans, b"turn.id", b"model");
    Some(TurnRow { turn: turn?, model })
}

#[cfg(test)]
mod tests {
    use super::super::first_marker;
    use super::*;

    fn read<'a>(target: &str, body: &'a str) -> Option<(&'a str, Option<&'a str>)> {
        let row =
            turn_row(body.as_bytes(), first_marker(body.as_bytes()), Some(target.as_bytes()))?;
        Some((row.turn, row.model))
    }

    #[test]
    fn turn_and_model_come_from_the_spans() {
        let body =
            "session_loop{thread_id=t}:turn{thread.id=t turn.id=a model=m effort=high}: tags";
        for target in ["feedback_tags", "codex_core::session::turn"] {
            assert_eq!(read(target, body), Some(("a", Some("m"))));
        }
        assert_eq!(read("feedback_tags", "turn{turn.id=a}: tags"), Some(("a", None)));
        assert_eq!(read("feedback_tags", "run{turn_id=a model=m}: tags"), None);
        assert_eq!(read("codex_core::codex", body), None);
        assert_eq!(turn_row(body.as_bytes(), None, None), None);
    }

    #[test]
    fn what_stands_behind_a_marker_is_quoted() {
        let tags = r#"turn{turn.id=a}: tags_json={"x":"model=m"}"#;
        assert_eq!(read("feedback_tags", tags), Some(("a", None)));
        let quotes = "turn{turn.id=a model=m}: said websocket event: turn.id=b";
        assert_eq!(read("codex_core::session::turn", quotes), Some(("a", Some("m"))));
        assert_eq!(read("codex_core::session::turn", "said tags_json= turn.id=b"), None);
    }
}
