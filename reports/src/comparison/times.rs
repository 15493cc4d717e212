//! What launches took with both programs, as a whole and phase by phase.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::record::{ArmPlan, Cache, Record, Sample};
use crate::stats::median;
use crate::units::nanos;
use crate::verdict::Metric;

/// What an arm took with the base and with the new program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArmTimes {
    /// What is launched.
    pub arm: String,
    /// State of its page cache.
    pub cache: Cache,
    /// Which time `whole` is.
    pub metric: Metric,
    /// The median over samples.
    pub whole: BeforeAfter,
    /// Its phases, in the order of the work: medians over launches.
    pub phases: Vec<PhaseTimes>,
}

/// A phase of an arm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseTimes {
    /// Its name: `open`, `scan`, ...
    pub name: String,
    /// What it took.
    #[serde(flatten)]
    pub took: BeforeAfter,
}

/// A time with both programs; `None` where one has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeforeAfter {
    /// With the base.
    #[serde(rename = "base_ns", with = "nanos::option")]
    pub base: Option<Duration>,
    /// With the new program.
    #[serde(rename = "new_ns", with = "nanos::option")]
    pub new: Option<Duration>,
}

impl BeforeAfter {
    /// The time of the new program as a multiple of the base's.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        let (base, new) = (self.base?, self.new?);
        (!base.is_zero()).then(|| new.as_secs_f64() / base.as_secs_f64())
    }
}

impl ArmTimes {
    /// The times of every arm that has any, from the records of both programs.
    #[must_use]
    pub fn of(base: &Record, new: &Record) -> Vec<ArmTimes> {
        let metric = Metric::of(&base.plan);
        let arms = base.plan.arms.iter().map(|arm| one(arm, metric, base, new));
        arms.filter(|arm| arm.whole.base.is_some() || arm.whole.new.is_some()).collect()
    }
}

fn one(arm: &ArmPlan, metric: Metric, base: &Record, new: &Record) -> ArmTimes {
    let key = arm.key();
    let [base, new] = [base, new].map(|record| -> Vec<&Sample> {
        record.samples.iter().filter(|sample| sample.is_valid() && sample.key() == key).collect()
    });
    let whole =
        |samples: &[&Sample]| middle(samples.iter().filter_map(|sample| metric.time(sample)));
    let (base_phases, new_phases) = (phases(&base), phases(&new));
    // Those of the new program, and what only the base has at the end.
    let mut names: Vec<&String> = new_phases.iter().map(|(name, _)| name).collect();
    names.extend(
        base_phases.iter().map(|(name, _)| name).filter(|&name| find(&new_phases, name).is_none()),
    );
    let phases = names.iter().map(|&name| PhaseTimes {
        name: name.clone(),
        took: BeforeAfter { base: find(&base_phases, name), new: find(&new_phases, name) },
    });
    ArmTimes {
        arm: arm.name.clone(),
        cache: arm.cache,
        metric,
        whole: BeforeAfter { base: whole(&base), new: whole(&new) },
        phases: phases.collect(),
    }
}

type Phases = Vec<(String, Duration)>;

fn find(phases: &Phases, wanted: &str) -> Option<Duration> {
    phases.iter().find(|(name, _)| name == wanted).map(|&(_, took)| took)
}

/// The median of each phase over the launches of these samples, in the order of the first launch.
fn phases(samples: &[&Sample]) -> Phases {
    let launches = || samples.iter().flat_map(|sample| &sample.launches);
    let mut all: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    let mut order = Vec::new();
    for phase in launches().flat_map(|launch| &launch.phases) {
        let times = all.entry(phase.name.as_str()).or_default();
        if times.is_empty() {
            order.push(phase.name.as_str());
        }
        times.push(phase.elapsed);
    }
    let named = |name: &str| Some((name.to_owned(), middle(all.get(name)?.iter().copied())?));
    order.into_iter().filter_map(named).collect()
}

fn middle(times: impl Iterator<Item = Duration>) -> Option<Duration> {
    let times: Vec<f64> = times.map(|time| nanos::saturated(time) as f64).collect();
    median(&times).map(|time| Duration::from_nanos(time.round() as u64))
}
