//! The lines of a file through a buffer of fixed size, whatever their length.

use std::borrow::BorrowMut;
use std::io::{self, Read};
use std::ops::{ControlFlow, Range};

use super::source::Source;

/// What a file is read with, kept from one file to the next.
#[derive(Debug)]
pub(crate) struct Scratch {
    buffer: Vec<u8>,
    /// For the rare line that is longer than the buffer and must be seen whole.
    long: Vec<u8>,
}

impl Scratch {
    /// Lines within 256 KiB are read without being copied.
    pub(crate) const BYTES: usize = 256 << 10;

    pub(crate) fn new() -> Self {
        Self::of(Self::BYTES)
    }

    pub(crate) fn of(bytes: usize) -> Self {
        Self { buffer: vec![0; bytes.max(1)], long: Vec::new() }
    }
}

/// The lines of a file, from its beginning to what was its end when that was reached.
#[derive(Debug)]
pub(crate) struct Lines<S, F, B> {
    source: Source,
    scratch: S,
    /// Told how many bytes of the file were read, each time; it can break off, also in the middle
    /// of a line.
    read: F,
    /// Why it broke off. Then the apparent end is not the end.
    broken_off: Option<B>,
    /// What of the buffer is read from the file and not yet given out.
    window: Range<usize>,
    /// Where the window begins in the file.
    offset: u64,
    at_end: bool,
}

/// The position of a line, without its line break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    /// Where it begins in the file.
    pub(crate) offset: u64,
    /// Its length without the line break.
    pub(crate) bytes: u64,
    /// Whether a line break ends it.
    pub(crate) is_ended: bool,
}

impl Span {
    /// Where the next line begins, or would.
    pub(crate) fn end(&self) -> u64 {
        self.offset + self.bytes + u64::from(self.is_ended)
    }
}

/// A line, or the beginning of one.
#[derive(Debug)]
pub(crate) enum Next {
    /// No more lines.
    End,
    /// A line that is in the buffer: see [`Lines::bytes`].
    Whole(Span, Range<usize>),
    /// A line that does not fit: [`Lines::long`] must come next.
    Long,
}

impl<S: BorrowMut<Scratch>, F: FnMut(u64) -> ControlFlow<B>, B> Lines<S, F, B> {
    pub(crate) fn new(source: impl Into<Source>, mut scratch: S, read: F) -> Self {
        // What a long line of another file took is given back.
        scratch.borrow_mut().long = Vec::new();
        let source = source.into();
        Self { source, scratch, read, broken_off: None, window: 0..0, offset: 0, at_end: false }
    }

    pub(crate) fn next(&mut self) -> io::Result<Next> {
        let mut searched = 0;
        loop {
            let buffer = &mut self.scratch.borrow_mut().buffer;
            let window = &buffer[self.window.clone()];
            if let Some(found) = memchr::memchr(b'\n', &window[searched..]) {
                return Ok(self.whole(searched + found, true));
            }
            searched = window.len();
            if self.at_end {
                return Ok(if searched == 0 { Next::End } else { self.whole(searched, false) });
            }
            if searched == buffer.len() {
                return Ok(Next::Long);
            }
            buffer.copy_within(self.window.clone(), 0);
            self.window = 0..searched;
            self.fill()?;
        }
    }

    /// Why reading was broken off, if it was: then what came last is not to be believed.
    pub(crate) fn broken_off(&mut self) -> Option<B> {
        self.broken_off.take()
    }

    /// The bytes of a line that [`Lines::next`] gave last.
    pub(crate) fn bytes(&self, line: Range<usize>) -> &[u8] {
        &self.scratch.borrow().buffer[line]
    }

    /// Hands the bytes of a long line to `look` and goes to its end. Gives what `look` made of it,
    /// whether the line is UTF-8, and where it was.
    pub(crate) fn long<T>(
        &mut self,
        look: impl FnOnce(&mut dyn Read) -> T,
    ) -> io::Result<(T, bool, Span)> {
        let mut piece =
            Pieces { lines: self, bytes: 0, is_ended: false, utf8: Utf8::default(), failed: None };
        let offset = piece.lines.offset;
        let seen = look(&mut piece);
        io::copy(&mut piece, &mut io::sink())?;
        let Pieces { bytes, is_ended, utf8, failed, .. } = piece;
        match failed {
            Some(error) => Err(error),
            None => Ok((seen, utf8.is_valid(), Span { offset, bytes, is_ended })),
        }
    }

    /// A long line again, whole, in memory. The next line is still the next.
    pub(crate) fn again(&mut self, line: &Span) -> io::Result<&[u8]> {
        let length = usize::try_from(line.bytes).map_err(io::Error::other)?;
        let long = &mut self.scratch.borrow_mut().long;
        long.clear();
        long.try_reserve_exact(length).map_err(io::Error::other)?;
        let read = self.source.again(line.offset, line.bytes, long)?;
        if read != length {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file shrank while it was read",
            ));
        }
        Ok(&self.scratch.borrow().long)
    }

    fn whole(&mut self, length: usize, is_ended: bool) -> Next {
        let range = self.window.start..self.window.start + length;
        let span = Span { offset: self.offset, bytes: length as u64, is_ended };
        self.window.start = range.end + usize::from(is_ended);
        self.offset = span.end();
        Next::Whole(span, range)
    }

    /// Reads once, behind the window.
    fn fill(&mut self) -> io::Result<()> {
        let (read, taken) = loop {
            match self.source.read_counted(&mut self.scratch.borrow_mut().buffer[self.window.end..])
            {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.window.end += read;
        self.at_end = read == 0;
        if let ControlFlow::Break(why) = (self.read)(taken) {
            self.broken_off = Some(why);
            self.at_end = true;
        }
        Ok(())
    }
}

/// The rest of a line as a reader.
struct Pieces<'l, S, F, B> {
    lines: &'l mut Lines<S, F, B>,
    bytes: u64,
    is_ended: bool,
    utf8: Utf8,
    /// A failure of the file, which must not be taken for one of the line.
    failed: Option<io::Error>,
}

impl<S: BorrowMut<Scratch>, F: FnMut(u64) -> ControlFlow<B>, B> Read for Pieces<'_, S, F, B> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.is_ended || self.failed.is_some() || out.is_empty() {
            return Ok(0);
        }
        if self.lines.window.is_empty() && !self.lines.at_end {
            self.lines.window = 0..0;
            if let Err(error) = self.lines.fill() {
                self.failed = Some(error);
                return Ok(0);
            }
        }
        let window = &self.lines.scratch.borrow().buffer[self.lines.window.clone()];
        let piece = &window[..window.len().min(out.len())];
        let piece = match memchr::memchr(b'\n', piece) {
            None => piece,
            Some(end) => {
                self.is_ended = true;
                &piece[..end]
            }
        };
        out[..piece.len()].copy_from_slice(piece);
        self.utf8.feed(piece);
        let taken = piece.len();
        self.bytes += taken as u64;
        self.lines.window.start += taken + usize::from(self.is_ended);
        self.lines.offset += taken as u64 + u64::from(self.is_ended);
        Ok(taken)
    }
}

/// Whether bytes that come in pieces are UTF-8.
#[derive(Debug, Default)]
struct Utf8 {
    /// What follows the last whole character: the beginning of one whose end is in the next piece,
    /// or nothing of the kind, which the next byte or the end will tell.
    pending: Vec<u8>,
    is_broken: bool,
}

impl Utf8 {
    fn feed(&mut self, mut piece: &[u8]) {
        while !self.is_broken && !self.pending.is_empty() {
            let Some((first, rest)) = piece.split_first() else { return };
            self.pending.push(*first);
            piece = rest;
            match str::from_utf8(&self.pending) {
                Ok(_) => self.pending.clear(),
                Err(error) => self.is_broken = error.error_len().is_some(),
            }
        }
        if let Err(error) = str::from_utf8(piece) {
            self.pending = piece[error.valid_up_to()..].to_vec();
        }
    }

    fn is_valid(&self) -> bool {
        !self.is_broken && self.pending.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Seek, Write};

    use super::*;

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file.rewind().unwrap();
        file
    }

    /// Every line with its place, by whatever way it comes.
    fn read(content: &[u8], bytes: usize) -> Vec<(Vec<u8>, bool, Span)> {
        let mut scratch = Scratch::of(bytes);
        let mut lines =
            Lines::new(file(content), &mut scratch, |_| ControlFlow::<()>::Continue(()));
        let mut found = Vec::new();
        loop {
            match lines.next().unwrap() {
                Next::End => return found,
                Next::Whole(span, range) => {
                    let bytes = lines.bytes(range).to_vec();
                    let is_utf8 = str::from_utf8(&bytes).is_ok();
                    found.push((bytes, is_utf8, span));
                }
                Next::Long => {
                    // A look that stops early, as a parser does at an error.
                    let (_, is_utf8, span) =
                        lines.long(|line| line.read(&mut [0; 3]).unwrap()).unwrap();
                    let bytes = lines.again(&span).unwrap().to_vec();
                    found.push((bytes, is_utf8, span));
                }
            }
        }
    }

    #[test]
    fn the_size_of_the_buffer_does_not_show() {
        let contents: [&[u8]; 9] = [
            b"",
            b"\n",
            b"a",
            b"\n\nab\n",
            b"ab\ncdefghijkl\n\nm\nnopqrstuvwxyz",
            "\u{e9}\u{65e5}\u{1f600}\u{1f600}\u{e9}\n\u{1f600}".as_bytes(),
            b"\xf0\x9f\x98\nabcde\xf0\x9f\nx",
            b"abcdefghi\xff\nabcdefghi\xc3",
            b"abcdefgh\r\n\0\0\0\0\0\0\0\0\0",
        ];
        for content in contents {
            let whole = read(content, 1000);
            let joined: Vec<u8> = whole
                .iter()
                .flat_map(|(line, _, span)| [line, &b"\n"[..usize::from(span.is_ended)]].concat())
                .collect();
            assert_eq!(joined, content);
            for bytes in 1..20 {
                assert_eq!(read(content, bytes), whole, "{bytes} {content:?}");
            }
        }
    }

    #[test]
    fn reading_is_broken_off_between_lines_and_within_them() {
        let content = "x".repeat(100) + "\n" + &"y\n".repeat(100);
        for limit in [1, 50, 99, 150, 250, 301] {
            let (mut scratch, mut total) = (Scratch::of(10), 0);
            let mut lines = Lines::new(file(content.as_bytes()), &mut scratch, |read| {
                total += read;
                if total >= limit {
                    ControlFlow::Break("enough")
                } else {
                    ControlFlow::Continue(())
                }
            });
            let mut seen = 0;
            let why = loop {
                let next = match lines.next().unwrap() {
                    Next::Long => lines.long(|_| ()).map(|(.., span)| Some(span)).unwrap(),
                    Next::Whole(span, _) => Some(span),
                    Next::End => None,
                };
                if let Some(why) = lines.broken_off() {
                    break why;
                }
                seen = next.unwrap().end();
            };
            assert_eq!(why, "enough");
            assert!(seen <= limit && seen + 101 >= limit, "{seen} of {limit}");
        }
    }
}
