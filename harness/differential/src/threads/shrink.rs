//! What makes a history of a thread store simpler.

use tracerig_store::threads::Durability;

use super::item::ItemSpec;
use super::op::{Case, Op};
use crate::shrinking::{Shrink, without_one};

impl Shrink for Case {
    type Op = Op;

    fn ops(&self) -> &[Op] {
        &self.ops
    }

    fn with_ops(&self, ops: Vec<Op>) -> Self {
        Self { ops, ..self.clone() }
    }

    fn simpler_circumstances(&self) -> Vec<Self> {
        let buffered = (self.durability == Durability::Fsync)
            .then(|| Self { durability: Durability::Buffered, ..self.clone() });
        let hasty = self.patient.then(|| Self { patient: false, ..self.clone() });
        [buffered, hasty].into_iter().flatten().collect()
    }

    fn simpler(op: &Op) -> Vec<Op> {
        match op {
            Op::Create(thread, true) => vec![Op::Create(*thread, false)],
            Op::Append(thread, items) => {
                without_one(items).map(|items| Op::Append(*thread, items)).collect()
            }
            Op::AppendAndFlush(thread, items) => {
                let flush = [Op::Append(*thread, items.clone()), Op::Flush(*thread, Vec::new())];
                without_one(items)
                    .map(|items| Op::AppendAndFlush(*thread, items))
                    .chain(flush)
                    .collect()
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
}

/// Without one of the appends, or with one item less in one of them.
fn fewer_of_each(batches: &[Vec<ItemSpec>]) -> impl Iterator<Item = Vec<Vec<ItemSpec>>> + '_ {
    let smaller = (0..batches.len()).flat_map(move |at| {
        without_one(&batches[at]).map(move |items| {
            let mut batches = batches.to_vec();
            batches[at] = items;
            batches
        })
    });
    without_one(batches).chain(smaller)
}
