//! The rules of thread stores that can be switched off by name, to measure whether a test would
//! notice that one is missing.
//!
//! The switch is where the rule is; what it takes to do the wrong thing is here, where it takes
//! more than a condition. Without the feature `ablations` nothing can be switched off, and the
//! compiler leaves out what only a switch would reach.

#[cfg_attr(not(feature = "ablations"), path = "ablation/fixed.rs")]
mod rules;

use super::column::Value;
use super::patch::Patch;
use rules::rules;

rules! {
    OneWriter "one-writer" "A thread that is open for appending is opened once more."
    DeferredCreate "deferred-create" "A thread without items leaves a file."
    DeferredResume "deferred-resume" "A stale row gets what is appended now, but not what it lacks."
    LineTime "line-time" "Resuming a thread takes the time of the clock for that of its last line."
    EmptyAppend "empty-append" "An append without items writes the facts that wait for the first \
                                one."
    Transient "transient" "Pieces of what comes whole later are kept in the history."
    RowFirst "row-first" "The row takes in what is yet to be written, and is ahead when that fails."
    TornTail "torn-tail" "The next record is glued to the beginning of one that a crash has left."
    Unended "unended" "The next record is glued to one that another program left without its line \
                       break."
    Retry "retry" "A write that fails once fails the append."
    CutFailed "cut-failed" "What a failed write has left stays before the record that is written \
                            again."
    FailedUnobserved "failed-unobserved" "An append that failed is in the row."
    RecoveredObserved "recovered-observed" "An append that was written at the second try is not in \
                                            the row."
    Fsync "fsync" "An append is acknowledged before the device has it."
    FsyncNames "fsync-names" "The name of a new history is not on the device when its first append \
                              is acknowledged."
    CloseNames "close-names" "A history that was shut down vanishes in a power cut, name and all."
    ObservedInOrder "observed-in-order" "Appends from cloned handles are observed in another order \
                                         than written."
    Once "once" "The last message, not the first, becomes title and preview."
    ExplicitTitle "explicit-title" "A message becomes the title although an explicit one was set."
    Recency "recency" "A turn begins, and the thread is not the most recent."
    OwnMeta "own-meta" "A fork takes the facts of its parent for its own."
    AbsentKeeps "absent-keeps" "A patch that says nothing of a column clears what is pending of it."
    NullClears "null-clears" "An explicit null leaves the value that is pending."
    ValueReplaces "value-replaces" "A pending value stays, though a newer one came."
    Generation "generation" "A patch is dropped although only an older generation was applied."
    Coalescing "coalescing" "Each append is projected by itself, however many wait."
    Savepoints "savepoints" "One row that the database refuses costs all rows of its batch."
    TouchDelay "touch-delay" "Each touch is projected at once."
    TouchBarrier "touch-barrier" "A barrier does not bring a touch that waits."
    BusyWait "busy-wait" "A database that is busy for a moment fails the projection."
    RowMissing "row-missing" "A row that was deleted does not come back."
    FailedKept "failed-kept" "The patch of a failed projection is lost."
    FailedBelow "failed-below" "The patch of a failed projection is put above newer ones."
    FailureRests "failure-rests" "A projection that failed alone is tried again unasked, for ever."
    FailureSuperseded "failure-superseded" "A barrier reports a failure although a newer \
                                            generation succeeded."
    FailureOwn "failure-own" "A barrier reports the failure before it instead of trying again."
    AppendUnfailed "append-unfailed" "An append fails although its history was written."
    BarrierBefore "barrier-before" "A barrier does not wait for what was accepted before it."
    BarrierAfter "barrier-after" "A barrier waits for what is accepted after it."
    AppendAndFlush "append-and-flush" "A thread cannot be listed when its first append and flush \
                                       has returned."
    PersistDeferred "persist-deferred" "A thread without items gets neither file nor row by being \
                                        persisted."
    UpdateWaits "update-waits" "An explicit change returns the row before it, or none."
    ShutdownPending "shutdown-pending" "What was pending at a shutdown never reaches the row."
    ShutdownBoth "shutdown-both" "Of two failures of a shutdown, one is not reported."
    DiscardWaits "discard-waits" "A discarded thread is still being projected when that returns."
    DiscardDrops "discard-drops" "Discarding a thread projects what is pending."
    DiscardRefuses "discard-refuses" "A thread that was discarded still takes appends."
    Archived "archived" "The history of an archived thread is not looked for."
    SegmentsInOrder "segments-in-order" "The segments of a history replay in the order of their \
                                         names."
    SegmentBase "segment-base" "What a segment goes back behind stays in the row."
    Compressed "compressed" "A compressed history is not looked for."
    PlainFirst "plain-first" "A compressed copy counts although the plain file is there."
    RestoreFirst "restore-first" "A compressed history is removed before its plain file is there."
    NamedTitle "named-title" "The name that a user gave to a thread is not its title."
    SkippedTold "skipped-told" "A file that is skipped is not told."
}

/// Adds what a newer patch says to an older one.
pub(super) fn merge(off: Ablations, older: &mut Patch, mut newer: Patch) {
    if off.has(Ablation::AbsentKeeps) && !newer.is_touch() {
        if older.is_complete() {
            newer.mark_complete();
        }
        *older = newer;
    } else if off.has(Ablation::NullClears) {
        let mut said = Patch::new();
        if newer.is_complete() {
            said.mark_complete();
        }
        for (column, value) in newer.iter().filter(|(_, value)| **value != Value::Null) {
            said.set(column, value.clone());
        }
        older.merge(said);
    } else if off.has(Ablation::ValueReplaces) {
        newer.merge(std::mem::take(older));
        *older = newer;
    } else {
        older.merge(newer);
    }
}
