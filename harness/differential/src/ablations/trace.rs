//! What can be wrong with scans of trace databases: each rule of the scanner, missing alone, and
//! four engines.

use tracerig_scanner::{Ablation, Ablations};

use super::{Tested, witness, wrong_engines};
use crate::trace::{Program, Trace};

const WITNESSES: &[(&str, &str)] = witnesses! { "trace":
    "artifact-checksum" "artifact-version" "artifact-database" "artifact-link" "artifact-private"
    "artifact-rename" "artifact-temporary" "artifact-unchanged" "producer" "schema-rising"
    "schema-stored" "database-link" "identity" "identity-before" "identity-after" "wal" "snapshot"
    "snapshot-shared" "shrink" "anchors" "anchors-single" "anchors-survivor" "anchors-anew" "facts"
    "facts-existence" "facts-later" "facts-repeated" "facts-below" "signature-time"
    "signature-length" "signature-body" "cursor-failed" "cursor-matching" "stamp" "lock"
    "forced-replaces" "forced-catches-up" "forced-ignores" "held" "one-memo" "pending-limit"
    "window-winning" "window-remembered" "window-model" "order" "row-nul" "row-blob"
    "row-first-marker" "row-target" "turn-ran" "turn-ran-after" "turn-rows" "turn-rows-older"
    "turn-model" "operations" "tier-enum" "tier-steer" "tier-settings" "tier-fast" "tier-inherited"
    "tier-resumed" "tags" "coverage" "errors"
};

/// The scanner without each of its rules; `program` is started as another process.
#[must_use]
pub fn rules(program: &Program) -> Vec<Tested<Trace>> {
    let sound = Trace::new(program.clone());
    let tested = |ablation: Ablation| {
        let subject = Trace { ablations: Ablations::NONE.with(ablation), ..sound.clone() };
        Tested {
            name: ablation.name(),
            summary: ablation.summary(),
            by_answers: Some(Trace { answers_only: true, ..subject.clone() }),
            subject,
            sound: sound.clone(),
            witness: witness(WITNESSES, ablation.name()),
        }
    };
    Ablation::ALL.map(tested).into()
}

/// The engines that no test of a scanner may let pass.
#[must_use]
pub fn engines(program: &Program) -> Vec<Tested<Trace>> {
    let sound = Trace::new(program.clone());
    wrong_engines(&sound, |engine| Trace { engine, ..sound.clone() })
}
