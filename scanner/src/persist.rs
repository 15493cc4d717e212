//! Replacing the persisted memo, and never a newer one by an older.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::ablation::Ablation;
use crate::advance::{Advanced, advance};
use crate::artifact::{self, Loaded, Lock, Standing};
use crate::checks::Refusal;
use crate::control::{Point, reached};
use crate::error::ScanError;
use crate::memo::Memo;
use crate::snapshot::{Context, Snapshot};
use crate::work::Work;

/// What became of an attempt to persist a memo.
#[derive(Debug)]
pub(crate) enum Saved {
    /// It exists, with this size and stamp.
    Written { bytes: u64, standing: Standing },
    /// Another scan has replaced the artifact meanwhile; this memo is dropped.
    Dropped,
    /// It could not be written. The answer is as good as ever; the next launch scans anew.
    Failed(String),
}

/// Why persisting stopped half-way.
enum Failure {
    /// The file system refused: a warning.
    Io(io::Error),
    /// A probe or a cancellation: the scan fails.
    Scan(ScanError),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ScanError> for Failure {
    fn from(error: ScanError) -> Self {
        Self::Scan(error)
    }
}

/// Writes `memo` to `path` if what is there is still what the scan found at its start (`before`).
///
/// A forced rescan replaces whatever is there, but not before it has caught up with a memo of the
/// same file that has seen more rows meanwhile, so that a stored cursor never goes back.
pub(crate) fn save(
    context: Context<'_>,
    path: &Path,
    memo: &mut Memo,
    before: Standing,
    forced: bool,
) -> Result<Saved, ScanError> {
    match try_save(context, path, memo, before, forced) {
        Ok(saved) => Ok(saved),
        Err(Failure::Scan(error)) => Err(error),
        Err(Failure::Io(error)) => Ok(Saved::Failed(format!(
            "{}: the memo could not be written ({error}); the next launch scans in full. Check the \
             folder's permissions and free space, or name another place for the memo",
            path.display()
        ))),
    }
}

fn try_save(
    context: Context<'_>,
    path: &Path,
    memo: &mut Memo,
    before: Standing,
    forced: bool,
) -> Result<Saved, Failure> {
    let ablated = context.ablated;
    let _lock = if ablated.has(Ablation::Lock) { None } else { Some(lock(context, path)?) };
    reached(context.probe, context.path, Point::PersistLocked)?;
    if artifact::standing(path, ablated) != before && !ablated.has(Ablation::Stamp) {
        if !forced || ablated.has(Ablation::ForcedReplaces) {
            return Ok(Saved::Dropped);
        }
        if !ablated.has(Ablation::ForcedCatchesUp) {
            catch_up(context, path, memo).or_else(keep_the_answer)?;
        }
    }
    let mut stamp = [0; 16];
    getrandom::fill(&mut stamp).map_err(io::Error::other)?;
    let bytes = artifact::encode(memo, context.path, stamp).map_err(io::Error::other)?;
    artifact::replace::<Failure>(
        path,
        &bytes,
        ablated,
        || Ok(reached(context.probe, context.path, Point::PersistHalfWritten)?),
        || Ok(reached(context.probe, context.path, Point::PersistWritten)?),
    )?;
    reached(context.probe, context.path, Point::Persisted)?;
    Ok(Saved::Written { bytes: bytes.len() as u64, standing: Standing::Stamped(stamp) })
}

/// Waits for the lock of the artifact. Others hold it for as long as writing a small file takes,
/// unless they hang: so no longer than for a locked database, and not after a cancellation.
fn lock(context: Context<'_>, path: &Path) -> Result<Lock, Failure> {
    const NAP: Duration = Duration::from_millis(2);
    let start = Instant::now();
    let mut waits = false;
    loop {
        if let Some(lock) = artifact::try_lock(path)? {
            return Ok(lock);
        }
        context.control.check(context.path)?;
        if !std::mem::replace(&mut waits, true) {
            reached(context.probe, context.path, Point::PersistWaits)?;
        }
        if start.elapsed() >= context.busy_timeout {
            return Err(io::Error::other("another scan holds its lock for too long").into());
        }
        std::thread::sleep(NAP);
    }
}

/// An answer is not lost because the database cannot be read once more: only what the caller, or a
/// test, asked for ends the scan.
fn keep_the_answer(error: ScanError) -> Result<(), Failure> {
    match error {
        ScanError::Cancelled { .. } | ScanError::Injected { .. } => Err(error.into()),
        error => Err(io::Error::other(error.to_string()).into()),
    }
}

/// Reads the rows that another scan stored meanwhile, into `memo`, while the lock keeps others from
/// storing more.
fn catch_up(context: Context<'_>, path: &Path, memo: &mut Memo) -> Result<(), ScanError> {
    let (Loaded::Memo(stored, _), _) = artifact::load(path, context.path, context.ablated) else {
        return Ok(());
    };
    if stored.identity != memo.identity || stored.cursor <= memo.cursor {
        return Ok(());
    }
    let snapshot = Snapshot::open(context, 1)?;
    match advance(context, memo.clone(), &snapshot, &mut Work::start()) {
        Ok(Advanced { memo: newer, .. }) => {
            snapshot.confirm(context.path)?;
            *memo = newer;
            Ok(())
        }
        // The database is another one by now; the next launch will find out from this memo as from
        // any.
        Err(Refusal::Reason(_)) => Ok(()),
        Err(Refusal::Error(error)) => Err(error),
    }
}
