//! Examining every row of a snapshot, through one connection or several.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::ablation;
use crate::advance::{Advanced, is_one_state};
use crate::anchors::{self, Picked};
use crate::answer::Mode;
use crate::error::ScanError;
use crate::facts::FactSet;
use crate::kept::Seen;
use crate::memo::Memo;
use crate::proof::{self, Piece};
use crate::rows::{Lookup, Reader};
use crate::schema::{self, Trust};
use crate::signature::Signature;
use crate::snapshot::{Context, Snapshot};
use crate::turns::needed;
use crate::work::Work;

/// Ranges of ids that each connection takes. Many and alternating, so that gaps in the ids leave
/// all connections about the same work; fixed, so that the work is the same at every run.
const RANGES_PER_CONNECTION: i128 = 64;

/// Reads the whole table into a new memo.
pub(crate) fn full(
    context: Context<'_>,
    snapshot: &mut Snapshot,
    work: &mut Work,
) -> Result<Advanced, ScanError> {
    schema::require_utf8(snapshot.first(), context.path)?;
    let min_id = Lookup::new(snapshot.first(), context.path)?.at_or_above(i64::MIN)?;
    let (facts, anchors) = match min_id {
        Some(min_id) => {
            context.control.begin(snapshot.max_id.saturating_sub(min_id).saturating_add(1));
            let (mut facts, picked, seen) = read_all(context, snapshot, min_id, work)?;
            let needed = needed(&facts, context.ablated);
            let mut anchors = Vec::new();
            // A memo of another table is never trusted; and its rows may not be found by their ids.
            if snapshot.schema == Trust::Rising {
                let mut lookup = Lookup::new(snapshot.first(), context.path)?;
                facts.keep(&needed, &seen, true, |id| lookup.signature_of_read(id))?;
                anchors::choose(&mut anchors, &picked, snapshot.max_id, |id| lookup.signature(id))?;
                work.vm_steps += lookup.vm_steps();
            } else {
                facts.keep(&needed, &seen, true, |_| Ok::<_, ScanError>(Signature::default()))?;
            }
            (facts, anchors)
        }
        None => {
            if is_one_state(context.ablated) {
                let entries = proof::entries(context, snapshot.first(), Duration::ZERO)?;
                proof::counted(context.path, 0, entries)?;
            }
            (FactSet::default(), Vec::new())
        }
    };
    let cursor = ablation::cursor(context, snapshot, &facts)?;
    let memo = Memo { identity: snapshot.identity, cursor, anchors, facts };
    Ok(Advanced { memo, mode: Mode::Full, changed: true })
}

fn read_all(
    context: Context<'_>,
    snapshot: &mut Snapshot,
    min_id: i64,
    work: &mut Work,
) -> Result<(FactSet, Picked, Seen), ScanError> {
    let (start, read_before) = (Instant::now(), work.read.rows);
    let facts = Mutex::new(FactSet::default());
    let connections = snapshot.connections.len();
    let ranges = ranges(min_id, snapshot.max_id, connections);
    let done = Mutex::new((work, Picked::default(), Seen::default()));
    let failed = AtomicBool::new(false);
    let pieces = Mutex::new(vec![Piece::default(); ranges.len()]);
    let share = |connection: &rusqlite::Connection, place: usize| -> Result<(), ScanError> {
        let mut reader = Reader::new(connection, context)?;
        let outcome = ranges
            .iter()
            .enumerate()
            .skip(place)
            .step_by(connections)
            // Once one share has failed the answer is lost, whatever the others find.
            .take_while(|_| !failed.load(Ordering::Relaxed))
            .try_for_each(|(at, &(from, to))| {
                let piece = reader.range(from, to, &facts)?;
                pieces.lock().unwrap_or_else(PoisonError::into_inner)[at] = piece;
                Ok(())
            });
        if outcome.is_err() {
            failed.store(true, Ordering::Relaxed);
        }
        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
        done.0.add_reader(&reader);
        done.1.merge(reader.picked());
        done.2.merge(reader.turn_rows());
        outcome
    };
    let (first, others) = snapshot.connections.split_at_mut(1);
    let others: Vec<_> = (1..).zip(others.iter_mut().map(Mutex::new)).collect();
    let share_of = &|(place, connection): &(usize, Mutex<&mut rusqlite::Connection>)| {
        share(&connection.lock().unwrap_or_else(PoisonError::into_inner), *place)
    };
    let entries = std::thread::scope(|scope| {
        let start_one = |other| {
            let work = move || share_of(other);
            std::thread::Builder::new().spawn_scoped(scope, work).map_err(|_| other)
        };
        let others: Vec<_> = others.iter().map(start_one).collect();
        let own = share(&first[0], 0).and_then(|()| {
            let is_due = is_one_state(context.ablated);
            if is_due { proof::entries(context, &first[0], start.elapsed()) } else { Ok(None) }
        });
        let stopped = || ScanError::Stopped { path: context.path.to_owned() };
        let joined = others.into_iter().map(|other| match other {
            Ok(thread) => thread.join().unwrap_or_else(|_| Err(stopped())),
            // The system starts no more threads.
            Err(other) => share_of(other),
        });
        joined.fold(own, |own, other| own.and_then(|entries| other.map(|()| entries)))
    })?;
    let mut facts = facts.into_inner().unwrap_or_else(PoisonError::into_inner);
    facts.sort();
    let (work, picked, seen) = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    work.turns_seen = seen.turns();
    if is_one_state(context.ablated) {
        let pieces = pieces.into_inner().unwrap_or_else(PoisonError::into_inner);
        proof::joined(context.path, &pieces, Some(min_id), snapshot.max_id)?;
        proof::counted(context.path, work.read.rows - read_before, entries)?;
    }
    if work.doubtful {
        proof::sound(context.path, snapshot.first())?;
    }
    Ok((facts, picked, seen))
}

/// The ranges of a full scan; reader `n` of `readers` takes every `readers`-th from the `n`-th on.
fn ranges(min_id: i64, max_id: i64, readers: usize) -> Vec<(i64, i64)> {
    if readers == 1 {
        return vec![(min_id, max_id)];
    }
    split(min_id, max_id, RANGES_PER_CONNECTION * readers as i128)
}

/// Splits `min ..= max` into at most `parts` ranges of about the same width, without gap or
/// overlap.
fn split(min: i64, max: i64, parts: i128) -> Vec<(i64, i64)> {
    let width = i128::from(max) - i128::from(min) + 1;
    let parts = parts.min(width);
    // Every bound lies between `min` and `max`, which are of this type.
    let bound = |part: i128| (i128::from(min) + width * part / parts) as i64;
    (0..parts)
        .map(|part| (bound(part), if part + 1 == parts { max } else { bound(part + 1) - 1 }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_every_id_once() {
        for (min, max) in
            [(1, 1), (1, 2), (5, 1000), (-7, 7), (i64::MIN, i64::MAX), (i64::MAX, i64::MAX)]
        {
            for parts in [1, 2, 3, 128] {
                let ranges = split(min, max, parts);
                assert_eq!(ranges.first().unwrap().0, min);
                assert_eq!(ranges.last().unwrap().1, max);
                assert!(ranges.iter().all(|(from, to)| from <= to));
                assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0), "{ranges:?}");
            }
        }
    }
}
