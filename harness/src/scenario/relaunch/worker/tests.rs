//! What workers of other builds are asked and answer. A test that fails here asks for another [`crate::protocol::PROTOCOL`].

use serde_json::Value;

use super::*;
use crate::protocol::PROTOCOL;

#[test]
fn requests_to_other_builds_stay_as_they_are() {
    assert_eq!(PROTOCOL, 1, "then say here what the new requests are");
    let request = Request { rescan: true, window: Window { since: Some(7), until: None } };
    let handicap = Handicap { busy_ns: 5, rows: 1, syncs: 2 };
    let of = |engine, memo, handicap, cores| {
        let arguments = arguments(engine, Path::new("db"), memo, request, handicap, cores);
        let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        assert_eq!((words[0].as_str(), words[1].parse().ok()), ("__worker", Some(std::process::id())));
        words[2..].join(" ")
    };
    let memo = Some(Path::new("memo"));
    assert_eq!(of(Engine::Scanner, memo, Handicap::default(), None), "scanner db memo rescan 7 -");
    assert_eq!(of(Engine::Scanner, None, Handicap::default(), None), "scanner db - rescan 7 -");
    assert_eq!(of(Engine::Floor, None, Handicap::default(), None), "floor db");
    assert_eq!(
        of(Engine::Published, None, handicap, None),
        r#"handicap={"busy_ns":5,"rows":1,"syncs":2} published db"#
    );
    // Only a repetition on another number of cores asks for it.
    assert_eq!(
        of(Engine::Scanner, memo, Handicap::default(), NonZeroUsize::new(2)),
        "cores=2 scanner db memo rescan 7 -"
    );
    let resident = |cores| {
        let arguments = resident_arguments(Path::new("db"), cores);
        let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        words[2..].join(" ")
    };
    assert_eq!(resident(None), "resident db");
    assert_eq!(resident(NonZeroUsize::new(2)), "cores=2 resident db");
}

#[test]
fn replies_of_other_builds_stay_as_they_are() {
    assert_eq!(PROTOCOL, 1, "then say here what the new replies are");
    let text = r#"{
        "cursor": 9,
        "answer": {
            "turns": {"a": {"thread_id": null, "model": "m", "timestamp": 1}},
            "scan": {
                "mode": "full", "reason": "absent", "rows_examined": 1, "rows_checked": 2, "facts": 3,
                "completions": 4, "unrecognised": 5, "cursor": 9, "db_bytes": 6, "artifact_bytes": 7,
                "elapsed_us": {"load": 1, "open": 2, "check": 3, "scan": 4, "persist": 5}
            }
        },
        "body_bytes": 1, "vm_steps": null, "persisted": true, "engine_ns": 1, "peak_memory_bytes": 2
    }"#;
    let reply: Reply = serde_json::from_str(text).unwrap();
    let given: Value = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_value(&reply).unwrap(), given);
}
