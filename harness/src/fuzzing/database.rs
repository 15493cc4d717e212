//! A small trace database whose bytes are damaged, or a history of operations on a sound one.
//!
//! An input that reads as a history is executed as one: incremental is full is the oracle's. Any
//! other is damage, behind one byte that says how it is written and who is asked: then a scan gives
//! what the oracles give, or a typed error.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};
use serde::Serialize;
use tracerig_scanner::{MemoPlace, Options, Request, Scan, ScanError, Scanner};
use tracerig_store::schema;

use super::patch::patched;
use super::{place, scene};
use tracerig_differential::damage::damage;
use tracerig_differential::python::{NoAnswer, Python};
use tracerig_differential::trace::{self, Case, Profile, Setup};
use tracerig_oracle::{self as oracle, Answer, Turn, Window};

/// Histories of more operations take too long.
const MOST_OPERATIONS: usize = 24;

static SOUND: LazyLock<Vec<u8>> = LazyLock::new(scene::database);

pub(super) fn run(input: &[u8]) {
    match str::from_utf8(input).ok().and_then(|text| text.parse::<Case>().ok()) {
        Some(case) if !case.ops.is_empty() => history(case),
        _ => {
            let Some((&how, damage)) = input.split_first() else { return };
            let bytes = if how & 1 == 0 { patched(&SOUND, damage) } else { seeded(damage) };
            damaged(&bytes, how % 8 < 2);
        }
    }
}

/// The damage that the first eight bytes choose, and what is changed beside it.
fn seeded(input: &[u8]) -> Vec<u8> {
    let Some((seed, rest)) = input.split_first_chunk() else { return SOUND.clone() };
    patched(&damage(&SOUND, u64::from_be_bytes(*seed)).bytes, rest)
}

fn history(mut case: Case) {
    let is_bounded = case.ops.len() <= MOST_OPERATIONS && !case.is_timed() && !case.fresh;
    if !is_bounded || case.profile != Profile::Contract {
        return;
    }
    case.python = false;
    place::empty(|place| {
        let folder = place.join("history");
        fs::create_dir(&folder).expect("a folder for a history");
        match trace::run(&case, &folder, &Setup::default()) {
            Err(failure) if failure.is_mismatch() => panic!("{failure}\n{case}"),
            // What cannot be done is no finding.
            _ => {}
        }
    });
}

fn damaged(bytes: &[u8], asks_python: bool) {
    place::empty(|place| {
        let path = place.join(schema::FILE_NAME);
        fs::write(&path, bytes).expect("a damaged database");
        let scan = |memo: MemoPlace| {
            Scanner::new(&path, Options { memo, ..Options::default() }).scan(&Request::default())
        };
        let found = match scan(MemoPlace::Disabled) {
            Ok(found) => found,
            Err(ScanError::Stopped { path }) => {
                panic!("{}: a thread of the scan panicked", path.display())
            }
            Err(error) => return drop(error.to_string()),
        };
        let found = as_answer(&found);
        // A column of a type that Codex never writes ends the oracle, and is nothing to the
        // scanner.
        if let Ok(due) = oracle::scan(&path, Window::default()) {
            assert_eq!(found, due, "scan (left) and oracle (right) of a damaged database");
        }
        if asks_python && let Some(due) = python(&path) {
            assert_eq!(found, due, "scan (left) and Python oracle (right) of a damaged database");
        }
        let memo = MemoPlace::File(place.join("memo"));
        for launch in ["first", "second"] {
            let again = scan(memo.clone()).map(|again| again.turns);
            match again {
                Ok(again) => {
                    assert_eq!(turns(&again), found.turns, "the {launch} scan with a memo");
                }
                // To check a memo, pages of indexes are read that a full scan needs not.
                Err(ScanError::Corrupt { .. }) if !is_sound(&path) => return,
                Err(error) => panic!("the {launch} scan with a memo: {error}"),
            }
        }
    });
}

/// Whether SQLite finds nothing wrong with the file and its indexes.
fn is_sound(path: &Path) -> bool {
    let found =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(|it| {
            it.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0))
        });
    found.is_ok_and(|found| found == "ok")
}

fn turns(turns: &tracerig_scanner::Turns) -> BTreeMap<String, Turn> {
    let convert = |turn: &tracerig_scanner::Turn| Turn {
        thread_id: turn.thread_id.clone(),
        model: turn.model.clone(),
        timestamp: turn.timestamp,
    };
    turns.iter().map(|(id, turn)| (id.clone(), convert(turn))).collect()
}

fn as_answer(scan: &Scan) -> Answer {
    let stats = &scan.stats;
    Answer {
        turns: turns(&scan.turns),
        facts: stats.facts,
        completions: stats.completions,
        unrecognised: stats.unrecognised,
        turn_rows: stats.turn_rows,
        turns_seen: stats.turns_seen,
        tier_rows: stats.tier_rows,
    }
}

/// What the oracle in Python says, if there is one and it can read the database.
fn python(database: &Path) -> Option<Answer> {
    #[derive(Serialize)]
    struct Question<'a> {
        database: &'a Path,
        since: Option<i64>,
        until: Option<i64>,
    }
    static PYTHON: LazyLock<Option<Mutex<Python>>> = LazyLock::new(|| {
        // It lives as long as the process does.
        let folder = place::new().keep();
        let mut python = Python::new(&folder).ok()?;
        python.hello().ok()?;
        Some(Mutex::new(python))
    });
    let mut python = PYTHON.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
    match python.answer(&Question { database, since: None, until: None }) {
        Ok(answer) => Some(answer),
        Err(NoAnswer::Refused(_) | NoAnswer::Lacking(_)) => None,
        Err(error) => panic!("the oracle in Python gives no answer: {error:?}"),
    }
}
