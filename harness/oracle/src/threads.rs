//! The independent oracle of threads: the row that a history replays to, written to be obvious,
//! sharing no code with the store.
//!
//! Each line is parsed whole into a JSON value, and the table of the row's columns is filled from
//! the top of the history to its end. What a column is called and what is in it are those of the
//! database, as JSON values.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use serde_json::{Value, json};

use crate::value::json_value;

/// A row: the name of each column, and what is in it.
pub type Row = BTreeMap<String, Value>;

/// Why the oracle has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ThreadsError {
    /// A history cannot be read.
    #[error("cannot read {path} for the oracle: {source}; check that it exists and can be read")]
    Read {
        /// The history.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The rows cannot be read.
    #[error(
        "cannot read the rows of {path} for the oracle: {source}; check that it exists and can be \
         read"
    )]
    Rows {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A thread has several rows.
    #[error("{path}: there are {rows} rows of {threads} threads; each has one")]
    Several {
        /// The database.
        path: PathBuf,
        /// How many rows there are.
        rows: usize,
        /// How many threads they are of.
        threads: usize,
    },
}

/// The rows of a database of threads, by id. What a process that was killed had not committed is
/// rolled back, as by whoever opens the database next.
///
/// # Errors
/// [`ThreadsError::Rows`] and [`ThreadsError::Several`].
pub fn rows(database: &Path) -> Result<BTreeMap<String, Row>, ThreadsError> {
    let read = |flags| all_rows(&Connection::open_with_flags(database, flags)?);
    let all = read(OpenFlags::SQLITE_OPEN_READ_ONLY)
        .or_else(|error| match error.sqlite_error_code() {
            Some(ErrorCode::ReadOnly) => read(OpenFlags::SQLITE_OPEN_READ_WRITE),
            _ => Err(error),
        })
        .map_err(|source| ThreadsError::Rows { path: database.to_owned(), source })?;
    let rows = all.len();
    let by_id: BTreeMap<_, _> = all.into_iter().collect();
    let threads = by_id.len();
    if threads == rows {
        Ok(by_id)
    } else {
        Err(ThreadsError::Several { path: database.to_owned(), rows, threads })
    }
}

/// The rows of a database of threads that is open already, by id.
///
/// # Errors
/// What SQLite says.
pub fn rows_through(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Row>> {
    all_rows(connection).map(BTreeMap::from_iter)
}

/// Every row, with its id.
fn all_rows(connection: &Connection) -> rusqlite::Result<Vec<(String, Row)>> {
    let mut statement = connection.prepare_cached("SELECT * FROM threads")?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut found = Vec::new();
    let mut cursor = statement.query([])?;
    while let Some(row) = cursor.next()? {
        let mut columns = Row::new();
        for (index, name) in names.iter().enumerate() {
            let value = match row.get_ref(index)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(integer) => json!(integer),
                ValueRef::Real(real) => json!(real),
                ValueRef::Text(text) => json!(String::from_utf8_lossy(text)),
                ValueRef::Blob(blob) => json!(blob),
            };
            columns.insert(name.clone(), value);
        }
        let id = columns.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        found.push((id, columns));
    }
    Ok(found)
}

/// The columns that say nothing until a line does.
const EMPTY: [&str; 23] = [
    "created_at_ms",
    "updated_at_ms",
    "recency_at_ms",
    "source",
    "thread_source",
    "agent_nickname",
    "agent_role",
    "agent_path",
    "model_provider",
    "model",
    "reasoning_effort",
    "cwd",
    "cli_version",
    "title",
    "preview",
    "first_user_message",
    "approval_mode",
    "sandbox_policy",
    "archived_at_ms",
    "git_sha",
    "git_branch",
    "git_origin_url",
    "forked_from",
];

/// The lines of a history one by one, each with its line break and where it ends; a last one that
/// breaks off is left out.
///
/// # Errors
/// [`ThreadsError::Read`].
pub fn lines(
    history: &Path,
) -> Result<impl Iterator<Item = Result<(u64, Vec<u8>), ThreadsError>>, ThreadsError> {
    let failed = |source| ThreadsError::Read { path: history.to_owned(), source };
    let mut file = BufReader::new(File::open(history).map_err(failed)?);
    let mut end = 0;
    Ok(std::iter::from_fn(move || {
        let mut line = Vec::new();
        match file.read_until(b'\n', &mut line) {
            Err(source) => Some(Err(ThreadsError::Read { path: history.to_owned(), source })),
            Ok(0) => None,
            Ok(read) => {
                end += read as u64;
                let breaks_off = !line.ends_with(b"\n") && json(&line).is_none();
                (!breaks_off).then_some(Ok((end, line)))
            }
        }
    }))
}

/// The row that the lines of a history so far replay to.
#[derive(Debug)]
pub struct Replay {
    thread: String,
    row: Row,
    title_is_explicit: bool,
    turn_has_begun: bool,
}

impl Replay {
    /// The replay of no line; `path` is what the row says of where the history lies.
    #[must_use]
    pub fn new(thread: &str, path: &str) -> Self {
        let mut row: Row = EMPTY.map(|column| (column.to_owned(), Value::Null)).into();
        row.insert("id".into(), json!(thread));
        row.insert("rollout_path".into(), json!(path));
        row.insert("tokens_used".into(), json!(0));
        row.insert("memory_mode".into(), json!("enabled"));
        row.insert("history_bytes".into(), json!(0));
        Self { thread: thread.to_owned(), row, title_is_explicit: false, turn_has_begun: false }
    }

    /// Sets what no line says, such as where the history lies.
    pub fn set(&mut self, column: &str, value: Value) {
        self.row.insert(column.to_owned(), value);
    }

    /// Whether a title was set or cleared explicitly.
    #[must_use]
    pub fn title_is_explicit(&self) -> bool {
        self.title_is_explicit
    }

    /// The row as it is now.
    #[must_use]
    pub fn row(&self) -> &Row {
        &self.row
    }

    /// Takes the next line, which ends at byte `end` of the history.
    pub fn line(&mut self, line: &[u8], end: u64) {
        let Self { thread, row, title_is_explicit, turn_has_begun } = self;
        row.insert("history_bytes".into(), json!(end));
        let Some(line) = json(line) else { return };
        let Some(at) = line["timestamp"].as_str().and_then(milliseconds) else { return };
        let Some(kind) = line["type"].as_str().filter(|kind| is_kind(kind)) else { return };
        let payload = &line["payload"];
        if !payload.is_object() {
            return;
        }
        row.insert("updated_at_ms".into(), json!(at));
        let event = payload["type"].as_str().unwrap_or_default();
        match (kind, event) {
            ("session_meta", _) if payload["id"] == thread.as_str() => {
                let told = payload["timestamp"].as_str().and_then(milliseconds);
                if told.is_some() || row["created_at_ms"].is_null() {
                    let created = told.unwrap_or(at);
                    row.insert("created_at_ms".into(), json!(created));
                    if !*turn_has_begun {
                        row.insert("recency_at_ms".into(), json!(created));
                    }
                }
                row.insert("thread_source".into(), text_or_object(&payload["thread_source"]));
                for column in ["agent_nickname", "agent_role", "agent_path"] {
                    row.insert(column.into(), text(&payload[column]));
                }
                keep(row, "source", text_or_object(&payload["source"]));
                for column in ["model_provider", "cwd", "cli_version"] {
                    keep(row, column, filled(&payload[column]));
                }
                keep(row, "memory_mode", text(&payload["memory_mode"]));
                if row["forked_from"].is_null() {
                    row.insert("forked_from".into(), filled(&payload["forked_from_id"]));
                }
                if payload["git"].is_object() {
                    row.insert("git_sha".into(), text(&payload["git"]["commit_hash"]));
                    row.insert("git_branch".into(), text(&payload["git"]["branch"]));
                    row.insert("git_origin_url".into(), text(&payload["git"]["repository_url"]));
                }
            }
            // A copied history begins with its parent's line.
            ("session_meta", _) if row["forked_from"].is_null() => {
                let parent = payload["id"].as_str().filter(|id| is_thread(id));
                row.insert("forked_from".into(), json!(parent));
            }
            ("turn_context", _) => {
                if row["cwd"].is_null() {
                    row.insert("cwd".into(), filled(&payload["cwd"]));
                }
                keep(row, "model", text(&payload["model"]));
                if payload["effort"].is_null() || payload["effort"].is_string() {
                    row.insert("reasoning_effort".into(), payload["effort"].clone());
                }
                keep(row, "approval_mode", text_or_object(&payload["approval_policy"]));
                let profile = &payload["permission_profile"];
                let sandbox = if profile.is_null() { &payload["sandbox_policy"] } else { profile };
                keep(row, "sandbox_policy", text_or_object(sandbox));
            }
            ("event_msg", "user_message") => {
                let own = request(payload["message"].as_str().unwrap_or_default());
                let pictures = ["images", "local_images"]
                    .iter()
                    .any(|kind| payload[*kind].as_array().is_some_and(|list| !list.is_empty()));
                said(row, &own, pictures, *title_is_explicit);
            }
            ("event_msg", "item_completed") if payload["item"]["type"] == "UserMessage" => {
                let none = Vec::new();
                let parts = payload["item"]["content"].as_array().unwrap_or(&none);
                let of = |kind: &'static str| parts.iter().filter(move |part| part["type"] == kind);
                let texts: Vec<&str> =
                    of("text").filter_map(|part| part["text"].as_str()).collect();
                let pictures = of("image").chain(of("local_image")).next().is_some();
                said(row, &request(&texts.concat()), pictures, *title_is_explicit);
            }
            ("event_msg", "token_count") => {
                let total = &payload["info"]["total_token_usage"]["total_tokens"];
                // What is no count says nothing.
                if total.as_i64().is_some_and(|total| total >= 0) {
                    row.insert("tokens_used".into(), total.clone());
                }
            }
            ("event_msg", "thread_goal_updated") => {
                let objective = payload["goal"]["objective"].as_str().unwrap_or_default().trim();
                if row["preview"].is_null() && !objective.is_empty() {
                    row.insert("preview".into(), json!(capped(objective)));
                }
            }
            ("event_msg", "task_started") => {
                *turn_has_begun = true;
                row.insert("recency_at_ms".into(), json!(at));
            }
            ("event_msg", "thread_metadata_updated") => {
                // A text sets, `null` clears.
                let told = |column: &str| {
                    payload.get(column).filter(|value| value.is_string() || value.is_null())
                };
                for column in ["title", "git_sha", "git_branch", "git_origin_url", "memory_mode"] {
                    if let Some(value) = told(column) {
                        row.insert(column.into(), value.clone());
                    }
                }
                *title_is_explicit |= told("title").is_some();
                if row["memory_mode"].is_null() {
                    row.insert("memory_mode".into(), json!("enabled"));
                }
                match payload["archived"].as_bool() {
                    Some(true) => row.insert("archived_at_ms".into(), json!(at)),
                    Some(false) => row.insert("archived_at_ms".into(), Value::Null),
                    None => None,
                };
            }
            _ => {}
        }
    }
}

/// The first difference between a row and its replay, in words.
#[must_use]
pub fn difference(row: &Row, replay: &Row) -> Option<String> {
    let columns: std::collections::BTreeSet<&String> = row.keys().chain(replay.keys()).collect();
    let of =
        |row: &Row, column: &str| row.get(column).map_or("no column".to_owned(), Value::to_string);
    columns.into_iter().find(|column| !same(row.get(*column), replay.get(*column))).map(|column| {
        format!("{column} is {} and its history says {}", of(row, column), of(replay, column))
    })
}

/// Whether two values are the same; objects are kept as text, and the order of their fields says
/// nothing.
fn same(one: Option<&Value>, other: Option<&Value>) -> bool {
    let object = |value: Option<&Value>| -> Option<Value> {
        json(value?.as_str().filter(|text| text.starts_with('{'))?.as_bytes())
    };
    one == other || object(one).is_some_and(|one| object(other) == Some(one))
}

fn said(row: &mut Row, own: &str, pictures: bool, title_is_explicit: bool) {
    let shown = match (own.is_empty(), pictures) {
        (false, _) => json!(own),
        (true, true) => json!("[Image]"),
        (true, false) => return,
    };
    for column in ["first_user_message", "preview"] {
        if row[column].is_null() {
            row.insert(column.into(), shown.clone());
        }
    }
    if row["title"].is_null() && !title_is_explicit && !own.is_empty() {
        row.insert("title".into(), json!(own));
    }
}

/// A message without what an editor put before the request.
fn request(message: &str) -> String {
    let own = match message.split_once("## My request for Codex:") {
        Some((_, own)) => own,
        None => message,
    };
    capped(own.trim())
}

fn capped(text: &str) -> String {
    text.chars().take(4096).collect()
}

/// The JSON of a line or text; of several members with one name the last counts.
fn json(text: &[u8]) -> Option<Value> {
    json_value(text, |_, _| false)
}

/// Whether a text can be the type of a line, which is written between quotes as it is.
fn is_kind(text: &str) -> bool {
    !text.is_empty()
        && !text.chars().any(|character| character.is_control() || "\"\\".contains(character))
}

/// Whether a text is the id of a thread: a UUID in small letters.
fn is_thread(id: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    id.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && id.bytes().all(|byte| byte == b'-' || is_digit(byte))
}

/// Sets a column to the given value. Without one, the column keeps what it has.
fn keep(row: &mut Row, column: &str, told: Value) {
    if !told.is_null() {
        row.insert(column.into(), told);
    }
}

/// A text as it is, anything else nothing.
fn text(value: &Value) -> Value {
    json!(value.as_str())
}

/// A text that says something.
fn filled(value: &Value) -> Value {
    json!(value.as_str().filter(|text| !text.is_empty()))
}

/// A text as it is, an object as compact JSON, anything else nothing.
fn text_or_object(value: &Value) -> Value {
    if value.is_object() { json!(value.to_string()) } else { text(value) }
}

fn milliseconds(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}
