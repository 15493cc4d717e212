//! What a scan returns: turns, and an account of the work that finding them took.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use crate::checks::Check;

/// One turn that ran at the priority service tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// The thread (conversation) it belongs to, where a row named it.
    pub thread_id: Option<String>,
    /// The model that answered, else the one asked for, where a row named it.
    pub model: Option<String>,
    /// When the evidence was logged, in Unix seconds.
    pub timestamp: i64,
}

/// Turn id to turn.
pub type Turns = BTreeMap<String, Turn>;

/// Which evidence counts: `since <= ts < until`, in Unix seconds, each end optional.
///
/// A window is applied when an answer is taken from what is known; moving it never costs a rescan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Window {
    /// The first second that counts.
    pub since: Option<i64>,
    /// The first second that counts no more.
    pub until: Option<i64>,
}

impl Window {
    /// Whether evidence of second `ts` counts.
    #[must_use]
    pub fn contains(&self, ts: i64) -> bool {
        self.since.is_none_or(|since| since <= ts) && self.until.is_none_or(|until| ts < until)
    }
}

/// How an answer came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Every row was examined.
    Full,
    /// The rows above the memo's cursor were examined.
    Incremental,
    /// No row is above the memo's cursor.
    Unchanged,
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
            Self::Unchanged => "unchanged",
        })
    }
}

/// Why a scan was full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It was not: the memo was trusted.
    None,
    /// There was no memo yet.
    Absent,
    /// The caller asked for a rescan.
    Forced,
    /// The caller wants no memo.
    Disabled,
    /// A check found that the memo cannot be trusted.
    Check(Check),
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => formatter.write_str("none"),
            Self::Absent => formatter.write_str("absent"),
            Self::Forced => formatter.write_str("forced"),
            Self::Disabled => formatter.write_str("disabled"),
            Self::Check(check) => check.fmt(formatter),
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where the time of a scan went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// Reading and decoding the memo.
    pub load: Duration,
    /// Opening the database, beginning the snapshot, reading its maximum id.
    pub open: Duration,
    /// Deciding whether the memo may be trusted.
    pub check: Duration,
    /// Examining rows and folding facts to turns.
    pub scan: Duration,
    /// Writing the memo.
    pub persist: Duration,
}

impl Phases {
    /// Each phase by name, in the order in which they happen.
    #[must_use]
    pub fn named(&self) -> [(&'static str, Duration); 5] {
        [
            ("load", self.load),
            ("open", self.open),
            ("check", self.check),
            ("scan", self.scan),
            ("persist", self.persist),
        ]
    }
}

/// An account of one scan.
///
/// The counters repeat exactly for the same database, memo and version; only the times vary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// How the answer came about.
    pub mode: Mode,
    /// Why the scan was full; [`Reason::None`] if it was not.
    pub reason: Reason,
    /// Rows whose body was searched for markers.
    pub rows_examined: u64,
    /// Remembered rows that were looked up to trust the memo.
    pub rows_checked: u64,
    /// Bytes of the TEXT bodies among the rows examined.
    pub body_bytes: u64,
    /// Facts known after the scan.
    pub facts: u64,
    /// Completions among them.
    pub completions: u64,
    /// Rows among those examined that carry a marker under another target than its own, or set a
    /// tier by an operation of an unknown name. A hint that a version moved or renamed something,
    /// or merely quotations; no part of the result.
    pub unrecognised: u64,
    /// Rows among those examined that prove that a turn ran.
    pub turn_rows: u64,
    /// The turns that these prove to have run. A hint, as `tier_rows` is.
    pub turns_seen: u64,
    /// Rows among those examined that tell the tier of a turn, whichever it is. None beside many
    /// turns means that the version of Codex logs no tier, or logs it in a way not known here.
    pub tier_rows: u64,
    /// The highest id the answer covers, 0 for an empty table.
    pub cursor: i64,
    /// Size of the database file in bytes, without its write-ahead log.
    pub db_bytes: u64,
    /// Size of the persisted memo in bytes after the scan, 0 if there is none.
    pub artifact_bytes: u64,
    /// Virtual-machine steps of all SQLite statements that read rows or looked them up.
    pub vm_steps: u64,
    /// Whether this scan replaced the persisted memo.
    pub persisted: bool,
    /// Database connections that shared the snapshot.
    pub connections: u32,
    /// Where the time went.
    pub elapsed: Phases,
}

/// What a scan returns.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The turns that ran at priority and have evidence in the window.
    pub turns: Turns,
    /// How they were found.
    pub stats: Stats,
    /// What went wrong without touching the answer, each with path and remedy.
    pub warnings: Vec<String>,
}
