//! The figures of a run, computed from its record and nothing else.

mod arm;
mod candidate;
pub(crate) mod compute;
#[cfg(test)]
mod tests;

pub use arm::{
    ArmSummary, CounterSummary, ModeCount, PhaseSummary, RatioSummary, Resources, SampleCounts,
    Seen, Times,
};

pub use candidate::CandidateSummary;
use serde::Serialize;

use crate::record::{ArmKey, Cache, Outcome, Record, SampleState};

/// Name of the format of [`crate::json::summary`].
pub const SCHEMA: &str = "tracerig.summary";
/// Version of that format: fields may be added in a version, never renamed or removed.
pub const VERSION: u64 = 1;

/// Name of the arm that no relaunch can beat.
pub const FLOOR: &str = "floor";
/// Name of the arm that runs the query as published.
pub const PUBLISHED: &str = "published";
/// Name of the arm that starts with a memo and finds something new.
pub const WARM: &str = "warm";

/// Every figure that a report shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The arms, in the order of the plan.
    pub arms: Vec<ArmSummary>,
    /// Every sample that is not in the statistics, in the order taken.
    pub left_out: Vec<LeftOut>,
    /// How the answers compared.
    pub answers: Answers,
    /// How the run ended.
    pub outcome: Outcome,
}

/// A sample that is not in the statistics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its position in the run, from 0.
    pub order: u64,
    /// Its round, from 0.
    pub round: u64,
    /// Its arm.
    pub arm: String,
    /// State of the page cache asked for.
    pub cache: Cache,
    /// What is wrong with it.
    #[serde(flatten)]
    pub state: SampleState,
}

impl LeftOut {
    /// Every such sample of a record, in the order taken.
    pub(crate) fn all(record: &Record) -> Vec<LeftOut> {
        let samples = record.samples.iter().filter(|sample| !sample.is_valid());
        let left_out = samples.map(|sample| LeftOut {
            order: sample.order,
            round: sample.round,
            arm: sample.arm.clone(),
            cache: sample.cache,
            state: sample.state.clone(),
        });
        left_out.collect()
    }
}

/// How many answers were right, over all launches of the run, those of samples left out included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Answers {
    /// Launches made.
    pub launches: u64,
    /// Launches whose answer was compared with an independently established one and equal to it.
    pub verified: u64,
    /// Samples that gave a wrong answer.
    pub mismatches: u64,
    /// Samples whose process gave no answer.
    pub failures: u64,
}

impl Answers {
    /// Counts those of a record.
    pub(crate) fn of(record: &Record) -> Answers {
        let launches = || record.samples.iter().flat_map(|sample| &sample.launches);
        Answers {
            launches: launches().count() as u64,
            verified: launches().filter(|launch| launch.verified).count() as u64,
            mismatches: record.outcome.mismatches,
            failures: record.outcome.failures,
        }
    }

    /// Whether there were answers and every one was right.
    #[must_use]
    pub fn all_right(&self) -> bool {
        self.launches > 0
            && self.launches == self.verified
            && self.mismatches == 0
            && self.failures == 0
    }
}

impl Summary {
    /// Computes the figures of a record. The same record always gives the same ones.
    #[must_use]
    pub fn of(record: &Record) -> Summary {
        Summary {
            arms: record.plan.arms.iter().map(|arm| ArmSummary::of(record, arm)).collect(),
            left_out: LeftOut::all(record),
            answers: Answers::of(record),
            outcome: record.outcome.clone(),
        }
    }

    /// The arm with this identity.
    #[must_use]
    pub fn arm(&self, key: &ArmKey) -> Option<&ArmSummary> {
        self.arms.iter().find(|arm| arm.name == key.name && arm.cache == key.cache)
    }
}
