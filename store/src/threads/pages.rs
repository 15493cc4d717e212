//! The files of one thread's history as one: in which order they continue each other, and where
//! each ends.

use std::cmp::Ordering;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::ablation::{Ablation, Ablations};
use super::json::{self, Raw};
use super::line::MAX_LINE_BYTES;
use super::name::HistoryName;
use super::problem::HistoryError;
use super::source::Source;
use super::time::Millis;

/// A file of a history, and which of its lines belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) path: PathBuf,
    /// The ordinal of its first line, where that does not tell.
    pub(crate) start: u64,
    /// The first ordinal that a later page replaces; `None` where all lines count.
    pub(crate) end: Option<u64>,
    /// Whether it is the one that goes on.
    pub(crate) is_last: bool,
}

impl Page {
    /// The only file of a history.
    pub(crate) fn only(path: &Path) -> Self {
        Self { path: path.to_owned(), start: 0, end: None, is_last: true }
    }
}

/// What the first line of a page says of its place.
struct Place {
    path: PathBuf,
    is_segment: bool,
    at: Option<Millis>,
    /// The ordinal at which it goes on; `None` if it names none.
    base: Option<u64>,
}

/// Puts the files of a history in the order in which they were begun, which is that of their bases
/// unless one goes back behind another's beginning. Each base replaces what earlier pages have from
/// there on.
///
/// # Errors
/// What keeps a first line from being read. The only file of a history is not looked at.
pub(crate) fn in_order(files: &[PathBuf], ablated: Ablations) -> Result<Vec<Page>, HistoryError> {
    if let [only] = files {
        return Ok(vec![Page::only(only)]);
    }
    let mut places = files.iter().map(|path| place(path)).collect::<Result<Vec<_>, _>>()?;
    if !ablated.has(Ablation::SegmentsInOrder) {
        places.sort_by(Place::order);
    }
    let (mut end, mut is_last) = (None, true);
    let mut pages: Vec<Page> = places
        .into_iter()
        .rev()
        .map(|place| {
            let is_last = std::mem::take(&mut is_last);
            let page = Page { path: place.path, start: place.base.unwrap_or(0), end, is_last };
            let replaces = place.is_segment && !ablated.has(Ablation::SegmentBase);
            end = match (end, place.base.filter(|_| replaces)) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            page
        })
        .collect();
    pages.reverse();
    Ok(pages)
}

impl Place {
    fn order(&self, other: &Self) -> Ordering {
        let key = |place: &Self| (place.is_segment, place.at, place.base);
        key(self).cmp(&key(other)).then_with(|| self.path.file_name().cmp(&other.path.file_name()))
    }
}

fn place(path: &Path) -> Result<Place, HistoryError> {
    let first = first_line(path).map_err(HistoryError::io(path))?;
    let name = path.file_name().and_then(|name| name.to_str()).and_then(HistoryName::parse);
    // What is not a record says nothing here; anyone who replays the page tells it.
    let first = str::from_utf8(&first).unwrap_or_default();
    let at = json::at(first, &["timestamp"]).and_then(json::text);
    let base = json::at(first, &["payload", "history_base", "end_ordinal_exclusive"]);
    Ok(Place {
        path: path.to_owned(),
        is_segment: name.is_some_and(|name| name.segment.is_some()),
        at: at.and_then(|at| at.parse().ok()),
        base: base.and_then(|base| base.get().parse().ok()),
    })
}

/// Whether the file is a rollout of 2025, whose lines have no types: then the first one has the
/// thread and its time at its top.
pub(crate) fn is_untyped(path: &Path) -> bool {
    let is_text = |raw: Raw<'_>| raw.and_then(json::text).is_some();
    let is_there = |raw: Raw<'_>| raw.is_some_and(|raw| raw.get() != "null");
    first_line(path).is_ok_and(|line| {
        let line = str::from_utf8(&line).unwrap_or_default();
        json::members(line, ["id", "timestamp", "type", "payload"]).is_ok_and(
            |[id, at, kind, payload]| {
                is_text(id) && is_text(at) && !is_there(kind) && !is_there(payload)
            },
        )
    })
}

fn first_line(path: &Path) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(Source::open(path)?).take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
    Ok(line)
}
