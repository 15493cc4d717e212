//! What the arm of a candidate shows beside its times: its faults, and its own process floor.

use std::collections::BTreeMap;

use serde::Serialize;

use super::compute::difference;
use crate::record::{ArmPlan, CandidatePlan, Record, Sample, SampleState};

/// The figures of an arm of a candidate that our own arms lack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CandidateSummary {
    /// Launches made, those of samples left out included.
    pub launches: u64,
    /// Launches whose answer was right.
    pub verified: u64,
    /// Samples that end in a fault, by its name.
    pub faults: BTreeMap<String, u64>,
    /// Whether the candidate has a fault in any of its arms: then no time of it is shown.
    pub is_faulty: bool,
    /// What a launch takes beyond one of its own that does nothing: median of the differences
    /// within rounds.
    pub beyond_idle_ns: Option<i64>,
}

impl CandidateSummary {
    /// Of `arm`; `None` for one of our own.
    pub(super) fn of(record: &Record, arm: &ArmPlan) -> Option<CandidateSummary> {
        let candidate = record.plan.candidate(&arm.engine)?;
        let key = arm.key();
        let of_arm = || record.samples.iter().filter(|sample| sample.key() == key);
        let mut faults = BTreeMap::new();
        for name in of_arm().filter_map(fault) {
            *faults.entry(name.to_owned()).or_default() += 1;
        }
        let is_its =
            |sample: &&Sample| record.plan.arm(&sample.key()).is_some_and(|other| other.engine == arm.engine);
        let is_faulty = record.samples.iter().filter(is_its).any(|sample| fault(sample).is_some());
        let launches = || of_arm().flat_map(|sample| &sample.launches);
        let idle = candidate.arm(CandidatePlan::IDLE);
        Some(CandidateSummary {
            launches: launches().count() as u64,
            verified: launches().filter(|launch| launch.verified).count() as u64,
            faults,
            is_faulty,
            beyond_idle_ns: if is_faulty { None } else { difference(&idle, record, &key) },
        })
    }
}

/// The name of the fault that a sample ends in: it stands before the first colon.
fn fault(sample: &Sample) -> Option<&str> {
    match &sample.state {
        SampleState::Valid | SampleState::Excluded { .. } => None,
        SampleState::Failed { error: said } | SampleState::Mismatch { detail: said } => {
            Some(said.split(':').next().unwrap_or(said))
        }
    }
}
