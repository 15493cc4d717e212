//! Finding the first marker of a body.

use std::sync::LazyLock;

use memchr::memmem::Finder;

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

/// Where the first marker of a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marked {
    /// Its kind.
    pub(crate) kind: MarkerKind,
    /// The offset of its first byte.
    pub(crate) start: usize,
    /// The offset behind its last byte.
    pub(crate) end: usize,
}

/// What both markers of the websocket begin with.
const WEBSOCKET: &[u8] = b"websocket ";

/// The first marker in `body`, of any kind, as bytes and case-sensitively.
///
/// Three searches for one text each take half of the instructions of one search for all of them.
pub(crate) fn first_marker(body: &[u8]) -> Option<Marked> {
    static WEBSOCKETS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(WEBSOCKET));
    static SUBMISSIONS: LazyLock<Finder<'static>> =
        LazyLock::new(|| Finder::new(MarkerKind::Submission.bytes()));
    static TAGS: LazyLock<Finder<'static>> =
        LazyLock::new(|| Finder::new(MarkerKind::Tags.bytes()));

    let is_at = |start: usize, kind: MarkerKind| body[start..].starts_with(kind.bytes());
    let marked = |start, kind: MarkerKind| Marked { kind, start, end: start + kind.bytes().len() };
    let mut first = WEBSOCKETS.find_iter(body).find_map(|start| {
        let kinds = [MarkerKind::Request, MarkerKind::Completion];
        kinds.into_iter().find(|&kind| is_at(start, kind)).map(|kind| marked(start, kind))
    });
    for (finder, kind) in [(&SUBMISSIONS, MarkerKind::Submission), (&TAGS, MarkerKind::Tags)] {
        // Only one that begins earlier matters.
        let end =
            first.map_or(body.len(), |first| body.len().min(first.start + kind.bytes().len() - 1));
        if let Some(start) = finder.find(&body[..end]) {
            first = Some(marked(start, kind));
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [MarkerKind; 4] =
        [MarkerKind::Request, MarkerKind::Completion, MarkerKind::Submission, MarkerKind::Tags];

    /// The same, place by place.
    fn first_by_looking(body: &[u8]) -> Option<Marked> {
        (0..body.len()).find_map(|start| {
            let kind = ALL.into_iter().find(|kind| body[start..].starts_with(kind.bytes()))?;
            Some(Marked { kind, start, end: start + kind.bytes().len() })
        })
    }

    /// At every alignment, in bodies shorter than a vector, too, and where one marker ends in the
    /// beginning of another.
    #[test]
    fn the_first_of_all_markers_is_found() {
        let pieces: [&[u8]; 9] = [
            b"websocket request:",
            b"websocket event:",
            b"Submission sub=Submission {",
            b"tags_json=",
            b"websocket ",
            b"websocket websocket eventwebsocket event:",
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
                    assert_eq!(first_marker(&body), first_by_looking(&body));
                }
            }
        }
        assert_eq!(first_marker(b""), None);
    }

    #[test]
    fn the_first_marker_decides_whatever_follows() {
        let marked = first_marker(b"a tags_json={} websocket event: {}").unwrap();
        assert_eq!((marked.kind, marked.start, marked.end), (MarkerKind::Tags, 2, 12));
    }
}
