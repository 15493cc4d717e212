//! JSON on its way to the parser: what the parser would refuse or hold in memory without need is taken out of its texts and numbers.
//!
//! A lone surrogate is no text, and the parser would refuse the whole line for it: [`MARK`] stands in its place, and whoever
//! reads a text with that mark takes it as absent. Texts end after [`MOST`] bytes; nothing that matters is that long. The parser refuses
//! numbers that no double holds, too: digits beyond [`MOST_DIGITS`] and those of exponents beyond the first are left out, so that
//! such a number is another one that can be no count.

use std::io::{self, BufRead, BufReader, Read};

/// Stands in the place of a lone surrogate. Texts have no such characters.
pub(super) const MARK: &str = "\u{ffff}\u{fffe}\u{ffff}";

/// Bytes of a text that are looked at, at most.
pub(super) const LONGEST: usize = 4 << 10;

/// Bytes of a text as it is written that are let through: one byte takes six as an escape.
const MOST: usize = 6 * (LONGEST + 4);

/// Digits of a number that are let through: more than a counter holds, and fewer than a double does.
const MOST_DIGITS: usize = 21;

/// Bytes taken at a time.
const PIECE: usize = 64 << 10;

/// JSON as `inner` gives it, with its texts as the parser wants them.
pub(super) struct Texts<R> {
    inner: BufReader<R>,
    /// What can be read next, and how much of it was.
    ready: Vec<u8>,
    read: usize,
    /// The text that it is in.
    text: Option<Text>,
    /// The first half of a pair of surrogates, whose second has not come yet.
    half: Option<[u8; 6]>,
    /// Digits that are let through until something else comes.
    digits: usize,
}

/// A text that is being let through.
#[derive(Default)]
struct Text {
    /// Bytes of it.
    length: usize,
    /// Whether the rest of it is left out.
    is_cut: bool,
}

impl<R: Read> Texts<R> {
    pub(super) fn new(inner: R) -> Self {
        let inner = BufReader::with_capacity(PIECE, inner);
        Self { inner, ready: Vec::new(), read: 0, text: None, half: None, digits: MOST_DIGITS }
    }

    /// Makes more ready. `false` at the end.
    fn more(&mut self) -> io::Result<bool> {
        let buffer = self.inner.fill_buf()?;
        let Some(&first) = buffer.first() else { return Ok(false) };
        match first {
            b'\\' => {
                self.inner.consume(1);
                self.escape()?;
            }
            b'"' => {
                self.inner.consume(1);
                self.lone();
                self.text = if self.text.is_some() { None } else { Some(Text::default()) };
                self.ready.push(b'"');
            }
            _ => {
                let end = memchr::memchr2(b'"', b'\\', buffer).unwrap_or(buffer.len());
                let run = buffer[..end].to_vec();
                self.inner.consume(end);
                self.lone();
                self.push(&run);
            }
        }
        Ok(true)
    }

    /// Lets bytes through. A text that is too long ends between two characters.
    fn push(&mut self, bytes: &[u8]) {
        let Some(Text { length, is_cut }) = &mut self.text else {
            return self.push_outside(bytes);
        };
        // What may not stand in a text stays, so that the parser finds it.
        let forbidden = |bytes: &[u8]| bytes.iter().copied().find(|byte| *byte < b' ');
        if *is_cut {
            return self.ready.extend(forbidden(bytes));
        }
        let is_inside = |byte: &&u8| (0x80..0xc0).contains(*byte);
        let room = MOST.saturating_sub(*length).min(bytes.len());
        let end = room + bytes[room..].iter().take_while(is_inside).count();
        self.ready.extend_from_slice(&bytes[..end]);
        self.ready.extend(forbidden(&bytes[end..]));
        *length += end;
        *is_cut = end < bytes.len();
    }

    /// Lets through what stands between texts, without digits that no number needs.
    fn push_outside(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.digits = match byte {
                b'0'..=b'9' if self.digits == 0 => continue,
                b'0'..=b'9' => self.digits - 1,
                b'e' | b'E' => 1,
                // The sign of an exponent; before the digits of a whole number stands something else.
                b'+' | b'-' => self.digits,
                _ => MOST_DIGITS,
            };
            self.ready.push(*byte);
        }
    }

    /// Lets an escape through, or none of it if it is one.
    fn push_whole(&mut self, escape: &[u8]) {
        if let Some(text) = &mut self.text {
            text.is_cut |= text.length >= MOST;
            let is_right = match escape {
                [b'\\', b'u', digits @ ..] => {
                    digits.len() >= 4 && digits[..4].iter().all(u8::is_ascii_hexdigit)
                }
                [b'\\', rest @ ..] => {
                    matches!(rest, [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'])
                }
                _ => true,
            };
            if text.is_cut && is_right {
                return;
            }
            text.length += escape.len();
        }
        self.ready.extend_from_slice(escape);
    }

    /// Marks the first half of a pair without a second.
    fn lone(&mut self) {
        if self.half.take().is_some() {
            self.push_whole(MARK.as_bytes());
        }
    }

    /// Takes what follows a backslash.
    fn escape(&mut self) -> io::Result<()> {
        let mut escape = [b'\\', 0, 0, 0, 0, 0];
        let count = self.take(&mut escape[1..2])?;
        if count == 0 || escape[1] != b'u' {
            self.lone();
            self.push_whole(&escape[..=count]);
            return Ok(());
        }
        let count = self.take(&mut escape[2..])?;
        let digits = str::from_utf8(&escape[2..]).ok().filter(|_| count == 4);
        match digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) {
            Some(0xd800..0xdc00) => {
                self.lone();
                self.half = Some(escape);
            }
            Some(0xdc00..0xe000) => match self.half.take() {
                Some(half) => self.push_whole(&[half, escape].concat()),
                None => self.push_whole(MARK.as_bytes()),
            },
            _ => {
                self.lone();
                self.push_whole(&escape[..2 + count]);
            }
        }
        Ok(())
    }

    /// Takes as many bytes as there are, and as `place` holds.
    fn take(&mut self, place: &mut [u8]) -> io::Result<usize> {
        let mut count = 0;
        while count < place.len() {
            match self.inner.read(&mut place[count..])? {
                0 => break,
                more => count += more,
            }
        }
        Ok(count)
    }
}

impl<R: Read> Read for Texts<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.ready.len() {
            self.ready.clear();
            self.read = 0;
            if !self.more()? {
                return Ok(0);
            }
        }
        let count = buffer.len().min(self.ready.len() - self.read);
        buffer[..count].copy_from_slice(&self.ready[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(json: &str) -> String {
        let mut text = String::new();
        Texts::new(json.as_bytes()).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn what_the_parser_can_read_is_let_through() {
        for json in ["", "{}", r#"{"a\n":"\"\u00e9\\","b":[1,"\ud83d\ude00"]} "#, r#""\u12"#, r#""\"#, "\"x"]
        {
            assert_eq!(through(json), json);
        }
    }

    #[test]
    fn numbers_that_no_double_holds_become_others_that_are_no_count() {
        for (json, read) in [
            ("[0,-1,1.5,2e3,true,\"4e400\"]", "[0,-1,1.5,2e3,true,\"4e400\"]"),
            ("[1e400,1E-308,-7e+99,8]", "[1e4,1E-3,-7e+9,8]"),
            ("18446744073709551616000,5", "184467440737095516160,5"),
        ] {
            assert_eq!(through(json), read);
        }
        let long = "9".repeat(PIECE + 1);
        let cut = through(&format!("{long}.{long}e{long}"));
        assert!(cut.parse::<f64>().unwrap().is_finite() && cut.len() < 50, "{cut}");
    }

    #[test]
    fn lone_surrogates_are_marked() {
        for (json, marks) in [
            (r#""\ud800""#, 1),
            (r#""a\udc00b""#, 1),
            (r#""\ud800\ud800\udc00""#, 1),
            (r#""\ud800\n\ud83d\ude00""#, 1),
            (r#""\udc00\ud800","\ud800x""#, 3),
        ] {
            let text = through(json);
            assert_eq!(text.matches(MARK).count(), marks, "{json}");
            assert!(serde_json::from_str::<serde_json::Value>(&format!("[{text}]")).is_ok(), "{json}");
        }
    }

    #[test]
    fn long_texts_end_between_characters_and_others_are_whole() {
        for unit in ["x", "\u{e9}", "\u{20ac}", r"\n", r"\u00e9", r"\ud83d\ude00"] {
            let json = format!(r#"["{}","end"]"#, unit.repeat(MOST));
            let (long, end): (String, String) = serde_json::from_str(&through(&json)).unwrap();
            assert!((LONGEST..=MOST + 12).contains(&long.len()), "{unit}: {}", long.len());
            assert_eq!(end, "end");
        }
    }

    #[test]
    fn what_is_left_out_of_a_long_text_must_be_right() {
        let long = "x".repeat(MOST + 5);
        for right in ["\u{e9}", r#"\""#, r"\u00e9", r"\/", r"\ud83d\ude00", r"\udc00", r"\ud800"] {
            let json = through(&format!(r#"["{long}{right}","end"]"#));
            assert!(json.len() < MOST + 20 && serde_json::from_str::<[String; 2]>(&json).is_ok(), "{right}");
        }
        for wrong in ["\u{1}", "\n", r"\x", r"\u12g4", r"\u+123", "\\\n"] {
            for long in [&long, &long[..MOST - 1], &long[..MOST]] {
                let json = through(&format!(r#"["{long}{wrong}x","end"]"#));
                assert!(
                    serde_json::from_str::<[String; 2]>(&json).is_err(),
                    "{wrong:?} after {}",
                    long.len()
                );
            }
        }
    }
}
