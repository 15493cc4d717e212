//! Verdicts: whether one program is slower than another, arm by arm, and how sure that is.
//!
//! [`judge`] takes what was [`Measured`] of each arm with both programs and answers with
//! [`Verdicts`], in this order:
//!
//! 1. **Work counters.** Exact ones gate exactly, from a single sample; advisory ones inform. What
//!    is unavailable is not zero.
//! 2. **Time**, from pairs of samples taken in turn. The median of the logarithms of their ratios
//!    has a 99 % bootstrap interval, made wider by Holm's correction for the number of arms. It
//!    must lie beyond a practical margin. The pairs come in two runs: after the first,
//!    [`Verdicts::again`] names the arms that are not yet clear, which are measured once more,
//!    pairs of the base with itself included. The interval is that of both runs together, and each
//!    run by itself must show a change in the same direction (its 95 % interval). Nothing is called
//!    after the first run alone, so looking twice makes no more false alarms.
//! 3. **Noise.** The base is compared with itself under the same conditions. Without that, or when
//!    it differs from itself, or when a change as large as the noise budget could hide in the
//!    interval, the verdict is [`Verdict::Inconclusive`], never [`Verdict::Same`].
//!
//! ```
//! use std::time::Duration;
//! use tracerig_reports::record::{ArmKey, Cache};
//! use tracerig_reports::verdict::{Measured, Metric, Pair, Rules, Set, Verdict, judge};
//!
//! let mut warm = Measured::new(ArmKey::new("warm", Cache::Hot), Metric::Launch);
//! for round in 0..20 {
//!     let base = Duration::from_micros(2_600 + round * 7 % 10);
//!     let again = Duration::from_micros(2_600 + round * 3 % 10);
//!     let pair = |new| Pair { base, new };
//!     warm.pair(Set::Itself, pair(again));
//!     warm.pair(Set::First, pair(again * 11 / 10));
//!     warm.pair(Set::Second, pair(again * 11 / 10));
//! }
//! assert_eq!(judge(&[warm], &Rules::default()).arms[0].time, Some(Verdict::Slower));
//! ```

mod doubt;
mod gate;
mod measured;
mod noise;
mod reads;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod time;
mod unpaired;
mod work;

pub use doubt::Doubt;
pub use gate::Gate;
pub use measured::{LeftOut, Measured, Metric, Pair, Set};
pub use noise::{Noise, launches_needed};
pub use work::{Amounts, Change as WorkChange, CounterComparison, FOLLOW_CORES, Work};

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::record::{ArmKey, Cache};
use crate::stats::Interval;
use crate::units::figures;

/// What a verdict is asked to keep to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// The practical margin, as a part: 0.02 calls a change when all of its interval is beyond 2 %.
    /// "Slower by 2 %" is 1.02 times the time, "faster by 2 %" the inverse of that, so that
    /// exchanging the programs turns a verdict round and changes no more.
    pub margin: f64,
    /// The noise budget, as a part: the verdict is "same" only where a change as large as this is
    /// ruled out.
    pub budget: f64,
    /// How far two runs at different times may differ by themselves, as a part: where samples are
    /// not paired, only a change beyond this is called, and "same" needs a noise budget that holds
    /// this and the interval.
    pub between_runs: f64,
    /// Arms whose times are judged in other runs of the same comparison: the correction for the
    /// number of arms counts them, too, so that a plan of many runs makes no more false alarms than
    /// one.
    #[serde(default)]
    pub beside: u64,
    /// Exact counters that are meant to change: they are shown and do not gate.
    pub accepted: BTreeSet<String>,
    /// Exact counters that may change by so small a part of the base's amount without gating: 0.001
    /// lets 1,000 become 1,001.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tolerated: BTreeMap<String, f64>,
}

impl Default for Rules {
    /// A margin of 2 %, a noise budget of 5 %, 25 % between runs, nothing beside, no accepted or
    /// tolerated counters.
    fn default() -> Rules {
        Rules {
            margin: 0.02,
            budget: 0.05,
            between_runs: 0.25,
            beside: 0,
            accepted: BTreeSet::new(),
            tolerated: BTreeMap::new(),
        }
    }
}

impl Rules {
    /// The rules by which a run that is made again agrees with the first: "same" is all that two
    /// runs at different times may differ by, interval included.
    #[must_use]
    pub fn of_repetition() -> Rules {
        let rules = Rules::default();
        let between = 1.0 + rules.between_runs;
        Rules { margin: rules.between_runs, budget: between * between - 1.0, ..rules }
    }
}

/// What is said of the time of an arm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Verdict {
    /// No change beyond the margin was seen, and one as large as the noise budget is ruled out.
    Same,
    /// The new program takes longer, by more than the margin.
    Slower,
    /// The new program takes less time, by more than the margin.
    Faster,
    /// Inconclusive.
    Inconclusive {
        /// Why.
        why: Doubt,
    },
}

/// The verdicts of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdicts {
    /// What they keep to.
    pub rules: Rules,
    /// One an arm, in the order measured.
    pub arms: Vec<ArmVerdict>,
}

/// The verdict of one arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmVerdict {
    /// What is launched.
    pub arm: String,
    /// State of its page cache.
    pub cache: Cache,
    /// Which time is compared.
    pub metric: Metric,
    /// What the exact counters amount to.
    pub work: Work,
    /// Every counter, by name.
    pub counters: Vec<CounterComparison>,
    /// What is said of the time; `None` where no time is compared.
    pub time: Option<Verdict>,
    /// What the time of the new program is as a multiple of the base's.
    pub change: Option<Change>,
    /// What the base is against itself; `None` where that was not measured, or in too few pairs.
    pub noise: Option<Noise>,
    /// Samples that are in no figure.
    pub left_out: LeftOut,
    /// Why the first sample that failed gave no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// The time of the new program as a multiple of the base's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// How it comes from the samples.
    pub basis: Basis,
    /// Pairs of both runs together; where the samples are not paired, the samples of the side that
    /// has fewer.
    pub pairs: u64,
    /// The ratio, above 1 where the new program takes longer.
    #[serde(serialize_with = "figures::serialize")]
    pub ratio: f64,
    /// Its interval of 99 %; `None` with too few pairs.
    pub interval: Option<Interval>,
    /// The confidence that Holm's correction asks of this arm, 0.99 or more.
    #[serde(serialize_with = "figures::serialize")]
    pub corrected_confidence: f64,
    /// Its interval of that confidence.
    pub corrected_interval: Option<Interval>,
    /// The ratio in the first run alone.
    #[serde(serialize_with = "figures::option")]
    pub first: Option<f64>,
    /// The ratio in the second run alone.
    #[serde(serialize_with = "figures::option")]
    pub second: Option<f64>,
}

/// How a ratio comes from samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Median of the ratios of pairs that were measured in turn: what slowed both of a pair cancels
    /// out.
    Paired,
    /// Ratio of the medians of two runs at different times: whatever changed between them is in it.
    Unpaired,
}

impl Verdicts {
    /// The arms whose time is not clear after the first run: to be measured once more and judged
    /// again with both runs. Empty when there is nothing to gain, or a second run has been made.
    #[must_use]
    pub fn again(&self) -> Vec<ArmKey> {
        let unclear = |arm: &&ArmVerdict| match arm.time {
            None | Some(Verdict::Same) => false,
            Some(Verdict::Inconclusive {
                why: Doubt::TooFewPairs { .. } | Doubt::NoSelfComparison,
            }) => false,
            Some(_) => arm
                .change
                .is_some_and(|change| change.basis == Basis::Paired && change.second.is_none()),
        };
        self.arms.iter().filter(unclear).map(ArmVerdict::key).collect()
    }

    /// What all of it amounts to: the gravest of the arms. A comparison in which nothing was
    /// compared is inconclusive.
    #[must_use]
    pub fn gate(&self) -> Gate {
        let compared = self.arms.iter().any(ArmVerdict::is_compared);
        let least = if compared { Gate::Fine } else { Gate::Inconclusive };
        self.arms.iter().map(ArmVerdict::gate).fold(least, Gate::max)
    }
}

impl ArmVerdict {
    /// Identity of the arm.
    #[must_use]
    pub fn key(&self) -> ArmKey {
        ArmKey::new(self.arm.clone(), self.cache)
    }
}

/// Judges every arm. The same measurements and rules always give the same verdicts.
#[must_use]
pub fn judge(measured: &[Measured], rules: &Rules) -> Verdicts {
    let mut verdicts = without_false_alarms(measured, rules);
    for (verdict, measured) in verdicts.arms.iter_mut().zip(measured) {
        let pairs = [measured.first.len(), measured.second.len()];
        if let (Some(noise), Some(_)) = (&mut verdict.noise, verdict.time) {
            noise.resample(&measured.itself, pairs[0], pairs[1], rules);
        }
    }
    verdicts
}

/// The verdicts; what takes longest is left out.
fn without_false_alarms(measured: &[Measured], rules: &Rules) -> Verdicts {
    let times = if measured.iter().any(Measured::is_unpaired) {
        unpaired::judge(measured, rules)
    } else {
        time::judge(measured, rules)
    };
    let arms = measured.iter().zip(times).map(|(measured, (time, change, noise))| {
        let counters = measured.counters(rules);
        ArmVerdict {
            arm: measured.arm.name.clone(),
            cache: measured.arm.cache,
            metric: measured.metric,
            work: if measured.lacks_work() { Work::Incomparable } else { Work::of(&counters) },
            counters,
            time,
            change,
            noise,
            left_out: measured.left_out,
            cause: measured.cause.clone(),
        }
    });
    Verdicts { rules: rules.clone(), arms: arms.collect() }
}
