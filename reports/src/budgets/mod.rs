//! Budgets: what figures of a run may be at most, and whether they are.
//!
//! A counter is exact, so one launch decides. A ratio to another arm of the same run is judged with
//! its interval. A time is judged only on the class of machine that it is given for.

mod judge;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod words;

pub use judge::judge;
pub use words::terminal;

use std::time::Duration;

use serde::Serialize;

use crate::record::{ArmKey, Machine};
use crate::stats::Interval;
use crate::units::{figures, nanos};
use crate::verdict::Gate;

/// The budgets of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Budgets {
    /// The file, as its user names it.
    pub file: String,
    /// The budgets, in the order of the file.
    pub budgets: Vec<Budget>,
}

/// What one figure may be at most.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Budget {
    /// The line of the file that has its limit, from 1.
    pub line: u64,
    /// The plan of the run.
    pub plan: String,
    /// The run.
    pub run: String,
    /// The arm of the run.
    pub arm: ArmKey,
    /// The figure, and its limit.
    #[serde(flatten)]
    pub limit: Limit,
    /// Why so much, in a sentence.
    pub why: String,
}

/// A figure of an arm and its limit.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Limit {
    /// An exact work counter, in every launch.
    Counter {
        /// Its name.
        counter: String,
        /// The largest amount.
        at_most: u64,
    },
    /// The time as a multiple of the time of another arm in the same rounds.
    Ratio {
        /// The other arm.
        to: ArmKey,
        /// The largest multiple.
        at_most: f64,
    },
    /// A percentile of the times of launches, or of appends.
    Time {
        /// Of this phase; `None` for the whole.
        phase: Option<String>,
        /// 50 is the median.
        percentile: f64,
        /// The longest time.
        #[serde(rename = "at_most_ns", with = "nanos")]
        at_most: Duration,
        /// The machines that it is given for.
        machine: Class,
    },
}

/// A class of machines: all that agree in what times depend on most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Class {
    /// Its name in the file.
    pub name: String,
    /// The model of the processors, as records have it.
    pub cpu: String,
    /// The number of cores.
    pub cores: u64,
    /// The architecture, as records have it.
    pub arch: String,
}

impl Class {
    /// Whether this machine belongs to the class.
    #[must_use]
    pub fn holds(&self, machine: &Machine) -> bool {
        machine.cpu.as_deref() == Some(self.cpu.as_str())
            && machine.cores == self.cores
            && machine.arch == self.arch
    }
}

/// What came of a budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// The budget.
    #[serde(flatten)]
    pub budget: Budget,
    /// Whether it is met.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The figure; `None` if nothing was measured.
    pub found: Option<Found>,
}

/// Whether a budget is met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The figure is within its limit.
    Met,
    /// It is beyond.
    Missed,
    /// Neither can be shown.
    Undecided {
        /// Why.
        because: String,
    },
    /// It was not judged.
    LeftOut {
        /// Why.
        because: String,
    },
}

/// The figure of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Found {
    /// The largest amount of a counter.
    Amount {
        /// Over all launches.
        amount: u64,
    },
    /// The median ratio.
    Ratio {
        /// Over all pairs.
        #[serde(serialize_with = "figures::serialize")]
        ratio: f64,
        /// Its interval of 99 %; `None` with too few pairs.
        interval: Option<Interval>,
    },
    /// The percentile of a time.
    Time {
        /// Over all launches or appends.
        #[serde(rename = "time_ns", with = "nanos")]
        time: Duration,
    },
}

/// What came of all budgets of a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// The file.
    pub file: String,
    /// Its budgets: missed ones first, then undecided, met, and left out.
    pub budgets: Vec<Judged>,
}

impl Judgement {
    /// What it amounts to: a missed budget is a regression, an undecided one inconclusive.
    #[must_use]
    pub fn gate(&self) -> Gate {
        let gate = |judged: &Judged| match judged.outcome {
            Outcome::Missed => Gate::Regression,
            Outcome::Undecided { .. } => Gate::Inconclusive,
            Outcome::Met | Outcome::LeftOut { .. } => Gate::Fine,
        };
        self.budgets.iter().map(gate).max().unwrap_or(Gate::Fine)
    }

    /// How many are missed, undecided, met and left out.
    #[must_use]
    pub fn counts(&self) -> [u64; 4] {
        let mut counts = [0; 4];
        self.budgets.iter().for_each(|judged| counts[judged.outcome.rank()] += 1);
        counts
    }
}

impl Outcome {
    /// Its place, worst first.
    fn rank(&self) -> usize {
        match self {
            Outcome::Missed => 0,
            Outcome::Undecided { .. } => 1,
            Outcome::Met => 2,
            Outcome::LeftOut { .. } => 3,
        }
    }
}
