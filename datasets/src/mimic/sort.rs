//! Which kind of row a row is most like.

use crate::dialect::FACT_SHAPES;
use crate::levels::{LEVELS, position};
use crate::shapes::{Shape, Shapes};

/// Kinds that mean a fact, beside submissions; those come from the facts of a recipe.
const FACTS: [&str; 2] = ["completion", "prewarm"];

/// A row, as far as its kind hangs on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) level: &'a str,
    pub(super) target: &'a str,
    pub(super) body: &'a [u8],
    pub(super) in_thread: bool,
}

/// The name of the shape that a row is most like, or of the shape for rows that are like none.
pub(super) fn kind_of(seen: Seen<'_>, shapes: &Shapes) -> String {
    let named = by_marker(seen).filter(|name| shapes.find(name).is_some());
    let name = named.or_else(|| by_origin(seen, shapes));
    name.map_or_else(|| other(seen.level), str::to_owned)
}

/// Rows of one target that their marker distinguishes.
fn by_marker(seen: Seen<'_>) -> Option<&'static str> {
    let says = |text: &str| find(seen.body, text.as_bytes()).is_some();
    match (seen.target, seen.level) {
        ("codex_api::endpoint::responses_websocket", "TRACE") if says("websocket request:") => {
            Some("request")
        }
        ("codex_api::endpoint::responses_websocket", "TRACE") if says("websocket event:") => {
            let progress = says("\"response.created\"") || says("\"response.in_progress\"");
            Some(match (says("\"response.output_text.delta\""), progress) {
                (true, _) => "delta-event",
                (false, true) => "progress-event",
                (false, false) => "item-event",
            })
        }
        ("feedback_tags", "INFO") if says("tags_json=") => Some("tags"),
        ("feedback_tags", "INFO") if says(" features=[") => Some("features"),
        _ => None,
    }
}

fn by_origin<'a>(seen: Seen<'_>, shapes: &'a Shapes) -> Option<&'a str> {
    let length = seen.body.len() as u64;
    let same = |shape: &&Shape| {
        shape.target == seen.target
            && shape.level == seen.level
            && !shape.quotes
            && ![&FACTS[..], &FACT_SHAPES].concat().contains(&shape.name.as_str())
            && (seen.in_thread || !shape.names_thread())
    };
    let candidates: Vec<&Shape> = shapes.all.iter().filter(same).collect();
    // A text without prose keeps its own size, so the row must have about that.
    let fixed = candidates.iter().filter(|shape| !shape.fills()).find(|shape| {
        let (least, most) = shape.fixed_bytes();
        (least / 2..=most * 3 / 2).contains(&length)
    });
    let filled = candidates.iter().find(|shape| shape.fills() && shape.fixed_bytes().0 <= length);
    fixed.or(filled).map(|shape| shape.name.as_str())
}

/// The kind of rows of which no more than the level is known.
pub(super) fn other(level: &str) -> String {
    format!("other-{}", LEVELS[position(level)].to_ascii_lowercase())
}

/// The position of `needle`.
pub(super) fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, needle)
}
