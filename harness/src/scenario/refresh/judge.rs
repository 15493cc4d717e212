//! Whether a launch counts: it answered, the answer is right, and it read and wrote what its arm says.

use std::collections::BTreeMap;
use std::time::Duration;

use tracerig_reports::ByteSize;
use tracerig_reports::record::{Counter, Launch, Phase, SampleState};

use super::definition::{Arm, Reads};
use super::worker::Reply;
use crate::scenario::finished::Finished;
use crate::scenario::relaunch::worker::Engine;

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
    /// Digests of what was used, and of the turns; empty for an engine that answers nothing.
    pub(super) answer: String,
    pub(super) turns: String,
    /// The highest id of the trace database.
    pub(super) cursor: i64,
    /// Rollouts, and their bytes.
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// How many sessions grew last, and in all.
    pub(super) few: u64,
    pub(super) many: u64,
}

/// Judges what became of a launch of `arm` and writes it down. `wrote` says, from outside, whether it wrote what it remembers.
///
/// Where work is compared and not judged, it is not `strict`: then a launch may read other files
/// than its arm says.
pub(super) fn judge(
    arm: &Arm,
    due: &Due,
    finished: &Finished,
    wrote: bool,
    strict: bool,
) -> (Launch, SampleState) {
    let reply = finished.answer::<Reply>();
    let mut launch = describe(finished, reply.as_ref().ok());
    let state = match reply {
        Err(error) => SampleState::Failed { error },
        Ok(reply) => match wrong(arm, due, &reply, wrote, strict) {
            Some(detail) => SampleState::Mismatch { detail },
            None => {
                launch.verified = true;
                match launch.device_read {
                    Some(ByteSize(read)) if read > 0 => SampleState::Excluded {
                        reason: format!("{read} bytes came from the device, although the page cache was hot"),
                    },
                    // Where the platform does not tell, hot is what was just written or read.
                    _ => SampleState::Valid,
                }
            }
        },
    };
    (launch, state)
}

/// What is wrong with the answer, or with the way to it.
fn wrong(arm: &Arm, due: &Due, reply: &Reply, wrote: bool, strict: bool) -> Option<String> {
    let differs = |what: &str, found: &dyn std::fmt::Display, expected: &dyn std::fmt::Display| {
        Some(format!("{what}: {found} instead of {expected}"))
    };
    if reply.files != due.files {
        return differs("rollouts", &reply.files, &due.files);
    }
    if arm.engine == Engine::Floor {
        let bytes = reply.bytes.unwrap_or(0);
        return if bytes == due.bytes { None } else { differs("bytes of rollouts", &bytes, &due.bytes) };
    }
    if reply.answer != due.answer {
        return differs("digest of what was used", &reply.answer, &due.answer);
    }
    let Some(trace) = &reply.trace else { return Some("it answered without turns".to_owned()) };
    if trace.digest != due.turns {
        return differs("digest of the turns", &trace.digest, &due.turns);
    }
    if arm.engine == Engine::Scanner && trace.cursor != due.cursor {
        return differs("the maximum id of the trace database", &trace.cursor, &due.cursor);
    }
    let (continued, parsed) = match arm.reads {
        Reads::Nothing => (0, 0),
        Reads::Few => (due.few, 0),
        Reads::Many => (due.many, 0),
        Reads::All => (0, due.files),
    };
    let found = (reply.unchanged, reply.continued, reply.parsed);
    let expected = (due.files - continued - parsed, continued, parsed);
    if strict && found != expected {
        return Some(format!("rollouts not read, read on and read whole: {found:?} instead of {expected:?}"));
    }
    if strict && (reply.bytes_read > 0) != (arm.reads != Reads::Nothing) {
        return Some(format!("it read {} bytes of rollouts", reply.bytes_read));
    }
    let says = reply.memo_bytes_written.is_some_and(|bytes| bytes > 0);
    [("the files say", wrote), ("it says", says)].into_iter().find_map(|(who, wrote)| {
        let did =
            if wrote { "wrote what it remembers, and must not" } else { "did not write what it remembers" };
        (wrote != arm.persists).then(|| format!("it {did}, {who}"))
    })
}

/// What is known of a launch.
pub(crate) fn describe(finished: &Finished, reply: Option<&Reply>) -> Launch {
    let ended = &finished.ended;
    let mut launch = finished.launch();
    let mut counters: BTreeMap<&str, Counter> = BTreeMap::new();
    // Sizes of shards follow the times of files, and threads end in any order.
    counters.insert("rchar", Counter::advisory(ended.io.map(|io| io.rchar)));
    counters.insert("syscr", Counter::advisory(ended.io.map(|io| io.syscr)));
    if let Some(reply) = reply {
        let mut exact = |name, value| counters.insert(name, Counter::exact(value));
        exact("files", Some(reply.files));
        exact("folders", Some(reply.folders));
        exact("metadata_calls", Some(reply.metadata_calls));
        if let Some(trace) = &reply.trace {
            exact("files_read", Some(reply.continued.saturating_add(reply.parsed)));
            exact("session_bytes", Some(reply.bytes_read));
            exact("rows_examined", Some(trace.rows_examined));
        }
        if reply.shards_read.is_some() {
            exact("shards_read", reply.shards_read);
            exact("shards_written", reply.shards_written);
        }
        if reply.memo_bytes_written.is_some() {
            counters.insert("memo_bytes", Counter::advisory(reply.memo_bytes_written));
        }
        launch.peak_memory = reply.peak_memory_bytes.map(ByteSize);
        launch.phases = reply
            .phases
            .iter()
            .map(|(name, ns)| Phase { name: name.clone(), elapsed: Duration::from_nanos(*ns) })
            .collect();
        launch.mode = reply.trace.as_ref().map(|trace| trace.mode.clone());
        launch.reason = reply.trace.as_ref().map(|trace| trace.reason.clone());
        launch.turns = reply.trace.as_ref().map(|trace| trace.turns);
        launch.answer_digest = reply.trace.as_ref().map(|_| reply.answer.clone());
    }
    launch.counters = counters.into_iter().map(|(name, counter)| (name.to_owned(), counter)).collect();
    launch
}
