//! Thousands of rows that are almost right: scanner and oracle, written apart, must read each the
//! same way.
//!
//! With `TRACERIG_PYTHON` naming a Python 3, the Python oracle has to agree as well.
//! `TRACERIG_SEED` and `TRACERIG_ROWS` choose other rows and more of them.

mod rows;

use std::path::Path;
use std::process::Command;

use rows::{Cell, Nasty, Row};
use rusqlite::{Connection, params};
use tracerig_oracle::{self as oracle, Answer, Turn, Window};
use tracerig_published::trace as published;
use tracerig_scanner::{BUSY_TIMEOUT, Options, Request, Scan, Scanner};

const ROWS: u64 = 6000;

fn write(path: &Path, rows: &[Row]) {
    let mut connection = Connection::open(path).unwrap();
    tracerig_store::schema::create(&mut connection).unwrap();
    let transaction = connection.transaction().unwrap();
    {
        let mut insert = transaction
            .prepare(
                "INSERT INTO logs (ts, ts_nanos, level, target, thread_id, process_uuid, \
                 feedback_log_body) VALUES (?1, 0, 'TRACE', ?2, ?3, ?4, ?5)",
            )
            .unwrap();
        for row in rows {
            let cells = [&row.target, &row.thread, &row.process, &row.body].map(Cell::to_sql);
            insert.execute(params![row.ts, cells[0], cells[1], cells[2], cells[3]]).unwrap();
        }
    }
    transaction.commit().unwrap();
}

fn as_answer(scan: &Scan) -> Answer {
    let turn = |turn: &tracerig_scanner::Turn| Turn {
        thread_id: turn.thread_id.clone(),
        model: turn.model.clone(),
        timestamp: turn.timestamp,
    };
    Answer {
        turns: scan.turns.iter().map(|(id, found)| (id.clone(), turn(found))).collect(),
        facts: scan.stats.facts,
        completions: scan.stats.completions,
        unrecognised: scan.stats.unrecognised,
        turn_rows: scan.stats.turn_rows,
        turns_seen: scan.stats.turns_seen,
        tier_rows: scan.stats.tier_rows,
    }
}

fn python(path: &Path, rules: &str) -> Option<Answer> {
    let python = std::env::var_os("TRACERIG_PYTHON")?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/oracle/scan.py");
    let output = Command::new(python).args([script, "--rules", rules]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// What the two or three readings of `rows` are, if they are not one.
fn difference(rows: &[Row], is_published: bool) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs.sqlite");
    write(&path, rows);
    let (mut scan, oracle, python) = if is_published {
        let scan = published::scan(&path, <_>::default(), BUSY_TIMEOUT).unwrap();
        (
            as_answer(&scan),
            oracle::published(&path, Window::default()).unwrap(),
            python(&path, "published"),
        )
    } else {
        let scan = Scanner::new(&path, Options::default()).scan(&Request::default()).unwrap();
        (as_answer(&scan), oracle::scan(&path, Window::default()).unwrap(), python(&path, "ours"))
    };
    if is_published {
        // The baseline counts turns with a completion, the oracle rows.
        scan.completions = oracle.completions;
    }
    let python = python.unwrap_or_else(|| oracle.clone());
    (scan != oracle || oracle != python)
        .then(|| format!("scanner {scan:?}\noracle  {oracle:?}\npython  {python:?}"))
}

/// Fails with as few of `rows` as still make a difference.
fn expect_agreement(mut rows: Vec<Row>, is_published: bool) {
    let Some(mut found) = difference(&rows, is_published) else { return };
    let mut size = rows.len() / 2;
    // What takes many rows to show is shown with many rows.
    while size > 0 && size * 64 > rows.len() {
        let smaller = (0..rows.len()).step_by(size).find_map(|at| {
            let mut fewer = rows.clone();
            fewer.drain(at..(at + size).min(rows.len()));
            difference(&fewer, is_published).map(|found| (fewer, found))
        });
        match smaller {
            Some((fewer, difference)) => {
                (rows, found) = (fewer, difference);
                size = size.min(rows.len());
            }
            None => size /= 2,
        }
    }
    let show = |row: &Row| match &row.body {
        Cell::Text(body) | Cell::Blob(body) => {
            let rest = Row { body: Cell::Null, ..row.clone() };
            format!("{}\n{rest:?}", body.escape_ascii())
        }
        Cell::Null => format!("{row:?}"),
    };
    panic!("{}\n{found}", rows.iter().map(show).collect::<Vec<_>>().join("\n"));
}

fn rows() -> Vec<Row> {
    let number =
        |name, default| std::env::var(name).map_or(default, |value: String| value.parse().unwrap());
    let mut nasty = Nasty::new(number("TRACERIG_SEED", 0));
    (0..number("TRACERIG_ROWS", ROWS)).map(|number| nasty.row(number)).collect()
}

#[test]
fn scanner_and_oracle_read_nasty_rows_alike() {
    let rows = rows();
    expect_agreement(rows.clone(), false);
    // Rows that are nothing to anyone would agree as well.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs.sqlite");
    write(&path, &rows);
    let answer = oracle::scan(&path, Window::default()).unwrap();
    let (rows, turns) = (rows.len() as u64, answer.turns.len() as u64);
    assert!(answer.facts > rows / 6 && answer.facts < rows / 2, "{} facts", answer.facts);
    assert!(
        turns > rows / 14
            && answer.turn_rows > rows / 20
            && answer.completions > rows / 40
            && answer.unrecognised > rows / 80,
        "{turns} turns"
    );
}

#[test]
fn baseline_and_oracle_read_nasty_rows_alike() {
    let mut rows = rows();
    if std::env::var_os("TRACERIG_PYTHON").is_some() {
        // Whether LIKE looks into a BLOB depends on how the SQLite of that Python was built.
        rows.retain(|row| !matches!(row.body, Cell::Blob(_)));
    }
    expect_agreement(rows, true);
}
