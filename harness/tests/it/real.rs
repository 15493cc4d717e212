//! Trace databases of the real Codex CLI against the server's record of what really ran: the
//! scanner, both oracles and the published rules.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension as _, ToSql};
use serde_json::Value;
use tracerig_oracle::{self as oracle, Answer, Window};
use tracerig_real::Codex;
use tracerig_scanner::{MemoPlace, Options, Request, Scanner};

/// Of each home with a trace database: priority turns that ran, those that left a row which tells
/// the tier, those that the published rules find, and the false ones among what these find.
const TURNS: [(Codex, usize, usize, usize, usize); 7] = [
    (Codex::V0_120_0, 3, 3, 0, 0),
    (Codex::V0_128_0, 3, 3, 3, 0),
    (Codex::V0_130_0, 32, 32, 32, 0),
    (Codex::V0_141_0, 39, 36, 34, 1),
    (Codex::V0_155_1, 56, 29, 21, 1),
    (Codex::V0_169_0, 40, 37, 0, 0),
    (Codex::V0_171_0, 69, 67, 0, 0),
];

/// What the server's record says.
#[derive(Default)]
struct Truth {
    /// Turns that ran at the priority tier.
    priority: BTreeSet<String>,
    /// The thread and the requested models of every turn.
    asked: BTreeMap<String, (String, BTreeSet<String>)>,
}

fn truth(codex: Codex) -> Truth {
    let mut truth = Truth::default();
    for line in codex.requests().unwrap().lines() {
        let request: Value = serde_json::from_str(line).unwrap();
        let metadata = &request["turn_metadata"];
        // A prewarm request has an empty turn id, a failed one no metadata at all.
        let Some(turn) = metadata["turn_id"].as_str().filter(|turn| !turn.is_empty()) else {
            continue;
        };
        // 0.120 calls the thread a session.
        let thread = metadata["thread_id"].as_str().or(metadata["session_id"].as_str()).unwrap();
        let (_, models) = truth
            .asked
            .entry(turn.to_owned())
            .or_insert_with(|| (thread.to_owned(), BTreeSet::new()));
        models.extend(request["model"].as_str().map(str::to_owned));
        if request["service_tier"] == "priority" {
            truth.priority.insert(turn.to_owned());
        }
    }
    truth
}

fn oracle(
    codex: Codex,
    rules: fn(&std::path::Path, Window) -> Result<Answer, oracle::OracleError>,
) -> Answer {
    let folder = tempfile::tempdir().unwrap();
    rules(&codex.write_logs(folder.path()).unwrap(), Window::default()).unwrap()
}

#[test]
fn every_priority_turn_that_left_a_row_is_found_and_no_other() {
    for (codex, ran, logged, ..) in TURNS {
        let folder = tempfile::tempdir().unwrap();
        let database = codex.write_logs(folder.path()).unwrap();
        let Truth { priority, asked } = truth(codex);
        let options = Options { memo: MemoPlace::Disabled, ..Options::default() };
        let scan = Scanner::new(&database, options).scan(&Request::default()).unwrap();
        assert!(scan.warnings.is_empty(), "{codex:?}: {:?}", scan.warnings);
        assert_eq!((priority.len(), scan.turns.len()), (ran, logged), "{codex:?}");
        for (id, turn) in &scan.turns {
            assert!(priority.contains(id), "{codex:?}: {id} did not run at priority");
            let (thread, models) = &asked[id];
            assert_eq!(turn.thread_id.as_ref(), Some(thread), "{codex:?} {id}");
            // Eight turns of 0.141.0 were answered by a dated model, which their completion names.
            let model =
                turn.model.as_deref().unwrap_or_else(|| panic!("{codex:?}: {id} has no model"));
            assert!(
                models.contains(model.trim_end_matches("-2026-03-05")),
                "{codex:?} {id}: {model}"
            );
        }
        let connection = Connection::open(&database).unwrap();
        for missed in priority.iter().filter(|turn| !scan.turns.contains_key(*turn)) {
            assert_eq!(rows_that_tell(&connection, missed), 0, "{codex:?}: {missed}");
        }
    }
}

/// Rows that would tell the tier of the turn: one of its own that names a tier, or a submission
/// that names one before the turn's in its thread and process.
fn rows_that_tell(connection: &Connection, turn: &str) -> i64 {
    let count = |sql: &str, parameters: &[&dyn ToSql]| -> i64 {
        connection.query_row(sql, parameters, |row| row.get(0)).unwrap()
    };
    let named = count(
        r#"SELECT count(*) FROM logs WHERE instr(feedback_log_body, ?1)
           AND instr(feedback_log_body, '"service_tier":')"#,
        &[&turn],
    );
    let own: Option<(i64, String, String)> = connection
        .query_row(
            "SELECT id, thread_id, process_uuid FROM logs WHERE instr(feedback_log_body, ?1)",
            [format!("Submission sub=Submission {{ id: \"{turn}\"")],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()
        .unwrap();
    let inherited = own.map_or(0, |(id, thread, process)| {
        count(
            // A tier that a text quotes has its quotes escaped.
            "SELECT count(*) FROM logs WHERE id <= ?1 AND thread_id = ?2 AND process_uuid = ?3 AND \
             instr(feedback_log_body, 'Submission sub=Submission {') AND (instr(feedback_log_body, \
             'service_tier: Some(Some(\"') OR instr(feedback_log_body, 'service_tier: \
             Some(None)'))",
            &[&id, &thread, &process],
        )
    });
    named + inherited
}

#[test]
fn the_published_rules_miss_turns_and_invent_some() {
    for (codex, _, _, hits, phantoms) in TURNS {
        let priority = truth(codex).priority;
        let found: BTreeSet<String> = oracle(codex, oracle::published).turns.into_keys().collect();
        assert_eq!(found.intersection(&priority).count(), hits, "{codex:?}");
        assert_eq!(found.difference(&priority).count(), phantoms, "{codex:?}");
    }
}

#[test]
fn both_oracles_agree_to_the_letter() {
    for (codex, ..) in TURNS {
        let python: Answer = serde_json::from_str(codex.expected().unwrap()).unwrap();
        assert_eq!(oracle(codex, oracle::scan), python, "{codex:?}");
        let python: Answer = serde_json::from_str(codex.expected_published().unwrap()).unwrap();
        assert_eq!(oracle(codex, oracle::published), python, "{codex:?}");
    }
}

/// The priority turns of rows that the real CLI writes, cut down by hand: of each row the target
/// and what follows the span of its session. They are found by a scan of all rows, and by one that
/// continues after each of them.
fn turns_of(rows: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("logs_2.sqlite");
    let connection = Connection::open(&database).unwrap();
    connection.execute_batch(tracerig_store::schema::CREATE_TABLE).unwrap();
    let continued = Options { memo: MemoPlace::Memory, ..Options::default() };
    let continued = Scanner::new(&database, continued);
    let mut turns = Vec::new();
    for (target, body) in rows {
        connection
            .execute(
                "INSERT INTO logs (ts, ts_nanos, level, target, feedback_log_body, thread_id, \
                 process_uuid) VALUES (1795983548, 0, 'TRACE', ?1, 'session_loop{thread_id=T}:' || \
                 ?2, 'T', 'pid:1:u')",
                (target, body),
            )
            .unwrap();
        let found = continued.scan(&Request::default()).unwrap().turns;
        let options = Options { memo: MemoPlace::Disabled, ..Options::default() };
        assert_eq!(
            found,
            Scanner::new(&database, options).scan(&Request::default()).unwrap().turns
        );
        assert!(found.values().all(|turn| turn.model.as_deref() == Some("m")), "{found:?}");
        turns = found.into_keys().collect();
    }
    turns
}

const SUBMITTED: &str = "codex_core::session::handlers";
const RUNNING: (&str, &str) = (
    "feedback_tags",
    r#"turn{otel.name="session_task.turn" thread.id=T turn.id=turn-a model=m}: model="m""#,
);

#[test]
fn s1_turn_input_names_its_turn() {
    let submission = concat!(
        r#" Submission sub=Submission { id: "turn-a", op: TurnInput { "#,
        r#"request: TurnInputRequest { input: UserInput { content: [] }, "#,
        r#"thread_settings: ThreadSettingsOverrides { "#,
        r#"model: None, service_tier: Some(Some("priority")) }, "#,
        r#"start: TurnStartOptions { service_tier: None } }, mode: StartOrSteer } }"#
    );
    assert_eq!(turns_of(&[(SUBMITTED, submission), RUNNING]), ["turn-a"]);
}

#[test]
fn s2_user_input_with_turn_context_names_its_turn() {
    let submission = concat!(
        r#" Submission sub=Submission { id: "turn-a", op: UserInputWithTurnContext { items: [], "#,
        r#"service_tier: Some(Some("priority")) }, trace: None }"#
    );
    assert_eq!(turns_of(&[(SUBMITTED, submission), RUNNING]), ["turn-a"]);
}

#[test]
fn s3_a_steer_is_no_turn_and_sets_the_tier_of_the_next_one() {
    let submission = |id: &str, tier: &str| {
        let settings = format!("ThreadSettingsOverrides {{ service_tier: {tier} }}");
        let op = format!("UserInput {{ items: [], thread_settings: {settings} }}");
        format!(r#" Submission sub=Submission {{ id: "{id}", op: {op}, trace: None }}"#)
    };
    let [first, steer, next] = [
        submission("turn-a", "None"),
        submission("no-turn", r#"Some(Some("priority"))"#),
        submission("turn-c", "None"),
    ];
    let running = RUNNING.1.replace("turn-a", "turn-c");
    let rows = [
        (SUBMITTED, &*first),
        RUNNING,
        (SUBMITTED, &*steer),
        (SUBMITTED, &*next),
        (RUNNING.0, &*running),
    ];
    assert_eq!(turns_of(&rows), ["turn-c"]);
}
