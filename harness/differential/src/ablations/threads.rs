//! What can be wrong with thread stores: each of their rules, missing alone.

use tracerig_store::threads::{Ablation, Ablations};

use super::{Tested, witness};
use crate::threads::Threads;

const WITNESSES: &[(&str, &str)] = witnesses! { "threads":
    "one-writer" "deferred-create" "deferred-resume" "line-time" "empty-append" "transient"
    "row-first" "torn-tail" "unended" "retry" "cut-failed" "failed-unobserved" "recovered-observed"
    "fsync" "fsync-names" "close-names" "observed-in-order" "once" "explicit-title" "recency"
    "own-meta" "absent-keeps" "null-clears" "value-replaces" "generation" "coalescing" "savepoints"
    "touch-delay" "touch-barrier" "busy-wait" "row-missing" "failed-kept" "failed-below"
    "failure-rests" "failure-superseded" "failure-own" "append-unfailed" "barrier-before"
    "barrier-after" "append-and-flush" "persist-deferred" "update-waits" "shutdown-pending"
    "shutdown-both" "discard-waits" "discard-drops" "discard-refuses" "archived" "segments-in-order"
    "segment-base" "compressed" "plain-first" "restore-first" "named-title" "skipped-told"
};

/// Thread stores without each of their rules.
#[must_use]
pub fn thread_rules() -> Vec<Tested<Threads>> {
    let tested = |ablation: Ablation| Tested {
        name: ablation.name(),
        summary: ablation.summary(),
        subject: Threads { ablations: Ablations::NONE.with(ablation) },
        by_answers: None,
        sound: Threads::default(),
        witness: witness(WITNESSES, ablation.name()),
    };
    Ablation::ALL.map(tested).into()
}
