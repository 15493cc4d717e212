//! Bringing a memo up to date with a snapshot: checks, then the rows above the cursor.

use std::sync::{Mutex, PoisonError};

use crate::ablation::{self, Ablation, Ablations};
use crate::anchors;
use crate::answer::Mode;
use crate::checks::{self, Refusal, Verified};
use crate::control::{Point, reached};
use crate::error::ScanError;
use crate::memo::Memo;
use crate::proof;
use crate::rows::{Lookup, Reader};
use crate::snapshot::{Context, Snapshot};
use crate::turns::needed;
use crate::work::Work;

/// A memo that covers every row of a snapshot.
#[derive(Debug)]
pub(crate) struct Advanced {
    pub(crate) memo: Memo,
    pub(crate) mode: Mode,
    /// Whether it is another memo than the persisted one.
    pub(crate) changed: bool,
}

/// Advances `memo`, or says which check forbids it. Everything is read in the snapshot's
/// transaction.
pub(crate) fn advance(
    context: Context<'_>,
    mut memo: Memo,
    snapshot: &Snapshot,
    work: &mut Work,
) -> Result<Advanced, Refusal> {
    let mut lookup = Lookup::new(snapshot.first(), context.path)?;
    let advanced = try_advance(context, &mut memo, snapshot, &mut lookup, work);
    work.add_lookup(&lookup);
    let (mode, changed) = advanced?;
    Ok(Advanced { memo, mode, changed })
}

fn try_advance(
    context: Context<'_>,
    memo: &mut Memo,
    snapshot: &Snapshot,
    lookup: &mut Lookup<'_>,
    work: &mut Work,
) -> Result<(Mode, bool), Refusal> {
    let cursor = memo.cursor;
    let ablated = context.ablated;
    let mut verified = Verified::default();
    checks::schema(snapshot.schema)?;
    checks::identity(memo, &snapshot.identity, ablated)?;
    checks::shrink(memo, snapshot.max_id, ablated)?;
    let anchors_left = checks::anchors(memo, lookup, ablated)?;
    // One look-up for all rows that are gone from the lower end: facts that no check looks at would
    // never be forgotten.
    if !ablated.has(Ablation::FactsBelow) {
        let least = lookup.at_or_above(i64::MIN)?.unwrap_or(i64::MAX);
        for fact in memo.facts.iter().take_while(|fact| fact.id < least) {
            lookup.gone(fact.id, &fact.signature)?;
        }
        verified.dropped += memo.facts.forget_below(least);
    }
    checks::facts(memo, cursor, &mut verified, lookup, ablated)?;
    checks::turn_rows(memo, cursor, &mut verified, lookup, ablated)?;
    if anchors_left == 0 {
        checks::any_survivor(memo, &mut verified, lookup, ablated)?;
    }
    reached(context.probe, context.path, Point::Checked)?;
    work.lap(|phases| &mut phases.check);
    if snapshot.max_id == cursor {
        none_missed(context, memo, snapshot, 0)?;
        if verified.dropped > 0 {
            let needed = needed(&memo.facts, ablated);
            memo.facts.keep_only(&needed);
        }
        return Ok((Mode::Unchanged, verified.dropped > 0));
    }

    context.control.begin(snapshot.max_id.saturating_sub(cursor));
    let mut reader = Reader::new(snapshot.first(), context)?;
    let facts = Mutex::new(std::mem::take(&mut memo.facts));
    let outcome = reader.range(cursor.saturating_add(1), snapshot.max_id, &facts);
    work.add_reader(&reader);
    let piece = outcome?;
    if is_one_state(ablated) {
        proof::joined(context.path, &[piece], piece.first, snapshot.max_id)?;
    }
    none_missed(context, memo, snapshot, reader.read().rows)?;
    if reader.is_doubtful() {
        proof::sound(context.path, snapshot.first())?;
    }
    memo.facts = facts.into_inner().unwrap_or_else(PoisonError::into_inner);
    memo.facts.sort();
    let seen = reader.turn_rows();
    work.turns_seen = seen.turns();
    let due = needed(&memo.facts, ablated);
    memo.facts.keep(&due, seen, false, |id| lookup.signature_of_read(id))?;
    // Facts that could not change the answer before may do so now.
    if !ablated.has(Ablation::FactsLater) {
        checks::facts(memo, cursor, &mut verified, lookup, ablated)?;
    }
    checks::turn_rows(memo, cursor, &mut verified, lookup, ablated)?;
    let needed = needed(&memo.facts, ablated);
    memo.facts.keep_only(&needed);
    memo.cursor = ablation::cursor(context, snapshot, &memo.facts)?;
    if !ablated.has(Ablation::AnchorsAnew) {
        anchors::choose(&mut memo.anchors, reader.picked(), memo.cursor, |id| {
            lookup.signature(id)
        })?;
    }
    Ok((Mode::Incremental, true))
}

/// Whether everything is read in one state of the database, so that what does not fit together is
/// damage.
pub(crate) fn is_one_state(ablated: Ablations) -> bool {
    !ablated.has(Ablation::Snapshot) && !ablated.has(Ablation::SnapshotShared)
}

fn none_missed(
    context: Context<'_>,
    memo: &Memo,
    snapshot: &Snapshot,
    rows: u64,
) -> Result<(), ScanError> {
    if is_one_state(context.ablated) {
        proof::none_missed(context.path, snapshot.first(), memo, rows)
    } else {
        Ok(())
    }
}
