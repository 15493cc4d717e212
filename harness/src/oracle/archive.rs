//! The session archive once more: every file read anew, every line as a JSON value, written to be obvious and not to be fast.
//!
//! It shares no code with the scanner, and knows no memo.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Types of lines that matter, and of events.
const MATTER: [&str; 3] = ["session_meta", "turn_context", "token_usage_record"];
const EVENTS_MATTER: [&str; 3] = ["token_count", "thread_settings_applied", "task_started"];

/// Types that Codex is known to write and that do not matter.
const KNOWN: [&str; 5] =
    ["response_item", "world_state", "compacted", "ghost_snapshot", "inter_agent_message"];
const KNOWN_EVENTS: &str = "agent_message agent_reasoning agent_reasoning_raw_content agent_reasoning_section_break \
    collab_agent_spawn_end context_compacted entered_review_mode error exec_command_end exited_review_mode item_completed \
    item_started mcp_tool_call_end patch_apply_end plan_update task_complete thread_goal_updated thread_name_updated \
    thread_rolled_back turn_aborted user_message web_search_end";

/// Broken lines that are told one by one.
const TOLD: usize = 32;

const KINDS: [&str; 6] = [
    "input_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
    "total_tokens",
];

/// Tokens by kind: input, cached input, cache write, output, reasoning, total.
pub type Tokens = [u64; 6];

/// A time slot or a day, a model, a tier, what was used, and the events that told of it.
pub type Used = (i64, Option<String>, String, Tokens, u64);

/// What there is to know of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Each rollout that can be read, in the order of paths.
    pub sessions: Vec<Session>,
    /// What was used on each day, by those that count.
    pub days: Vec<Used>,
    /// Broken lines: path, number from 1, and why.
    pub broken: BTreeSet<(String, u64, String)>,
    /// How many more there are of a file.
    pub more: BTreeSet<(String, u64)>,
    /// Archived sessions with others of their id, of which neither is the beginning of the other.
    pub diverged: BTreeSet<(String, String)>,
    /// Files and folders that cannot be read.
    pub unreadable: BTreeSet<String>,
    /// Lines of unknown kinds, and broken ones.
    pub lines: (u64, u64),
}

/// One rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its path below the home.
    pub path: String,
    /// What it says of itself.
    pub id: String,
    /// The same: folder, version and provider.
    pub meta: [Option<String>; 3],
    /// The least and the greatest time of a line that matters, in milliseconds.
    pub span: Option<(i64, i64)>,
    /// What was used, by quarter of an hour.
    pub usage: Vec<Used>,
    /// Whether it is part of the sum.
    pub counts: bool,
}

/// A rollout that was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// Whether a symbolic link leads to it, or several names.
    pub(crate) is_shared: bool,
    pub(crate) metadata: fs::Metadata,
}

/// What a walk found below a home.
#[derive(Clone, Debug, Default)]
pub(crate) struct Walk {
    pub(crate) files: Vec<Found>,
    /// Rollouts that cannot be looked at.
    pub(crate) failed: Vec<PathBuf>,
    /// Folders that cannot be read.
    pub(crate) failed_folders: Vec<PathBuf>,
    /// Folders read.
    pub(crate) folders: u64,
    seen: BTreeSet<(u64, u64)>,
    linked: BTreeSet<PathBuf>,
}

/// Finds what is below `home`: first by real folders, then by links in the order of their paths.
pub(crate) fn walk(home: &Path) -> Walk {
    let mut walk = Walk::default();
    for root in ["sessions", "archived_sessions"] {
        match fs::metadata(home.join(root)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            _ => walk.folder(home, Path::new(root)),
        }
    }
    while let Some(folder) = walk.linked.pop_first() {
        walk.folder(home, &folder);
    }
    walk
}

impl Walk {
    fn folder(&mut self, home: &Path, folder: &Path) {
        let path = home.join(folder);
        let entries = fs::metadata(&path).and_then(|found| Ok((found, fs::read_dir(&path)?)));
        let Ok((itself, entries)) = entries else {
            self.failed_folders.push(folder.to_owned());
            return;
        };
        if !self.seen.insert((itself.dev(), itself.ino())) {
            return;
        }
        self.folders += 1;
        for entry in entries.flatten() {
            let path = folder.join(entry.file_name());
            let name = entry.file_name().as_bytes().to_owned();
            let is_rollout = name.starts_with(b"rollout-") && name.ends_with(b".jsonl");
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                self.folder(home, &path);
                continue;
            }
            match fs::metadata(home.join(&path)) {
                Ok(metadata) if metadata.is_dir() => drop(self.linked.insert(path)),
                Ok(metadata) if metadata.is_file() && is_rollout => {
                    let is_shared = kind.is_symlink() || metadata.nlink() > 1;
                    self.files.push(Found { path, is_shared, metadata });
                }
                Err(error) if is_rollout && error.kind() != io::ErrorKind::NotFound => self.failed.push(path),
                _ => {}
            }
        }
    }
}

/// What one rollout says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rollout {
    meta: Option<[Option<String>; 4]>,
    span: Option<(i64, i64)>,
    events: Vec<Event>,
    pub(crate) unknown: u64,
    pub(crate) broken: Vec<(u64, &'static str)>,
}

#[derive(Clone, Debug)]
struct Event {
    at: i64,
    model: Option<String>,
    tier: &'static str,
    turn: Option<String>,
    used: Tokens,
}

impl Rollout {
    /// The id of the session that a rollout at `path` holds.
    pub(crate) fn session(&self, path: &Path) -> String {
        let [id, ..] = self.meta.clone().unwrap_or_default();
        id.unwrap_or_else(|| id_in_name(path))
    }

    /// Turns of which somebody else may know the tier.
    pub(crate) fn open_turns(&self) -> BTreeSet<String> {
        self.events
            .iter()
            .filter(|event| event.tier == "unknown")
            .filter_map(|event| event.turn.clone())
            .collect()
    }

    fn usage(&self, priority: &BTreeSet<String>, slot: impl Fn(i64) -> i64) -> Vec<Used> {
        let mut sums: BTreeMap<_, (Tokens, u64)> = BTreeMap::new();
        for event in &self.events {
            let known = event.turn.as_ref().is_some_and(|turn| priority.contains(turn));
            let tier = if event.tier == "unknown" && known { "priority" } else { event.tier };
            let sum = sums.entry((slot(event.at), event.model.clone(), tier)).or_default();
            sum.0 = std::array::from_fn(|kind| sum.0[kind] + event.used[kind]);
            sum.1 += 1;
        }
        let used = sums.into_iter();
        used.map(|((at, model, tier), (tokens, events))| (at, model, tier.to_owned(), tokens, events))
            .collect()
    }
}

/// What a rollout with these bytes says.
pub(crate) fn interpret(bytes: &[u8]) -> Rollout {
    let mut rollout = Rollout::default();
    let (mut model, mut turn, mut tier, mut total) = (None, None, "unknown", [0; 6]);
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(&[][..], |end| &bytes[..end]);
    let lines = whole.split(|byte| *byte == b'\n').take(if bytes.contains(&b'\n') { usize::MAX } else { 0 });
    for (number, line) in (1..).zip(lines) {
        let value = match line_of(line) {
            Line::Matters(value) => value,
            Line::Skipped(known) => {
                rollout.unknown += u64::from(!known);
                continue;
            }
            Line::Broken(why) => {
                rollout.broken.push((number, why));
                continue;
            }
        };
        let Some(at) = text(&value, "timestamp").and_then(|time| milliseconds(&time)) else {
            rollout.broken.push((number, "no time"));
            continue;
        };
        let (first, last) = rollout.span.unwrap_or((at, at));
        rollout.span = Some((first.min(at), last.max(at)));
        let (kind, payload) = types(&value);
        let said = &value["payload"];
        match (kind.as_deref(), payload.as_deref()) {
            (Some("session_meta"), _) => {
                let fields = ["id", "cwd", "cli_version", "model_provider"];
                rollout.meta.get_or_insert_with(|| fields.map(|field| text(said, field)));
            }
            (Some("turn_context"), _) => {
                turn = text(said, "turn_id").or(turn);
                model = text(said, "model").or(model);
            }
            (Some("token_usage_record"), _) => {
                tier = text(said, "service_tier").map_or(tier, |name| named(&name));
            }
            (_, Some("task_started")) => turn = text(said, "turn_id").or(turn),
            (_, Some("thread_settings_applied")) => {
                if let Some(settings @ Value::Object(_)) = said.get("thread_settings") {
                    tier = text(settings, "service_tier").map_or("standard", |name| named(&name));
                }
            }
            _ => {
                let info = &said["info"];
                let (now, last) = (tokens(&info["total_token_usage"]), tokens(&info["last_token_usage"]));
                let used = match now {
                    None => last,
                    Some(now) => {
                        let before = std::mem::replace(&mut total, now);
                        let pairs = || now.iter().zip(&before);
                        if pairs().any(|(now, before)| now < before) {
                            last
                        } else {
                            let rose = pairs().any(|(now, before)| now > before);
                            rose.then(|| std::array::from_fn(|kind| now[kind] - before[kind]))
                        }
                    }
                };
                let event = |used| Event { at, model: model.clone(), tier, turn: turn.clone(), used };
                rollout.events.extend(used.map(event));
            }
        }
    }
    rollout
}

enum Line {
    Matters(Value),
    /// Whether its kind is known.
    Skipped(bool),
    Broken(&'static str),
}

/// What a line is. Whatever begins with types that do not matter is skipped, whole or not.
fn line_of(line: &[u8]) -> Line {
    let value = serde_json::from_slice::<Value>(line).ok().filter(Value::is_object);
    let (kind, payload) = match &value {
        Some(value) => types(value),
        None => types_of_beginning(&String::from_utf8_lossy(line)),
    };
    let Some(kind) = kind else { return Line::Broken("no type") };
    let payload = payload.unwrap_or_default();
    if MATTER.contains(&kind.as_str()) || kind == "event_msg" && EVENTS_MATTER.contains(&payload.as_str()) {
        value.map_or(Line::Broken("no JSON"), Line::Matters)
    } else if kind == "event_msg" {
        Line::Skipped(KNOWN_EVENTS.split(' ').any(|known| known == payload))
    } else {
        Line::Skipped(KNOWN.contains(&kind.as_str()))
    }
}

/// The types of a line and of its payload.
fn types(value: &Value) -> (Option<String>, Option<String>) {
    (text(value, "type"), text(&value["payload"], "type"))
}

/// The same of what is no JSON, if only plain values stand before the types.
fn types_of_beginning(line: &str) -> (Option<String>, Option<String>) {
    let Some((kind, rest)) = first_type(line) else { return (None, None) };
    let payload = || {
        let mut rest = after(rest, ',')?;
        loop {
            let (name, value) = member(rest)?;
            if name == "payload" {
                return Some(first_type(value)?.0.to_owned());
            }
            rest = after(plain(value)?, ',')?;
        }
    };
    match (kind, payload()) {
        // Without its event, an event is nothing yet.
        ("event_msg", None) => (None, None),
        (kind, payload) => (Some(kind.to_owned()), payload),
    }
}

/// The first member `type` of the object that begins here, and what follows it.
fn first_type(object: &str) -> Option<(&str, &str)> {
    let mut rest = after(object, '{')?;
    loop {
        let (name, value) = member(rest)?;
        if name == "type" {
            return string(value);
        }
        rest = after(plain(value)?, ',')?;
    }
}

/// What follows `mark`, which stands here.
fn after(text: &str, mark: char) -> Option<&str> {
    text.trim_start_matches([' ', '\t', '\r']).strip_prefix(mark)
}

/// The name of the member that begins here, and what follows its colon.
fn member(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = string(text)?;
    Some((name, after(rest, ':')?))
}

/// The string without escapes that begins here, and what follows it.
fn string(text: &str) -> Option<(&str, &str)> {
    let (string, rest) = after(text, '"')?.split_once('"')?;
    let is_plain = |character: char| character != '\\' && !character.is_ascii_control();
    string.chars().all(is_plain).then_some((string, rest))
}

/// What follows the plain value that begins here.
fn plain(text: &str) -> Option<&str> {
    if let Some((_, rest)) = string(text) {
        return Some(rest);
    }
    let text = text.trim_start_matches([' ', '\t', '\r']);
    let rest = text
        .trim_start_matches(|character: char| character.is_ascii_alphanumeric() || "+-.".contains(character));
    (rest.len() < text.len() && !rest.is_empty()).then_some(rest)
}

/// A member that is a text; an empty one is none.
fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn tokens(value: &Value) -> Option<Tokens> {
    let counts = value.as_object()?;
    Some(KINDS.map(|kind| counts.get(kind).and_then(Value::as_u64).unwrap_or(0)))
}

fn named(tier: &str) -> &'static str {
    if matches!(tier, "priority" | "fast") { "priority" } else { "standard" }
}

/// Milliseconds of Unix time of a time as Codex writes it, such as `2026-11-20T20:37:24.062Z`.
fn milliseconds(time: &str) -> Option<i64> {
    let number = |from: usize, to: usize| time.get(from..to)?.parse::<i64>().ok();
    if time.len() != 24 || !time.ends_with('Z') {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let clock = (number(11, 13)? * 60 + number(14, 16)?) * 60_000 + number(17, 19)? * 1000 + number(20, 23)?;
    // Days since 1970: years that begin in March have their leap day at the end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year / 4 - year / 100 + year / 400;
    let days = year * 365 + leaps + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(days * 86_400_000 + clock)
}

/// The id in the name of a rollout: a UUID at its end.
fn id_in_name(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.trim_start_matches("rollout-").trim_end_matches(".jsonl");
    stem.len().checked_sub(36).and_then(|at| stem.get(at..)).unwrap_or(stem).to_owned()
}

/// All that there is to know of the archive at `home`. Turns in `priority` were served at that tier where the rollout does not
/// say; days begin `offset` minutes before those of UTC.
#[must_use]
pub fn view(home: &Path, priority: &BTreeSet<String>, offset: i64) -> View {
    view_and_pairs(home, priority, offset).0
}

/// The contents of an archived session and of another one with its id.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// The same, and what had to be compared for it.
pub(crate) fn view_and_pairs(home: &Path, priority: &BTreeSet<String>, offset: i64) -> (View, Vec<Pair>) {
    let Walk { mut files, failed, failed_folders, .. } = walk(home);
    let unreadable = failed.iter().chain(&failed_folders).map(|path| path.display().to_string());
    let mut view = View { unreadable: unreadable.collect(), ..View::default() };
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let (mut seen, mut read) = (BTreeSet::new(), Vec::new());
    for file in files {
        let path = file.path.display().to_string();
        let Ok(bytes) = fs::read(home.join(&file.path)) else {
            view.unreadable.insert(path);
            continue;
        };
        let rollout = interpret(&bytes);
        let [_, cwd, version, provider] = rollout.meta.clone().unwrap_or_default();
        view.broken.extend(
            rollout.broken.iter().take(TOLD).map(|(line, why)| (path.clone(), *line, (*why).to_owned())),
        );
        if rollout.broken.len() > TOLD {
            view.more.insert((path.clone(), (rollout.broken.len() - TOLD) as u64));
        }
        view.lines.0 += rollout.unknown;
        view.lines.1 += rollout.broken.len() as u64;
        view.sessions.push(Session {
            path,
            id: rollout.session(&file.path),
            meta: [cwd, version, provider],
            span: rollout.span,
            usage: rollout.usage(priority, |at| at.div_euclid(900_000)),
            counts: seen.insert((file.metadata.dev(), file.metadata.ino())),
        });
        read.push((file, bytes, rollout));
    }
    let places = pairs(&view.sessions);
    let pairs = places.iter().map(|(one, other)| (read[*one].1.clone(), read[*other].1.clone())).collect();
    for (archived, current) in places {
        let (shorter, longer) = (&read[archived].1, &read[current].1);
        let is_archived_copy = shorter.len() <= longer.len();
        if is_archived_copy && longer.starts_with(shorter) {
            view.sessions[archived].counts = false;
        } else if !is_archived_copy && shorter.starts_with(longer) {
            view.sessions[current].counts = false;
        } else {
            let path = |place: usize| view.sessions[place].path.clone();
            view.diverged.insert((path(archived), path(current)));
        }
    }
    let counting = read.iter().zip(&view.sessions).filter(|(_, session)| session.counts);
    let events = counting.flat_map(|((.., rollout), _)| rollout.events.clone()).collect();
    let all = Rollout { events, ..Rollout::default() };
    view.days = all.usage(priority, |at| (at + offset * 60_000).div_euclid(86_400_000));
    (view, pairs)
}

/// Places of archived sessions and of current ones with the same id, among those that count.
fn pairs(sessions: &[Session]) -> Vec<(usize, usize)> {
    let of = |archived: bool| {
        let all = sessions.iter().enumerate().filter(|(_, session)| session.counts);
        all.filter(move |(_, session)| session.path.starts_with("archived_sessions/") == archived)
    };
    let same = |one: &Session, other: &Session| one.id == other.id;
    of(true)
        .flat_map(|(place, one)| {
            of(false)
                .filter(|(_, other)| same(one, other))
                .map(move |(other, _)| (place, other))
                .collect::<Vec<_>>()
        })
        .collect()
}
