//! The few members of a JSON object that matter, whatever else it holds.
//!
//! `serde_json` does the reading: what is not looked at is still checked against RFC 8259, without
//! recursion, so a member may be as large or as deep as it likes.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// A word to look for before a text is read as JSON: ASCII, without characters that have a short
/// escape.
pub(super) struct Word(LazyLock<Finder<'static>>);

impl Word {
    /// What the rows of completed responses must hold.
    pub(super) const fn completed() -> Self {
        Self(LazyLock::new(|| Finder::new("response.completed")))
    }

    /// What the rows of priority turns must hold.
    pub(super) const fn priority() -> Self {
        Self(LazyLock::new(|| Finder::new("priority")))
    }

    /// Whether `text` may hold a string equal to the word.
    ///
    /// Necessary, not sufficient: a quick way past rows that cannot matter. Such a word is written
    /// out or, letter by letter, with escapes that begin `\u00`.
    pub(super) fn may_stand_in(&self, text: &[u8]) -> bool {
        static ESCAPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r"\u00"));
        self.0.find(text).is_some() || ESCAPE.find(text).is_some()
    }
}

/// One member's value, not yet read.
#[derive(Clone, Copy)]
pub(super) struct Value<'a>(&'a str);

impl<'a> Value<'a> {
    /// The value as text; an empty string, one with a lone surrogate and anything that is no string
    /// count as absent.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        if inner.is_empty() {
            return None;
        }
        if inner.contains('\\') {
            serde_json::from_str::<String>(self.0).ok().map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(inner))
        }
    }

    /// The same, for use as a function.
    pub(super) fn into_text(value: Self) -> Option<Cow<'a, str>> {
        value.text()
    }

    /// The last member called `name`, if the value is an object.
    pub(super) fn member(self, name: &str) -> Option<Value<'a>> {
        let mut found = None;
        members(self.0, |key, value| {
            if key == name {
                found = Some(value);
            }
        })?;
        found
    }
}

/// Reads exactly one object, with ASCII white space around it, and hands every member to `each` in
/// order.
///
/// `None` if `text` is anything else: then whatever `each` has seen must be forgotten. Of duplicate
/// members the last one wins if `each` assigns.
pub(super) fn object<'a>(text: &'a [u8], each: impl FnMut(&str, Value<'a>)) -> Option<()> {
    members(str::from_utf8(text).ok()?.trim_matches(|c: char| c.is_ascii_whitespace()), each)
}

fn members<'a>(text: &'a str, each: impl FnMut(&str, Value<'a>)) -> Option<()> {
    if !text.starts_with('{') {
        return None;
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.deserialize_map(Members { each }).ok()?;
    reader.end().ok()
}

struct Members<F> {
    each: F,
}

impl<'de, F: FnMut(&str, Value<'de>)> Visitor<'de> for Members<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        // Keys are read unparsed too: one with a lone surrogate is unknown, not an error.
        while let Some(key) = map.next_key::<&'de RawValue>()? {
            let value = Value(map.next_value::<&'de RawValue>()?.get());
            if let Some(key) = Value(key.get()).text() {
                (self.each)(&key, value);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], name: &str) -> Option<Option<String>> {
        let mut found = None;
        object(text, |key, value| {
            if key == name {
                found = value.text().map(Cow::into_owned);
            }
        })?;
        Some(found)
    }

    #[test]
    fn the_last_of_duplicate_members_wins_even_when_it_is_no_text() {
        assert_eq!(read(br#"{"a":"x","a":"y"}"#, "a"), Some(Some("y".into())));
        assert_eq!(read(br#"{"a":"x","a":1}"#, "a"), Some(None));
        assert_eq!(read(br#"{"a":"x","a":""}"#, "a"), Some(None));
    }

    #[test]
    fn escapes_are_understood_in_keys_and_values() {
        assert_eq!(read(br#"{"\u0061":"\u0070riority"}"#, "a"), Some(Some("priority".into())));
        assert_eq!(read(br#"{"a":"\ud83d\ude00"}"#, "a"), Some(Some("\u{1f600}".into())));
        assert_eq!(read(br#"{"a":"x\ud800"}"#, "a"), Some(None));
        assert_eq!(read(br#"{"\ud800":1,"a":"x"}"#, "a"), Some(Some("x".into())));
    }

    #[test]
    fn white_space_around_the_object_is_ascii_white_space() {
        assert_eq!(read(b" \t\n\x0c\r{\"a\":\"x\"}\x0c\n ", "a"), Some(Some("x".into())));
        assert_eq!(read(b"\x0b{}", "a"), None);
        assert_eq!(read("\u{a0}{}".as_bytes(), "a"), None);
        assert_eq!(read(b"{\x0c}", "a"), None);
    }

    #[test]
    fn what_is_no_object_by_rfc_8259_is_refused_wherever_the_fault_is() {
        for text in [
            &b"{} x"[..],
            b"{}{}",
            b"[]",
            b"\"a\"",
            b"",
            b"{",
            b"{\"a\":1,}",
            b"{\"a\":01}",
            b"{\"a\":NaN}",
            b"{\"a\":+1}",
            b"{\"a\":.5}",
            b"{\"a\":\"\x01\"}",
            b"{\"\x01\":1}",
            b"{\"b\":{\"c\":\"\x1f\"}}",
            b"{\"b\":\"\xff\"}",
            b"{\"b\":\"\\x\"}",
            b"{\"b\":\"\\u12\"}",
            b"{'a':1}",
            b"{a:1}",
            b"\xef\xbb\xbf{}",
            b"{\"b\":tru}",
            b"{\"b\":[1,]}",
        ] {
            assert_eq!(read(text, "a"), None, "{:?}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn depth_and_size_of_what_is_skipped_do_not_matter() {
        let depth = 200_000;
        let mut text = b"{\"b\":".to_vec();
        text.extend(vec![b'['; depth]);
        text.extend(vec![b']'; depth]);
        text.extend_from_slice(b",\"n\":1e99999,\"m\":");
        text.extend(vec![b'9'; 10_000]);
        text.extend_from_slice(b",\"a\":\"x\"}");
        assert_eq!(read(&text, "a"), Some(Some("x".into())));
    }

    #[test]
    fn the_quick_test_lets_every_spelling_through() {
        assert!(Word::priority().may_stand_in(br#"{"a":"priority"}"#));
        assert!(Word::priority().may_stand_in(br#"{"a":"pr\u0069ority"}"#));
        assert!(!Word::priority().may_stand_in(br#"{"a":"default"}"#));
    }
}
