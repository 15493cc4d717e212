//! Fields of the spans before a marker: `name=value`.

/// The value of field `name` in `text`, at the first place where the name is not the end of a
/// longer one.
///
/// `parent_thread_id=` is not `thread_id=`, and `a.turn_id=` is not `turn_id=`. A value in double
/// quotes is what is between them; any other ends at ASCII white space or one of `, ] ) } :`. An
/// empty value, one whose quotes never close and one that is no UTF-8 count as absent; a later
/// occurrence is not tried.
pub(crate) fn field<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a str> {
    // Spans hold a dozen of these; to prepare a search for the name takes longer than to look at
    // each.
    value(memchr::memchr_iter(b'=', text).find_map(|at| begins(text, at, name))?)
}

/// The values of two fields, found in one go.
pub(super) fn fields<'a>(
    text: &'a [u8],
    first: &[u8],
    second: &[u8],
) -> (Option<&'a str>, Option<&'a str>) {
    let (mut one, mut other) = (None, None);
    for at in memchr::memchr_iter(b'=', text) {
        one = one.or_else(|| begins(text, at, first));
        other = other.or_else(|| begins(text, at, second));
        if one.is_some() && other.is_some() {
            break;
        }
    }
    (one.and_then(value), other.and_then(value))
}

/// What follows the `=` at a place, if the whole name `name` comes before it.
fn begins<'a>(text: &'a [u8], at: usize, name: &[u8]) -> Option<&'a [u8]> {
    let before = text[..at].strip_suffix(name)?;
    before.last().is_none_or(|&byte| !continues_name(byte)).then(|| &text[at + 1..])
}

/// The value that `text` begins with.
fn value(text: &[u8]) -> Option<&str> {
    let value = match text.strip_prefix(b"\"") {
        Some(quoted) => &quoted[..memchr::memchr(b'"', quoted)?],
        None => {
            &text[..text
                .iter()
                .position(|&byte| ENDS_VALUE[usize::from(byte)])
                .unwrap_or(text.len())]
        }
    };
    if value.is_empty() { None } else { str::from_utf8(value).ok() }
}

/// Whether `byte` before a name makes it the end of another name.
fn continues_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.'
}

/// Whether a byte ends a value without quotes.
static ENDS_VALUE: [bool; 256] = {
    let mut ends = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let is_mark = matches!(byte as u8, b',' | b']' | b')' | b'}' | b':');
        ends[byte] = is_mark || (byte as u8).is_ascii_whitespace();
        byte += 1;
    }
    ends
};

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn a_name_must_stand_alone() {
        let text = b"s{parent_thread_id=p x.thread_id=d Xthread_id=c 9thread_id=n thread_id=t}:";
        assert_eq!(field(text, b"thread_id"), Some("t"));
        assert_eq!(field(b"thread_id=t", b"thread_id"), Some("t"));
        assert_eq!(field(b"-thread_id=t", b"thread_id"), Some("t"));
        assert_eq!(field(b"turn_idx=t", b"turn_id"), None);
        assert_eq!(field(b"thread.id=t", b"thread_id"), None);
    }

    #[test]
    fn values_end_where_they_should() {
        for end in [" ", "\t", "\n", "\x0c", "\r", ",", "]", ")", "}", ":"] {
            let text = format!("turn.id=abc{end}def");
            assert_eq!(field(text.as_bytes(), b"turn.id"), Some("abc"), "ended by {end:?}");
        }
        assert_eq!(field(b"turn.id=abc\x0bdef;g", b"turn.id"), Some("abc\x0bdef;g"));
        assert_eq!(field(b"turn.id=\"a b:c\" d", b"turn.id"), Some("a b:c"));
    }

    #[test]
    fn an_empty_or_broken_value_is_absent_and_ends_the_search() {
        for text in [
            &b"turn_id= turn_id=t"[..],
            b"turn_id=\"\" turn_id=t",
            b"turn_id=\"open turn_id=t",
            b"turn_id=\xff turn_id=t",
            b"turn_id=",
            b"turn_id",
            b"",
        ] {
            assert_eq!(field(text, b"turn_id"), None, "{:?}", String::from_utf8_lossy(text));
        }
    }
}
