//! The published JSON Schema and the types say the same: every written field is in it, and it names
//! no other.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::fixture;
use crate::schema::{Checker, named};

const SCHEMA_TEXT: &str = include_str!("../../schema/record-v1.schema.json");

/// What appears only in the records that need it. Every other field is always written, and
/// therefore required.
const OPTIONAL: [&str; 8] = [
    "plan.append",
    "plan.candidates",
    "plan.command",
    "plan.cores",
    "launch.histograms",
    "build.sqlite_options",
    "machine.is_virtual",
    "machine.confines_writes",
];

/// A record in which every variant of every type occurs.
fn every_variant() -> Record {
    let mut record = fixture::record();
    // Parts of two scenarios, which no real run mixes.
    let append = fixture::append::open();
    record.plan.arms.extend(append.plan.arms);
    for mut sample in append.samples {
        sample.order = record.samples.len() as u64;
        record.samples.push(sample);
    }
    record.samples[1].state = SampleState::Mismatch { detail: "one turn less".into() };
    record.samples[2].launches[0].exit = Exit::NotStarted;
    record.samples[3].launches[0].exit = Exit::Running;
    record.plan.arms[1].process = Process::Resident;
    record.plan.arms[2].process = Process::Paired;
    record.outcome = Outcome::of(&record.samples, false);
    record.plan.command = Some(fixture::command());
    record.plan.candidates = vec![fixture::candidate()];
    record.build.sqlite_options = vec!["THREADSAFE=1".to_owned()];
    record.machine.is_virtual = Some(true);
    record.machine.confines_writes = Some(true);
    record.plan.cores = Some(2);
    record
}

fn checked(change: impl Fn(&mut Value)) -> (Result<(), String>, BTreeSet<String>, Value) {
    let mut data: Value = serde_json::from_str(&every_variant().to_json().unwrap()).unwrap();
    data["record"]["plan"]["append"] =
        serde_json::to_value(fixture::append::open().plan.append).unwrap();
    change(&mut data);
    let root: Value = serde_json::from_str(SCHEMA_TEXT).unwrap();
    let mut checker = Checker::new(root.clone());
    (checker.check(&root, &data, "file"), checker.seen, root)
}

#[test]
fn a_record_conforms() {
    checked(|_| ()).0.unwrap();
}

#[test]
fn a_record_without_what_is_optional_conforms() {
    let data: Value = serde_json::from_str(&fixture::record().to_json().unwrap()).unwrap();
    let root: Value = serde_json::from_str(SCHEMA_TEXT).unwrap();
    let mut checker = Checker::new(root.clone());
    checker.check(&root, &data, "file").unwrap();
    assert!(OPTIONAL.iter().all(|name| !checker.seen.contains(*name)));
}

#[test]
fn the_schema_names_no_field_that_records_lack() {
    let (_, seen, root) = checked(|_| ());
    assert_eq!(named(&root, &OPTIONAL), seen);
}

#[test]
fn the_checker_sees_what_does_not_conform() {
    let changes: [fn(&mut Value); 9] = [
        |v| v["record"]["extra"] = 1.into(),
        |v| v["version"] = 2.into(),
        |v| {
            drop(
                v["record"]["samples"][3]["launches"][0].as_object_mut().unwrap().remove("wall_ns"),
            );
        },
        |v| {
            v["record"]["samples"][3]["state"] =
                serde_json::json!({"kind": "valid", "reason": "x"});
        },
        |v| v["record"]["seed"] = (-1).into(),
        |v| v["record"]["load_start"] = serde_json::json!([1.0]),
        |v| v["record"]["plan"]["append"]["rate"] = 0.into(),
        |v| v["record"]["plan"]["append"]["durability"] = "none".into(),
        |v| {
            let samples = v["record"]["samples"].as_array_mut().unwrap();
            samples.last_mut().unwrap()["launches"][0]["histograms"]["append"] = "HISTF".into();
        },
    ];
    for (at, change) in changes.into_iter().enumerate() {
        assert!(checked(change).0.is_err(), "change {at}");
    }
}
