//! The figures of one arm: times, ratios to the baselines, phases, work counters.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::{FLOOR, PUBLISHED};
use crate::ByteSize;
use crate::record::{ArmKey, ArmPlan, Cache, CounterClass, Launch, Record, Sample, SampleState};
use crate::stats::{self, Interval};
use crate::units::nanos;

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
    /// Launches in the valid samples.
    pub launches: u64,
    /// Whole-process time of a launch, over samples: the time of a sample is the mean of its launches. `None` without a
    /// valid sample, as is everything below that needs one.
    pub sample_time: Option<Times>,
    /// The same over single launches: wider, because nothing is averaged.
    pub launch_time: Option<Times>,
    /// The time as a multiple of the floor's in the same state of the cache.
    pub of_floor: Option<RatioSummary>,
    /// What the arm takes beyond the floor: median of the differences within rounds, negative when faster.
    pub beyond_floor_ns: Option<i64>,
    /// The time as a multiple of the published query's in the same state of the cache.
    pub of_published: Option<RatioSummary>,
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
    /// 95 % take no longer ([`stats::quantile`] says how it is interpolated).
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
    pub spread: f64,
}

/// A ratio of times to a baseline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RatioSummary {
    /// Name of the baseline; its cache is in the same state as the arm's.
    pub baseline: &'static str,
    /// Time of the arm as a multiple of the baseline's.
    pub ratio: f64,
    /// Rounds in which both have a valid sample, and whose ratios the figure is the median of. 0: no round has, and the
    /// figure is the ratio of the medians.
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
    /// Name of the phase as the engine reports it; [`PhaseSummary::PROCESS`] for what it does not report.
    pub name: String,
    /// Median over the launches; a launch that does not report the phase counts as 0.
    #[serde(rename = "median_ns", with = "nanos")]
    pub median: Duration,
    /// Its part of the whole-process time, over all launches together.
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

/// What launches took from the machine; `None` where the platform does not report it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Resources {
    /// Median time on the processor in user mode.
    #[serde(rename = "user_ns", with = "nanos::option")]
    pub user: Option<Duration>,
    /// Median time on the processor in the kernel.
    #[serde(rename = "system_ns", with = "nanos::option")]
    pub system: Option<Duration>,
    /// The highest peak memory of a launch.
    pub peak_memory_bytes: Option<ByteSize>,
    /// Median of bytes read from the device.
    pub device_read_bytes: Option<ByteSize>,
    /// The most page faults that needed the device.
    pub major_faults: Option<u64>,
    /// The most pages of the database found in memory before a launch.
    pub resident_pages_before: Option<u64>,
}

impl ArmSummary {
    /// Its identity in the run.
    #[must_use]
    pub fn key(&self) -> ArmKey {
        ArmKey::new(self.name.clone(), self.cache)
    }

    /// Computes the figures of `arm` in `record`.
    pub(super) fn of(record: &Record, arm: &ArmPlan) -> ArmSummary {
        let key = arm.key();
        let of_arm = || record.samples.iter().filter(|sample| sample.key() == key);
        let mut samples = SampleCounts { planned: record.plan.samples, ..SampleCounts::default() };
        for sample in of_arm() {
            match sample.state {
                SampleState::Valid => samples.valid += 1,
                SampleState::Excluded { .. } => samples.excluded += 1,
                SampleState::Failed { .. } => samples.failed += 1,
                SampleState::Mismatch { .. } => samples.mismatched += 1,
            }
        }
        let valid: Vec<&Sample> = of_arm().filter(|sample| sample.is_valid()).collect();
        let launches: Vec<&Launch> = valid.iter().flat_map(|sample| &sample.launches).collect();
        let floor = ratio_to(FLOOR, record, &key);
        let published = ratio_to(PUBLISHED, record, &key);
        ArmSummary {
            name: arm.name.clone(),
            cache: arm.cache,
            engine: arm.engine.clone(),
            why: arm.why.clone(),
            samples,
            launches: launches.len() as u64,
            sample_time: Times::of(valid.iter().filter_map(|sample| sample.time())),
            launch_time: Times::of(launches.iter().map(|launch| launch.wall)),
            of_floor: floor,
            beyond_floor_ns: difference(FLOOR, record, &key),
            of_published: published,
            modes: modes(&launches),
            phases: phases(&launches),
            counters: counters(&launches),
            turns: turns(&launches),
            resources: Resources::of(&launches),
        }
    }
}

impl Times {
    /// The distribution of `times`; `None` when there are none.
    fn of(times: impl Iterator<Item = Duration>) -> Option<Times> {
        let mut times: Vec<f64> = times.map(as_nanos).collect();
        times.sort_unstable_by(f64::total_cmp);
        let at = |q| stats::quantile(&times, q).map(from_nanos);
        let median = stats::median(&times)?;
        Some(Times {
            n: times.len() as u64,
            min: at(0.0)?,
            median: from_nanos(median),
            p95: at(0.95)?,
            p99: at(0.99)?,
            max: at(1.0)?,
            // A time of zero has no geometric mean; no process takes none.
            geometric_mean: from_nanos(stats::geometric_mean(&times).unwrap_or(0.0)),
            spread: if median > 0.0 { stats::interquartile_range(&times)? / median } else { 0.0 },
        })
    }
}

fn as_nanos(time: Duration) -> f64 {
    time.as_nanos() as f64
}

fn from_nanos(nanos: f64) -> Duration {
    Duration::from_nanos(nanos.round() as u64)
}

/// The valid times of an arm by round, in nanoseconds.
fn times_by_round(record: &Record, key: &ArmKey) -> BTreeMap<u64, f64> {
    let valid = record.samples.iter().filter(|sample| sample.is_valid() && sample.key() == *key);
    valid.filter_map(|sample| Some((sample.round, as_nanos(sample.time()?)))).collect()
}

/// The times of the arm and of `baseline` in the rounds that have both. Only like is compared with like: the baseline
/// is taken in the arm's own state of the cache. `None` when the arm is the baseline, or there is no such baseline.
fn paired(baseline: &str, record: &Record, key: &ArmKey) -> Option<Vec<(f64, f64)>> {
    let other = ArmKey::new(baseline, key.cache);
    if other == *key {
        return None;
    }
    record.plan.arm(&other)?;
    let others = times_by_round(record, &other);
    let own = times_by_round(record, key);
    Some(own.iter().filter_map(|(round, time)| Some((*time, *others.get(round)?))).collect())
}

fn ratio_to(baseline: &'static str, record: &Record, key: &ArmKey) -> Option<RatioSummary> {
    let pairs = paired(baseline, record, key)?;
    if let Some(found) = stats::paired_ratio(&pairs, record.seed) {
        let stats::PairedRatio { pairs, ratio, interval } = found;
        return Some(RatioSummary { baseline, ratio, pairs: pairs as u64, interval });
    }
    let median_of = |key: &ArmKey| {
        let times: Vec<f64> = times_by_round(record, key).into_values().collect();
        stats::median(&times).filter(|median| *median > 0.0)
    };
    let ratio = median_of(key)? / median_of(&ArmKey::new(baseline, key.cache))?;
    Some(RatioSummary { baseline, ratio, pairs: 0, interval: None })
}

fn difference(baseline: &str, record: &Record, key: &ArmKey) -> Option<i64> {
    let differences: Vec<f64> =
        paired(baseline, record, key)?.into_iter().map(|(own, other)| own - other).collect();
    Some(stats::median(&differences)?.round() as i64)
}

fn modes(launches: &[&Launch]) -> Vec<ModeCount> {
    let mut counts: BTreeMap<(&str, Option<&str>), u64> = BTreeMap::new();
    for launch in launches {
        if let Some(mode) = &launch.mode {
            *counts.entry((mode, launch.reason.as_deref())).or_default() += 1;
        }
    }
    let mut modes: Vec<ModeCount> = counts
        .into_iter()
        .map(|((mode, reason), launches)| ModeCount {
            mode: mode.to_owned(),
            reason: reason.map(str::to_owned),
            launches,
        })
        .collect();
    modes.sort_by_key(|mode| std::cmp::Reverse(mode.launches));
    modes
}

/// Where the time of the launches goes: the part outside every phase first, then the phases in the order in which they
/// are first reported.
fn phases(launches: &[&Launch]) -> Vec<PhaseSummary> {
    let mut names: Vec<&str> = Vec::new();
    for phase in launches.iter().flat_map(|launch| &launch.phases) {
        if !names.contains(&phase.name.as_str()) {
            names.push(&phase.name);
        }
    }
    if names.is_empty() {
        return Vec::new();
    }
    let total: f64 = launches.iter().map(|launch| as_nanos(launch.wall)).sum();
    let summary = |name: &str, times: Vec<f64>| PhaseSummary {
        name: name.to_owned(),
        median: from_nanos(stats::median(&times).unwrap_or(0.0)),
        share: if total > 0.0 { times.iter().sum::<f64>() / total } else { 0.0 },
    };
    let within = |launch: &Launch, name: Option<&str>| -> f64 {
        let phases = launch.phases.iter().filter(|phase| name.is_none_or(|name| phase.name == name));
        phases.map(|phase| as_nanos(phase.elapsed)).sum()
    };
    let outside = launches.iter().map(|launch| (as_nanos(launch.wall) - within(launch, None)).max(0.0));
    let mut all = vec![summary(PhaseSummary::PROCESS, outside.collect())];
    for name in names {
        all.push(summary(name, launches.iter().map(|launch| within(launch, Some(name))).collect()));
    }
    all
}

fn counters(launches: &[&Launch]) -> BTreeMap<String, CounterSummary> {
    let names: BTreeSet<&String> = launches.iter().flat_map(|launch| launch.counters.keys()).collect();
    let summary = |name: &String| {
        let values = launches.iter().map(|launch| launch.counter(name));
        // A counter that one launch calls advisory decides nothing.
        let advisory = launches
            .iter()
            .filter_map(|launch| launch.counters.get(name))
            .any(|c| c.class == CounterClass::Advisory);
        let class = if advisory { CounterClass::Advisory } else { CounterClass::Exact };
        CounterSummary::of(class, values)
    };
    names.into_iter().map(|name| (name.clone(), summary(name))).collect()
}

fn turns(launches: &[&Launch]) -> Option<CounterSummary> {
    let turns = CounterSummary::of(CounterClass::Exact, launches.iter().map(|launch| launch.turns));
    turns.seen.is_some().then_some(turns)
}

impl CounterSummary {
    fn of(class: CounterClass, values: impl Iterator<Item = Option<u64>>) -> CounterSummary {
        let (mut seen, mut unavailable_in) = (Vec::new(), 0);
        for value in values {
            match value {
                Some(value) => seen.push(value),
                None => unavailable_in += 1,
            }
        }
        seen.sort_unstable();
        let seen = seen.first().zip(seen.last()).map(|(&min, &max)| Seen {
            min,
            median: seen[(seen.len() - 1) / 2],
            max,
            varies: min != max,
        });
        CounterSummary { class, seen, unavailable_in }
    }
}

impl Resources {
    fn of(launches: &[&Launch]) -> Resources {
        // One launch that lacks a figure makes the figure of the arm unavailable: a median of the rest would hide it.
        let all = |value: fn(&Launch) -> Option<u64>| -> Option<Vec<f64>> {
            let values: Option<Vec<f64>> =
                launches.iter().map(|launch| value(launch).map(|v| v as f64)).collect();
            values.filter(|values| !values.is_empty())
        };
        let median = |value| all(value).and_then(|values| stats::median(&values));
        let most = |value| all(value).and_then(|values| stats::quantile(&values, 1.0));
        Resources {
            user: median(|launch| launch.user.map(nanos::saturated)).map(from_nanos),
            system: median(|launch| launch.system.map(nanos::saturated)).map(from_nanos),
            peak_memory_bytes: most(|launch| launch.peak_memory.map(ByteSize::bytes))
                .map(|n| ByteSize(n as u64)),
            device_read_bytes: median(|launch| launch.device_read.map(ByteSize::bytes))
                .map(|n| ByteSize(n.round() as u64)),
            major_faults: most(|launch| launch.major_faults).map(|n| n as u64),
            resident_pages_before: most(|launch| launch.resident_pages_before).map(|n| n as u64),
        }
    }
}
