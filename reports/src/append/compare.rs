//! Arms of an append run beside one another, round by round.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::{ASYNC, ASYNC_PER_THREAD, BARE, SYNC, SYNC_READBACK};
use crate::record::Histogram;
use crate::stats;
use crate::summary::RatioSummary;
use crate::units::{figures, nanos};

/// The appends of an arm by round: one histogram a valid sample.
pub(super) type Rounds = BTreeMap<u64, Histogram>;

/// The appends of every arm, by its name.
pub(super) type Arms<'a> = BTreeMap<&'a str, Rounds>;

/// An append of one arm as a multiple of another's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The arm.
    pub arm: String,
    /// The arm that it is a multiple of.
    pub baseline: &'static str,
    /// The ratio of the p50 of an append, the median over the rounds that have both.
    pub p50: RatioSummary,
    /// The ratio of the p99, likewise.
    pub p99: RatioSummary,
}

/// Every comparison that these arms allow, apart from each with `bare`.
pub(super) fn all(arms: &Arms<'_>) -> Vec<Comparison> {
    let after = if arms.contains_key(ASYNC) { ASYNC } else { ASYNC_PER_THREAD };
    let compared = [
        // The question: before, or after?
        (SYNC_READBACK, after),
        (SYNC, after),
        // What of it is the read-back.
        (SYNC_READBACK, SYNC),
        // What one worker for all changes against one for each.
        (ASYNC, ASYNC_PER_THREAD),
    ];
    compared.into_iter().filter_map(|(arm, baseline)| of(arms, arm, baseline)).collect()
}

/// The comparison of two arms; `None` when it is one and the same, or one of them has no appends.
pub(super) fn of(arms: &Arms<'_>, arm: &str, baseline: &'static str) -> Option<Comparison> {
    if arm == baseline {
        return None;
    }
    let (own, other) = (arms.get(arm)?, arms.get(baseline)?);
    let ratio = |q| ratio(own, other, q, baseline);
    Some(Comparison { arm: arm.to_owned(), baseline, p50: ratio(0.5)?, p99: ratio(0.99)? })
}

/// The ratio of the quantiles `q` of both arms: over the rounds that have both, or else of all
/// their samples.
fn ratio(own: &Rounds, other: &Rounds, q: f64, baseline: &'static str) -> Option<RatioSummary> {
    let at = |histogram: &Histogram| histogram.quantile(q).as_nanos() as f64;
    let pairs: Vec<(f64, f64)> = own
        .iter()
        .filter_map(|(round, histogram)| Some((at(histogram), at(other.get(round)?))))
        .collect();
    if let Some(stats::PairedRatio { pairs, ratio, interval }) = stats::paired_ratio(&pairs) {
        return Some(RatioSummary { baseline, ratio, pairs: pairs as u64, interval });
    }
    let (own, other) = (at(&merged(own)), at(&merged(other)));
    (own > 0.0 && other > 0.0).then(|| RatioSummary {
        baseline,
        ratio: own / other,
        pairs: 0,
        interval: None,
    })
}

/// All rounds in one.
pub(super) fn merged(rounds: &Rounds) -> Histogram {
    let mut all = Histogram::new();
    rounds.values().for_each(|histogram| all.merge(histogram));
    all
}

/// What the p50 of an append with read-back is made of: medians over the rounds in which all three
/// arms have a sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Parts {
    /// Those rounds.
    pub rounds: u64,
    /// What an append takes beyond `bare`: `sync-readback` less `bare`.
    #[serde(rename = "beyond_bare_ns", with = "nanos")]
    pub beyond_bare: Duration,
    /// What reading the row before and after its write adds: `sync-readback` less `sync`. Below
    /// zero where `sync` was slower.
    pub read_back_ns: i64,
    /// What writing the row adds: `sync` less `bare`. Below zero where `bare` was slower.
    pub write_ns: i64,
    /// The read-back as a part of what is beyond `bare`.
    #[serde(serialize_with = "figures::serialize")]
    pub read_back_share: f64,
}

impl Parts {
    /// Those of these arms; `None` unless they have a common round, in whose median `sync-readback`
    /// takes longer than `bare`.
    pub(super) fn of(arms: &Arms<'_>) -> Option<Parts> {
        let at = |name, round| Some(arms.get(name)?.get(round)?.quantile(0.5).as_nanos() as f64);
        let round = |round| Some([at(BARE, round)?, at(SYNC, round)?, at(SYNC_READBACK, round)?]);
        let rounds: Vec<[f64; 3]> = arms.get(BARE)?.keys().filter_map(round).collect();
        let median =
            |of: fn(&[f64; 3]) -> f64| stats::median(&rounds.iter().map(of).collect::<Vec<f64>>());
        let beyond =
            median(|[bare, _, readback]| readback - bare).filter(|beyond| *beyond > 0.0)?;
        let read_back = median(|[_, sync, readback]| readback - sync)?;
        Some(Parts {
            rounds: rounds.len() as u64,
            beyond_bare: Duration::from_nanos(beyond.round() as u64),
            read_back_ns: read_back.round() as i64,
            write_ns: median(|[bare, sync, _]| sync - bare)?.round() as i64,
            read_back_share: read_back / beyond,
        })
    }
}
