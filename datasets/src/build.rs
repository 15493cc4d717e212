//! Building a dataset: one thread generates rows, another inserts them, then the file is finished
//! and described.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tracerig_store::schema::{FILE_NAME, PAGE_SIZE};
use tracerig_store::{Durability, LogOptions, MAX_AGE_DAYS, Pruning, TraceLog};

use crate::batch::Batch;
use crate::cache::{BuildOptions, Dataset, Progress, Stage};
use crate::digest;
use crate::error::{DatasetError, Result};
use crate::generate::{Goal, Outlet, Used, generate};
use crate::lock::Hold;
use crate::manifest::{Continuation, KindCount, Manifest, Pages};
use crate::recipe::Recipe;
use crate::truth::{Fact, Ran, Truth};

/// Batches that may wait for insertion; bounds the memory of a build.
const WAITING: usize = 16;

/// Page cache of the inserting connection. More would not help: what is changed again soon fits.
const CACHE_KIB: u32 = 64 << 10;

/// Every commit writes all changed pages, so committing often writes many of them several times.
const BATCHES_PER_COMMIT: u32 = 1024;

/// How often the caller hears of progress.
const REPORT_EVERY: Duration = Duration::from_millis(50);

type Report<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

/// Builds a dataset in an existing, empty folder.
pub(crate) fn build(
    folder: &Path,
    recipe: &Recipe,
    options: &BuildOptions,
    report: Report<'_>,
) -> Result<Dataset> {
    let seed = options.seed.unwrap_or(recipe.seed);
    let database = folder.join(FILE_NAME);
    let mut loaded = load(&database, recipe, seed, options.scale, report)?;
    let digests = digest::of_database(&database, report)?;
    let levels = Goal::new(recipe, options.scale).levels;
    if levels.is_some_and(|levels| levels != digests.levels.counts()) {
        let detail = format!("rows by level came out as {:?}", digests.levels);
        return Err(DatasetError::Broken { path: database, detail });
    }
    let mut turn_rows = std::mem::take(&mut loaded.turn_rows);
    let truth = Truth::of(&loaded.facts, &turn_rows, &loaded.quotes, |id| digests.has(id));
    let facts = std::mem::take(&mut loaded.facts);
    let facts: Vec<Fact> = facts.into_iter().filter(|fact| digests.has(fact.id)).collect();
    let named: BTreeSet<&str> = facts.iter().filter_map(|fact| fact.intent.turn()).collect();
    turn_rows.retain(|row| digests.has(row.id) && named.contains(row.turn.as_str()));
    let mut kinds: BTreeMap<String, KindCount> = BTreeMap::new();
    for (id, bytes) in &digests.rows {
        let count = kinds.entry(loaded.kind(*id).to_owned()).or_default();
        count.rows += 1;
        count.body_bytes += u64::from(*bytes);
    }
    let manifest = Manifest {
        name: recipe.name.clone(),
        recipe: recipe.canonical(),
        seed,
        scale: options.scale,
        generator_version: crate::GENERATOR_VERSION,
        rows: digests.rows.len() as u64,
        max_id: digests.max_id(),
        inserted_rows: loaded.inserted_rows,
        inserted_bytes: loaded.inserted_bytes,
        body_bytes: digests.body_bytes(),
        file_bytes: digests.file_bytes,
        pages: Pages {
            page_size: PAGE_SIZE,
            total: loaded.pages,
            free: loaded.free_pages,
            logs: digests.logs_pages,
        },
        levels: digests.levels,
        threads: digests.threads,
        processes: digests.processes,
        kinds,
        truth,
        facts,
        turn_rows,
        continuation: loaded.continuation,
        rows_digest: digests.rows_digest,
        file_digest: digests.file_digest,
    };
    manifest.write(folder)?;
    Ok(Dataset { database, manifest, hold: Hold::default() })
}

/// What is known of the rows after their insertion.
#[derive(Debug, Default)]
struct Loaded {
    facts: Vec<Fact>,
    turn_rows: Vec<Ran>,
    quotes: Vec<i64>,
    /// Names of kinds, and for each batch its first id and the kind of each row.
    kind_names: Vec<&'static str>,
    kinds: Vec<(i64, Vec<u8>)>,
    inserted_rows: u64,
    inserted_bytes: u64,
    pages: u64,
    free_pages: u64,
    continuation: Continuation,
}

impl Loaded {
    fn note(&mut self, batch: &Batch, first_id: i64) {
        self.facts.extend(batch.facts(first_id));
        self.turn_rows.extend(batch.turn_rows(first_id));
        self.quotes.extend(batch.quotes(first_id));
        self.inserted_rows += batch.len() as u64;
        self.inserted_bytes += batch.body_bytes();
        let kinds = batch.kinds().map(|kind| {
            let known = self.kind_names.iter().position(|name| *name == kind);
            let at = known.unwrap_or_else(|| {
                self.kind_names.push(kind);
                self.kind_names.len() - 1
            });
            // An era has some thirty kinds.
            u8::try_from(at).unwrap_or(u8::MAX)
        });
        self.kinds.push((first_id, kinds.collect()));
    }

    fn kind(&self, id: i64) -> &'static str {
        let batch = self.kinds.partition_point(|(first, _)| *first <= id).checked_sub(1);
        let kind = batch.and_then(|batch| {
            let (first, kinds) = &self.kinds[batch];
            kinds.get(usize::try_from(id - first).ok()?)
        });
        kind.and_then(|kind| self.kind_names.get(usize::from(*kind))).copied().unwrap_or("unknown")
    }
}

enum Message {
    Rows(Batch),
    /// Age pruning as at the start of a process, at this Unix time in seconds.
    StartUp(i64),
    /// Gives the file this many pages.
    Grow(u64),
    /// Asks what the database holds.
    Used(SyncSender<Used>),
}

/// The generator's end of the channel to the inserting thread.
struct Sender {
    messages: SyncSender<Message>,
    /// Batches whose rows are inserted, to be used again.
    empty: Receiver<Batch>,
}

impl Outlet for Sender {
    fn send(&mut self, batch: Batch) -> Option<Batch> {
        self.messages.send(Message::Rows(batch)).ok()?;
        Some(self.empty.try_recv().unwrap_or_default())
    }

    fn start_up(&mut self, now: i64) -> Option<()> {
        self.messages.send(Message::StartUp(now)).ok()
    }

    fn grow(&mut self, pages: u64) -> Option<()> {
        self.messages.send(Message::Grow(pages)).ok()
    }

    fn used(&mut self) -> Option<Used> {
        let (answer, used) = sync_channel(1);
        self.messages.send(Message::Used(answer)).ok()?;
        used.recv().ok()
    }
}

/// Generates and inserts all rows and finishes the file.
fn load(
    database: &Path,
    recipe: &Recipe,
    seed: u64,
    scale: f64,
    report: Report<'_>,
) -> Result<Loaded> {
    // The file is thrown away unless it is finished, so nothing in it needs to survive a crash.
    let options = LogOptions {
        durability: Durability::None,
        pruning: Pruning::Ledger,
        cache_kib: CACHE_KIB,
        batches_per_commit: BATCHES_PER_COMMIT,
        ..LogOptions::default()
    };
    let goal = Goal::new(recipe, scale);
    let mut log = TraceLog::open_with(database, options)?;
    let mut loaded = Loaded::default();
    let (messages, inbox) = sync_channel(WAITING);
    let (recycle, empty) = sync_channel(WAITING + 2);
    let ended = std::thread::scope(|scope| {
        let work = move || generate(recipe, seed, scale, &mut Sender { messages, empty });
        let generator = std::thread::Builder::new().spawn_scoped(scope, work);
        let generator =
            generator.map_err(DatasetError::io(database, "start a thread to generate"))?;
        let inserted =
            insert(&mut log, &mut loaded, &inbox, &recycle, goal.inserted_bytes(), report);
        // A generator that still has rows ends when nobody takes them.
        drop(inbox);
        let ended = generator.join();
        inserted.map(|()| ended)
    })?;
    let broken = |detail: &str| DatasetError::Broken {
        path: database.to_path_buf(),
        detail: detail.to_owned(),
    };
    let continuation = ended.map_err(|_| broken("the generator panicked"))??;
    loaded.continuation = continuation.ok_or_else(|| broken("the generator ended early"))?;
    log.pad_with_free_pages(goal.pages)?;
    (loaded.pages, loaded.free_pages) = log.pages()?;
    log.finish_bulk()?;
    Ok(loaded)
}

fn insert(
    log: &mut TraceLog,
    loaded: &mut Loaded,
    inbox: &Receiver<Message>,
    recycle: &SyncSender<Batch>,
    total: u64,
    report: Report<'_>,
) -> Result<()> {
    let mut pruned = 0_u64;
    let mut sequence = 0;
    let mut reported: Option<Instant> = None;
    while let Ok(message) = inbox.recv() {
        match message {
            Message::Rows(mut batch) => {
                if let Some(id) = batch.raise_to.filter(|id| *id > sequence) {
                    log.raise_sequence(id)?;
                }
                let outcome = log.insert_batch(&batch.rows())?;
                sequence = outcome.last_id;
                pruned += outcome.pruned as u64;
                loaded.note(&batch, outcome.first_id);
                batch.clear();
                // A full channel has batches enough.
                let _ = recycle.try_send(batch);
            }
            Message::StartUp(now) => {
                pruned += log.prune_older_than(now - MAX_AGE_DAYS * 86_400)? as u64;
            }
            Message::Grow(pages) => {
                log.pad_with_free_pages(pages)?;
            }
            Message::Used(answer) => {
                let (pages, free) = log.pages()?;
                let _ =
                    answer.send(Used { rows: loaded.inserted_rows - pruned, pages: pages - free });
            }
        }
        if reported.is_none_or(|at| at.elapsed() >= REPORT_EVERY) {
            reported = Some(Instant::now());
            let done = loaded.inserted_bytes;
            let progress = Progress { stage: Stage::Generating, done, total: total.max(done) };
            if report(progress).is_break() {
                return Err(DatasetError::Cancelled);
            }
        }
    }
    Ok(())
}
