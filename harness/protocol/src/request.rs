//! What the harness asks for: one line of JSON.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use crate::{VERSION, WirePath, number};

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The version of the protocol.
    pub tracerig: u64,
    /// What the reply repeats.
    pub id: String,
    /// What is wanted.
    #[serde(flatten)]
    pub ask: Ask,
    /// Milliseconds from the start of the process until it is ended.
    pub limit_ms: u64,
    /// Cores to divide the work by; absent: those that there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<NonZeroUsize>,
    /// Work to do beyond the own, for a candidate that offers `handicap`; absent: none.
    #[serde(default, skip_serializing_if = "Handicap::is_none")]
    pub handicap: Handicap,
}

/// Work that is planted in a process, so that a comparison can show what it is able to find.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Handicap {
    /// A busy loop of so many nanoseconds: one a launch of a relaunch or refresh, one an append.
    pub busy_ns: u64,
    /// Rows of the trace database read once more in each launch of the scanner.
    pub rows: u64,
    /// Synchronisations of the history after each append that projects its row before it returns.
    pub syncs: u64,
}

impl Handicap {
    /// Whether nothing is planted.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Request {
    /// A request of this version.
    #[must_use]
    pub fn new(id: impl Into<String>, ask: Ask, limit_ms: u64) -> Self {
        let (cores, handicap) = (None, Handicap::default());
        Self { tracerig: VERSION, id: id.into(), ask, limit_ms, cores, handicap }
    }

    /// The line of JSON, with its end.
    #[must_use]
    pub fn line(&self) -> Vec<u8> {
        // Every field is a string, a number or a path that has a form of its own.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Ask {
    /// Who the candidate is. Once a run, never timed.
    Hello {
        /// The versions of the protocol that the harness speaks.
        versions: Vec<u64>,
    },
    /// To start and to exit: what a process of this candidate costs before it does anything.
    Idle,
    /// The turns of a trace database that ran at the priority tier.
    Scan(ScanAsked),
    /// The tokens that a Codex home used.
    Usage(UsageAsked),
    /// To append to the histories of a store of threads.
    Append(AppendAsked),
    /// To append to them from several threads of execution at once, and to claim how long it took.
    Load(LoadAsked),
}

/// Which turns ran at the priority tier?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanAsked {
    /// The SQLite database.
    pub database: WirePath,
    /// A folder that lasts from launch to launch; null for a candidate that keeps no memo.
    pub memo: Option<WirePath>,
    /// First Unix second that counts.
    #[serde(default, with = "number::optional")]
    pub since: Option<i64>,
    /// First Unix second that no longer counts.
    #[serde(default, with = "number::optional")]
    pub until: Option<i64>,
    /// Whether to ignore the memo, and to replace it.
    #[serde(default)]
    pub force: bool,
}

/// How many tokens did a Codex home use?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageAsked {
    /// The Codex home: the folder with `sessions` and `archived_sessions`.
    pub home: WirePath,
    /// A folder that lasts from launch to launch; null for a candidate that keeps no memo.
    pub memo: Option<WirePath>,
    /// Minutes by which days begin before those of UTC.
    #[serde(default)]
    pub zone_minutes: i64,
    /// Turns that ran at the priority tier where a rollout does not say its tier.
    #[serde(default)]
    pub priority: Vec<String>,
    /// A trace database whose priority turns count, too, for a candidate that reads both; absent:
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<WirePath>,
    /// Whether to ignore the memo, and to replace it.
    #[serde(default)]
    pub force: bool,
}

/// What is appended to which threads?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendAsked {
    /// The folder of the store: histories lie in `sessions` below it, rows in a database in it.
    pub home: WirePath,
    /// One append after the other.
    pub appends: Vec<Append>,
}

/// One append.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Append {
    /// The id of the thread, a UUID. One that has no history yet gets one.
    pub thread: String,
    /// The lines, in order; nothing is a no-op.
    pub items: Vec<Item>,
}

/// A line to append, but for its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The `type` of the line.
    #[serde(rename = "type")]
    pub kind: String,
    /// The `payload` of the line as JSON text, which is in it byte by byte.
    pub payload: String,
}

/// What is appended at once to which threads, and what of it is timed?
///
/// Each thread is appended to by a thread of execution of its own, one line an append. All of them
/// make the appends that warm up, then a flush; then those that are timed, all beginning at once;
/// then a flush; then, so many times, one more append and a flush that is timed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadAsked {
    /// The folder of the store, as in [`AppendAsked`].
    pub home: WirePath,
    /// A file with an [`Item`] in each line.
    pub lines: WirePath,
    /// Which threads, each new.
    pub threads: Vec<LoadThread>,
    /// The first appends of each thread, which are not timed.
    pub warmup: u64,
    /// Appends of each thread that are timed.
    pub appends: u64,
    /// Appends of each thread that are followed by a flush, which is timed.
    pub barriers: u64,
    /// Timed appends a second over all threads, each due at a fixed time; null: each as soon as the
    /// one before has returned.
    #[serde(default)]
    pub rate: Option<u64>,
    /// Whether an append returns only when the device has its line.
    #[serde(default)]
    pub fsync: bool,
}

/// A thread of a load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadThread {
    /// Its id, a UUID.
    pub thread: String,
    /// The line of the file that it begins with, from 0. After the last line comes the first.
    pub first: u64,
}

impl LoadAsked {
    /// Lines that each thread is given.
    #[must_use]
    pub const fn lines_of_a_thread(&self) -> u64 {
        self.warmup.saturating_add(self.appends).saturating_add(self.barriers)
    }

    /// Appends of all threads together.
    #[must_use]
    pub const fn appends_in_all(&self) -> u64 {
        self.lines_of_a_thread().saturating_mul(self.threads.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_line_with_the_fields_of_the_specification() {
        let asked = ScanAsked {
            database: WirePath("/d/logs_2.sqlite".into()),
            memo: Some(WirePath("/m".into())),
            since: None,
            until: Some(1 << 60),
            force: false,
        };
        let request = Request::new("7", Ask::Scan(asked), 30_000);
        let line = String::from_utf8(request.line()).unwrap();
        let due = concat!(
            r#"{"tracerig":1,"id":"7","ask":"scan","database":"/d/logs_2.sqlite","memo":"/m","#,
            r#""since":null,"until":"1152921504606846976","force":false,"limit_ms":30000}"#,
            "\n"
        );
        assert_eq!(line, due);
        assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), request);
    }

    #[test]
    fn a_load_is_one_line_with_the_fields_of_the_specification() {
        let threads = vec![LoadThread { thread: "a".to_owned(), first: 7 }];
        let asked = LoadAsked {
            home: WirePath("/h".into()),
            lines: WirePath("/l".into()),
            threads,
            warmup: 1,
            appends: 2,
            barriers: 3,
            rate: None,
            fsync: false,
        };
        assert_eq!((asked.lines_of_a_thread(), asked.appends_in_all()), (6, 6));
        let line = concat!(
            r#"{"tracerig":1,"id":"7","ask":"load","home":"/h","lines":"/l","threads":"#,
            r#"[{"thread":"a","first":7}],"warmup":1,"appends":2,"barriers":3,"rate":null,"#,
            r#""fsync":false,"limit_ms":9}"#,
            "\n"
        );
        let request = Request::new("7", Ask::Load(asked), 9);
        assert_eq!(request.line(), line.as_bytes());
        assert_eq!(serde_json::from_str::<Request>(line).unwrap(), request);
    }

    #[test]
    fn fields_that_are_not_known_are_ignored() {
        let line = r#"{"tracerig":1,"id":"1","ask":"idle","limit_ms":5,"new":{"a":1}}"#;
        assert_eq!(serde_json::from_str::<Request>(line).unwrap(), Request::new("1", Ask::Idle, 5));
    }
}
