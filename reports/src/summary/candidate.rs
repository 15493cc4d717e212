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
    /// What a launch takes beyond an idle process of the same candidate: median of the differences
    /// within rounds.
    pub beyond_idle_ns: Option<i64>,
}

impl CandidateSummary {
    /// Of `arm`; `None` for one of our own.
    pub(crate) fn of(record: &Record, arm: &ArmPlan) -> Option<CandidateSummary> {
        let candidate = record.plan.candidate(&arm.engine)?;
        let key = arm.key();
        let of_arm = || record.samples.iter().filter(|sample| sample.key() == key);
        let mut faults = BTreeMap::new();
        for name in of_arm().filter_map(fault) {
            *faults.entry(name.to_owned()).or_default() += 1;
        }
        let is_its = |sample: &&Sample| {
            record.plan.arm(&sample.key()).is_some_and(|other| other.engine == arm.engine)
        };
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

/// The name of the fault that a sample ends in: the words before the first colon.
fn fault(sample: &Sample) -> Option<&str> {
    match &sample.state {
        SampleState::Valid | SampleState::Excluded { .. } => None,
        SampleState::Failed { error: said } | SampleState::Mismatch { detail: said } => {
            Some(said.split(':').next().unwrap_or(said))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{candidate, flawless};
    use crate::record::{Cache, Outcome};
    use crate::summary::Summary;
    use crate::{limits, tables};

    /// The arms `full` and `unchanged` as those of a candidate.
    fn measured() -> Record {
        let mut record = flawless();
        let candidate = candidate();
        for (old, what) in [("full", "full"), ("unchanged", "idle")] {
            let name = candidate.arm(what);
            let is_it = |arm: &&mut ArmPlan| arm.name == old;
            for arm in record.plan.arms.iter_mut().filter(is_it) {
                (arm.name, arm.engine) = (name.clone(), candidate.label());
            }
            for sample in record.samples.iter_mut().filter(|sample| sample.arm == old) {
                sample.arm.clone_from(&name);
            }
        }
        record.plan.candidates = vec![candidate];
        assert_eq!(record.contradiction(), None);
        record
    }

    #[test]
    fn a_report_says_whether_candidates_could_write_elsewhere() {
        let mut record = measured();
        for (confines, said) in
            [(None, None), (Some(true), Some("folders only")), (Some(false), Some("anywhere"))]
        {
            record.machine.confines_writes = confines;
            let limits = limits::limits(&record, &Summary::of(&record));
            let told = limits.iter().find(|line| line.starts_with("Candidates could write"));
            assert_eq!(told.is_some(), said.is_some());
            assert!(told.is_none_or(|told| told.contains(said.unwrap_or_default())), "{told:?}");
        }
    }

    #[test]
    fn a_candidate_has_its_own_process_floor_and_with_a_fault_no_time_in_any_arm() {
        let mut record = measured();
        let of = |record: &Record, name: &str| {
            let summary = Summary::of(record);
            summary
                .arms
                .into_iter()
                .find(|arm| arm.name == name && arm.cache == Cache::Hot)
                .unwrap()
        };
        let [full, idle] = ["mine@0.3.1 full", "mine@0.3.1 idle"];
        let arm = of(&record, full);
        let own = arm.candidate.unwrap();
        assert!(own.beyond_idle_ns.unwrap() > 0 && own.verified == own.launches, "{own:?}");
        assert!(arm.sample_time.is_some() && arm.of_published.is_some());
        assert!(of(&record, idle).of_published.is_none(), "it gives no answer");
        assert!(of(&record, "warm").candidate.is_none());

        let sample = record.samples.iter_mut().find(|sample| sample.arm == full).unwrap();
        sample.state = SampleState::Mismatch { detail: "stale: 1 extra".to_owned() };
        sample.launches[0].verified = false;
        record.outcome = Outcome::of(&record.samples, false);
        for name in [full, idle] {
            let arm = of(&record, name);
            assert!(
                arm.sample_time.is_none() && arm.of_floor.is_none() && arm.launch_time.is_none()
            );
            assert!(arm.candidate.unwrap().beyond_idle_ns.is_none());
        }
        assert!(of(&record, "warm").sample_time.is_some());
        let table = tables::times(&Summary::of(&record)).markdown();
        assert!(table.contains("stale 1 (8/9)"), "{table}");
    }
}
