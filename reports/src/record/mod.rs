//! The record of a run: what was planned, on what, and every raw sample.

mod append;
mod candidate;
mod command;
mod context;
mod file;
mod histogram;
mod partial;
mod plan;
mod sample;
#[cfg(test)]
mod schema_test;
#[cfg(test)]
mod tests;

pub use append::{AppendPlan, names};
pub use candidate::CandidatePlan;
pub use command::{CommandPlan, Output};
pub use context::{Build, Dataset, Machine};
pub(crate) use file::{checksum, digest, opened, schema_of};
pub use histogram::Histogram;
pub use partial::{PARTIAL, Partial};
pub use plan::{
    ArmKey, ArmPlan, Cache, LaunchPolicy, MOST_APPENDED_ROWS, MOST_APPENDERS, MOST_APPENDS,
    MOST_LAUNCHES, MOST_RATE, MOST_WARMUP, Plan, Process,
};
pub use sample::{Counter, CounterClass, Exit, Launch, Phase, Sample, SampleState};

use serde::{Deserialize, Serialize};

/// Name of the format, in every record's `schema`.
pub const SCHEMA: &str = "tracerig.record";
/// Version of the format this crate reads and writes.
pub const VERSION: u64 = 1;

/// Samples of an arm. The work of a summary grows with the square of their number.
pub const MOST_SAMPLES: u64 = 20_000;

/// Everything known about one run. From it alone every figure can be computed again, and the same
/// plan run on the same bytes again.
///
/// [`Record::write`] puts it into a file, [`Record::read`] gets it back and refuses what is not
/// exactly what was written. The format is `schema/record-v1.schema.json` of this crate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Names this run among others, for instance `relaunch-20261121T070000Z-7f3a`.
    pub id: String,
    /// The scenario run, for instance `relaunch`.
    pub scenario: String,
    /// When it started, RFC 3339 in UTC, by the wall clock of the machine.
    pub started: String,
    /// When its last sample ended, likewise.
    pub finished: String,
    /// The command that made it, program first.
    pub command: Vec<String>,
    /// The seed all other seeds of the run derive from.
    pub seed: u64,
    /// What was to be done.
    pub plan: Plan,
    /// On what data.
    pub dataset: Dataset,
    /// By which build.
    pub build: Build,
    /// On which machine.
    pub machine: Machine,
    /// Load averages over 1, 5 and 15 minutes before the first sample; `None` where the platform
    /// has none.
    pub load_start: Option<[f64; 3]>,
    /// The same after the last sample.
    pub load_end: Option<[f64; 3]>,
    /// Every sample in the order taken, the ones left out included.
    pub samples: Vec<Sample>,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// In one word.
    pub status: Status,
    /// Samples with a wrong answer.
    pub mismatches: u64,
    /// Samples whose process failed.
    pub failures: u64,
    /// Samples that did not meet their conditions and are left out of the statistics.
    pub excluded: u64,
    /// The exit code the run answers with.
    pub exit_code: i32,
}

/// The end of a run in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Every planned sample was taken, and no answer was wrong.
    Complete,
    /// Cut short on request; the record holds what there was.
    Interrupted,
    /// Every planned sample was taken, and no answer was wrong, but some arm has no sample that met
    /// its conditions.
    Inconclusive,
    /// The program that measured was killed, or the power was cut; what was written until then is
    /// there.
    Incomplete,
    /// A worker failed.
    Failed,
    /// An answer was wrong.
    Mismatch,
}

impl Outcome {
    /// The outcome that `samples` amount to, `interrupted` telling whether the run was cut short.
    ///
    /// The gravest wins: a wrong answer (exit code 3), then the interruption (130), then a failed
    /// worker (1), then an arm all of whose samples are left out (5). So an interrupted run never
    /// hides a wrong answer it had already seen.
    #[must_use]
    pub fn of(samples: &[Sample], interrupted: bool) -> Outcome {
        let (mut mismatches, mut failures, mut excluded) = (0, 0, 0);
        let mut has_valid = std::collections::BTreeMap::new();
        for sample in samples {
            *has_valid.entry(sample.key()).or_insert(false) |= sample.is_valid();
            match sample.state {
                SampleState::Valid => {}
                SampleState::Excluded { .. } => excluded += 1,
                SampleState::Failed { .. } => failures += 1,
                SampleState::Mismatch { .. } => mismatches += 1,
            }
        }
        let (status, exit_code) = if mismatches > 0 {
            (Status::Mismatch, 3)
        } else if interrupted {
            (Status::Interrupted, 130)
        } else if failures > 0 {
            (Status::Failed, 1)
        } else if has_valid.values().any(|valid| !valid) {
            (Status::Inconclusive, 5)
        } else {
            (Status::Complete, 0)
        };
        Outcome { status, mismatches, failures, excluded, exit_code }
    }
}

impl Record {
    /// Cores that launches divided their work by.
    #[must_use]
    pub fn cores(&self) -> u64 {
        self.plan.cores.unwrap_or(self.machine.cores)
    }

    /// The arm with the most samples.
    fn most_samples(&self) -> Option<(ArmKey, u64)> {
        let mut counts: std::collections::BTreeMap<ArmKey, u64> = std::collections::BTreeMap::new();
        for sample in &self.samples {
            *counts.entry(sample.key()).or_default() += 1;
        }
        counts.into_iter().max_by_key(|(_, count)| *count)
    }

    /// What contradicts itself in the record, in words; `None` when nothing does. Reading and
    /// writing both ask, because a sample of an arm that is not in the plan would silently be
    /// missing from every table.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        let mut arms = std::collections::BTreeSet::new();
        if let Some(twice) = self.plan.arms.iter().find(|arm| !arms.insert(arm.key())) {
            return Some(format!("the plan has the arm {} twice", twice.key()));
        }
        if let Some(what) = self.plan.beyond_limit() {
            return Some(what);
        }
        let append = self.plan.append.as_ref();
        if let Some(what) = append.and_then(|append| append.contradiction(&self.plan)) {
            return Some(what);
        }
        if let Some(what) = self.plan.contradiction_of_candidates() {
            return Some(what);
        }
        let command = self.plan.command.as_ref();
        if let Some(what) = command.and_then(|command| command.contradiction(&self.plan)) {
            return Some(what);
        }
        if let Some((key, count)) = self.most_samples()
            && count > MOST_SAMPLES
        {
            return Some(format!("the arm {key} has {count} samples; the limit is {MOST_SAMPLES}"));
        }
        let mut taken = std::collections::BTreeSet::new();
        for (at, sample) in self.samples.iter().enumerate() {
            if !taken.insert((sample.round, sample.key())) {
                return Some(format!("round {} has the arm {} twice", sample.round, sample.key()));
            }
            if !arms.contains(&sample.key()) {
                return Some(format!(
                    "sample {at} is of the arm {}, which is not in the plan",
                    sample.key()
                ));
            }
            if sample.order != at as u64 {
                return Some(format!("sample {at} has order {}", sample.order));
            }
            if sample.state == SampleState::Valid && sample.launches.is_empty() {
                return Some(format!("sample {at} is valid but has no launch"));
            }
            if sample.state == SampleState::Valid
                && !sample.launches.iter().all(|launch| launch.verified)
            {
                return Some(format!(
                    "sample {at} is valid but not every launch of it was verified"
                ));
            }
            if let Some(what) = append
                .filter(|_| sample.is_valid())
                .and_then(|append| append.missing_in(&self.plan, sample))
            {
                return Some(format!("sample {at} is valid but {what}"));
            }
        }
        let counted = Outcome::of(&self.samples, self.outcome.status == Status::Interrupted);
        let outcome = &self.outcome;
        if (outcome.mismatches, outcome.failures, outcome.excluded)
            != (counted.mismatches, counted.failures, counted.excluded)
        {
            return Some("the outcome counts other samples than there are".to_owned());
        }
        None
    }
}
