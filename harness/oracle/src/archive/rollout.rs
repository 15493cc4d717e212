//! What a rollout says: of itself, and of what was used. One pass, line by line; nothing outside of
//! the file decides.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::lines::{Line, line_of, stamp, text, types};
use super::text::thread_and_segment;
use super::tokens::Given;
use super::{Tokens, Used};

/// Lines of a copied history are stamped with less than so many milliseconds between them.
const BURST: u64 = 100;

/// Bytes of a text that are looked at.
const LONGEST: usize = 4096;

/// What one rollout says.
#[derive(Clone, Debug, Default)]
pub struct Rollout {
    /// The thread: what the first line about it says, else the name.
    pub thread: String,
    /// The segment of the thread that the file holds, if its name tells one.
    pub segment: Option<String>,
    pub(super) meta: Option<[Option<String>; 4]>,
    pub(super) span: Option<(i64, i64)>,
    pub(super) events: Vec<Event>,
    /// Lines of unknown types.
    pub unknown: u64,
    /// Lines that cannot be read: the number of the line, and why.
    pub broken: Vec<(u64, &'static str)>,
    /// Its first line is an object without a type.
    pub is_untyped: bool,
    /// Something counts nothing only because of the time of its lines.
    pub is_inferred: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Event {
    at: i64,
    model: Option<String>,
    tier: &'static str,
    turn: Option<String>,
    used: Tokens,
}

impl Rollout {
    /// Turns of which somebody else may know the tier.
    pub fn open_turns(&self) -> BTreeSet<String> {
        self.events
            .iter()
            .filter(|event| event.tier == "unknown")
            .filter_map(|event| event.turn.clone())
            .collect()
    }

    pub(super) fn usage(
        &self,
        priority: &BTreeSet<String>,
        slot: impl Fn(i64) -> i64,
    ) -> Vec<Used> {
        let mut sums: BTreeMap<_, (Tokens, u64)> = BTreeMap::new();
        for event in &self.events {
            let known = event.turn.as_ref().is_some_and(|turn| priority.contains(turn));
            let tier = if event.tier == "unknown" && known { "priority" } else { event.tier };
            let sum = sums.entry((slot(event.at), event.model.clone(), tier)).or_default();
            sum.0 = std::array::from_fn(|kind| sum.0[kind].saturating_add(event.used[kind]));
            sum.1 += 1;
        }
        let used = sums.into_iter();
        used.map(|((at, model, tier), (tokens, events))| {
            (at, model, tier.to_owned(), tokens, events)
        })
        .collect()
    }
}

/// What a rollout at `path` with this text says.
pub fn interpret(path: &Path, bytes: &[u8]) -> Rollout {
    let (thread, segment) = thread_and_segment(path);
    let mut pass =
        Pass { rollout: Rollout { thread, segment, ..Rollout::default() }, ..Pass::default() };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(&[][..], |end| &bytes[..end]);
    let lines = whole.split(|byte| *byte == b'\n').take(if bytes.contains(&b'\n') {
        usize::MAX
    } else {
        0
    });
    for (number, line) in (1..).zip(lines) {
        let at = stamp(line).and_then(|time| milliseconds(&time));
        pass.stamped(at);
        match (line_of(line), at) {
            (Line::Untyped, _) if number == 1 || pass.rollout.is_untyped => {
                pass.rollout.is_untyped = true;
            }
            (Line::Untyped, _) => pass.rollout.broken.push((number, "no type")),
            (Line::Skipped(known), _) => {
                pass.rollout.unknown += u64::from(!known && !pass.rollout.is_untyped);
            }
            (Line::Broken(why), _) => pass.rollout.broken.push((number, why)),
            (Line::Matters(_), None) => pass.rollout.broken.push((number, "no time")),
            (Line::Matters(value), Some(at)) => {
                pass.line(at, &value);
                let defect = pass.defect();
                pass.rollout.broken.extend(defect.map(|why| (number, why)));
            }
        }
    }
    pass.rollout
}

/// Whether a count belongs to another thread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inherited {
    Surely,
    /// The time of the lines suggests it.
    Perhaps,
    Not,
}

/// What is known of a rollout as far as it was read.
#[derive(Default)]
struct Pass {
    rollout: Rollout,
    model: Option<String>,
    turn: Option<String>,
    tier: Option<&'static str>,
    /// The cumulative count before.
    total: Option<Given>,
    has_records: bool,
    responses: BTreeSet<String>,
    /// It names the thread that it was forked from.
    has_parent: bool,
    /// It goes on with a history in another file.
    has_base: bool,
    /// Another thread says here which one it is: its history was copied.
    has_copy: bool,
    /// A turn began in this thread, and not in the one it was forked from.
    has_own_turn: bool,
    /// When the line before was stamped, as long as the history is being copied.
    burst: Option<i64>,
    /// Where the history of a sub-agent begins.
    begins_at: Option<u64>,
    /// The line has a number that can be no count.
    has_odd_count: bool,
    /// The line has a text of which only the beginning is looked at.
    has_long_text: bool,
}

impl Pass {
    /// A line of any kind has this time: a pause ends the copying.
    fn stamped(&mut self, at: Option<i64>) {
        if let (Some(at), Some(before)) = (at, self.burst) {
            self.burst = (at.abs_diff(before) < BURST).then_some(at);
        }
    }

    /// What is wrong with a part of the line, which counts as missing.
    fn defect(&mut self) -> Option<&'static str> {
        match (std::mem::take(&mut self.has_odd_count), std::mem::take(&mut self.has_long_text)) {
            (true, _) => Some("no count"),
            (false, true) => Some("long text"),
            (false, false) => None,
        }
    }

    /// A member that is a text, as far as it is looked at.
    fn text(&mut self, said: &Value, name: &str) -> Option<String> {
        let mut text = text(said, name)?;
        self.has_long_text |= text.len() > LONGEST;
        // No character is cut.
        let end = (0..=LONGEST.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        Some(text)
    }

    fn line(&mut self, at: i64, line: &Value) {
        let (first, last) = self.rollout.span.unwrap_or((at, at));
        self.rollout.span = Some((first.min(at), last.max(at)));
        let (kind, payload) = types(line);
        let said = &line["payload"];
        match (kind.as_deref(), payload.as_deref()) {
            (Some("session_meta"), _) => self.session(at, said),
            (Some("turn_context"), _) => {
                self.turn(said);
                if said["model"].is_string() {
                    let model = self.text(said, "model");
                    self.model = model.filter(|model| !model.trim().is_empty());
                }
            }
            (Some("token_usage_record"), _) => self.record(at, said),
            (_, Some("task_started")) => self.turn(said),
            (_, Some("thread_settings_applied")) => {
                if let Some(settings @ Value::Object(_)) = said.get("thread_settings") {
                    self.tier =
                        Some(tier_of(&self.text(settings, "service_tier").unwrap_or_default()));
                }
            }
            _ => self.count(at, line["ordinal"].as_u64(), &said["info"]),
        }
    }

    fn session(&mut self, at: i64, said: &Value) {
        let fields = ["id", "cwd", "cli_version", "model_provider", "forked_from_id"];
        let [id, cwd, version, provider, parent] = fields.map(|field| self.text(said, field));
        if self.rollout.meta.is_none() {
            self.rollout.thread = id.clone().unwrap_or(self.rollout.thread.clone());
            self.rollout.meta = Some([id, cwd, version, provider]);
            self.has_parent = parent.is_some();
            self.has_base = said["history_base"].is_object();
            self.begins_at = said["subagent_history_start_ordinal"].as_u64();
        } else if id.is_some_and(|id| id != self.rollout.thread) && !self.has_copy {
            self.has_copy = true;
            self.burst = Some(at);
        }
    }

    fn turn(&mut self, said: &Value) {
        if let Some(turn) = self.text(said, "turn_id") {
            let thread = uuid7(&self.rollout.thread);
            self.has_own_turn |= thread.zip(uuid7(&turn)).is_some_and(|(own, turn)| turn >= own);
            self.turn = Some(turn);
        }
    }

    fn event(&mut self, at: i64, turn: Option<String>, used: Tokens) {
        let (model, tier) = (self.model.clone(), self.tier.unwrap_or("unknown"));
        self.rollout.events.push(Event { at, model, tier, turn, used });
    }

    /// A response counts once, in the file of its own thread.
    fn record(&mut self, at: i64, said: &Value) {
        self.has_records = true;
        let fields = ["thread_id", "turn_id", "response_id", "service_tier"];
        let [thread, turn, response, tier] = fields.map(|field| self.text(said, field));
        self.tier = tier.map(|name| tier_of(&name)).or(self.tier);
        let used = Given::of(&said["usage"], &mut self.has_odd_count);
        let is_own = thread.is_some_and(|thread| thread == self.rollout.thread);
        if !is_own || !response.is_none_or(|response| self.responses.insert(response)) {
            return;
        }
        if let Some(used) = used {
            self.event(at, turn.or(self.turn.clone()), used.filled());
        }
    }

    /// A count repeats the record before it, if records are written here; else it may be all that
    /// tells of a response.
    fn count(&mut self, at: i64, ordinal: Option<u64>, info: &Value) {
        let odd = &mut self.has_odd_count;
        let total = Given::of(&info["total_token_usage"], odd);
        let last = Given::of(&info["last_token_usage"], odd);
        if self.has_records || total.is_none() && last.is_none() {
            return;
        }
        let before = self.total;
        self.total = total.or(before);
        let is_repetition = total.zip(before).is_some_and(|(now, before)| now.repeats(&before));
        let inherited = self.is_inherited(ordinal);
        self.rollout.is_inferred |= inherited == Inherited::Perhaps;
        if inherited != Inherited::Not || is_repetition {
            return;
        }
        let used = match (last, total, before) {
            (Some(last), ..) => last.filled(),
            (None, None, _) => return,
            (None, Some(_), None) if self.has_parent || self.has_base => return,
            (None, Some(total), None) => total.filled(),
            (None, Some(total), Some(before)) => total.increase_since(&before),
        };
        self.event(at, self.turn.clone(), used);
    }

    /// Whether what is counted here belongs to another thread, whose history was copied.
    fn is_inherited(&self, ordinal: Option<u64>) -> Inherited {
        let turn = self.turn.as_deref().and_then(uuid7);
        let is_old_turn =
            turn.zip(uuid7(&self.rollout.thread)).is_some_and(|(turn, own)| turn < own);
        let is_before =
            ordinal.zip(self.begins_at).is_some_and(|(ordinal, begins)| ordinal < begins);
        let is_fork = self.has_parent || self.has_copy;
        if is_old_turn || is_before {
            Inherited::Surely
        } else if !is_fork || self.has_own_turn {
            Inherited::Not
        } else if self.has_turn_ids() {
            Inherited::Surely
        } else if self.burst.is_some() {
            Inherited::Perhaps
        } else {
            Inherited::Not
        }
    }

    /// Whether the version that began the file writes turn ids, which can be compared with its own.
    fn has_turn_ids(&self) -> bool {
        let Some([_, _, Some(version), _]) = &self.rollout.meta else { return false };
        let mut numbers = version.split(['.', '-', '+']).map(str::parse::<u64>);
        let Some(Ok(major)) = numbers.next() else { return false };
        let minor = numbers.next().and_then(Result::ok).unwrap_or(0);
        uuid7(&self.rollout.thread).is_some() && (major, minor) >= (0, 100)
    }
}

fn tier_of(name: &str) -> &'static str {
    if matches!(name, "priority" | "fast") { "priority" } else { "standard" }
}

/// A UUID of the version that begins with the time, in small letters; no other id.
fn uuid7(id: &str) -> Option<String> {
    let id = id.to_ascii_lowercase();
    let groups: Vec<&str> = id.split('-').collect();
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_uuid7 = groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(is_digit))
        && groups[2].starts_with('7');
    is_uuid7.then_some(id)
}

/// Milliseconds of Unix time of a time such as `2026-11-20T20:37:24.062Z`.
fn milliseconds(time: &str) -> Option<i64> {
    Some(time.parse::<jiff::Timestamp>().ok()?.as_millisecond())
}
