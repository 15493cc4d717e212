//! Whether a launch counts: it answered, the answer is right, and it met the conditions of its arm.

use std::collections::BTreeMap;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tracerig_reports::ByteSize;
use tracerig_reports::record::{Cache, Counter, Exit, Launch, Phase, SampleState};
use tracerig_scanner::Turns;

use super::plan::{Arm, Examines};
use super::scene::{Scene, difference};
use crate::process::Finished;
use crate::worker::{Engine, Reply};

/// What was seen of a launch from outside, apart from its process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Pages of the files it reads in memory before it, where the platform tells.
    pub(super) resident_before: Option<u64>,
    /// Whether another memo stood there afterwards.
    pub(super) wrote_memo: bool,
}

/// Judges what became of a launch of `arm` and writes it down.
pub(super) fn judge(
    arm: &Arm,
    cache: Cache,
    scene: &Scene,
    finished: &Finished,
    seen: Seen,
) -> (Launch, SampleState) {
    let reply = read(finished);
    let mut launch = describe(arm, finished, seen.resident_before, reply.as_ref().ok());
    let state = match reply {
        Err(error) => SampleState::Failed { error },
        Ok(reply) => match wrong(arm, scene, &reply, seen.wrote_memo) {
            Some(detail) => SampleState::Mismatch { detail },
            None => {
                launch.verified = true;
                match unmet(arm, cache, scene, &launch) {
                    Some(reason) => SampleState::Excluded { reason },
                    None => SampleState::Valid,
                }
            }
        },
    };
    (launch, state)
}

/// The launch of a process that could not be started.
pub(super) fn not_started(resident_before: Option<u64>) -> Launch {
    Launch {
        wall: Duration::ZERO,
        user: None,
        system: None,
        peak_memory: None,
        major_faults: None,
        device_read: None,
        resident_pages_before: resident_before,
        exit: Exit::NotStarted,
        phases: Vec::new(),
        counters: BTreeMap::new(),
        histograms: BTreeMap::new(),
        mode: None,
        reason: None,
        turns: None,
        answer_digest: None,
        verified: false,
    }
}

/// What the process answered, or why that is no answer.
fn read(finished: &Finished) -> Result<Reply, String> {
    let said = if finished.stderr.is_empty() { "it said nothing" } else { &finished.stderr };
    if finished.timed_out {
        return Err("it took longer than the time limit and was killed".to_owned());
    }
    match finished.ended.exit {
        Exit::Code(0) => {}
        Exit::Code(code) => return Err(format!("exit code {code}: {said}")),
        Exit::Signal(signal) => return Err(format!("ended by signal {signal}: {said}")),
        Exit::NotStarted => return Err("it did not end in a known way".to_owned()),
    }
    if finished.stdout.is_empty() {
        return Err("it ended well but answered nothing".to_owned());
    }
    serde_json::from_slice(&finished.stdout).map_err(|error| format!("its answer cannot be read: {error}"))
}

/// What is wrong with the answer, or with the way to it.
fn wrong(arm: &Arm, scene: &Scene, reply: &Reply, wrote_memo: bool) -> Option<String> {
    if reply.cursor != scene.state.max_id {
        return Some(format!("it saw the maximum id {} instead of {}", reply.cursor, scene.state.max_id));
    }
    for (who, wrote) in [("the file says", wrote_memo), ("it says", reply.persisted)] {
        if wrote != arm.persists {
            let did = if wrote { "wrote its memo, and must not" } else { "did not write its memo" };
            return Some(format!("it {did}, {who}"));
        }
    }
    let expected = scene.expected(arm)?;
    let Some(answer) = &reply.answer else { return Some("it answered without turns".to_owned()) };
    if let Some(difference) = difference(expected, &answer.turns) {
        return Some(difference);
    }
    let account = &answer.scan;
    if arm.mode.as_ref().is_some_and(|mode| *mode != account.mode) {
        let planned = arm.mode.as_deref().unwrap_or_default();
        return Some(format!("its mode was {} instead of {planned}", account.mode));
    }
    if arm.mode.is_some() && !arm.reasons.contains(&account.reason) {
        return Some(format!("its reason was {} instead of {}", account.reason, arm.reasons.join(" or ")));
    }
    let rows = scene.rows(arm.examines);
    if account.rows_examined != rows {
        return Some(format!("it examined {} rows instead of {rows}", account.rows_examined));
    }
    None
}

/// Which condition of its arm the launch did not meet.
fn unmet(arm: &Arm, cache: Cache, scene: &Scene, launch: &Launch) -> Option<String> {
    let read = launch.device_read.map(ByteSize::bytes);
    match cache {
        Cache::Any => None,
        Cache::Hot => match read {
            // Where the platform does not tell, hot is what a file just read through is.
            None | Some(0) => None,
            Some(read) => Some(format!("{read} bytes came from the device, although the page cache was hot")),
        },
        Cache::Cold => {
            let (Some(resident), Some(read)) = (launch.resident_pages_before, read) else {
                return Some("this platform cannot prove a cold page cache".to_owned());
            };
            if resident > 0 {
                return Some(format!("{resident} pages could not be dropped from the page cache"));
            }
            let least = if arm.examines == Examines::All { scene.state.logs_bytes } else { 1 };
            (read < least).then(|| {
                format!("only {read} bytes came from the device, although {least} or more had to be read")
            })
        }
    }
}

fn describe(arm: &Arm, finished: &Finished, resident_before: Option<u64>, reply: Option<&Reply>) -> Launch {
    let ended = &finished.ended;
    let answer = reply.and_then(|reply| reply.answer.as_ref());
    let account = answer.map(|answer| &answer.scan);
    let mut counters = vec![
        ("rchar", ended.io.map(|io| io.rchar)),
        ("syscr", ended.io.map(|io| io.syscr)),
        ("vm_steps", reply.and_then(|reply| reply.vm_steps)),
        ("body_bytes", reply.and_then(|reply| reply.body_bytes)),
    ];
    if let Some(account) = account {
        counters.push(("rows_examined", Some(account.rows_examined)));
        counters.push(("facts", Some(account.facts)));
        if arm.engine == Engine::Scanner {
            counters.push(("rows_checked", Some(account.rows_checked)));
            counters.push(("artifact_bytes", Some(account.artifact_bytes)));
        }
    }
    Launch {
        wall: finished.wall,
        user: ended.user,
        system: ended.system,
        peak_memory: reply.and_then(|reply| reply.peak_memory_bytes).map(ByteSize),
        major_faults: ended.major_faults,
        device_read: ended.io.map(|io| ByteSize(io.device_read)),
        resident_pages_before: resident_before,
        exit: ended.exit,
        phases: phases(arm.engine, reply),
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
            all.into_iter().filter(|(name, _)| has(*name)).map(|(name, us)| (name, us * 1000)).collect()
        }
    };
    named
        .into_iter()
        .map(|(name, ns)| Phase { name: name.to_owned(), elapsed: Duration::from_nanos(ns) })
        .collect()
}

/// Digest of an answer: SHA-256 over its turns in the order of their ids, each field with its length.
pub(super) fn digest(turns: &Turns) -> String {
    let mut hash = Sha256::new();
    let mut text = |text: Option<&str>| match text {
        None => hash.update([0]),
        Some(text) => {
            hash.update([1]);
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
    };
    for (id, turn) in turns {
        text(Some(id));
        text(turn.thread_id.as_deref());
        text(turn.model.as_deref());
        text(Some(&turn.timestamp.to_string()));
    }
    let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}
