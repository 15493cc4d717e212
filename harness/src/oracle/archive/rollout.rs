//! What a rollout says: of itself, and of what was used.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::lines::{Line, line_of, text, types};
use super::{Tokens, Used};

const KINDS: [&str; 6] = [
    "input_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
    "total_tokens",
];

/// What one rollout says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rollout {
    pub(super) meta: Option<[Option<String>; 4]>,
    pub(super) span: Option<(i64, i64)>,
    pub(super) events: Vec<Event>,
    pub(crate) unknown: u64,
    pub(crate) broken: Vec<(u64, &'static str)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
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

    pub(super) fn usage(&self, priority: &BTreeSet<String>, slot: impl Fn(i64) -> i64) -> Vec<Used> {
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
