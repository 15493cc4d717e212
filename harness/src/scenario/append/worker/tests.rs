//! What workers of other builds are asked and answer. A test that fails here asks for another
//! [`crate::protocol::PROTOCOL`].

use serde_json::{Value, json};

use super::*;
use crate::protocol::PROTOCOL;

#[test]
fn requests_to_other_builds_stay_as_they_are() {
    assert_eq!(PROTOCOL, 2, "then say here what the new requests are");
    let load = Load {
        mode: Some("sync".to_owned()),
        folder: "folder".into(),
        condition: Condition { threads: 1, fsync: false, rate: None, contended: true },
        seed: 2,
        appends: 3,
        warmup: 4,
        barriers: 5,
        threads: vec!["a".to_owned()],
        handicap: Handicap::default(),
    };
    let mut asked = json!({"load": {
        "mode": "sync", "folder": "folder",
        "condition": {"threads": 1, "fsync": false, "rate": null, "contended": true},
        "seed": 2, "appends": 3, "warmup": 4, "barriers": 5, "threads": ["a"]
    }});
    assert_eq!(serde_json::to_value(Task::Load(load.clone())).unwrap(), asked);
    let handicapped = Load { handicap: Handicap { syncs: 1, ..Handicap::default() }, ..load };
    asked["load"]["handicap"] = json!({"busy_ns": 0, "rows": 0, "syncs": 1});
    assert_eq!(serde_json::to_value(Task::Load(handicapped)).unwrap(), asked);
}

#[test]
fn replies_of_other_builds_stay_as_they_are() {
    assert_eq!(PROTOCOL, 2, "then say here what the new replies are");
    let reply = serde_json::to_value(Reply::default()).unwrap();
    let names: Vec<&String> = reply.as_object().unwrap().keys().collect();
    let known = "append barrier failed_projections history_bytes history_syncs load_ns load_projections \
                 load_transactions peak_memory_bytes projections service settle_ns staleness transactions";
    assert_eq!(names, known.split_whitespace().collect::<Vec<_>>());
    let read: Reply = serde_json::from_value::<Reply>(reply.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), reply);
    assert!(matches!(reply["append"], Value::String(_) | Value::Object(_)), "{reply}");
}
