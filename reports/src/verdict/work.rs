//! Work counters of two programs, compared exactly where they are exact.

use serde::{Deserialize, Serialize};

use super::Rules;
use super::measured::{Measured, Range};
use super::reads::Reads;
use crate::record::CounterClass;

/// Counters that follow the number of connections of a full scan, and so the number of cores.
pub const FOLLOW_CORES: [&str; 3] = ["rchar", "syscr", "vm_steps"];

/// What the exact counters of an arm amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Every exact counter is the same, exactly.
    Same,
    /// Some exact counter is higher, whatever the others are.
    More,
    /// Some exact counter is lower, and none is higher.
    Less,
    /// An exact counter of the base is unavailable in the new program, or not exact there, or
    /// varies in the base, which no exact counter does, or a program has no sample at all: it is
    /// inconclusive.
    Incomparable,
    /// The arm has no exact counters: those of asynchronous arms depend on the moment.
    Advisory,
}

/// One counter of both programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterComparison {
    /// Its name.
    pub name: String,
    /// What may be concluded from it: exact when it is for every launch of both programs.
    pub class: CounterClass,
    /// Its amounts in the base; `None` where no launch reports it.
    pub base: Option<Amounts>,
    /// Its amounts in the new program; `None` where no launch reports it.
    pub new: Option<Amounts>,
    /// How they compare.
    pub change: Change,
    /// Whether the rules accept a change of it.
    pub accepted: bool,
}

/// The range of a counter over launches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts {
    /// The lowest amount.
    pub low: u64,
    /// The highest amount.
    pub high: u64,
}

/// How the amounts of a counter compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The same, exactly.
    Same,
    /// Beyond the highest that the base has.
    More,
    /// Below the lowest that the base has.
    Less,
    /// The base varies, and the new program stays within its range: there a change of a counter
    /// that is called exact may go unnoticed.
    Within,
    /// Unavailable in the base, so that there is nothing to compare with.
    New,
    /// Unavailable in the new program, or exact in the base only.
    Lost,
    /// It differs and follows the number of cores, which differs, too.
    OtherCores,
    /// It differs by no more than the rules tolerate.
    Tolerated,
    /// Unavailable in both.
    Unavailable,
}

impl Work {
    /// What these amount to.
    pub(super) fn of(counters: &[CounterComparison]) -> Work {
        let gating = counters.iter().filter(|c| c.class == CounterClass::Exact && !c.accepted);
        let gating: Vec<Change> = gating.map(|c| c.change).collect();
        if gating.contains(&Change::More) {
            Work::More
        } else if gating
            .iter()
            .any(|change| matches!(change, Change::Lost | Change::Within | Change::OtherCores))
        {
            Work::Incomparable
        } else if gating.contains(&Change::Less) {
            Work::Less
        } else if gating.iter().any(|change| matches!(change, Change::Same | Change::Tolerated)) {
            Work::Same
        } else {
            Work::Advisory
        }
    }
}

impl Measured {
    /// Every counter of both programs, by name.
    pub(super) fn counters(&self, rules: &Rules) -> Vec<CounterComparison> {
        let (base, new) = (&self.base, &self.new);
        let names: std::collections::BTreeSet<&String> = base.keys().chain(new.keys()).collect();
        let compare = |name: &String| {
            let (base, new) = (base.get(name), new.get(name));
            // A counter that only one side has is what it is there.
            let exact = |side: Option<&Range>| side.is_none_or(|range| range.exact);
            let lost_exactness = base.is_some_and(|range| range.exact) && !exact(new);
            let class = if lost_exactness || (exact(base) && exact(new)) {
                CounterClass::Exact
            } else {
                CounterClass::Advisory
            };
            let [of_base, of_new] = &self.reads;
            let amounts = |side: Option<&Range>, reads: &Reads, others: &Reads| {
                let all = side.and_then(Range::amounts)?;
                let settled =
                    (class == CounterClass::Exact).then(|| reads.amounts(name, others)).flatten();
                Some(settled.unwrap_or(all))
            };
            let (base, new) = (amounts(base, of_base, of_new), amounts(new, of_new, of_base));
            let change = if lost_exactness { Change::Lost } else { change(base, new, class) };
            let differs = class == CounterClass::Exact
                && matches!(change, Change::More | Change::Less | Change::Within);
            let tolerated = rules.tolerated.get(name).copied();
            let change =
                if differs && self.is_on_other_cores && FOLLOW_CORES.contains(&name.as_str()) {
                    Change::OtherCores
                } else if differs && tolerated.is_some_and(|part| is_within(base, new, part)) {
                    Change::Tolerated
                } else {
                    change
                };
            CounterComparison {
                name: name.clone(),
                class,
                base,
                new,
                change,
                accepted: rules.accepted.contains(name),
            }
        };
        names.into_iter().map(compare).collect()
    }
}

/// Whether every amount of both is within this part of the lowest of the base.
fn is_within(base: Option<Amounts>, new: Option<Amounts>, part: f64) -> bool {
    base.zip(new).is_some_and(|(base, new)| {
        let allowed = base.low as f64 * part;
        let farthest = [base.high, new.low, new.high].map(|amount| amount.abs_diff(base.low));
        farthest.into_iter().all(|far| far as f64 <= allowed)
    })
}

fn change(base: Option<Amounts>, new: Option<Amounts>, class: CounterClass) -> Change {
    let may_vary = class == CounterClass::Advisory;
    match (base, new) {
        (None, None) => Change::Unavailable,
        (None, Some(_)) => Change::New,
        (Some(_), None) => Change::Lost,
        (Some(base), Some(new)) if base == new && (may_vary || base.low == base.high) => {
            Change::Same
        }
        // A single launch that does more is found.
        (Some(base), Some(new)) if new.high > base.high => Change::More,
        (Some(base), Some(new)) if new.low < base.low => Change::Less,
        (Some(_), Some(_)) => Change::Within,
    }
}
