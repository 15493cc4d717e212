//! What the name of a rollout says: `rollout-TIME-THREAD.jsonl`, or
//! `rollout-TIME-THREAD_SEGMENT.jsonl`, and `.zst` where it is compressed.

use std::ffi::OsStr;

/// Characters of the id of a thread.
const ID: usize = 36;

/// The id of the session that a rollout of this name belongs to: the last 36 characters before its
/// segment. A name that is shorter is all of it.
pub(crate) fn session(name: &OsStr) -> &str {
    let stem = stem(name);
    let stem = split(stem).map_or(stem, |(thread, _)| thread);
    stem.len().checked_sub(ID).and_then(|at| stem.get(at..)).unwrap_or(stem)
}

/// The segment of its session that it is, if it is one.
pub(crate) fn segment(name: &OsStr) -> Option<&str> {
    split(stem(name)).map(|(_, segment)| segment)
}

fn stem(name: &OsStr) -> &str {
    let stem = name.to_str().and_then(|name| {
        let name = name.strip_suffix(".zst").unwrap_or(name);
        name.strip_prefix("rollout-")?.strip_suffix(".jsonl")
    });
    stem.unwrap_or_default()
}

/// What comes before and behind the underscore that follows the id of a thread.
fn split(stem: &str) -> Option<(&str, &str)> {
    let (thread, segment) = stem.rsplit_once('_')?;
    let id = thread.get(thread.len().checked_sub(ID)?..)?;
    let is_id = id.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    (is_id && !segment.is_empty()).then_some((thread, segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_session_and_segment() {
        let (thread, segment) =
            ("01a228da-70c3-7361-95bb-0132732434d4", "01a228da-72ce-71e0-91a0-a08c81e3c811");
        let long = format!("{thread}_{segment}");
        for end in [".jsonl", ".jsonl.zst"] {
            let is = |name: String, says: (&str, Option<&str>)| {
                let name = OsStr::new(&name);
                assert_eq!((session(name), super::segment(name)), says, "{name:?}");
            };
            is(format!("rollout-2026-11-29T19-48-54-{thread}{end}"), (thread, None));
            is(format!("rollout-2026-11-29T19-48-54-{long}{end}"), (thread, Some(segment)));
            is(
                format!("rollout-2026-11-29T19-48-54-{thread}_{end}"),
                (&format!("{}_", &thread[1..]), None),
            );
            is(format!("rollout-a_b{end}"), ("a_b", None));
            // What is no id has no segments.
            let (other, all) = ("z".repeat(36), format!("{}_x", "z".repeat(34)));
            is(format!("rollout-2026-11-29T19-48-54-{other}_x{end}"), (&all, None));
            is(format!("notes{end}"), ("", None));
        }
    }
}
