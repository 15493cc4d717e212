//! The lines of one session, and what they say was used. Shapes and lengths are those of real
//! rollouts.

mod bulk;
mod counts;
mod heritage;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use bulk::BULK;
use tracerig_store::threads::Millis;

use super::expected::{Expected, UsedTier, UsedTokens};
use super::plan::{KnownTurn, Session, Shape, Version};
use crate::dice::Dice;
use crate::prose::Pools;

/// What the lines that a session cannot do without take: at its beginning, for each turn and for
/// each count.
const ESTIMATES: [(Version, [u64; 3]); 3] = [
    (Version::Oldest, [710, 690, 435]),
    (Version::Older, [710, 1_220, 435]),
    (Version::Newer, [1_310, 1_720, 1_310]),
];

/// Room that the end of the last turn takes.
const ENDING: [(Version, u64); 3] =
    [(Version::Oldest, 0), (Version::Older, 243), (Version::Newer, 309)];

const OLDER_MODELS: [&str; 2] = ["gpt-5.5", "gpt-5.5-codex"];
const NEWER_MODELS: [&str; 2] = ["gpt-6-sol", "gpt-6-mini"];

/// A session as far as it is written, apart from its bytes.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// The time of its last line.
    at: i64,
    ordinal: u64,
    model: Option<String>,
    /// The tier that it says.
    said: UsedTier,
    turn: String,
    /// The cumulative count, once there is one.
    total: Option<UsedTokens>,
    /// Whether it is in this file.
    has_total: bool,
    /// Whether the newer version writes.
    is_newer: bool,
}

impl State {
    /// Lines written.
    pub(super) fn lines(&self) -> u64 {
        self.ordinal
    }
}

/// What a session came out as.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) expected: Expected,
    /// Of it, what turns used that the trace database knows.
    pub(super) of_turns: BTreeMap<String, Expected>,
    pub(super) lines: u64,
    /// Where the lines begin that are of kinds that no known version writes.
    pub(super) unknown: Vec<usize>,
}

/// Writes one session.
pub(super) struct Writer<'a> {
    session: &'a Session,
    pools: &'a Pools,
    unknown_per_mille: u64,
    seed: u64,
    known: BTreeSet<&'a str>,
    dice: Dice,
    /// For what does not matter, so that a scale leaves everything else as it is.
    bulk_dice: Dice,
    state: State,
    pub(super) out: Vec<u8>,
    pub(super) written: Written,
}

fn of<T: Copy>(version: Version, table: &[(Version, T); 3]) -> T {
    table[version as usize].1
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        session: &'a Session,
        pools: &'a Pools,
        unknown_per_mille: u64,
        seed: u64,
    ) -> Self {
        let state = State {
            at: session.start,
            ordinal: 0,
            model: None,
            said: UsedTier::Unknown,
            turn: String::new(),
            total: None,
            has_total: false,
            is_newer: session.version == Version::Newer,
        };
        Self {
            session,
            pools,
            unknown_per_mille,
            seed,
            known: session.known.iter().map(|known| known.turn.as_str()).collect(),
            dice: Dice::new(seed, "rollout", session.number),
            bulk_dice: Dice::new(seed, "bulk", session.number),
            state,
            out: Vec::new(),
            written: Written::default(),
        }
    }

    /// Goes on with a session in this state.
    pub(super) fn resumed(mut self, state: State, dice: Dice) -> Self {
        (self.state, self.dice) = (state, dice);
        self
    }

    /// The state after what was written.
    pub(super) fn into_state(self) -> State {
        self.state
    }

    /// Writes the whole session. A scale stretches what does not matter, and nothing else.
    pub(super) fn whole(&mut self, scale: f64) {
        let parent = self.parent(scale);
        let Session { bytes, version, resumed, known, .. } = self.session;
        let turns = match known.len() as u64 {
            0 => (1 + (bytes / 40_000).min(60)).max(if resumed.is_some() { 2 } else { 1 }),
            known => 2 * known,
        };
        let counts: Vec<u64> =
            (0..turns).map(|_| if *bytes < 6_000 { 1 } else { 1 + self.dice.below(3) }).collect();
        let [meta, turn, count] = of(*version, &ESTIMATES);
        let copied = parent.as_ref().map_or(0, heritage::Parent::copied_bytes);
        let needed = meta + turn * turns + count * counts.iter().sum::<u64>() + copied;
        let bulk = (bytes.saturating_sub(needed) as f64 * scale).round() as u64;
        let goal = needed + bulk;
        let names_no_model = *version == Version::Older && known.is_empty() && self.dice.chance(2);
        self.session_meta(parent.as_ref());
        if let Some(parent) = parent {
            self.inherit(parent);
        }
        if *version == Version::Newer {
            self.settings();
        }
        let mut known = known.iter();
        let mut long =
            self.session.longest_line.map(|bytes| (bytes as f64 * scale.min(1.0)).round() as u64);
        let bulk = bulk.saturating_sub(long.unwrap_or(0));
        for (at, counts) in counts.iter().enumerate() {
            let at = at as u64;
            let is_last = at + 1 == turns;
            let of_trace = if at.is_multiple_of(2) { known.next() } else { None };
            match (of_trace, resumed) {
                (Some(known), _) => self.state.at = known.at.max(self.state.at + 1),
                (None, Some(pause)) if at == turns - (turns / 3).max(1) => self.state.at += pause,
                (None, _) => self.wait(20_000, 360_000),
            }
            if self.session.is_upgraded && at == turns / 2 {
                self.state.is_newer = true;
                self.settings();
            }
            self.begin_turn(of_trace, names_no_model);
            if let Some(bytes) = long.take().filter(|bytes| *bytes > BULK[0]) {
                self.filler(bytes);
            }
            for count in 0..*counts {
                let left = if is_last && count + 1 == *counts {
                    let rest =
                        self.out.len() as u64 + count_bytes(*version) + of(*version, &ENDING);
                    goal.saturating_sub(rest)
                } else {
                    bulk / (turns * counts)
                };
                self.bulk(left);
                self.count();
            }
            self.end_turn();
        }
    }

    /// Writes one more turn with one count, and some bulk.
    pub(super) fn one_more_turn(&mut self, pause: i64) {
        self.state.at += pause;
        self.begin_turn(None, false);
        let bulk = self.dice.between(500, 6_000);
        self.bulk(bulk);
        self.count();
        self.end_turn();
    }

    fn wait(&mut self, least: u64, most: u64) {
        self.state.at += i64::try_from(self.dice.between(least, most)).unwrap_or(0);
    }

    fn is_newer(&self) -> bool {
        self.state.is_newer
    }

    fn begin(&mut self, kind: &str) {
        self.wait(1, 900);
        self.begin_at_once(kind);
    }

    fn begin_at_once(&mut self, kind: &str) {
        let time = Millis(self.state.at).rfc3339();
        let _ = write!(self.out, r#"{{"timestamp":"{}","#, time.as_str());
        if self.session.version == Version::Newer {
            let _ = write!(self.out, r#""ordinal":{},"#, self.state.ordinal);
        }
        let _ = write!(self.out, r#""type":"{kind}","payload":"#);
        self.state.ordinal += 1;
        self.written.lines += 1;
    }

    fn end(&mut self) {
        self.out.extend_from_slice(b"}\n");
    }

    fn line(&mut self, kind: &str, payload: &str) {
        self.begin(kind);
        self.out.extend_from_slice(payload.as_bytes());
        self.end();
    }

    /// Settings name a tier, or none, which is the standard one.
    fn settings(&mut self) {
        let (name, said) = match self.dice.below(20) {
            0..12 => (r#""service_tier":"default","#, UsedTier::Standard),
            12..15 => (r#""service_tier":"priority","#, UsedTier::Priority),
            15 => (r#""service_tier":"fast","#, UsedTier::Priority),
            16..18 => (r#""service_tier":"flex","#, UsedTier::Standard),
            _ => ("", UsedTier::Standard),
        };
        self.state.said = said;
        let (id, model) = (self.thread(), self.state.model.as_deref().unwrap_or(NEWER_MODELS[0]));
        let mode = collaboration_mode(model);
        let applied = format!(r#""type":"thread_settings_applied","thread_id":"{id}""#);
        let named = format!(r#""model":"{model}","model_provider_id":"openai",{name}"#);
        let reviewed = r#""approval_policy":"never","approvals_reviewer":"user""#;
        let settings =
            format!(r#"{{{named}{reviewed},{PERMISSIONS},{mode},"disabled_plugin_ids":[]}}"#);
        self.line("event_msg", &format!(r#"{{{applied},"thread_settings":{settings}}}"#));
    }

    fn begin_turn(&mut self, known: Option<&KnownTurn>, names_no_model: bool) {
        let models = if self.is_newer() { NEWER_MODELS } else { OLDER_MODELS };
        let changes = self.state.model.is_none() || self.dice.chance(100);
        let drawn = *self.dice.pick(&models);
        let turn = self.dice.uuid7(self.state.at.unsigned_abs());
        self.state.turn = known.map_or(turn, |known| known.turn.clone());
        if !names_no_model {
            if let Some(model) = known.and_then(|known| known.model.clone()) {
                self.state.model = Some(model);
            } else if changes {
                self.state.model = Some(drawn.to_owned());
            }
        }
        let (turn, seconds) = (self.state.turn.clone(), self.state.at.div_euclid(1000));
        if self.is_newer() {
            if self.dice.chance(100) {
                self.settings();
            }
            let trigger = r#""turn_trigger":"user","parent_turn_id":null"#;
            let root = format!(r#""root_turn_id":"{turn}""#);
            let attribution =
                format!(r#"{{"turn_id":"{turn}",{trigger},"initiating_agent_path":null,{root}}}"#);
            let ids = format!(r#""turn_attribution":{attribution},"turn_id":"{turn}",{root}"#);
            self.task_started(&ids, seconds);
        } else if self.names_turns() {
            self.task_started(&format!(r#""turn_id":"{turn}""#), seconds);
        }
        if let Some(model) = self.state.model.clone() {
            let newer = if self.is_newer() {
                format!(r#""root_turn_id":"{turn}","disabled_plugin_ids":[],"#)
            } else {
                String::new()
            };
            let names = if self.names_turns() {
                format!(r#""turn_id":"{turn}",{newer}"#)
            } else {
                String::new()
            };
            let place = r#""cwd":"/home/dev1/work/proj""#;
            let allowed =
                r#""approval_policy":"never","sandbox_policy":{"type":"danger-full-access"}"#;
            let answers = format!(r#""model":"{model}","personality":"pragmatic""#);
            let mode = collaboration_mode(&model);
            let rest = r#""realtime_active":false,"summary":"auto""#;
            self.line(
                "turn_context",
                &format!(r#"{{{names}{place},{allowed},{PERMISSIONS},{answers},{mode},{rest}}}"#),
            );
        }
        self.begin(if self.is_newer() { "response_item" } else { "event_msg" });
        let (before, after) = if self.is_newer() {
            (
                r#"{"type":"message","role":"user","content":[{"type":"input_text","text":""#,
                r#""}]}"#,
            )
        } else {
            (r#"{"type":"user_message","message":""#, r#"","images":[],"local_images":[]}"#)
        };
        self.out.extend_from_slice(before.as_bytes());
        self.pools.prose(&mut self.dice, 120, &mut self.out);
        self.out.extend_from_slice(after.as_bytes());
        self.end();
    }

    /// `ids` are the members that name the turn.
    fn task_started(&mut self, ids: &str, seconds: i64) {
        let begun = format!(r#""started_at":{seconds},"model_context_window":258400"#);
        let mode = r#""collaboration_mode_kind":"default""#;
        self.line("event_msg", &format!(r#"{{"type":"task_started",{ids},{begun},{mode}}}"#));
    }

    /// The id of the thread: that of a segment is another's.
    fn thread(&self) -> &str {
        match &self.session.shape {
            Shape::Segment(of) => &of.id,
            _ => &self.session.id,
        }
    }

    /// Whether turns have ids.
    fn names_turns(&self) -> bool {
        self.session.version != Version::Oldest
    }

    fn end_turn(&mut self) {
        if !self.names_turns() {
            return;
        }
        let (turn, seconds) = (self.state.turn.clone(), self.state.at.div_euclid(1000));
        let root =
            if self.is_newer() { format!(r#""root_turn_id":"{turn}","#) } else { String::new() };
        let ids = format!(r#"{root}"turn_id":"{turn}""#);
        let took = r#""duration_ms":1042,"time_to_first_token_ms":36"#;
        let ended = format!(r#""last_agent_message":null,"completed_at":{seconds},{took}"#);
        self.line("event_msg", &format!(r#"{{"type":"task_complete",{ids},{ended}}}"#));
    }
}

/// Members of settings and of the context of a turn.
const PERMISSIONS: &str = r#""permission_profile":{"type":"disabled"}"#;

fn collaboration_mode(model: &str) -> String {
    let of_model = format!(r#""model":"{model}","reasoning_effort":null"#);
    let settings = format!(r#"{{{of_model},"developer_instructions":null}}"#);
    format!(r#""collaboration_mode":{{"mode":"default","settings":{settings}}}"#)
}

/// Bytes of a count, about.
fn count_bytes(version: Version) -> u64 {
    let [.., count] = of(version, &ESTIMATES);
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::plan::Plan;
    use crate::archive::recipe::ArchiveRecipe;

    #[test]
    fn estimates_are_what_lines_take() {
        let recipe = ArchiveRecipe::builtin("archive-tiny").unwrap();
        let plan = Plan::new(&recipe, 7, 1_795_210_000, &[]);
        for version in [Version::Oldest, Version::Older, Version::Newer] {
            let (mut meta, mut turn, mut count, mut ending) = (0, 0, 0, 0);
            let is_one = |session: &&Session| {
                session.version == version && matches!(session.shape, Shape::Own)
            };
            for session in plan.sessions.iter().filter(is_one) {
                let pools = Pools::of(7);
                let mut writer = Writer::new(session, &pools, 0, 7);
                let mut at = 0;
                let mut took = |writer: &Writer<'_>| {
                    let took = writer.out.len() - at;
                    at += took;
                    took
                };
                writer.session_meta(None);
                if version == Version::Newer {
                    writer.settings();
                }
                meta += took(&writer);
                for _ in 0..10 {
                    writer.begin_turn(None, false);
                    turn += took(&writer);
                    writer.count();
                    count += took(&writer);
                    writer.end_turn();
                    ending += took(&writer);
                }
            }
            let sessions = plan.sessions.iter().filter(is_one).count();
            let found = [
                meta / sessions,
                (turn + ending) / sessions / 10,
                count / sessions / 10,
                ending / sessions / 10,
            ];
            let [meta, turn, count] = of(version, &ESTIMATES);
            for (found, estimate) in
                found.into_iter().zip([meta, turn, count, of(version, &ENDING)])
            {
                assert!(
                    (found as u64).abs_diff(estimate) * 20 <= estimate,
                    "{version:?}: {found} {estimate}"
                );
            }
        }
    }
}
