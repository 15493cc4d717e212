//! The rules of the archive that can be switched off by name, to measure whether a test would
//! notice that one is missing.
//!
//! The switch is where the rule is; what it takes to do the wrong thing is here. No switch is in
//! `parse/`, whose files the fingerprint of memos follows.

use super::parse::{Defect, Known, Line, Meta, Rollout, Rules, Said, Says};
use super::state::State;
use crate::ablation::rules;

rules! {
    MemoChecksum "memo-checksum" "A memo is believed whose first file is damaged."
    MemoVersion "memo-version" "A memo of another format is read as if it were of this one."
    MemoParser "memo-parser" "The memo of another parser is believed, whatever that one took a \
                              line for."
    MemoHome "memo-home" "The memo of another home is believed."
    MemoPrivate "memo-private" "Others than its owner may read the memo."
    MemoSaid "memo-said" "Nobody hears that a part of the memo is damaged."
    ShardChecksum "shard-checksum" "A damaged part of the memo is believed, as far as it can be \
                                    decoded."
    ShardStamp "shard-stamp" "A refresh that was overtaken replaces what the other one wrote."
    ShardUnchanged "shard-unchanged" "A part of the memo that did not change is written again."
    FileLinks "file-links" "Symbolic links to files are not followed."
    FolderLinks "folder-links" "Symbolic links to folders are not followed."
    FolderOnce "folder-once" "A folder is read by each way that leads to it."
    Listing "listing" "A folder is taken to hold what it held although its state is another one."
    Inode "inode" "A file is taken for another that stood in its place."
    Size "size" "A file is taken to be as it was although it grew or shrank."
    Modified "modified" "A file is taken to be as it was although its content was changed later."
    Changed "changed" "A file is taken to be as it was although its time of modification was put \
                       back."
    Tick "tick" "A file that had just changed is believed to stay as it is."
    Gone "gone" "What is gone counts for ever."
    Unreadable "unreadable" "A file that cannot be read is forgotten."
    UnreadableFolder "unreadable-folder" "The files of a folder that cannot be read are forgotten."
    RescanReads "rescan-reads" "A rescan believes the memo."
    Grown "grown" "A file that grew is read from its beginning."
    Tail "tail" "A file that grew is read from its old end, even if earlier bytes changed."
    Torn "torn" "The beginning of a line that is being written is taken for a line."
    LongLine "long-line" "A line that is larger than what is held of a file is passed over."
    Broken "broken" "Lines that are not understood are passed over in silence."
    UnknownKind "unknown-kind" "Lines of kinds that nobody knows are not counted."
    Cumulative "cumulative" "Cumulative counts are added up."
    Records "records" "Records of responses are not looked at, and every count counts."
    RecordsThread "records-thread" "The record of another thread's response counts."
    RecordsOnce "records-once" "The record of a response counts each time it is repeated."
    RecordsEndCounts "records-end-counts" "A response that is recorded counts once more by the \
                                           count behind it."
    InheritedTurn "inherited-turn" "What an older turn used counts, although it is the parent's."
    InheritedFork "inherited-fork" "Counts in a fork before its first turn are added, although \
                                    they are the parent's."
    InheritedBurst "inherited-burst" "What was copied into a fork that names no turns counts again."
    InheritedOrdinal "inherited-ordinal" "Counts before a sub-agent's own history are added."
    Repetition "repetition" "A count that is written again counts again."
    LastUsed "last-used" "What the total rose by counts, whatever the last response is said to \
                          have used."
    FirstOfFork "first-of-fork" "The first total of a file that continues another one counts whole."
    MissingKinds "missing-kinds" "A kind of tokens that a total lacks is compared as 0."
    Reset "reset" "Nothing counts where a session began to count anew."
    NoTotal "no-total" "A count without a total is ignored."
    Model "model" "The model of a turn is not looked at."
    Fast "fast" "The other name of the priority tier is not known."
    NoTier "no-tier" "Settings without a tier leave the tier as it was."
    Said "said" "What a rollout says of its tier is not looked at."
    Join "join" "A trace database is not asked for a tier."
    JoinRemembered "join-remembered" "A trace database is not asked for the tier of what is \
                                      remembered."
    Quarters "quarters" "What was used is kept by the hour, and belongs to no day of some time \
                         zones."
    FirstMeta "first-meta" "The last line about the session says which one it is."
    SessionId "session-id" "A session is identified by the name of its file."
    Segments "segments" "A segment is a session of its own."
    Compressed "compressed" "Compressed rollouts are not read."
    CompressedPlain "compressed-plain" "A compressed rollout counts beside the plain one."
    CompressedMoves "compressed-moves" "A rollout that was compressed is parsed anew."
    Shared "shared" "A file counts by each of its names."
    SharedLink "shared-link" "A file counts beside a link to it."
    SharedStale "shared-stale" "A name that cannot be read counts before one that can."
    Copies "copies" "A copy of a session counts beside it."
    CopiesAnywhere "copies-anywhere" "Only a copy among the archived sessions is noticed."
    CopiesRemembered "copies-remembered" "Copies are compared by each refresh."
    CopiesSettled "copies-settled" "The result of comparing copies is kept although the files are \
                                    others now."
    CopiesDamaged "copies-damaged" "Copies are not recognised where a part of the memo is damaged."
    Longer "longer" "The shorter of two copies counts."
    Diverged "diverged" "Of two sessions of one id only one counts, whatever they hold."
}

/// Whether a file in state `now` is unchanged in state `then`, by what is looked at of it.
pub(super) fn is_same(ablated: Ablations, then: &State, now: &State) -> bool {
    let kept = |rule, then: u64, now: u64| ablated.has(rule) || then == now;
    kept(Ablation::Inode, then.device, now.device)
        && kept(Ablation::Inode, then.inode, now.inode)
        && kept(Ablation::Size, then.size, now.size)
        && kept(Ablation::Modified, then.modified.cast_unsigned(), now.modified.cast_unsigned())
        && kept(Ablation::Changed, then.changed.cast_unsigned(), now.changed.cast_unsigned())
}

/// The rules of counting without those in `ablated`.
pub(super) fn rules(ablated: Ablations) -> Rules {
    if ablated.is_empty() {
        return Rules::ALL;
    }
    let holds = |rule| !ablated.has(rule);
    Rules {
        records: holds(Ablation::Records),
        own_thread: holds(Ablation::RecordsThread),
        once: holds(Ablation::RecordsOnce),
        records_end_counts: holds(Ablation::RecordsEndCounts),
        inherited_turn: holds(Ablation::InheritedTurn),
        inherited_fork: holds(Ablation::InheritedFork),
        inherited_burst: holds(Ablation::InheritedBurst),
        inherited_ordinal: holds(Ablation::InheritedOrdinal),
        repetition: holds(Ablation::Repetition),
        last_used: holds(Ablation::LastUsed),
        first_of_fork: holds(Ablation::FirstOfFork),
        fallen: holds(Ablation::Reset),
        missing_kinds: holds(Ablation::MissingKinds),
    }
}

/// As [`Rollout::take`], without the rules in `ablated`, which `rules` knows as far as they are
/// about counting.
pub(super) fn take(
    ablated: Ablations,
    rollout: &mut Rollout,
    line: Result<Line<'_>, Defect>,
    start: &[u8],
    rules: &Rules,
) {
    if ablated.is_empty() {
        return rollout.take(line, start, rules);
    }
    let skipped = Ok(Line::Skipped(Known::Yes));
    let line = match line {
        Err(_) if ablated.has(Ablation::Broken) => skipped,
        Ok(Line::Skipped(Known::No)) if ablated.has(Ablation::UnknownKind) => skipped,
        Ok(Line::Says(said)) => {
            let Said { at, says, defect } = said;
            if ablated.has(Ablation::FirstMeta) && matches!(says, Says::Session(_)) {
                rollout.meta = None;
            }
            let defect = defect.filter(|_| !ablated.has(Ablation::Broken));
            Ok(Line::Says(Said { at, says: heard(ablated, says), defect }))
        }
        line => line,
    };
    rollout.take(line, start, rules);
    if ablated.has(Ablation::Quarters) {
        rollout
            .buckets
            .iter_mut()
            .for_each(|bucket| bucket.quarter -= bucket.quarter.rem_euclid(4));
    }
}

/// What is heard of what a line says.
fn heard(ablated: Ablations, says: Says<'_>) -> Says<'_> {
    let no_fast = |tier| if ablated.has(Ablation::Fast) && tier == "fast" { "slow" } else { tier };
    match says {
        Says::Turn { turn, .. } if ablated.has(Ablation::Model) => Says::Turn { turn, model: None },
        Says::Settings { .. } if ablated.has(Ablation::Said) => Says::Nothing,
        Says::Settings { tier: None } if ablated.has(Ablation::NoTier) => Says::Nothing,
        Says::Settings { tier } => Says::Settings { tier: tier.map(no_fast) },
        Says::Record(mut record) => {
            record.tier = record.tier.filter(|_| !ablated.has(Ablation::Said)).map(no_fast);
            Says::Record(record)
        }
        Says::Used { total: None, .. } if ablated.has(Ablation::NoTotal) => Says::Nothing,
        Says::Used { ordinal, total: total @ Some(_), .. } if ablated.has(Ablation::Cumulative) => {
            Says::Used { ordinal, total: None, last: total }
        }
        Says::Session(meta) if ablated.has(Ablation::SessionId) => {
            Says::Session(Meta { id: None, ..meta })
        }
        says => says,
    }
}
