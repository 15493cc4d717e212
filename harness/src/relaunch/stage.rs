//! What all launches of a run stand on: one database in one state, the memos to start from, and the right answers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tracerig_datasets::workload::{self, Mix};
use tracerig_datasets::{Dataset, Manifest};
use tracerig_scanner::{MemoPlace, Options, Request, Scanner, Turns};
use tracerig_store::{LogOptions, TraceLog};

use super::error::RunError;
use super::plan::{Examines, Memo};
use super::workplace::Workplace;
use crate::oracle;
use crate::worker::Engine;

/// Room beside the copy of the database: the write-ahead log, memos, and the records of the run.
const ROOM_BESIDE: u64 = 64 << 20;

/// The stage of a run.
#[derive(Debug)]
pub(super) struct Stage {
    /// Dropped first: it keeps the write-ahead log with the appended rows, as a running Codex does.
    _writer: TraceLog,
    pub(super) database: PathBuf,
    pub(super) memo: PathBuf,
    memo_before: Vec<u8>,
    memo_after: Vec<u8>,
    /// What the database looks like to every launch.
    pub(super) state: State,
    expected: Expected,
    _workplace: Workplace,
}

/// The database as every launch sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) rows: u64,
    pub(super) appended: u64,
    pub(super) max_id: i64,
    /// Bytes of the pages of the `logs` tree.
    pub(super) logs_bytes: u64,
}

#[derive(Debug)]
struct Expected {
    scanner: Turns,
    published: Turns,
}

impl Stage {
    /// Makes a working copy of `dataset` under `parent` and brings it into the state that is measured: a memo is made,
    /// `appended` rows are appended with their retention, and another memo is made.
    pub(super) fn set(
        parent: &Path,
        dataset: &Dataset,
        appended: u64,
        seed: u64,
        mut step: impl FnMut(&'static str) -> Result<(), RunError>,
    ) -> Result<Self, RunError> {
        let manifest = &dataset.manifest;
        let workplace = Workplace::new(parent)?;
        let folder = workplace.path();
        check_room(&folder, manifest.file_bytes + ROOM_BESIDE)?;

        step("copying the dataset")?;
        let database = folder.join("logs_2.sqlite");
        std::fs::copy(&dataset.database, &database)
            .map_err(RunError::io(&database, "copy the dataset to it"))?;

        step("making the memo")?;
        let memo = folder.join("trace.memo");
        scan(&database, MemoPlace::File(memo.clone()))?;
        let memo_before = std::fs::read(&memo).map_err(RunError::io(&memo, "read it"))?;

        step("appending rows")?;
        let (writer, before) = append(&database, manifest, seed, appended)?;
        let state = examine(&database, before)?;
        scan(&database, MemoPlace::File(memo.clone()))?;
        let memo_after = std::fs::read(&memo).map_err(RunError::io(&memo, "read it"))?;

        step("establishing the right answers")?;
        let expected = Expected {
            scanner: turns_of(oracle::scan(&database, oracle::Window::default())?),
            published: turns_of(oracle::published(&database, oracle::Window::default())?),
        };
        // Else a launch that overlooks the appended rows would be verified all the same.
        let before = manifest.truth.turns.iter().map(|turn| turn.turn.as_str());
        if appended > 0 && expected.scanner.keys().map(String::as_str).eq(before) {
            return Err(RunError::NothingNew { path: database, rows: appended });
        }
        let rescan = scan(&database, MemoPlace::Disabled)?;
        if let Some(difference) = difference(&expected.scanner, &rescan) {
            return Err(RunError::Disagreement { path: database, difference });
        }
        Ok(Self {
            _writer: writer,
            database,
            memo,
            memo_before,
            memo_after,
            state,
            expected,
            _workplace: workplace,
        })
    }

    /// Puts the memo that a launch starts from in its place.
    pub(super) fn restore(&self, memo: Memo) -> Result<(), RunError> {
        let bytes = match memo {
            Memo::None => return Ok(()),
            Memo::Absent => {
                return match std::fs::remove_file(&self.memo) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        Err(RunError::io(&self.memo, "remove it")(error))
                    }
                    _ => Ok(()),
                };
            }
            Memo::BeforeAppend => &self.memo_before,
            Memo::AfterAppend => &self.memo_after,
        };
        std::fs::write(&self.memo, bytes).map_err(RunError::io(&self.memo, "write it"))
    }

    /// Whether a launch that started from `memo` left another one: told from the file, not by the launch.
    pub(super) fn wrote_memo(&self, memo: Memo) -> Result<bool, RunError> {
        let before = match memo {
            Memo::None => return Ok(false),
            Memo::Absent => None,
            Memo::BeforeAppend => Some(&self.memo_before),
            Memo::AfterAppend => Some(&self.memo_after),
        };
        match std::fs::read(&self.memo) {
            Ok(now) => Ok(before.is_none_or(|before| *before != now)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(before.is_some()),
            Err(error) => Err(RunError::io(&self.memo, "read it")(error)),
        }
    }

    /// The files that a launch reads.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let mut log = self.database.clone().into_os_string();
        log.push("-wal");
        vec![self.database.clone(), log.into(), self.memo.clone()]
    }

    /// The right answer of an engine; `None` where it answers nothing.
    pub(super) fn expected(&self, engine: Engine) -> Option<&Turns> {
        match engine {
            Engine::Floor => None,
            Engine::Scanner => Some(&self.expected.scanner),
            Engine::Published => Some(&self.expected.published),
        }
    }

    /// How many rows a launch must examine.
    pub(super) fn rows(&self, examines: Examines) -> u64 {
        match examines {
            Examines::Nothing => 0,
            Examines::Appended => self.state.appended,
            Examines::All => self.state.rows,
        }
    }
}

fn check_room(folder: &Path, needed: u64) -> Result<(), RunError> {
    let told = rustix::fs::statvfs(folder)
        .map_err(|error| RunError::io(folder, "ask for its free room")(error.into()))?;
    let available = told.f_bavail.saturating_mul(told.f_frsize);
    if available < needed {
        return Err(RunError::NoRoom { path: folder.to_owned(), needed, available });
    }
    Ok(())
}

/// Scans in this process, without anything a worker could have left.
fn scan(database: &Path, memo: MemoPlace) -> Result<Turns, RunError> {
    let scanner = Scanner::new(database, Options { memo, ..Options::default() });
    let running = scanner.start(Request::default());
    while !running.has_ended_within(Duration::from_millis(20)) {
        if crate::interrupt::requested() {
            running.cancel();
            let _ = running.wait();
            return Err(RunError::Interrupted);
        }
    }
    Ok(running.wait()?.turns)
}

/// Appends as a running Codex would and keeps its connection open. Returns it with the maximum id before.
fn append(database: &Path, manifest: &Manifest, seed: u64, rows: u64) -> Result<(TraceLog, i64), RunError> {
    let mut log = TraceLog::open_with(database, LogOptions { create: false, ..LogOptions::default() })?;
    let before = log.newest()?.map_or(0, |(id, _)| id);
    workload::append(&mut log, manifest, seed, rows, Mix::Realistic)?;
    Ok((log, before))
}

/// Counts what launches will find, by queries that share nothing with what is measured.
fn examine(database: &Path, before: i64) -> Result<State, RunError> {
    let failed = RunError::sqlite(database);
    let connection = Connection::open_with_flags(
        database,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(&failed)?;
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(&failed);
    let unsigned = |value: i64| u64::try_from(value).unwrap_or(0);
    Ok(State {
        rows: unsigned(count("SELECT count(*) FROM logs NOT INDEXED")?),
        appended: unsigned(count(&format!("SELECT count(*) FROM logs NOT INDEXED WHERE id > {before}"))?),
        max_id: count("SELECT coalesce(max(id), 0) FROM logs")?,
        logs_bytes: unsigned(count("SELECT sum(pgsize) FROM dbstat WHERE name = 'logs'")?),
    })
}

/// The oracle's answer in the words of the scanner.
fn turns_of(answer: oracle::Answer) -> Turns {
    let turn = |turn: oracle::Turn| tracerig_scanner::Turn {
        thread_id: turn.thread_id,
        model: turn.model,
        timestamp: turn.timestamp,
    };
    answer.turns.into_iter().map(|(id, found)| (id, turn(found))).collect()
}

/// The first difference between two answers, in words.
pub(super) fn difference(expected: &Turns, found: &Turns) -> Option<String> {
    for (id, turn) in expected {
        match found.get(id) {
            None => return Some(format!("turn {id} is missing")),
            Some(other) if other != turn => {
                return Some(format!("turn {id} is {other:?} instead of {turn:?}"));
            }
            Some(_) => {}
        }
    }
    found.keys().find(|id| !expected.contains_key(*id)).map(|id| format!("turn {id} is not one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_between_answers_is_found() {
        let turn = |timestamp| tracerig_scanner::Turn { thread_id: None, model: None, timestamp };
        let answer = |turns: &[(&str, i64)]| -> Turns {
            turns.iter().map(|&(id, timestamp)| (id.to_owned(), turn(timestamp))).collect()
        };
        let right = answer(&[("a", 1), ("b", 2)]);
        assert_eq!(difference(&right, &right), None);
        assert_eq!(difference(&right, &answer(&[("a", 1)])).unwrap(), "turn b is missing");
        assert!(difference(&right, &answer(&[("a", 1), ("b", 3)])).unwrap().starts_with("turn b is Turn"));
        assert_eq!(
            difference(&right, &answer(&[("a", 1), ("b", 2), ("c", 1)])).unwrap(),
            "turn c is not one"
        );
        assert!(difference(&right, &answer(&[])).is_some());
    }
}
