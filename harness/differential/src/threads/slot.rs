//! One thread of a history: what its file must hold, the oracle's row after each of its lines, and
//! how far its row must be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tracerig_oracle::threads::{Replay, Row};
use tracerig_store::threads::{Git, LiveThread, MetadataUpdate, Millis, SessionMeta, ThreadId};

use super::arguments::Update;
use super::flow::Flow;
use super::item::ItemSpec;
use super::machine::EPOCH;
use super::{Error, Wrong, wrong};

/// A line that is to be in a history.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) at: i64,
    pub(super) kind: &'static str,
    pub(super) payload: Value,
}

/// What is known of a thread's handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handle {
    /// There is none.
    None,
    Open,
    Closed,
    Discarded,
}

/// Facts that wait for the first append.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Deferred {
    Nothing,
    Create(Value),
    Resume,
}

/// One thread.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: ThreadId,
    pub(super) live: Option<LiveThread>,
    pub(super) handle: Handle,
    pub(super) deferred: Deferred,
    /// Whether the writer has its file open.
    pub(super) has_file: bool,
    /// What the history holds: whole lines, the last of which may lack its line break.
    pub(super) bytes: Vec<u8>,
    /// What is behind them and is not a record.
    pub(super) torn: Vec<u8>,
    /// How many of those bytes a power cut must leave.
    pub(super) safe: usize,
    pub(super) path: Option<PathBuf>,
    replay: Option<Replay>,
    /// The oracle's row, by the bytes of history that it is the replay of.
    pub(super) rows: BTreeMap<u64, Row>,
    /// The bytes that the row is the replay of, if there is a row.
    pub(super) row: Option<u64>,
    /// How far the row must be after a crash.
    pub(super) acknowledged: u64,
    pub(super) flow: Flow,
}

impl Slot {
    pub(super) fn new(number: u8) -> Self {
        Self {
            id: id(number),
            live: None,
            handle: Handle::None,
            deferred: Deferred::Nothing,
            has_file: false,
            bytes: Vec::new(),
            torn: Vec::new(),
            safe: 0,
            path: None,
            replay: None,
            rows: BTreeMap::new(),
            row: None,
            acknowledged: 0,
            flow: Flow::default(),
        }
    }

    /// A new thread; what is left of a history without a record has given way.
    pub(super) fn begin(&mut self, live: LiveThread, payload: Value) {
        self.forget();
        (self.live, self.handle, self.deferred) =
            (Some(live), Handle::Open, Deferred::Create(payload));
        (self.has_file, self.safe, self.path) = (false, 0, None);
        self.flow = self.flow.anew();
    }

    /// Whether the store cannot see, creating a thread with this id, that there is one: the row is
    /// lost, and the history lies in the folder of another day. Ids have their time in them, so
    /// that nobody else comes to one.
    pub(super) fn is_far(&self, at: i64) -> bool {
        const DAY: i64 = 24 * 60 * 60 * 1000;
        let Some(folder) = self.path.as_deref().and_then(Path::parent) else { return false };
        self.row.is_none()
            && ![-DAY, 0, DAY].into_iter().any(|by| folder.ends_with(Millis(at + by).folder()))
    }

    pub(super) fn end(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The line that is before the first item, and the lines of `items`.
    pub(super) fn lines(&self, items: &[ItemSpec], at: i64) -> Vec<Line> {
        let id = self.id.to_string();
        let first = match &self.deferred {
            Deferred::Create(payload) => {
                Some(Line { at, kind: "session_meta", payload: payload.clone() })
            }
            Deferred::Nothing | Deferred::Resume => None,
        };
        let items = items.iter().filter(|item| item.is_kept()).map(|item| {
            let (kind, payload) = item.parts(&id);
            Line { at, kind, payload }
        });
        first.into_iter().chain(items).collect()
    }

    /// Finds the history among `files`.
    pub(super) fn find(&mut self, files: &[PathBuf]) -> Result<(), Error> {
        let id = self.id.to_string();
        let mut found = files.iter().filter(|path| path.to_string_lossy().contains(&id));
        self.path = found.next().cloned();
        match found.next() {
            None => Ok(()),
            Some(other) => {
                Err(wrong(Wrong::History, format!("a second history: {}", other.display())))
            }
        }
    }

    /// The file, if there is one.
    pub(super) fn read(&self) -> Result<Option<Vec<u8>>, Error> {
        let Some(path) = &self.path else { return Ok(None) };
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes in what the history has more than before, which must be `lines`, all of them. Tells
    /// whether they say nothing but that time has passed.
    pub(super) fn adopt(&mut self, lines: &[Line], root: &Path) -> Result<bool, Error> {
        let found = self.read()?.unwrap_or_default();
        if lines.is_empty() && found.len() == self.bytes.len() + self.torn.len() {
            // Nothing is written, so that nothing is cut either.
            return Ok(true);
        }
        let new = self.new_bytes(&found)?;
        let texts: Vec<&[u8]> = new.split_inclusive(|byte| *byte == b'\n').collect();
        if texts.len() != lines.len() {
            let detail = format!(
                "{} lines were accepted, {} came: {}",
                lines.len(),
                texts.len(),
                shown(new)
            );
            return Err(wrong(Wrong::History, detail));
        }
        for (text, line) in texts.iter().zip(lines) {
            if !text.ends_with(b"\n") || !is(text, line) {
                let detail = format!("{} was to be written, not {}", line.payload, shown(text));
                return Err(wrong(Wrong::History, detail));
            }
        }
        let new = new.to_vec();
        Ok(self.take(found, &new, root))
    }

    /// What is behind what was there before, whose line break may have been missing.
    pub(super) fn new_bytes<'f>(&self, found: &'f [u8]) -> Result<&'f [u8], Error> {
        let lost = || {
            let detail = format!(
                "what was there is no more: {} are left of {}",
                found.len(),
                self.bytes.len()
            );
            wrong(Wrong::History, detail)
        };
        let new = found.strip_prefix(self.bytes.as_slice()).ok_or_else(lost)?;
        if self.is_ended() || new.is_empty() {
            return Ok(new);
        }
        new.strip_prefix(b"\n")
            .ok_or_else(|| wrong(Wrong::History, "a record was glued to the one before it"))
    }

    pub(super) fn is_ended(&self) -> bool {
        self.bytes.is_empty() || self.bytes.ends_with(b"\n")
    }

    /// Takes `found` for what the history holds, of which `new` came last. Tells whether that says
    /// nothing but that time has passed.
    pub(super) fn take(&mut self, found: Vec<u8>, new: &[u8], root: &Path) -> bool {
        let mut end = (found.len() - new.len()) as u64;
        let path = self.path.as_deref().unwrap_or(root);
        let path = path.strip_prefix(root).unwrap_or(path).to_string_lossy();
        let id = self.id.to_string();
        let replay = self.replay.get_or_insert_with(|| Replay::new(&id, &path));
        let mut is_touch = true;
        for line in new.split_inclusive(|byte| *byte == b'\n') {
            end += line.len() as u64;
            let before = replay.row().clone();
            replay.line(line, end);
            is_touch &= !says_more(line, &id, &before, replay.row());
            self.rows.insert(end, replay.row().clone());
        }
        self.bytes = found;
        self.torn.clear();
        is_touch
    }

    /// Forgets what the history held: it is another one.
    pub(super) fn forget(&mut self) {
        self.bytes.clear();
        self.torn.clear();
        self.rows.clear();
        self.replay = None;
    }
}

/// Whether a line changes more than the updated time.
fn says_more(line: &[u8], thread: &str, before: &Row, after: &Row) -> bool {
    let line: Value = serde_json::from_slice(line).unwrap_or_default();
    let payload = &line["payload"];
    match (line["type"].as_str().unwrap_or_default(), payload["type"].as_str().unwrap_or_default())
    {
        ("session_meta", _) => {
            payload["id"] == thread || before["forked_from"] != after["forked_from"]
        }
        ("turn_context", _) | ("event_msg", "task_started" | "thread_metadata_updated") => true,
        ("event_msg", "token_count") => payload["info"].is_object(),
        // What is taken once only says nothing the second time.
        _ => {
            let rest = |row: &Row| {
                let mut row = row.clone();
                row.remove("updated_at_ms");
                row.remove("history_bytes");
                row
            };
            rest(before) != rest(after)
        }
    }
}

/// Whether `text` is the line that `line` says.
pub(super) fn is(text: &[u8], line: &Line) -> bool {
    let Ok(found) = serde_json::from_slice::<Value>(text) else { return false };
    let at = found["timestamp"].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    at.is_some_and(|at| at.as_millisecond() == line.at)
        && found["type"] == line.kind
        && found["payload"] == line.payload
        && found.as_object().is_some_and(|fields| fields.len() == 3)
}

/// The beginning of some bytes, to be read.
pub(super) fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown: String = text.chars().take(300).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    format!("{shown:?}")
}

/// The id of a thread. Ids are in another order than numbers, so that no list is sorted by chance.
pub(super) fn id(number: u8) -> ThreadId {
    let text =
        format!("01a1faad-9ba1-7b10-b548-{:012x}", 0x00ff_ffff_u32 ^ (u32::from(number) * 0x5555));
    text.parse().unwrap_or_else(|_| ThreadId::new())
}

/// The first facts of a thread, many or none, and the payload that says them.
pub(super) fn meta(id: ThreadId, facts: bool) -> (SessionMeta, Value) {
    if !facts {
        return (SessionMeta::new(id), json!({ "id": id.to_string() }));
    }
    let meta = SessionMeta {
        timestamp: Some(Millis(EPOCH - 1)),
        cwd: Some("/work".to_owned()),
        cli_version: Some("0.1.0".to_owned()),
        source: Some("cli".to_owned()),
        thread_source: Some("user".to_owned()),
        model_provider: Some("house".to_owned()),
        git: Some(Git {
            commit_hash: Some("c0ffee".to_owned()),
            branch: Some("main".to_owned()),
            repository_url: None,
        }),
        ..SessionMeta::new(id)
    };
    let payload = json!({
        "id": id.to_string(),
        "timestamp": Millis(EPOCH - 1).to_string(),
        "cwd": "/work",
        "cli_version": "0.1.0",
        "source": "cli",
        "thread_source": "user",
        "model_provider": "house",
        "git": { "commit_hash": "c0ffee", "branch": "main" },
    });
    (meta, payload)
}

/// An explicit change, and the payload of the line that says it.
pub(super) fn update(update: &Update) -> (MetadataUpdate, Value) {
    let text = |name: &str, value: Option<u8>| value.map(|value| format!("{name}-{value}"));
    let title = update.title.map(|value| text("title", value));
    let git_branch = update.branch.map(|value| text("branch", value));
    let memory_mode = update.memory.map(|value| text("memory", value));
    let mut payload = json!({ "type": "thread_metadata_updated" });
    for (name, value) in
        [("title", &title), ("git_branch", &git_branch), ("memory_mode", &memory_mode)]
    {
        if let Some(value) = value {
            payload[name] = json!(value);
        }
    }
    if let Some(archived) = update.archived {
        payload["archived"] = json!(archived);
    }
    let archived = update.archived;
    (
        MetadataUpdate { title, git_branch, memory_mode, archived, ..MetadataUpdate::default() },
        payload,
    )
}
