//! Histories of a store of threads: what is appended, by launches that end or are ended, and
//! whether every history and every row is then what it must be.
//!
//! ```text
//! append 1 3 | 2 1       one launch: three lines on thread 1, then one on thread 2
//! killed 500us: 1 4      the same, killed after that time (see [`Interruption`])
//! text 1 "a\u0000b"      a user message of this JSON string
//! long 1 4100            a user message of so many characters
//! line 1 event_msg {}    a line of this type and payload
//! tear 1                 somebody's last line breaks off
//! refused 1              a launch that must answer with an error: the payload is no object
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use tracerig_datasets::Conversation;
use tracerig_differential::foreign::Interruption;
use tracerig_differential::parse_error::ParseError;
use tracerig_oracle::threads::{self as oracle, Replay};
use tracerig_protocol::{
    Answer, Append, AppendAsked, Ask, ErrorKind, Expected, Finding, Item, Outcome, Request,
    WirePath,
};
use tracerig_store::threads::{Mode, SESSIONS, schema};

use super::raw::Done;
use crate::append::verify::{histories, is_first, is_like, is_line, unreadable};
use crate::candidate::host::Candidate;
use crate::candidate::opener::Counts;
use crate::candidate::oracle::right_answer;
use crate::worker::append;

/// Of the lines that are appended.
const SEED: u64 = 1;

/// Milliseconds that a request by hand allows.
const LIMIT: u64 = 10_000;

/// How half a line begins.
const TORN: &str = r#"{"timestamp":"2026-11-20T20:37:24.062Z","type":"event_msg","payload":{"x":""#;

/// How long it goes on: a line that follows is shorter, so that one written over it leaves a rest.
const LONG: usize = 100_000;

/// What happens to a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Threads with numbers of lines.
    Append(Vec<(u8, usize)>),
    Killed(Duration, Vec<(u8, usize)>),
    Text(u8, String),
    Long(u8, usize),
    Line(u8, String, String),
    Tear(u8),
    Refused(u8),
}

fn thread_id(thread: u8) -> String {
    format!("01a00000-0000-7000-8000-0000000000{thread:02}")
}

/// The request that every store can answer.
pub(crate) fn first(home: &Path) -> AppendAsked {
    let appends = vec![Append { thread: thread_id(1), items: vec![message("\"hello\"")] }];
    AppendAsked { home: WirePath(home.to_owned()), appends }
}

/// A user message of a JSON string.
fn message(text: &str) -> Item {
    let payload = format!(r#"{{"type":"user_message","message":{text}}}"#);
    Item { kind: "event_msg".to_owned(), payload }
}

/// What is wrong with a home after the request of [`first`], which was accepted or was not.
pub(super) fn wrong_after_first(asked: &AppendAsked, is_in: bool) -> io::Result<Option<String>> {
    let mut store = Store::new(asked.home.0.clone())?;
    for Append { items, .. } in asked.appends.iter().filter(|_| is_in) {
        store.add_due(1, items.clone());
    }
    store.due.entry(1).or_default();
    store.wrong()
}

/// A store, and what must be in it.
struct Store {
    home: PathBuf,
    conversation: Conversation,
    /// How many lines of its conversation each thread was given.
    given: BTreeMap<u8, usize>,
    /// The lines that each history must hold after its first: kind and payload.
    due: BTreeMap<u8, Vec<(String, String)>>,
    /// The whole lines of each history unchanged.
    before: BTreeMap<u8, Vec<u8>>,
    /// Threads that a launch which was killed appended to, until one that ends does: its last lines
    /// may be missing or break off, and its row may be late. So many bytes of the history were
    /// there before, and count in the row.
    late: BTreeMap<u8, usize>,
}

impl Store {
    fn new(home: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&home)?;
        let conversation = Conversation::of(SEED).map_err(io::Error::other)?;
        let (given, due, before, late) = Default::default();
        Ok(Self { home, conversation, given, due, before, late })
    }

    /// The request of a step, whose lines are due from then on.
    fn request(&mut self, step: &Step) -> Option<Ask> {
        let mut appends = Vec::new();
        match step {
            Step::Append(parts) | Step::Killed(_, parts) => {
                for (thread, lines) in parts {
                    let given = self.given.entry(*thread).or_default();
                    let items =
                        self.conversation.of_thread(usize::from(*thread)).skip(*given).take(*lines);
                    let item = |item: &tracerig_store::threads::Item| Item {
                        kind: item.kind().to_owned(),
                        payload: item.payload().get().to_owned(),
                    };
                    appends.push((*thread, items.map(item).collect()));
                    *given += lines;
                }
            }
            Step::Text(thread, text) => appends.push((*thread, vec![message(text)])),
            Step::Long(thread, characters) => {
                let text = format!("\"{}\"", "\u{e9}".repeat(*characters));
                appends.push((*thread, vec![message(&text)]));
            }
            Step::Line(thread, kind, payload) => {
                let item = Item { kind: kind.clone(), payload: payload.clone() };
                appends.push((*thread, vec![item]));
            }
            Step::Refused(thread) => {
                let item = Item { kind: "event_msg".to_owned(), payload: "3".to_owned() };
                appends.push((*thread, vec![item]));
            }
            Step::Tear(_) => return None,
        }
        let ask = |(thread, items): &(u8, Vec<Item>)| Append {
            thread: thread_id(*thread),
            items: items.clone(),
        };
        let asked = AppendAsked {
            home: WirePath(self.home.clone()),
            appends: appends.iter().map(ask).collect(),
        };
        if !matches!(step, Step::Refused(_)) {
            for (thread, items) in appends {
                if matches!(step, Step::Killed(..)) {
                    let there = self.before.get(&thread).map_or(0, Vec::len);
                    self.late.entry(thread).or_insert(there);
                } else if !items.is_empty() {
                    self.late.remove(&thread);
                }
                self.add_due(thread, items);
            }
        }
        Some(Ask::Append(asked))
    }

    fn add_due(&mut self, thread: u8, items: Vec<Item>) {
        let lines = items.into_iter().map(|item| (item.kind, item.payload));
        self.due.entry(thread).or_default().extend(lines);
    }

    fn tear(&self, thread: u8) -> io::Result<()> {
        let Some(path) = self.histories(thread).into_iter().next() else { return Ok(()) };
        let torn = format!("{TORN}{}", "x".repeat(LONG));
        std::fs::File::options().append(true).open(path)?.write_all(torn.as_bytes())
    }

    fn histories(&self, thread: u8) -> Vec<PathBuf> {
        let end = format!("-{}.jsonl", thread_id(thread));
        let is_its = |path: &PathBuf| path.to_string_lossy().ends_with(&end);
        histories(&self.home.join(SESSIONS)).into_iter().filter(is_its).collect()
    }

    /// What is wrong with the store.
    fn wrong(&mut self) -> io::Result<Option<String>> {
        let database = self.home.join(schema::FILE_NAME);
        let rows = if database.exists() { oracle::rows(&database) } else { Ok(BTreeMap::new()) };
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => return Ok(Some(error.to_string())),
        };
        let threads: Vec<u8> = self.due.keys().copied().collect();
        for thread in threads {
            let id = thread_id(thread);
            if let Some(wrong) = self.wrong_with(thread, rows.get(&id))? {
                return Ok(Some(format!("thread {id}: {wrong}")));
            }
        }
        let unknown = rows.keys().find(|id| {
            !self.due.iter().any(|(thread, lines)| {
                let may_have = !lines.is_empty() || self.late.contains_key(thread);
                may_have && thread_id(*thread) == **id
            })
        });
        Ok(unknown.map(|id| format!("thread {id}: it has a row, and nothing was appended to it")))
    }

    fn wrong_with(&mut self, thread: u8, row: Option<&oracle::Row>) -> io::Result<Option<String>> {
        let late = self.late.get(&thread).copied();
        let due = self.due.entry(thread).or_default().clone();
        let known = self.before.get(&thread).cloned().unwrap_or_default();
        let found = self.histories(thread);
        let [path] = &found[..] else {
            let may_lack = due.is_empty() || late.is_some() && known.is_empty();
            if found.is_empty() && may_lack {
                self.due.insert(thread, Vec::new());
                return Ok(None);
            }
            return Ok(Some(format!("it has {} histories instead of one", found.len())));
        };
        if due.is_empty() && late.is_none() {
            return Ok(Some("it has a history, and nothing was appended to it".to_owned()));
        }
        if let Some(why) = unreadable(path) {
            return Ok(Some(why));
        }
        let bytes = std::fs::read(path)?;
        if !bytes.starts_with(&known) {
            return Ok(Some("earlier bytes of its history have changed".to_owned()));
        }
        let name = path.strip_prefix(&self.home).unwrap_or(path).to_string_lossy().into_owned();
        let day = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !is_like(day.as_bytes(), b"sessions/0000/00/00") {
            return Ok(Some(format!("its history is in `{day}` instead of sessions/YYYY/MM/DD")));
        }
        let mut replay = Replay::new(&thread_id(thread), &name);
        let (mut end, mut count, mut is_replayed) = (0, 0_usize, false);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !line.ends_with(b"\n") {
                if late.is_some() {
                    break;
                }
                return Ok(Some(format!("line {} of its history breaks off", count + 1)));
            }
            end += line.len();
            let is_right = match count.checked_sub(1) {
                None => is_first(line, &thread_id(thread)),
                Some(place) => {
                    due.get(place).is_some_and(|(kind, payload)| is_line(line, kind, payload))
                }
            };
            if !is_right {
                let what =
                    if count == 0 { "its session_meta" } else { "the one that was appended" };
                return Ok(Some(format!("line {} of its history is not {what}", count + 1)));
            }
            count += 1;
            replay.line(line, end as u64);
            is_replayed |= late.is_some_and(|there| end >= there)
                && row.is_some_and(|row| oracle::difference(row, replay.row()).is_none());
        }
        let written = count.saturating_sub(1);
        if written < due.len() && late.is_none() {
            return Ok(Some(format!(
                "its history has {written} of {} lines that were appended",
                due.len()
            )));
        }
        self.due.insert(thread, due[..written].to_vec());
        self.before.insert(thread, bytes[..end].to_vec());
        Ok(match row {
            None if late == Some(0) => None,
            None => Some("it has no row".to_owned()),
            Some(_) if is_replayed => None,
            Some(row) => {
                oracle::difference(row, replay.row()).map(|told| format!("its row: {told}"))
            }
        })
    }
}

impl History {
    /// Has `candidate` do it in `folder`. `Ok(false)`: it does not offer that.
    pub(super) fn run(&self, candidate: &mut Candidate, counts: &Counts, folder: &Path) -> Done {
        let mut store = Store::new(folder.join("data").join("home"))?;
        for (place, step) in self.0.iter().enumerate() {
            let fail =
                |kind, told: String| Ok(Err((kind, format!("operation {}: {told}", place + 1))));
            let Some(ask) = store.request(step) else {
                if let Step::Tear(thread) = step {
                    store.tear(*thread)?;
                }
                continue;
            };
            if let Step::Killed(after, _) = step {
                let launch = candidate.interrupt(&ask, Interruption::Kill(*after))?;
                counts.interrupted(&launch.outcome);
            } else {
                let right = right_answer(&ask)?;
                let expected =
                    Expected { right: &right, earlier: &[], again: None, declared: None };
                match (step, candidate.launch(&ask)?.outcome.against(&expected)) {
                    (_, Outcome::Refused(refusal)) if refusal.kind == ErrorKind::Unsupported => {
                        return Ok(Ok(false));
                    }
                    (Step::Refused(_), Outcome::Answered(..)) => {
                        return fail("not-refused", "it answered with a result".to_owned());
                    }
                    (Step::Refused(_), Outcome::Refused(_)) | (_, Outcome::Answered(..)) => {}
                    (_, Outcome::Refused(refusal)) => return fail("refused", refusal.to_string()),
                    (_, Outcome::Faulty(Finding { fault, detail, .. })) => {
                        return fail(fault.name(), detail);
                    }
                }
            }
            if let Some(told) = store.wrong()? {
                return fail("wrong", told);
            }
        }
        Ok(Ok(true))
    }
}

/// Makes the store as it is before request number `step` (the last one if `None`), with tracerig's
/// own store, and gives the line of that request and its right answer.
pub(crate) fn write(
    history: &History,
    folder: &Path,
    step: Option<usize>,
) -> io::Result<(Vec<u8>, Option<Answer>)> {
    let mut store = Store::new(folder.join("data").join("home"))?;
    let requests = history.0.iter().filter(|step| !matches!(step, Step::Tear(_))).count();
    let wanted = step.unwrap_or(requests);
    let mut place = 0;
    for step in &history.0 {
        let Some(ask) = store.request(step) else {
            if let Step::Tear(thread) = step {
                store.tear(*thread)?;
            }
            continue;
        };
        place += 1;
        if place == wanted {
            let answer = right_answer(&ask).ok();
            return Ok((Request::new(place.to_string(), ask, LIMIT).line(), answer));
        }
        if let (Ask::Append(asked), false) = (&ask, matches!(step, Step::Refused(_))) {
            append::append(asked, Mode::default())
                .map_err(|refusal| io::Error::other(refusal.to_string()))?;
        }
    }
    let told = format!("it has {requests} requests; give a --step from 1 to that");
    Err(io::Error::new(io::ErrorKind::InvalidInput, told))
}

fn parts(text: &str) -> Option<Vec<(u8, usize)>> {
    let part = |text: &str| {
        let (thread, lines) = text.trim().split_once(' ')?;
        Some((thread.parse().ok().filter(|thread| *thread < 100)?, lines.parse().ok()?))
    };
    text.split('|').map(part).collect()
}

impl Step {
    fn read(text: &str) -> Option<Self> {
        let (verb, rest) = text.split_once(' ')?;
        let thread = |text: &str| text.parse().ok().filter(|thread| *thread < 100);
        match verb {
            "append" => Some(Self::Append(parts(rest)?)),
            "killed" => {
                let (time, rest) = rest.split_once(": ")?;
                let after = Duration::from_micros(time.strip_suffix("us")?.parse().ok()?);
                Some(Self::Killed(after, parts(rest)?))
            }
            "text" => {
                let (number, text) = rest.split_once(' ')?;
                serde_json::from_str::<String>(text).ok()?;
                Some(Self::Text(thread(number)?, text.to_owned()))
            }
            "long" => {
                let (number, characters) = rest.split_once(' ')?;
                let most = characters.parse().ok().filter(|characters| *characters <= LONG)?;
                Some(Self::Long(thread(number)?, most))
            }
            "line" => {
                let (number, rest) = rest.split_once(' ')?;
                let (kind, payload) = rest.split_once(' ')?;
                serde_json::from_str::<serde_json::Map<_, _>>(payload).ok()?;
                Some(Self::Line(thread(number)?, kind.to_owned(), payload.to_owned()))
            }
            "tear" => Some(Self::Tear(thread(rest)?)),
            "refused" => Some(Self::Refused(thread(rest)?)),
            _ => None,
        }
    }
}

impl FromStr for History {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let step = |(place, line): (usize, &str)| {
            let problem = || format!("`{line}` is no operation on a store of threads");
            Step::read(line).ok_or_else(|| ParseError { line: place + 1, problem: problem() })
        };
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        lines.map(step).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for History {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |parts: &[(u8, usize)]| {
            let part = |(thread, lines): &(u8, usize)| format!("{thread} {lines}");
            parts.iter().map(part).collect::<Vec<_>>().join(" | ")
        };
        for step in &self.0 {
            match step {
                Step::Append(parts) => writeln!(formatter, "append {}", told(parts)),
                Step::Killed(after, parts) => {
                    writeln!(formatter, "killed {}us: {}", after.as_micros(), told(parts))
                }
                Step::Text(thread, text) => writeln!(formatter, "text {thread} {text}"),
                Step::Long(thread, characters) => writeln!(formatter, "long {thread} {characters}"),
                Step::Line(thread, kind, payload) => {
                    writeln!(formatter, "line {thread} {kind} {payload}")
                }
                Step::Tear(thread) => writeln!(formatter, "tear {thread}"),
                Step::Refused(thread) => writeln!(formatter, "refused {thread}"),
            }?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
