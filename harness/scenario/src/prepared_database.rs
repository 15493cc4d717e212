//! A trace database that launches are made on: one copy in one state, the memos to start from, and
//! the right answers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tracerig_datasets::workload::{self, Mix};
use tracerig_datasets::{Dataset, Manifest, own};
use tracerig_oracle as oracle;
use tracerig_protocol::{Answer, TraceAnswer};
use tracerig_scanner::{MemoPlace, Mode, Options, Request, Scan, Scanner, Turns, Window};
use tracerig_store::stop::stoppable;
use tracerig_store::{LogOptions, Retention, TraceLog};

use super::engine::Engine;
use super::{ScenarioError, Tell, step};
use crate::interrupt;

/// The newest rows of each partition that the retention of [`Change::Pruned`] keeps.
const PRUNED_TO: usize = 120;

/// What happened between the memo that launches start from and the launches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Change {
    /// Rows were appended, with the retention that goes with it.
    #[default]
    Appended,
    /// Rows were appended under a tight retention, and the last scanned row and every second fact
    /// were deleted.
    Pruned,
    /// Another database was renamed over it.
    Replaced,
    /// It was unlinked, and an older copy of it was created under its name.
    Recreated,
}

/// The memo that a launch starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Memo {
    /// The engine is reported of none.
    None,
    /// No memo exists yet.
    Absent,
    /// The one of a launch before anything changed; only of an archive, which changes twice.
    LongBefore,
    /// The one of a launch before the data changed for the last time.
    Before,
    /// The one of a launch after that.
    After,
}

impl Memo {
    /// The name of its state after this change; `None` for one that no launch left.
    pub(super) fn state(self, change: Change) -> Option<String> {
        let is_kept = !matches!(self, Self::None | Self::Absent);
        is_kept.then(|| format!("{change:?}-{self:?}").to_lowercase())
    }

    /// Whether a launch that starts from it needs `other` to be made: the last one is made from the
    /// one before.
    pub(super) fn needs(self, other: Self) -> bool {
        self == other || (self, other) == (Self::After, Self::Before)
    }
}

/// One database in one state.
#[derive(Debug)]
pub(super) struct PreparedDatabase {
    /// Keeps the write-ahead log with the appended rows, as a running Codex does.
    _writer: Option<TraceLog>,
    pub(super) database: PathBuf,
    /// What the database looks like to every launch.
    pub(super) state: State,
    /// A day that begins in the middle of the turns.
    pub(super) moved: Window,
    /// The right answers, by engine and by whether the window is the moved one.
    pub(super) expected: BTreeMap<(Engine, bool), Turns>,
}

/// The database as every launch sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) rows: u64,
    /// Rows that the memo from before does not know.
    pub(super) appended: u64,
    pub(super) max_id: i64,
    /// Bytes of the pages of the `logs` tree.
    pub(super) logs_bytes: u64,
}

/// What such a database is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Material<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) appended: u64,
    pub(super) seed: u64,
}

impl PreparedDatabase {
    /// Makes a working copy in `folder`, a memo of it, and then brings it into the state that is
    /// measured. Whenever a memo is due, `others` make theirs of the database, too.
    pub(super) fn make(
        kind: Change,
        folder: &Path,
        material: Material<'_>,
        others: &mut dyn FnMut(Memo, &Path) -> Result<(), ScenarioError>,
        tell: &mut Tell<'_>,
    ) -> Result<Self, ScenarioError> {
        let Material { dataset, appended, .. } = material;
        std::fs::create_dir_all(folder).map_err(ScenarioError::io(folder, "create the folder"))?;
        let database = folder.join("logs_2.sqlite");
        // For what is confirmed here: launches start from memos that their programs make.
        let memo = folder.join("trace.memo");
        let remember = || scan(&database, MemoPlace::File(memo.clone()));

        step(tell, "copying the dataset")?;
        copy(dataset, &database)?;
        step(tell, "making the memo")?;
        remember()?;
        if kind != Change::Recreated {
            others(Memo::Before, &database)?;
        }
        step(tell, "changing the database")?;
        let before = dataset.manifest.max_id;
        let writer = match kind {
            Change::Appended => Some(append(&database, material, Retention::default())?),
            Change::Pruned => {
                let tight = Retention { rows: PRUNED_TO, ..Retention::default() };
                let writer = append(&database, material, tight)?;
                delete_remembered(&database, &dataset.manifest)?;
                Some(writer)
            }
            Change::Replaced => {
                let other = folder.join("other.sqlite");
                copy(dataset, &other)?;
                drop(append(&other, material, Retention::default())?);
                std::fs::rename(&other, &database)
                    .map_err(ScenarioError::io(&database, "replace it"))?;
                None
            }
            Change::Recreated => {
                drop(append(&database, material, Retention::default())?);
                remember()?;
                others(Memo::Before, &database)?;
                std::fs::remove_file(&database)
                    .map_err(ScenarioError::io(&database, "remove it"))?;
                copy(dataset, &database)?;
                None
            }
        };
        let state = examine(&database, before)?;
        remember()?;
        others(Memo::After, &database)?;

        step(tell, "establishing the right answers")?;
        let whole = oracle::scan(&database, oracle::Window::default())?;
        let moved = middle_day(&whole);
        let in_moved = oracle::Window { since: moved.since, until: moved.until };
        let expected: BTreeMap<_, _> = [
            ((Engine::Scanner, true), oracle::scan(&database, in_moved)?),
            ((Engine::Published, false), oracle::published(&database, oracle::Window::default())?),
            ((Engine::Scanner, false), whole),
        ]
        .map(|(key, answer)| (key, turns_of(answer.turns)))
        .into();
        let right = &expected[&(Engine::Scanner, false)];

        // Else a launch that overlooks the appended rows would be verified anyway.
        let known = dataset.manifest.truth.turns.iter().map(|turn| turn.turn.as_str());
        if dataset.manifest.is_generated()
            && kind == Change::Appended
            && appended > 0
            && right.keys().map(String::as_str).eq(known)
        {
            return Err(ScenarioError::NothingNew { path: database, rows: appended });
        }
        let disagree = |difference: String| ScenarioError::disagreement(&database, difference);
        if let Some(difference) = difference(right, &scan(&database, MemoPlace::Disabled)?.turns) {
            return Err(disagree(difference));
        }
        // Whatever happened costs one launch: the next one finds nothing new.
        let settled = scan(&database, MemoPlace::File(memo.clone()))?.stats.mode;
        if settled != Mode::Unchanged {
            return Err(disagree(format!("a second launch is {settled} instead of unchanged")));
        }
        Ok(Self { _writer: writer, database, state, moved, expected })
    }

    /// The turns there are, all windows open.
    pub(super) fn turns(&self) -> &Turns {
        &self.expected[&(Engine::Scanner, false)]
    }

    /// Those that the published query finds.
    pub(super) fn published_turns(&self) -> &Turns {
        &self.expected[&(Engine::Published, false)]
    }

    /// The files of the database.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let mut log = self.database.clone().into_os_string();
        log.push("-wal");
        vec![self.database.clone(), log.into()]
    }
}

pub(super) fn copy(dataset: &Dataset, to: &Path) -> Result<(), ScenarioError> {
    interrupt::copy(&dataset.database, to).map_err(ScenarioError::io(to, "copy the dataset to it"))
}

/// Scans in this process, without anything a worker could have left.
pub(super) fn scan(database: &Path, memo: MemoPlace) -> Result<Scan, ScenarioError> {
    let scanner = Scanner::new(database, Options { memo, ..Options::default() });
    let running = scanner.start(Request::default());
    while !running.has_ended_within(Duration::from_millis(20)) {
        if interrupt::requested() {
            running.cancel();
            let _ = running.wait();
            return Err(ScenarioError::Interrupted);
        }
    }
    Ok(running.wait()?)
}

/// Appends as a running Codex would. Returns its connection, which is to be kept open or closed.
fn append(
    database: &Path,
    material: Material<'_>,
    retention: Retention,
) -> Result<TraceLog, ScenarioError> {
    let options = LogOptions { create: false, retention, ..LogOptions::default() };
    let mut log = TraceLog::open_with(database, options)?;
    let manifest = &material.dataset.manifest;
    if manifest.is_generated() {
        workload::append(&mut log, manifest, material.seed, material.appended, Mix::Realistic)?;
    } else {
        own::repeat_newest(&mut log, material.appended)?;
    }
    Ok(log)
}

/// Deletes what a memo of the dataset remembers the database by: the last scanned row, and every
/// second fact.
fn delete_remembered(database: &Path, manifest: &Manifest) -> Result<(), ScenarioError> {
    let failed = ScenarioError::sqlite(database);
    let connection = Connection::open(database).and_then(stoppable).map_err(&failed)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(&failed)?;
    let facts = manifest.facts.iter().map(|fact| fact.id).step_by(2);
    for id in facts.chain([manifest.max_id]) {
        connection.execute("DELETE FROM logs WHERE id = ?1", [id]).map_err(&failed)?;
    }
    Ok(())
}

/// The day that begins with the turn in the middle.
fn middle_day(answer: &oracle::Answer) -> Window {
    let mut times: Vec<i64> = answer.turns.values().map(|turn| turn.timestamp).collect();
    times.sort_unstable();
    let since = times.get(times.len() / 2).copied();
    Window { since, until: since.map(|since| since.saturating_add(86_400)) }
}

/// Counts what launches will find, by queries that share nothing with what is measured.
fn examine(database: &Path, before: i64) -> Result<State, ScenarioError> {
    let failed = ScenarioError::sqlite(database);
    let connection = Connection::open_with_flags(
        database,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .and_then(stoppable)
    .map_err(&failed)?;
    let count =
        |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(&failed);
    let unsigned = |value: i64| u64::try_from(value).unwrap_or(0);
    Ok(State {
        rows: unsigned(count("SELECT count(*) FROM logs NOT INDEXED")?),
        appended: unsigned(count(&format!(
            "SELECT count(*) FROM logs NOT INDEXED WHERE id > {before}"
        ))?),
        max_id: count("SELECT coalesce(max(id), 0) FROM logs")?,
        logs_bytes: unsigned(count("SELECT sum(pgsize) FROM dbstat WHERE name = 'logs'")?),
    })
}

/// The oracle's answer in the words of the scanner.
pub(super) fn turns_of(answer: BTreeMap<String, oracle::Turn>) -> Turns {
    let turn = |turn: oracle::Turn| tracerig_scanner::Turn {
        thread_id: turn.thread_id,
        model: turn.model,
        timestamp: turn.timestamp,
    };
    answer.into_iter().map(|(id, found)| (id, turn(found))).collect()
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

/// The answer of a scanner in the words of the protocol.
pub(super) fn answer_of(turns: &Turns) -> Answer {
    let turn = |turn: &tracerig_scanner::Turn| tracerig_protocol::Turn {
        thread_id: turn.thread_id.clone(),
        model: turn.model.clone(),
        timestamp: turn.timestamp,
    };
    let turns = turns.iter().map(|(id, found)| (id.clone(), turn(found))).collect();
    Answer::Trace(TraceAnswer { turns, mode: None })
}

/// Turns of the protocol in the words of the scanner.
pub(super) fn turns_of_protocol(turns: &BTreeMap<String, tracerig_protocol::Turn>) -> Turns {
    let turn = |turn: &tracerig_protocol::Turn| tracerig_scanner::Turn {
        thread_id: turn.thread_id.clone(),
        model: turn.model.clone(),
        timestamp: turn.timestamp,
    };
    turns.iter().map(|(id, found)| (id.clone(), turn(found))).collect()
}

/// The digest of an answer of the protocol: that of the same turns.
pub(super) fn digest_of(answer: &TraceAnswer) -> String {
    digest(&turns_of_protocol(&answer.turns))
}

/// Digest of an answer: SHA-256 over its turns in the order of their ids, each field with its
/// length.
pub(super) fn digest(turns: &Turns) -> String {
    let mut hash = Sha256::new();
    let mut text = |text: Option<&str>| match text {
        None => hash.update([0]),
        Some(text) => {
            hash.update([1]);
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
    };
    for (id, turn) in turns {
        text(Some(id));
        text(turn.thread_id.as_deref());
        text(turn.model.as_deref());
        text(Some(&turn.timestamp.to_string()));
    }
    format!("sha256:{}", base16ct::lower::encode_string(&hash.finalize()))
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
        assert!(
            difference(&right, &answer(&[("a", 1), ("b", 3)]))
                .unwrap()
                .starts_with("turn b is Turn")
        );
        assert_eq!(
            difference(&right, &answer(&[("a", 1), ("b", 2), ("c", 1)])).unwrap(),
            "turn c is not one"
        );
        assert!(difference(&right, &answer(&[])).is_some());
    }
}
