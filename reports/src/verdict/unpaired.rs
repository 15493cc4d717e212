//! From the times of two runs, made at different times, to a verdict: weaker than pairs, and said
//! so.
//!
//! The ratio is that of the medians. Its interval joins the bootstrap intervals of both in the way
//! of Zou and Donner (MOVER, "Construction of confidence limits about effect measures", Statistics
//! in Medicine 27, 2008). It knows how the times of each run scatter and nothing of what changed
//! between the runs. So a change is called only beyond what two runs of the same program may differ
//! by ([`Rules::between_runs`]). A change as large may go unnoticed behind it, too: a machine that
//! became faster makes up for a program that became slower. So "same" needs a noise budget that
//! leaves room for both.

use super::measured::Measured;
use super::time::Judged;
use super::{Basis, Change, Doubt, Rules, Verdict};
use crate::bootstrap::Medians;
use crate::stats::{CONFIDENCE, FEWEST_PAIRS, Interval, median};

/// The verdict and the change of every arm; none has its noise.
pub(super) fn judge(measured: &[Measured], rules: &Rules) -> Vec<Judged> {
    measured.iter().map(|arm| of_arm(arm, rules)).collect()
}

fn of_arm(arm: &Measured, rules: &Rules) -> Judged {
    let [base, new] = arm.alone.each_ref().map(|times| {
        let mut logs: Vec<f64> = times.iter().map(|time| (time.as_nanos() as f64).ln()).collect();
        logs.sort_unstable_by(f64::total_cmp);
        logs
    });
    let (Some(base_median), Some(new_median)) = (median(&base), median(&new)) else {
        // A side without a single time leaves nothing to compare; that it has none is reported by
        // its counts.
        let none = Doubt::TooFewPairs { have: 0, need: FEWEST_PAIRS as u64 };
        return (arm.is_timed().then_some(Verdict::Inconclusive { why: none }), None, None);
    };
    let ratio = new_median - base_median;
    let medians = [Medians::of(&base), Medians::of(&new)];
    let joined = || {
        let [own_base, own_new] =
            [medians[0].interval(CONFIDENCE)?, medians[1].interval(CONFIDENCE)?];
        let low = (new_median - own_new.low).hypot(own_base.high - base_median);
        let high = (own_new.high - new_median).hypot(base_median - own_base.low);
        Some(Interval { low: ratio - low, high: ratio + high })
    };
    let own = joined();
    let interval = own.map(|own| Interval { low: own.low.exp(), high: own.high.exp() });
    let fewer = base.len().min(new.len()) as u64;
    let change = Change {
        basis: Basis::Unpaired,
        pairs: fewer,
        ratio: ratio.exp(),
        interval,
        // Not corrected for the number of arms: what runs may differ by is far more than that would
        // add.
        corrected_confidence: CONFIDENCE,
        corrected_interval: interval,
        first: Some(ratio.exp()),
        second: None,
    };
    let why = match own {
        None => Doubt::TooFewPairs { have: fewer, need: FEWEST_PAIRS as u64 },
        Some(own) => {
            let bar = rules.between_runs.ln_1p();
            if own.low > bar {
                return (Some(Verdict::Slower), Some(change), None);
            }
            if own.high < -bar {
                return (Some(Verdict::Faster), Some(change), None);
            }
            let reach = own.low.abs().max(own.high.abs());
            if ratio.abs() <= rules.margin.ln_1p() && reach + bar <= rules.budget.ln_1p() {
                return (Some(Verdict::Same), Some(change), None);
            }
            if reach > bar {
                Doubt::Wide { reach: reach.exp_m1() }
            } else {
                Doubt::BetweenRuns { ratio: ratio.exp() }
            }
        }
    };
    (Some(Verdict::Inconclusive { why }), Some(change), None)
}
