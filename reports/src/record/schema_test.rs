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
                "pattern" => matches(rule.as_str().unwrap(), data.as_str().unwrap()),
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

/// The two patterns of the schema.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern {
        "^sha256:[0-9a-f]{64}$" => {
            let digits = text.strip_prefix("sha256:").unwrap_or_default();
            digits.len() == 64 && digits.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
        }
        "^HISTF[A-Za-z0-9+/]+={0,2}$" => {
            text.starts_with("HISTF") && crate::base64::decode(text).is_some_and(|bytes| bytes.len() > 8)
        }
        other => panic!("the checker does not know the pattern {other}"),
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

/// What stands only in the records that need it. Every other field is always written, and therefore required.
const OPTIONAL: [&str; 2] = ["plan.append", "launch.histograms"];

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
    record
}

fn checked(change: impl Fn(&mut Value)) -> (Result<(), String>, BTreeSet<String>, Value) {
    let mut data: Value = serde_json::from_str(&every_variant().to_json().unwrap()).unwrap();
    data["record"]["plan"]["append"] = serde_json::to_value(fixture::append::open().plan.append).unwrap();
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
fn a_record_without_what_is_optional_conforms() {
    let data: Value = serde_json::from_str(&fixture::record().to_json().unwrap()).unwrap();
    let root: Value = serde_json::from_str(SCHEMA_TEXT).unwrap();
    let mut checker = Checker { root: root.clone(), seen: BTreeSet::new() };
    checker.check(&root, &data, "file").unwrap();
    assert!(OPTIONAL.iter().all(|name| !checker.seen.contains(*name)));
}

#[test]
fn the_schema_names_no_field_that_records_lack() {
    let (_, seen, root) = checked(|_| ());
    let mut named = BTreeSet::new();
    let mut collect = |schema: &Value, at: &str| {
        let variants = schema["oneOf"].as_array().into_iter().flatten();
        for part in variants.chain([schema]) {
            let properties = part["properties"].as_object().into_iter().flatten();
            let properties: BTreeSet<String> = properties.map(|(name, _)| format!("{at}.{name}")).collect();
            let required = part["required"].as_array().into_iter().flatten();
            let required: BTreeSet<String> =
                required.map(|name| format!("{at}.{}", name.as_str().unwrap())).collect();
            let optional = properties.iter().filter(|name| OPTIONAL.contains(&name.as_str()));
            assert_eq!(
                required.union(&optional.cloned().collect()).cloned().collect::<BTreeSet<_>>(),
                properties
            );
            named.extend(properties);
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
    let changes: [fn(&mut Value); 9] = [
        |v| v["record"]["extra"] = 1.into(),
        |v| v["version"] = 2.into(),
        |v| drop(v["record"]["samples"][3]["launches"][0].as_object_mut().unwrap().remove("wall_ns")),
        |v| v["record"]["samples"][3]["state"] = serde_json::json!({"kind": "valid", "reason": "x"}),
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
