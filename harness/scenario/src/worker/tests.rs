//! What workers of other builds are asked and answer. A test that fails here asks for another
//! [`PROTOCOL`].

use super::*;
use crate::engine::arguments;

/// An engine on a database without rows, asked this.
fn said(engine: Engine, line: &str) -> serde_json::Value {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("logs_2.sqlite");
    drop(tracerig_store::TraceLog::open(&database).unwrap());
    let line = line.replace("DATABASE", &database.display().to_string());
    let line = line.replace("MEMO", &folder.path().display().to_string());
    serde_json::to_value(reply(&mut Worker::new(engine, false), line.as_bytes())).unwrap()
}

#[test]
fn workers_of_other_builds_are_asked_by_the_protocol_of_candidates() {
    assert_eq!(PROTOCOL, 3, "then say here what the new requests are");
    let words = arguments(Engine::Floor.name());
    assert_eq!(words, ["__worker", "floor"]);
    let line = r#"{"tracerig":1,"id":"7","ask":"scan","database":"DATABASE","memo":"MEMO",
        "limit_ms":9,"cores":1,"new":2}"#;
    let said = said(Engine::Scanner, line);
    assert_eq!((&said["id"], &said["result"]["mode"]), (&"7".into(), &"full".into()), "{said}");
    assert_eq!(said["claims"]["persisted"], true, "{said}");
    for counter in
        ["rows_examined", "rows_checked", "facts", "vm_steps", "body_bytes", "artifact_bytes"]
    {
        assert!(said["claims"]["counters"][counter].is_u64(), "{counter}: {said}");
    }
    for phase in ["load", "open", "check", "scan", "persist"] {
        assert!(said["claims"]["phases_ns"][phase].is_u64(), "{phase}: {said}");
    }
}

#[test]
fn each_engine_says_what_it_offers_and_refuses_the_rest() {
    let usage = r#"{"tracerig":1,"id":"1","ask":"usage","home":"MEMO","memo":null,"limit_ms":9}"#;
    for engine in [Engine::Floor, Engine::Published] {
        let hello =
            said(engine, r#"{"tracerig":1,"id":"1","ask":"hello","versions":[1],"limit_ms":9}"#);
        assert_eq!(hello["result"]["name"], engine.name(), "{hello}");
        let counts = said(engine, usage)["result"].is_object();
        assert_eq!(counts, engine == Engine::Published);
        let idle = said(engine, r#"{"tracerig":1,"id":"2","ask":"idle","limit_ms":9}"#);
        assert_eq!(idle["result"], serde_json::json!({}));
    }
    assert_eq!(said(Engine::Scanner, "{")["error"]["kind"], "malformed");
    assert_eq!(said(Engine::Scanner, "{}")["error"]["kind"], "unsupported");
}
