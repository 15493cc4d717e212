//! What earlier versions wrote (`corpus/formats`) is read, migrated, or refused by its version;
//! `docs/compatibility.md` says which.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::common::program::{Program, text};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn kept(name: &str) -> PathBuf {
    root().join("corpus/formats").join(name)
}

/// A copy of what is kept under `name` in the folder of this test: whoever opens a file may change
/// it.
fn copied(program: &Program, name: &str) -> PathBuf {
    let to = program.path(name);
    copy(&kept(name), &to);
    to
}

fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

/// The formats, each with the constant that is its version now.
const FORMATS: [(&str, &str, &str); 8] = [
    ("trace-memo", "scanner/src/artifact.rs", "const VERSION: u32 = "),
    ("archive-memo", "scanner/src/archive/memo.rs", "const VERSION: u32 = "),
    ("threads", "store/src/threads/schema.rs", "pub const USER_VERSION: i64 = "),
    ("baseline", "harness/src/baseline.rs", "const VERSION: u64 = "),
    ("records", "reports/src/record/mod.rs", "pub const VERSION: u64 = "),
    ("records", "reports/src/comparison/file.rs", "pub const FILE_VERSION: u64 = "),
    ("history", "reports/src/history/entry.rs", "pub const VERSION: u64 = "),
    ("history", "reports/src/history/entry.rs", "pub const BLESSING_VERSION: u64 = "),
];

/// The version that a source sets.
fn set(source: &str, constant: &str) -> u32 {
    let text = fs::read_to_string(root().join(source)).unwrap();
    let (_, rest) =
        text.split_once(constant).unwrap_or_else(|| panic!("{source}: no `{constant}`"));
    rest.split(';').next().unwrap().parse().unwrap()
}

/// The version of a format now.
fn now(format: &str) -> u32 {
    let (_, source, constant) = FORMATS.into_iter().find(|(known, ..)| *known == format).unwrap();
    set(source, constant)
}

#[test]
fn every_version_of_every_format_is_kept_and_told() {
    let page = fs::read_to_string(root().join("docs/compatibility.md")).unwrap();
    for (format, source, constant) in FORMATS {
        for version in 1..=set(source, constant) {
            let name = format!("{format}-{version}");
            let path =
                kept(&if format == "threads" { format!("{name}.sqlite") } else { name.clone() });
            assert!(
                path.exists(),
                "{} is missing: what this version writes must be kept",
                path.display()
            );
            assert!(page.contains(&format!("`{name}`")), "{name} is not on the page");
        }
    }
}

#[test]
fn memos_of_traces_cost_a_full_scan_and_are_replaced() {
    let now = now("trace-memo");
    for version in 1..=now {
        let told = if version == now {
            "belongs to another database".to_owned()
        } else {
            format!("is of format version {version}, and this program reads version {now}")
        };
        let program = Program::new();
        let database = program.path("logs_2.sqlite");
        let sql = fs::read_to_string(kept("database.sql")).unwrap();
        Connection::open(&database).unwrap().execute_batch(&sql).unwrap();
        let memo = copied(&program, &format!("trace-memo-{version}"));
        let scan = || {
            let ran = program.run(&[
                "scan",
                "--db",
                text(&database),
                "--memo",
                text(&memo),
                "--format",
                "json",
            ]);
            assert_eq!(ran.code, Some(0), "{ran:?}");
            (serde_json::from_str::<Value>(&ran.out).unwrap(), ran.err)
        };
        let (first, said) = scan();
        assert_eq!(first["turns"].as_object().unwrap().len(), 1, "{first}");
        assert_eq!(
            (&first["scan"]["mode"], &first["scan"]["reason"]),
            (&json!("full"), &json!("artifact"))
        );
        assert!(said.contains(&told), "{said}");
        let (second, _) = scan();
        assert_eq!(
            (&second["turns"], &second["scan"]["mode"]),
            (&first["turns"], &json!("unchanged"))
        );
    }
}

#[test]
fn memos_of_archives_are_read_anew_and_replaced() {
    let now = now("archive-memo");
    for version in 1..=now {
        let program = Program::new();
        let home = copied(&program, "home");
        let memo = copied(&program, &format!("archive-memo-{version}"));
        let usage = || {
            let ran =
                program.run(&["usage", text(&home), "--memo", text(&memo), "--format", "json"]);
            assert_eq!(ran.code, Some(0), "{ran:?}");
            (serde_json::from_str::<Value>(&ran.out).unwrap(), ran.err)
        };
        let (first, told) = usage();
        let why = if version == now {
            // Of the same parser, or of an earlier one, since it was kept.
            ["belongs to another archive", "was written by another version of the parser"]
                .into_iter()
                .find(|why| told.contains(why))
                .unwrap_or("neither")
                .to_owned()
        } else {
            format!("is of format version {version}, and this program reads version {now}")
        };
        assert!(told.contains(&why), "{version}: {told}");
        assert_eq!(first["total"]["total"], 12, "{first}");
        let (second, told) = usage();
        assert_eq!((&second["total"], told.contains("memo")), (&first["total"], false), "{told}");
    }
}

#[test]
fn databases_of_threads_are_migrated() {
    for version in [1, 2] {
        let program = Program::new();
        let home = copied(&program, "home");
        let database = copied(&program, &format!("threads-{version}.sqlite"));
        let user_version = || -> i64 {
            let connection = Connection::open(&database).unwrap();
            connection
                .query_row("SELECT user_version FROM pragma_user_version", [], |row| row.get(0))
                .unwrap()
        };
        assert_eq!(user_version(), version);
        let listed = program.json(&[
            "threads",
            "list",
            text(&home),
            "--db",
            text(&database),
            "--format",
            "json",
        ]);
        assert!(listed.to_string().contains("01a1faad-9c57-7691-9b09-000000000001"), "{listed}");
        assert_eq!(user_version(), 2);
        let verified = program.run(&["threads", "verify", text(&home), "--db", text(&database)]);
        assert_eq!(verified.code, Some(0), "{verified:?}");
        // One of a version to come is not touched.
        Connection::open(&database).unwrap().pragma_update(None, "user_version", 3).unwrap();
        let refused = program.run(&["threads", "list", text(&home), "--db", text(&database)]);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.err.contains("version 3"), "{}", refused.err);
        assert_eq!(user_version(), 3);
    }
}

#[test]
fn baselines_are_read_or_refused_by_their_version() {
    let program = Program::new();
    let record = kept("records-1/relaunch-0.1.0.json");
    let compare = |version: u32| {
        let folder = copied(&program, &format!("baseline-{version}"));
        program.run(&[
            "compare",
            "--baseline",
            "kept",
            "--baselines",
            text(&folder),
            text(&record),
            "--counters-only",
        ])
    };
    let first = compare(1);
    assert_eq!(first.code, Some(1), "{first:?}");
    assert!(first.err.contains("version 1, not tracerig.baseline version 2"), "{}", first.err);
    assert!(first.err.contains("--save-baseline"), "{}", first.err);
    let second = compare(2);
    assert_eq!(second.code, Some(0), "{second:?}");
}

#[test]
fn records_and_comparisons_are_read() {
    let program = Program::new();
    for (name, shown) in [
        ("relaunch", "relaunch on tiny"),
        ("append", "append"),
        ("comparison", "relaunch on tiny"),
        ("relaunch-0.1.0", "relaunch on tiny"),
        ("append-0.1.0", "append"),
        ("comparison-0.1.0", "relaunch on tiny"),
    ] {
        let record = kept(&format!("records-1/{name}.json"));
        let ran = program.run(&["report", text(&record)]);
        assert_eq!(ran.code, Some(0), "{name}: {ran:?}");
        assert!(ran.out.contains(shown), "{name}: {}", ran.out);
        // One of a version to come.
        let text_of =
            fs::read_to_string(&record).unwrap().replacen("\"version\": 1,", "\"version\": 2,", 1);
        let newer = program.path(&format!("{name}-2.json"));
        fs::write(&newer, text_of).unwrap();
        let refused = program.run(&["report", text(&newer)]);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.err.contains("version 2"), "{}", refused.err);
    }
}

#[test]
fn histories_are_executed() {
    let program = Program::new();
    program.diff("trace", &["--replay", text(&kept("history-trace-1.txt")), "--oracle", "none"], 0);
    for sort in ["threads", "archive"] {
        // Not changed since the first.
        let tour = root().join("corpus").join(sort).join("tour.txt");
        program.diff(sort, &["--replay", text(&tour)], 0);
    }
}

#[test]
fn a_kept_history_is_read_and_a_later_one_refused() {
    let program = Program::new();
    let folder = copied(&program, "history-1");
    let shown = program.run(&["history", "show", "--folder", text(&folder)]);
    assert!(shown.code == Some(0) && shown.out.contains("in 1 commit."), "{shown:?}");
    for (name, kind) in [("entry.json", "history"), ("blessing.json", "blessing")] {
        let path = folder.join(name);
        let kept = fs::read_to_string(&path).unwrap();
        fs::write(&path, kept.replace("\"version\": 1", "\"version\": 2")).unwrap();
        let refused = program.run(&["history", "show", "--folder", text(&folder)]);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(
            refused.err.contains(&format!("has {kind} version 2")) && refused.err.contains(name),
            "{refused:?}"
        );
        fs::write(&path, kept).unwrap();
    }
}
