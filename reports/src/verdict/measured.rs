//! What was measured of one arm with both programs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Amounts;
use super::reads::Reads;
use crate::record::{ArmKey, CounterClass, Launch, Plan, Sample, SampleState, names};
use crate::stats;

/// The times and the work of one arm, with the base and with the new program.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The arm.
    pub arm: ArmKey,
    /// Which time of a sample is compared.
    pub metric: Metric,
    /// Logarithms of the ratios new / base, of each set.
    pub(super) first: Vec<f64>,
    pub(super) second: Vec<f64>,
    pub(super) itself: Vec<f64>,
    /// Times of the base and of the new program that are no pairs.
    pub(super) alone: [Vec<Duration>; 2],
    pub(super) base: BTreeMap<String, Range>,
    pub(super) new: BTreeMap<String, Range>,
    /// What launches of the base and of the new program read.
    pub(super) reads: [Reads; 2],
    pub(super) left_out: LeftOut,
    /// Why the first sample that failed gave no answer.
    pub(super) cause: Option<String>,
    /// Sides of which a launch answered: base and new program.
    answered: [bool; 2],
    expects_work: bool,
    expects_times: bool,
    /// Whether base and new program divided their work by different numbers of cores.
    pub(super) is_on_other_cores: bool,
}

/// Which time of a sample is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Wall time of a launch: the median over the launches of a sample, because one that the
    /// machine held up would move a mean.
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

/// Times of the two members of a pair, measured together, in an order that chance decides.
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

    /// The time of this launch; `None` where it has none.
    #[must_use]
    pub fn of_launch(self, launch: &Launch) -> Option<Duration> {
        let time = match self {
            Metric::Launch => launch.wall,
            Metric::AppendP50 => launch.histograms.get(names::APPEND)?.quantile(0.5),
        };
        Some(time).filter(|time| !time.is_zero())
    }

    fn times(self, sample: &Sample) -> Option<Vec<f64>> {
        sample
            .launches
            .iter()
            .map(|launch| Some(self.of_launch(launch)?.as_nanos() as f64))
            .collect()
    }

    /// The time of this sample; `None` where it has none.
    #[must_use]
    pub fn time(self, sample: &Sample) -> Option<Duration> {
        let time = stats::median(&self.times(sample)?)?;
        Some(Duration::from_nanos(time.round() as u64))
    }

    /// The logarithm of the time of `new` as a multiple of that of `base`: the median over their
    /// launches, the first with the first and so on, which were made one right after the other.
    /// What slows the machine down for longer than two launches slows both down, and is not in
    /// their ratio; it would be in a ratio of medians. `None` where one has no time.
    fn ratio(self, base: &Sample, new: &Sample) -> Option<f64> {
        if !(base.is_valid() && new.is_valid()) {
            return None;
        }
        let (base, new) = (self.times(base)?, self.times(new)?);
        if base.len() != new.len() {
            return Some(stats::median(&new)?.ln() - stats::median(&base)?.ln());
        }
        let ratios: Vec<f64> =
            base.iter().zip(&new).map(|(base, new)| new.ln() - base.ln()).collect();
        stats::median(&ratios)
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
            reads: [Reads::default(), Reads::default()],
            left_out: LeftOut::default(),
            cause: None,
            answered: [false, false],
            expects_work: false,
            expects_times: false,
            is_on_other_cores: false,
        }
    }

    /// Says that samples of both programs are expected, and their times with `times`: what was not
    /// measured then leaves the arm undecided. Otherwise it is judged by what was added alone.
    pub fn expect(&mut self, times: bool) {
        (self.expects_work, self.expects_times) = (true, times);
    }

    /// Says that base and new program divided their work by different numbers of cores: counters
    /// that follow it cannot be compared.
    pub fn on_other_cores(&mut self) {
        self.is_on_other_cores = true;
    }

    /// Whether a verdict on its time is due.
    pub(super) fn is_timed(&self) -> bool {
        self.expects_times
            || self.is_unpaired()
            || !self.first.is_empty()
            || !self.second.is_empty()
    }

    /// Whether samples were expected of a program that gave no answer to compare.
    pub(super) fn lacks_work(&self) -> bool {
        self.expects_work && self.answered != [true, true]
    }

    /// Adds two samples of the arm that were taken together, launch by launch. They are a pair when
    /// both are valid; one that is not is counted as left out, and then the other's work does not
    /// count either, because it may belong to that moment.
    pub fn samples(&mut self, set: Set, base: &Sample, new: &Sample) {
        if !(base.is_valid() && new.is_valid()) {
            self.leave_out(base);
            self.leave_out(new);
            return;
        }
        self.work(base, true);
        self.work(new, set == Set::Itself);
        if let Some(ratio) = self.metric.ratio(base, new) {
            self.set(set).push(ratio);
        }
    }

    /// Counts a sample if it is left out of the figures.
    fn leave_out(&mut self, sample: &Sample) {
        self.left_out.count(sample);
        if let SampleState::Failed { error } = &sample.state {
            self.cause.get_or_insert_with(|| error.clone());
        }
    }

    /// Adds a sample of the base that was taken together with `base`, which is in another pair,
    /// too, and counts there.
    pub fn itself(&mut self, base: &Sample, again: &Sample) {
        self.work(again, true);
        if let Some(ratio) = self.metric.ratio(base, again) {
            self.itself.push(ratio);
        }
    }

    fn set(&mut self, set: Set) -> &mut Vec<f64> {
        match set {
            Set::First => &mut self.first,
            Set::Second => &mut self.second,
            Set::Itself => &mut self.itself,
        }
    }

    /// Adds the times of a pair. A time of zero has no ratio and is not added.
    pub fn pair(&mut self, set: Set, pair: Pair) {
        if pair.base.is_zero() || pair.new.is_zero() {
            return;
        }
        let ln = |time: Duration| (time.as_nanos() as f64).ln();
        self.set(set).push(ln(pair.new) - ln(pair.base));
    }

    /// Adds a sample of a run that was made at another time than that of the other program, so that
    /// nothing is a pair. What is not paired is judged by weaker rules
    /// ([`Basis::Unpaired`](super::Basis::Unpaired)), and no arm beside it by better ones.
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

    /// Adds the work of one sample of the base or of the new program, and counts a sample that is
    /// not valid. Exact work is the same in a page cache of any state: of a sample that was left
    /// out for that reason, it still counts.
    pub fn work(&mut self, sample: &Sample, of_base: bool) {
        self.leave_out(sample);
        let exact_only = match sample.state {
            SampleState::Valid => false,
            SampleState::Excluded { .. } => true,
            SampleState::Failed { .. } | SampleState::Mismatch { .. } => return,
        };
        self.answered[usize::from(!of_base)] = true;
        let side = if of_base { &mut self.base } else { &mut self.new };
        for launch in &sample.launches {
            self.reads[usize::from(!of_base)].add(launch);
            for (name, counter) in &launch.counters {
                let exact = counter.class == CounterClass::Exact;
                if exact_only && !exact {
                    continue;
                }
                let own = counter.value.map(|value| Amounts { low: value, high: value });
                let range = side.entry(name.clone()).or_insert(Range { exact, amounts: own });
                range.exact &= exact;
                // One launch without the amount leaves the range unknown.
                range.amounts = range.amounts.zip(own).map(|(all, own)| Amounts {
                    low: all.low.min(own.low),
                    high: all.high.max(own.high),
                });
            }
        }
    }
}
