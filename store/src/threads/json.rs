//! JSON text as bytes: taken as valid, made compact without being parsed.

use std::borrow::Cow;

/// Valid JSON without the white space between its tokens. What is compact already is given back as it is.
pub(crate) fn compact(json: &str) -> Cow<'_, str> {
    let is_space = |byte: u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    let (mut in_string, mut escaped) = (false, false);
    // Ends of stretches of white space are found by one walk that knows when it is inside of a string.
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
    if memchr::memchr2(b'\n', b'\r', json.as_bytes()).is_none() { Cow::Borrowed(json) } else { compact(json) }
}

#[cfg(test)]
mod tests {
    use super::*;

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
