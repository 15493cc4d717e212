//! Text from elsewhere in tables and messages: shortened, on its line, without effect on the terminal; exact in JSON.

use rusqlite::Connection;
use serde_json::json;
use tracerig_store::schema::CREATE_TABLE;

use super::foreign::home;
use crate::common::program::{Program, text};

/// Names that no table has room for, or that would steer a terminal.
fn names() -> Vec<String> {
    let turn = |mark: &str| format!("01a1faad-{mark}");
    vec![
        "a".repeat(65_535),
        "b".repeat(65_536),
        "\u{65e5}".repeat(40_000),
        turn("\u{1b}[2J\u{1b}]0;title\u{7}"),
        turn("\u{202e}desrever"),
        turn("two\u{2028}lines\u{85}"),
        turn("\u{65e5}\u{672c}\u{8a9e}"),
    ]
}

/// Nothing in it moves the cursor or reorders text, and no line is long.
fn assert_harmless(printed: &str) {
    let steers = |character: char| {
        (character.is_control() && character != '\n')
            || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    assert!(!printed.contains(steers), "{printed:?}");
    let longest = printed.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    assert!(longest < 1_200, "a line of {longest} characters");
}

#[test]
fn id65536_a_turn_id_of_65536_characters_is_shown_shortened() {
    let program = Program::new();
    let database = program.path("id65536.sqlite");
    let connection = Connection::open(&database).unwrap();
    connection.execute_batch(CREATE_TABLE).unwrap();
    let names = names();
    for (at, name) in (1_770_000_000_i64..).zip(&names) {
        let body = format!(
            "turn{{turn.id={name}}}: websocket request: {{\"type\":\"response.create\",\"service_tier\":\"priority\",\"model\":{}}}",
            json!(name)
        );
        let sql = "INSERT INTO logs (ts, ts_nanos, level, target, feedback_log_body, thread_id, process_uuid) \
                   VALUES (?1, 0, 'TRACE', 'codex_api::endpoint::responses_websocket', ?2, ?3, 'p')";
        connection.execute(sql, (at, body, name)).unwrap();
    }
    let scan = ["scan", "--no-memo", "--db", text(&database)];
    let document = program.json(&[&scan[..], &["--format", "json"]].concat());
    let turns = document["turns"].as_object().unwrap();
    assert_eq!(turns.len(), names.len(), "{:?}", turns.keys().map(String::len).collect::<Vec<_>>());
    // An id in a row ends where the scanner's rules say; what is in it is as it was.
    assert!(names[..3].iter().all(|name| turns.contains_key(name)), "JSON has ids as they are");
    assert!(turns.keys().any(|id| id.contains("\u{1b}[2J")) && turns.contains_key(&names[6]));
    let ran = program.run(&scan);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_harmless(&ran.out);
    assert!(ran.out.contains(&format!("{}..{}", "b".repeat(31), "b".repeat(31))), "{}", ran.out);
    assert!(ran.out.contains("\\u{1b}[2J") && ran.out.contains("\u{65e5}\u{672c}\u{8a9e}"), "{}", ran.out);
}

#[test]
fn names_of_models_projects_and_titles_cannot_steer_the_terminal() {
    let program = Program::new();
    let home = home(&program, "home");
    let folder = home.join("sessions/2026/11/29");
    let at = "2026-11-29T10:00:00.000Z";
    for (number, name) in names().iter().enumerate() {
        let id = format!("01a1faad-9c57-7691-9b09-{number:012}");
        let usage = json!({ "input_tokens": 5, "output_tokens": 0 });
        let lines = [
            json!({ "timestamp": at, "type": "session_meta", "payload": { "id": id, "cwd": name, "timestamp": at } }),
            json!({ "timestamp": at, "type": "turn_context", "payload": { "model": name, "cwd": name } }),
            json!({ "timestamp": at, "type": "event_msg", "payload": { "type": "user_message", "message": name } }),
            json!({ "timestamp": at, "type": "event_msg", "payload": { "type": "token_count",
                "info": { "total_token_usage": usage, "last_token_usage": usage } } }),
            // A kind of line that nobody knows.
            json!({ "timestamp": at, "type": name, "payload": {} }),
        ];
        let lines: String = lines.iter().map(|line| line.to_string() + "\n").collect();
        std::fs::write(folder.join(format!("rollout-2026-11-29T10-00-00-{id}.jsonl")), lines).unwrap();
    }
    for by in ["model", "project", "model,project", "session"] {
        let ran = program.run(&["usage", text(&home), "--by", by, "--no-memo"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_harmless(&ran.out);
        assert_harmless(&ran.err);
    }
    for arguments in [
        &["threads", "list", text(&home)][..],
        &["threads", "show", text(&home), "01a1faad-9c57-7691-9b09-000000000003"],
        &["threads", "show", text(&home), "01a1faad-9c57-7691-9b09-000000000001"],
        &["threads", "verify", text(&home)],
        &["threads", "rebuild", text(&home)],
    ] {
        let ran = program.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
        assert_harmless(&ran.out);
        assert_harmless(&ran.err);
    }
}

#[test]
fn names_in_paths_and_records_cannot_steer_the_terminal() {
    let program = Program::new();
    let odd = "\u{1b}[31m\u{202e}odd\nname";
    let datasets = program.cache().join("datasets");
    std::fs::create_dir_all(datasets.join(odd)).unwrap();
    let record = program.path(odd);
    std::fs::write(&record, json!({ "schema": "x".repeat(70_000) }).to_string()).unwrap();
    for arguments in [
        &["dataset", "remove", odd][..],
        &["dataset", "inspect", odd],
        &["report", text(&record)],
        &["scan", "--db", text(&record)],
        &["threads", "list", text(&record)],
        &["diff", "trace", "--replay", text(&record)],
    ] {
        let ran = program.run(arguments);
        assert!(matches!(ran.code, Some(1 | 2)), "{arguments:?}: {ran:?}");
        assert_harmless(&ran.err);
    }
}
