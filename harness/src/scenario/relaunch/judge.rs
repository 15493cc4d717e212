//! Whether a launch counts: it answered, the answer is right, and it met the conditions of its arm.

use std::collections::BTreeMap;
use std::time::Duration;

use tracerig_reports::ByteSize;
use tracerig_reports::record::{Cache, Counter, CounterClass, Exit, Launch, Phase, SampleState};
use tracerig_scanner::Turns;

use super::definition::{Arm, Examines};
use super::worker::{Engine, Reply};
use crate::platform::Io;
use crate::scenario::finished::{self, Finished};
use crate::scenario::pagecache::unmet;
use crate::scenario::prepared_database::{PreparedDatabase, difference, digest};

/// The counters of launches that are exact, by name.
pub(crate) const EXACT: [&str; 8] =
    ["rchar", "syscr", "vm_steps", "body_bytes", "rows_examined", "facts", "rows_checked", "artifact_bytes"];

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
            turns: prepared.expected.get(&(arm.engine, arm.moved)),
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
    finished: &Finished,
    seen: Seen,
) -> (Launch, SampleState) {
    let reply = finished.answer::<Reply>();
    let mut launch = describe(arm, finished, seen.resident_before, reply.as_ref().ok());
    let state = match reply {
        Err(error) => SampleState::Failed { error },
        Ok(reply) => {
            let written = [("the file says", seen.wrote_memo), ("it says", reply.persisted)];
            let found = written.into_iter().find_map(|(who, wrote)| misplaced(arm.persists, wrote, who));
            verdict(found.or_else(|| wrong(due, &reply)), &mut launch, cache, due)
        }
    };
    (launch, state)
}

/// What becomes of a launch that answered, `wrong` being what is wrong with that, if anything.
pub(super) fn verdict(wrong: Option<String>, launch: &mut Launch, cache: Cache, due: Due<'_>) -> SampleState {
    if let Some(detail) = wrong {
        return SampleState::Mismatch { detail };
    }
    launch.verified = true;
    unmet(cache, due.least_read, launch).map_or(SampleState::Valid, |reason| SampleState::Excluded { reason })
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
pub(super) fn wrong(due: Due<'_>, reply: &Reply) -> Option<String> {
    if reply.cursor != due.max_id {
        return Some(format!("it saw the maximum id {} instead of {}", reply.cursor, due.max_id));
    }
    let expected = due.turns?;
    let Some(answer) = &reply.answer else { return Some("it answered without turns".to_owned()) };
    if let Some(difference) = difference(expected, &answer.turns) {
        return Some(difference);
    }
    let account = &answer.scan;
    if let Some(mode) = due.mode.filter(|mode| *mode != account.mode) {
        return Some(format!("its mode was {} ({}) instead of {mode}", account.mode, account.reason));
    }
    if due.mode.is_some() && !due.reasons.contains(&account.reason) {
        return Some(format!("its reason was {} instead of {}", account.reason, due.reasons.join(" or ")));
    }
    if let Some(rows) = due.rows.filter(|rows| *rows != account.rows_examined) {
        return Some(format!("it examined {} rows instead of {rows}", account.rows_examined));
    }
    None
}

pub(super) fn describe(
    arm: &Arm,
    finished: &Finished,
    resident_before: Option<u64>,
    reply: Option<&Reply>,
) -> Launch {
    let ended = &finished.ended;
    Launch {
        user: ended.user,
        system: ended.system,
        major_faults: ended.major_faults,
        exit: finished::recorded(ended.exit),
        ..account_of(arm.engine, finished.wall, ended.io, resident_before, reply)
    }
}

/// What is known of a launch without its process.
pub(crate) fn account_of(
    engine: Engine,
    wall: Duration,
    io: Option<Io>,
    resident_before: Option<u64>,
    reply: Option<&Reply>,
) -> Launch {
    let answer = reply.and_then(|reply| reply.answer.as_ref());
    let account = answer.map(|answer| &answer.scan);
    let mut counters = vec![
        ("rchar", io.map(|io| io.rchar)),
        ("syscr", io.map(|io| io.syscr)),
        ("vm_steps", reply.and_then(|reply| reply.vm_steps)),
        ("body_bytes", reply.and_then(|reply| reply.body_bytes)),
    ];
    if let Some(account) = account {
        counters.push(("rows_examined", Some(account.rows_examined)));
        counters.push(("facts", Some(account.facts)));
        if engine == Engine::Scanner {
            counters.push(("rows_checked", Some(account.rows_checked)));
            counters.push(("artifact_bytes", Some(account.artifact_bytes)));
        }
    }
    Launch {
        wall,
        user: None,
        system: None,
        peak_memory: reply.and_then(|reply| reply.peak_memory_bytes).map(ByteSize),
        major_faults: None,
        device_read: io.map(|io| ByteSize(io.device_read)),
        resident_pages_before: resident_before,
        exit: Exit::Running,
        phases: phases(engine, reply),
        counters: counters
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Counter::exact(value)))
            .collect(),
        mode: account.map(|account| account.mode.clone()),
        reason: account.map(|account| account.reason.clone()),
        histograms: BTreeMap::new(),
        turns: answer.map(|answer| answer.turns.len() as u64),
        answer_digest: answer.map(|answer| digest(&answer.turns)),
        verified: false,
    }
}

/// Takes the counters of a launch beside a process that writes for what they are: how many rows there are for it to find depends on
/// the moment.
pub(super) fn beside_a_writer(launch: &mut Launch) {
    launch.counters.values_mut().for_each(|counter| counter.class = CounterClass::Advisory);
}

/// The phases that an engine has, in the order of the work.
fn phases(engine: Engine, reply: Option<&Reply>) -> Vec<Phase> {
    let Some(reply) = reply else { return Vec::new() };
    let named: Vec<(&str, u64)> = match (&reply.answer, engine) {
        (None, _) | (_, Engine::Floor) => vec![("open", reply.engine_ns)],
        (Some(answer), engine) => {
            let us = answer.scan.elapsed_us;
            let all = [
                ("load", us.load),
                ("open", us.open),
                ("check", us.check),
                ("scan", us.scan),
                ("persist", us.persist),
            ];
            let has = |name| engine == Engine::Scanner || matches!(name, "open" | "scan");
            all.into_iter()
                .filter(|(name, _)| has(*name))
                .map(|(name, us)| (name, us.saturating_mul(1000)))
                .collect()
        }
    };
    named
        .into_iter()
        .map(|(name, ns)| Phase { name: name.to_owned(), elapsed: Duration::from_nanos(ns) })
        .collect()
}
