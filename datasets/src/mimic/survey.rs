//! Reading a database for its numbers: rows, pages, kinds with sizes, and facts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};
use tracerig_store::files::open_regular;
use tracerig_store::stop;

use super::sort::{Seen, find, kind_of, other};
use crate::digest::open_finished;
use crate::error::{DatasetError, Result};
use crate::levels::{Counts, position};
use crate::own::{check_is_file, check_is_trace_log};
use crate::recipe::Era;
use crate::shapes::Shapes;
use crate::truth::{Fact, Intent, Ran, TierForm, fold};

const SOCKET: &str = "codex_api::endpoint::responses_websocket";
const HANDLERS: [&str; 2] = ["codex_core::session::handlers", "codex_core::codex"];
const TAGS: &str = "feedback_tags";
const TURN: &str = "codex_core::session::turn";

/// What a database is like.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) era: Era,
    pub(super) rows: u64,
    pub(super) max_id: i64,
    pub(super) first_ts: i64,
    pub(super) last_ts: i64,
    pub(super) file_bytes: u64,
    pub(super) pages: u64,
    pub(super) free_pages: u64,
    pub(super) threads: u64,
    pub(super) processes: u64,
    pub(super) levels: Counts,
    pub(super) completions: u64,
    /// Turns that were submitted or tagged, at whatever tier.
    pub(super) turns: u64,
    pub(super) priority_turns: u64,
    pub(super) submission_bytes: Vec<u64>,
    pub(super) request_bytes: Vec<u64>,
    pub(super) completion_bytes: Vec<u64>,
    /// Sizes of ordinary bodies by kind.
    pub(super) thread_rows: BTreeMap<String, Vec<u64>>,
    pub(super) process_rows: BTreeMap<String, Vec<u64>>,
}

/// Surveys a database, all of it in one snapshot.
pub(super) fn of(path: &Path) -> Result<Survey> {
    let mut connection = open(path)?;
    let unreadable = |source| DatasetError::Source { path: path.to_path_buf(), source };
    let no_log =
        |detail: &str| DatasetError::NoTraceLog { path: path.to_path_buf(), detail: detail.into() };
    check_is_trace_log(&connection, path)?;
    let snapshot = connection.transaction().map_err(unreadable)?;
    let totals = "SELECT count(*), coalesce(max(id), 0), coalesce(min(ts), 0), coalesce(max(ts), \
                  0) FROM logs";
    let (rows, max_id, first_ts, last_ts): (i64, i64, i64, i64) = snapshot
        .query_row(totals, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .map_err(unreadable)?;
    if rows == 0 || max_id <= 0 {
        return Err(no_log("its table `logs` is empty"));
    }
    let pragma = |name: &str| -> Result<u64> {
        let value = snapshot.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
        Ok(u64::try_from(value.map_err(unreadable)?).unwrap_or(0))
    };
    let (pages, page_size, free_pages) =
        (pragma("page_count")?, pragma("page_size")?, pragma("freelist_count")?);
    let told = Told::read(&snapshot).map_err(unreadable)?;
    let mut survey = told.survey();
    (survey.rows, survey.max_id) = (u64::try_from(rows).unwrap_or(0), max_id);
    (survey.first_ts, survey.last_ts) = (first_ts, last_ts);
    (survey.file_bytes, survey.pages, survey.free_pages) = (pages * page_size, pages, free_pages);
    let shapes = Shapes::of(survey.era)?;
    survey.sort_rows(&snapshot, shapes, &told.rows).map_err(unreadable)?;
    Ok(survey)
}

fn open(path: &Path) -> Result<Connection> {
    check_is_file(path)?;
    open_regular(path).map_err(DatasetError::io(path, "open the database"))?;
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let unwritten = std::fs::metadata(&log).is_ok_and(|metadata| metadata.len() > 0);
    if !unwritten {
        // Nothing but the file need be looked at, or left beside it.
        return open_finished(path);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened =
        Connection::open_with_flags(path, flags).and_then(stop::stoppable).and_then(stop::patient);
    opened.map_err(|source| DatasetError::Source { path: path.to_path_buf(), source })
}

/// What the rows with markers tell.
#[derive(Debug, Default)]
struct Told {
    facts: Vec<Fact>,
    turn_rows: Vec<Ran>,
    /// Ids of rows that are facts.
    rows: BTreeSet<i64>,
    turns: BTreeSet<String>,
    requests: u64,
    submissions: u64,
    tags: u64,
    submission_bytes: Vec<u64>,
    request_bytes: Vec<u64>,
    completion_bytes: Vec<u64>,
}

impl Told {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let sql = "SELECT id, ts, target, thread_id, process_uuid, feedback_log_body FROM logs \
                   WHERE target IN (?1, ?2, ?3, ?4, ?5) ORDER BY id";
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([SOCKET, HANDLERS[0], HANDLERS[1], TAGS, TURN])?;
        let mut told = Self::default();
        while let Some(row) = rows.next()? {
            let ValueRef::Text(body) = row.get_ref(5)? else { continue };
            let target = text(row, 2)?.unwrap_or_default().to_owned();
            told.note(row, &target, body)?;
        }
        Ok(told)
    }

    fn note(&mut self, row: &Row<'_>, target: &str, body: &[u8]) -> rusqlite::Result<()> {
        let says = |needle: &str| find(body, needle.as_bytes()).is_some();
        let bytes = body.len() as u64;
        let turn = || field(body, b"turn.id=").or_else(|| field(body, b"turn_id="));
        if [TAGS, TURN].contains(&target)
            && let Some(turn) = field(body, b"turn.id=")
        {
            self.turn_rows.push(Ran { id: row.get(0)?, turn, model: None });
        }
        let intent = if target == SOCKET && says("websocket request:") {
            self.requests += 1;
            self.request_bytes.push(bytes);
            let priority = says("\"service_tier\":\"priority\"");
            turn().filter(|_| priority).map(|turn| Intent::Request { turn, model: None })
        } else if target == SOCKET && says("websocket event:") {
            self.requests += 1;
            let completed = says("\"type\":\"response.completed\"");
            if completed {
                self.completion_bytes.push(bytes);
            }
            turn()
                .filter(|_| completed)
                .map(|turn| Intent::Completion { turn, model: String::new() })
        } else if HANDLERS.contains(&target) && says("Submission sub=Submission {") {
            self.submissions += 1;
            self.submission_bytes.push(bytes);
            submission(body)
        } else if target == TAGS && says("tags_json=") {
            self.tags += 1;
            self.request_bytes.push(bytes);
            let turn = turn();
            self.turns.extend(turn.clone());
            let priority = says("\"service_tier\":\"priority\"");
            turn.filter(|_| priority).map(|turn| Intent::Tags { turn, model: None })
        } else {
            None
        };
        if let Some(intent) = intent {
            if let Intent::Submission { turn, .. } = &intent {
                self.turns.insert(turn.clone());
            }
            let id = row.get(0)?;
            let (thread, process) = (owned(text(row, 3)?), owned(text(row, 4)?));
            self.rows.insert(id);
            self.facts.push(Fact { id, ts: row.get(1)?, thread, process, intent });
        }
        Ok(())
    }

    fn survey(&self) -> Survey {
        let completed =
            self.facts.iter().filter(|fact| matches!(fact.intent, Intent::Completion { .. }));
        Survey {
            era: if self.tags > 0 {
                Era::V0_169
            } else if self.requests == 0 && self.submissions > 0 {
                Era::V0_145
            } else {
                Era::V0_141
            },
            rows: 0,
            max_id: 0,
            first_ts: 0,
            last_ts: 0,
            file_bytes: 0,
            pages: 0,
            free_pages: 0,
            threads: 0,
            processes: 0,
            levels: Counts::default(),
            completions: completed.count() as u64,
            turns: self.turns.len() as u64,
            priority_turns: fold(&self.facts.iter().collect::<Vec<_>>(), &self.turn_rows).len()
                as u64,
            submission_bytes: self.submission_bytes.clone(),
            request_bytes: self.request_bytes.clone(),
            completion_bytes: self.completion_bytes.clone(),
            thread_rows: BTreeMap::new(),
            process_rows: BTreeMap::new(),
        }
    }
}

impl Survey {
    /// Leaves of the kinds of ordinary rows their levels only.
    pub(super) fn forget_kinds(&mut self, shapes: &Shapes) {
        for kinds in [&mut self.thread_rows, &mut self.process_rows] {
            for (kind, bytes) in std::mem::take(kinds) {
                let level = shapes.find(&kind).map_or("TRACE", |at| shapes.all[at].level.as_str());
                kinds.entry(other(level)).or_default().extend(bytes);
            }
        }
    }

    /// Sorts the rows that are no facts by kind, and counts threads, processes and levels.
    fn sort_rows(
        &mut self,
        connection: &Connection,
        shapes: &Shapes,
        facts: &BTreeSet<i64>,
    ) -> rusqlite::Result<()> {
        let sql = "SELECT id, level, target, thread_id, process_uuid, feedback_log_body FROM logs \
                   ORDER BY id";
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        let (mut threads, mut processes) = (BTreeSet::new(), BTreeSet::new());
        while let Some(row) = rows.next()? {
            let level = text(row, 1)?.unwrap_or_default();
            self.levels[position(level)] += 1;
            let thread = text(row, 3)?;
            for (name, names) in [(thread, &mut threads), (text(row, 4)?, &mut processes)] {
                if let Some(name) = name
                    && !names.contains(name)
                {
                    names.insert(name.to_owned());
                }
            }
            if facts.contains(&row.get(0)?) {
                continue;
            }
            let body = match row.get_ref(5)? {
                ValueRef::Text(body) | ValueRef::Blob(body) => body,
                _ => &[],
            };
            let target = text(row, 2)?.unwrap_or_default();
            let kind = kind_of(Seen { level, target, body, in_thread: thread.is_some() }, shapes);
            let kinds =
                if thread.is_some() { &mut self.thread_rows } else { &mut self.process_rows };
            kinds.entry(kind).or_default().push(body.len() as u64);
        }
        (self.threads, self.processes) = (threads.len() as u64, processes.len() as u64);
        Ok(())
    }
}

/// The turn and tier of a submission, or the tier that a settings command sets.
fn submission(body: &[u8]) -> Option<Intent> {
    let start = find(body, b"Submission sub=Submission {")?;
    let dump = String::from_utf8_lossy(&body[start..]);
    let turn = dump.split("id: \"").nth(1)?.split('"').next()?.to_owned();
    // A prompt that quotes a tier has its quotes escaped.
    let is_quoted = |tier: &&str| tier.starts_with(r#"Some(Some(\""#);
    let tier = dump.split("service_tier: ").skip(1).find(|tier| !is_quoted(tier));
    let tier = tier.map_or(TierForm::Inherit, |tier| {
        let priority = ["\"priority\"", "\"fast\"", "Fast", "Priority"];
        let name = tier.strip_prefix("Some(Some(").and_then(|tier| tier.split(')').next());
        if name.is_some_and(|name| priority.contains(&name)) {
            TierForm::Priority
        } else if tier.starts_with("Some(") {
            TierForm::Cleared
        } else {
            TierForm::Inherit
        }
    });
    let op = dump.split("op: ").nth(1)?;
    if ["UserInput", "UserTurn", "TurnInput"].iter().any(|name| op.starts_with(name)) {
        Some(Intent::Submission { turn, tier })
    } else {
        let sets = op.starts_with("ThreadSettings") || op.starts_with("OverrideTurnContext");
        sets.then_some(Intent::Settings { tier })
    }
}

/// What follows the first `name`, without quotes.
fn field(body: &[u8], name: &[u8]) -> Option<String> {
    let rest = &body[find(body, name)? + name.len()..];
    let rest = rest.strip_prefix(b"\"").unwrap_or(rest);
    let end = rest.iter().position(|byte| b" \t\n,])}:\"".contains(byte)).unwrap_or(rest.len());
    (end > 0).then(|| String::from_utf8_lossy(&rest[..end]).into_owned())
}

/// The text of a column; `None` if it is not a text.
fn text<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<Option<&'a str>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(text) => str::from_utf8(text).ok(),
        _ => None,
    })
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}
