//! Whether a launch counts: it answered, the answer is right, and it met the conditions of its arm.

use std::time::Duration;

use tracerig_reports::ByteSize;
use tracerig_reports::record::{Cache, Counter, CounterClass, Exit, Launch, Phase, SampleState};
use tracerig_scanner::Turns;

use super::definition::{Arm, Examines};
use super::told::Told;
use crate::candidate;
use crate::engine::Engine;
use crate::finished::{self, of_system};
use crate::pagecache::unmet;
use crate::platform::{Ended, Io};
use crate::prepared_database::{PreparedDatabase, difference, digest};

/// The counters of launches that are exact, by name.
pub(super) const EXACT: [&str; 8] = [
    "rchar",
    "syscr",
    "vm_steps",
    "body_bytes",
    "rows_examined",
    "facts",
    "rows_checked",
    "artifact_bytes",
];

/// What was seen of a launch from outside, apart from its process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Pages of the files it reads in memory before it, where the platform tells.
    pub(super) resident_before: Option<u64>,
    /// Whether another memo was there afterwards.
    pub(super) wrote_memo: bool,
}

/// What must come of a launch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due<'a> {
    /// The highest id.
    pub(super) max_id: i64,
    /// The right answer; `None` for an engine that answers nothing.
    pub(super) turns: Option<&'a Turns>,
    /// The mode; `None` for an engine without modes.
    pub(super) mode: Option<&'a str>,
    /// The reasons it may name.
    pub(super) reasons: &'a [String],
    /// The rows that it examines; `None` where that is compared and not judged.
    pub(super) rows: Option<u64>,
    /// Bytes that it cannot help reading from the device when nothing is in memory.
    pub(super) least_read: u64,
}

impl<'a> Due<'a> {
    /// What must come of each launch of an arm.
    pub(super) fn of(arm: &'a Arm, prepared: &'a PreparedDatabase) -> Self {
        let state = &prepared.state;
        Self {
            max_id: state.max_id,
            turns: prepared.expected.get(&(arm.engine, arm.start.moved)),
            mode: arm.mode.as_deref(),
            reasons: &arm.reasons,
            rows: Some(match arm.examines {
                Examines::Nothing => 0,
                Examines::Appended => state.appended,
                Examines::All => state.rows,
            }),
            least_read: if arm.examines == Examines::All { state.logs_bytes } else { 1 },
        }
    }
}

/// Judges what became of a launch of `arm` and writes it down.
pub(super) fn judge(
    arm: &Arm,
    cache: Cache,
    due: Due<'_>,
    done: candidate::Launch,
    seen: Seen,
) -> (Launch, SampleState) {
    let reply = Told::of(arm.engine, done.outcome);
    let ended = done.ended.as_ref();
    let mut launch = describe(arm, done.wall, ended, seen.resident_before, reply.as_ref().ok());
    let state = match reply {
        Err(error) => SampleState::Failed { error },
        Ok(reply) => {
            let written = [("the file says", seen.wrote_memo), ("it says", reply.persisted)];
            let found =
                written.into_iter().find_map(|(who, wrote)| misplaced(arm.persists, wrote, who));
            verdict(found.or_else(|| wrong(due, &reply)), &mut launch, cache, due)
        }
    };
    (launch, state)
}

/// What becomes of a launch that answered, `wrong` being what is wrong with that, if anything.
pub(super) fn verdict(
    wrong: Option<String>,
    launch: &mut Launch,
    cache: Cache,
    due: Due<'_>,
) -> SampleState {
    if let Some(detail) = wrong {
        return SampleState::Mismatch { detail };
    }
    launch.verified = true;
    unmet(cache, due.least_read, launch)
        .map_or(SampleState::Valid, |reason| SampleState::Excluded { reason })
}

/// What is wrong with a memo having been written or not, `who` being told by whom.
pub(super) fn misplaced(must: bool, wrote: bool, who: &str) -> Option<String> {
    let did = if wrote { "wrote its memo, and must not" } else { "did not write its memo" };
    (wrote != must).then(|| format!("it {did}, {who}"))
}

/// The launch of a process that could not be started.
pub(super) fn not_started(resident_before: Option<u64>) -> Launch {
    Launch { resident_pages_before: resident_before, ..finished::not_started() }
}

/// What is wrong with the answer, or with the way to it.
pub(super) fn wrong(due: Due<'_>, reply: &Told) -> Option<String> {
    if reply.cursor != due.max_id {
        return Some(format!("it saw the maximum id {} instead of {}", reply.cursor, due.max_id));
    }
    let expected = due.turns?;
    let Some(turns) = &reply.turns else { return Some("it answered without turns".to_owned()) };
    if let Some(difference) = difference(expected, turns) {
        return Some(difference);
    }
    let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "not told".to_owned());
    let (mode, reason) = (said(&reply.mode), said(&reply.reason));
    if let Some(expected) = due.mode.filter(|expected| *expected != mode) {
        return Some(format!("its mode was {mode} ({reason}) instead of {expected}"));
    }
    if due.mode.is_some() && !due.reasons.contains(&reason) {
        return Some(format!("its reason was {reason} instead of {}", due.reasons.join(" or ")));
    }
    let rows = reply.rows_examined();
    if let Some(expected) = due.rows.filter(|expected| Some(*expected) != rows) {
        let rows = rows.map_or_else(|| "an unknown number of".to_owned(), |rows| rows.to_string());
        return Some(format!("it examined {rows} rows instead of {expected}"));
    }
    None
}

pub(super) fn describe(
    arm: &Arm,
    wall: Duration,
    ended: Option<&Ended>,
    resident_before: Option<u64>,
    reply: Option<&Told>,
) -> Launch {
    let Some(ended) = ended else { return not_started(resident_before) };
    let launch = Launch { resident_pages_before: resident_before, ..of_system(wall, ended) };
    with_reply(launch, arm.engine, ended.io, reply)
}

/// What is known of a launch without its process.
#[must_use]
pub fn account_of(
    engine: Engine,
    wall: Duration,
    io: Option<Io>,
    resident_before: Option<u64>,
    reply: Option<&Told>,
) -> Launch {
    let device_read = io.map(|io| ByteSize(io.device_read));
    let launch = Launch { wall, device_read, exit: Exit::Running, ..not_started(resident_before) };
    with_reply(launch, engine, io, reply)
}

/// `launch` with what its process told.
fn with_reply(launch: Launch, engine: Engine, io: Option<Io>, reply: Option<&Told>) -> Launch {
    let turns = reply.and_then(|reply| reply.turns.as_ref());
    let claimed = |name: &str| reply.and_then(|reply| reply.counters.get(name)).copied();
    let mut counters = vec![
        ("rchar", io.map(|io| io.rchar)),
        ("syscr", io.map(|io| io.syscr)),
        ("vm_steps", claimed("vm_steps")),
        ("body_bytes", claimed("body_bytes")),
    ];
    if turns.is_some() {
        let own =
            ["rows_checked", "artifact_bytes"].into_iter().filter(|_| engine == Engine::Scanner);
        let names = ["rows_examined", "facts"].into_iter().chain(own);
        counters.extend(names.map(|name| (name, claimed(name))));
    }
    Launch {
        peak_memory: reply.and_then(|reply| reply.peak_memory_bytes).map(ByteSize),
        phases: phases(reply),
        counters: counters
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Counter::exact(value)))
            .collect(),
        mode: reply.and_then(|reply| reply.mode.clone()),
        reason: reply.and_then(|reply| reply.reason.clone()),
        turns: turns.map(|turns| turns.len() as u64),
        answer_digest: turns.map(digest),
        ..launch
    }
}

/// Takes the counters of a launch beside a process that writes for what they are: how many rows
/// there are for it to find depends on the moment.
pub(super) fn beside_a_writer(launch: &mut Launch) {
    launch.counters.values_mut().for_each(|counter| counter.class = CounterClass::Advisory);
}

/// The phases that an engine has, in the order of the work.
fn phases(reply: Option<&Told>) -> Vec<Phase> {
    let Some(reply) = reply else { return Vec::new() };
    let of = |name: &str| {
        let elapsed = Duration::from_nanos(*reply.phases_ns.get(name)?);
        Some(Phase { name: name.to_owned(), elapsed })
    };
    ["load", "open", "check", "scan", "persist"].into_iter().filter_map(of).collect()
}
