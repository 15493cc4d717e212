//! Rows as Codex writes them, and rows that only look like them.

use super::*;

const WEBSOCKET: &[u8] = b"codex_api::endpoint::responses_websocket";

fn parse_in<'a>(target: &'static [u8], body: &'a [u8]) -> Parsed<'a> {
    let marked = first_marker(body).expect("a marker");
    parse(body, marked, Some(target))
}

fn fact<'a>(target: &'static [u8], body: &'a str) -> Option<Fact<'a>> {
    match parse_in(target, body.as_bytes()) {
        Parsed::Fact(fact) => Some(fact),
        Parsed::Nothing => None,
        Parsed::Unrecognised => panic!("unrecognised"),
    }
}

#[test]
fn a_request_takes_its_turn_from_the_spans_then_from_the_json() {
    let request = r#""type":"response.create","service_tier":"priority""#;
    let other = r#""client_metadata":{"turn_id":"c"}"#;
    let json = format!(r#"{{{request},"model":"m","turn_id":"j",{other}}}"#);
    for (spans, turn) in [("turn.id=a turn_id=b", "a"), ("turn_id=b", "b"), ("", "j")] {
        let body = format!("s{{{spans}}}: websocket request: {json}");
        let expected = Says::Request { turn: Cow::Borrowed(turn), model: Some(Cow::Borrowed("m")) };
        assert_eq!(fact(WEBSOCKET, &body).unwrap().says, expected);
    }
    assert_eq!(
        fact(WEBSOCKET, &format!("x websocket request: {{{request},{other}}}")).unwrap().says,
        Says::Request { turn: Cow::Borrowed("c"), model: None }
    );
}

#[test]
fn a_prewarm_and_a_request_of_another_tier_are_no_facts() {
    for json in [
        r#"{"type":"response.create","service_tier":"priority","client_metadata":{"turn_id":""}}"#,
        r#"{"type":"response.create","service_tier":"flex","turn_id":"t","note":"priority"}"#,
        r#"{"type":"response.cancel","service_tier":"priority","turn_id":"t"}"#,
        r#"{"service_tier":"priority","turn_id":"t"}"#,
        r#"{"type":"response.create","service_tier":["priority"],"turn_id":"t"}"#,
        r#"{"type":"response.create","service_tier":"priority","service_tier":null,"turn_id":"t"}"#,
        r#"{"type":"response.create","service_tier":"priority","turn_id":"t"} trailing"#,
    ] {
        assert_eq!(fact(WEBSOCKET, &format!("x websocket request: {json}")), None, "{json}");
    }
}

#[test]
fn a_completion_needs_turn_and_model() {
    let body =
        r#"t{turn.id=a}: websocket event: {"type":"response.completed","response":{"model":"m"}}"#;
    let expected = Says::Completion { turn: Cow::Borrowed("a"), model: Cow::Borrowed("m") };
    assert_eq!(fact(WEBSOCKET, body).unwrap().says, expected);
    for body in [
        r#"x: websocket event: {"type":"response.completed","response":{"model":"m"}}"#,
        r#"t{turn.id=a}: websocket event: {"type":"response.completed","response":{"model":""}}"#,
        r#"t{turn.id=a}: websocket event: {"type":"response.completed","response":["m"]}"#,
        concat!(
            r#"t{turn.id=a}: websocket event: {"type":"response.created","#,
            r#""response":{"model":"response.completed"}}"#
        ),
    ] {
        assert_eq!(fact(WEBSOCKET, body), None, "{body}");
    }
}

#[test]
fn a_settings_submission_starts_no_turn() {
    let body = concat!(
        r#"Submission sub=Submission { id: "s", "#,
        r#"op: ThreadSettings { service_tier: Some(Some("fast")) } }"#
    );
    for target in [&b"codex_core::session::handlers"[..], b"codex_core::codex"] {
        assert_eq!(fact(target, body).unwrap().says, Says::Settings { tier: TierWord::Priority });
    }
}

#[test]
fn tags_take_turn_and_model_from_the_spans() {
    let body =
        r#"turn{turn.id="u" model=m1}: model="m2" tags_json={"a":"b","service_tier":"priority"}"#;
    assert_eq!(
        fact(b"feedback_tags", body).unwrap().says,
        Says::Tags { turn: "u", model: Some("m1") }
    );
}

#[test]
fn a_marker_under_another_target_is_unrecognised() {
    let body = br#"quoting websocket event: {"type":"response.completed"}"#;
    assert_eq!(parse_in(b"log", body), Parsed::Unrecognised);
    let marked = first_marker(body).unwrap();
    assert_eq!(parse(body, marked, None), Parsed::Unrecognised);
    // The first marker decides, even if a later one would suit the target.
    let body =
        br#"tags_json=1 websocket event: {"type":"response.completed","response":{"model":"m"}}"#;
    assert_eq!(parse_in(WEBSOCKET, body), Parsed::Unrecognised);
}

#[test]
fn the_thread_is_the_column_else_the_field() {
    let body =
        br#"s{parent_thread_id=p thread_id=f turn.id=u}: tags_json={"service_tier":"priority"}"#;
    let Parsed::Fact(fact) = parse_in(b"feedback_tags", body) else { panic!() };
    for (column, thread) in [(Some("c"), "c"), (Some(""), "f"), (None, "f")] {
        assert_eq!(fact.thread(column), Some(thread));
    }
}

#[test]
fn a_nul_byte_is_an_ordinary_byte() {
    let json = r#"{"type":"response.completed","response":{"model":"m"}}"#;
    let body = format!("t{{turn.id=a}}:\0 websocket event: {json}");
    assert!(matches!(parse_in(WEBSOCKET, body.as_bytes()), Parsed::Fact(_)));
}

#[test]
fn a_tier_in_an_unknown_operation_is_unrecognised() {
    let dump = |operation: &str, tier: &str| {
        format!(
            r#"Submission sub=Submission {{ id: "s", op: {operation} {{ service_tier: {tier} }} }}"#
        )
    };
    let read = |body: &str| parse_in(b"codex_core::codex", body.as_bytes()) == Parsed::Unrecognised;
    assert!(read(&dump("Novel", "Some(Some(Fast))")) && read(&dump("Novel", "Some(None)")));
    assert!(read(r#"Submission sub=Submission { id: "s", service_tier: Some(None) }"#));
    assert!(!read(&dump("Novel", "None")) && !read(&dump("UserTurn", "Some(None)")));
}

#[test]
fn rows_that_tell_a_tier_are_told_by_marker_and_target() {
    let tells = |target: &[u8], body: &str| {
        tells_tier(body.as_bytes(), first_marker(body.as_bytes()).unwrap(), Some(target))
    };
    assert!(
        tells(WEBSOCKET, "x websocket request: {}") && !tells(WEBSOCKET, "x websocket event: {}")
    );
    assert!(tells(b"codex_core::codex", "Submission sub=Submission { op: Interrupt }"));
    assert!(tells(b"feedback_tags", r#"tags_json={"service_tier":"flex"}"#));
    assert!(!tells(b"feedback_tags", "tags_json={}") && !tells(b"log", "x websocket request: {}"));
}
