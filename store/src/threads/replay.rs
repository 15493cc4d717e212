//! The row of a thread from its history alone.

use std::convert::Infallible;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;

use crate::threads::change::Change;
use crate::threads::column::{Column, Value};
use crate::threads::derive::{Seen, derive};
use crate::threads::id::ThreadId;
use crate::threads::line::{self, Entry, MAX_LINE_BYTES, Probe};
use crate::threads::lines::{Lines, Next, Scratch, Span};
use crate::threads::patch::Patch;
use crate::threads::problem::{Defect, HistoryError, Problem, Torn};

/// How many problems of one history are described; the others are counted.
pub const MAX_PROBLEMS: usize = 100;

/// What a history says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The whole row, but for the path of the history, which is its finder's to set.
    pub patch: Patch,
    /// What the lines have settled, for those that come after.
    pub seen: Seen,
    /// Bytes of the history, without a torn end.
    pub bytes: u64,
    /// Lines of the history, defective ones included, without a torn end.
    pub lines: u64,
    /// Whether the last line of those ends with a line break. A record without one is a record; who appends must end it
    /// first.
    pub is_ended: bool,
    /// The last line, if it breaks off.
    pub torn: Option<Torn>,
    /// The first [`MAX_PROBLEMS`] lines that were left out.
    pub problems: Vec<Problem>,
    /// How many lines were left out.
    pub problem_count: u64,
}

/// Replays the history at `path`, which is that of thread `id`, with a memory that does not grow with the file.
///
/// Lines that are no records are left out and reported, and so is a last line that breaks off.
///
/// # Errors
/// [`HistoryError::Io`], and the others for a file that does not begin as the history of this thread.
pub fn replay(path: &Path, id: ThreadId) -> Result<Replay, HistoryError> {
    // Nothing breaks it off.
    let go_on = |_| ControlFlow::<Infallible>::Continue(());
    let ControlFlow::Continue(replay) = replay_with(path, id, &mut Scratch::new(), go_on)?;
    Ok(replay)
}

/// The same, with a buffer that was used before. `read` is told of bytes as they are read, a bufferful at most, and can break off:
/// then there is no replay.
pub(crate) fn replay_with<B>(
    path: &Path,
    id: ThreadId,
    scratch: &mut Scratch,
    read: impl FnMut(u64) -> ControlFlow<B>,
) -> Result<ControlFlow<B, Replay>, HistoryError> {
    let io = || HistoryError::io(path);
    let file = File::open(path).map_err(io())?;
    let mut lines = Lines::new(file, scratch, read);
    let mut replay = Replay {
        patch: Patch::new(),
        seen: Seen::default(),
        bytes: 0,
        lines: 0,
        is_ended: true,
        torn: None,
        problems: Vec::new(),
        problem_count: 0,
    };
    loop {
        let next = next(&mut lines).map_err(io())?;
        if let Some(why) = lines.broken_off() {
            return Ok(ControlFlow::Break(why));
        }
        let Some((span, understood)) = next else { break };
        // A prefix of an object is never an object, so that a record is whole even if its line break is missing.
        if !span.is_ended && understood.as_ref().is_err_and(Defect::may_be_a_beginning) {
            replay.torn = Some(Torn { offset: span.offset, bytes: span.bytes });
            break;
        }
        replay.lines += 1;
        if replay.lines == 1 {
            check_first(path, id, &understood)?;
        }
        replay.bytes = span.end();
        replay.is_ended = span.is_ended;
        match understood {
            Ok(Entry { at, change }) => {
                replay.seen = derive(replay.seen, id, &change, at, &mut replay.patch);
            }
            Err(what) => {
                replay.problem_count += 1;
                if replay.problems.len() < MAX_PROBLEMS {
                    replay.problems.push(Problem { path: path.to_owned(), line: replay.lines, what });
                }
            }
        }
    }
    if replay.lines == 0 {
        let path = path.to_owned();
        return Err(match replay.torn {
            None => HistoryError::Empty { path },
            Some(torn) => HistoryError::TornAtStart { path, bytes: torn.bytes },
        });
    }
    let bytes = i64::try_from(replay.bytes).unwrap_or(i64::MAX);
    replay.patch.set(Column::HistoryBytes, Value::Integer(bytes));
    replay.patch.mark_complete();
    Ok(ControlFlow::Continue(replay))
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
        Probe::Touch(at) => Ok(Entry { at, change: Change::Touch }),
        Probe::Unclear if span.bytes > MAX_LINE_BYTES => Err(Defect::TooLong { bytes: span.bytes }),
        Probe::Unclear => line::parse(lines.again(&span)?),
    };
    Ok(Some((span, understood)))
}

/// The first line says whose history it is.
fn check_first(path: &Path, id: ThreadId, first: &Result<Entry, Defect>) -> Result<(), HistoryError> {
    let no_meta = |reason: String| HistoryError::NoSessionMeta { path: path.to_owned(), reason };
    match first {
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
