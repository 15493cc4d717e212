//! What can be wrong with scans of trace databases: each rule of the scanner, missing alone, and four engines.

use std::path::Path;

use tracerig_scanner::{Ablation, Ablations};

use super::Tested;
use crate::diff::Trace;
use crate::histories::Engine;

/// Makes the table of the witnesses that stand in `corpus/trace/witnesses`, for this program to have them with it.
macro_rules! witnesses {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../../corpus/trace/witnesses/", $name, ".txt")))),*]
    };
}

const WITNESSES: &[(&str, &str)] = witnesses! {
    "artifact-checksum" "artifact-version" "artifact-database" "artifact-link" "artifact-private" "artifact-rename"
    "artifact-temporary" "artifact-unchanged" "producer" "schema-rising" "schema-stored" "database-link" "identity"
    "identity-before" "identity-after" "wal" "snapshot" "snapshot-shared" "shrink" "anchors" "anchors-single"
    "anchors-survivor" "anchors-anew" "facts" "facts-existence" "facts-later" "facts-repeated" "facts-below"
    "signature-time" "signature-length" "signature-body" "cursor-failed" "cursor-matching" "stamp"
    "lock" "forced-replaces" "forced-catches-up" "forced-ignores" "held" "one-memo" "pending-limit" "window-winning"
    "window-remembered" "window-model" "order" "row-nul" "row-blob" "row-first-marker" "row-target" "tier-settings"
    "tier-fast" "tier-inherited" "tier-resumed" "tags" "errors"
};

/// The history kept to show what goes wrong without a rule.
#[must_use]
pub fn witness(ablation: Ablation) -> Option<&'static str> {
    WITNESSES.iter().find(|(name, _)| *name == ablation.name()).map(|(_, text)| *text)
}

/// The scanner without each of its rules; `program` is this very program, of which another process is started.
#[must_use]
pub fn rules(program: &Path) -> Vec<Tested<Trace>> {
    let sound = Trace::new(program.to_owned());
    let tested = |ablation: Ablation| {
        let subject = Trace { ablations: Ablations::NONE.with(ablation), ..sound.clone() };
        Tested {
            name: ablation.name(),
            summary: ablation.summary(),
            by_answers: Some(Trace { answers_only: true, ..subject.clone() }),
            subject,
            sound: sound.clone(),
            witness: witness(ablation),
        }
    };
    Ablation::ALL.map(tested).into()
}

/// The engines that no test of a scanner may let pass.
#[must_use]
pub fn engines(program: &Path) -> Vec<Tested<Trace>> {
    let sound = Trace::new(program.to_owned());
    let wrong = Engine::ALL.into_iter().filter(|engine| *engine != Engine::Scanner);
    let tested = |engine: Engine| Tested {
        name: engine.name(),
        summary: engine.summary(),
        subject: Trace { engine, ..sound.clone() },
        by_answers: None,
        sound: sound.clone(),
        witness: None,
    };
    wrong.map(tested).collect()
}
