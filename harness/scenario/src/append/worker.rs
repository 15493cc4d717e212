//! Who appends: each mode of our store, and plain files beside it, as engines that answer the
//! protocol. A load is measured here, in the threads that append.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use tracerig_protocol::{
    Answer, AppendAnswer, Ask, Capability, Claims, Contract, ErrorKind, Handicap, Hello, LoadAsked,
    LoadThread, Refusal, Request, VERSION,
};
use tracerig_reports::record::{Histogram, names};
use tracerig_store::threads::{
    Durability, IdError, Item, LiveThread, Millis, Mode, SessionMeta, StoreOptions, ThreadId,
    ThreadStore,
};

use super::counting::{CountingDisk, Counts};
use crate::handicap;
use crate::limits::MOST_LINES_OF_A_LOAD;
use crate::platform;
use crate::worker::answers::{Answers, failed};
use crate::worker::append::{append, item, malformed};

/// The engine that appends to plain files.
const BARE: &str = "bare";

/// What the names of the engines begin with that append to our store, each in one mode.
const STORE: &str = "store-";

/// The name of the engine of a mode; without one, that of plain files.
pub(super) fn engine(mode: Option<Mode>) -> String {
    mode.map_or_else(|| BARE.to_owned(), |mode| format!("{STORE}{}", mode.name()))
}

/// The engine of this name.
pub(crate) fn named(name: &str) -> Option<AppendEngine> {
    match name.strip_prefix(STORE) {
        Some(mode) => mode.parse().ok().map(|mode| AppendEngine(Some(mode))),
        None => (name == BARE).then_some(AppendEngine(None)),
    }
}

/// An engine that appends: to our store in a mode, or to plain files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AppendEngine(pub(crate) Option<Mode>);

impl Answers for AppendEngine {
    fn answer(&mut self, request: &Request) -> Result<(Answer, Claims), Refusal> {
        match (&request.ask, self.0) {
            (Ask::Hello { .. }, _) => Ok((Answer::Hello(self.hello()), Claims::default())),
            (Ask::Idle, _) => Ok((Answer::Idle, Claims::default())),
            (Ask::Load(asked), _) => self.load(asked, request.handicap),
            (Ask::Append(asked), Some(mode)) => append(asked, mode),
            _ => {
                let message = format!("{} does not do that", engine(self.0));
                Err(Refusal { kind: ErrorKind::Unsupported, message })
            }
        }
    }
}

impl AppendEngine {
    fn hello(self) -> Hello {
        Hello {
            name: engine(self.0),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            contracts: vec![Contract::Threads],
            capabilities: vec![
                Capability::Serve,
                Capability::Cancel,
                Capability::Handicap,
                Capability::Load,
            ],
            versions: vec![VERSION],
            usage: None,
        }
    }

    pub(crate) fn load(
        self,
        asked: &LoadAsked,
        handicap: Handicap,
    ) -> Result<(Answer, Claims), Refusal> {
        let appends = asked.appends_in_all();
        if !(1..=MOST_LINES_OF_A_LOAD).contains(&appends) {
            let told = format!("{appends} appends; a load has 1 to {MOST_LINES_OF_A_LOAD}");
            return Err(malformed(told));
        }
        let id = |asked: &LoadThread| asked.thread.parse();
        let threads: Result<Vec<ThreadId>, _> = asked.threads.iter().map(id).collect();
        let threads = threads.map_err(|error: IdError| malformed(error.to_string()))?;
        let items = items(&asked.lines.0)?;
        let load = Load { asked, mode: self.0, handicap, threads, items };
        let claims = load.run().map_err(failed)?;
        Ok((Answer::Append(AppendAnswer { appends }), claims))
    }
}

/// The items of a file, in its order.
fn items(path: &Path) -> Result<Vec<Item>, Refusal> {
    let unread = |error: std::io::Error| failed(format!("{}: {error}", path.display()));
    let (mut file, mut line) = (BufReader::new(File::open(path).map_err(unread)?), Vec::new());
    let mut items = Vec::new();
    while file.read_until(b'\n', &mut line).map_err(unread)? > 0 {
        let told = serde_json::from_slice(&line)
            .map_err(|error| failed(format!("{}: {error}", path.display())))?;
        items.push(item(&told)?);
        line.clear();
    }
    if items.is_empty() {
        return Err(failed(format!("{}: it has no lines", path.display())));
    }
    Ok(items)
}

/// Whether a mode projects before an append returns.
pub(super) fn is_synchronous(mode: Mode) -> bool {
    matches!(mode, Mode::Sync | Mode::SyncReadback)
}

/// What is appended, by whom, and when.
struct Load<'a> {
    asked: &'a LoadAsked,
    /// `None` appends to plain files.
    mode: Option<Mode>,
    handicap: Handicap,
    threads: Vec<ThreadId>,
    items: Vec<Item>,
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

impl Load<'_> {
    fn run(&self) -> Result<Claims, String> {
        let counts = Arc::new(Counts::default());
        let store = self.mode.map(|mode| self.open(mode, &counts)).transpose()?;
        let transactions = || store.as_ref().map_or(0, ThreadStore::transactions);
        let projections = || counts.projections.load(Ordering::Relaxed);
        let mut targets = Vec::new();
        for &thread in &self.threads {
            targets.push(self.target(store.as_ref(), thread, &counts)?);
        }
        let stages = Stages::of(targets.len());
        let (mut all, mut staleness) = (Latencies::default(), Histogram::new());
        let mut phases_ns = BTreeMap::new();
        let mut of_load = [("load_transactions", 0), ("load_projections", 0)];
        std::thread::scope(|scope| -> Result<(), String> {
            let mut running = Vec::new();
            for ((index, target), asked) in targets.into_iter().enumerate().zip(&self.asked.threads)
            {
                let items = self.items.iter().cycle();
                let items = items.skip(index_of(asked.first) % self.items.len());
                let items: Vec<&Item> =
                    items.take(index_of(self.asked.lines_of_a_thread())).collect();
                let run = Appender { load: self, index, target, stages: &stages };
                running.push(scope.spawn(move || run.run(&items)));
            }
            // Read while nobody appends.
            stages.warmed.wait();
            counts.forget_staleness();
            let before = [transactions(), projections()];
            stages.start.wait();
            let begun = Instant::now();
            stages.loaded.wait();
            let ended = Instant::now();
            phases_ns.insert(names::LOAD.to_owned(), nanos(ended - begun));
            for ((_, count), (after, before)) in
                of_load.iter_mut().zip([transactions(), projections()].into_iter().zip(before))
            {
                *count = after - before;
            }
            stages.counted.wait();
            // Rows that are late by now are part of how late rows are; what the barriers do is not.
            stages.settled.wait();
            staleness = counts.staleness();
            stages.told.wait();
            stages.measured.wait();
            for appender in running {
                let latencies = appender
                    .join()
                    .map_err(|_| "an appending thread has panicked".to_owned())??;
                all.append.merge(&latencies.append);
                all.service.merge(&latencies.service);
                all.barrier.merge(&latencies.barrier);
            }
            phases_ns.insert("settle".to_owned(), nanos(ended.elapsed()));
            Ok(())
        })?;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut counters =
            BTreeMap::from([(names::HISTORY_SYNCS.to_owned(), count(&counts.syncs))]);
        if self.mode.is_some() {
            let whole = [
                (names::HISTORY_BYTES, count(&counts.bytes)),
                (names::TRANSACTIONS, transactions()),
                (names::PROJECTIONS, projections()),
                (names::FAILED_PROJECTIONS, count(&counts.failed)),
            ];
            let all = whole.into_iter().chain(of_load);
            counters.extend(all.map(|(name, count)| (name.to_owned(), count)));
        }
        let histograms = [
            (names::APPEND, &all.append),
            (names::SERVICE, &all.service),
            (names::BARRIER, &all.barrier),
            (names::STALENESS, &staleness),
        ];
        let told = histograms.into_iter().filter(|(_, histogram)| !histogram.is_empty());
        Ok(Claims {
            phases_ns,
            counters,
            histograms: told
                .map(|(name, histogram)| Ok((name.to_owned(), encoded(histogram)?)))
                .collect::<Result<_, String>>()?,
            peak_memory_bytes: platform::peak_memory(),
            ..Claims::default()
        })
    }

    fn open(&self, mode: Mode, counts: &Arc<Counts>) -> Result<ThreadStore, String> {
        let extra_syncs = if is_synchronous(mode) { self.handicap.syncs } else { 0 };
        let options = StoreOptions {
            mode,
            durability: if self.asked.fsync { Durability::Fsync } else { Durability::Buffered },
            disk: Arc::new(CountingDisk { counts: Arc::clone(counts), extra_syncs }),
            observer: Some(Arc::<Counts>::clone(counts)),
            // A row that waits for the contender is late, not lost.
            busy_timeout: Duration::from_secs(60),
            ..StoreOptions::default()
        };
        ThreadStore::open(&self.asked.home.0, options).map_err(|error| error.to_string())
    }

    fn target(
        &self,
        store: Option<&ThreadStore>,
        thread: ThreadId,
        counts: &Arc<Counts>,
    ) -> Result<Box<dyn Target>, String> {
        let Some(store) = store else {
            let path = self.asked.home.0.join(format!("{thread}.jsonl"));
            let file = File::options().append(true).create_new(true).open(&path);
            let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
            let syncs = self.asked.fsync.then(|| Arc::clone(&counts.syncs));
            return Ok(Box::new(Bare { file, line: Vec::new(), syncs }));
        };
        let meta = SessionMeta {
            timestamp: Some(Millis::now()),
            cwd: Some("/home/dev/work/project".to_owned()),
            source: Some("cli".to_owned()),
            model_provider: Some("openai".to_owned()),
            cli_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            ..SessionMeta::new(thread)
        };
        Ok(Box::new(store.create(&meta).map_err(|error| error.to_string())?))
    }
}

/// Where all threads of execution wait for each other, and the thread that counts for them.
struct Stages {
    warmed: Barrier,
    start: Barrier,
    loaded: Barrier,
    counted: Barrier,
    settled: Barrier,
    told: Barrier,
    measured: Barrier,
}

impl Stages {
    fn of(threads: usize) -> Self {
        let barrier = || Barrier::new(threads + 1);
        Self {
            warmed: barrier(),
            start: barrier(),
            loaded: barrier(),
            counted: barrier(),
            settled: barrier(),
            told: barrier(),
            measured: barrier(),
        }
    }
}

/// One thread of execution of a load.
struct Appender<'a> {
    load: &'a Load<'a>,
    index: usize,
    target: Box<dyn Target>,
    stages: &'a Stages,
}

impl Appender<'_> {
    /// Every phase waits for every thread, also when this one has failed.
    fn run(mut self, items: &[&Item]) -> Result<Latencies, String> {
        let (asked, stages) = (self.load.asked, self.stages);
        let mut latencies = Latencies::default();
        let (warmup, rest) = items.split_at(index_of(asked.warmup));
        let (measured, barriers) = rest.split_at(index_of(asked.appends));
        let mut done = self.warm_up(warmup);
        stages.warmed.wait();
        stages.start.wait();
        done = done.and_then(|()| self.append_all(measured, &mut latencies));
        stages.loaded.wait();
        stages.counted.wait();
        done = done.and_then(|()| self.target.flush());
        stages.settled.wait();
        stages.told.wait();
        done = done.and_then(|()| self.flush_each(barriers, &mut latencies));
        stages.measured.wait();
        done.and_then(|()| self.target.close()).map(|()| latencies)
    }

    fn warm_up(&mut self, items: &[&Item]) -> Result<(), String> {
        for item in items {
            self.target.append(item)?;
        }
        self.target.flush()
    }

    fn append_all(&mut self, items: &[&Item], latencies: &mut Latencies) -> Result<(), String> {
        let Load { asked, handicap, .. } = self.load;
        let Some(rate) = asked.rate else {
            for item in items {
                let begun = Instant::now();
                self.target.append(item)?;
                handicap::spend(*handicap);
                latencies.append.record(begun.elapsed());
            }
            return Ok(());
        };
        // All threads together keep the rate; each has its turn in every period.
        platform::wake_promptly();
        let threads = asked.threads.len() as f64;
        let period = Duration::from_secs_f64(threads / rate.max(1) as f64);
        let first = Instant::now() + period.mul_f64(self.index as f64 / threads);
        for (number, item) in items.iter().enumerate() {
            let intended = first + period.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX));
            if let Some(early) = intended.checked_duration_since(Instant::now()) {
                std::thread::sleep(early);
            }
            let begun = Instant::now();
            self.target.append(item)?;
            handicap::spend(*handicap);
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

/// A histogram as claims have it: as records write it.
fn encoded(histogram: &Histogram) -> Result<String, String> {
    let text = serde_json::to_value(histogram).and_then(serde_json::from_value);
    text.map_err(|error| error.to_string())
}

/// A count of lines as an index; the largest index if there are more than fit in memory.
fn index_of(lines: u64) -> usize {
    usize::try_from(lines).unwrap_or(usize::MAX)
}

fn nanos(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
