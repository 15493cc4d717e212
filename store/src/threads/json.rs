//! JSON text as bytes: members of an object as they are written, and compact text without parsing
//! it.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// A member of an object as it is written, `null` included; `None` if the object has no such
/// member.
pub(crate) type Raw<'a> = Option<&'a RawValue>;

/// The members of an object that have these names. Of several members with one name the last
/// counts.
///
/// Names and values are checked as far as the grammar goes: half of a surrogate pair, or a number
/// that no double holds, is an error only for anyone who reads that text or number.
///
/// # Errors
/// `object` is not a JSON object.
pub(crate) fn members<'a, const N: usize>(
    object: &'a str,
    names: [&str; N],
) -> serde_json::Result<[Raw<'a>; N]> {
    struct Wanted<'n, const N: usize>([&'n str; N]);
    impl<'de, const N: usize> Visitor<'de> for Wanted<'_, N> {
        type Value = [Raw<'de>; N];

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = [None; N];
            while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                let place =
                    text(name).and_then(|name| self.0.iter().position(|wanted| *wanted == name));
                if let Some(place) = place {
                    found[place] = Some(value);
                }
            }
            Ok(found)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(object);
    let found = reader.deserialize_map(Wanted(names))?;
    reader.end()?;
    Ok(found)
}

/// The member at the end of a path through objects.
pub(crate) fn at<'a>(object: &'a str, path: &[&str]) -> Raw<'a> {
    let (name, rest) = path.split_first()?;
    let [member] = members(object, [name]).ok()?;
    if rest.is_empty() { member } else { at(member?.get(), rest) }
}

/// The text that a value is; `None` for other values and for a text with half of a surrogate pair.
pub(crate) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    let inside = value.get().strip_prefix('"')?.strip_suffix('"')?;
    if inside.contains('\\') {
        serde_json::from_str(value.get()).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inside))
    }
}

/// Valid JSON without the white space between its tokens. What is compact already is given back as
/// it is.
pub(crate) fn compact(json: &str) -> Cow<'_, str> {
    let is_space = |byte: u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    let (mut in_string, mut escaped) = (false, false);
    // Ends of stretches of white space are found by one walk that knows when it is inside of a
    // string.
    let mut outside = move |byte: u8| {
        let was_in_string = in_string;
        if escaped {
            escaped = false;
        } else if byte == b'"' {
            in_string = !in_string;
        } else if byte == b'\\' {
            escaped = true;
        }
        !was_in_string && is_space(byte)
    };
    if !json.bytes().any(is_space) {
        return Cow::Borrowed(json);
    }
    let kept: Vec<u8> = json.bytes().filter(|byte| !outside(*byte)).collect();
    // Only whole characters of ASCII were taken away.
    String::from_utf8(kept).map_or(Cow::Borrowed(json), Cow::Owned)
}

/// Valid JSON on one line.
pub(crate) fn one_line(json: &str) -> Cow<'_, str> {
    // Inside of a string a line break is written as an escape, so any that is there is white space.
    if memchr::memchr2(b'\n', b'\r', json.as_bytes()).is_none() {
        Cow::Borrowed(json)
    } else {
        compact(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_members_with_one_name_the_last_counts() {
        let json =
            r#"{"a":1,"b":{"c":{"d":5}},"\u0061":[2],"b":{"c":{"d":6,"d":1e999}},"\ud800":1e999}"#;
        let [a, z] = members(json, ["a", "z"]).unwrap();
        assert_eq!((a.map(RawValue::get), z.map(RawValue::get)), (Some("[2]"), None));
        assert_eq!(at(json, &["b", "c", "d"]).map(RawValue::get), Some("1e999"));
        assert!(at(json, &["a", "c"]).is_none() && at(json, &[]).is_none());
        for no_object in ["[1]", "7", "{\"a\":1", "{\"a\":1}x", "{\"a\":\"\t\"}", ""] {
            assert!(members(no_object, ["a"]).is_err(), "{no_object}");
        }
    }

    #[test]
    fn white_space_between_tokens_goes_and_inside_of_strings_stays() {
        let json = " { \"a b\" : [ 1 , \"c \\\" d\\\\\" , { } ],\r\n\t\"e\\\\\" :null } ";
        let expected = "{\"a b\":[1,\"c \\\" d\\\\\",{}],\"e\\\\\":null}";
        assert_eq!(compact(json), expected);
        assert!(matches!(compact("{\"a\":1}"), Cow::Borrowed(_)));
        assert_eq!(one_line("{\n\"a b\": 1}"), "{\"a b\":1}");
        assert_eq!(one_line("{ \"a b\": 1}"), "{ \"a b\": 1}");
    }
}
