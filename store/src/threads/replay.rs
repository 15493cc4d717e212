//! The row of a thread from its history alone.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::threads::ablation::Ablations;
use crate::threads::change::Change;
use crate::threads::column::{Column, Value};
use crate::threads::derive::{Seen, derive};
use crate::threads::id::ThreadId;
use crate::threads::line::{self, Entry, MAX_LINE_BYTES, Probe};
use crate::threads::lines::{Lines, Next, Scratch, Span};
use crate::threads::pages::{self, Page};
use crate::threads::patch::Patch;
use crate::threads::problem::{Defect, HistoryError, Problem, Torn};
use crate::threads::source::{Source, is_compressed};

/// How many problems of one history are described; the others are counted.
pub const MAX_PROBLEMS: usize = 100;

/// What a history says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The whole row, but for the path of the history, which is its finder's to set.
    pub patch: Patch,
    /// What the lines have settled, for those that come after.
    pub seen: Seen,
    /// The file that goes on: the last one of the history, or its only one.
    pub path: PathBuf,
    /// Bytes of that file, without a torn end; decompressed, if it is compressed.
    pub bytes: u64,
    /// Bytes of the files before it, as they lie on the disk.
    pub earlier: u64,
    /// Lines of the history, defective ones included, without a torn end.
    pub lines: u64,
    /// Whether the last line of those ends with a line break. A record without one is a record; who
    /// appends must end it first.
    pub is_ended: bool,
    /// The last line, if it breaks off.
    pub torn: Option<Torn>,
    /// The first [`MAX_PROBLEMS`] lines that were left out.
    pub problems: Vec<Problem>,
    /// How many lines were left out.
    pub problem_count: u64,
}

/// Replays the history at `path`, plain or compressed, which is that of thread `id`, with a memory
/// that does not grow with the file.
///
/// Lines that are no records are left out and reported, and so is a last line that breaks off.
///
/// # Errors
/// [`HistoryError::Io`], and the others for a file that does not begin as the history of this
/// thread.
pub fn replay(path: &Path, id: ThreadId) -> Result<Replay, HistoryError> {
    replay_all(&[path.to_owned()], id, Ablations::NONE)
}

/// The same for a history in several files, in whatever order they are given.
pub(crate) fn replay_all(
    files: &[PathBuf],
    id: ThreadId,
    ablated: Ablations,
) -> Result<Replay, HistoryError> {
    // Nothing breaks it off.
    let go_on = |_| ControlFlow::<Infallible>::Continue(());
    let ControlFlow::Continue(replay) =
        replay_with(files, id, ablated, &mut Scratch::new(), go_on)?;
    Ok(replay)
}

/// The same, with a buffer that was used before. `read` is reported of bytes as they are read, a
/// bufferful at most, and can break off: then there is no replay.
pub(crate) fn replay_with<B>(
    files: &[PathBuf],
    id: ThreadId,
    ablated: Ablations,
    scratch: &mut Scratch,
    mut read: impl FnMut(u64) -> ControlFlow<B>,
) -> Result<ControlFlow<B, Replay>, HistoryError> {
    let mut replay = Replay {
        patch: Patch::new(),
        seen: Seen::default(),
        path: PathBuf::new(),
        bytes: 0,
        earlier: 0,
        lines: 0,
        is_ended: true,
        torn: None,
        problems: Vec::new(),
        problem_count: 0,
    };
    let mut on_disk = 0;
    for page in pages::in_order(files, ablated)? {
        replay.earlier += on_disk;
        replay.path.clone_from(&page.path);
        match replay.page(&page, id, scratch, &mut read)? {
            ControlFlow::Continue(bytes) => on_disk = bytes,
            ControlFlow::Break(why) => return Ok(ControlFlow::Break(why)),
        }
    }
    let bytes = i64::try_from(replay.earlier + on_disk).unwrap_or(i64::MAX);
    replay.patch.set(Column::HistoryBytes, Value::Integer(bytes));
    replay.patch.mark_complete();
    Ok(ControlFlow::Continue(replay))
}

impl Replay {
    /// Replays the next file. Gives its bytes on the disk.
    fn page<B>(
        &mut self,
        page: &Page,
        id: ThreadId,
        scratch: &mut Scratch,
        read: &mut impl FnMut(u64) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B, u64>, HistoryError> {
        let path = page.path.as_path();
        let io = || HistoryError::io(path);
        let mut lines = Lines::new(Source::open(path).map_err(io())?, scratch, read);
        let mut ordinal = page.start;
        let mut number = 0;
        (self.bytes, self.is_ended) = (0, true);
        loop {
            let next = next(&mut lines).map_err(io())?;
            if let Some(why) = lines.broken_off() {
                return Ok(ControlFlow::Break(why));
            }
            let Some((span, understood)) = next else { break };
            ordinal = understood.as_ref().ok().and_then(|entry| entry.ordinal).unwrap_or(ordinal);
            let is_replaced = page.end.is_some_and(|end| ordinal >= end);
            if is_replaced && number > 0 {
                break;
            }
            // A prefix of an object is never an object, so that a record is whole even if its line
            // break is missing.
            if !span.is_ended && understood.as_ref().is_err_and(Defect::may_be_a_beginning) {
                if page.is_last || number == 0 {
                    self.torn = Some(Torn { offset: span.offset, bytes: span.bytes });
                } else {
                    let reason = format!("it breaks off after {} bytes", span.bytes);
                    self.leave_out(number + 1, Defect::NotJson { reason });
                }
                break;
            }
            number += 1;
            if number == 1 {
                check_first(path, id, &understood)?;
            }
            if is_replaced {
                break;
            }
            ordinal = ordinal.saturating_add(1);
            self.lines += 1;
            self.bytes = span.end();
            self.is_ended = span.is_ended;
            match understood {
                Ok(Entry { at, change, .. }) => {
                    self.seen = derive(self.seen, id, &change, at, &mut self.patch);
                }
                Err(what) => self.leave_out(number, what),
            }
        }
        if number == 0 {
            let path = path.to_owned();
            return Err(match self.torn {
                None => HistoryError::Empty { path },
                Some(torn) => HistoryError::TornAtStart { path, bytes: torn.bytes },
            });
        }
        // All of a file counts where not all of it is replayed, so that a look at its length tells
        // whether it changed.
        if !page.is_last || is_compressed(path) {
            return Ok(ControlFlow::Continue(path.metadata().map_err(io())?.len()));
        }
        Ok(ControlFlow::Continue(self.bytes))
    }

    fn leave_out(&mut self, line: u64, what: Defect) {
        self.problem_count += 1;
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem { path: self.path.clone(), line, what });
        }
    }
}

/// The next line, and what it says or what is wrong with it.
fn next<F: FnMut(u64) -> ControlFlow<B>, B>(
    lines: &mut Lines<&mut Scratch, F, B>,
) -> std::io::Result<Option<(Span, Result<Entry, Defect>)>> {
    let (probe, is_utf8, span) = match lines.next()? {
        Next::End => return Ok(None),
        Next::Whole(span, range) => return Ok(Some((span, line::parse(lines.bytes(range))))),
        Next::Long => lines.long(|line| line::probe(line))?,
    };
    let understood = match probe {
        _ if !is_utf8 => Err(Defect::NotUtf8),
        Probe::Touch { at, ordinal } => Ok(Entry { at, ordinal, change: Change::Touch }),
        Probe::Unclear if span.bytes > MAX_LINE_BYTES => Err(Defect::TooLong { bytes: span.bytes }),
        Probe::Unclear => line::parse(lines.again(&span)?),
    };
    Ok(Some((span, understood)))
}

/// The first line says whose history it is.
fn check_first(
    path: &Path,
    id: ThreadId,
    first: &Result<Entry, Defect>,
) -> Result<(), HistoryError> {
    let no_meta = |reason: String| HistoryError::NoSessionMeta { path: path.to_owned(), reason };
    match first {
        Err(Defect::NotARecord { .. }) if pages::is_untyped(path) => {
            Err(HistoryError::Untyped { path: path.to_owned() })
        }
        Err(defect) => Err(no_meta(format!("the line is {defect}"))),
        Ok(Entry { change: Change::SessionMeta(meta), .. }) if meta.id == id => Ok(()),
        Ok(Entry { change: Change::SessionMeta(meta), .. }) => {
            Err(HistoryError::OtherThread { path: path.to_owned(), named: id, found: meta.id })
        }
        Ok(_) => Err(no_meta("the line is of another kind, or names no thread".to_owned())),
    }
}

#[cfg(test)]
mod tests;
