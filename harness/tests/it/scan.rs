//! `tracerig scan` as a user meets it: real databases, memos, windows, and everything that can be
//! wrong with a path.

use std::path::PathBuf;
use std::process::Stdio;

use crate::common::program::{Program, text};
use rusqlite::Connection;
use serde_json::{Value, json};
use tracerig_real::Codex;

fn real(program: &Program, codex: Codex) -> PathBuf {
    let folder = program.path(codex.version());
    std::fs::create_dir(&folder).unwrap();
    codex.write_logs(&folder).unwrap()
}

fn turns(expected: &str) -> Value {
    serde_json::from_str::<Value>(expected).unwrap()["turns"].clone()
}

#[test]
fn real_databases_give_the_turns_that_an_independent_program_found() {
    // How many turns ran at priority and left a row was counted in the record of the server that
    // answered them.
    for (codex, logged, published) in [(Codex::V0_141_0, 36, 35), (Codex::V0_169_0, 37, 0)] {
        let program = Program::new();
        let database = real(&program, codex);
        let first = program.json(&["scan", "--db", text(&database), "--format", "json"]);
        assert_eq!(first["turns"], turns(codex.expected().unwrap()));
        assert_eq!(first["turns"].as_object().unwrap().len(), logged);
        assert_eq!(
            (&first["scan"]["mode"], &first["scan"]["reason"]),
            (&json!("full"), &json!("absent"))
        );

        let second = program.json(&["scan", "--db", text(&database), "--format", "json"]);
        assert_eq!(second["turns"], first["turns"]);
        assert_eq!(
            (&second["scan"]["mode"], &second["scan"]["reason"]),
            (&json!("unchanged"), &json!("none"))
        );
        assert_eq!(second["scan"]["rows_examined"], 0);

        let old = program.json(&[
            "scan",
            "--db",
            text(&database),
            "--engine",
            "published",
            "--format",
            "json",
        ]);
        assert_eq!(old["turns"], turns(codex.expected_published().unwrap()));
        assert_eq!(old["turns"].as_object().unwrap().len(), published);
    }
}

#[test]
fn the_account_has_every_field_and_nothing_else() {
    let program = Program::new();
    let database = real(&program, Codex::V0_169_0);
    let document =
        program.json(&["scan", "--db", text(&database), "--no-memo", "--format", "json"]);
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(keys(&document), ["scan", "turns"]);
    let mut fields = keys(&document["scan"]);
    fields.sort();
    assert_eq!(
        fields,
        [
            "artifact_bytes",
            "completions",
            "cursor",
            "db_bytes",
            "elapsed_us",
            "facts",
            "mode",
            "reason",
            "rows_checked",
            "rows_examined",
            "unrecognised"
        ]
    );
    let mut phases = keys(&document["scan"]["elapsed_us"]);
    phases.sort();
    assert_eq!(phases, ["check", "load", "open", "persist", "scan"]);
    assert_eq!(document["scan"]["reason"], "disabled");
    assert_eq!(document["scan"]["artifact_bytes"], 0);
}

#[test]
fn a_window_is_a_pair_of_unix_times_or_dates() {
    let program = Program::new();
    let database = real(&program, Codex::V0_141_0);
    let count = |window: &[&str]| {
        let arguments = [&["scan", "--db", text(&database), "--format", "json"], window].concat();
        program.json(&arguments)["turns"].as_object().unwrap().len()
    };
    let all: Value = turns(Codex::V0_141_0.expected().unwrap());
    let times: Vec<i64> =
        all.as_object().unwrap().values().map(|turn| turn["timestamp"].as_i64().unwrap()).collect();
    let (first, last) = (*times.iter().min().unwrap(), *times.iter().max().unwrap());
    assert_eq!(count(&["--since", &first.to_string()]), 36);
    assert_eq!(count(&["--until", &(last + 1).to_string()]), 36);
    let latest = times.iter().filter(|&&time| time == last).count();
    assert_eq!(count(&["--since", &last.to_string()]), latest);
    assert_eq!(count(&["--since", &(last + 1).to_string()]), 0);
    assert_eq!(count(&["--since", "2026-11-20", "--until", "2026-11-21"]), 36);
    assert_eq!(count(&["--since", "2026-11-21"]), 0);
}

#[test]
fn the_memo_stands_where_it_is_asked_for_and_nowhere_else() {
    let program = Program::new();
    let database = real(&program, Codex::V0_169_0);
    let memo = program.path("deep/down/trace.memo");
    program.json(&["scan", "--db", text(&database), "--memo", text(&memo), "--format", "json"]);
    assert!(memo.exists());
    program.json(&["scan", "--db", text(&database), "--no-memo", "--format", "json"]);
    assert!(!program.cache().exists(), "no default memo was asked for");
    program.json(&["scan", "--db", text(&database), "--format", "json"]);
    let memos: Vec<_> =
        std::fs::read_dir(program.cache().join("memos")).unwrap().flatten().collect();
    assert!(memos.iter().any(|entry| entry.path().extension().is_some_and(|kind| kind == "memo")));

    let before = std::fs::read(&memo).unwrap();
    let forced = program.json(&[
        "scan",
        "--db",
        text(&database),
        "--memo",
        text(&memo),
        "--rescan",
        "--format",
        "json",
    ]);
    assert_eq!(
        (&forced["scan"]["mode"], &forced["scan"]["reason"]),
        (&json!("full"), &json!("forced"))
    );
    assert_ne!(std::fs::read(&memo).unwrap(), before, "a forced rescan replaces the memo");
}

#[test]
fn a_damaged_memo_costs_a_scan_and_a_warning() {
    let program = Program::new();
    let database = real(&program, Codex::V0_169_0);
    let memo = program.path("trace.memo");
    let arguments = ["scan", "--db", text(&database), "--memo", text(&memo), "--format", "json"];
    let right = program.json(&arguments);
    let mut bytes = std::fs::read(&memo).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&memo, bytes).unwrap();

    let ran = program.run(&arguments);
    assert_eq!(ran.code, Some(0));
    assert!(ran.err.contains("warning") && ran.err.contains("trace.memo"), "{}", ran.err);
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(document["turns"], right["turns"]);
    assert_eq!(document["scan"]["reason"], "artifact");
    assert_eq!(program.json(&arguments)["scan"]["mode"], "unchanged");
}

/// What is wrong with the database, and a word that the message must have.
fn wrong_databases(program: &Program) -> Vec<(PathBuf, &'static str)> {
    let path = |name: &str| program.path(name);
    std::fs::write(path("empty"), "").unwrap();
    std::fs::write(
        path("text"),
        "not a database, but longer than a header of one hundred bytes. ".repeat(80),
    )
    .unwrap();
    Connection::open(path("other"))
        .unwrap()
        .execute_batch("CREATE TABLE threads (id INTEGER)")
        .unwrap();
    Connection::open(path("lacking"))
        .unwrap()
        .execute_batch("CREATE TABLE logs (id INTEGER PRIMARY KEY)")
        .unwrap();
    std::fs::create_dir(path("folder")).unwrap();
    let damaged = real(program, Codex::V0_141_0);
    let mut bytes = std::fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 1_000_000].fill(0xA5);
    std::fs::write(&damaged, bytes).unwrap();
    vec![
        (path("nowhere/logs_2.sqlite"), "no such database"),
        (path("empty"), "empty"),
        (path("text"), "not a SQLite database"),
        (path("other"), "no table `logs`"),
        (path("lacking"), "column"),
        (path("folder"), "not a file"),
        (damaged, "damaged"),
    ]
}

#[test]
fn a_wrong_database_is_an_error_that_names_it_and_leaves_no_memo() {
    let program = Program::new();
    let memo = program.path("trace.memo");
    for (database, word) in wrong_databases(&program) {
        for format in ["table", "json"] {
            let ran = program.run(&[
                "scan",
                "--db",
                text(&database),
                "--memo",
                text(&memo),
                "--format",
                format,
            ]);
            assert_eq!(ran.code, Some(1), "{ran:?}");
            assert_eq!(ran.out, "", "nothing that looks like a result");
            assert!(
                ran.err.contains(word) && ran.err.contains(text(&database)),
                "{word}: {}",
                ran.err
            );
            assert!(!ran.err.contains("panicked"), "{}", ran.err);
            assert!(!memo.exists());
        }
    }
}

#[test]
fn a_memo_takes_the_place_of_no_other_file() {
    let program = Program::new();
    let database = real(&program, Codex::V0_169_0);
    let rows = std::fs::read(&database).unwrap();
    let log = database.with_file_name("logs_2.sqlite-wal");
    for memo in [&database, &log] {
        let ran = program.run(&["scan", "--db", text(&database), "--memo", text(memo)]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
        assert!(ran.err.contains("Name another place"), "{}", ran.err);
    }
    let notes = program.path("notes.txt");
    std::fs::write(&notes, "# Notes of years").unwrap();
    let ran = program.run(&["scan", "--db", text(&database), "--memo", text(&notes), "--rescan"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("warning") && ran.err.contains("notes.txt"), "{}", ran.err);
    assert_eq!(std::fs::read(&notes).unwrap(), b"# Notes of years");
    assert_eq!(std::fs::read(&database).unwrap(), rows);
}

#[test]
fn a_locked_database_is_waited_for_and_then_reported() {
    let program = Program::new();
    let database = real(&program, Codex::V0_169_0);
    let writer = Connection::open(&database).unwrap();
    writer.execute_batch("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE").unwrap();
    for engine in ["scanner", "published"] {
        let ran = program.run(&[
            "scan",
            "--db",
            text(&database),
            "--no-memo",
            "--busy-timeout",
            "1",
            "--engine",
            engine,
        ]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.err.contains("locked by another process"), "{engine}: {}", ran.err);
    }
}

#[test]
fn bad_usage_has_its_own_exit_code() {
    let program = Program::new();
    let cases: &[&[&str]] = &[
        &["scan"],
        &["scan", "--db", "x", "--since", "yesterday"],
        &["scan", "--db", "x", "--since", "20", "--until", "20"],
        &["scan", "--db", "x", "--memo", "m", "--no-memo"],
        &["scan", "--db", "x", "--engine", "published", "--rescan"],
        &["scan", "--db", "x", "--format", "yaml"],
        &["scan", "--db", "x", "--busy-timeout", "99999999999"],
        &["dataset", "build", "no-such-recipe"],
        &["run", "relaunch", "--recipe", "no-such-recipe"],
        &["sacn"],
        &["run", "relaunch", "--arms", "lukewarm"],
        &["run", "relaunch", "--samples", "0"],
        &["run", "relaunch", "--scale", "-1"],
        &["run", "relaunch", "--scales", "1,1001"],
        &["run", "refresh", "--scale", "inf"],
        &["dataset", "build", "tiny", "--scale", "nan"],
        &["dataset", "build", "tiny", "--scale", "1001"],
        &["diff", "trace", "--jobs", "1000000"],
        &["threads", "list", ".", "--jobs", "1000000"],
        &["run", "append", "--appends", "18446744073709551615"],
        &["run", "append", "--rate", "18446744073709551615"],
        &["compare", "a.json", "b.json", "--comparisons", "5"],
        &["compare", "a.json", "b.json", "--handicap", "5%"],
        &["man", "sacn"],
    ];
    for case in cases {
        let ran = program.run(case);
        assert_eq!(ran.code, Some(2), "{case:?}: {ran:?}");
        assert_eq!(ran.out, "");
        assert!(!ran.err.is_empty());
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let program = Program::new();
    for arguments in [&["man"][..], &["completions", "bash"], &["--help"]] {
        let mut child = program
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_table_fits_a_terminal_and_cannot_steer_it() {
    let program = Program::new();
    let database = real(&program, Codex::V0_141_0);
    let ran = program.run(&["scan", "--db", text(&database), "--no-memo"]);
    let beyond: Vec<&str> =
        ran.out.lines().skip(1).filter(|line| line.chars().count() > 80).collect();
    assert!(beyond.is_empty(), "{beyond:?}");
    assert!(ran.out.starts_with("36 priority turns in "));
    assert!(ran.out.chars().all(|character| character == '\n' || !character.is_control()));
}

#[test]
fn help_and_manual_name_every_verb() {
    let program = Program::new();
    for page in [&["--help"][..], &["man"]] {
        let ran = program.run(page);
        for verb in ["scan", "run", "dataset", "completions"] {
            assert!(ran.out.contains(verb), "{page:?} lacks {verb}");
        }
    }
    assert!(program.run(&["man", "run", "relaunch"]).out.contains("samples"));
}
