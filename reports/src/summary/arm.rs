//! What the figures of one arm are: times, ratios to the baselines, phases, work counters.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::CandidateSummary;
use crate::record::{ArmKey, Cache, CounterClass, Process};
use crate::stats::Interval;
use crate::units::{figures, nanos};

/// The figures of one arm. Only valid samples enter them; the others are counted in `samples`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArmSummary {
    /// What is launched.
    pub name: String,
    /// State of the page cache before each launch.
    pub cache: Cache,
    /// The program that answers.
    pub engine: String,
    /// Why this arm is in the plan.
    pub why: String,
    /// How many samples there are of each state.
    pub samples: SampleCounts,
    /// What a launch is.
    pub process: Process,
    /// Launches that the plan makes a sample of.
    pub launches_per_sample: u64,
    /// Launches in the valid samples.
    pub launches: u64,
    /// Whole-process time of a launch, over samples: the time of a sample is the median of its
    /// launches. `None` without a valid sample, as is everything below that needs one.
    pub sample_time: Option<Times>,
    /// The same over single launches: wider, because nothing is averaged.
    pub launch_time: Option<Times>,
    /// Time inside the process, over samples; `None` where the engine reports no phases.
    pub inside: Option<Times>,
    /// That time as a multiple of the one of [`WARM`](super::WARM) in the same state of the cache.
    pub inside_of_warm: Option<RatioSummary>,
    /// The time as a multiple of the floor's in the same state of the cache. As the two below
    /// `None` for an arm with a long-lived process: its times are those of no process.
    pub of_floor: Option<RatioSummary>,
    /// What the arm takes beyond the floor: median of the differences within rounds, negative when
    /// faster.
    pub beyond_floor_ns: Option<i64>,
    /// The time as a multiple of the published query's in the same state of the cache. `None` for
    /// the floor, which gives no answer.
    pub of_published: Option<RatioSummary>,
    /// What only an arm of a candidate has; absent for our own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<CandidateSummary>,
    /// The modes taken, with their reasons, the most frequent first.
    pub modes: Vec<ModeCount>,
    /// Where the time goes, in the order of the work; empty for an engine that reports no phases.
    pub phases: Vec<PhaseSummary>,
    /// Work done in a launch, by name.
    pub counters: BTreeMap<String, CounterSummary>,
    /// Turns in the answers; absent for an engine that answers something else.
    pub turns: Option<CounterSummary>,
    /// What the launches took from the machine.
    pub resources: Resources,
}

/// How many samples of an arm there are of each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct SampleCounts {
    /// Samples the plan asked for.
    pub planned: u64,
    /// Samples in the statistics.
    pub valid: u64,
    /// Samples left out because the conditions of the arm were not met.
    pub excluded: u64,
    /// Samples whose process failed.
    pub failed: u64,
    /// Samples with a wrong answer.
    pub mismatched: u64,
}

impl SampleCounts {
    /// Samples taken.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.valid + self.excluded + self.failed + self.mismatched
    }
}

/// A distribution of times.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Times {
    /// How many times it comes from.
    pub n: u64,
    /// The shortest.
    #[serde(rename = "min_ns", with = "nanos")]
    pub min: Duration,
    /// The middle one.
    #[serde(rename = "median_ns", with = "nanos")]
    pub median: Duration,
    /// 95 % take no longer (`quantile` says how it is interpolated).
    #[serde(rename = "p95_ns", with = "nanos")]
    pub p95: Duration,
    /// 99 % take no longer.
    #[serde(rename = "p99_ns", with = "nanos")]
    pub p99: Duration,
    /// The longest.
    #[serde(rename = "max_ns", with = "nanos")]
    pub max: Duration,
    /// The geometric mean.
    #[serde(rename = "geometric_mean_ns", with = "nanos")]
    pub geometric_mean: Duration,
    /// Interquartile range as a part of the median: half of the times lie in a band this wide.
    #[serde(serialize_with = "figures::serialize")]
    pub spread: f64,
}

/// A ratio of times to a baseline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RatioSummary {
    /// Name of the baseline; its cache is in the same state as the arm's.
    pub baseline: &'static str,
    /// Time of the arm as a multiple of the baseline's.
    #[serde(serialize_with = "figures::serialize")]
    pub ratio: f64,
    /// Rounds in which both have a valid sample, and whose ratios the figure is the median of. 0:
    /// no round has, and the figure is the ratio of the medians.
    pub pairs: u64,
    /// Bootstrap interval of the ratio; absent with too few pairs.
    pub interval: Option<Interval>,
}

/// How often a mode was taken for a reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ModeCount {
    /// The mode.
    pub mode: String,
    /// The reason, where one was given.
    pub reason: Option<String>,
    /// Launches that took it.
    pub launches: u64,
}

/// How long a phase takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseSummary {
    /// Name of the phase as the engine reports it; [`PhaseSummary::PROCESS`] for what it does not
    /// report.
    pub name: String,
    /// Median over the launches; a launch that does not report the phase counts as 0.
    #[serde(rename = "median_ns", with = "nanos")]
    pub median: Duration,
    /// Its part of the whole-process time, over all launches together.
    #[serde(serialize_with = "figures::serialize")]
    pub share: f64,
}

impl PhaseSummary {
    /// Name of what the engine cannot see: process start and end.
    pub const PROCESS: &'static str = "process";
}

/// An amount of work over the launches of an arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CounterSummary {
    /// What may be concluded from it.
    pub class: CounterClass,
    /// The amounts seen, `None` when no launch reports one.
    pub seen: Option<Seen>,
    /// Launches that do not report it.
    pub unavailable_in: u64,
}

/// The range of amounts seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The lowest.
    pub min: u64,
    /// The middle one, rounded down to one that was seen.
    pub median: u64,
    /// The highest.
    pub max: u64,
    /// Whether launches differ.
    pub varies: bool,
}

/// What launches took from the machine. The amounts are whole ranges, because they are what shows
/// the state of the cache: a hot launch may read nothing, a cold one must find nothing in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Resources {
    /// Median time on the processor, in user mode and in the kernel together; `None` when a launch
    /// does not report it.
    ///
    /// Only the sum: a kernel may tell the two apart by the clock ticks it saw, and a short launch
    /// sees one or none.
    #[serde(rename = "processor_ns", with = "nanos::option")]
    pub processor: Option<Duration>,
    /// Peak memory of a launch, in bytes.
    pub peak_memory_bytes: CounterSummary,
    /// Bytes a launch read from the device.
    pub device_read_bytes: CounterSummary,
    /// Page faults of a launch that needed the device.
    pub major_faults: CounterSummary,
    /// Pages of the database in memory before a launch.
    pub resident_pages_before: CounterSummary,
}

impl ArmSummary {
    /// Its identity in the run.
    #[must_use]
    pub fn key(&self) -> ArmKey {
        ArmKey::new(self.name.clone(), self.cache)
    }
}
