//! What can be wrong with refreshes of session archives: each rule of the archive, missing alone,
//! and four engines.

use tracerig_scanner::archive::{Ablation, Ablations};

use super::{Tested, witness, wrong_engines};
use crate::archive::Archives;

const WITNESSES: &[(&str, &str)] = witnesses! { "archive":
    "memo-checksum" "memo-version" "memo-parser" "memo-home" "memo-private" "memo-said"
    "shard-checksum" "shard-stamp" "shard-unchanged" "file-links" "folder-links" "folder-once"
    "listing" "inode" "size" "modified" "changed" "tick" "gone" "unreadable" "unreadable-folder"
    "rescan-reads" "grown" "tail" "torn" "long-line" "broken" "unknown-kind" "cumulative" "records"
    "records-thread" "records-once" "records-end-counts" "inherited-turn" "inherited-fork"
    "inherited-burst" "inherited-ordinal" "repetition" "last-used" "first-of-fork" "missing-kinds"
    "reset" "no-total" "model" "fast" "no-tier" "said" "join" "join-remembered" "quarters"
    "first-meta" "session-id" "segments" "compressed" "compressed-plain" "compressed-moves" "shared"
    "shared-link" "shared-stale" "copies" "copies-anywhere" "copies-remembered" "copies-settled"
    "copies-damaged" "longer" "diverged"
};

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
            witness: witness(WITNESSES, ablation.name()),
        }
    };
    Ablation::ALL.map(tested).into()
}

/// The engines that no test of refreshes may let pass.
#[must_use]
pub fn archive_engines() -> Vec<Tested<Archives>> {
    wrong_engines(&Archives::default(), |engine| Archives { engine, ..Archives::default() })
}
