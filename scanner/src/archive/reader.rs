//! The lines of a file, from where an earlier refresh stopped to where it ended when it was looked
//! at, in little memory.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::ablation::{Ablation, Ablations, rules, take};
use super::parse::{Defect, Kind, Known, Line, Parser, Pieces, Rollout, Rules, kind};
use super::source::Source;

/// Bytes before the end of what was consumed that a file is recognised by.
const TAIL: usize = 64 << 10;

/// Bytes held of a file. Lines that do not fit are read as they come.
const WINDOW: usize = 384 << 10;

/// Bytes that tell the kind and the time of a line that is read as it comes.
const START: usize = 4 << 10;

/// How far a file was consumed, and what was before.
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

    /// Where its tail begins.
    fn begin(self) -> u64 {
        self.bytes.saturating_sub(TAIL as u64)
    }
}

/// Reads files, one after the other.
#[derive(Debug)]
pub(crate) struct Reader {
    window: Box<[u8]>,
    /// Bytes read from all files.
    pub(crate) bytes: u64,
    /// How many bytes before the end of what was consumed are digested.
    tail: usize,
    parser: Parser,
    ablated: Ablations,
    rules: Rules,
}

/// One file being read. In the window stand, in this order, the tail of what was consumed, the line
/// that is being read, and what follows.
struct Reading<'a, 'f> {
    source: &'a mut Source<'f>,
    window: &'a mut [u8],
    bytes: &'a mut u64,
    tail: usize,
    parser: &'a mut Parser,
    ablated: Ablations,
    rules: Rules,
    /// Where in the content the window ends.
    at: u64,
    /// Bytes held in the window.
    held: usize,
    /// Where in the window the line begins, and up to where it was searched for its end.
    line: usize,
    searched: usize,
}

impl Reader {
    /// One that lacks some rules.
    pub(crate) fn without(ablated: Ablations) -> Self {
        Self { ablated, ..Self::by(rules(ablated)) }
    }

    /// One that counts by these rules.
    pub(crate) fn by(rules: Rules) -> Self {
        let window = vec![0; WINDOW].into_boxed_slice();
        let parser = Parser::default();
        Self { window, bytes: 0, tail: TAIL, parser, ablated: Ablations::NONE, rules }
    }

    /// One whose files nobody will read on: it digests nothing of them.
    pub(crate) fn once(self) -> Self {
        Self { tail: 0, ..self }
    }

    /// Reads all lines of `source` into a new rollout of the session `id`. A last one without a
    /// line break waits.
    pub(crate) fn read(
        &mut self,
        source: &mut Source<'_>,
        id: &str,
    ) -> io::Result<(Rollout, Consumed)> {
        let mut rollout = Rollout::named(id);
        let consumed = self.reading(source, 0).lines(&mut rollout, Consumed::nothing())?;
        Ok((rollout, consumed))
    }

    /// Reads on from where `rollout` ends. `None` if something else comes before that by now;
    /// `rollout` is unchanged.
    pub(crate) fn read_on(
        &mut self,
        source: &mut Source<'_>,
        from: Consumed,
        rollout: &mut Rollout,
    ) -> io::Result<Option<Consumed>> {
        let mut reading = self.reading(source, from.begin());
        if !reading.comes_to(from)? {
            return Ok(None);
        }
        reading.lines(rollout, from).map(Some)
    }

    /// Whether `source` begins with what was consumed of another file.
    pub(crate) fn begins(&mut self, source: &mut Source<'_>, with: Consumed) -> io::Result<bool> {
        self.reading(source, with.begin()).comes_to(with)
    }

    fn reading<'a, 'f>(&'a mut self, source: &'a mut Source<'f>, begin: u64) -> Reading<'a, 'f> {
        let Self { window, bytes, tail, parser, ablated, rules } = self;
        let at = source.start_at(begin);
        let (tail, ablated, rules) = (*tail, *ablated, *rules);
        let (held, line, searched) = (0, 0, 0);
        Reading { source, window, bytes, tail, parser, ablated, rules, at, held, line, searched }
    }
}

impl Reading<'_, '_> {
    /// Reads up to where `from` ends. Gives whether its tail still is before that.
    fn comes_to(&mut self, from: Consumed) -> io::Result<bool> {
        let begin = from.begin();
        while self.at < begin {
            let left = usize::try_from(begin - self.at).unwrap_or(usize::MAX);
            if !self.fill(left)? {
                return Ok(false);
            }
            self.held = 0;
        }
        let tail = usize::try_from(from.bytes - begin).unwrap_or(TAIL);
        while self.held < tail {
            if !self.fill(usize::MAX)? {
                return Ok(false);
            }
        }
        (self.line, self.searched) = (tail, tail);
        Ok(xxh3_128(&self.window[..tail]) == from.tail || self.ablated.has(Ablation::Tail))
    }

    /// Hands every whole line to `rollout`. `consumed` is how far it was read before.
    fn lines(&mut self, rollout: &mut Rollout, mut consumed: Consumed) -> io::Result<Consumed> {
        loop {
            while let Some(length) = memchr::memchr(b'\n', &self.window[self.searched..self.held]) {
                let end = self.searched + length;
                let line = &self.window[self.line..end];
                take(self.ablated, rollout, held(self.parser, line), line, &self.rules);
                (self.line, self.searched) = (end + 1, end + 1);
            }
            self.searched = self.held;
            self.forget(self.line);
            if self.held == WINDOW {
                consumed = self.consumed(consumed);
                if !self.long_line(rollout)? {
                    return Ok(consumed);
                }
            } else if !self.fill(usize::MAX)? {
                break;
            }
        }
        if self.ablated.has(Ablation::Torn) && self.line < self.held {
            let line = &self.window[self.line..self.held];
            take(self.ablated, rollout, held(self.parser, line), line, &self.rules);
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
        Consumed {
            bytes,
            tail: xxh3_128(&self.window[self.line.saturating_sub(self.tail)..self.line]),
        }
    }

    /// Forgets what comes before `place` in the window, but for a tail. Returns how far everything
    /// moved.
    fn forget(&mut self, place: usize) -> usize {
        let by = place.saturating_sub(self.tail);
        if by > 0 {
            self.window.copy_within(by..self.held, 0);
            self.held -= by;
            self.line = self.line.saturating_sub(by);
            self.searched = self.searched.saturating_sub(by);
        }
        by
    }

    /// Reads at most so many bytes more into the window. `false` at the end.
    fn fill(&mut self, most: usize) -> io::Result<bool> {
        let room = (WINDOW - self.held).min(most);
        let before = self.source.bytes_read();
        let read = self.source.read(&mut self.window[self.held..self.held + room]);
        *self.bytes += self.source.bytes_read() - before;
        let count = read?;
        self.held += count;
        self.at += count as u64;
        Ok(count > 0)
    }

    /// Takes a line that does not fit into the window. `false` if it has no end yet.
    fn long_line(&mut self, rollout: &mut Rollout) -> io::Result<bool> {
        // The window will move on.
        let line = &self.window[self.line..self.held];
        let (kind, start) = (kind(line), line[..line.len().min(START)].to_vec());
        let (ablated, rules) = (self.ablated, self.rules);
        let (at, until) = (self.line, self.held);
        let mut parser = std::mem::take(self.parser);
        let mut rest = LongLine { at, until, is_whole: false, failed: None, reading: self };
        let understood = match kind {
            _ if ablated.has(Ablation::LongLine) => Ok(Line::Skipped(Known::Yes)),
            Kind::Skipped(known) => Ok(Line::Skipped(known)),
            kind => parser.understand(&mut rest, kind),
        };
        rest.skip();
        let LongLine { until, is_whole, failed, .. } = rest;
        if let Some(error) = failed {
            return Err(error);
        }
        (self.line, self.searched) = (until + 1, until + 1);
        if is_whole {
            take(ablated, rollout, understood, &start, &rules);
        }
        Ok(is_whole)
    }
}

/// Understands a line that the window holds.
fn held<'a>(parser: &'a mut Parser, line: &[u8]) -> Result<Line<'a>, Defect> {
    match kind(line) {
        Kind::Skipped(known) => Ok(Line::Skipped(known)),
        kind => parser.understand(line, kind),
    }
}

/// A line that does not fit into the window, as a stream without its line break. The window keeps
/// its last bytes.
struct LongLine<'a, 'b, 'f> {
    reading: &'a mut Reading<'b, 'f>,
    /// The next byte in the window, and where the line ends there, or the window.
    at: usize,
    until: usize,
    /// Whether the line break is at `until`.
    is_whole: bool,
    /// The parser tells no error of the file from one of the text.
    failed: Option<io::Error>,
}

impl LongLine<'_, '_, '_> {
    /// Reads what the parser has left.
    fn skip(&mut self) {
        while self.more() {
            self.at = self.until;
        }
    }

    /// Whether there is more of the line; it is in the window then.
    fn more(&mut self) -> bool {
        if self.at == self.until && !self.is_whole && self.failed.is_none() {
            self.at -= self.reading.forget(self.at);
            if let Err(error) = self.reading.fill(usize::MAX) {
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

impl Pieces for &mut LongLine<'_, '_, '_> {
    fn piece(&mut self) -> &[u8] {
        self.more();
        &self.reading.window[self.at..self.until]
    }

    fn pass(&mut self, bytes: usize) {
        self.at = self.until.min(self.at + bytes);
    }
}

#[cfg(test)]
mod tests;
