//! Keeping a memo, and telling a database, as published scanners do.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use super::{Ablation, Ablations};
use crate::answer::{Mode, Phases, Reason, Scan, Stats, Turns, Window};
use crate::artifact::{self, Loaded};
use crate::error::ScanError;
use crate::facts::{Fact, FactSet, Kind, NameId};
use crate::identity::{self, Identity};
use crate::memo::Memo;
use crate::snapshot::{Context, Snapshot};

/// The published limit of 4,096, scaled down to histories of a few rows.
const PENDING: usize = 2;

/// Forgets what some published scanner does not remember.
pub(crate) fn forget(ablated: Ablations, facts: &mut FactSet, window: Window) {
    if ablated.has(Ablation::PendingLimit) {
        let proven: HashSet<NameId> = facts.iter().filter_map(evidence).collect();
        let is_pending = |fact: &&Fact| match fact.kind {
            Kind::Completion { turn, .. } => !proven.contains(&turn),
            _ => false,
        };
        let mut pending: Vec<i64> = facts.iter().filter(is_pending).map(|fact| fact.id).collect();
        pending.truncate(pending.len().saturating_sub(PENDING));
        facts.remove(&pending);
    }
    if ablated.has(Ablation::WindowRemembered) {
        let is_outside =
            |fact: &&Fact| evidence(fact).is_some() && !window.contains(fact.signature.ts);
        let outside: Vec<i64> = facts.iter().filter(is_outside).map(|fact| fact.id).collect();
        facts.remove(&outside);
    }
}

/// The turn that a row is evidence for, whatever its tier.
fn evidence(fact: &Fact) -> Option<NameId> {
    match fact.kind {
        Kind::Request { turn, .. } | Kind::Tags { turn, .. } | Kind::Submission { turn, .. } => {
            Some(turn)
        }
        Kind::Completion { .. } | Kind::Settings { .. } => None,
    }
}

/// How far a memo with `facts` of `snapshot` has seen the table.
pub(crate) fn cursor(
    context: Context<'_>,
    snapshot: &Snapshot,
    facts: &FactSet,
) -> Result<i64, ScanError> {
    if context.ablated.has(Ablation::CursorMatching) {
        Ok(facts.iter().next_back().map_or(0, |fact| fact.id))
    } else if context.ablated.has(Ablation::Snapshot) {
        snapshot.max_id_by_now(context.path)
    } else {
        Ok(snapshot.max_id)
    }
}

/// Moves the cursor of the persisted memo to the end of the table, after a scan that failed.
pub(crate) fn move_cursor(context: Context<'_>, artifact: &Path) {
    let (Loaded::Memo(memo, _), _) = artifact::load(artifact, context.path, context.ablated) else {
        return;
    };
    let failed = |error: ScanError| io::Error::other(error.to_string());
    // Whatever hinders it, the scan has failed already and says so.
    let _ = Snapshot::open(Context { probe: None, ..context }, 1).map_err(failed).and_then(
        |snapshot| {
            let memo = Memo { cursor: snapshot.max_id, ..memo };
            let bytes = artifact::encode(&memo, context.path, [0; 16]).map_err(io::Error::other)?;
            artifact::replace(artifact, &bytes, Ablations::NONE, || Ok(()), || Ok(()))
        },
    );
}

/// Writes the artifact where it is.
pub(crate) fn write_in_place<E: From<io::Error>>(
    path: &Path,
    bytes: &[u8],
    at_half: impl FnOnce() -> Result<(), E>,
    at_whole: impl FnOnce() -> Result<(), E>,
) -> Result<(), E> {
    let mut file =
        File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let (first, second) = bytes.split_at(bytes.len() / 2);
    file.write_all(first)?;
    at_half()?;
    file.write_all(second)?;
    at_whole()
}

/// Whether `memo` is the first that this process loads of `database`.
pub(crate) fn is_first_memo(database: &Path, memo: &Path) -> bool {
    static LOADED: LazyLock<Mutex<HashMap<PathBuf, PathBuf>>> = LazyLock::new(Mutex::default);
    // A flag for each database, as if it were the only one of the process: other tests run beside.
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    loaded.entry(database.to_owned()).or_insert_with(|| memo.to_owned()) == memo
}

/// What the metadata of `path` itself says, if it is a symbolic link.
pub(crate) fn identity_of_link(ablated: Ablations, path: &Path) -> Option<Identity> {
    let metadata =
        std::fs::symlink_metadata(path).ok().filter(|_| ablated.has(Ablation::DatabaseLink))?;
    metadata.is_symlink().then(|| identity::of(&metadata))
}

/// An answer in place of an error about the database.
pub(crate) fn empty_answer(ablated: Ablations, error: ScanError) -> Result<Scan, ScanError> {
    if !ablated.has(Ablation::Errors)
        || matches!(error, ScanError::Cancelled { .. } | ScanError::Injected { .. })
    {
        return Err(error);
    }
    let stats = Stats {
        mode: Mode::Full,
        reason: Reason::Absent,
        rows_examined: 0,
        rows_checked: 0,
        body_bytes: 0,
        facts: 0,
        completions: 0,
        unrecognised: 0,
        turn_rows: 0,
        turns_seen: 0,
        tier_rows: 0,
        cursor: 0,
        db_bytes: 0,
        artifact_bytes: 0,
        vm_steps: 0,
        persisted: false,
        connections: 1,
        elapsed: Phases::default(),
    };
    Ok(Scan { turns: Turns::new(), stats, warnings: Vec::new() })
}
