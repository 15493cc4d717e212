//! The process that is measured: it appends the lines of a conversation on many threads, and tells
//! its latencies as one line of JSON.
//!
//! Started by the harness as `tracerig __append PARENT TASK`, where TASK is a JSON file.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tracerig_datasets::Conversation;
use tracerig_reports::record::Histogram;
use tracerig_store::threads::{
    Item, LiveThread, Millis, Mode, SessionMeta, StoreOptions, ThreadId, ThreadStore,
};

use super::contender;
use super::counting::{CountingDisk, Counts};
use super::crash::writer::Writer;
use super::definition::Condition;
use crate::handicap::{self, Handicap};
use crate::platform;

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "__append";

/// What a process of this scenario does.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Task {
    /// Append, and measure.
    Load(Load),
    /// Keep taking the write lock of a database until killed.
    Contend(contender::Contender),
    /// Append until killed, and tell what has returned.
    Crash(Writer),
}

/// What is appended, by whom, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Load {
    /// The name of a mode; `None` appends to plain files.
    pub(super) mode: Option<String>,
    /// The folder of the store.
    pub(super) folder: PathBuf,
    pub(super) condition: Condition,
    /// Of the conversation.
    pub(super) seed: u64,
    /// Measured appends of each thread.
    pub(super) appends: u64,
    pub(super) warmup: u64,
    pub(super) barriers: u64,
    /// The thread ids, in order.
    pub(super) threads: Vec<String>,
    /// What is planted; absent where nothing is.
    #[serde(default, skip_serializing_if = "Handicap::is_none")]
    pub(super) handicap: Handicap,
}

impl Load {
    /// Lines that each thread appends in all.
    pub(super) fn lines_of_a_thread(&self) -> u64 {
        self.warmup + self.appends + self.barriers
    }
}

/// Whether a mode of this name projects before an append returns.
pub(super) fn is_synchronous(mode: &str) -> bool {
    mode.starts_with("sync")
}

/// What a process tells that has appended.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reply {
    /// From the intended start of an append to its return.
    pub(super) append: Histogram,
    /// From its real start, where that is another.
    pub(super) service: Histogram,
    pub(super) barrier: Histogram,
    pub(super) staleness: Histogram,
    /// From the first measured append to the last.
    pub(super) load_ns: u64,
    /// From then until every row was up to date and every history closed.
    pub(super) settle_ns: u64,
    /// Bytes that were written to histories.
    pub(super) history_bytes: u64,
    pub(super) history_syncs: u64,
    pub(super) transactions: u64,
    pub(super) projections: u64,
    pub(super) failed_projections: u64,
    /// Transactions and projections of the measured appends alone.
    pub(super) load_transactions: u64,
    pub(super) load_projections: u64,
    pub(super) peak_memory_bytes: Option<u64>,
}

/// The arguments of such a process.
pub(super) fn arguments(task: &Path) -> Vec<OsString> {
    vec![SUBCOMMAND.into(), std::process::id().to_string().into(), task.as_os_str().to_owned()]
}

/// Runs as a worker. `arguments` are those after the subcommand.
pub fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut run = || -> Result<(), String> {
        let mut next =
            || arguments.next().ok_or("a worker is started by the harness only; see --help");
        let parent =
            next()?.to_string_lossy().parse().map_err(|error| format!("parent: {error}"))?;
        platform::die_with_parent(parent);
        let path = PathBuf::from(next()?);
        let told = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let task: Task = serde_json::from_slice(&told).map_err(|error| error.to_string())?;
        match task {
            Task::Contend(contender) => contender.run(),
            Task::Crash(writer) => writer.run(),
            Task::Load(load) => {
                let reply = load.run()?;
                let mut line = serde_json::to_vec(&reply).map_err(|error| error.to_string())?;
                line.push(b'\n');
                std::io::stdout()
                    .write_all(&line)
                    .map_err(|error| format!("standard output: {error}"))
            }
        }
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody may be listening any more.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

/// What one thread of execution appends to.
trait Target: Send {
    fn append(&mut self, item: &Item) -> Result<(), String>;
    fn flush(&mut self) -> Result<(), String>;
    fn close(&mut self) -> Result<(), String>;
}

impl Target for LiveThread {
    fn append(&mut self, item: &Item) -> Result<(), String> {
        LiveThread::append(self, std::slice::from_ref(item)).map_err(|error| error.to_string())
    }

    fn flush(&mut self) -> Result<(), String> {
        LiveThread::flush(self).map_err(|error| error.to_string())
    }

    fn close(&mut self) -> Result<(), String> {
        self.shutdown().map_err(|error| error.to_string())
    }
}

/// The floor: the same lines, one `write(2)` each.
struct Bare {
    file: File,
    line: Vec<u8>,
    syncs: Option<Arc<AtomicU64>>,
}

impl Target for Bare {
    fn append(&mut self, item: &Item) -> Result<(), String> {
        self.line.clear();
        item.write_line(Millis::now().rfc3339().as_str(), &mut self.line);
        let mut written = self.file.write_all(&self.line);
        if let (Ok(()), Some(syncs)) = (&written, &self.syncs) {
            syncs.fetch_add(1, Ordering::Relaxed);
            written = self.file.sync_data();
        }
        written.map_err(|error| error.to_string())
    }

    fn flush(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        self.file.sync_data().map_err(|error| error.to_string())
    }
}

/// Latencies of one thread of execution.
#[derive(Default)]
struct Latencies {
    append: Histogram,
    service: Histogram,
    barrier: Histogram,
}

impl Load {
    fn run(&self) -> Result<Reply, String> {
        let conversation = Conversation::of(self.seed).map_err(|error| error.to_string())?;
        let counts = Arc::new(Counts::default());
        let store = self.mode.as_deref().map(|mode| self.open(mode, &counts)).transpose()?;
        let mut targets = Vec::new();
        for id in &self.threads {
            targets.push(self.target(store.as_ref(), id, &counts)?);
        }
        let warmed = Barrier::new(targets.len() + 1);
        let start = Barrier::new(targets.len() + 1);
        let loaded = Barrier::new(targets.len() + 1);
        let counted = Barrier::new(targets.len() + 1);
        let settled = Barrier::new(targets.len() + 1);
        let told = Barrier::new(targets.len() + 1);
        let measured = Barrier::new(targets.len() + 1);
        let mut reply = Reply::default();
        std::thread::scope(|scope| -> Result<(), String> {
            let mut running = Vec::new();
            for (index, target) in targets.into_iter().enumerate() {
                let items: Vec<&Item> = conversation
                    .of_thread(index)
                    .take(usize::try_from(self.lines_of_a_thread()).unwrap_or(usize::MAX))
                    .collect();
                let run = Appender {
                    load: self,
                    index: index as u64,
                    target,
                    warmed: &warmed,
                    start: &start,
                    loaded: &loaded,
                    counted: &counted,
                    settled: &settled,
                    told: &told,
                    measured: &measured,
                };
                running.push(scope.spawn(move || run.run(&items)));
            }
            // Read while nobody appends.
            warmed.wait();
            counts.forget_staleness();
            let transactions = store.as_ref().map_or(0, ThreadStore::transactions);
            let projections = counts.projections.load(Ordering::Relaxed);
            start.wait();
            let begun = Instant::now();
            loaded.wait();
            let ended = Instant::now();
            reply.load_ns = nanos(ended - begun);
            reply.load_transactions =
                store.as_ref().map_or(0, ThreadStore::transactions) - transactions;
            reply.load_projections = counts.projections.load(Ordering::Relaxed) - projections;
            counted.wait();
            // Rows that are late by now are part of how late rows are; what the barriers do is not.
            settled.wait();
            reply.staleness = counts.staleness();
            told.wait();
            measured.wait();
            for appender in running {
                let latencies = appender
                    .join()
                    .map_err(|_| "an appending thread has panicked".to_owned())??;
                reply.append.merge(&latencies.append);
                reply.service.merge(&latencies.service);
                reply.barrier.merge(&latencies.barrier);
            }
            reply.settle_ns = nanos(ended.elapsed());
            Ok(())
        })?;
        reply.transactions = store.as_ref().map_or(0, ThreadStore::transactions);
        reply.projections = counts.projections.load(Ordering::Relaxed);
        reply.failed_projections = counts.failed.load(Ordering::Relaxed);
        reply.history_bytes = counts.bytes.load(Ordering::Relaxed);
        reply.history_syncs = counts.syncs.load(Ordering::Relaxed);
        reply.peak_memory_bytes = platform::peak_memory();
        Ok(reply)
    }

    fn open(&self, mode: &str, counts: &Arc<Counts>) -> Result<ThreadStore, String> {
        let mode: Mode = mode.parse().map_err(|error| format!("{error}"))?;
        let extra_syncs = if is_synchronous(mode.name()) { self.handicap.syncs } else { 0 };
        let options = StoreOptions {
            mode,
            durability: self.condition.durability(),
            disk: Arc::new(CountingDisk { counts: Arc::clone(counts), extra_syncs }),
            observer: Some(Arc::<Counts>::clone(counts)),
            // A row that waits for the contender is late, not lost.
            busy_timeout: Duration::from_secs(60),
            ..StoreOptions::default()
        };
        ThreadStore::open(&self.folder, options).map_err(|error| error.to_string())
    }

    fn target(
        &self,
        store: Option<&ThreadStore>,
        id: &str,
        counts: &Arc<Counts>,
    ) -> Result<Box<dyn Target>, String> {
        let Some(store) = store else {
            let path = self.folder.join(id).with_extension("jsonl");
            let file = File::options().append(true).create_new(true).open(&path);
            let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
            let syncs = self.condition.fsync.then(|| Arc::clone(&counts.syncs));
            return Ok(Box::new(Bare { file, line: Vec::new(), syncs }));
        };
        let id: ThreadId = id.parse().map_err(|error| format!("{error}"))?;
        let meta = SessionMeta {
            timestamp: Some(Millis::now()),
            cwd: Some("/home/dev/work/project".to_owned()),
            source: Some("cli".to_owned()),
            model_provider: Some("openai".to_owned()),
            cli_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            ..SessionMeta::new(id)
        };
        Ok(Box::new(store.create(&meta).map_err(|error| error.to_string())?))
    }
}

/// One thread of execution of a load.
struct Appender<'a> {
    load: &'a Load,
    index: u64,
    target: Box<dyn Target>,
    warmed: &'a Barrier,
    start: &'a Barrier,
    loaded: &'a Barrier,
    counted: &'a Barrier,
    settled: &'a Barrier,
    told: &'a Barrier,
    measured: &'a Barrier,
}

impl Appender<'_> {
    /// Every phase waits for every thread, also when this one has failed.
    fn run(mut self, items: &[&Item]) -> Result<Latencies, String> {
        let mut latencies = Latencies::default();
        let (warmup, rest) = items.split_at(usize::try_from(self.load.warmup).unwrap_or(0));
        let (measured, barriers) = rest.split_at(usize::try_from(self.load.appends).unwrap_or(0));
        let mut done = self.warm_up(warmup);
        self.warmed.wait();
        self.start.wait();
        done = done.and_then(|()| self.append_all(measured, &mut latencies));
        self.loaded.wait();
        self.counted.wait();
        done = done.and_then(|()| self.target.flush());
        self.settled.wait();
        self.told.wait();
        done = done.and_then(|()| self.flush_each(barriers, &mut latencies));
        self.measured.wait();
        done.and_then(|()| self.target.close()).map(|()| latencies)
    }

    fn warm_up(&mut self, items: &[&Item]) -> Result<(), String> {
        for item in items {
            self.target.append(item)?;
        }
        self.target.flush()
    }

    fn append_all(&mut self, items: &[&Item], latencies: &mut Latencies) -> Result<(), String> {
        let Some(rate) = self.load.condition.rate else {
            for item in items {
                let begun = Instant::now();
                self.target.append(item)?;
                handicap::spend(self.load.handicap);
                latencies.append.record(begun.elapsed());
            }
            return Ok(());
        };
        // All threads together keep the rate; each has its turn in every period.
        platform::wake_promptly();
        let threads = self.load.condition.threads.max(1);
        let period = Duration::from_secs_f64(threads as f64 / rate as f64);
        let first = Instant::now() + period.mul_f64(self.index as f64 / threads as f64);
        for (number, item) in items.iter().enumerate() {
            let intended = first + period.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX));
            if let Some(early) = intended.checked_duration_since(Instant::now()) {
                std::thread::sleep(early);
            }
            let begun = Instant::now();
            self.target.append(item)?;
            handicap::spend(self.load.handicap);
            let ended = Instant::now();
            latencies.append.record(ended - intended);
            latencies.service.record(ended - begun);
        }
        Ok(())
    }

    fn flush_each(&mut self, items: &[&Item], latencies: &mut Latencies) -> Result<(), String> {
        for item in items {
            self.target.append(item)?;
            let begun = Instant::now();
            self.target.flush()?;
            latencies.barrier.record(begun.elapsed());
        }
        Ok(())
    }
}

fn nanos(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
