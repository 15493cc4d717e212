//! Rollouts of a home: usage with a memo, without one and by the oracle, while the files grow and
//! after they are compressed; and the rows that they replay to.
//!
//! The first three bytes say how the files lie and where the first one is cut; the rest is its
//! text. A line `#second` begins the text of another rollout, a line `#names` that of the index of
//! names.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde::Serialize;
use tracerig_scanner::archive::{Archive, Options, Request};
use tracerig_store::threads::{
    Column, Sessions, SweepOptions, ThreadId, Value, rebuild, replay, verify,
};

use super::place;
use tracerig_differential::archive::{Answer, agree};
use tracerig_differential::python::{NoAnswer, Python};
use tracerig_differential::sides::Side;
use tracerig_oracle::archive::{View, view};
use tracerig_oracle::threads::{self, Replay, Row};

const DAY: &str = "sessions/2026/11/29";
const ARCHIVED: &str = "archived_sessions";
const FIRST: &str = "01a00000-0000-7000-8000-000000000000";
const SECOND: &str = "01a00001-0000-7000-8000-000000000000";

/// How the files lie, bit by bit.
struct Form(u8);

impl Form {
    /// The text is not compressed by the target: it is what a compressed file holds.
    fn is_packed(&self) -> bool {
        self.0 & 1 != 0
    }

    /// The second file is a segment of the first one's thread.
    fn is_segment(&self) -> bool {
        self.0 & 2 != 0
    }

    fn is_archived(&self) -> bool {
        self.0 & 4 != 0
    }

    /// Rows are made of the compressed file, not of the plain one.
    fn rows_are_of_packed(&self) -> bool {
        self.0 & 32 != 0
    }

    /// Whether the oracle in Python is asked as well.
    fn asks_python(&self) -> bool {
        self.0 & 24 == 24
    }
}

pub(super) fn run(input: &[u8]) {
    let &[form, one, two, ref text @ ..] = input else { return };
    let form = Form(form);
    let asks_python = form.asks_python() && has_usual_times(text);
    let (text, names) = split(text, b"\n#names\n");
    let (text, second) = split(text, b"\n#second\n");
    place::empty(|place| {
        let (home, memo) = (place.join("home"), place.join("memo"));
        let folder = home.join(if form.is_archived() { ARCHIVED } else { DAY });
        fs::create_dir_all(&folder).expect("a folder of sessions");
        if let Some(names) = names {
            fs::write(home.join("session_index.jsonl"), names).expect("an index of names");
        }
        let named = |id: &str| folder.join(format!("rollout-2026-11-29T10-00-00-{id}.jsonl"));
        let path = named(FIRST);
        if let Some(second) = second {
            let id =
                if form.is_segment() { format!("{FIRST}_{SECOND}") } else { SECOND.to_owned() };
            fs::write(named(&id), second).expect("a second rollout");
        }
        if form.is_packed() {
            fs::write(packed(&path), text).expect("a compressed rollout");
            usage(&home, &memo, asks_python);
        } else {
            grow(&path, text, [one, two], || usage(&home, &memo, asks_python));
            replays(&path);
        }
        if !form.rows_are_of_packed() {
            rows(place, &home);
        }
        if !form.is_packed() {
            // Codex keeps the time of the file; here only its content counts.
            let compressed = compress_to_vec(text, CompressionLevel::Fastest);
            fs::write(packed(&path), compressed).expect("a compressed rollout");
            fs::remove_file(&path).expect("the plain one is removed");
            usage(&home, &memo, asks_python);
        }
        if form.rows_are_of_packed() {
            rows(place, &home);
        }
    });
}

fn split<'t>(text: &'t [u8], separator: &[u8]) -> (&'t [u8], Option<&'t [u8]>) {
    match memchr::memmem::find(text, separator) {
        // The line break before a separator belongs to the text.
        Some(at) => (&text[..=at], Some(&text[at + separator.len()..])),
        None => (text, None),
    }
}

/// Whether each time is written as Codex writes it: the oracle in Python knows no other form.
fn has_usual_times(text: &[u8]) -> bool {
    const USUAL: &[u8; 25] = b"0000-00-00T00:00:00.000Z\"";
    memchr::memmem::find_iter(text, b"timestamp").all(|at| {
        let value = &text[at + b"timestamp\"".len().min(text.len() - at)..];
        let value = value.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        value.and_then(|value| value.strip_prefix(b"\"")).is_some_and(|value| {
            let is_usual = |(usual, found): (&u8, &u8)| {
                if *usual == b'0' { found.is_ascii_digit() } else { usual == found }
            };
            // A leap second has several readings.
            value.len() >= USUAL.len() && USUAL.iter().zip(value).all(is_usual) && value[17] < b'6'
        })
    })
}

fn packed(path: &Path) -> PathBuf {
    path.with_extension("jsonl.zst")
}

/// Writes the text in up to three pieces, and calls `looked` after each.
fn grow(path: &Path, text: &[u8], cuts: [u8; 2], looked: impl Fn()) {
    let mut cuts = cuts.map(|cut| text.len() * usize::from(cut) / 256);
    cuts.sort_unstable();
    let mut file = File::create(path).expect("a rollout");
    let mut from = 0;
    for to in [cuts[0], cuts[1], text.len()] {
        file.write_all(&text[from..to]).expect("a rollout grows");
        if to > from || to == text.len() {
            looked();
        }
        from = to;
    }
}

/// Usage by everyone who can tell it.
fn usage(home: &Path, memo: &Path, asks_python: bool) {
    let refreshed = |memo: Option<&Path>| {
        let options = Options {
            memo: memo.map(Path::to_owned),
            threads: NonZeroUsize::MIN,
            clock: super::later(),
            ..Options::default()
        };
        let request = Request { sessions: true, ..Request::default() };
        Archive::new(home, options).refresh(&request).expect("a home is refreshed")
    };
    let with = refreshed(Some(memo));
    assert!(with.warnings.is_empty(), "{:?}", with.warnings);
    let with = Answer::of(&with, 0, true).unwrap_or_else(|error| panic!("{error}"));
    let without = Answer::of(&refreshed(None), 0, true).unwrap_or_else(|error| panic!("{error}"));
    let rust = view(home, &BTreeSet::new(), 0);
    let mut sides = vec![(Side::FullRescan, without.view())];
    // The decoder of the oracle reads some damaged files that the one in C refuses.
    if without.view().unreadable.is_empty() {
        sides.push((Side::Rust, &rust));
    }
    let python = if asks_python { python(home) } else { None };
    sides.extend(python.as_ref().map(|view| (Side::Python, view)));
    agree(&with, &sides).unwrap_or_else(|error| panic!("{error}"));
}

/// What the oracle in Python says, if there is one.
fn python(home: &Path) -> Option<View> {
    #[derive(Serialize)]
    struct Question<'a> {
        home: &'a Path,
        priority: [&'a str; 0],
        offset: i64,
    }
    static PYTHON: LazyLock<Option<Mutex<Python>>> = LazyLock::new(|| {
        // It lives as long as the process does.
        let folder = place::new().keep();
        let mut python = Python::of_archives(&folder).ok()?;
        python.hello().ok()?;
        Some(Mutex::new(python))
    });
    let mut python = PYTHON.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
    match python.answer(&Question { home, priority: [], offset: 0 }) {
        Ok(view) => Some(view),
        Err(NoAnswer::Lacking(_) | NoAnswer::Refused(_)) => None,
        Err(error) => panic!("the oracle in Python gives no answer: {error:?}"),
    }
}

/// One plain history replays to what the oracle says.
fn replays(path: &Path) {
    let id: ThreadId = FIRST.parse().expect("an id");
    let Ok(found) = replay(path, id) else { return };
    let mut due = Replay::new(FIRST, "p");
    for line in threads::lines(path).expect("a history is read") {
        let (end, line) = line.expect("a line is read");
        due.line(&line, end);
    }
    let mut row: Row = Column::ALL
        .into_iter()
        .map(|column| {
            let value = match found.patch.get(column).cloned().unwrap_or(column.default_value()) {
                Value::Null => serde_json::Value::Null,
                Value::Integer(number) => number.into(),
                Value::Text(text) => text.into(),
            };
            (column.name().to_owned(), value)
        })
        .collect();
    row.insert("id".to_owned(), FIRST.into());
    row.insert("rollout_path".to_owned(), "p".into());
    if let Some(difference) = threads::difference(&row, due.row()) {
        panic!("a history replays differently: {difference}");
    }
}

/// The rows of a home are rebuilt, and are then the replay of its histories.
fn rows(place: &Path, home: &Path) {
    let database = place.join("rows.sqlite");
    let options = SweepOptions { jobs: NonZeroUsize::MIN, ..SweepOptions::default() };
    let sessions = Sessions::of(home);
    let on = &mut |_| ControlFlow::Continue(());
    let built = rebuild(&sessions, &database, &options, on).expect("rows are rebuilt");
    let verified = verify(&sessions, &database, &options, on).expect("rows are verified");
    // What failed has no row, and is said by both.
    let told = built.failures.len() as u64 + built.skipped.unread();
    assert!(verified.differences.is_empty() && verified.without_history.is_empty(), "{verified:?}");
    assert!(verified.without_row.is_empty(), "{verified:?}");
    assert_eq!(verified.failures.len(), built.failures.len(), "{verified:?}");
    assert!(verified.equal + told >= verified.threads, "{verified:?}");
}
