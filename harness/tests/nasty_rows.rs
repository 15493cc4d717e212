//! Thousands of rows that are almost right: scanner and oracle, written apart, must read each the same way.
//!
//! With `TRACERIG_PYTHON` naming a Python 3, the Python oracle has to agree as well. `TRACERIG_SEED` and
//! `TRACERIG_ROWS` choose other rows and more of them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

use std::path::Path;
use std::process::Command;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, params};
use tracerig_harness::oracle::{self, Answer, Turn, Window};
use tracerig_scanner::{BUSY_TIMEOUT, Options, Request, Scan, Scanner, published};

const ROWS: u64 = 6000;

/// A value of a column: its storage class, and its bytes.
#[derive(Clone, Debug)]
enum Cell {
    Null,
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl Cell {
    fn to_sql(&self) -> ToSqlOutput<'_> {
        ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Text(bytes) => ValueRef::Text(bytes),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        })
    }
}

#[derive(Clone, Debug)]
struct Row {
    ts: i64,
    target: Cell,
    thread: Cell,
    process: Cell,
    body: Cell,
}

struct Nasty {
    random: ChaCha8Rng,
    /// Most rows name a turn of their own, so that none hides another.
    turn: String,
}

impl Nasty {
    fn chance(&mut self, probability: f64) -> bool {
        self.random.random_bool(probability)
    }

    fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.random.random_range(0..choices.len())].clone()
    }

    fn row(&mut self, number: u64) -> Row {
        self.turn = if self.chance(0.8) { format!("t{number}") } else { format!("t{}", number % 5) };
        let kind = self.random.random_range(0..4);
        let target = if self.chance(0.9) {
            match kind {
                0 | 1 => Cell::Text(b"codex_api::endpoint::responses_websocket".to_vec()),
                2 => self
                    .pick(&["codex_core::session::handlers", "codex_core::codex"])
                    .as_bytes()
                    .to_vec()
                    .into(),
                _ => Cell::Text(b"feedback_tags".to_vec()),
            }
        } else {
            let blob = Cell::Blob(b"feedback_tags".to_vec());
            self.pick(&[Cell::Text(b"log".to_vec()), blob, Cell::Text(b"feedback_tags\0".to_vec())])
        };
        let mut body = self.prefix();
        let marker =
            ["websocket request:", "websocket event:", "Submission sub=Submission {", "tags_json="][kind];
        body.extend_from_slice(marker.as_bytes());
        body.extend_from_slice(&self.space());
        let payload = if kind == 2 { self.dump() } else { self.object(kind).into_bytes() };
        body.extend_from_slice(&payload);
        body.extend_from_slice(&self.space());
        if self.chance(0.15) {
            self.damage(&mut body);
        }
        let body = if self.chance(0.02) { Cell::Blob(body) } else { Cell::Text(body) };
        let name = |nasty: &mut Self, names: &[&str]| match nasty.random.random_range(0..12) {
            0 => Cell::Text(Vec::new()),
            1 => Cell::Text(b"\xff\xfe".to_vec()),
            2 => Cell::Blob(b"h1".to_vec()),
            3..6 => Cell::Null,
            _ => Cell::Text(nasty.pick(names).as_bytes().to_vec()),
        };
        let (thread, process) = (name(self, &["h1", "h2", "h3"]), name(self, &["p1", "p2"]));
        Row { ts: self.random.random_range(0..100), target, thread, process, body }
    }

    fn prefix(&mut self) -> Vec<u8> {
        let turn = self.turn.clone();
        let mut prefix = Vec::new();
        if self.chance(0.7) {
            prefix.extend_from_slice(format!("turn{{turn.id={turn} model=m}}: ").as_bytes());
        }
        for _ in 0..self.random.random_range(0..4) {
            let piece: &[u8] = self.pick(&[
                b"session_loop{thread_id=h9}:" as &[u8],
                b"x.turn.id=wrong ",
                b"parent_thread_id=wrong ",
                b"turn_id=inner, ",
                b"turn_id=\"quoted, inner\" ",
                b"turn.id=\"\" ",
                b"turn.id= ",
                b"turn.id=\"unclosed ",
                b"_turn_id=wrong:",
                b"(turn_id=inner)",
                b"model=\"a b\" ",
                b"model=",
                b"thread_id=\xff\xfe ",
                b"turn.id=\xc3\xa9\xc3\xa9]",
                b"turn.id=a\x0bb\x0cc ",
                b"\0",
                b"websocket request",
                b"Submission sub=Submission{",
                b"tags_json=",
                b"websocket event: {",
                b"\"",
                b" ",
            ]);
            prefix.splice(0..0, piece.iter().copied());
        }
        prefix
    }

    fn space(&mut self) -> Vec<u8> {
        let odd: &[&[u8]] = &[b"", b"\t\n", b"\x0c", b"\r", b"\x0b", b"\xc2\xa0", b"  ", b"\0", b"x"];
        if self.chance(0.75) { b" ".to_vec() } else { self.pick(odd).to_vec() }
    }

    fn damage(&mut self, body: &mut Vec<u8>) {
        let at = self.random.random_range(0..body.len());
        match self.random.random_range(0..5) {
            0 => body[at] = self.random.random_range(0..=255),
            1 => drop(body.remove(at)),
            2 => body.insert(at, self.random.random_range(0..=255)),
            3 => body.truncate(at),
            _ => body.extend_from_within(at..),
        }
    }

    fn object(&mut self, kind: usize) -> String {
        let turn = self.turn.clone();
        let mut members: Vec<(String, String)> = Vec::new();
        let mut add = |key: &str, value: String| members.push((key.to_owned(), value));
        let model = self.string("m1");
        match kind {
            0 => {
                add("type", self.string("response.create"));
                add("service_tier", self.string("priority"));
                add("model", model);
                if self.chance(0.5) {
                    add("turn_id", self.string(&format!("{turn}j")));
                }
                if self.chance(0.5) {
                    let inner = self.string(&format!("{turn}m"));
                    add("client_metadata", format!("{{\"turn_id\": {inner}}}"));
                }
            }
            1 => {
                add("type", self.string("response.completed"));
                let output = self.value(0);
                add("response", format!("{{\"output\":{output},\"model\":{model}}}"));
            }
            _ => add("service_tier", self.string("priority")),
        }
        for _ in 0..self.random.random_range(0..4) {
            let key =
                self.pick(&["type", "service_tier", "model", "turn_id", "response", "input", "", "a\\nb"]);
            let value = self.value(0);
            // Of duplicate keys the last wins, so that the place matters.
            let at = self.random.random_range(0..=members.len());
            if self.chance(0.7) {
                members.insert(at, (format!("x{key}"), value));
            } else {
                members.insert(at, (key.to_owned(), value));
            }
        }
        let mut text = String::from("{");
        for (place, (key, value)) in members.iter().enumerate() {
            let key = if self.chance(0.05) { escape(key) } else { key.clone() };
            let comma = if place == 0 { "" } else { "," };
            let space = self.pick(&["", "", "", " ", "\n\t", "\r"]);
            text += &format!("{comma}{space}\"{key}\"{space}:{space}{value}{space}");
        }
        text + "}"
    }

    /// A string that mostly is `wanted`.
    fn string(&mut self, wanted: &str) -> String {
        match self.random.random_range(0..40) {
            0 => format!("\"{}\"", escape(wanted)),
            1 => "\"\"".to_owned(),
            2 => "\"\\ud800\"".to_owned(),
            3 => "\"\\ud83d\\ude00\"".to_owned(),
            4 => self.value(0),
            5 => format!("\"{wanted}\\u0000\""),
            _ => format!("\"{wanted}\""),
        }
    }

    fn value(&mut self, depth: usize) -> String {
        let leaf = [
            "0",
            "-0",
            "01",
            "1.5e+10",
            "1.",
            ".5",
            "1e",
            "-",
            "+1",
            "0x1",
            "NaN",
            "Infinity",
            "-Infinity",
            "true",
            "false",
            "null",
            "nul",
            "True",
            "\"\"",
            "\"text\"",
            "\"\\\"\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\t\"",
            "\"\u{7f}\u{e9}\u{1f600}\"",
            "\"\\udc00\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\/\\b\\f\"",
            "'text'",
            "\"tags_json={}\"",
            "\"websocket event: {}\"",
            "[]",
            "{}",
            "[,]",
            "[1,]",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{1:2}",
            "/**/1",
            "\u{feff}1",
        ];
        // What JSON allows is drawn more often than what it does not.
        let sound = ["0", "1.5e+10", "true", "null", "\"text\"", "[]", "{}", "{\"model\":\"inner\"}"];
        match self.random.random_range(0..20) {
            0..2 => self.pick(&leaf).to_owned(),
            2 => "9".repeat(6000),
            3 if depth == 0 && self.chance(0.2) => {
                let depth = 50_000;
                "[".repeat(depth) + &"]".repeat(depth - usize::from(self.chance(0.3)))
            }
            4..7 if depth < 4 => format!("[{},{}]", self.value(depth + 1), self.value(depth + 1)),
            7..9 if depth < 4 => format!("{{\"type\":{},\"a\":1}}", self.value(depth + 1)),
            _ => self.pick(&sound).to_owned(),
        }
    }

    fn dump(&mut self) -> Vec<u8> {
        let turn = self.turn.clone();
        let mut dump = match self.random.random_range(0..12) {
            0 => String::new(),
            1 => "id: \"\", ".to_owned(),
            2 => format!("id:\"{turn}\", "),
            3 => format!("xid: \"{turn}\", "),
            4 => format!("id: \"{turn}\\\"q\", "),
            5 => "id: \"unclosed".to_owned(),
            _ => format!("id: \"{turn}\", "),
        };
        for _ in 0..self.random.random_range(1..7) {
            dump += self.pick(&[
                "op: UserInput { ",
                "op: UserInput { ",
                "op: UserTurn { ",
                "op: ThreadSettings { ",
                "op: Interrupt, ",
                "op: UserInputs { ",
                "op: ",
                "top: UserTurn { ",
                "_op: UserTurn, ",
                "items: [Text { text: \"op: Interrupt service_tier: None\" }], ",
                "text: \"a \\\" service_tier: Some(Some(\\\"x\\\")) \\\\\", ",
                "service_tier: None, ",
                "service_tier: Nones, ",
                "service_tier: Some(None), ",
                "service_tier: Some(Some(\"priority\")), ",
                "service_tier: Some(Some(\"priority\")), ",
                "service_tier: Some(Some(\"fast\"))",
                "service_tier: Some(Some(\"flex\")), ",
                "service_tier: Some(Some(\"prio\\\"rity\")), ",
                "service_tier: Some(Some(\"priority\") ), ",
                "service_tier: Some(Some(\"fast\")} service_tier: None }",
                "service_tier:None, ",
                "xservice_tier: Some(None), ",
                "\"",
                "trace: None }",
            ]);
        }
        dump.into_bytes()
    }
}

impl From<Vec<u8>> for Cell {
    fn from(text: Vec<u8>) -> Self {
        Self::Text(text)
    }
}

/// The same string, spelled with an escape.
fn escape(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or_else(String::new, |first| format!("\\u{:04x}{}", first as u32, characters.as_str()))
}

fn write(path: &Path, rows: &[Row]) {
    let mut connection = Connection::open(path).unwrap();
    tracerig_store::schema::create(&mut connection).unwrap();
    let transaction = connection.transaction().unwrap();
    {
        let mut insert = transaction
            .prepare(
                "INSERT INTO logs (ts, ts_nanos, level, target, thread_id, process_uuid, feedback_log_body) \
                 VALUES (?1, 0, 'TRACE', ?2, ?3, ?4, ?5)",
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
        (as_answer(&scan), oracle::published(&path, Window::default()).unwrap(), python(&path, "published"))
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
    while size > 0 {
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
    let number = |name, default| std::env::var(name).map_or(default, |value: String| value.parse().unwrap());
    let random = ChaCha8Rng::seed_from_u64(number("TRACERIG_SEED", 0));
    let mut nasty = Nasty { random, turn: String::new() };
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
    assert!(answer.facts > rows / 5 && answer.facts < rows / 2, "{} facts", answer.facts);
    assert!(
        turns > rows / 12 && answer.completions > rows / 40 && answer.unrecognised > rows / 80,
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
