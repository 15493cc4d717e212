//! Making a failing history smaller, as long as it fails in the same way.

use std::num::NonZeroUsize;

use super::Failure;
use super::op::{Act, Case, DataOp, Op, Race, Writer};

/// The smallest case that removing operations, rows and events from `case` leads to and that still fails like `failure`,
/// and how it fails. `run` executes a case.
pub fn shrink(case: Case, failure: Failure, run: impl Fn(&Case) -> Result<(), Failure>) -> (Case, Failure) {
    let mut best = (case, failure);
    // What comes after the failure has no part in it.
    best.0.ops.truncate(best.1.op + 1);
    loop {
        let smaller = candidates(&best.0).find_map(|case| {
            let failure = run(&case).err()?;
            failure.is_like(&best.1).then_some((case, failure))
        });
        match smaller {
            Some(smaller) => best = smaller,
            None => return best,
        }
    }
}

/// Cases that are a step smaller than `case`, those that lose most first.
fn candidates(case: &Case) -> impl Iterator<Item = Case> + '_ {
    let count = case.ops.len();
    let chunks = std::iter::successors(Some(count / 2), |size| (*size > 1).then_some(size / 2));
    let without = chunks.filter(|size| *size > 0).flat_map(move |size| {
        (0..count).step_by(size).map(move |at| {
            let mut ops = case.ops.clone();
            ops.drain(at..(at + size).min(count));
            Case { ops, ..case.clone() }
        })
    });
    let simpler = (0..count).flat_map(move |at| {
        simpler(&case.ops[at]).into_iter().map(move |op| {
            let mut ops = case.ops.clone();
            ops[at] = op;
            Case { ops, ..case.clone() }
        })
    });
    let unasked = case.python.then(|| Case { python: false, ..case.clone() });
    let here = case.fresh.then(|| Case { fresh: false, ..case.clone() });
    let one = (case.connections > NonZeroUsize::MIN)
        .then(|| Case { connections: NonZeroUsize::MIN, ..case.clone() });
    let direct = case.link.then(|| Case { link: false, ..case.clone() });
    unasked.into_iter().chain(here).chain(one).chain(direct).chain(without).chain(simpler)
}

/// Operations that are a step simpler than `op`.
fn simpler(op: &Op) -> Vec<Op> {
    match op {
        Op::Data(DataOp::Append(rows)) => fewer(rows).map(|rows| Op::Data(DataOp::Append(rows))).collect(),
        Op::Race(race) => simpler_races(race).into_iter().map(Op::Race).collect(),
        Op::Scan(scan) => {
            let mut simpler = Vec::new();
            let mut push = |change: &dyn Fn(&mut super::ScanOp)| {
                let mut scan = scan.clone();
                change(&mut scan);
                simpler.push(Op::Scan(scan));
            };
            if scan.again {
                push(&|scan| scan.again = false);
            }
            if scan.rescan {
                push(&|scan| scan.rescan = false);
            }
            if let Some(event) = &scan.event {
                push(&|scan| scan.event = None);
                for acts in fewer(&event.acts) {
                    push(&|scan| scan.event.iter_mut().for_each(|event| event.acts.clone_from(&acts)));
                }
                for (place, act) in event.acts.iter().enumerate() {
                    let Act::Data(DataOp::Append(rows)) = act else { continue };
                    for rows in fewer(rows) {
                        let act = Act::Data(DataOp::Append(rows));
                        push(&|scan| {
                            scan.event.iter_mut().for_each(|event| event.acts[place] = act.clone());
                        });
                    }
                }
            }
            simpler
        }
        _ => Vec::new(),
    }
}

/// Races that are a step simpler than `race`.
fn simpler_races(race: &Race) -> Vec<Race> {
    let mut simpler = Vec::new();
    if race.scans.len() + usize::from(race.writer.is_some()) > 1 {
        for place in 0..race.scans.len() {
            let mut race = race.clone();
            race.scans.remove(place);
            simpler.push(race);
        }
        simpler.push(Race { writer: None, ..race.clone() });
    }
    if let Some(writer) = &race.writer {
        for ops in fewer(&writer.ops) {
            simpler.push(Race { writer: Some(Writer { ops, ..writer.clone() }), ..race.clone() });
        }
    }
    for place in 0..race.scans.len() {
        if race.scans[place].kill.is_some() {
            let mut race = race.clone();
            race.scans[place].kill = None;
            simpler.push(race);
        }
    }
    simpler.retain(|simpler| simpler != race);
    simpler
}

/// `items` without one of them, unless it is the only one.
fn fewer<T: Clone>(items: &[T]) -> impl Iterator<Item = Vec<T>> + '_ {
    let count = if items.len() > 1 { items.len() } else { 0 };
    (0..count).map(|without| {
        let mut items = items.to_vec();
        items.remove(without);
        items
    })
}
