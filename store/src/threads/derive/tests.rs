//! What each kind of line does to the row, in the order of the rules.

use super::*;
use crate::threads::change::MAX_TEXT_CHARS;
use crate::threads::item::Item;

const THREAD: &str = "01a1faad-9ba1-7b10-b548-adc1b617767a";
const OTHER: &str = "01a1faad-9bd6-7163-b9b9-b2d901a262f7";

fn thread() -> ThreadId {
    THREAD.parse().unwrap()
}

/// Plays lines, given as kind and payload, at times 1, 2, 3 and so on.
fn play(lines: &[(&str, &str)]) -> (Patch, Seen) {
    let (mut patch, mut seen) = (Patch::new(), Seen::default());
    for ((kind, payload), at) in lines.iter().zip(1..) {
        seen = derive(seen, thread(), &Change::parse(kind, payload), Millis(at), &mut patch);
    }
    (patch, seen)
}

/// The row after these lines, without its updated time, which every line sets.
#[track_caller]
fn row(lines: &[(&str, &str)], expected: &[(Column, Value)]) {
    let (patch, _) = play(lines);
    assert_eq!(
        patch.get(Column::UpdatedAtMs),
        Some(&Value::Integer(i64::try_from(lines.len()).unwrap()))
    );
    let found: Vec<(Column, Value)> = patch
        .iter()
        .filter(|(column, _)| *column != Column::UpdatedAtMs)
        .map(|(column, value)| (column, value.clone()))
        .collect();
    let mut expected = expected.to_vec();
    expected.sort_by_key(|(column, _)| *column);
    assert_eq!(found, expected);
}

fn text(text: &str) -> Value {
    Value::text(text)
}

fn message(text: &str) -> String {
    Item::user_message(text).unwrap().payload().get().to_owned()
}

const BARE_META: [(Column, Value); 4] = [
    (Column::ThreadSource, Value::Null),
    (Column::AgentNickname, Value::Null),
    (Column::AgentRole, Value::Null),
    (Column::AgentPath, Value::Null),
];

#[test]
fn a_session_meta_gives_the_facts_of_the_thread() {
    let full = format!(
        r#"{{"id":"{THREAD}","timestamp":"2026-11-20T20:37:24.001Z","cwd":"/w",
        "originator":"o","cli_version":"0.141.0",
        "source":{{"subagent": {{"other" : "a b"}}}},"thread_source":"user",
        "agent_nickname":"n","agent_role":"r",
        "agent_path":"/root/n","model_provider":"mock","memory_mode":"disabled",
        "git":{{"commit_hash":"c0ffee","branch":null,"repository_url":"u"}}}}"#
    );
    row(
        &[("session_meta", &full)],
        &[
            (Column::CreatedAtMs, Value::Integer(1_795_207_044_001)),
            (Column::RecencyAtMs, Value::Integer(1_795_207_044_001)),
            (Column::Source, text(r#"{"subagent":{"other":"a b"}}"#)),
            (Column::ThreadSource, text("user")),
            (Column::AgentNickname, text("n")),
            (Column::AgentRole, text("r")),
            (Column::AgentPath, text("/root/n")),
            (Column::ModelProvider, text("mock")),
            (Column::Cwd, text("/w")),
            (Column::CliVersion, text("0.141.0")),
            (Column::MemoryMode, text("disabled")),
            (Column::GitSha, text("c0ffee")),
            (Column::GitBranch, Value::Null),
            (Column::GitOriginUrl, text("u")),
        ],
    );
    // The least: created when the line was written, memories as in any new thread.
    let least = format!(r#"{{"id":"{THREAD}"}}"#);
    let mut expected = BARE_META.to_vec();
    expected.extend([
        (Column::CreatedAtMs, Value::Integer(1)),
        (Column::RecencyAtMs, Value::Integer(1)),
        (Column::MemoryMode, text("enabled")),
    ]);
    row(&[("session_meta", &least)], &expected);
}

#[test]
fn a_later_session_meta_keeps_what_it_does_not_name() {
    let first = format!(
        r#"{{"id":"{THREAD}","timestamp":"1970-01-01T00:00:00.009Z","cwd":"/w",
        "memory_mode":"disabled"}}"#
    );
    let later = format!(r#"{{"id":"{THREAD}","model_provider":"p","git":{{"branch":"b"}}}}"#);
    let mut expected = BARE_META.to_vec();
    expected.extend([
        (Column::CreatedAtMs, Value::Integer(9)),
        (Column::RecencyAtMs, Value::Integer(2)),
        (Column::MemoryMode, text("disabled")),
        (Column::Cwd, text("/w")),
        (Column::ModelProvider, text("p")),
        (Column::GitSha, Value::Null),
        (Column::GitBranch, text("b")),
        (Column::GitOriginUrl, Value::Null),
    ]);
    row(
        &[
            ("session_meta", &first),
            ("event_msg", r#"{"type":"task_started"}"#),
            ("session_meta", &later),
        ],
        &expected,
    );
}

#[test]
fn a_session_meta_of_another_thread_names_the_parent_and_nothing_else() {
    for payload in [r#"{"cwd":"/w"}"#, r#"{"id":"x"}"#, r#"{"id":7}"#] {
        row(&[("session_meta", payload)], &[]);
    }
    let copied = format!(r#"{{"id":"{OTHER}","cwd":"/other"}}"#);
    row(&[("session_meta", &copied)], &[(Column::ForkedFrom, text(OTHER))]);
    // What the thread's own line says comes first, and only the first copied line is the parent's.
    let own =
        format!(r#"{{"id":"{THREAD}","timestamp":"1970-01-01T00:00:00Z","forked_from_id":"p"}}"#);
    let grandparent = copied.replace("01a1faad", "01a1faac");
    for (lines, parent) in [(vec![&own, &copied], "p"), (vec![&copied, &grandparent], OTHER)] {
        let lines: Vec<(&str, &str)> =
            lines.into_iter().map(|line| ("session_meta", line.as_str())).collect();
        let (patch, _) = play(&lines);
        assert_eq!(patch.get(Column::ForkedFrom), Some(&text(parent)));
    }
}

#[test]
fn a_turn_context_gives_the_settings_and_the_folder_only_once() {
    let first = r#"{"cwd":"/a","model":"m","effort":"high","approval_policy":"never",
        "sandbox_policy":{"type":"danger-full-access"},"permission_profile":{"type": "disabled"}}"#;
    let second = r#"{"cwd":"/b","model":"n","approval_policy":{"granular" : {}},
        "sandbox_policy":"read-only"}"#;
    row(
        &[("turn_context", first)],
        &[
            (Column::Model, text("m")),
            (Column::ReasoningEffort, text("high")),
            (Column::Cwd, text("/a")),
            (Column::ApprovalMode, text("never")),
            (Column::SandboxPolicy, text(r#"{"type":"disabled"}"#)),
        ],
    );
    row(
        &[("turn_context", first), ("turn_context", second)],
        &[
            (Column::Model, text("n")),
            (Column::ReasoningEffort, Value::Null),
            (Column::Cwd, text("/a")),
            (Column::ApprovalMode, text(r#"{"granular":{}}"#)),
            (Column::SandboxPolicy, text("read-only")),
        ],
    );
    // A folder of the session is not replaced by that of a turn, an empty one does not count.
    let meta = |cwd: &str| format!(r#"{{"id":"{THREAD}","cwd":"{cwd}"}}"#);
    let found = |cwd: &str| {
        play(&[("session_meta", &meta(cwd)), ("turn_context", first)]).0.get(Column::Cwd).cloned()
    };
    assert_eq!(found("/w"), Some(text("/w")));
    assert_eq!(found(""), Some(text("/a")));
}

#[test]
fn the_first_message_is_kept_and_titles_have_words() {
    let named = |words: &str| {
        [
            (Column::Title, text(words)),
            (Column::Preview, text(words)),
            (Column::FirstUserMessage, text(words)),
        ]
    };
    row(
        &[("event_msg", &message("  one\n two ")), ("event_msg", &message("three"))],
        &named("one\n two"),
    );
    row(
        &[(
            "event_msg",
            &message("context ## My request for Codex:\n do ## My request for Codex: it"),
        )],
        &named("do ## My request for Codex: it"),
    );
    for blank in ["", " \n", "context ## My request for Codex: \n"] {
        row(&[("event_msg", &message(blank))], &[]);
    }
    let image = |list: &str| format!(r#"{{"type":"user_message","message":" ","{list}":["x"]}}"#);
    for list in ["images", "local_images"] {
        row(
            &[("event_msg", &image(list)), ("event_msg", &message("words"))],
            &[
                (Column::Title, text("words")),
                (Column::Preview, text(IMAGE_PLACEHOLDER)),
                (Column::FirstUserMessage, text(IMAGE_PLACEHOLDER)),
            ],
        );
    }
}

#[test]
fn texts_are_cut_after_so_many_characters_not_bytes() {
    let long = "\u{e9}".repeat(MAX_TEXT_CHARS);
    for more in ["", "x", "\u{e9}\u{e9}"] {
        let (patch, _) = play(&[("event_msg", &message(&format!("{long}{more}")))]);
        assert_eq!(patch.get(Column::Title), Some(&text(&long)));
        let goal = Item::goal(&format!(" {long}{more}")).unwrap();
        assert_eq!(goal.change(), &Change::Goal(long.clone()));
    }
}

#[test]
fn newer_versions_say_messages_as_completed_items() {
    let item = |content: &str| {
        let item = format!(r#"{{"type":"UserMessage","id":"x","content":{content}}}"#);
        format!(r#"{{"type":"item_completed","item":{item}}}"#)
    };
    let change = |content: &str| Change::parse("event_msg", &item(content));
    let said = |text: Option<&str>, has_images| Change::UserMessage {
        text: text.map(str::to_owned),
        has_images,
    };
    assert_eq!(
        change(
            r#"[{"type":"text","text":"a "},{"type":"skill","name":"s"},
                {"type":"text","text":"b "}]"#
        ),
        said(Some("a b"), false)
    );
    assert_eq!(change(r#"[{"type":"image","image_url":"u"}]"#), said(None, true));
    assert_eq!(
        change(r#"[{"type":"local_image","path":"p"},{"type":"text","text":"a"}]"#),
        said(Some("a"), true)
    );
    assert_eq!(change("[7, {}, {\"type\":1}]"), said(None, false));
    assert_eq!(change("7"), Change::Touch);
    let agent = r#"{"type":"item_completed",
        "item":{"type":"AgentMessage","content":[{"type":"text","text":"a"}]}}"#;
    assert_eq!(Change::parse("event_msg", agent), Change::Touch);
}

#[test]
fn a_goal_is_the_preview_if_there_is_none() {
    let goal = r#"{"type":"thread_goal_updated","goal":{"objective":" make it fast "}}"#;
    row(
        &[("event_msg", goal), ("event_msg", &message("hello"))],
        &[
            (Column::Title, text("hello")),
            (Column::Preview, text("make it fast")),
            (Column::FirstUserMessage, text("hello")),
        ],
    );
    let (patch, _) = play(&[("event_msg", &message("hello")), ("event_msg", goal)]);
    assert_eq!(patch.get(Column::Preview), Some(&text("hello")));
    row(&[("event_msg", r#"{"type":"thread_goal_updated","goal":{"objective":" "}}"#)], &[]);
}

#[test]
fn tokens_and_turns() {
    let tokens = |total: &str| {
        format!(
            r#"{{"type":"token_count","info":{{"total_token_usage":{{"total_tokens":{total}}}}}}}"#
        )
    };
    row(
        &[("event_msg", &tokens("5")), ("event_msg", &tokens("7"))],
        &[(Column::TokensUsed, Value::Integer(7))],
    );
    for no_count in ["-5", "1.5", "1e3", "9223372036854775808", "1e999"] {
        row(&[("event_msg", &tokens(no_count))], &[]);
    }
    row(
        &[("event_msg", &tokens("5")), ("event_msg", r#"{"type":"token_count","info":null}"#)],
        &[(Column::TokensUsed, Value::Integer(5))],
    );
    let start = ("event_msg", r#"{"type":"task_started","turn_id":"x"}"#);
    row(
        &[start, ("response_item", "{}"), start, ("world_state", "{}")],
        &[(Column::RecencyAtMs, Value::Integer(3))],
    );
}

#[test]
fn an_explicit_title_stands_for_ever() {
    let update = |fields: &str| format!(r#"{{"type":"thread_metadata_updated",{fields}}}"#);
    let (set, clear) = (update(r#""title":"mine""#), update(r#""title":null"#));
    let hello = message("hello");
    for (lines, expected) in [
        (vec![&hello, &set], text("mine")),
        (vec![&set, &hello], text("mine")),
        (vec![&clear, &hello], Value::Null),
        (vec![&hello, &set, &clear, &hello], Value::Null),
    ] {
        let lines: Vec<(&str, &str)> =
            lines.into_iter().map(|line| ("event_msg", line.as_str())).collect();
        let (patch, _) = play(&lines);
        assert_eq!(patch.get(Column::Title), Some(&expected), "{lines:?}");
        assert_eq!(patch.get(Column::FirstUserMessage), Some(&text("hello")));
    }
}

#[test]
fn metadata_is_set_cleared_or_kept() {
    let set = MetadataUpdate {
        git_sha: Some(Some("s".to_owned())),
        git_branch: Some(None),
        memory_mode: Some(Some("disabled".to_owned())),
        archived: Some(true),
        ..MetadataUpdate::default()
    };
    let undo = MetadataUpdate {
        memory_mode: Some(None),
        archived: Some(false),
        ..MetadataUpdate::default()
    };
    let items = [Item::metadata(&set).unwrap(), Item::metadata(&undo).unwrap()];
    // What is written is what is read.
    assert_eq!(items[0].change(), &Change::Metadata(Box::new(set)));
    assert_eq!(items[1].change(), &Change::Metadata(Box::new(undo)));
    let lines = items.each_ref().map(|item| (item.kind(), item.payload().get()));
    let git = [(Column::GitSha, text("s")), (Column::GitBranch, Value::Null)];
    let state = |memory: &str, archived| {
        let mut state = git.to_vec();
        state.extend([(Column::MemoryMode, text(memory)), (Column::ArchivedAtMs, archived)]);
        state
    };
    row(&lines[..1], &state("disabled", Value::Integer(1)));
    row(&lines, &state("enabled", Value::Null));
}

#[test]
fn fields_of_unexpected_shape_say_nothing_and_hide_no_other() {
    for (kind, payload) in [
        ("session_meta", "7"),
        ("turn_context", "[]"),
        ("event_msg", r#"{"type":7}"#),
        ("event_msg", r#"{"type":"user_message","message":7,"images":{}}"#),
        (
            "event_msg",
            r#"{"type":"token_count","info":{"total_token_usage":{"total_tokens":"7"}}}"#,
        ),
        (
            "event_msg",
            r#"{"type":"token_count","info":{"total_token_usage":{"total_tokens":1.5}}}"#,
        ),
        ("event_msg", r#"{"type":"thread_goal_updated","goal":"x"}"#),
        ("event_msg", r#"{"type":"thread_metadata_updated","title":7,"archived":"yes"}"#),
        ("event_msg", r#"{"type":"item_completed","item":7}"#),
    ] {
        row(&[(kind, payload)], &[]);
    }
    row(
        &[(
            "turn_context",
            r#"{"cwd":7,"model":"m","effort":7,"approval_policy":[1],"sandbox_policy":true}"#,
        )],
        &[(Column::Model, text("m"))],
    );
}

#[test]
fn what_the_constructors_write_is_what_they_were_given() {
    let mut meta = SessionMeta::new(thread());
    assert_eq!(
        Item::session_meta(&meta).unwrap().change(),
        &Change::SessionMeta(Box::new(meta.clone()))
    );
    let some = |text: &str| Some(text.to_owned());
    meta.timestamp = Some(Millis(5));
    meta.cwd = some("/w \"quoted\"");
    meta.cli_version = some("1");
    meta.source = some(r#"{"subagent":"review"}"#);
    meta.thread_source = some("user");
    meta.agent_nickname = some("n");
    meta.agent_role = some("r");
    meta.agent_path = some("p");
    meta.model_provider = some("m");
    meta.memory_mode = some("disabled");
    meta.git = Some(Git { commit_hash: some("c"), branch: None, repository_url: some("u") });
    assert_eq!(Item::session_meta(&meta).unwrap().change(), &Change::SessionMeta(Box::new(meta)));
    let context = TurnContext {
        cwd: some("/w"),
        model: some("m"),
        effort: Some(some("low")),
        approval_policy: some("never"),
        sandbox_policy: some("{not an object}"),
    };
    assert_eq!(
        Item::turn_context(&context).unwrap().change(),
        &Change::TurnContext(Box::new(context))
    );
    assert_eq!(Item::token_count(9).unwrap().change(), &Change::Tokens(9));
    assert_eq!(Item::task_started("t").unwrap().change(), &Change::TurnStarted);
}
