//! A checker of the published schemas, for tests: what is written conforms, and a schema names
//! nothing else.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// As much of draft 2020-12 as the schema uses; an unknown keyword is an error, so that none is
/// silently unchecked.
pub(crate) struct Checker {
    root: Value,
    /// Properties seen in data, as `definition.property`.
    pub(crate) seen: BTreeSet<String>,
}

impl Checker {
    pub(crate) fn new(root: Value) -> Checker {
        Checker { root, seen: BTreeSet::new() }
    }

    /// Whether `data` conforms; `at` is the place in the schema.
    pub(crate) fn check(&mut self, schema: &Value, data: &Value, at: &str) -> Result<(), String> {
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
                    Value::Array(names) => {
                        names.iter().any(|name| is(data, name.as_str().unwrap()))
                    }
                    name => is(data, name.as_str().unwrap()),
                },
                "const" => data == rule,
                "enum" => rule.as_array().unwrap().contains(data),
                "minimum" => data.as_i64().is_none_or(|n| n >= rule.as_i64().unwrap()),
                "minItems" => {
                    data.as_array().is_none_or(|a| a.len() as u64 >= rule.as_u64().unwrap())
                }
                "maxItems" => {
                    data.as_array().is_none_or(|a| a.len() as u64 <= rule.as_u64().unwrap())
                }
                "pattern" => matches(rule.as_str().unwrap(), data.as_str().unwrap()),
                "required" => rule
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|name| data.get(name.as_str().unwrap()).is_some()),
                "items" => match data.as_array() {
                    Some(items) => items.iter().all(|item| self.check(rule, item, at).is_ok()),
                    None => true,
                },
                "additionalProperties" => return self.object(schema, rule, data, at),
                "oneOf" => {
                    let fits = rule
                        .as_array()
                        .unwrap()
                        .iter()
                        .filter(|s| self.check(s, data, at).is_ok())
                        .count();
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

    fn object(
        &mut self,
        schema: &Value,
        rest: &Value,
        data: &Value,
        at: &str,
    ) -> Result<(), String> {
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

/// The patterns that the schemas have.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern {
        "^sha256:[0-9a-f]{64}$" => {
            let digits = text.strip_prefix("sha256:").unwrap_or_default();
            digits.len() == 64 && digits.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
        }
        "^HISTF[A-Za-z0-9+/]+={0,2}$" => {
            text.starts_with("HISTF") && STANDARD.decode(text).is_ok_and(|bytes| bytes.len() > 8)
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

/// Every property that the schema names, as [`Checker::seen`] has them. All but `optional` must be
/// required: what is always written is promised.
pub(crate) fn named(root: &Value, optional: &[&str]) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let mut collect = |schema: &Value, at: &str| {
        let variants = schema["oneOf"].as_array().into_iter().flatten();
        for part in variants.chain([schema]) {
            let properties = part["properties"].as_object().into_iter().flatten();
            let properties: BTreeSet<String> =
                properties.map(|(name, _)| format!("{at}.{name}")).collect();
            let required = part["required"].as_array().into_iter().flatten();
            let required: BTreeSet<String> =
                required.map(|name| format!("{at}.{}", name.as_str().unwrap())).collect();
            let optional = properties.iter().filter(|name| optional.contains(&name.as_str()));
            assert_eq!(
                required.union(&optional.cloned().collect()).cloned().collect::<BTreeSet<_>>(),
                properties
            );
            named.extend(properties);
        }
    };
    collect(root, "file");
    for (name, schema) in root["$defs"].as_object().unwrap() {
        collect(schema, name);
    }
    named
}
