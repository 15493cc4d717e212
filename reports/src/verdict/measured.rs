//! What was measured of one arm with both programs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Amounts;
use crate::record::{ArmKey, CounterClass, Plan, Sample, SampleState, names};
use crate::stats;

/// The times and the work of one arm, with the base and with the new program.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The arm.
    pub arm: ArmKey,
    /// Which time of a sample is compared.
    pub metric: Metric,
    pub(super) first: Vec<Pair>,
    pub(super) second: Vec<Pair>,
    pub(super) itself: Vec<Pair>,
    /// Times of the base and of the new program that are no pairs.
    pub(super) alone: [Vec<Duration>; 2],
    pub(super) base: BTreeMap<String, Range>,
    pub(super) new: BTreeMap<String, Range>,
    pub(super) left_out: LeftOut,
}

/// Which time of a sample is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Wall time of a launch: the median of the launches of a sample, because one that the machine held up would move a mean.
    Launch,
    /// The p50 of the appends of a sample.
    AppendP50,
}

/// What the pairs of a set are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// Base and new program, first run.
    First,
    /// Base and new program, second run.
    Second,
    /// The base with itself, called `base` and `new` as they come.
    Itself,
}

/// Times of the two members of a pair, measured one after the other, in an order that chance decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// Time of the base.
    pub base: Duration,
    /// Time of the new program.
    pub new: Duration,
}

/// Samples that are in no figure, of both programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LeftOut {
    /// They did not meet the conditions of the arm.
    pub excluded: u64,
    /// Their process failed.
    pub failed: u64,
    /// Their answer was wrong.
    pub mismatched: u64,
}

impl LeftOut {
    fn count(&mut self, sample: &Sample) {
        match sample.state {
            SampleState::Valid => {}
            SampleState::Excluded { .. } => self.excluded += 1,
            SampleState::Failed { .. } => self.failed += 1,
            SampleState::Mismatch { .. } => self.mismatched += 1,
        }
    }
}

/// A counter over the launches of one program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) exact: bool,
    amounts: Option<Amounts>,
}

impl Range {
    /// The amounts, where every launch that knows the counter reports one.
    pub(super) fn amounts(&self) -> Option<Amounts> {
        self.amounts
    }
}

impl Metric {
    /// The metric of runs with this plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Metric {
        if plan.append.is_some() { Metric::AppendP50 } else { Metric::Launch }
    }

    /// The time of this sample; `None` where it has none.
    #[must_use]
    pub fn time(self, sample: &Sample) -> Option<Duration> {
        let times: Option<Vec<f64>> = match self {
            Metric::Launch => {
                sample.launches.iter().map(|launch| Some(launch.wall.as_nanos() as f64)).collect()
            }
            Metric::AppendP50 => sample
                .launches
                .iter()
                .map(|launch| Some(launch.histograms.get(names::APPEND)?.quantile(0.5).as_nanos() as f64))
                .collect(),
        };
        let time = stats::median(&times?).filter(|time| *time > 0.0)?;
        Some(Duration::from_nanos(time.round() as u64))
    }
}

impl Measured {
    /// An arm of which nothing is measured yet.
    #[must_use]
    pub fn new(arm: ArmKey, metric: Metric) -> Measured {
        Measured {
            arm,
            metric,
            first: Vec::new(),
            second: Vec::new(),
            itself: Vec::new(),
            alone: [Vec::new(), Vec::new()],
            base: BTreeMap::new(),
            new: BTreeMap::new(),
            left_out: LeftOut::default(),
        }
    }

    /// Adds two samples of the arm that were taken one after the other. They are a pair when both are valid; one that is not is
    /// counted as left out, and then the other's work does not count either, because it may belong to that moment.
    pub fn samples(&mut self, set: Set, base: &Sample, new: &Sample) {
        if !(base.is_valid() && new.is_valid()) {
            self.left_out.count(base);
            self.left_out.count(new);
            return;
        }
        self.work(base, true);
        self.work(new, set == Set::Itself);
        if let (Some(base), Some(new)) = (self.metric.time(base), self.metric.time(new)) {
            self.pair(set, Pair { base, new });
        }
    }

    /// Adds the times of a pair. A time of zero has no ratio and is not added.
    pub fn pair(&mut self, set: Set, pair: Pair) {
        if pair.base.is_zero() || pair.new.is_zero() {
            return;
        }
        match set {
            Set::First => self.first.push(pair),
            Set::Second => self.second.push(pair),
            Set::Itself => self.itself.push(pair),
        }
    }

    /// Adds a sample of a run that was made at another time than that of the other program, so that nothing is a pair. What is not
    /// paired is judged by weaker rules ([`Basis::Unpaired`](super::Basis::Unpaired)), and no arm beside it by better ones.
    pub fn alone(&mut self, sample: &Sample, of_base: bool) {
        self.work(sample, of_base);
        if sample.is_valid() {
            self.alone[usize::from(!of_base)].extend(self.metric.time(sample));
        }
    }

    /// Whether it has times that are no pairs.
    pub(super) fn is_unpaired(&self) -> bool {
        self.alone.iter().any(|times| !times.is_empty())
    }

    /// Adds the work of one sample of the base or of the new program, and counts a sample that is not valid. Exact work is the same
    /// in a page cache of any state: of a sample that was left out for that reason, it still counts.
    pub fn work(&mut self, sample: &Sample, of_base: bool) {
        self.left_out.count(sample);
        let exact_only = match sample.state {
            SampleState::Valid => false,
            SampleState::Excluded { .. } => true,
            SampleState::Failed { .. } | SampleState::Mismatch { .. } => return,
        };
        let side = if of_base { &mut self.base } else { &mut self.new };
        for launch in &sample.launches {
            for (name, counter) in &launch.counters {
                let exact = counter.class == CounterClass::Exact;
                if exact_only && !exact {
                    continue;
                }
                let own = counter.value.map(|value| Amounts { low: value, high: value });
                let range = side.entry(name.clone()).or_insert(Range { exact, amounts: own });
                range.exact &= exact;
                // One launch without the amount leaves the range unknown.
                range.amounts = range
                    .amounts
                    .zip(own)
                    .map(|(all, own)| Amounts { low: all.low.min(own.low), high: all.high.max(own.high) });
            }
        }
    }
}

/// The logarithms of the ratios new / base.
pub(super) fn logs(pairs: &[Pair]) -> Vec<f64> {
    let ln = |time: Duration| (time.as_nanos() as f64).ln();
    pairs.iter().map(|pair| ln(pair.new) - ln(pair.base)).collect()
}
