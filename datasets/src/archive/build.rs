//! Building an archive: a few threads write sessions, each by itself, and what they say is added
//! up.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use sha2::{Digest, Sha256};

use super::digest::{Entry, of_entries};
use super::expected::Expected;
use super::manifest::ArchiveManifest;
use super::plan::{Plan, Session};
use super::recipe::ArchiveRecipe;
use super::rollout::Writer;
use super::{ArchiveDataset, HOME};
use crate::cache::{BuildOptions, Dataset, Progress, Report, Stage};
use crate::error::{DatasetError, Result};
use crate::limits::MOST_SESSION_BYTES;
use crate::lock::Hold;
use crate::prose::Pools;
use crate::recipe::common::{scaled, too_large};

/// How often the caller hears of progress.
const REPORT_EVERY: Duration = Duration::from_millis(50);

/// Sessions that a thread takes at a time.
const TAKEN: usize = 16;

/// What a thread has written.
#[derive(Debug, Default)]
struct Share {
    entries: Vec<Entry>,
    expected: Expected,
    of_turns: BTreeMap<String, Expected>,
    copies: u64,
    lines: u64,
    unknown: u64,
}

/// Builds an archive in an existing, empty folder, beside the trace database `trace`.
pub(super) fn build(
    folder: &Path,
    recipe: &ArchiveRecipe,
    options: &BuildOptions,
    trace: Dataset,
    report: Report<'_>,
) -> Result<ArchiveDataset> {
    let seed = options.seed.unwrap_or(recipe.seed);
    let manifest = &trace.manifest;
    let plan = Plan::new(recipe, seed, manifest.continuation.last_ts, &manifest.truth.turns);
    let largest =
        plan.sessions.iter().map(|session| scaled(session.bytes, options.scale)).max().unwrap_or(0);
    if largest > MOST_SESSION_BYTES {
        let what = "bytes in its largest session";
        return Err(too_large(recipe.name(), options.scale, what, largest, MOST_SESSION_BYTES));
    }
    let home = folder.join(HOME);
    make_folders(&home, &plan)?;
    let job = Job {
        recipe,
        home: &home,
        plan: &plan,
        pools: &Pools::of(seed),
        seed,
        scale: options.scale,
        threads: std::thread::available_parallelism().map_or(1, |cores| cores.get().min(8)),
        next: AtomicUsize::new(0),
        done: AtomicU64::new(0),
        cancelled: AtomicBool::new(false),
    };
    let mut all = job.run(report)?;
    let bytes = all.entries.iter().map(|(_, bytes, _)| bytes).sum();
    let largest = all.entries.iter().max_by_key(|(path, bytes, _)| (*bytes, path.clone()));
    let manifest = ArchiveManifest {
        name: recipe.name.clone(),
        recipe: recipe.canonical(),
        seed,
        scale: options.scale,
        generator_version: crate::GENERATOR_VERSION,
        trace_rows_digest: manifest.rows_digest.clone(),
        largest: largest.map(|(path, bytes, _)| (path.clone(), *bytes)).unwrap_or_default(),
        digest: of_entries(&mut all.entries),
        files: all.entries.len() as u64,
        copies: all.copies,
        bytes,
        lines: all.lines,
        unknown_lines: all.unknown,
        expected: all.expected,
        of_turns: all.of_turns,
    };
    manifest.write(folder)?;
    Ok(ArchiveDataset { home, manifest, trace, hold: Hold::default() })
}

/// All folders of the plan, so that threads need not make them twice.
fn make_folders(home: &Path, plan: &Plan) -> Result<()> {
    let paths = plan
        .sessions
        .iter()
        .flat_map(|session| session.copy.iter().chain(&session.twin).chain([&session.path]));
    let folders: BTreeSet<&Path> = paths.filter_map(|path| path.parent()).collect();
    for folder in folders {
        let folder = home.join(folder);
        fs::create_dir_all(&folder).map_err(DatasetError::io(&folder, "create"))?;
    }
    Ok(())
}

struct Job<'a> {
    recipe: &'a ArchiveRecipe,
    home: &'a Path,
    plan: &'a Plan,
    pools: &'a Pools,
    seed: u64,
    scale: f64,
    threads: usize,
    next: AtomicUsize,
    done: AtomicU64,
    cancelled: AtomicBool,
}

impl Job<'_> {
    fn run(&self, report: Report<'_>) -> Result<Share> {
        let total = self.recipe.bytes(self.scale);
        let shares = std::thread::scope(|scope| {
            let (alive, ended) = channel::<()>();
            let start_one = |_| {
                let alive = alive.clone();
                let work = move || {
                    let share = self.work();
                    // Nobody needs what the others would write.
                    self.cancelled.fetch_or(share.is_err(), Ordering::Relaxed);
                    drop(alive);
                    share
                };
                std::thread::Builder::new().spawn_scoped(scope, work)
            };
            let (mut workers, mut refused) = (Vec::new(), None);
            for place in 0..self.threads {
                match start_one(place) {
                    Ok(worker) => workers.push(worker),
                    Err(error) => refused = Some(error),
                }
            }
            drop(alive);
            // Those that run do the work of one that the system does not start.
            if let (true, Some(error)) = (workers.is_empty(), refused) {
                return Err(DatasetError::io(self.home, "start a thread to write")(error));
            }
            // Nothing is ever sent: the channel ends with its last thread.
            while ended.recv_timeout(REPORT_EVERY) == Err(RecvTimeoutError::Timeout) {
                let done = self.done.load(Ordering::Relaxed);
                let told = Progress { stage: Stage::Writing, done, total: total.max(done) };
                self.cancelled.fetch_or(report(told).is_break(), Ordering::Relaxed);
            }
            let broken = || DatasetError::Broken {
                path: self.home.to_owned(),
                detail: "a thread of the generator panicked".to_owned(),
            };
            let joined = workers.into_iter().map(|worker| worker.join().map_err(|_| broken())?);
            joined.collect::<Result<Vec<Share>>>()
        })?;
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(DatasetError::Cancelled);
        }
        let mut all = Share::default();
        for share in shares {
            all.entries.extend(share.entries);
            all.expected.extend(&share.expected);
            all.of_turns.extend(share.of_turns);
            all.copies += share.copies;
            all.lines += share.lines;
            all.unknown += share.unknown;
        }
        Ok(all)
    }

    fn work(&self) -> Result<Share> {
        let mut share = Share::default();
        let mut buffer = Vec::new();
        loop {
            let from = self.next.fetch_add(TAKEN, Ordering::Relaxed);
            let Some(rest) = self.plan.sessions.get(from..).filter(|rest| !rest.is_empty()) else {
                break;
            };
            for session in &rest[..TAKEN.min(rest.len())] {
                if self.cancelled.load(Ordering::Relaxed) {
                    return Ok(share);
                }
                self.write(session, &mut buffer, &mut share)?;
            }
        }
        Ok(share)
    }

    fn write(&self, session: &Session, buffer: &mut Vec<u8>, share: &mut Share) -> Result<()> {
        let mut writer = Writer::new(session, self.pools, self.recipe.unknown_per_mille, self.seed);
        buffer.clear();
        std::mem::swap(buffer, &mut writer.out);
        writer.whole(self.scale);
        let written = std::mem::take(&mut writer.written);
        std::mem::swap(buffer, &mut writer.out);
        share.expected.extend(&written.expected);
        share.of_turns.extend(written.of_turns);
        share.lines += written.lines;
        share.unknown += written.unknown.len() as u64;
        if session.is_compressed {
            self.put(
                &session.path,
                &compress_to_vec(&buffer[..], CompressionLevel::Fastest),
                share,
            )?;
        } else {
            self.put(&session.path, buffer, share)?;
        }
        if let Some(twin) = &session.twin {
            share.copies += 1;
            share.lines += written.lines;
            share.unknown += written.unknown.len() as u64;
            self.put(twin, buffer, share)?;
        }
        if let Some(copy) = &session.copy {
            // Up to the last line break in its first two thirds.
            let part = &buffer[..buffer.len() / 3 * 2];
            let part = &part[..memchr::memrchr(b'\n', part).map_or(0, |at| at + 1)];
            share.copies += 1;
            share.lines += memchr::memchr_iter(b'\n', part).count() as u64;
            share.unknown += written.unknown.iter().filter(|at| **at < part.len()).count() as u64;
            self.put(copy, part, share)?;
        }
        Ok(())
    }

    fn put(&self, path: &PathBuf, bytes: &[u8], share: &mut Share) -> Result<()> {
        let whole = self.home.join(path);
        fs::write(&whole, bytes).map_err(DatasetError::io(&whole, "write the rollout"))?;
        let length = bytes.len() as u64;
        share.entries.push((path.clone(), length, Sha256::digest(bytes).into()));
        self.done.fetch_add(length, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::truth::Turn;

    #[test]
    fn the_files_are_the_same_whatever_the_number_of_threads() {
        let recipe = ArchiveRecipe::builtin("archive-tiny").unwrap();
        let turn = |at: i64| Turn {
            turn: format!("01a1faad-9e9c-7711-b281-38318a4c96{at}"),
            thread: Some("01a1faad-9c57-7691-9b09-455304ae0d9f".to_owned()),
            model: None,
            timestamp: 1_795_207_000 + at * 100,
        };
        let plan = Plan::new(&recipe, 7, 1_795_210_000, &[turn(20), turn(10)]);
        let written = |threads: usize| {
            let folder = tempfile::tempdir().unwrap();
            make_folders(folder.path(), &plan).unwrap();
            let job = Job {
                recipe: &recipe,
                home: folder.path(),
                plan: &plan,
                pools: &Pools::of(7),
                seed: 7,
                scale: 1.0,
                threads,
                next: AtomicUsize::new(0),
                done: AtomicU64::new(0),
                cancelled: AtomicBool::new(false),
            };
            let mut share = job.run(&mut |_| ControlFlow::Continue(())).unwrap();
            (
                of_entries(&mut share.entries),
                share.expected,
                share.lines,
                share.unknown,
                share.copies,
            )
        };
        let (digest, expected, lines, unknown, copies) = written(1);
        for threads in [2, 5] {
            assert_eq!(
                written(threads),
                (digest.clone(), expected.clone(), lines, unknown, copies)
            );
        }
        assert!(lines > 1000 && unknown > 10 && copies > 3, "{lines} {unknown} {copies}");
    }
}
