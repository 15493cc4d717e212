//! A history loaded line by line.

use std::convert::Infallible;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::threads::item::Item;
use crate::threads::line::{self, MAX_LINE_BYTES};
use crate::threads::lines::{Lines, Next, Scratch};
use crate::threads::problem::{Defect, HistoryError, Problem, Torn};
use crate::threads::time::Millis;

/// One line of a loaded history.
#[derive(Debug)]
pub enum Loaded {
    /// A record.
    Record {
        /// Its time.
        at: Millis,
        /// What was appended.
        item: Item,
    },
    /// A line that is none.
    Problem(Problem),
    /// The last line, which breaks off.
    Torn(Torn),
}

/// The lines of a history, in order, each held in memory only while it is looked at.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    lines: Lines<Scratch, fn(u64) -> ControlFlow<Infallible>, Infallible>,
    number: u64,
    is_over: bool,
}

/// Opens the history at `path` to be loaded, whatever thread it is of.
///
/// # Errors
/// [`HistoryError::Io`].
pub fn history(path: &Path) -> Result<History, HistoryError> {
    let file = File::open(path).map_err(HistoryError::io(path))?;
    let lines = Lines::new(file, Scratch::new(), go_on as fn(u64) -> _);
    Ok(History { path: path.to_owned(), lines, number: 0, is_over: false })
}

/// Who loads a history breaks off by asking for no more.
fn go_on(_: u64) -> ControlFlow<Infallible> {
    ControlFlow::Continue(())
}

impl Iterator for History {
    type Item = Result<Loaded, HistoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let loaded = self.load();
        self.is_over = !matches!(loaded, Ok(Some(Loaded::Record { .. } | Loaded::Problem(_))));
        loaded.map_err(HistoryError::io(&self.path)).transpose()
    }
}

impl History {
    fn load(&mut self) -> std::io::Result<Option<Loaded>> {
        let (span, understood) = match self.lines.next()? {
            Next::End => return Ok(None),
            Next::Whole(span, range) => (span, understand(self.lines.bytes(range))),
            Next::Long => {
                let ((), _, span) = self.lines.long(|_| ())?;
                let understood = if span.bytes > MAX_LINE_BYTES {
                    Err(Defect::TooLong { bytes: span.bytes })
                } else {
                    understand(self.lines.again(&span)?)
                };
                (span, understood)
            }
        };
        self.number += 1;
        Ok(Some(match understood {
            Ok((at, item)) => Loaded::Record { at, item },
            Err(what) if !span.is_ended && what.may_be_a_beginning() => {
                Loaded::Torn(Torn { offset: span.offset, bytes: span.bytes })
            }
            Err(what) => Loaded::Problem(Problem { path: self.path.clone(), line: self.number, what }),
        }))
    }
}

fn understand(line: &[u8]) -> Result<(Millis, Item), Defect> {
    let entry = line::parse(line)?;
    let item = Item::from_line(line).map_err(|error| Defect::NotARecord { reason: error.to_string() })?;
    Ok((entry.at, item))
}
