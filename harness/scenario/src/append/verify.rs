//! Whether everything that a launch appended is in its histories, in order, and whether every row
//! is the replay of its history.

use std::path::{Path, PathBuf};

use tracerig_datasets::Conversation;
use tracerig_oracle::threads::{self as oracle, Replay, Row, ThreadsError};
use tracerig_store::files::open_regular;
use tracerig_store::threads::{Item, SESSIONS, schema};

/// Bytes of a history that are looked at, at most.
const MOST_HISTORY_BYTES: u64 = 1 << 30;

/// What a launch was to append, and where.
#[derive(Debug)]
pub(super) struct Appended<'a> {
    pub(super) home: &'a Path,
    /// Each thread, and how many lines of the conversation its history must have.
    pub(super) threads: &'a [(&'a str, u64)],
    /// Whether there are rows; if not, histories are plain files.
    pub(super) has_rows: bool,
}

/// What was found in the home of a launch.
#[derive(Debug)]
pub(super) struct Found {
    /// Histories that were read to their end.
    pub(super) histories: u64,
    /// Lines in them.
    pub(super) lines: u64,
    /// Rows that were compared.
    pub(super) rows: u64,
}

/// Compares a home with what was to be appended. `Err` in the inner result says what is wrong.
pub(super) fn verify(
    appended: &Appended<'_>,
    conversation: &Conversation,
) -> Result<Result<Found, String>, ThreadsError> {
    let Appended { home, threads, has_rows } = *appended;
    let rows = if has_rows { Some(oracle::rows(&home.join(schema::FILE_NAME))?) } else { None };
    let mut found = Found { histories: 0, lines: 0, rows: 0 };
    if let Some(rows) = &rows
        && rows.len() != threads.len()
    {
        return Ok(Err(format!("there are {} rows of {} threads", rows.len(), threads.len())));
    }
    for (index, (thread, lines)) in threads.iter().enumerate() {
        let row = match &rows {
            None => None,
            Some(rows) => match rows.get(*thread) {
                Some(row) => Some(row),
                None => return Ok(Err(format!("thread {thread} has no row"))),
            },
        };
        let items = conversation.of_thread(index);
        if let Some(wrong) = one(home, (thread, *lines), items, row, &mut found)? {
            return Ok(Err(format!("thread {thread}: {wrong}")));
        }
    }
    if has_rows {
        let there = histories(&home.join(SESSIONS)).len() as u64;
        if there != found.histories {
            return Ok(Err(format!("there are {there} histories of {} threads", found.histories)));
        }
    }
    Ok(Ok(found))
}

/// What is wrong with one thread.
fn one<'a>(
    home: &Path,
    (thread, lines): (&str, u64),
    mut expected: impl Iterator<Item = &'a Item>,
    row: Option<&Row>,
    found: &mut Found,
) -> Result<Option<String>, ThreadsError> {
    let path = match row {
        Some(row) => row["rollout_path"].as_str().unwrap_or_default().to_owned(),
        None => format!("{thread}.jsonl"),
    };
    if let Some(why) = unreadable(&home.join(&path)) {
        return Ok(Some(why));
    }
    let mut replay = Replay::new(thread, &path);
    // A history begins with a line that the store writes of itself.
    let own = u64::from(row.is_some());
    let appended = own + lines;
    let mut count = 0;
    for line in oracle::lines(&home.join(&path))? {
        let (end, line) = line?;
        if row.is_some() {
            replay.line(&line, end);
        }
        count += 1;
        let is_right = if count <= own {
            is_first(&line, thread)
        } else {
            expected.next().is_some_and(|item| is_line(&line, item.kind(), item.payload().get()))
        };
        if !is_right {
            let what = if count <= own { "its session_meta" } else { "the one that was appended" };
            return Ok(Some(format!("line {count} of its history is not {what}")));
        }
    }
    found.histories += 1;
    found.lines += count;
    if count != appended {
        return Ok(Some(format!("its history has {count} lines of {appended}")));
    }
    let Some(row) = row else { return Ok(None) };
    found.rows += 1;
    Ok(oracle::difference(row, replay.row()))
}

/// Why a history is not read, if it is not: a store of others may have put anything there.
pub(crate) fn unreadable(path: &Path) -> Option<String> {
    match open_regular(path).and_then(|file| file.metadata()) {
        Ok(found) if found.len() > MOST_HISTORY_BYTES => Some(format!(
            "its history has {} bytes; the limit is {MOST_HISTORY_BYTES}",
            found.len()
        )),
        Ok(_) => None,
        Err(error) => Some(format!("its history cannot be read: {error}")),
    }
}

/// Whether a history of a thread begins like this.
pub(crate) fn is_first(line: &[u8], thread: &str) -> bool {
    let line: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
    line["type"] == "session_meta" && line["payload"]["id"] == thread
}

/// Whether `line` is of this kind and payload, at whatever time.
pub(crate) fn is_line(line: &[u8], kind: &str, payload: &str) -> bool {
    const BEFORE: &[u8] = br#"{"timestamp":""#;
    const TIME: &[u8] = b"0000-00-00T00:00:00.000Z";
    let rest = format!("\",\"type\":\"{kind}\",\"payload\":{payload}}}\n");
    let time_on = line.strip_prefix(BEFORE);
    let parts = time_on.and_then(|time_on| time_on.split_at_checked(TIME.len()));
    parts.is_some_and(|(time, from_type)| is_like(time, TIME) && from_type == rest.as_bytes())
}

/// Whether `text` is `pattern` with other digits.
pub(crate) fn is_like(text: &[u8], pattern: &[u8]) -> bool {
    let is_right =
        |(byte, of): (&u8, &u8)| if *of == b'0' { byte.is_ascii_digit() } else { byte == of };
    text.len() == pattern.len() && text.iter().zip(pattern).all(is_right)
}

/// Histories below a folder. What else a store keeps there is its own affair.
pub(crate) fn histories(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            } else if name.starts_with("rollout-") && name.ends_with(".jsonl") {
                found.push(entry.path());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_histories_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let day = folder.path().join("2026/11/20");
        std::fs::create_dir_all(&day).unwrap();
        for name in ["rollout-a.jsonl", "rollout-b.jsonl", "rollout-a.jsonl.lock", "notes"] {
            std::fs::write(day.join(name), "").unwrap();
        }
        assert_eq!(histories(folder.path()).len(), 2);
    }

    #[test]
    fn a_line_has_a_time_in_milliseconds_of_utc() {
        let is_right = |time: &str| {
            let line = format!("{{\"timestamp\":\"{time}\",\"type\":\"a\",\"payload\":{{}}}}\n");
            is_line(line.as_bytes(), "a", "{}")
        };
        assert!(is_right("2026-11-20T20:37:24.062Z"));
        for wrong in
            ["2026-11-20 20:37:24.062Z", "2026-11-20T20:37:24.06ZZ", "2026-11-20T20:37:24Z"]
        {
            assert!(!is_right(wrong), "{wrong}");
        }
    }
}
