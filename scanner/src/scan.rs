//! One scan from beginning to end: load, open, check, scan, persist.

use std::num::NonZeroUsize;
use std::path::Path;

use crate::ablation::{self, Ablation, Ablations};
use crate::advance::advance;
use crate::answer::{Reason, Scan, Stats, Window};
use crate::artifact::{self, Loaded, Standing};
use crate::checks::{self, Check, Refusal};
use crate::control::{Point, reached};
use crate::coverage;
use crate::error::ScanError;
use crate::full::full;
use crate::memo::Memo;
use crate::persist::{self, Saved};
use crate::snapshot::{Context, Snapshot};
use crate::turns::turns;
use crate::work::Work;

/// What to scan and how, beside the [`Context`].
pub(crate) struct Job<'a> {
    pub(crate) context: Context<'a>,
    pub(crate) memo: Source<'a>,
    /// Whether the caller wants every row examined.
    pub(crate) rescan: bool,
    pub(crate) window: Window,
    /// Connections of a full scan, at most.
    pub(crate) connections: NonZeroUsize,
    /// Bytes from which a file is scanned through more than one.
    pub(crate) large_from_bytes: u64,
}

/// Where a memo comes from and goes to.
pub(crate) enum Source<'a> {
    /// Nowhere.
    Disabled,
    /// This process's memory only.
    Memory { held: Option<Held> },
    /// A file, with what this process still holds of it.
    File { path: &'a Path, held: Option<Held> },
}

impl<'a> Source<'a> {
    /// The file, if it is one.
    fn path(&self) -> Option<&'a Path> {
        match self {
            Self::File { path, .. } => Some(path),
            Self::Disabled | Self::Memory { .. } => None,
        }
    }
}

/// A memo kept in memory between the scans of one process.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    memo: Memo,
    /// What was at the artifact's path when this memo was last known to be the newest.
    standing: Standing,
    /// The artifact's size then.
    bytes: u64,
}

/// What a scan leaves: its answer, and what to hold for the next one.
pub(crate) struct Done {
    pub(crate) scan: Scan,
    pub(crate) held: Option<Held>,
}

/// What is known before the database is open.
struct Start {
    /// The memo, or why there is none.
    memo: Result<Memo, Reason>,
    standing: Standing,
    artifact_bytes: u64,
    warning: Option<String>,
}

/// Runs `job`.
pub(crate) fn run(job: Job<'_>) -> Result<Done, ScanError> {
    let (context, place) = (job.context, job.memo.path());
    let done = try_run(job);
    if let (Err(_), Some(place), true) = (&done, place, context.ablated.has(Ablation::CursorFailed))
    {
        ablation::move_cursor(context, place);
    }
    done
}

fn try_run(job: Job<'_>) -> Result<Done, ScanError> {
    let Job { context, memo: mut source, rescan, window, connections, large_from_bytes } = job;
    let Context { path, probe, ablated, .. } = context;
    let mut work = Work::start();
    let mut warnings = Vec::new();

    let start = load(&mut source, path, rescan && !ablated.has(Ablation::ForcedIgnores), ablated);
    warnings.extend(start.warning);
    reached(probe, path, Point::Loaded)?;
    work.lap(|phases| &mut phases.load);

    // A full scan begins with all its connections; a scan with a memo is likely to need only one.
    let at_most = if is_large(path, large_from_bytes) { connections.get() } else { 1 };
    let mut snapshot = Snapshot::open(context, if start.memo.is_ok() { 1 } else { at_most })?;
    work.lap(|phases| &mut phases.open);

    let advanced = start
        .memo
        .map_err(Refusal::Reason)
        .and_then(|memo| advance(context, memo, &snapshot, &mut work));
    let (mut advanced, reason) = match advanced {
        Ok(advanced) => (advanced, Reason::None),
        Err(Refusal::Error(error)) => return Err(or_changed(error, &snapshot, path)),
        Err(Refusal::Reason(reason)) => {
            work.lap(|phases| &mut phases.check);
            if snapshot.connections.len() < at_most {
                snapshot = Snapshot::open(context, at_most)?;
                work.lap(|phases| &mut phases.open);
            }
            // Whatever else was wrong, such a table would force a full scan every time.
            let reason = match (checks::schema(snapshot.schema), reason) {
                (Ok(()), _) | (_, Reason::Disabled | Reason::Forced) => reason,
                (Err(_), _) => Reason::Check(Check::Schema),
            };
            reached(probe, path, Point::Checked)?;
            let scanned = full(context, &mut snapshot, &mut work);
            (scanned.map_err(|error| or_changed(error, &snapshot, path))?, reason)
        }
    };
    snapshot.confirm(path)?;
    if !ablated.is_empty() {
        ablation::forget(ablated, &mut advanced.memo.facts, window);
    }
    let answer = turns(&advanced.memo.facts, window, ablated);
    work.lap(|phases| &mut phases.scan);
    reached(probe, path, Point::Scanned)?;

    let mut stats = Stats {
        mode: advanced.mode,
        reason,
        rows_examined: work.read.rows,
        rows_checked: work.rows_checked,
        body_bytes: work.read.body_bytes,
        facts: advanced.memo.facts.len() as u64,
        completions: advanced.memo.facts.completions() as u64,
        unrecognised: work.read.unrecognised,
        turn_rows: work.turn_rows,
        turns_seen: work.turns_seen,
        tier_rows: work.read.tier_rows,
        cursor: advanced.memo.cursor,
        db_bytes: snapshot.db_bytes,
        artifact_bytes: start.artifact_bytes,
        vm_steps: work.vm_steps,
        persisted: false,
        connections: u32::try_from(snapshot.connections.len()).unwrap_or(u32::MAX),
        elapsed: work.elapsed,
    };
    if !ablated.has(Ablation::Coverage) {
        warnings.extend(coverage::warning(path, snapshot.first(), &stats)?);
    }
    let may_persist =
        checks::schema(snapshot.schema).is_ok() || ablated.has(Ablation::SchemaStored);
    // An open read transaction would keep a writer from starting its write-ahead log anew.
    drop(snapshot);

    let mut memo = advanced.memo;
    let held = match source {
        Source::Disabled => None,
        _ if !may_persist => None,
        Source::Memory { .. } => Some(Held { memo, standing: Standing::Absent, bytes: 0 }),
        Source::File { .. } if !advanced.changed && !ablated.has(Ablation::ArtifactUnchanged) => {
            Some(Held { memo, standing: start.standing, bytes: start.artifact_bytes })
        }
        Source::File { path: artifact, .. } => {
            context.control.check(path)?;
            match persist::save(context, artifact, &mut memo, start.standing, rescan)? {
                Saved::Written { bytes, standing } => {
                    (stats.artifact_bytes, stats.persisted) = (bytes, true);
                    Some(Held { memo, standing, bytes })
                }
                Saved::Dropped => None,
                Saved::Failed(warning) => {
                    warnings.push(warning);
                    Some(Held { memo, standing: start.standing, bytes: start.artifact_bytes })
                }
            }
        }
    };
    work.lap(|phases| &mut phases.persist);
    stats.elapsed = work.elapsed;
    Ok(Done { scan: Scan { turns: answer, stats, warnings }, held })
}

/// What does not fit together in a file that changed while it was read as unchanging is no damage.
fn or_changed(error: ScanError, snapshot: &Snapshot, path: &Path) -> ScanError {
    match error {
        ScanError::Corrupt { .. } => snapshot.confirm(path).err().unwrap_or(error),
        error => error,
    }
}

fn is_large(path: &Path, from_bytes: u64) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.len() >= from_bytes)
}

/// Finds the memo to start from.
fn load(source: &mut Source<'_>, database: &Path, rescan: bool, ablated: Ablations) -> Start {
    let without =
        |reason, standing| Start { memo: Err(reason), standing, artifact_bytes: 0, warning: None };
    let from = |Held { memo, standing, bytes }| Start {
        memo: Ok(memo),
        standing,
        artifact_bytes: bytes,
        warning: None,
    };
    match source {
        Source::Disabled => without(Reason::Disabled, Standing::Absent),
        Source::Memory { .. } if rescan => without(Reason::Forced, Standing::Absent),
        Source::Memory { held } => {
            held.take().map_or_else(|| without(Reason::Absent, Standing::Absent), from)
        }
        Source::File { path, .. } if rescan => {
            without(Reason::Forced, artifact::standing(path, ablated))
        }
        Source::File { path, .. }
            if ablated.has(Ablation::OneMemo) && !ablation::is_first_memo(database, path) =>
        {
            without(Reason::Absent, artifact::standing(path, ablated))
        }
        Source::File { path, held } => {
            // What is in memory is a copy of what is on disk, and no longer good when that has
            // changed.
            if let Some(held) = held.take()
                && (held.standing == artifact::standing(path, ablated)
                    || ablated.has(Ablation::Held))
            {
                return from(held);
            }
            let (loaded, standing) = artifact::load(path, database, ablated);
            match loaded {
                Loaded::Memo(memo, bytes) => from(Held { memo, standing, bytes }),
                Loaded::Absent => without(Reason::Absent, standing),
                Loaded::Refused(check, warning) => {
                    Start { warning: Some(warning), ..without(Reason::Check(check), standing) }
                }
            }
        }
    }
}
