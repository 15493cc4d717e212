//! A JSON value as the grammar takes it: `serde_json` by itself refuses a text with half of a
//! surrogate pair, a number that no double holds, and depth.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// The value that `text` is, read one level after the other; `None` if it is not JSON. Of several
/// members with one name the last counts, unless `stays` says of its name and the value before that
/// this value stays.
pub(crate) fn json_value(text: &[u8], stays: impl Fn(&str, &Value) -> bool) -> Option<Value> {
    Some(value(serde_json::from_slice(text).ok()?, &stays))
}

fn value(raw: &RawValue, stays: &impl Fn(&str, &Value) -> bool) -> Value {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'{') => {
            let Ok(Members(members)) = serde_json::from_str(text) else { return Value::Null };
            let mut object = Map::new();
            for (name, raw) in members {
                // A name that is no text is that of no member.
                let Ok(name) = serde_json::from_str::<String>(name.get()) else { continue };
                if !object.get(&name).is_some_and(|before| stays(&name, before)) {
                    object.insert(name, value(raw, stays));
                }
            }
            Value::Object(object)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
            items.into_iter().map(|item| value(item, stays)).collect()
        }
        // An invalid text is absent; a number that is too large is not a count.
        Some(b'"') => serde_json::from_str(text).unwrap_or(Value::Null),
        _ => serde_json::from_str(text).unwrap_or(json!(0.5)),
    }
}

/// The members of an object, in their order.
struct Members<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Each)
    }
}
