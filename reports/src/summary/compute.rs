//! How the figures of one arm come from the record.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::arm::*;
use super::{CandidateSummary, FLOOR, PUBLISHED, WARM};
use crate::ByteSize;
use crate::record::{
    ArmKey, ArmPlan, CandidatePlan, CounterClass, Launch, Process, Record, Sample, SampleState,
};
use crate::stats;

impl ArmSummary {
    /// Computes the figures of `arm` in `record`.
    pub(super) fn of(record: &Record, arm: &ArmPlan) -> ArmSummary {
        let key = arm.key();
        let candidate = CandidateSummary::of(record, arm);
        // The time of a wrong answer has no value.
        let is_faulty = candidate.as_ref().is_some_and(|candidate| candidate.is_faulty);
        let is_shown = |sample: &&Sample| sample.key() == key && sample.is_valid() && !is_faulty;
        let valid: Vec<&Sample> = record.samples.iter().filter(is_shown).collect();
        let launches: Vec<&Launch> = valid.iter().flat_map(|sample| &sample.launches).collect();
        let is_process = arm.process != Process::Resident && !is_faulty;
        let ratio =
            |baseline| is_process.then(|| ratio_to(baseline, record, &key, Sample::time)).flatten();
        // The floor gives no answer, so it is not a faster way to one.
        let published =
            if arm.name == FLOOR || is_idle(record, arm) { None } else { ratio(PUBLISHED) };
        ArmSummary {
            name: arm.name.clone(),
            cache: arm.cache,
            engine: arm.engine.clone(),
            why: arm.why.clone(),
            process: arm.process,
            samples: SampleCounts::of(record, &key),
            launches_per_sample: arm.launches_per_sample,
            launches: launches.len() as u64,
            sample_time: Times::of(valid.iter().filter_map(|sample| sample.time())),
            launch_time: Times::of(launches.iter().map(|launch| launch.wall)),
            inside: Times::of(valid.iter().filter_map(|sample| sample.inside())),
            candidate,
            inside_of_warm: ratio_to(WARM, record, &key, Sample::inside),
            of_floor: ratio(FLOOR),
            beyond_floor_ns: is_process.then(|| difference(FLOOR, record, &key)).flatten(),
            of_published: published,
            modes: modes(&launches),
            phases: phases(&launches),
            counters: counters(&launches),
            turns: turns(&launches),
            resources: Resources::of(&launches),
        }
    }
}

/// Whether an arm is the process floor of a candidate, which gives no answer either.
fn is_idle(record: &Record, arm: &ArmPlan) -> bool {
    let candidate = record.plan.candidate(&arm.engine);
    candidate.is_some_and(|candidate| candidate.arm(CandidatePlan::IDLE) == arm.name)
}

impl SampleCounts {
    /// Counts the samples of the arm `key`.
    pub(crate) fn of(record: &Record, key: &ArmKey) -> SampleCounts {
        let mut counts = SampleCounts { planned: record.plan.samples, ..SampleCounts::default() };
        for sample in record.samples.iter().filter(|sample| sample.key() == *key) {
            match sample.state {
                SampleState::Valid => counts.valid += 1,
                SampleState::Excluded { .. } => counts.excluded += 1,
                SampleState::Failed { .. } => counts.failed += 1,
                SampleState::Mismatch { .. } => counts.mismatched += 1,
            }
        }
        counts
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

/// Which time of a sample is meant.
type TimeOf = fn(&Sample) -> Option<Duration>;

/// The valid times of an arm by round, in nanoseconds.
fn times_by_round(record: &Record, key: &ArmKey, time: TimeOf) -> BTreeMap<u64, f64> {
    let valid = record.samples.iter().filter(|sample| sample.is_valid() && sample.key() == *key);
    valid.filter_map(|sample| Some((sample.round, as_nanos(time(sample)?)))).collect()
}

/// The times of the arm and of `baseline` in the rounds that have both. Only like is compared with
/// like: the baseline is taken in the arm's own state of the cache. `None` when the arm is the
/// baseline, or there is no such baseline.
fn paired(baseline: &str, record: &Record, key: &ArmKey, time: TimeOf) -> Option<Vec<(f64, f64)>> {
    let other = ArmKey::new(baseline, key.cache);
    if other == *key {
        return None;
    }
    record.plan.arm(&other)?;
    let others = times_by_round(record, &other, time);
    let own = times_by_round(record, key, time);
    Some(own.iter().filter_map(|(round, time)| Some((*time, *others.get(round)?))).collect())
}

fn ratio_to(
    baseline: &'static str,
    record: &Record,
    key: &ArmKey,
    time: TimeOf,
) -> Option<RatioSummary> {
    let pairs = paired(baseline, record, key, time)?;
    if let Some(found) = stats::paired_ratio(&pairs) {
        let stats::PairedRatio { pairs, ratio, interval } = found;
        return Some(RatioSummary { baseline, ratio, pairs: pairs as u64, interval });
    }
    let median_of = |key: &ArmKey| {
        let times: Vec<f64> = times_by_round(record, key, time).into_values().collect();
        stats::median(&times).filter(|median| *median > 0.0)
    };
    let ratio = median_of(key)? / median_of(&ArmKey::new(baseline, key.cache))?;
    Some(RatioSummary { baseline, ratio, pairs: 0, interval: None })
}

pub(super) fn difference(baseline: &str, record: &Record, key: &ArmKey) -> Option<i64> {
    let differences: Vec<f64> = paired(baseline, record, key, Sample::time)?
        .into_iter()
        .map(|(own, other)| own - other)
        .collect();
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

/// Where the time of the launches goes: the part outside every phase first, then the phases in the
/// order in which they are first reported.
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
        let phases =
            launch.phases.iter().filter(|phase| name.is_none_or(|name| phase.name == name));
        phases.map(|phase| as_nanos(phase.elapsed)).sum()
    };
    let outside =
        launches.iter().map(|launch| (as_nanos(launch.wall) - within(launch, None)).max(0.0));
    let mut all = vec![summary(PhaseSummary::PROCESS, outside.collect())];
    for name in names {
        all.push(summary(name, launches.iter().map(|launch| within(launch, Some(name))).collect()));
    }
    all
}

/// The range of every counter over the launches, by name.
pub(crate) fn counters(launches: &[&Launch]) -> BTreeMap<String, CounterSummary> {
    let names: BTreeSet<&String> =
        launches.iter().flat_map(|launch| launch.counters.keys()).collect();
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
    /// The range of `values`, one a launch, `None` for a launch that does not report it.
    pub(crate) fn of(
        class: CounterClass,
        values: impl Iterator<Item = Option<u64>>,
    ) -> CounterSummary {
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

/// Median time on the processor of a launch; `None` when one does not report it: a median of only
/// those that do would hide the others.
pub(crate) fn processor(launches: &[&Launch]) -> Option<Duration> {
    let times: Option<Vec<f64>> =
        launches.iter().map(|launch| Some(as_nanos(launch.user? + launch.system?))).collect();
    stats::median(&times?).map(from_nanos)
}

impl Resources {
    fn of(launches: &[&Launch]) -> Resources {
        let range = |value: fn(&Launch) -> Option<u64>| {
            CounterSummary::of(CounterClass::Advisory, launches.iter().map(|launch| value(launch)))
        };
        Resources {
            processor: processor(launches),
            peak_memory_bytes: range(|launch| launch.peak_memory.map(ByteSize::bytes)),
            device_read_bytes: range(|launch| launch.device_read.map(ByteSize::bytes)),
            major_faults: range(|launch| launch.major_faults),
            resident_pages_before: range(|launch| launch.resident_pages_before),
        }
    }
}
