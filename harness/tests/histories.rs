//! Thousands of random histories, and the kept ones: every scan right, as cheap as it can be, and nothing else touched.
//!
//! By default the same histories each time. To look further, or at one:
//!
//! ```text
//! TRACERIG_HISTORIES=20000 TRACERIG_SEED=7 TRACERIG_OPERATIONS=50 cargo test -p tracerig-harness --test histories
//! TRACERIG_HISTORY=path/to/file cargo test -p tracerig-harness --test histories -- --nocapture
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;
use tracerig_harness::histories::{self, Case, Failure, Tally, Worker};

const HISTORIES: u64 = 3000;
const OPERATIONS: u64 = 20;

/// Not a test: what the children of the others run.
#[test]
fn serves_scans_for_another_process() {
    histories::serve_if_asked().unwrap();
}

/// A folder for databases; in memory where the system offers that, for nothing here is about disks.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.or_else(|_| tempfile::tempdir()).unwrap()
}

/// Executes histories, one after the other.
struct Bench {
    folder: TempDir,
    worker: Arc<Mutex<Worker>>,
    count: AtomicU64,
}

impl Bench {
    fn new() -> Self {
        let folder = folder();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "serves_scans_for_another_process"]);
        command.stdout(Stdio::null());
        let worker = Worker::start(command, folder.path()).unwrap();
        Self { folder, worker: Arc::new(Mutex::new(worker)), count: AtomicU64::new(0) }
    }

    fn run(&self, case: &Case) -> Result<Tally, Failure> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.path().join(number.to_string());
        std::fs::create_dir(&folder).unwrap();
        let result = histories::run(case, &folder, Some(&self.worker));
        std::fs::remove_dir_all(&folder).unwrap();
        result
    }

    /// Executes `case`; fails with a smaller one that fails in the same way, kept in a file.
    fn expect_success(&self, case: Case, name: &str) -> Tally {
        let failure = match self.run(&case) {
            Ok(tally) => return tally,
            Err(failure) => failure,
        };
        let original = case.to_string();
        let (case, failure) = histories::shrink(case, failure, |case| self.run(case).map(drop));
        let file = std::env::temp_dir().join(format!("tracerig-history-{name}.txt"));
        std::fs::write(&file, format!("# {name}\n{case}")).unwrap();
        panic!(
            "history {name} fails.\n\nAs made:\n{original}\nMade smaller:\n{case}\n{failure}\n\nReplay it with\n    \
             TRACERIG_HISTORY={} cargo test -p tracerig-harness --test histories -- --nocapture\n",
            file.display()
        );
    }
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

#[test]
fn random_histories_are_right_and_cheap() {
    let count = from_environment("TRACERIG_HISTORIES", HISTORIES);
    let first = from_environment("TRACERIG_SEED", 0);
    let operations = from_environment("TRACERIG_OPERATIONS", OPERATIONS) as usize;
    let next = AtomicU64::new(first);
    let total = Mutex::new(Tally::default());
    let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get().min(8));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let bench = Bench::new();
                let mut tally = Tally::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        break;
                    }
                    let case = histories::generate(&mut ChaCha8Rng::seed_from_u64(seed), operations);
                    tally.add(bench.expect_success(case, &format!("seed-{seed}")));
                }
                total.lock().unwrap().add(tally);
            });
        }
    });
    let tally = total.into_inner().unwrap();
    for (what, count) in &tally.0 {
        println!("{count:8} {what}");
    }
    if count >= HISTORIES {
        // What is never exercised is not tested.
        for what in [
            "mode full",
            "mode incremental",
            "mode unchanged",
            "reason absent",
            "reason forced",
            "reason artifact",
            "reason producer",
            "reason schema",
            "reason identity",
            "reason shrink",
            "reason anchors",
            "several connections",
            "memo dropped for another's",
            "scans by another process meanwhile",
            "another process died",
            "step failed",
            "cancelled",
        ] {
            assert!(tally.0.get(what).is_some_and(|count| *count >= 20), "hardly ever: {what}\n{tally:#?}");
        }
    }
}

#[test]
fn kept_histories_are_right_and_cheap() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.extend(std::env::var_os("TRACERIG_HISTORY").map(PathBuf::from));
    let bench = Bench::new();
    for file in files {
        let name = file.file_stem().unwrap().display().to_string();
        let text = std::fs::read_to_string(&file).unwrap();
        let case = text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        bench.expect_success(case, &name);
    }
}
