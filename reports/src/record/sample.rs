//! What was measured: samples, their launches, phases and work counters.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ArmKey, Cache, Histogram};
use crate::ByteSize;
use crate::stats;
use crate::units::nanos;

/// One sample of one arm: one launch, or as many short ones as the plan's policy asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// Position in the run, from 0.
    pub order: u64,
    /// The round it belongs to, from 0: a round has one sample of every arm, and samples of a round
    /// are paired.
    pub round: u64,
    /// Name of its arm.
    pub arm: String,
    /// State of the page cache asked for.
    pub cache: Cache,
    /// Its launches in the order made. A sample that failed may have none.
    pub launches: Vec<Launch>,
    /// Whether it counts.
    pub state: SampleState,
}

impl Sample {
    /// The arm it belongs to.
    #[must_use]
    pub fn key(&self) -> ArmKey {
        ArmKey { name: self.arm.clone(), cache: self.cache }
    }

    /// Whether it enters the statistics.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.state == SampleState::Valid
    }

    /// Whole-process time of a launch: the median over its launches, because one that the machine
    /// held up would move a mean. `None` without a launch.
    #[must_use]
    pub fn time(&self) -> Option<Duration> {
        middle(self.launches.iter().map(|launch| Some(launch.wall)))
    }

    /// Time inside the process of a launch, all phases together: the median over its launches.
    /// `None` without a launch, and where one reports no phase.
    #[must_use]
    pub fn inside(&self) -> Option<Duration> {
        middle(self.launches.iter().map(Launch::inside))
    }
}

/// The median of times; `None` where one is missing.
fn middle(times: impl Iterator<Item = Option<Duration>>) -> Option<Duration> {
    let times: Option<Vec<f64>> = times.map(|time| Some(nanos::saturated(time?) as f64)).collect();
    stats::median(&times?).map(|time| Duration::from_nanos(time.round() as u64))
}

/// Whether a sample counts, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum SampleState {
    /// Right answer, conditions met.
    Valid,
    /// Right answer, but the conditions of the arm were not met, for instance a hot launch that
    /// read from the device.
    Excluded {
        /// Which condition, and what was seen instead.
        reason: String,
    },
    /// The process did not answer.
    Failed {
        /// What it said or how it ended.
        error: String,
    },
    /// The answer was wrong.
    Mismatch {
        /// What was expected and what came.
        detail: String,
    },
}

/// One process from start to end, or one question to a long-lived process ([`super::Process`]).
/// `None` means that the platform or the engine does not report the figure; it is never replaced by
/// zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    /// Wall time of the whole process, from before it was started to after it was waited for; of a
    /// long-lived process, from before it was asked to after its answer was read.
    #[serde(rename = "wall_ns", with = "nanos")]
    pub wall: Duration,
    /// Time on the processor in user mode, whole process, from the operating system.
    #[serde(rename = "user_ns", with = "nanos::option")]
    pub user: Option<Duration>,
    /// Time on the processor in the kernel, likewise.
    #[serde(rename = "system_ns", with = "nanos::option")]
    pub system: Option<Duration>,
    /// Peak resident memory of this process alone.
    #[serde(rename = "peak_memory_bytes")]
    pub peak_memory: Option<ByteSize>,
    /// Page faults that needed the device.
    pub major_faults: Option<u64>,
    /// Bytes read from the device on behalf of this process.
    #[serde(rename = "device_read_bytes")]
    pub device_read: Option<ByteSize>,
    /// Pages of the database in the page cache before the launch.
    pub resident_pages_before: Option<u64>,
    /// How it ended.
    pub exit: Exit,
    /// Where the time went, as the engine reports it, in the order of the work. The rest of `wall`
    /// is process start and end, or the way to a long-lived process and back.
    pub phases: Vec<Phase>,
    /// Work done, by name: `rows_examined`, `rows_checked`, `body_bytes`, `facts`, `vm_steps`,
    /// `rchar`, `syscr`, ... Neither what a process reads before it does anything nor its request
    /// is in them: both follow paths.
    pub counters: BTreeMap<String, Counter>,
    /// Times of single operations within the launch, by name: `append`, `barrier`, ...
    /// ([`names`](super::names) has them all). Absent from the file where there are none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub histograms: BTreeMap<String, Histogram>,
    /// Mode the scan took: `full`, `incremental`, `unchanged`; `None` for an engine without modes.
    pub mode: Option<String>,
    /// Why it took that mode.
    pub reason: Option<String>,
    /// Turns in the answer; `None` for an engine that answers something else.
    pub turns: Option<u64>,
    /// Digest of the answer; `None` when there was no answer.
    pub answer_digest: Option<String>,
    /// Whether the answer was compared with an independently established one, and equal to it. In
    /// an append run: every acknowledged append is in its history, once and in order, and each row
    /// equals the replay of it.
    pub verified: bool,
}

impl Launch {
    /// Time inside the process: its phases together. `None` where it reports none.
    #[must_use]
    pub fn inside(&self) -> Option<Duration> {
        (!self.phases.is_empty()).then(|| self.phases.iter().map(|phase| phase.elapsed).sum())
    }

    /// The counter `name`, where the launch reports it.
    #[must_use]
    pub fn counter(&self, name: &str) -> Option<u64> {
        self.counters.get(name).and_then(|counter| counter.value)
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// It could not be started.
    NotStarted,
    /// It is still running.
    Running,
}

/// A part of the work and how long it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Its name: `load`, `open`, `check`, `scan`, `persist`, ...
    pub name: String,
    /// Wall time in it.
    #[serde(rename = "elapsed_ns", with = "nanos")]
    pub elapsed: Duration,
}

/// An amount of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counter {
    /// The amount; `None` where the platform lacks it.
    pub value: Option<u64>,
    /// What may be concluded from it.
    pub class: CounterClass,
}

impl Counter {
    /// A counter that repeats exactly.
    #[must_use]
    pub fn exact(value: Option<u64>) -> Counter {
        Counter { value, class: CounterClass::Exact }
    }

    /// A counter that informs.
    #[must_use]
    pub fn advisory(value: Option<u64>) -> Counter {
        Counter { value, class: CounterClass::Advisory }
    }
}

/// What may be concluded from a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CounterClass {
    /// Repeats exactly on the same input; a change is a change of the work.
    Exact,
    /// Depends on the machine and its moment; informs, decides nothing.
    Advisory,
}
