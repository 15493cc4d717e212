//! A JSON reader in two obvious steps: check that all of the text is one object, then look members
//! up in it.
//!
//! Neither step recurses, so depth costs a byte of heap a level and no stack.

/// A checked object; members are looked up by walking its text.
pub(super) struct Object<'a> {
    /// From its opening brace to its closing one.
    text: &'a str,
}

/// Reads `text` as exactly one object with ASCII white space around it.
pub(super) fn object(text: &[u8]) -> Option<Object<'_>> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    (text.starts_with('{') && is_json(text.as_bytes())).then_some(Object { text })
}

impl<'a> Object<'a> {
    /// The member `name` where it is a string, not empty, and valid Unicode.
    pub(super) fn string(&self, name: &str) -> Option<String> {
        self.any_string(name).filter(|text| !text.is_empty())
    }

    /// The same, but an empty string is one.
    pub(super) fn any_string(&self, name: &str) -> Option<String> {
        let value = self.last(name)?;
        value.starts_with('"').then(|| unescape(value))?
    }

    /// The member `name` where it is an object.
    pub(super) fn object(&self, name: &str) -> Option<Object<'a>> {
        let text = self.last(name)?;
        text.starts_with('{').then_some(Object { text })
    }

    /// The text of the last member of that name.
    fn last(&self, name: &str) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        let mut found = None;
        let mut at = after_space(bytes, 1);
        while bytes[at] != b'}' {
            let key_end = value_end(bytes, at);
            let value_start = after_space(bytes, after_space(bytes, key_end) + 1);
            let end = value_end(bytes, value_start);
            if unescape(&self.text[at..key_end]).as_deref() == Some(name) {
                found = Some(&self.text[value_start..end]);
            }
            at = after_space(bytes, end);
            if bytes[at] == b',' {
                at = after_space(bytes, at + 1);
            }
        }
        found
    }
}

/// The end of the value that starts at `at` in checked JSON.
fn value_end(json: &[u8], mut at: usize) -> usize {
    let mut depth = 0usize;
    loop {
        match json[at] {
            b'"' => at = string_end(json, at),
            b'{' | b'[' => (depth, at) = (depth + 1, at + 1),
            b'}' | b']' => (depth, at) = (depth - 1, at + 1),
            b',' | b':' => at += 1,
            byte if is_space(byte) => at += 1,
            _ => at = scalar_end(json, at),
        }
        if depth == 0 {
            return at;
        }
    }
}

/// The end of the string that opens at `at`, in checked JSON.
fn string_end(json: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while json[end] != b'"' {
        end += if json[end] == b'\\' { 2 } else { 1 };
    }
    end + 1
}

fn scalar_end(json: &[u8], at: usize) -> usize {
    let rest = &json[at..];
    let length = rest.iter().position(|&byte| is_space(byte) || b",:]}".contains(&byte));
    at + length.unwrap_or(rest.len())
}

/// What a checked string literal, quotes included, represents; nothing when that is no valid
/// Unicode.
fn unescape(literal: &str) -> Option<String> {
    let inside = &literal[1..literal.len() - 1];
    if !inside.contains('\\') {
        return Some(inside.to_owned());
    }
    // As UTF-16, because escapes spell UTF-16: pairs join, a lone surrogate fails.
    let mut units = Vec::new();
    let mut rest = inside.chars();
    while let Some(char) = rest.next() {
        if char != '\\' {
            units.extend(char.encode_utf16(&mut [0; 2]).iter());
            continue;
        }
        units.push(match rest.next()? {
            'u' => u16::from_str_radix(&rest.by_ref().take(4).collect::<String>(), 16).ok()?,
            'b' => 0x08,
            'f' => 0x0c,
            'n' => 0x0a,
            'r' => 0x0d,
            't' => 0x09,
            itself => itself as u16,
        });
    }
    String::from_utf16(&units).ok()
}

/// What may come next while JSON is checked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    CommaOrEnd,
}

/// Whether the whole text is one JSON value.
fn is_json(text: &[u8]) -> bool {
    let mut open = Vec::new();
    let mut next = Next::Value;
    let mut at = 0;
    loop {
        at = after_space(text, at);
        let Some(&byte) = text.get(at) else {
            return open.is_empty() && next == Next::CommaOrEnd;
        };
        let closes = (byte == b'}' && open.last() == Some(&b'{'))
            || (byte == b']' && open.last() == Some(&b'['));
        let may_close = matches!(next, Next::ValueOrEnd | Next::KeyOrEnd | Next::CommaOrEnd);
        if closes && may_close {
            open.pop();
            (next, at) = (Next::CommaOrEnd, at + 1);
            continue;
        }
        let end = match (next, byte) {
            (Next::Value | Next::ValueOrEnd, b'{') => {
                open.push(byte);
                next = Next::KeyOrEnd;
                Some(at + 1)
            }
            (Next::Value | Next::ValueOrEnd, b'[') => {
                open.push(byte);
                next = Next::ValueOrEnd;
                Some(at + 1)
            }
            (Next::Value | Next::ValueOrEnd, _) => {
                next = Next::CommaOrEnd;
                scalar(text, at)
            }
            (Next::Key | Next::KeyOrEnd, b'"') => {
                next = Next::Value;
                string(text, at)
                    .map(|end| after_space(text, end))
                    .filter(|&end| text.get(end) == Some(&b':'))
                    .map(|end| end + 1)
            }
            (Next::CommaOrEnd, b',') => {
                next = match open.last() {
                    Some(b'{') => Next::Key,
                    Some(_) => Next::Value,
                    None => return false,
                };
                Some(at + 1)
            }
            _ => None,
        };
        let Some(end) = end else { return false };
        at = end;
    }
}

/// Checks the string, number or word at `at` and gives its end.
fn scalar(text: &[u8], at: usize) -> Option<usize> {
    if text[at] == b'"' {
        return string(text, at);
    }
    if let Some(word) =
        ["true", "false", "null"].iter().find(|word| text[at..].starts_with(word.as_bytes()))
    {
        return Some(at + word.len());
    }
    number(text, at)
}

fn string(text: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        match *text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => match *text.get(at + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                b'u' if text.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => at += 6,
                _ => return None,
            },
            0..0x20 => return None,
            _ => at += 1,
        }
    }
}

fn number(text: &[u8], at: usize) -> Option<usize> {
    let digits = |at: usize| text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let start = at + usize::from(text[at] == b'-');
    let whole = digits(start);
    if whole == 0 || (whole > 1 && text[start] == b'0') {
        return None;
    }
    let mut end = start + whole;
    if text.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        if fraction == 0 {
            return None;
        }
        end += 1 + fraction;
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        end += 1 + usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end);
        if exponent == 0 {
            return None;
        }
        end += exponent;
    }
    Some(end)
}

fn after_space(text: &[u8], at: usize) -> usize {
    at + text[at..].iter().take_while(|&&byte| is_space(byte)).count()
}

/// White space inside JSON, which is less than ASCII white space.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_the_grammar_takes() {
        for text in [
            "{}",
            " \t\n\r\x0c{}\x0c ",
            r#"{"a":1}"#,
            r#"{"a" : [ ] , "b" : { } , "c":[1,-0,0.5,1e9,1E-9,-12.25e+3,true,false,null,"x"]}"#,
            r#"{"a":"\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t"}"#,
            "{\"\u{7f}\":\"\u{e9}\"}",
        ] {
            assert!(object(text.as_bytes()).is_some(), "{text}");
        }
    }

    #[test]
    fn refuses_what_the_grammar_refuses() {
        let bad = [
            "",
            "[]",
            "1",
            "\"x\"",
            "{",
            "}",
            "{}{}",
            "{},",
            "{]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "{a:1}",
            "{\"a\":01}",
            "{\"a\":1.}",
            "{\"a\":.5}",
            "{\"a\":+1}",
            "{\"a\":-}",
            "{\"a\":1e}",
            "{\"a\":NaN}",
            "{\"a\":Infinity}",
            "{\"a\":[1,]}",
            "{\"a\":[}",
            "{\"a\":[1 2]}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12g4\"}",
            "{\"a\":\"\\u123",
            "{\"a\":\"\t\"}",
            "{\"a\":\"x}",
            "{\"a\":truefalse}",
            "{\"a\":\x0c1}",
            "\x0b{}",
            "\u{feff}{}",
            "{\"a\":1}\0",
            "{\"a\":1 \"b\":2}",
            "{\"a\"\"b\"}",
            "{1:2}",
        ];
        for text in bad {
            assert!(object(text.as_bytes()).is_none(), "{text:?}");
        }
        assert!(object(b"{\"a\":\"\xff\"}").is_none());
        assert!(object(b"{\"a\":\"\xed\xa0\x80\"}").is_none());
    }

    #[test]
    fn looks_up_the_last_member_of_a_name() {
        let text = br#"{"a":"1","b":{"a":"no","x":[{"a":"no"}]},"\u0061":"2",
            "c":"","d":7,"e":"\ud800","f":"\ud83d\ude00"}"#;
        let json = object(text).unwrap();
        assert_eq!(json.string("a").as_deref(), Some("2"));
        assert_eq!(json.object("b").and_then(|b| b.string("a")).as_deref(), Some("no"));
        assert_eq!(json.string("b"), None);
        assert_eq!(json.string("c"), None);
        assert_eq!(json.any_string("c").as_deref(), Some(""));
        assert_eq!(json.string("d"), None);
        assert_eq!(json.string("e"), None);
        assert_eq!(json.string("f").as_deref(), Some("\u{1f600}"));
        assert!(json.object("a").is_none());
        assert!(object(br#"{"a":"1","a":null}"#).unwrap().string("a").is_none());
    }

    #[test]
    fn depth_is_no_limit() {
        let depth = 1_000_000;
        let deep = |closing: usize| {
            format!("{{\"x\":{}{},\"a\":\"b\"}}", "[".repeat(depth), "]".repeat(closing))
        };
        assert_eq!(object(deep(depth).as_bytes()).unwrap().string("a").as_deref(), Some("b"));
        assert!(object(deep(depth - 1).as_bytes()).is_none());
    }
}
