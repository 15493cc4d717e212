//! How the figures of an append run come from its record.

use std::time::Duration;

use serde::Serialize;

use super::arm::*;
use super::compare::{self, Arms, Rounds};
use super::{BARE, Parts, Summary};
use crate::ByteSize;
use crate::record::{
    ArmPlan, CandidatePlan, CounterClass, Histogram, Launch, Record, Sample, names,
};
use crate::stats;
use crate::summary::compute::{counters, processor};
use crate::summary::{CandidateSummary, CounterSummary, LeftOut, SampleCounts};

impl Summary {
    /// Computes the figures of a record. The same record always gives the same ones.
    #[must_use]
    pub fn of(record: &Record) -> Summary {
        let rounds = |arm: &ArmPlan| rounds(record, arm, names::APPEND);
        // The time of a wrong store has no value.
        let is_right = |arm: &&ArmPlan| {
            CandidateSummary::of(record, arm).is_none_or(|candidate| !candidate.is_faulty)
        };
        let arms: Arms<'_> = record
            .plan
            .arms
            .iter()
            .filter(is_right)
            .map(|arm| (arm.name.as_str(), rounds(arm)))
            .filter(|(_, rounds)| !rounds.is_empty())
            .collect();
        Summary {
            condition: record.plan.append.clone(),
            arms: record.plan.arms.iter().map(|arm| ArmSummary::of(record, arm, &arms)).collect(),
            comparisons: compare::all(&arms),
            readback: Parts::of(&arms),
            rows: Rows::of(record),
            left_out: LeftOut::all(record),
            outcome: record.outcome.clone(),
        }
    }
}

/// How many final rows were compared with the replay of their history, over all launches of the
/// run, those of samples left out included, and those of `bare`, which has no rows, not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rows {
    /// Launches made of arms that have rows: not of `bare`, nor of the idle process of a candidate.
    pub launches: u64,
    /// Launches whose every row was equal to the replay of its history.
    pub verified_launches: u64,
    /// The rows of those.
    pub verified: u64,
    /// Samples with a row that was not, or with a history that lacked an append; those of `bare`
    /// included.
    pub mismatches: u64,
    /// Samples whose process gave no answer, likewise.
    pub failures: u64,
}

impl Rows {
    fn of(record: &Record) -> Rows {
        let is_idle =
            |arm: &str| record.plan.candidates.iter().any(|of| of.arm(CandidatePlan::IDLE) == arm);
        let has_rows = |sample: &&Sample| sample.arm != BARE && !is_idle(&sample.arm);
        let launches =
            || record.samples.iter().filter(has_rows).flat_map(|sample| &sample.launches);
        let verified = || launches().filter(|launch| launch.verified);
        Rows {
            launches: launches().count() as u64,
            verified_launches: verified().count() as u64,
            verified: verified()
                .filter_map(|launch| launch.counter(names::ROWS))
                .fold(0, u64::saturating_add),
            mismatches: record.outcome.mismatches,
            failures: record.outcome.failures,
        }
    }

    /// Whether there were rows, and each was compared and equal.
    #[must_use]
    pub(crate) fn all_right(&self) -> bool {
        self.verified > 0
            && self.launches == self.verified_launches
            && self.mismatches == 0
            && self.failures == 0
    }
}

/// The histogram `name` of each valid sample of an arm, its launches together.
fn rounds(record: &Record, arm: &ArmPlan, name: &str) -> Rounds {
    let mut rounds = Rounds::new();
    for sample in valid(record, arm) {
        for histogram in sample.launches.iter().filter_map(|launch| launch.histograms.get(name)) {
            rounds.entry(sample.round).or_default().merge(histogram);
        }
    }
    rounds.retain(|_, histogram| !histogram.is_empty());
    rounds
}

fn valid<'a>(record: &'a Record, arm: &ArmPlan) -> impl Iterator<Item = &'a Sample> {
    let key = arm.key();
    record.samples.iter().filter(move |sample| sample.is_valid() && sample.key() == key)
}

impl ArmSummary {
    fn of(record: &Record, arm: &ArmPlan, arms: &Arms<'_>) -> ArmSummary {
        let candidate = CandidateSummary::of(record, arm);
        let is_faulty = candidate.as_ref().is_some_and(|candidate| candidate.is_faulty);
        let launches: Vec<&Launch> =
            valid(record, arm).filter(|_| !is_faulty).flat_map(|sample| &sample.launches).collect();
        let latencies = |name| {
            let all = compare::merged(&rounds(record, arm, name));
            Latencies::of(&all).filter(|_| !is_faulty)
        };
        let memory = launches.iter().map(|launch| launch.peak_memory.map(ByteSize::bytes));
        ArmSummary {
            name: arm.name.clone(),
            engine: arm.engine.clone(),
            why: arm.why.clone(),
            samples: SampleCounts::of(record, &arm.key()),
            append: latencies(names::APPEND),
            service: latencies(names::SERVICE),
            between_samples: arms.get(arm.name.as_str()).and_then(Samples::of),
            barrier: latencies(names::BARRIER),
            staleness: latencies(names::STALENESS),
            of_bare: compare::of(arms, &arm.name, BARE),
            per_append: PerAppend::of(&launches),
            appends_per_second: throughput(&launches),
            processor: processor(&launches),
            peak_memory_bytes: CounterSummary::of(CounterClass::Advisory, memory),
            counters: counters(&launches),
            candidate: candidate.map(|own| Foreign::of(own, &launches)),
        }
    }
}

impl Foreign {
    fn of(own: CandidateSummary, launches: &[&Launch]) -> Foreign {
        let walls: Vec<f64> = launches.iter().map(|launch| launch.wall.as_nanos() as f64).collect();
        let wall = stats::median(&walls).map(|nanos| Duration::from_nanos(nanos.round() as u64));
        let is_timed = |launch: &&Launch| launch.histograms.contains_key(names::APPEND);
        let appends = launches.first().filter(|launch| !is_timed(launch));
        let appends = appends.and_then(|launch| launch.counter(names::APPENDS));
        let each = |appends: u64| Some(own.beyond_idle_ns? / i64::try_from(appends.max(1)).ok()?);
        let each_append_ns = appends.and_then(each);
        Foreign { own, wall, appends, each_append_ns }
    }
}

impl Samples {
    fn of(rounds: &Rounds) -> Option<Samples> {
        let spread = |q| {
            let at = |histogram: &Histogram| histogram.quantile(q);
            let times: Vec<f64> =
                rounds.values().map(|histogram| at(histogram).as_nanos() as f64).collect();
            let median = Duration::from_nanos(stats::median(&times)?.round() as u64);
            Some(Spread {
                min: rounds.values().map(at).min()?,
                median,
                max: rounds.values().map(at).max()?,
            })
        };
        Some(Samples { p50: spread(0.5)?, p99: spread(0.99)? })
    }
}

/// The counter `name` over all launches; `None` when one of them does not report it, or none
/// exists.
fn total(launches: &[&Launch], name: &str) -> Option<f64> {
    let all: Option<Vec<u64>> = launches.iter().map(|launch| launch.counter(name)).collect();
    all.filter(|all| !all.is_empty()).map(|all| all.into_iter().map(|n| n as f64).sum())
}

fn throughput(launches: &[&Launch]) -> Option<f64> {
    let load = |launch: &&Launch| {
        launch.phases.iter().find(|phase| phase.name == names::LOAD).map(|phase| phase.elapsed)
    };
    let load: Option<Vec<Duration>> = launches.iter().map(load).collect();
    let load: f64 = load?.iter().map(Duration::as_secs_f64).sum();
    Some(total(launches, names::APPENDS)? / load).filter(|rate| rate.is_finite())
}

impl PerAppend {
    fn of(launches: &[&Launch]) -> PerAppend {
        let each =
            |name, of| Some(total(launches, name)? / total(launches, of).filter(|of| *of > 0.0)?);
        // What the harness counts it can count for the measured appends alone; the operating system
        // tells of whole processes.
        let measured = |name| each(name, names::APPENDS);
        let whole = |name| each(name, names::LINES);
        PerAppend {
            projections: measured(names::LOAD_PROJECTIONS),
            transactions: measured(names::LOAD_TRANSACTIONS),
            history_syncs: whole(names::HISTORY_SYNCS),
            write_calls: whole(names::SYSCW),
            history_bytes: whole(names::HISTORY_BYTES),
            written_bytes: whole(names::WCHAR),
            device_bytes: whole(names::DEVICE_WRITE_BYTES),
        }
    }
}
