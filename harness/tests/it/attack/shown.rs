//! Text from elsewhere in tables and messages: shortened, on its line, without effect on the
//! terminal; exact in JSON.

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

/// Nothing in it moves the cursor or reorders text.
#[track_caller]
fn assert_unmoved(printed: &str) {
    let steers = |character: char| {
        (character.is_control() && character != '\n')
            || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            || matches!(character, '\u{200b}' | '\u{200e}' | '\u{200f}')
            || matches!(character, '\u{61c}' | '\u{feff}')
    };
    assert!(!printed.contains(steers), "{printed:?}");
}

/// The same, and no line is long.
#[track_caller]
fn assert_harmless(printed: &str) {
    assert_unmoved(printed);
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
            "turn{{turn.id={name}}}: websocket request: \
             {{\"type\":\"response.create\",\"service_tier\":\"priority\",\"model\":{}}}",
            json!(name)
        );
        let sql = "INSERT INTO logs (ts, ts_nanos, level, target, feedback_log_body, thread_id, \
                   process_uuid) VALUES (?1, 0, 'TRACE', \
                   'codex_api::endpoint::responses_websocket', ?2, ?3, 'p')";
        connection.execute(sql, (at, body, name)).unwrap();
    }
    let scan = ["scan", "--no-memo", "--db", text(&database)];
    let document = program.json(&[&scan[..], &["--format", "json"]].concat());
    let turns = document["turns"].as_object().unwrap();
    assert_eq!(turns.len(), names.len(), "{:?}", turns.keys().map(String::len).collect::<Vec<_>>());
    // An id in a row ends where the scanner's rules say; what is in it is unchanged.
    assert!(names[..3].iter().all(|name| turns.contains_key(name)), "JSON has ids as they are");
    assert!(turns.keys().any(|id| id.contains("\u{1b}[2J")) && turns.contains_key(&names[6]));
    let ran = program.run(&scan);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_harmless(&ran.out);
    assert!(ran.out.contains(&format!("{}..{}", "b".repeat(31), "b".repeat(31))), "{}", ran.out);
    assert!(
        ran.out.contains("\\u{1b}[2J") && ran.out.contains("\u{65e5}\u{672c}\u{8a9e}"),
        "{}",
        ran.out
    );
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
            json!({
                "timestamp": at, "type": "session_meta",
                "payload": { "id": id, "cwd": name, "timestamp": at },
            }),
            json!({
                "timestamp": at, "type": "turn_context",
                "payload": { "model": name, "cwd": name },
            }),
            json!({
                "timestamp": at, "type": "event_msg",
                "payload": { "type": "user_message", "message": name },
            }),
            json!({ "timestamp": at, "type": "event_msg", "payload": { "type": "token_count",
                "info": { "total_token_usage": usage, "last_token_usage": usage } } }),
            // A kind of line that nobody knows.
            json!({ "timestamp": at, "type": name, "payload": {} }),
        ];
        let lines: String = lines.iter().map(|line| line.to_string() + "\n").collect();
        std::fs::write(folder.join(format!("rollout-2026-11-29T10-00-00-{id}.jsonl")), lines)
            .unwrap();
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

/// A name of a file or anything else that has all of it at once.
const ODD: &str = "\u{1b}]0;t\u{7}\r\u{9b}2J\u{202e}\u{61c}\u{feff}<script>a<b>|`*x*`\nb";

#[test]
fn no_argument_steers_whichever_verb_it_is_given_to() {
    let program = Program::new();
    let home = home(&program, "home");
    let home = text(&home);
    let odd = program.path(ODD);
    let odd = text(&odd);
    let there = program.path("there");
    std::fs::create_dir(&there).unwrap();
    for arguments in [
        &[ODD][..],
        &["scan", "--db", odd],
        &["scan", ODD],
        &["scan", "--since", ODD],
        &["usage", odd],
        &["usage", home, "--by", ODD],
        &["usage", home, "--db", odd],
        &["threads", ODD],
        &["threads", "list", odd],
        &["threads", "list", home, "--after", ODD],
        &["threads", "show", home, ODD],
        &["threads", "rebuild", odd],
        &["threads", "verify", odd],
        &["dataset", "build", ODD],
        &["dataset", "build", odd],
        &["dataset", "inspect", ODD],
        &["dataset", "remove", ODD],
        &["dataset", "verify", ODD],
        &["dataset", "mimic", "--from", odd],
        &["run", ODD],
        &["run", "--plan", ODD],
        &["run", "--plan", odd],
        &["run", "relaunch", "--recipe", ODD],
        &["run", "relaunch", "--db", odd],
        &["run", "relaunch", "--recipe", "tiny", "--arms", ODD],
        &["run", "append", "--arms", ODD],
        &["run", "refresh", "--recipe", ODD],
        &["compare", odd, odd],
        &["compare", "--base-bin", odd],
        &["compare", "--base-rev", ODD],
        &["compare", "--baseline", ODD, odd],
        &["compare", "--baseline", "none", "--baselines", odd, odd],
        &["compare", "--base-bin", "x", "--plan", ODD],
        &["report", odd],
        &["report", odd, "--format", ODD],
        &["repro", odd],
        &["diff", "trace", "--replay", odd],
        &["diff", "threads", "--replay", odd],
        &["diff", "archive", "--replay", odd],
        &["diff", "trace", "--corpus", odd, "--cases", "1"],
        &["diff", "trace", "--profile", ODD],
        &["diff", "all", "--time", ODD],
        &["completions", ODD],
        &["man", ODD],
    ] {
        let ran = program.run(arguments);
        assert!(matches!(ran.code, Some(1 | 2)), "{arguments:?}: {ran:?}");
        assert_harmless(&ran.out);
        assert_harmless(&ran.err);
    }
}

#[test]
fn results_of_files_with_odd_names_are_harmless_in_every_medium() {
    let program = Program::new();
    let folder = program.path(ODD);
    std::fs::create_dir(&folder).unwrap();
    let at = |name: &str| text(&folder.join(name)).to_owned();
    std::fs::rename(home(&program, "home"), folder.join("home")).unwrap();
    let history = format!("# {ODD}").replace('\n', " ")
        + "\nappend settings-priority turn=0 thread=0 process=0 at=1\nrelaunch\n";
    std::fs::write(at("history.txt"), history).unwrap();
    let fine = |arguments: &[&str]| {
        let ran = program.run(arguments);
        assert!(matches!(ran.code, Some(0 | 5)), "{arguments:?}: {ran:?}");
        assert_harmless(&ran.out);
        assert_harmless(&ran.err);
    };
    let (home, out, data) = (at("home"), at("out"), at("data"));
    fine(&["usage", &home, "--memo", &at("memo")]);
    fine(&["usage", &home, "--by", "session", "--format", "json"]);
    for verb in ["rebuild", "list", "verify"] {
        fine(&["threads", verb, &home, "--db", &at("rows.sqlite")]);
    }
    // What is printed is a path to be used as it is.
    assert_eq!(program.run(&["dataset", "build", "tiny", "--out", &data]).code, Some(0));
    let database = at("data/logs_2.sqlite");
    fine(&["scan", "--db", &database, "--memo", &at("scan.memo")]);
    fine(&["scan", "--db", &database, "--format", "json", "--no-memo"]);
    fine(&["dataset", "mimic", "--from", &database, "--out", &at("recipe.toml")]);
    fine(&[
        "run",
        "relaunch",
        "--recipe",
        &at("recipe.toml"),
        "--arms",
        "warm:hot",
        "--samples",
        "1",
        "--out",
        &out,
    ]);
    fine(&["report", &out]);
    fine(&["report", &out, "--format", "json"]);
    fine(&["report", &out, "--export", "bencher"]);
    fine(&["compare", &out, &out]);
    fine(&["compare", "--save-baseline", "odd", "--baselines", &at("baselines"), &out]);
    fine(&[
        "compare",
        "--baseline",
        "odd",
        "--baselines",
        &at("baselines"),
        &out,
        "--out",
        &at("compared"),
    ]);
    fine(&["report", &out, &at("compared"), "--format", "html", "--out", &at("page")]);
    fine(&["report", &out, "--format", "markdown", "--out", &at("page")]);
    fine(&["diff", "trace", "--replay", &at("history.txt"), "--oracle", "none"]);
    let kept = program.path("kept");
    std::fs::create_dir(&kept).unwrap();
    std::fs::copy(at("history.txt"), kept.join(format!("{ODD}.txt"))).unwrap();
    fine(&[
        "diff",
        "trace",
        "--cases",
        "1",
        "--ops",
        "2",
        "--oracle",
        "none",
        "--corpus",
        text(&kept),
        "--junit",
        &at("junit.xml"),
    ]);
    for page in [
        "out/report.md",
        "compared/comparison.md",
        "page/report.html",
        "page/report.md",
        "junit.xml",
    ] {
        let shown = std::fs::read_to_string(at(page)).unwrap();
        assert_unmoved(&shown);
        // In Markdown it is escaped, or within a fence: the tests of the reports read that.
        assert!(page.ends_with(".md") || !shown.contains("<script"), "{page}: {shown}");
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
