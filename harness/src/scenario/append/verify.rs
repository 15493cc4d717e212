//! Whether everything that a launch appended is in its histories, in order, and whether every row
//! is the replay of its history.

use std::path::{Path, PathBuf};

use tracerig_datasets::Conversation;
use tracerig_oracle::threads::{self, Replay, Row, ThreadsError};
use tracerig_store::threads::{SESSIONS, schema};

use super::worker::Load;

/// What was found in the folder of a launch.
#[derive(Debug)]
pub(super) struct Found {
    /// Histories that were read to their end.
    pub(super) histories: u64,
    /// Lines in them.
    pub(super) lines: u64,
    /// Rows that were compared.
    pub(super) rows: u64,
}

/// Compares the folder of `load` with what it was to append. `Err` in the inner result says what is
/// wrong.
pub(super) fn verify(
    load: &Load,
    conversation: &Conversation,
) -> Result<Result<Found, String>, ThreadsError> {
    let rows = match load.mode {
        Some(_) => Some(threads::rows(&load.folder.join(schema::FILE_NAME))?),
        None => None,
    };
    let mut found = Found { histories: 0, lines: 0, rows: 0 };
    if let Some(rows) = &rows
        && rows.len() != load.threads.len()
    {
        return Ok(Err(format!("there are {} rows of {} threads", rows.len(), load.threads.len())));
    }
    for (index, thread) in load.threads.iter().enumerate() {
        let row = match &rows {
            None => None,
            Some(rows) => match rows.get(thread) {
                Some(row) => Some(row),
                None => return Ok(Err(format!("thread {thread} has no row"))),
            },
        };
        if let Some(wrong) = one(load, conversation, index, thread, row, &mut found)? {
            return Ok(Err(format!("thread {thread}: {wrong}")));
        }
    }
    if load.mode.is_some() {
        let there = histories(&load.folder.join(SESSIONS));
        if there != found.histories {
            return Ok(Err(format!("there are {there} histories of {} threads", found.histories)));
        }
    }
    Ok(Ok(found))
}

/// What is wrong with one thread.
fn one(
    load: &Load,
    conversation: &Conversation,
    index: usize,
    thread: &str,
    row: Option<&Row>,
    found: &mut Found,
) -> Result<Option<String>, ThreadsError> {
    let path = match row {
        Some(row) => row["rollout_path"].as_str().unwrap_or_default().to_owned(),
        None => format!("{thread}.jsonl"),
    };
    let mut replay = Replay::new(thread, &path);
    let mut expected = conversation.of_thread(index);
    let mut count = 0;
    // A history begins with a line that the store writes of itself.
    let own = u64::from(row.is_some());
    for line in threads::lines(&load.folder.join(&path))? {
        let (end, line) = line?;
        if row.is_some() {
            replay.line(&line, end);
        }
        count += 1;
        if count > own {
            let item = expected.next();
            let written = item.map(|item| (item.kind(), item.payload().get()));
            if !written.is_some_and(|(kind, payload)| is_line(&line, kind, payload)) {
                return Ok(Some(format!(
                    "line {count} of its history is not the one that was appended"
                )));
            }
        }
    }
    found.histories += 1;
    found.lines += count;
    let appended = own + load.lines_of_a_thread();
    if count != appended {
        return Ok(Some(format!("its history has {count} lines of {appended}")));
    }
    let Some(row) = row else { return Ok(None) };
    found.rows += 1;
    Ok(threads::difference(row, replay.row()))
}

/// Whether `line` is of this kind and payload, whatever its time.
pub(crate) fn is_line(line: &[u8], kind: &str, payload: &str) -> bool {
    const BEFORE: &[u8] = br#"{"timestamp":""#;
    const TIME: usize = "2026-11-20T20:37:24.062Z".len();
    let rest = format!(r#"","type":"{kind}","payload":{payload}}}"#);
    let Some(time_on) = line.strip_prefix(BEFORE) else { return false };
    time_on.get(TIME..).and_then(|from_type| from_type.strip_suffix(b"\n")) == Some(rest.as_bytes())
}

/// Files below a folder.
fn histories(folder: &Path) -> u64 {
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            } else {
                files += 1;
            }
        }
    }
    files
}
