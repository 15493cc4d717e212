//! The process that is killed: it appends to a few threads, waits for a barrier now and then, and
//! says what has returned.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracerig_datasets::Conversation;
use tracerig_store::threads::{
    Disk, DiskFile, Durability, Error, FileSystem, Item, LiveThread, Millis, Mode, Observer, Point,
    SessionMeta, StoreOptions, ThreadId, ThreadStore,
};

use crate::platform;

/// The environment variable that names the point at which a writer kills itself, and at which hit:
/// `written:17`.
pub(in crate::append) const CRASH_VARIABLE: &str = "TRACERIG_CRASH";
/// How long a writer may live if its point never comes: it stops by itself much earlier.
pub(in crate::append) const TIME_LIMIT: Duration = Duration::from_secs(60);
/// Rounds over the threads before a writer that nobody kills ends by itself.
const ROUNDS: usize = 200;
/// Rounds between two barriers of a thread.
const BARRIER_EVERY: usize = 7;

/// Where a writer can kill itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CrashPoint {
    /// At a point of the store.
    Store(Point),
    /// When half of the bytes of an append are in the file.
    HalfWritten,
}

impl CrashPoint {
    pub(super) const ALL: [Self; 6] = [
        Self::Store(Point::Accepted),
        Self::HalfWritten,
        Self::Store(Point::Written),
        Self::Store(Point::Observed),
        Self::Store(Point::Projecting),
        Self::Store(Point::Projected),
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Store(point) => point.name(),
            Self::HalfWritten => "half-written",
        }
    }
}

/// What a writer does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::append) struct Writer {
    pub(in crate::append) folder: PathBuf,
    pub(super) mode: String,
    pub(super) fsync: bool,
    pub(super) seed: u64,
    /// Each thread, and how many lines of the conversation its history has; `None` if there is not
    /// a history yet.
    pub(super) threads: Vec<(String, Option<u64>)>,
}

impl Writer {
    pub(in crate::append) fn run(&self) -> Result<(), String> {
        let conversation = Conversation::of(self.seed).map_err(|error| error.to_string())?;
        let trap = Trap::from_environment()?;
        let mode: Mode = self.mode.parse().map_err(|error| format!("{error}"))?;
        let options = StoreOptions {
            mode,
            durability: if self.fsync { Durability::Fsync } else { Durability::Buffered },
            disk: Arc::new(TrappedDisk { trap: Arc::clone(&trap) }),
            observer: Some(trap),
            ..StoreOptions::default()
        };
        let store = ThreadStore::open(&self.folder, options).map_err(|error| error.to_string())?;
        let mut threads = Vec::new();
        for (index, (id, lines)) in self.threads.iter().enumerate() {
            let thread = open(&store, id, lines.is_some())
                .map_err(|error| format!("thread {id}: {error}"))?;
            let done = usize::try_from(lines.unwrap_or(0)).unwrap_or(usize::MAX);
            threads.push((thread, conversation.of_thread(index).skip(done), done));
        }
        let mut out = std::io::stdout().lock();
        let mut say = |text: String| {
            // One write a line, not held back: what was said survives the end of the process.
            out.write_all(text.as_bytes())
                .and_then(|()| out.flush())
                .map_err(|error| error.to_string())
        };
        say("ready\n".to_owned())?;
        let mut go_on = String::new();
        std::io::stdin()
            .read_line(&mut go_on)
            .map_err(|error| format!("standard input: {error}"))?;
        for round in 0..ROUNDS {
            for (index, (thread, items, done)) in threads.iter_mut().enumerate() {
                // One line, or a few that are acknowledged together.
                let batch: Vec<Item> =
                    items.by_ref().take(1 + (round + index) % 3).cloned().collect();
                thread.append(&batch).map_err(|error| error.to_string())?;
                *done += batch.len();
                say(format!("append {index} {done}\n"))?;
                if (round + index) % BARRIER_EVERY == 0 {
                    thread.flush().map_err(|error| error.to_string())?;
                    say(format!("barrier {index} {done}\n"))?;
                }
            }
        }
        for (index, (thread, _, done)) in threads.iter().enumerate() {
            thread.shutdown().map_err(|error| error.to_string())?;
            say(format!("barrier {index} {done}\n"))?;
        }
        Ok(())
    }
}

fn open(store: &ThreadStore, id: &str, exists: bool) -> Result<LiveThread, Error> {
    let id: ThreadId = id
        .parse()
        .map_err(|_| Error::Unknown { thread: ThreadId::new(), path: store.root().to_owned() })?;
    if exists {
        return store.resume(id);
    }
    store.create(&SessionMeta { timestamp: Some(Millis::now()), ..SessionMeta::new(id) })
}

/// Kills the process at the n-th hit of a point.
#[derive(Debug)]
struct Trap {
    point: Option<CrashPoint>,
    left: AtomicU64,
}

impl Trap {
    fn from_environment() -> Result<Arc<Self>, String> {
        let Some(told) = std::env::var_os(CRASH_VARIABLE) else {
            return Ok(Arc::new(Self { point: None, left: AtomicU64::new(0) }));
        };
        let told = told.to_string_lossy();
        let parsed = told.split_once(':').and_then(|(name, hit)| {
            let point = CrashPoint::ALL.into_iter().find(|point| point.name() == name)?;
            Some((point, hit.parse::<u64>().ok().filter(|hit| *hit > 0)?))
        });
        let (point, hit) =
            parsed.ok_or_else(|| format!("{CRASH_VARIABLE}={told}: expected POINT:HIT"))?;
        Ok(Arc::new(Self { point: Some(point), left: AtomicU64::new(hit) }))
    }

    fn is_sprung(&self, point: CrashPoint) -> bool {
        self.point == Some(point) && self.left.fetch_sub(1, Ordering::Relaxed) == 1
    }

    fn kill() {
        platform::kill_oneself();
        // The signal may take a moment; nothing may happen in it.
        loop {
            std::thread::park();
        }
    }
}

impl Observer for Trap {
    fn passed(&self, point: Point) {
        if self.is_sprung(CrashPoint::Store(point)) {
            Self::kill();
        }
    }
}

#[derive(Debug)]
struct TrappedDisk {
    trap: Arc<Trap>,
}

#[derive(Debug)]
struct TrappedFile {
    file: Box<dyn DiskFile>,
    trap: Arc<Trap>,
}

impl TrappedDisk {
    fn trapped(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(TrappedFile { file, trap: Arc::clone(&self.trap) })
    }
}

impl Disk for TrappedDisk {
    fn create_folder(&self, path: &Path) -> std::io::Result<()> {
        FileSystem.create_folder(path)
    }

    fn create(&self, path: &Path) -> std::io::Result<Box<dyn DiskFile>> {
        FileSystem.create(path).map(|file| self.trapped(file))
    }

    fn open(&self, path: &Path) -> std::io::Result<Box<dyn DiskFile>> {
        FileSystem.open(path).map(|file| self.trapped(file))
    }

    fn remove(&self, path: &Path) -> std::io::Result<()> {
        FileSystem.remove(path)
    }

    fn sync_folder(&self, path: &Path) -> std::io::Result<()> {
        FileSystem.sync_folder(path)
    }
}

impl DiskFile for TrappedFile {
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.trap.is_sprung(CrashPoint::HalfWritten) {
            let mut half = &bytes[..bytes.len() / 2];
            while !half.is_empty() {
                let taken = self.file.append(half)?;
                half = &half[taken..];
            }
            Trap::kill();
        }
        self.file.append(bytes)
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.file.sync()
    }

    fn length(&self) -> std::io::Result<u64> {
        self.file.length()
    }

    fn cut(&mut self, length: u64) -> std::io::Result<()> {
        self.file.cut(length)
    }
}
