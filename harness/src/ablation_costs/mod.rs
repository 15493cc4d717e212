//! What a rule costs at a relaunch: the same launch with and without it, in pairs, on data of some
//! size.
//!
//! Only rules whose absence leaves work out of that launch, or brings more, are measured. The
//! others decide, or change what is done.

mod archive;
mod error;
mod report;
mod trace;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use serde::Serialize;
use tracerig_reports::stats::{Interval, paired_difference};

pub use error::Error;
pub use report::{Report, Rule, SCHEMA};

use crate::interrupt::{self, TempFolder};

/// What a rule costs.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// Microseconds of a launch: the median of what launches with the rule took longer than their
    /// partners without. Below zero for a rule that saves work.
    pub microseconds: f64,
    /// An interval that holds the true median with 99 % confidence.
    pub interval: Option<Interval>,
    /// Pairs of launches.
    pub pairs: usize,
    /// Work that is done for it, exactly: how much of what. Below zero what it saves.
    pub work: BTreeMap<&'static str, i64>,
}

/// The launch that the rules of one subject are measured on.
#[derive(Clone, Debug, Serialize)]
pub struct Scene {
    /// The verb of `tracerig diff` whose rules these are.
    pub subject: &'static str,
    /// What is launched, on what.
    pub scene: &'static str,
}

/// What was measured.
#[derive(Debug, Default)]
pub struct Costs {
    /// What it was measured on.
    pub scenes: Vec<Scene>,
    /// By the verb of `tracerig diff` and the name of the rule.
    pub of: BTreeMap<(&'static str, &'static str), Cost>,
}

/// Measures the rules that `is_wanted`, by the verb of `tracerig diff` and the name. `seen` hears
/// of each when it is done. What Ctrl-C cut off is left out.
///
/// # Errors
/// The dataset cannot be built, a file cannot be written, or a launch is not what was to be
/// measured.
pub fn costs(
    is_wanted: impl Fn(&'static str, &'static str) -> bool,
    seen: &dyn Fn(&'static str),
) -> Result<Costs, Error> {
    let mut costs = Costs::default();
    measure::<trace::Set>(&mut costs, &is_wanted, seen)?;
    measure::<archive::Set>(&mut costs, &is_wanted, seen)?;
    Ok(costs)
}

/// Data that launches with and without rules are made on.
trait Set: Sized {
    /// A rule.
    type Rule: Copy + 'static;
    /// The verb of `tracerig diff` whose rules these are.
    const SUBJECT: &'static str;
    /// What is launched, on what; "hot" is the page cache.
    const SCENE: &'static str;
    /// The rules whose absence leaves work out of such a launch, or brings more.
    const WORKING: &'static [Self::Rule];
    /// Pairs of launches.
    const PAIRS: usize;

    fn name(rule: Self::Rule) -> &'static str;

    /// Brings the data into the state that every launch begins from.
    fn up() -> Result<Self, Error>;

    /// One launch, from that state.
    fn launch(&self, without: Option<Self::Rule>) -> Result<Launch, Error>;
}

fn measure<S: Set>(
    costs: &mut Costs,
    is_wanted: &impl Fn(&'static str, &'static str) -> bool,
    seen: &dyn Fn(&'static str),
) -> Result<(), Error> {
    let wanted: Vec<S::Rule> =
        S::WORKING.iter().copied().filter(|rule| is_wanted(S::SUBJECT, S::name(*rule))).collect();
    if wanted.is_empty() || interrupt::requested() {
        return Ok(());
    }
    costs.scenes.push(Scene { subject: S::SUBJECT, scene: S::SCENE });
    let set = S::up()?;
    for rule in wanted {
        let name = S::name(rule);
        let Some(cost) = pairs(S::PAIRS, |with| set.launch((!with).then_some(rule)))? else {
            break;
        };
        costs.of.insert((S::SUBJECT, name), cost);
        seen(name);
    }
    Ok(())
}

/// One launch.
struct Launch {
    microseconds: f64,
    /// How much of what was done, exactly.
    work: Vec<(&'static str, u64)>,
}

/// Launches with the rule and without, in pairs; `None` if that was cut short.
fn pairs(
    count: usize,
    launch: impl Fn(bool) -> Result<Launch, Error>,
) -> Result<Option<Cost>, Error> {
    // What the first launches warm up is not the rule's.
    let (with, without) = (launch(true)?, launch(false)?);
    let mut pairs = Vec::with_capacity(count);
    for number in 0..count {
        if interrupt::requested() {
            return Ok(None);
        }
        // Who goes first alternates.
        let is_first = number % 2 == 0;
        let (first, second) = (launch(is_first)?.microseconds, launch(!is_first)?.microseconds);
        pairs.push(if is_first { (first, second) } else { (second, first) });
    }
    let differences = with.work.iter().zip(&without.work).map(|(&(name, with), &(_, without))| {
        // Counts of what was done: far from the limits of both.
        (name, with.cast_signed() - without.cast_signed())
    });
    Ok(paired_difference(&pairs).map(|found| Cost {
        microseconds: found.difference,
        interval: found.interval,
        pairs: found.pairs,
        work: differences.filter(|(_, more)| *more != 0).collect(),
    }))
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { path, source }
}

/// Lets a dataset be built until Ctrl-C.
fn until_interrupted<P>(_: P) -> ControlFlow<()> {
    if interrupt::requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// A folder for working copies, removed with what is in it.
fn workplace() -> Result<TempFolder, Error> {
    let root = tracerig_datasets::cache_root()?;
    let folder = || TempFolder::with_prefix("costs-", &root);
    std::fs::create_dir_all(&root).and_then(|()| folder()).map_err(failed(&root))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_cost_is_what_launches_with_the_rule_take_longer_than_those_beside_them() {
        let launches = Cell::new(0_u32);
        let cost = pairs(300, |with| {
            launches.set(launches.get() + 1);
            // The machine becomes slower all the time; the rule costs 5 us and ten rows, and saves
            // a step.
            let drift = f64::from(launches.get() / 2);
            let (microseconds, rows, steps) = if with { (105.0, 17, 3) } else { (100.0, 7, 4) };
            let work = vec![("rows", rows), ("steps", steps), ("calls", 8)];
            Ok(Launch { microseconds: microseconds + drift, work })
        });
        let cost = cost.unwrap().unwrap();
        assert_eq!(cost.work, BTreeMap::from([("rows", 10), ("steps", -1)]));
        assert_eq!(cost.pairs, 300);
        let interval = cost.interval.unwrap();
        assert!((cost.microseconds - 5.0).abs() < 1.0, "{}", cost.microseconds);
        assert!(interval.low <= 5.0 && interval.high >= 5.0, "{interval:?}");
    }
}
