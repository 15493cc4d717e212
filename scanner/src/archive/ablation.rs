//! The rules of the archive that can be switched off by name, to measure whether a test would notice that one is missing.
//!
//! The switch stands where the rule is; what it takes to do the wrong thing is here.

use super::state::State;
use crate::ablation::rules;

rules! {
    Inode "inode" "A file is taken for another that stood in its place."
    Size "size" "A file is taken to be as it was although it grew or shrank."
    Modified "modified" "A file is taken to be as it was although its content was changed later."
    Changed "changed" "A file is taken to be as it was although its time of modification was put back."
    Tick "tick" "A file that had just changed is believed to stay as it is."
}

/// Whether a file in state `now` is as it was in state `then`, by what is looked at of it.
pub(super) fn is_same(ablated: Ablations, then: &State, now: &State) -> bool {
    let kept = |rule, then: u64, now: u64| ablated.has(rule) || then == now;
    kept(Ablation::Inode, then.device, now.device)
        && kept(Ablation::Inode, then.inode, now.inode)
        && kept(Ablation::Size, then.size, now.size)
        && kept(Ablation::Modified, then.modified.cast_unsigned(), now.modified.cast_unsigned())
        && kept(Ablation::Changed, then.changed.cast_unsigned(), now.changed.cast_unsigned())
}
