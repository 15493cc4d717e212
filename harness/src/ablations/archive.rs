//! What can be wrong with refreshes of session archives: each rule of the archive, missing alone, and four engines.

use tracerig_scanner::archive::{Ablation, Ablations};

use super::Tested;
use crate::diff::Archives;
use crate::histories::Engine;

/// Makes the table of the witnesses that stand in `corpus/archive/witnesses`, for this program to have them with it.
macro_rules! witnesses {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../../corpus/archive/witnesses/", $name, ".txt")))),*]
    };
}

const WITNESSES: &[(&str, &str)] = witnesses! {
    "memo-checksum" "memo-version" "memo-parser" "memo-home" "memo-private" "memo-said" "shard-checksum"
    "shard-stamp" "shard-unchanged" "file-links" "folder-links" "folder-once" "inode" "size" "modified"
    "changed" "tick" "gone" "unreadable" "unreadable-folder" "rescan-reads" "grown" "tail" "torn" "long-line"
    "broken" "unknown-kind" "cumulative" "repeated" "reset" "no-total" "model" "fast" "no-tier" "said" "join"
    "join-remembered" "quarters" "first-meta" "session-id" "shared" "shared-link" "shared-stale" "copies"
    "copies-remembered" "copies-settled" "copies-damaged" "longer" "diverged"
};

/// The history kept to show what goes wrong without a rule of the archive.
#[must_use]
pub fn archive_witness(ablation: Ablation) -> Option<&'static str> {
    WITNESSES.iter().find(|(name, _)| *name == ablation.name()).map(|(_, text)| *text)
}

/// Refreshes of session archives without each of their rules.
#[must_use]
pub fn archive_rules() -> Vec<Tested<Archives>> {
    let tested = |ablation: Ablation| {
        let subject = Archives { ablations: Ablations::NONE.with(ablation), ..Archives::default() };
        Tested {
            name: ablation.name(),
            summary: ablation.summary(),
            by_answers: Some(Archives { answers_only: true, ..subject.clone() }),
            subject,
            sound: Archives::default(),
            witness: archive_witness(ablation),
        }
    };
    Ablation::ALL.map(tested).into()
}

/// The engines that no test of refreshes may let pass.
#[must_use]
pub fn archive_engines() -> Vec<Tested<Archives>> {
    let wrong = Engine::ALL.into_iter().filter(|engine| *engine != Engine::Scanner);
    let tested = |engine: Engine| Tested {
        name: engine.name(),
        summary: engine.summary(),
        subject: Archives { engine, ..Archives::default() },
        by_answers: None,
        sound: Archives::default(),
        witness: None,
    };
    wrong.map(tested).collect()
}
