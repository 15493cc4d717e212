//! Finding the first marker of a body: one vectorised pass for all four.

use std::sync::LazyLock;

use aho_corasick::packed::{Config, MatchKind, Searcher};
use aho_corasick::{AhoCorasick, MatchKind as AutomatonMatchKind};

/// The kinds of row that carry a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MarkerKind {
    /// A request as sent over the websocket, before 0.142.5.
    Request,
    /// An event received over the websocket, before 0.142.0; completions are among them.
    Completion,
    /// A submission to the session loop, a Debug dump, 0.117 to 0.160.
    Submission,
    /// The feedback tags of a turn, 0.156 and later.
    Tags,
}

impl MarkerKind {
    const ALL: [MarkerKind; 4] = [Self::Request, Self::Completion, Self::Submission, Self::Tags];

    /// The bytes that announce the kind.
    const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Request => b"websocket request:",
            Self::Completion => b"websocket event:",
            Self::Submission => b"Submission sub=Submission {",
            Self::Tags => b"tags_json=",
        }
    }

    /// The targets under which Codex logs the kind.
    pub(crate) const fn targets(self) -> &'static [&'static [u8]] {
        match self {
            Self::Request | Self::Completion => &[b"codex_api::endpoint::responses_websocket"],
            Self::Submission => &[b"codex_core::session::handlers", b"codex_core::codex"],
            Self::Tags => &[b"feedback_tags"],
        }
    }

    /// Whether `target`, `None` unless it is TEXT, is one of the kind's own.
    pub(super) fn is_logged_as(self, target: Option<&[u8]>) -> bool {
        target.is_some_and(|target| self.targets().contains(&target))
    }
}

/// Where the first marker of a body stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marked {
    /// Its kind.
    pub(crate) kind: MarkerKind,
    /// The offset of its first byte.
    pub(crate) start: usize,
    /// The offset behind its last byte.
    pub(crate) end: usize,
}

/// The first marker in `body`, of any kind, as bytes and case-sensitively.
pub(crate) fn first_marker(body: &[u8]) -> Option<Marked> {
    static FINDER: LazyLock<Finder> = LazyLock::new(Finder::new);
    FINDER.first(body)
}

/// The packed searcher where the processor has the instructions for it, else the automaton.
enum Finder {
    Packed(Searcher),
    Automaton(AhoCorasick),
    /// Only if the library refuses four short patterns; then one search after the other.
    Plain,
}

impl Finder {
    fn new() -> Self {
        let patterns = MarkerKind::ALL.map(MarkerKind::bytes);
        let packed = Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(patterns).build();
        match packed {
            Some(searcher) => Self::Packed(searcher),
            None => AhoCorasick::builder()
                .match_kind(AutomatonMatchKind::LeftmostFirst)
                .build(patterns)
                .map_or(Self::Plain, Self::Automaton),
        }
    }

    fn first(&self, body: &[u8]) -> Option<Marked> {
        let found = match self {
            Self::Packed(searcher) => searcher.find(body),
            Self::Automaton(automaton) => automaton.find(body),
            Self::Plain => return first_by_plain_search(body),
        }?;
        Some(Marked {
            kind: MarkerKind::ALL[found.pattern().as_usize()],
            start: found.start(),
            end: found.end(),
        })
    }
}

fn first_by_plain_search(body: &[u8]) -> Option<Marked> {
    MarkerKind::ALL
        .into_iter()
        .filter_map(|kind| {
            let start = memchr::memmem::find(body, kind.bytes())?;
            Some(Marked { kind, start, end: start + kind.bytes().len() })
        })
        .min_by_key(|marked| marked.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every way of searching gives the same answer, at every alignment and for bodies shorter than a vector.
    #[test]
    fn all_ways_of_searching_agree() {
        let patterns = MarkerKind::ALL.map(MarkerKind::bytes);
        let automaton = Finder::Automaton(
            AhoCorasick::builder().match_kind(AutomatonMatchKind::LeftmostFirst).build(patterns).unwrap(),
        );
        let standard = Finder::new();
        let pieces: [&[u8]; 8] = [
            b"websocket request:",
            b"websocket event:",
            b"Submission sub=Submission {",
            b"tags_json=",
            b"websocket ",
            b"Submission sub=Submission",
            b"\0tags_json",
            b"WEBSOCKET EVENT:",
        ];
        for first in pieces {
            for second in pieces {
                for padding in 0..70 {
                    let mut body = vec![b'x'; padding];
                    body.extend_from_slice(first);
                    body.extend(vec![b's'; padding % 7]);
                    body.extend_from_slice(second);
                    let expected = first_by_plain_search(&body);
                    assert_eq!(standard.first(&body), expected);
                    assert_eq!(automaton.first(&body), expected);
                }
            }
        }
        assert_eq!(standard.first(b""), None);
    }

    #[test]
    fn the_first_marker_decides_whatever_follows() {
        let marked = first_marker(b"a tags_json={} websocket event: {}").unwrap();
        assert_eq!((marked.kind, marked.start, marked.end), (MarkerKind::Tags, 2, 12));
    }
}
