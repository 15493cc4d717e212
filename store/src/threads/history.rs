//! A history loaded line by line.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::path::Path;
use std::vec;

use crate::threads::error::Error;
use crate::threads::id::ThreadId;
use crate::threads::item::Item;
use crate::threads::line::{self, Entry, MAX_LINE_BYTES};
use crate::threads::lines::{Lines, Next, Scratch};
use crate::threads::pages::{self, Page};
use crate::threads::problem::{Defect, HistoryError, Problem, Torn};
use crate::threads::source::Source;
use crate::threads::time::Millis;
use crate::threads::walk::Sessions;

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
    /// A line that is not valid.
    Problem(Problem),
    /// The last line, which breaks off.
    Torn(Torn),
}

/// The lines of a history, in order, each held in memory only while it is looked at.
#[derive(Debug)]
pub struct History {
    pages: vec::IntoIter<Page>,
    open: Option<Open>,
}

/// The file that is being loaded.
#[derive(Debug)]
struct Open {
    page: Page,
    lines: Lines<Scratch, fn(u64) -> ControlFlow<Infallible>, Infallible>,
    number: u64,
    ordinal: u64,
}

/// Opens the history at `path`, plain or compressed, to be loaded, whatever thread it is of.
///
/// # Errors
/// [`HistoryError::Io`].
pub fn history(path: &Path) -> Result<History, HistoryError> {
    History::of(vec![Page::only(path)])
}

impl Sessions {
    /// Opens the history of a thread to be loaded, whatever number of files it has; `None` if there
    /// is none.
    ///
    /// # Errors
    /// A second history of this thread, a folder that cannot be read if there is none in the
    /// others, and as [`history`].
    pub fn history(&self, id: ThreadId) -> Result<Option<History>, Error> {
        let mut walk = self.look(Some(id));
        let Some(found) = walk.found.pop() else {
            return walk.failures.pop().map_or(Ok(None), Err);
        };
        Ok(Some(History::of(pages::in_order(&found.files, found.ablated)?)?))
    }
}

/// Who loads a history breaks off by asking for no more.
fn go_on(_: u64) -> ControlFlow<Infallible> {
    ControlFlow::Continue(())
}

impl Iterator for History {
    type Item = Result<Loaded, HistoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let open = self.open.as_mut()?;
            let loaded = open.load().map_err(HistoryError::io(&open.page.path));
            match loaded {
                Ok(Some(Loaded::Torn(torn))) if self.pages.len() > 0 => {
                    let reason = format!("it breaks off after {} bytes", torn.bytes);
                    let path = open.page.path.clone();
                    let problem =
                        Problem { path, line: open.number, what: Defect::NotJson { reason } };
                    return match self.turn() {
                        Ok(()) => Some(Ok(Loaded::Problem(problem))),
                        Err(error) => Some(Err(error)),
                    };
                }
                Ok(None) => {
                    if let Err(error) = self.turn() {
                        return Some(Err(error));
                    }
                }
                Ok(Some(loaded)) => {
                    if matches!(loaded, Loaded::Torn(_)) {
                        self.open = None;
                    }
                    return Some(Ok(loaded));
                }
                Err(error) => {
                    self.open = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl History {
    fn of(pages: Vec<Page>) -> Result<Self, HistoryError> {
        let mut history = Self { pages: pages.into_iter(), open: None };
        history.turn()?;
        Ok(history)
    }

    /// Goes to the next file.
    fn turn(&mut self) -> Result<(), HistoryError> {
        self.open = None;
        if let Some(page) = self.pages.next() {
            let source = Source::open(&page.path).map_err(HistoryError::io(&page.path))?;
            let lines = Lines::new(source, Scratch::new(), go_on as fn(u64) -> _);
            self.open = Some(Open { number: 0, ordinal: page.start, page, lines });
        }
        Ok(())
    }
}

impl Open {
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
        let told = understood.as_ref().ok().and_then(|(entry, _)| entry.ordinal);
        let ordinal = told.unwrap_or(self.ordinal);
        if self.page.end.is_some_and(|end| ordinal >= end) {
            return Ok(None);
        }
        self.ordinal = ordinal.saturating_add(1);
        Ok(Some(match understood {
            Ok((entry, item)) => Loaded::Record { at: entry.at, item },
            Err(what) if !span.is_ended && what.may_be_a_beginning() => {
                Loaded::Torn(Torn { offset: span.offset, bytes: span.bytes })
            }
            Err(what) => {
                Loaded::Problem(Problem { path: self.page.path.clone(), line: self.number, what })
            }
        }))
    }
}

fn understand(line: &[u8]) -> Result<(Entry, Item), Defect> {
    let entry = line::parse(line)?;
    let item =
        Item::from_line(line).map_err(|error| Defect::NotARecord { reason: error.to_string() })?;
    Ok((entry, item))
}
