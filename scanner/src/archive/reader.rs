//! The lines of a file, from where an earlier refresh stopped to where it ended when it was looked at, in little memory.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::ablation::{Ablation, Ablations, take};
use super::parse::{Defect, Kind, Known, Line, Rollout, from_reader, from_slice, kind};

/// Bytes before the end of what was consumed that a file is recognised by.
const TAIL: usize = 64 << 10;

/// Bytes held of a file. Lines that do not fit are read as they come.
const WINDOW: usize = 384 << 10;

/// How far a file was consumed, and what stood before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Consumed {
    /// Bytes up to the end of the last whole line.
    pub(crate) bytes: u64,
    /// A digest of the last 64 KiB of them, or of all.
    tail: u128,
}

impl Consumed {
    /// Nothing of it.
    fn nothing() -> Self {
        Self { bytes: 0, tail: xxh3_128(&[]) }
    }
}

/// Reads files, one after the other.
#[derive(Debug)]
pub(crate) struct Reader {
    window: Box<[u8]>,
    /// Bytes read from all files.
    pub(crate) bytes: u64,
    ablated: Ablations,
}

/// One file being read. In the window stand, in this order, a tail of what was consumed, the line that is being read, and
/// what follows.
struct Reading<'a> {
    file: &'a File,
    window: &'a mut [u8],
    bytes: &'a mut u64,
    ablated: Ablations,
    /// Where in the file the window ends, and up to where it is read.
    at: u64,
    end: u64,
    /// Bytes held in the window.
    held: usize,
    /// Where in the window the line begins, and up to where it was searched for its end.
    line: usize,
    searched: usize,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self::without(Ablations::NONE)
    }

    /// One that lacks some rules.
    pub(crate) fn without(ablated: Ablations) -> Self {
        Self { window: vec![0; WINDOW].into_boxed_slice(), bytes: 0, ablated }
    }

    /// Reads all lines of `file` up to `end`. A last one without a line break waits.
    pub(crate) fn read(&mut self, file: &File, end: u64) -> io::Result<(Rollout, Consumed)> {
        let mut rollout = Rollout::default();
        let consumed = self.reading(file, 0, end).lines(&mut rollout, Consumed::nothing())?;
        Ok((rollout, consumed))
    }

    /// Reads on from where `rollout` ends. `None` if something else stands before that by now; `rollout` is as it was.
    pub(crate) fn read_on(
        &mut self,
        file: &File,
        end: u64,
        from: Consumed,
        rollout: &mut Rollout,
    ) -> io::Result<Option<Consumed>> {
        let begin = from.bytes.saturating_sub(TAIL as u64);
        let mut reading = self.reading(file, begin, end);
        let tail = usize::try_from(from.bytes - begin).unwrap_or(TAIL);
        while reading.held < tail {
            if !reading.fill()? {
                return Ok(None);
            }
        }
        if xxh3_128(&reading.window[..tail]) != from.tail && !reading.ablated.has(Ablation::Tail) {
            return Ok(None);
        }
        (reading.line, reading.searched) = (tail, tail);
        reading.lines(rollout, from).map(Some)
    }

    fn reading<'a>(&'a mut self, file: &'a File, begin: u64, end: u64) -> Reading<'a> {
        let Self { window, bytes, ablated } = self;
        Reading { file, window, bytes, ablated: *ablated, at: begin, end, held: 0, line: 0, searched: 0 }
    }
}

impl Reading<'_> {
    /// Hands every whole line to `rollout`. `consumed` is how far it was read before.
    fn lines(&mut self, rollout: &mut Rollout, mut consumed: Consumed) -> io::Result<Consumed> {
        loop {
            while let Some(length) = memchr::memchr(b'\n', &self.window[self.searched..self.held]) {
                let end = self.searched + length;
                take(self.ablated, rollout, understand(&self.window[self.line..end]));
                (self.line, self.searched) = (end + 1, end + 1);
            }
            self.searched = self.held;
            if self.at >= self.end {
                break;
            }
            self.forget(self.line);
            if self.held == WINDOW {
                consumed = self.consumed(consumed);
                let Some(line) = self.long_line()? else { return Ok(consumed) };
                take(self.ablated, rollout, line);
            } else if !self.fill()? {
                break;
            }
        }
        if self.ablated.has(Ablation::Torn) && self.line < self.held {
            take(self.ablated, rollout, understand(&self.window[self.line..self.held]));
            self.line = self.held;
        }
        Ok(self.consumed(consumed))
    }

    /// What was consumed, by the tail in the window; `before` if that is nothing.
    fn consumed(&self, before: Consumed) -> Consumed {
        if self.line == 0 {
            return before;
        }
        let bytes = self.at - (self.held - self.line) as u64;
        Consumed { bytes, tail: xxh3_128(&self.window[self.line.saturating_sub(TAIL)..self.line]) }
    }

    /// Forgets what stands before `place` in the window, but for a tail. Returns how far everything moved.
    fn forget(&mut self, place: usize) -> usize {
        let by = place.saturating_sub(TAIL);
        if by > 0 {
            self.window.copy_within(by..self.held, 0);
            self.held -= by;
            self.line = self.line.saturating_sub(by);
            self.searched = self.searched.saturating_sub(by);
        }
        by
    }

    /// Reads more into the window. `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let room = (WINDOW - self.held).min(left);
        let count = loop {
            match self.file.read_at(&mut self.window[self.held..self.held + room], self.at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                count => break count?,
            }
        };
        self.held += count;
        self.at += count as u64;
        *self.bytes += count as u64;
        Ok(count > 0)
    }

    /// Reads a line that does not fit into the window. `None` if it has no end yet.
    fn long_line(&mut self) -> io::Result<Option<Result<Line, Defect>>> {
        let kind = kind(&self.window[self.line..self.held]);
        let (at, until) = (self.line, self.held);
        let mut rest = LongLine { at, until, is_whole: false, failed: None, reading: self };
        let understood = match kind {
            _ if rest.reading.ablated.has(Ablation::LongLine) => Ok(Line::Skipped(Known::Yes)),
            Kind::Skipped(known) => Ok(Line::Skipped(known)),
            // The parser asks for single bytes.
            kind => from_reader(BufReader::with_capacity(TAIL, &mut rest), kind),
        };
        rest.skip();
        let LongLine { until, is_whole, failed, .. } = rest;
        if let Some(error) = failed {
            return Err(error);
        }
        (self.line, self.searched) = (until + 1, until + 1);
        Ok(is_whole.then_some(understood))
    }
}

fn understand(line: &[u8]) -> Result<Line, Defect> {
    match kind(line) {
        Kind::Skipped(known) => Ok(Line::Skipped(known)),
        kind => from_slice(line, kind),
    }
}

/// A line that does not fit into the window, as a stream without its line break. The window keeps its last bytes.
struct LongLine<'a, 'b> {
    reading: &'a mut Reading<'b>,
    /// The next byte in the window, and where the line ends there, or the window.
    at: usize,
    until: usize,
    /// Whether the line break stands at `until`.
    is_whole: bool,
    /// The parser tells no error of the file from one of the text.
    failed: Option<io::Error>,
}

impl LongLine<'_, '_> {
    /// Reads what the parser has left.
    fn skip(&mut self) {
        while self.more() {
            self.at = self.until;
        }
    }

    /// Whether there is more of the line; it stands in the window then.
    fn more(&mut self) -> bool {
        if self.at == self.until && !self.is_whole && self.failed.is_none() {
            self.at -= self.reading.forget(self.at);
            if let Err(error) = self.reading.fill() {
                self.failed = Some(error);
            }
            let held = &self.reading.window[self.at..self.reading.held];
            let length = memchr::memchr(b'\n', held);
            self.is_whole = length.is_some();
            self.until = self.at + length.unwrap_or(held.len());
        }
        self.at < self.until
    }
}

impl Read for LongLine<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.more() {
            return Ok(0);
        }
        let count = buffer.len().min(self.until - self.at);
        buffer[..count].copy_from_slice(&self.reading.window[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const META: &str =
        r#"{"timestamp":"2026-11-20T20:37:24.062Z","type":"session_meta","payload":{"id":"a"}}"#;

    fn counted(total: u64) -> String {
        format!(
            r#"{{"timestamp":"2026-11-20T20:37:24.062Z","type":"event_msg","payload":{{"type":"token_count","info":{{"total_token_usage":{{"input_tokens":{total}}}}}}}}}"#
        )
    }

    /// A line of a kind that does not matter, this long.
    fn filler(bytes: usize) -> String {
        format!(r#"{{"timestamp":"x","type":"response_item","payload":"{}"}}"#, "y".repeat(bytes))
    }

    fn file(text: &str) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn inputs(rollout: &Rollout) -> u64 {
        rollout.buckets.iter().map(|bucket| bucket.tokens.input).sum()
    }

    /// A text with lines around every length at which something changes.
    fn text() -> String {
        let mut text = format!("{META}\n");
        let mut total = 0;
        for bytes in
            [0, TAIL - 60, TAIL, WINDOW - TAIL - 60, WINDOW - TAIL, WINDOW, WINDOW + TAIL, 3 * WINDOW + 7]
        {
            for extra in [0, 1, 59, 60, 61] {
                total += 1;
                text += &format!("{}\n{}\n", filler(bytes + extra), counted(total));
            }
        }
        // One that matters and fits nowhere.
        text + &counted(100).replace("\"info\"", &format!("\"more\":\"{}\",\"info\"", "z".repeat(2 * WINDOW)))
            + "\n"
    }

    #[test]
    fn reading_on_from_every_place_gives_what_reading_at_once_gives() {
        let text = text();
        let whole = file(&text);
        let (mut reader, end) = (Reader::new(), text.len() as u64);
        let (all, consumed) = reader.read(&whole, end).unwrap();
        assert_eq!((consumed.bytes, all.lines, inputs(&all), reader.bytes), (end, 82, 100, end));
        let breaks = text.match_indices('\n').map(|(at, _)| at as u64);
        for stop in breaks.flat_map(|at| [at, at + 1, at + 2]).filter(|&stop| stop <= end) {
            let (mut part, first) = reader.read(&whole, stop).unwrap();
            let line = text[..usize::try_from(stop).unwrap()].rfind('\n').map_or(0, |at| at as u64 + 1);
            assert_eq!(first.bytes, line, "a line without its end waits");
            reader.bytes = 0;
            let second = reader.read_on(&whole, end, first, &mut part).unwrap();
            assert_eq!((second, &part), (Some(consumed), &all), "stopped at {stop}");
            assert_eq!(
                reader.bytes,
                end - line.saturating_sub(TAIL as u64),
                "the rest, and the tail before it"
            );
        }
    }

    #[test]
    fn another_tail_and_a_shorter_file_are_noticed() {
        let text = text();
        let mut reader = Reader::new();
        let stop = text.len() as u64 / 2;
        let (mut rollout, first) = reader.read(&file(&text), stop).unwrap();
        let before = rollout.clone();
        let at = usize::try_from(first.bytes).unwrap();
        for place in [at - 1, at - TAIL] {
            let mut other = text.clone().into_bytes();
            other[place] ^= 1;
            let other = file(&String::from_utf8(other).unwrap());
            assert_eq!(reader.read_on(&other, text.len() as u64, first, &mut rollout).unwrap(), None);
        }
        assert_eq!(reader.read_on(&file(&text[..at - 1]), stop, first, &mut rollout).unwrap(), None);
        assert_eq!(rollout, before);
    }

    #[test]
    fn a_long_line_without_an_end_waits_and_a_broken_one_is_counted() {
        let mut reader = Reader::new();
        let long =
            counted(7).replace("\"info\"", &format!("\"more\":\"{}\",\"info\"", "z".repeat(2 * WINDOW)));
        let text = format!("{META}\n{long}");
        let (rollout, consumed) = reader.read(&file(&text), text.len() as u64).unwrap();
        assert_eq!((consumed.bytes, rollout.lines), (META.len() as u64 + 1, 1));
        let broken = format!("{META}\n{}\n{}\n", &long[..long.len() - 2], counted(9));
        let (rollout, consumed) = reader.read(&file(&broken), broken.len() as u64).unwrap();
        assert_eq!((consumed.bytes, rollout.lines, inputs(&rollout)), (broken.len() as u64, 3, 9));
        assert_eq!(rollout.broken, [(2, Defect::NotJson)]);
    }
}
