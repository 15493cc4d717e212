//! One refresh from beginning to end: walk and compare, read what changed, write the memo, add up.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::ablation::Ablation;
use super::compare::Work;
use super::copies;
use super::error::ArchiveError;
use super::memo::{Memo, NotOpened};
use super::part::Part;
use super::result::{Phases, Problem, Refresh, Stats};
use super::usage::Usage;
use super::walk;
use super::{ARCHIVED, Options, Request, SESSIONS};
use crate::stop::is_to_stop;

/// What is common to all steps of a refresh.
pub(super) struct Context<'a> {
    pub(super) home: &'a Path,
    pub(super) options: &'a Options,
    pub(super) request: &'a Request<'a>,
    pub(super) memo: Option<Memo>,
    state: Mutex<Progress>,
    files_done: AtomicU64,
    bytes_done: AtomicU64,
    cancelled: AtomicBool,
    /// Shards that are kept open for their details.
    pub(super) held: AtomicUsize,
}

#[derive(Default)]
pub(super) struct Progress {
    pub(super) parts: Vec<Part>,
    pub(super) work: Vec<Work>,
    pub(super) stats: Stats,
    warnings: Vec<String>,
}

pub(super) fn refresh(
    home: &Path,
    options: &Options,
    request: &Request<'_>,
) -> Result<Refresh, ArchiveError> {
    let start = Instant::now();
    let home = resolve(home)?;
    let request = &Request {
        priority: request.priority.filter(|_| !options.lacks(Ablation::Join)),
        ..*request
    };
    let mut progress = Progress::default();
    let memo =
        match options.memo.as_ref().map(|folder| (folder, Memo::open(folder, &home, options))) {
            Some((_, Ok((memo, warning)))) => {
                progress.warnings.extend(warning);
                Some(memo)
            }
            Some((_, Err(NotOpened::Foreign(path)))) => return Err(ArchiveError::NoMemo { path }),
            Some((folder, Err(NotOpened::Io(error)))) => {
                progress.warnings.push(not_written(folder, &error));
                None
            }
            None => None,
        };
    let context = Context {
        home: &home,
        options,
        request,
        memo,
        state: Mutex::new(progress),
        files_done: AtomicU64::new(0),
        bytes_done: AtomicU64::new(0),
        cancelled: AtomicBool::new(false),
        held: AtomicUsize::new(0),
    };
    let threads = options.threads.get();
    let opened = start.elapsed();
    let walking = Instant::now();
    let walked = walk::walk(&home, &[SESSIONS, ARCHIVED], options, &context);
    {
        let stats = &mut context.lock().stats;
        stats.folders = walked.folders;
        stats.metadata_calls += walked.calls;
        let phases = &mut stats.phases;
        (phases.walk, phases.metadata) = (walked.listing, walked.metadata);
        Phases::divide(
            walking.elapsed(),
            [&mut phases.walk, &mut phases.metadata, &mut phases.load],
        );
        phases.load += opened;
    }
    let loading = Instant::now();
    let failed = context.look_for_gone_ones(walked.failed);
    let reading = Instant::now();
    context.read_all(threads);
    if context.is_cancelled() {
        return Err(ArchiveError::Cancelled { path: home.clone() });
    }
    let aggregating = Instant::now();
    {
        let phases = &mut context.lock().stats.phases;
        phases.load += reading - loading;
        Phases::divide(aggregating - reading, [&mut phases.parse, &mut phases.persist]);
    }
    let mut progress = std::mem::take(&mut *context.lock());
    progress.parts.sort_by(|one, other| one.order().cmp(&other.order()));
    let diverged = copies::set_aside(&context, &mut progress.parts, &mut progress.stats);
    if is_to_stop() {
        // What it read last may not be all.
        return Err(ArchiveError::Cancelled { path: home.clone() });
    }
    Ok(progress.into_refresh(failed, diverged, aggregating))
}

/// The path of the home with links resolved, if it is one.
fn resolve(home: &Path) -> Result<PathBuf, ArchiveError> {
    let path = || home.to_owned();
    let resolved = home.canonicalize().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => ArchiveError::Missing { path: path() },
        _ => ArchiveError::Io { path: path(), source },
    })?;
    let mut has_one = false;
    for folder in [SESSIONS, ARCHIVED] {
        match std::fs::metadata(resolved.join(folder)) {
            Ok(found) => has_one |= found.is_dir(),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) => {}
            Err(source) => return Err(ArchiveError::Io { path: resolved.join(folder), source }),
        }
    }
    if has_one { Ok(resolved) } else { Err(ArchiveError::NoArchive { path: path() }) }
}

fn not_written(folder: &Path, error: &io::Error) -> String {
    format!(
        "{}: the memo could not be written ({error}); the next refresh reads anew what it lacks. \
         Check the folder's permissions and free space, or name another one",
        folder.display()
    )
}

impl Progress {
    fn into_refresh(
        self,
        failed: Vec<Problem>,
        diverged: Vec<Problem>,
        aggregating: Instant,
    ) -> Refresh {
        let Self { parts, mut stats, warnings, .. } = self;
        let (mut usage, mut sessions, mut problems) = (Usage::default(), Vec::new(), failed);
        problems.extend(diverged);
        for part in parts {
            usage.extend(&part.sums.models, part.sums.totals);
            let found = part.sums.found;
            stats.unknown_lines += found.unknown;
            stats.broken_lines += found.broken;
            stats.untyped += found.untyped;
            stats.inferred += found.inferred;
            sessions.extend(part.sessions);
            problems.extend(part.problems);
        }
        sessions.sort_by(|one, other| one.path.cmp(&other.path));
        problems.sort_by(|one, other| one.path.cmp(&other.path));
        stats.phases.aggregate = aggregating.elapsed();
        Refresh { usage, sessions, problems, warnings, stats }
    }
}

impl Context<'_> {
    pub(super) fn lock(&self) -> MutexGuard<'_, Progress> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says once that a part of the memo is not whole.
    pub(super) fn damaged(&self) {
        let folder = self.options.memo.as_ref().filter(|_| !self.options.lacks(Ablation::MemoSaid));
        let Some(folder) = folder else { return };
        self.warning(format!(
            "{}: a part of the memo is damaged; its sessions are read anew and it is written anew",
            folder.display()
        ));
    }

    /// Says once why the memo cannot be written.
    pub(super) fn warn(&self, error: &io::Error) {
        let Some(folder) = &self.options.memo else { return };
        self.warning(not_written(folder, error));
    }

    fn warning(&self, warning: String) {
        let warnings = &mut self.lock().warnings;
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// Whether everything is to be read.
    pub(super) fn rescans(&self) -> bool {
        self.request.rescan && !self.options.lacks(Ablation::RescanReads)
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) || is_to_stop()
    }

    pub(super) fn done(&self, files: u64, bytes: u64) {
        let files = self.files_done.fetch_add(files, Ordering::Relaxed) + files;
        let bytes = self.bytes_done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if self.request.progress.is_some_and(|progress| !progress(files, bytes)) {
            self.cancelled.store(true, Ordering::Relaxed);
        }
    }
}

impl Stats {
    /// Adds what one shard has cost. Bytes are counted by reader.
    pub(super) fn add(&mut self, other: &Self) {
        self.unchanged += other.unchanged;
        self.continued += other.continued;
        self.parsed += other.parsed;
        self.moved += other.moved;
        self.gone += other.gone;
        self.stale += other.stale;
        self.metadata_calls += other.metadata_calls;
        self.shards_read += other.shards_read;
        self.shards_written += other.shards_written;
        self.memo_bytes_written += other.memo_bytes_written;
        self.phases.parse += other.phases.parse;
        self.phases.persist += other.phases.persist;
    }
}
