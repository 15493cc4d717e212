//! What may not happen under the contract, and happens anyway in the hostile profile: how it reads,
//! and how it is done.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OptionalExtension as _, params};
use tracerig_store::OwnedBody;

use super::Error;
use super::arguments::With;
use super::row::{RowKind, RowSpec};
use crate::words::{Name, Number, Rest, Words as _, operations};

operations! {
    /// An operation outside the contract.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Breach: "breach of the contract" {
        /// A row is changed in place: this of it, in the row at this position, counted from the
        /// oldest, round and round.
        "change" Change(part: Part = Name(PARTS), place: usize = Number),
        /// A row is inserted at a free id below the highest.
        "insert-below" InsertBelow(row: RowSpec = Rest::NEW),
        /// The file is overwritten in place by the copy set aside last, or by one without rows if
        /// there is none.
        "overwrite" Overwrite,
        /// Another file takes its place, with the same inode and without a birth time: nothing
        /// tells the two apart but their rows.
        "reuse-inode" ReuseInode(with: With = Name(REUSED)),
        /// The clock of the writers is set back by so many seconds.
        "clock-back" ClockBack(seconds: i64 = Number),
    }
}

/// What of a row is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The beginning of its body, at the same length.
    Beginning,
    /// Its body behind the first 256 bytes, at the same length.
    End,
    /// The length of its body.
    Length,
    /// Its second.
    Time,
    /// Its target.
    Target,
    /// Its thread.
    Thread,
    /// All that it says: a row without a marker becomes a request.
    Meaning,
}

const PARTS: &[(&str, Part)] = &[
    ("beginning", Part::Beginning),
    ("end", Part::End),
    ("length", Part::Length),
    ("time", Part::Time),
    ("target", Part::Target),
    ("thread", Part::Thread),
    ("meaning", Part::Meaning),
];

/// Which files may take the place with the inode of the one before.
const REUSED: &[(&str, With)] = &[("copy", With::Copy), ("saved", With::Saved)];

impl Part {
    /// Every part.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        PARTS.iter().map(|(_, part)| *part)
    }
}

impl Breach {
    /// The sort of operation, under which detections are counted.
    #[must_use]
    pub fn sort(&self) -> String {
        match self {
            Self::Change(part, _) => format!("change {}", Name(PARTS).text(part)),
            Self::InsertBelow(_) => "insert-below".to_owned(),
            other => other.to_string(),
        }
        .trim_end_matches(|last: char| last.is_ascii_digit() || last == ' ')
        .to_owned()
    }

    /// Every sort, in the order of a report.
    #[must_use]
    pub fn sorts() -> Vec<String> {
        let mut all: Vec<Self> = Part::all().map(|part| Self::Change(part, 0)).collect();
        all.extend([Self::InsertBelow(RowSpec::NOISE), Self::Overwrite]);
        all.extend(REUSED.iter().map(|(_, with)| Self::ReuseInode(*with)));
        all.push(Self::ClockBack(1));
        all.iter().map(Self::sort).collect()
    }
}

/// Changes a row in place. A table without such a row stays as it is.
pub(super) fn change(connection: &Connection, part: Part, place: usize) -> Result<(), Error> {
    // Functions of SQLite end at a NUL byte or want UTF-8; rows that have other bodies are left
    // alone.
    let eligible = match part {
        Part::Meaning => {
            "typeof(feedback_log_body) = 'text' AND NOT (instr(feedback_log_body, 'websocket ') OR \
             instr(feedback_log_body, 'tags_json=') OR instr(feedback_log_body, 'Submission sub='))"
        }
        Part::End => {
            "typeof(feedback_log_body) = 'text' AND instr(substr(feedback_log_body, 257), \
             'priority') > 0"
        }
        _ => "typeof(feedback_log_body) = 'text' AND instr(feedback_log_body, char(0)) = 0",
    };
    let rows: i64 = connection.query_row(
        &format!("SELECT count(*) FROM logs WHERE {eligible}"),
        [],
        |row| row.get(0),
    )?;
    if rows == 0 {
        return Ok(());
    }
    let place = i64::try_from(place).unwrap_or(0) % rows;
    let id: i64 = connection.query_row(
        &format!("SELECT id FROM logs WHERE {eligible} ORDER BY id LIMIT 1 OFFSET ?1"),
        [place],
        |row| row.get(0),
    )?;
    let set =
        |what: &str| connection.execute(&format!("UPDATE logs SET {what} WHERE id = ?1"), [id]);
    match part {
        Part::Beginning => set("feedback_log_body = replace(feedback_log_body, 'turn-', 'tusk-')")?,
        Part::End => set("feedback_log_body = substr(feedback_log_body, 1, 256) || \
                          replace(substr(feedback_log_body, 257), 'priority', 'ordinary')")?,
        Part::Length => set("feedback_log_body = feedback_log_body || ' '")?,
        Part::Time => set("ts = ts + 7")?,
        Part::Target => set("target = 'log'")?,
        Part::Thread => set("thread_id = 'thread-9'")?,
        Part::Meaning => {
            let row = RowSpec { kind: RowKind::Request, turn: 7, ..RowSpec::NOISE }.build(id);
            connection.execute(
                "UPDATE logs SET target = ?2, feedback_log_body = CAST(?3 AS TEXT) WHERE id = ?1",
                params![id, row.target, bytes(row.body)],
            )?
        }
    };
    Ok(())
}

/// Inserts a row at the highest free id below the highest one; into an empty table, none.
pub(super) fn insert_below(
    connection: &Connection,
    row: &RowSpec,
    serial: i64,
) -> Result<(), Error> {
    let free = "SELECT id - 1 FROM logs AS above WHERE NOT EXISTS (SELECT 1 FROM logs WHERE id = \
                above.id - 1) ORDER BY id DESC LIMIT 1";
    let free: Option<i64> = connection.query_row(free, [], |row| row.get(0)).optional()?;
    let Some(id) = free else { return Ok(()) };
    let row = row.build(serial);
    let is_text = matches!(row.body, OwnedBody::Text(_));
    connection.execute(
        "INSERT INTO logs (id, ts, ts_nanos, level, target, feedback_log_body, thread_id, \
         process_uuid) VALUES (?1, ?2, ?3, ?4, ?5, iif(?9, CAST(?6 AS TEXT), ?6), ?7, ?8)",
        params![
            id,
            row.ts,
            row.ts_nanos,
            row.level,
            row.target,
            bytes(row.body),
            row.thread_id,
            row.process_uuid,
            is_text
        ],
    )?;
    Ok(())
}

fn bytes(body: OwnedBody) -> Option<Vec<u8>> {
    match body {
        OwnedBody::Text(bytes) | OwnedBody::Blob(bytes) => Some(bytes),
        OwnedBody::Null => None,
    }
}

/// Writes every page of `from` over the pages of `database`, through SQLite, so that it is the same
/// file afterwards.
pub(super) fn overwrite(database: &Path, from: &Path) -> Result<(), Error> {
    let from = Connection::open(from)?;
    let mut to = Connection::open(database)?;
    let backup = Backup::new(&from, &mut to)?;
    while backup.step(-1)? != StepResult::Done {}
    Ok(())
}
