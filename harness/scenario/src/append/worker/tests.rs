//! What workers of other builds are asked and answer. A test that fails here asks for another
//! [`engine::PROTOCOL`](crate::engine::PROTOCOL).

use serde_json::{Value, json};
use tracerig_protocol::Reply;

use super::*;
use crate::engine::PROTOCOL;
use crate::worker::answers;

const THREAD: &str = "01a00000-0000-7000-8000-000000000001";

/// An engine asked for a load of two appends of each phase, and what it left.
fn asked(mode: Option<Mode>, more: &Value) -> (Reply<Answer>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("lines");
    let line = r#"{"type":"event_msg","payload":"{\"type\":\"user_message\",\"message\":\"a\"}"}"#;
    std::fs::write(&lines, format!("{line}\n{}\n", line.replace("\"a\\\"", "\"b\\\""))).unwrap();
    let mut request = json!({
        "tracerig": 1, "id": "7", "ask": "load", "home": folder.path(), "lines": lines,
        "threads": [{"thread": THREAD, "first": 1}], "warmup": 2, "appends": 2, "barriers": 2,
        "rate": null, "fsync": false, "limit_ms": 9
    });
    for (name, value) in more.as_object().unwrap() {
        request[name] = value.clone();
    }
    let line = serde_json::to_vec(&request).unwrap();
    (answers::reply(&mut AppendEngine(mode), &line), folder)
}

#[test]
fn workers_of_other_builds_are_asked_by_the_protocol_of_candidates() {
    assert_eq!(PROTOCOL, 3, "then say here what the new requests are");
    for mode in [None].into_iter().chain(Mode::ALL.map(Some)) {
        let name = engine(mode);
        assert_eq!(named(&name), Some(AppendEngine(mode)));
        let (reply, folder) = asked(mode, &json!({}));
        let said = serde_json::to_value(&reply).unwrap();
        assert_eq!((&said["id"], &said["result"]), (&"7".into(), &json!({"appends": 6})), "{said}");
        let Value::Object(counters) = &said["claims"]["counters"] else { panic!("{said}") };
        let names: Vec<&str> = counters.keys().map(String::as_str).collect();
        let of_rows = "failed_projections history_bytes history_syncs load_projections \
                       load_transactions projections transactions";
        let due = if mode.is_some() { of_rows } else { "history_syncs" };
        assert_eq!(names, due.split_whitespace().collect::<Vec<_>>());
        for (histogram, count) in [("append", 2), ("barrier", 2)] {
            let text = said["claims"]["histograms"][histogram].clone();
            let read: Histogram = serde_json::from_value(text).unwrap();
            assert_eq!(read.count(), count, "{histogram} of {name}");
        }
        for phase in ["load", "settle"] {
            assert!(said["claims"]["phases_ns"][phase].is_u64(), "{phase}: {said}");
        }
        let plain = folder.path().join(THREAD).with_extension("jsonl");
        assert_eq!(plain.exists(), mode.is_none());
        if mode.is_none() {
            // The second line first, and the first after the last.
            let written = std::fs::read_to_string(plain).unwrap();
            let said: String =
                written.lines().filter_map(|line| line.chars().rev().nth(3)).collect();
            assert_eq!(said, "bababa");
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused_and_appends_nothing() {
    for (more, kind) in [
        (json!({"threads": []}), ErrorKind::Malformed),
        (json!({"appends": u64::MAX}), ErrorKind::Malformed),
        (json!({"threads": [{"thread": "../x", "first": 0}]}), ErrorKind::Malformed),
        (json!({"lines": "/nonexistent"}), ErrorKind::Failed),
    ] {
        for mode in [None, Some(Mode::Async)] {
            let (reply, folder) = asked(mode, &more);
            assert_eq!(reply.error.map(|error| error.kind), Some(kind), "{more}");
            assert!(!folder.path().join("sessions").exists());
        }
    }
}

#[test]
fn each_engine_says_what_it_offers_and_refuses_the_rest() {
    let said = |mode, line: &str| {
        serde_json::to_value(answers::reply(&mut AppendEngine(mode), line.as_bytes())).unwrap()
    };
    let hello = r#"{"tracerig":1,"id":"1","ask":"hello","versions":[1],"limit_ms":9}"#;
    let append = r#"{"tracerig":1,"id":"1","ask":"append","home":"H","appends":[],"limit_ms":9}"#;
    let hello = said(None, hello);
    assert_eq!(hello["result"]["name"], "bare", "{hello}");
    assert_eq!(said(None, append)["error"]["kind"], "unsupported");
    assert_eq!(named("store-later"), None);
}
