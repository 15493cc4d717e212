//! Whether a launch counts: it answered, the answer is right, and it read and wrote what the arm
//! demands.

use std::collections::BTreeMap;
use std::time::Duration;

use tracerig_protocol::{Answer, Claims, Difference, Outcome, Split, UsageAnswer, UsageDeclared};
use tracerig_reports::ByteSize;
use tracerig_reports::record::{Cache, Counter, Launch, Phase, SampleState};
use tracerig_scanner::Turns;

use super::answer::digest_of;
use super::definition::{Arm, Reads};
use crate::candidate;
use crate::engine::Engine;
use crate::finished::{not_started, of_system};
use crate::outcomes::told;
use crate::pagecache::unmet;
use crate::platform::Ended;
use crate::prepared_database::{difference, turns_of_protocol};

/// The counters of launches that are exact, by name.
pub(super) const EXACT: [&str; 8] = [
    "files",
    "folders",
    "metadata_calls",
    "files_read",
    "session_bytes",
    "rows_examined",
    "shards_read",
    "shards_written",
];

/// What must come of a launch.
#[derive(Clone, Debug, Default)]
pub(super) struct Due {
    /// What was used, and the turns; `None` for an engine that answers nothing.
    pub(super) answer: Option<UsageAnswer>,
    pub(super) turns: Turns,
    /// Events of all that was used, where the engine counts them.
    pub(super) events: Option<u64>,
    /// The highest id of the trace database.
    pub(super) cursor: i64,
    /// Rollouts, and their bytes.
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// How many sessions grew last, and in all.
    pub(super) few: u64,
    pub(super) many: u64,
}

/// What an engine of ours tells of a refresh.
#[derive(Clone, Debug)]
pub struct Told {
    answer: UsageAnswer,
    claims: Claims,
}

impl Told {
    /// Of what became of a request; `Err` says in words why it is not an answer.
    fn of(outcome: Outcome) -> Result<Self, String> {
        match outcome {
            Outcome::Answered(Answer::Usage(answer), claims) => Self::new(answer, claims),
            other => Err(told(&other)),
        }
    }

    /// What an answer and its claims tell.
    ///
    /// # Errors
    /// A warning, which would mean that this was not what was meant to be measured.
    pub fn new(answer: UsageAnswer, claims: Claims) -> Result<Self, String> {
        match claims.warning {
            Some(warning) => Err(warning),
            None => Ok(Self { answer, claims }),
        }
    }

    fn counter(&self, name: &str) -> Option<u64> {
        self.claims.counters.get(name).copied()
    }

    /// A counter that every engine has.
    fn count(&self, name: &str) -> u64 {
        self.counter(name).unwrap_or(0)
    }
}

/// Judges what became of a launch of `arm` and writes it down. `wrote` says, from outside, whether
/// it wrote what it remembers.
///
/// Where work is compared and not judged, it is not `strict`: then a launch may read other files
/// than the arm's.
pub(super) fn judge(
    arm: &Arm,
    due: &Due,
    done: candidate::Launch,
    wrote: bool,
    strict: bool,
) -> (Launch, SampleState) {
    let told = Told::of(done.outcome);
    let mut launch = describe(done.wall, done.ended.as_ref(), told.as_ref().ok());
    let state = match told {
        Err(error) => SampleState::Failed { error },
        Ok(told) => match wrong(arm, due, &told, wrote, strict) {
            Some(detail) => SampleState::Mismatch { detail },
            None => {
                launch.verified = true;
                match unmet(Cache::Hot, 0, &launch) {
                    Some(reason) => SampleState::Excluded { reason },
                    None => SampleState::Valid,
                }
            }
        },
    };
    (launch, state)
}

/// What is wrong with the answer, or with the way to it.
fn wrong(arm: &Arm, due: &Due, told: &Told, wrote: bool, strict: bool) -> Option<String> {
    let differs = |what: &str, found: &dyn std::fmt::Display, expected: &dyn std::fmt::Display| {
        Some(format!("{what}: {found} instead of {expected}"))
    };
    let files = told.count("files");
    if files != due.files {
        return differs("rollouts", &files, &due.files);
    }
    if arm.engine == Engine::Floor {
        let bytes = told.count("bytes");
        return if bytes == due.bytes {
            None
        } else {
            differs("bytes of rollouts", &bytes, &due.bytes)
        };
    }
    let by = vec![Split::Day, Split::Model, Split::Tier];
    let declared = UsageDeclared { by, ..UsageDeclared::whole() };
    let right = Answer::Usage(due.answer.clone().unwrap_or_default());
    let found = Difference::of(&Answer::Usage(told.answer.clone()), &right, Some(&declared));
    if !found.is_empty() {
        return Some(format!("what was used: {found}"));
    }
    let events = told.counter("events");
    if let Some(expected) = due.events.filter(|expected| Some(*expected) != events) {
        return differs("events", &events.unwrap_or(0), &expected);
    }
    let Some(turns) = &told.answer.turns else {
        return Some("it answered without turns".to_owned());
    };
    if let Some(found) = difference(&due.turns, &turns_of_protocol(turns)) {
        return Some(found);
    }
    let cursor = told.claims.cursor.unwrap_or(0);
    if arm.engine == Engine::Scanner && cursor != due.cursor {
        return differs("the maximum id of the trace database", &cursor, &due.cursor);
    }
    let (continued, parsed) = match arm.reads {
        Reads::Nothing => (0, 0),
        Reads::Few => (due.few, 0),
        Reads::Many => (due.many, 0),
        Reads::All => (0, due.files),
    };
    let found = ["unchanged", "continued", "parsed"].map(|name| told.count(name));
    let expected = [due.files - continued - parsed, continued, parsed];
    if strict && found != expected {
        return Some(format!(
            "rollouts not read, read on and read whole: {found:?} instead of {expected:?}"
        ));
    }
    let bytes = told.count("bytes_read");
    if strict && (bytes > 0) != (arm.reads != Reads::Nothing) {
        return Some(format!("it read {bytes} bytes of rollouts"));
    }
    let says = told.count("memo_bytes_written") > 0;
    [("the files say", wrote), ("it says", says)].into_iter().find_map(|(who, wrote)| {
        let did = if wrote {
            "wrote what it remembers, and must not"
        } else {
            "did not write what it remembers"
        };
        (wrote != arm.persists).then(|| format!("it {did}, {who}"))
    })
}

/// The phases of a refresh, in the order of the work.
const PHASES: [&str; 7] = ["trace", "walk", "metadata", "load", "parse", "aggregate", "persist"];

/// What is known of a launch.
#[must_use]
pub fn describe(wall: Duration, ended: Option<&Ended>, told: Option<&Told>) -> Launch {
    let Some(ended) = ended else { return not_started() };
    let mut launch = of_system(wall, ended);
    let mut counters: BTreeMap<&str, Counter> = BTreeMap::new();
    // Sizes of shards follow the times of files, and threads end in any order.
    counters.insert("rchar", Counter::advisory(ended.io.map(|io| io.rchar)));
    counters.insert("syscr", Counter::advisory(ended.io.map(|io| io.syscr)));
    if let Some(told) = told {
        let mut exact = |name, value| counters.insert(name, Counter::exact(value));
        for name in ["files", "folders", "metadata_calls"] {
            exact(name, told.counter(name));
        }
        if told.answer.turns.is_some() {
            exact("files_read", Some(told.count("continued").saturating_add(told.count("parsed"))));
            exact("session_bytes", told.counter("bytes_read"));
            exact("rows_examined", told.counter("rows_examined"));
        }
        if told.counter("shards_read").is_some() {
            exact("shards_read", told.counter("shards_read"));
            exact("shards_written", told.counter("shards_written"));
        }
        if let Some(bytes) = told.counter("memo_bytes_written") {
            counters.insert("memo_bytes", Counter::advisory(Some(bytes)));
        }
        launch.peak_memory = told.claims.peak_memory_bytes.map(ByteSize);
        let phase = |name: &str| {
            let elapsed = Duration::from_nanos(*told.claims.phases_ns.get(name)?);
            Some(Phase { name: name.to_owned(), elapsed })
        };
        launch.phases = PHASES.into_iter().filter_map(phase).collect();
        launch.mode = told.answer.mode.clone();
        launch.reason = told.claims.reason.clone();
        launch.turns = told.answer.turns.as_ref().map(|turns| turns.len() as u64);
        launch.answer_digest = told.answer.turns.as_ref().map(|_| digest_of(&told.answer));
    }
    launch.counters =
        counters.into_iter().map(|(name, counter)| (name.to_owned(), counter)).collect();
    launch
}
