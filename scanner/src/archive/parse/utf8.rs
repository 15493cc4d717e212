//! Bytes that must be UTF-8, checked as they come: JSON is, and the parser looks only at the texts that it keeps.

use std::io::{self, Read};

/// What `inner` gives. Reading fails at bytes that are no text.
pub(super) struct Utf8<R> {
    inner: R,
    /// The beginning of a character that has not come to its end.
    begun: Vec<u8>,
}

impl<R> Utf8<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, begun: Vec::new() }
    }
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let mut text = std::mem::take(&mut self.begun);
        text.extend_from_slice(&buffer[..read]);
        match str::from_utf8(&text) {
            Ok(_) => Ok(read),
            // More may come.
            Err(error) if error.error_len().is_none() && read > 0 => {
                self.begun = text.split_off(error.valid_up_to());
                Ok(read)
            }
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let one = buffer.len().min(1);
            self.0.read(&mut buffer[..one])
        }
    }

    #[test]
    fn characters_may_come_in_pieces_and_must_end() {
        let read = |bytes: &[u8]| {
            let whole = Utf8::new(bytes).read_to_end(&mut Vec::new()).is_ok();
            let slowly = Utf8::new(Slow(bytes)).read_to_end(&mut Vec::new()).is_ok();
            assert_eq!(whole, slowly, "{bytes:?}");
            whole
        };
        assert!(read(b"") && read("a\u{e9}\u{20ac}\u{1f600}z".as_bytes()));
        for bad in [&b"\xff"[..], b"a\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xc3\x28"] {
            assert!(!read(bad), "{bad:?}");
        }
    }
}
