//! The rules of the scanner that can be switched off by name, to measure whether a test would
//! notice that one is missing.
//!
//! Where others published a scanner without the rule, what happens instead is what theirs does. The
//! switch is where the rule is; what it takes to do the wrong thing is in the modules here. Without
//! the feature `ablations` nothing can be switched off, and the compiler leaves out what only a
//! switch would reach.

mod memos;
mod rows;
#[cfg_attr(not(feature = "ablations"), path = "fixed.rs")]
mod rules;

pub(crate) use memos::{
    cursor, empty_answer, forget, identity_of_link, is_first_memo, move_cursor, write_in_place,
};
pub(crate) use rows::parse;
pub(crate) use rules::rules;

rules! {
    ArtifactChecksum "artifact-checksum" "A damaged memo is believed, as far as it can be decoded."
    ArtifactVersion "artifact-version" "A memo of another format is read as if it were of this one."
    ArtifactDatabase "artifact-database" "The memo of another database is believed."
    ArtifactLink "artifact-link" "A memo is read through a symbolic link, which someone else may \
                                  have planted."
    ArtifactPrivate "artifact-private" "Others than its owner may read the memo."
    ArtifactRename "artifact-rename" "The memo is written in place, so that an interrupted write \
                                      takes the one before."
    ArtifactTemporary "artifact-temporary" "A write that fails leaves its temporary file."
    ArtifactUnchanged "artifact-unchanged" "A memo that did not change is written again."
    Producer "producer" "The memo of another parser is believed, whatever that one took for a fact."
    SchemaRising "schema-rising" "Ids that a table gives out again are taken for rows already seen."
    SchemaStored "schema-stored" "A memo is kept of a table for which none can be trusted."
    DatabaseLink "database-link" "A database named by a symbolic link is identified by the \
                                  metadata of the link."
    Identity "identity" "A memo is continued on another file."
    IdentityBefore "identity-before" "What is read of one file is remembered as of the one that \
                                      took its place."
    IdentityAfter "identity-after" "A file exchanged while it is opened is taken for the one \
                                    before."
    Wal "wal" "Rows that only the write-ahead log has are missed."
    Snapshot "snapshot" "Maximum id, checks and rows are read in snapshots of their own, and the \
                         cursor last."
    SnapshotShared "snapshot-shared" "Several connections are not proven to see the same state."
    Shrink "shrink" "A table that begins anew is continued, and the cursor goes back."
    Anchors "anchors" "Rows remembered to recognise the database by are not looked at."
    AnchorsSingle "anchors-single" "The last row scanned is the only anchor, and losing it costs a \
                                    full scan at each launch."
    AnchorsSurvivor "anchors-survivor" "A database of which no remembered row is left is believed \
                                        to be the same."
    AnchorsAnew "anchors-anew" "Anchors are never taken anew, and a full scan is due when the \
                                first ones are gone."
    Facts "facts" "A turn stays although its evidence was deleted."
    FactsExistence "facts-existence" "Any row with the id of a fact is taken for its row."
    FactsLater "facts-later" "A fact that comes to matter through new rows is not looked up."
    FactsRepeated "facts-repeated" "A fact that comes to matter because another is gone is not \
                                    looked up."
    FactsBelow "facts-below" "Facts that no check looks at are remembered for ever."
    SignatureTime "signature-time" "A fact is believed whose row says another time."
    SignatureLength "signature-length" "A fact is believed whose row has become longer or shorter."
    SignatureBody "signature-body" "A fact is believed whose row has another target or begins \
                                    otherwise."
    CursorFailed "cursor-failed" "The cursor moves although a step failed, and rows are never read."
    CursorMatching "cursor-matching" "The cursor stays at the last row with a fact, and the rows \
                                      above are read at each launch."
    Stamp "stamp" "A scan that was overtaken writes its old memo over the newer one."
    Lock "lock" "Two scans replace the memo at once."
    ForcedReplaces "forced-replaces" "A forced rescan that was overtaken does not replace the memo."
    ForcedCatchesUp "forced-catches-up" "A forced rescan replaces a memo that has seen more rows, \
                                         and its cursor goes back."
    ForcedIgnores "forced-ignores" "The persisted memo survives a forced rescan."
    Held "held" "A memo in memory is continued although another one is persisted by now."
    OneMemo "one-memo" "A flag of the whole process says that the memo was loaded, and a second \
                        memo never is."
    PendingLimit "pending-limit" "Only the latest completions of turns without evidence are \
                                  remembered, here two."
    WindowWinning "window-winning" "The window is applied to the latest evidence of a turn in the \
                                    memo, which hides the rest."
    WindowRemembered "window-remembered" "Evidence outside the window is not remembered, and \
                                          missed when the window moves."
    WindowModel "window-model" "The model of a completion outside the window is dropped."
    Order "order" "Rows are taken newest first, so that the oldest evidence decides."
    RowNul "row-nul" "A body ends at its first NUL byte, as LIKE has it."
    RowBlob "row-blob" "A body that is no text is searched, too."
    RowFirstMarker "row-first-marker" "The kind of marker that is asked for first decides, not the \
                                       one that comes first."
    RowTarget "row-target" "A row that quotes a marker is taken for one of its kind."
    TurnRan "turn-ran" "A submission counts as a turn although no such turn ran."
    TurnRanAfter "turn-ran-after" "A turn that ran before a submission makes the submission one of \
                                   its own."
    TurnRows "turn-rows" "A turn stays although the rows were deleted that proved that it ran."
    TurnRowsOlder "turn-rows-older" "A model that only rows read before its turn mattered would \
                                     name is left out."
    TurnModel "turn-model" "The model that only the rows of a running turn name is left out."
    Operations "operations" "Operations by which some versions submit turns and settings are not \
                             known."
    TierEnum "tier-enum" "A tier written as an enum, as some versions do, is not known."
    TierSteer "tier-steer" "A submission that came while a turn ran sets no tier."
    TierSettings "tier-settings" "A change of settings, such as by a command, is counted as a turn."
    TierFast "tier-fast" "The other name of the priority tier is not known."
    TierInherited "tier-inherited" "A submission that says no tier is never at priority."
    TierResumed "tier-resumed" "A process that resumes a thread inherits its tier."
    Tags "tags" "The only rows that newer versions leave of a turn are not known."
    Coverage "coverage" "A version that logs no tier looks like one without priority turns."
    Errors "errors" "A database that cannot be read gives an empty answer that looks like success."
}

#[cfg(all(test, feature = "ablations"))]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_there_is_none_of_is_told_what_there_is() {
        assert!("everything".parse::<Ablation>().unwrap_err().contains("shrink"));
    }
}
