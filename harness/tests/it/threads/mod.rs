//! `tracerig threads` as a user meets it: real rollouts, and folders with everything in them that
//! can be wrong.

mod home;

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::common::program::{Program, Ran, text};
use rusqlite::Connection;
use serde_json::{Value, json};
use tracerig_real::Codex;
use tracerig_store::threads::{Item, Millis, SessionMeta, StoreOptions, ThreadId, ThreadStore};

fn real(program: &Program, codex: Codex) -> PathBuf {
    let home = program.path(codex.version());
    codex.write_sessions(&home).unwrap();
    home
}

fn rows(codex: Codex) -> Vec<Value> {
    codex.threads().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn id(number: u64) -> ThreadId {
    format!("01a1faad-9ba1-7b10-b548-{number:012x}").parse().unwrap()
}

/// The beginning of a history, and some of its lines.
fn history(number: u64) -> Vec<u8> {
    let mut meta = SessionMeta::new(id(number));
    meta.cwd = Some("/work".to_owned());
    let items = [
        Item::session_meta(&meta),
        Item::user_message(&format!("do {number}")),
        Item::token_count(7),
    ];
    let mut text = Vec::new();
    for (item, at) in items.into_iter().zip(1_780_000_000_000..) {
        item.unwrap().write_line(Millis(at).rfc3339().as_str(), &mut text);
    }
    text
}

fn write(folder: &Path, number: u64, content: &[u8]) -> PathBuf {
    std::fs::create_dir_all(folder).unwrap();
    let path = folder.join(id(number).file_name(Millis(1_780_000_000_000)));
    std::fs::write(&path, content).unwrap();
    path
}

#[track_caller]
fn ended(ran: &Ran, code: i32) {
    assert_eq!(ran.code, Some(code), "{ran:?}");
    assert!(!ran.err.contains("panicked"), "{ran:?}");
}

#[test]
fn real_threads_are_listed_in_the_order_that_codex_would_list_them() {
    for codex in [Codex::V0_141_0, Codex::V0_169_0] {
        let program = Program::new();
        let home = real(&program, codex);
        let mut theirs = rows(codex);
        theirs.sort_by_key(|row| {
            std::cmp::Reverse((row["created_at_ms"].as_i64(), row["id"].to_string()))
        });
        let list = |more: &[&str]| {
            let arguments =
                ["threads", "list", text(&home), "--order", "created", "--format", "json"];
            program.json(&[&arguments[..], more].concat())
        };
        let ids = |document: &Value| -> Vec<Value> {
            document["threads"]
                .as_array()
                .unwrap()
                .iter()
                .map(|thread| thread["id"].clone())
                .collect()
        };
        // Pages of five, by the cursor that each gives.
        let (mut found, mut page) = (Vec::new(), list(&["--limit", "5"]));
        loop {
            found.extend(ids(&page));
            let Some(next) = page["next"].as_str().map(str::to_owned) else { break };
            page = list(&["--limit", "5", "--after", &next]);
        }
        // Created times differ from those of Codex by a few milliseconds, never enough to change
        // places.
        assert!(found.iter().eq(theirs.iter().map(|row| &row["id"])));
        let of = |field: &str, value: &str| {
            theirs
                .iter()
                .filter(|row| row[field] == value)
                .map(|row| row["id"].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(&list(&["--source", "exec"])), of("source", "exec"));
        assert_eq!(ids(&list(&["--provider", "mock_sse"])), of("model_provider", "mock_sse"));
        assert_eq!(
            ids(&list(&["--cwd", "/home/dev1/work/proj4"])),
            of("cwd", "/home/dev1/work/proj4")
        );
        assert_eq!(
            ids(&list(&["--text", "STEP 0: please"])).len(),
            theirs
                .iter()
                .filter(|row| { row["title"].as_str().unwrap().contains("Step 0: please") })
                .count()
        );
        assert_eq!(ids(&list(&["--archived"])), [json!(null); 0]);
        let wrong = program.run(&["threads", "list", text(&home), "--after", "created.5.x"]);
        ended(&wrong, 2);
        let next = list(&["--limit", "1"])["next"].as_str().unwrap().to_owned();
        let other = program.run(&["threads", "list", text(&home), "--after", &next]);
        ended(&other, 2);
        assert!(
            other.err.contains("by created time") && other.err.contains("by updated time"),
            "{}",
            other.err
        );
    }
}

#[test]
fn a_table_fits_into_80_columns() {
    let program = Program::new();
    let home = real(&program, Codex::V0_169_0);
    let mut long = history(1);
    Item::goal("x").unwrap().write_line("2026-11-20T20:37:24.062Z", &mut long);
    let wide = "\u{65e5}\u{672c}\u{8a9e} \u{1b}[31m".repeat(50);
    let update =
        tracerig_store::threads::MetadataUpdate { title: Some(Some(wide)), ..Default::default() };
    Item::metadata(&update).unwrap().write_line("2026-11-20T23:37:24.062Z", &mut long);
    write(&home, 1, &long);
    write(&home.join("sessions"), 1, &long);
    let ran = program.run(&["threads", "list", text(&home), "--limit", "10"]);
    ended(&ran, 0);
    assert_eq!(ran.out.lines().count(), 1 + 10 + 2);
    assert!(ran.out.lines().all(|line| line.chars().count() <= 80), "{}", ran.out);
    assert!(ran.out.contains("\u{65e5}\u{672c}") && !ran.out.contains('\u{1b}'), "{}", ran.out);
    let empty = program.path("empty");
    std::fs::create_dir(&empty).unwrap();
    let ran = program.run(&["threads", "list", text(&empty)]);
    ended(&ran, 0);
    assert_eq!(ran.out, "no threads\n");
    assert!(ran.err.contains("empty: no files rollout-*.jsonl below it"), "{}", ran.err);
}

#[test]
fn a_thread_is_shown_with_what_its_history_holds() {
    let program = Program::new();
    for codex in [Codex::V0_141_0, Codex::V0_169_0] {
        let home = real(&program, codex);
        for theirs in rows(codex).iter().take(3) {
            let id = theirs["id"].as_str().unwrap();
            let shown = program.json(&["threads", "show", text(&home), id, "--format", "json"]);
            for field in
                ["id", "cwd", "title", "model", "tokens_used", "sandbox_policy", "cli_version"]
            {
                assert_eq!(shown["thread"][field], theirs[field], "{field}");
            }
            let path = home.join(shown["thread"]["rollout_path"].as_str().unwrap());
            let content = std::fs::read_to_string(path).unwrap();
            assert_eq!(shown["history"]["records"], content.lines().count());
            assert_eq!(
                shown["history"]["kinds"]["turn_context"],
                content.matches("\"type\":\"turn_context\"").count()
            );
            let ran = program.run(&["threads", "show", text(&home), id]);
            ended(&ran, 0);
            assert!(
                ran.out.contains(theirs["title"].as_str().unwrap().get(..20).unwrap()),
                "{}",
                ran.out
            );
        }
    }
    let home = program.path("0.141.0");
    ended(&program.run(&["threads", "show", text(&home), &id(1).to_string()]), 1);
    ended(&program.run(&["threads", "show", text(&home), "not-an-id"]), 2);
}

#[test]
fn verify_tells_which_field_of_which_thread_differs_and_rebuild_puts_it_right() {
    let program = Program::new();
    let home = real(&program, Codex::V0_141_0);
    let db = program.path("rows.sqlite");
    let run = |verb: &str| program.run(&["threads", verb, text(&home), "--db", text(&db)]);
    let before = run("verify");
    ended(&before, 1);
    assert!(before.err.contains("rebuild") && !db.exists(), "{}", before.err);
    let built = run("rebuild");
    ended(&built, 0);
    assert!(built.out.starts_with("17 rows written, 0 removed; 17 histories"), "{}", built.out);
    ended(&run("verify"), 0);

    let ids: Vec<String> =
        rows(Codex::V0_141_0).iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    let connection = Connection::open(&db).unwrap();
    let set = |sql: &str, id: &str| connection.execute(sql, [id]).unwrap();
    set("UPDATE threads SET tokens_used = 5 WHERE id = ?", &ids[3]);
    set("UPDATE threads SET recency_at_ms = 0, model = NULL WHERE id = ?", &ids[4]);
    set("DELETE FROM threads WHERE id = ?", &ids[5]);
    set("UPDATE threads SET id = '01a1faad-0000-7000-8000-000000000000' WHERE id = ?", &ids[6]);
    let differs = run("verify");
    ended(&differs, 3);
    for line in [
        format!("{} tokens_used: 5 in the row, ", ids[3]),
        format!("{} recency_at_ms: 1970-01-01T00:00:00.000Z in the row, 2026-11-20T", ids[4]),
        format!("{} model: nothing in the row, `gpt-", ids[4]),
        format!("{} has a history and no row\n", ids[5]),
        format!("{} has a history and no row\n", ids[6]),
        "01a1faad-0000-7000-8000-000000000000 has a row and no history\n".to_owned(),
        "13 of 17 threads are equal".to_owned(),
    ] {
        assert!(differs.out.contains(&line), "no `{line}` in {}", differs.out);
    }
    let told =
        program.run(&["threads", "verify", text(&home), "--db", text(&db), "--format", "json"]);
    ended(&told, 3);
    let told: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(
        told["differences"][0],
        json!({
            "thread": ids[3], "column": "tokens_used", "row": 5,
            "history": rows(Codex::V0_141_0)[3]["tokens_used"],
        })
    );
    drop(connection);
    let built = run("rebuild");
    ended(&built, 0);
    assert!(built.out.starts_with("17 rows written, 1 removed"), "{}", built.out);
    ended(&run("verify"), 0);
}

#[test]
fn what_is_broken_is_named_with_path_and_line_and_costs_no_other_thread() {
    let program = Program::new();
    let folder = program.path("hostile");
    write(&folder, 1, &history(1));
    let torn = write(&folder, 2, &history(2)[..history(2).len() - 3]);
    let mut garbled = history(3);
    let at = garbled.len() - 30;
    garbled[at] = 0xff;
    let garbled = write(&folder, 3, &garbled);
    // A line of 64 MiB that changes nothing but a time, and one that is the first message.
    let pad = "x".repeat(64 << 20);
    for (number, payload) in [
        (4, format!(r#"{{"type":"message","text":"{pad}"}}"#)),
        (5, format!(r#"{{"type":"user_message","message":"{pad}"}}"#)),
    ] {
        let kind = if number == 4 { "response_item" } else { "event_msg" };
        let path = write(
            &folder,
            number,
            history(number).split_inclusive(|byte| *byte == b'\n').next().unwrap(),
        );
        let mut file = File::options().append(true).open(path).unwrap();
        writeln!(
            file,
            r#"{{"timestamp":"2026-11-20T20:37:24.062Z","type":"{kind}","payload":{payload}}}"#
        )
        .unwrap();
    }
    let empty = write(&folder, 6, b"");
    let first = write(&folder, 7, &history(7));
    let second = write(&folder.join("again"), 7, &history(7));
    let foreign = write(&folder, 8, &history(9));
    let headless = write(&folder, 10, b"{}\n");
    for verb in ["rebuild", "list", "verify"] {
        let ran = program.run(&["threads", verb, text(&folder)]);
        ended(&ran, 1);
        let mut told = vec![
            format!("{}: the history is empty", empty.display()),
            format!("two histories, {} and {}", second.display(), first.display()),
            format!(
                "{}:1: the file is named after thread {}, and its session_meta is that of {}",
                foreign.display(),
                id(8),
                id(9)
            ),
            format!("{}:1: the history does not begin with a session_meta", headless.display()),
        ];
        // A list reads again only what changed; a torn end is always news.
        told.push(format!("{}: the last line breaks off", torn.display()));
        if verb != "list" {
            told.push(format!("{}:3: not UTF-8; the line is left out", garbled.display()));
        }
        for told in told {
            assert!(ran.err.contains(&told), "no `{told}` in {}", ran.err);
        }
    }
    let list = program.run(&["threads", "list", text(&folder), "--format", "json"]);
    let list: Value = serde_json::from_str(&list.out).unwrap();
    let mut titles: Vec<(String, usize)> = list["threads"]
        .as_array()
        .unwrap()
        .iter()
        .map(|thread| {
            (
                thread["id"].as_str().unwrap().to_owned(),
                thread["title"].as_str().map_or(0, str::len),
            )
        })
        .collect();
    titles.sort();
    let expected = [(1, 4), (2, 4), (3, 4), (4, 0), (5, 4096)]
        .map(|(number, length)| (id(number).to_string(), length));
    assert_eq!(titles, expected);
}

#[test]
fn a_database_of_something_else_and_a_folder_that_is_none_are_refused() {
    let program = Program::new();
    let home = real(&program, Codex::V0_141_0);
    // The table that Codex itself keeps.
    let state = home.join("state_5.sqlite");
    let connection = Connection::open(&state).unwrap();
    connection
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE threads (id TEXT PRIMARY KEY)")
        .unwrap();
    let before = std::fs::read(&state).unwrap();
    for verb in ["list", "rebuild", "verify"] {
        let ran = program.run(&["threads", verb, text(&home), "--db", text(&state)]);
        ended(&ran, 1);
        assert!(ran.err.contains("not one of threads"), "{}", ran.err);
    }
    assert!(std::fs::read(&state).unwrap() == before);
    drop(connection);
    for folder in [home.join("none"), state.clone()] {
        let ran = program.run(&["threads", "list", text(&folder)]);
        ended(&ran, 1);
        assert!(ran.err.contains(text(&folder)), "{}", ran.err);
    }
    let nowhere = program.run(&[
        "threads",
        "list",
        text(&home),
        "--db",
        text(&program.path("no/such/folder.sqlite")),
    ]);
    ended(&nowhere, 1);
    assert!(
        nowhere.err.contains("no/such/folder.sqlite") && nowhere.err.contains("folder first"),
        "{}",
        nowhere.err
    );
    ended(&program.run(&["threads"]), 2);
    ended(&program.run(&["threads", "list"]), 2);
    ended(&program.run(&["threads", "list", text(&home), "--jobs", "0"]), 2);
}

#[test]
fn an_interruption_ends_it_in_the_middle_of_a_line() {
    let program = Program::new();
    let folder = program.path("endless");
    write(&folder, 1, &history(1));
    // A line of zeros that takes no room on the disk and would be read for minutes.
    let endless = write(&folder, 2, &history(2));
    File::options().write(true).open(endless).unwrap().set_len(4 << 40).unwrap();
    for verb in ["rebuild", "list", "verify"] {
        let db = program.path("rows.sqlite");
        let mut command = program.command(&["threads", verb, text(&folder), "--db", text(&db)]);
        let mut child = command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // It opens the database after it has taken over the signal.
        let opened = |suffix: &str| program.path(&format!("rows.sqlite{suffix}")).exists();
        while !opened("-wal") {
            assert!(child.try_wait().unwrap().is_none(), "{verb} ended by itself");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let id = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
        ended(&Ran::of(&child.wait_with_output().unwrap()), 130);
    }
    // What was written before is right.
    let rows = Connection::open(program.path("rows.sqlite")).unwrap();
    let count: i64 = rows.query_row("SELECT count(*) FROM threads", [], |row| row.get(0)).unwrap();
    assert!(count <= 1);
}

#[test]
fn the_rows_of_a_store_are_its_own_and_those_of_live_threads_are_left_alone() {
    let program = Program::new();
    let home = program.path("store");
    let store = ThreadStore::open(&home, StoreOptions::default()).unwrap();
    let threads = [1, 2].map(|number| {
        let thread = store.create(&SessionMeta::new(id(number))).unwrap();
        thread.append_and_flush(&[Item::user_message("hello").unwrap()]).unwrap();
        thread
    });
    let [live, done] = threads;
    done.shutdown().unwrap();
    let connection = Connection::open(home.join("threads.sqlite")).unwrap();
    connection.execute("UPDATE threads SET title = 'wrong'", []).unwrap();
    let verify = program.run(&["threads", "verify", text(&home)]);
    ended(&verify, 3);
    assert!(
        verify
            .out
            .contains(&format!("{} title: `wrong` in the row, `hello` in the history", id(2))),
        "{}",
        verify.out
    );
    assert!(
        verify.out.contains("0 of 2 threads are equal") && verify.out.contains("1 is live"),
        "{}",
        verify.out
    );
    let rebuild = program.run(&["threads", "rebuild", text(&home)]);
    ended(&rebuild, 0);
    assert!(rebuild.out.starts_with("1 row written"), "{}", rebuild.out);
    let list =
        program.json(&["threads", "list", text(&home), "--order", "created", "--format", "json"]);
    let titles: Vec<&Value> =
        list["threads"].as_array().unwrap().iter().map(|thread| &thread["title"]).collect();
    assert_eq!(titles, ["hello", "wrong"]);
    live.shutdown().unwrap();
    ended(&program.run(&["threads", "rebuild", text(&home)]), 0);
    ended(&program.run(&["threads", "verify", text(&home)]), 0);
    // Nothing else was made of it.
    assert!(!program.cache().join("threads").exists());
}
