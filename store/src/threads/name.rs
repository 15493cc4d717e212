//! The name of a history file: its thread, its segment, and whether it is compressed.

use super::id::ThreadId;

/// What compressed histories have at the end of their names.
pub(super) const COMPRESSED: &str = ".zst";

/// Length of a UUID as text.
const ID: usize = 36;

/// A name of the form `rollout-<time>-<thread>[_<segment>].jsonl[.zst]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HistoryName {
    pub(super) thread: ThreadId,
    /// The part of the thread's history that the file holds; `None` for the part that begins it.
    pub(super) segment: Option<ThreadId>,
    pub(super) is_compressed: bool,
}

impl HistoryName {
    /// `None` for a name of any other form.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (plain, is_compressed) =
            name.strip_suffix(COMPRESSED).map_or((name, false), |plain| (plain, true));
        let middle = plain.strip_prefix("rollout-")?.strip_suffix(".jsonl")?;
        let (middle, last) = middle.split_at_checked(middle.len().checked_sub(ID)?)?;
        let last: ThreadId = last.parse().ok()?;
        let (stamp, thread, segment) = match middle.strip_suffix('_') {
            None => (middle, last, None),
            Some(middle) => {
                let (stamp, thread) = middle.split_at_checked(middle.len().checked_sub(ID)?)?;
                (stamp, thread.parse().ok()?, Some(last))
            }
        };
        is_stamp(stamp.strip_suffix('-')?).then_some(Self { thread, segment, is_compressed })
    }

    /// The part of a thread's history that the file holds; the thread's own id for the one that
    /// begins it.
    pub(super) fn part(self) -> (ThreadId, ThreadId) {
        (self.thread, self.segment.unwrap_or(self.thread))
    }

    /// Whether a file of this name may be meant to be a history, whatever form its name has.
    pub(super) fn is_near(name: &str) -> bool {
        let plain = name.strip_suffix(COMPRESSED).unwrap_or(name);
        name.starts_with("rollout-") || plain.ends_with(".jsonl")
    }
}

/// Whether `text` has the shape of `2026-11-20T20-37-24`.
fn is_stamp(text: &str) -> bool {
    let shape = b"dddd-dd-ddTdd-dd-dd";
    text.len() == shape.len()
        && text.bytes().zip(shape).all(|(byte, shape)| match shape {
            b'd' => byte.is_ascii_digit(),
            literal => byte == *literal,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEM: &str = "rollout-2026-11-20T20-37-24";
    const THREAD: &str = "01a1faad-9ba1-7b10-b548-adc1b617767a";
    const SEGMENT: &str = "01a1faae-0000-7000-8000-000000000001";

    #[test]
    fn a_name_tells_thread_segment_and_compression() {
        let (thread, segment) = (THREAD.parse().unwrap(), SEGMENT.parse().unwrap());
        for (name, segment, is_compressed) in [
            (format!("{STEM}-{THREAD}.jsonl"), None, false),
            (format!("{STEM}-{THREAD}.jsonl.zst"), None, true),
            (format!("{STEM}-{THREAD}_{SEGMENT}.jsonl"), Some(segment), false),
            (format!("{STEM}-{THREAD}_{SEGMENT}.jsonl.zst"), Some(segment), true),
        ] {
            assert_eq!(
                HistoryName::parse(&name),
                Some(HistoryName { thread, segment, is_compressed })
            );
            assert!(HistoryName::is_near(&name));
        }
    }

    #[test]
    fn other_names_are_no_histories_but_some_are_near() {
        for (name, is_near) in [
            (format!("{STEM}-{THREAD}_{SEGMENT}_{SEGMENT}.jsonl"), true),
            (format!("{STEM}-{THREAD}-{SEGMENT}.jsonl"), true),
            (format!("{STEM}-_{SEGMENT}.jsonl"), true),
            (format!("{STEM}-{THREAD}.jsonl.gz"), true),
            ("rollout-2025-04-20-0b5f.json".to_owned(), true),
            ("notes.jsonl".to_owned(), true),
            (format!(".{STEM}-{THREAD}.jsonl.restored"), false),
            ("notes.txt".to_owned(), false),
        ] {
            assert_eq!(HistoryName::parse(&name), None, "{name}");
            assert_eq!(HistoryName::is_near(&name), is_near, "{name}");
        }
    }
}
