//! The published JSON Schema and the types say the same: every written field is in it, and it names no other.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::fixture;

const SCHEMA_TEXT: &str = include_str!("../../schema/record-v1.schema.json");

/// As much of draft 2020-12 as the schema uses; an unknown keyword is an error, so that none is silently unchecked.
struct Checker {
    root: Value,
    /// Properties seen in data, as `definition.property`.
    seen: BTreeSet<String>,
}

impl Checker {
    fn check(&mut self, schema: &Value, data: &Value, at: &str) -> Result<(), String> {
        for (keyword, rule) in schema.as_object().unwrap() {
            let holds = match keyword.as_str() {
                "$schema" | "$id" | "title" | "description" | "$defs" | "properties" => true,
                "$ref" => {
                    let name = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap().to_owned();
                    let target = self.root["$defs"][&name].clone();
                    assert!(target.is_object(), "no definition {name}");
                    self.check(&target, data, &name)?;
                    true
                }
                "type" => match rule {
                    Value::Array(names) => names.iter().any(|name| is(data, name.as_str().unwrap())),
                    name => is(data, name.as_str().unwrap()),
                },
                "const" => data == rule,
                "enum" => rule.as_array().unwrap().contains(data),
                "minimum" => data.as_i64().is_none_or(|n| n >= rule.as_i64().unwrap()),
                "minItems" => data.as_array().is_none_or(|a| a.len() as u64 >= rule.as_u64().unwrap()),
                "maxItems" => data.as_array().is_none_or(|a| a.len() as u64 <= rule.as_u64().unwrap()),
                "pattern" => data.as_str().is_some_and(|s| s.starts_with("sha256:") && s.len() == 71),
                "required" => {
                    rule.as_array().unwrap().iter().all(|name| data.get(name.as_str().unwrap()).is_some())
                }
                "items" => match data.as_array() {
                    Some(items) => items.iter().all(|item| self.check(rule, item, at).is_ok()),
                    None => true,
                },
                "additionalProperties" => return self.object(schema, rule, data, at),
                "oneOf" => {
                    let fits =
                        rule.as_array().unwrap().iter().filter(|s| self.check(s, data, at).is_ok()).count();
                    fits == 1
                }
                other => panic!("{at}: the checker does not know `{other}`"),
            };
            if !holds {
                return Err(format!("{at}: `{keyword}` does not hold for {data}"));
            }
        }
        Ok(())
    }

    fn object(&mut self, schema: &Value, rest: &Value, data: &Value, at: &str) -> Result<(), String> {
        for (name, value) in data.as_object().ok_or(format!("{at}: not an object"))? {
            match schema["properties"].get(name) {
                Some(rule) => {
                    self.seen.insert(format!("{at}.{name}"));
                    self.check(rule, value, &format!("{at}.{name}"))?;
                }
                None if rest == &Value::Bool(false) => {
                    return Err(format!("{at}: the schema has no `{name}`"));
                }
                None => self.check(rest, value, &format!("{at}.{name}"))?,
            }
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            if data.get(name.as_str().unwrap()).is_none() {
                return Err(format!("{at}: {name} is missing"));
            }
        }
        Ok(())
    }
}

fn is(data: &Value, name: &str) -> bool {
    match name {
        "object" => data.is_object(),
        "array" => data.is_array(),
        "string" => data.is_string(),
        "boolean" => data.is_boolean(),
        "null" => data.is_null(),
        "number" => data.is_number(),
        "integer" => data.is_i64() || data.is_u64(),
        other => panic!("unknown type {other}"),
    }
}

/// A record in which every variant of every type occurs.
fn every_variant() -> Record {
    let mut record = fixture::record();
    record.samples[1].state = SampleState::Mismatch { detail: "one turn less".into() };
    record.samples[2].launches[0].exit = Exit::NotStarted;
    record.samples[3].launches[0].exit = Exit::Running;
    record.plan.arms[1].process = Process::Resident;
    record.plan.arms[2].process = Process::Paired;
    record.outcome = Outcome::of(&record.samples, false);
    record
}

fn checked(change: impl Fn(&mut Value)) -> (Result<(), String>, BTreeSet<String>, Value) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.json");
    every_variant().write(&path).unwrap();
    let mut data: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut data);
    let root: Value = serde_json::from_str(SCHEMA_TEXT).unwrap();
    let mut checker = Checker { root: root.clone(), seen: BTreeSet::new() };
    (checker.check(&root, &data, "file"), checker.seen, root)
}

#[test]
fn a_record_conforms() {
    checked(|_| ()).0.unwrap();
}

#[test]
fn the_schema_names_no_field_that_records_lack() {
    let (_, seen, root) = checked(|_| ());
    let mut named = BTreeSet::new();
    let mut collect = |schema: &Value, at: &str| {
        let variants = schema["oneOf"].as_array().into_iter().flatten();
        for part in variants.chain([schema]) {
            let properties = part["properties"].as_object().into_iter().flatten();
            named.extend(properties.map(|(name, _)| format!("{at}.{name}")));
            // Every field is written, so every field is required.
            let required = part["required"].as_array().map_or(0, Vec::len);
            assert_eq!(required, part["properties"].as_object().map_or(0, serde_json::Map::len), "{at}");
        }
    };
    collect(&root, "file");
    for (name, schema) in root["$defs"].as_object().unwrap() {
        collect(schema, name);
    }
    assert_eq!(named, seen);
}

#[test]
fn the_checker_sees_what_does_not_conform() {
    let changes: [fn(&mut Value); 6] = [
        |v| v["record"]["extra"] = 1.into(),
        |v| v["version"] = 2.into(),
        |v| drop(v["record"]["samples"][3]["launches"][0].as_object_mut().unwrap().remove("wall_ns")),
        |v| v["record"]["samples"][3]["state"] = serde_json::json!({"kind": "valid", "reason": "x"}),
        |v| v["record"]["seed"] = (-1).into(),
        |v| v["record"]["load_start"] = serde_json::json!([1.0]),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        assert!(checked(change).0.is_err(), "change {at}");
    }
}
