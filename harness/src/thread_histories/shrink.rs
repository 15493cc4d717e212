//! Making a failing history smaller, as long as it fails in the same way.

use tracerig_store::threads::Durability;

use super::Failure;
use super::item::ItemSpec;
use super::op::{Case, Op};

/// The smallest case that removing operations and items from `case` leads to and that still fails like `failure`, and how it fails.
/// `run` executes a case.
pub fn shrink(case: Case, failure: Failure, run: impl Fn(&Case) -> Result<(), Failure>) -> (Case, Failure) {
    let mut best = (case, failure);
    // What comes after the failure has no part in it.
    best.0.ops.truncate(best.1.op + 1);
    loop {
        let smaller = candidates(&best.0).find_map(|case| {
            let failure = run(&case).err()?;
            (failure.kind() == best.1.kind()).then_some((case, failure))
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
    let buffered = (case.durability == Durability::Fsync)
        .then(|| Case { durability: Durability::Buffered, ..case.clone() });
    let hasty = case.patient.then(|| Case { patient: false, ..case.clone() });
    without.chain(buffered).chain(hasty).chain(simpler)
}

/// Operations that are a step simpler than `op`.
fn simpler(op: &Op) -> Vec<Op> {
    match op {
        Op::Create(thread, true) => vec![Op::Create(*thread, false)],
        Op::Append(thread, items) => fewer(items).map(|items| Op::Append(*thread, items)).collect(),
        Op::AppendAndFlush(thread, items) => {
            let flush = [Op::Append(*thread, items.clone()), Op::Flush(*thread, Vec::new())];
            fewer(items).map(|items| Op::AppendAndFlush(*thread, items)).chain(flush).collect()
        }
        Op::Together(thread, batches) => {
            let one = batches.concat();
            let fewer = fewer_of_each(batches).map(|batches| Op::Together(*thread, batches));
            std::iter::once(Op::Append(*thread, one)).chain(fewer).collect()
        }
        Op::Flush(thread, meanwhile) if !meanwhile.is_empty() => {
            let fewer = fewer_of_each(meanwhile).map(|batches| Op::Flush(*thread, batches));
            std::iter::once(Op::Flush(*thread, Vec::new())).chain(fewer).collect()
        }
        Op::Update(thread, update) => {
            let mut simpler = Vec::new();
            let mut without = |change: fn(&mut super::Update)| {
                let mut less = update.clone();
                change(&mut less);
                if less != *update {
                    simpler.push(Op::Update(*thread, less));
                }
            };
            without(|update| update.title = None);
            without(|update| update.branch = None);
            without(|update| update.memory = None);
            without(|update| update.archived = None);
            simpler
        }
        Op::Kill(true) => vec![Op::Kill(false)],
        _ => Vec::new(),
    }
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

/// Without one of the appends, or with one item less in one of them.
fn fewer_of_each(batches: &[Vec<ItemSpec>]) -> impl Iterator<Item = Vec<Vec<ItemSpec>>> + '_ {
    let smaller = (0..batches.len()).flat_map(move |at| {
        fewer(&batches[at]).map(move |items| {
            let mut batches = batches.to_vec();
            batches[at] = items;
            batches
        })
    });
    fewer(batches).chain(smaller)
}
