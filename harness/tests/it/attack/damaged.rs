//! Thousands of damaged databases: each scan gives the right answer or an error, whatever is wrong
//! with the file.
//!
//! `cargo test` tries a few hundred. `TRACERIG_DAMAGED=5000` tries so many,
//! `TRACERIG_DAMAGED=5000:90000` from another seed on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use tracerig_datasets::{BuildOptions, Recipe, build_into};
use tracerig_differential::damage::{Damaged, damage};
use tracerig_oracle as oracle;
use tracerig_real::Codex;
use tracerig_scanner::{MemoPlace, Mode, Options, Request, Scan, ScanError, Scanner};

/// Databases tried unless more are asked for.
const FEW: u64 = 240;

type Turns = BTreeMap<String, oracle::Turn>;

/// A sound database in a separate folder, with memos of it.
struct Base {
    folder: TempDir,
    path: PathBuf,
    bytes: Vec<u8>,
    turns: Turns,
    /// Of the whole database, and of its older half.
    memos: [Vec<u8>; 2],
}

impl Base {
    /// `write` puts a database into a folder and says where.
    fn new(write: impl FnOnce(&Path) -> PathBuf) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let written = write(&folder.path().join("new"));
        let path = folder.path().canonicalize().unwrap().join("logs_2.sqlite");
        std::fs::rename(written, &path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let turns = asked(&path).unwrap();
        assert!(!turns.is_empty());
        let mut base = Self { folder, path, bytes, turns, memos: Default::default() };
        base.scan(Some(&[]), 1).unwrap();
        base.memos[0] = std::fs::read(base.memo()).unwrap();
        let owner = Connection::open(&base.path).unwrap();
        owner
            .execute_batch("DELETE FROM logs WHERE id > (SELECT (min(id) + max(id)) / 2 FROM logs)")
            .unwrap();
        owner.close().unwrap();
        base.scan(Some(&[]), 1).unwrap();
        base.memos[1] = std::fs::read(base.memo()).unwrap();
        base
    }

    fn memo(&self) -> PathBuf {
        self.folder.path().join("memo")
    }

    /// The same file with other bytes, as damage leaves it.
    fn put(&self, bytes: &[u8]) {
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(self.path.with_extension(format!("sqlite{suffix}")));
        }
        std::fs::write(&self.path, bytes).unwrap();
    }

    /// Scans with this memo, or in full.
    fn scan(&self, memo: Option<&[u8]>, connections: usize) -> Result<Scan, ScanError> {
        let place = match memo {
            Some(memo) => {
                std::fs::write(self.memo(), memo).unwrap();
                MemoPlace::File(self.memo())
            }
            None => MemoPlace::Disabled,
        };
        let connections = connections.try_into().unwrap();
        let options =
            Options { memo: place, connections, large_from_bytes: 0, ..Options::default() };
        Scanner::new(&self.path, options).scan(&Request::default())
    }
}

fn bases() -> Vec<Base> {
    let generated = |name: &'static str, scale| {
        move |folder: &Path| {
            let recipe = Recipe::builtin(name).unwrap();
            let options = BuildOptions { scale, ..BuildOptions::default() };
            let go_on = &mut |_| std::ops::ControlFlow::Continue(());
            build_into(folder, &recipe, &options, go_on).unwrap();
            folder.join("logs_2.sqlite")
        }
    };
    let real = |codex: Codex| {
        move |folder: &Path| {
            std::fs::create_dir(folder).unwrap();
            codex.write_logs(folder).unwrap()
        }
    };
    vec![
        Base::new(generated("quick", 0.1)),
        Base::new(real(Codex::V0_120_0)),
        Base::new(real(Codex::V0_155_1)),
        Base::new(generated("tags", 0.1)),
        Base::new(real(Codex::V0_169_0)),
        Base::new(real(Codex::V0_128_0)),
    ]
}

/// The oracle's answer.
fn asked(path: &Path) -> Option<Turns> {
    oracle::scan(path, oracle::Window::default()).ok().map(|answer| answer.turns)
}

/// Whether SQLite finds nothing wrong with the file.
fn is_sound(path: &Path) -> bool {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .and_then(|connection| {
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
        })
        .is_ok_and(|found| found == "ok")
}

fn turns(scan: &Scan) -> Turns {
    let turn = |turn: &tracerig_scanner::Turn| oracle::Turn {
        thread_id: turn.thread_id.clone(),
        model: turn.model.clone(),
        timestamp: turn.timestamp,
    };
    scan.turns.iter().map(|(id, found)| (id.clone(), turn(found))).collect()
}

/// What became of all scans, by kind, and what went wrong.
#[derive(Default)]
struct Tally {
    counts: BTreeMap<String, u64>,
    wrong: Vec<String>,
}

/// Scans what `seed` makes of `base`, in full and from its memos.
fn try_one(base: &Base, seed: u64, tally: &Mutex<Tally>) {
    let Damaged { bytes, what } = damage(&base.bytes, seed);
    base.put(&bytes);
    let sound = is_sound(&base.path);
    let expected = asked(&base.path);
    let memos = [None, Some(&base.memos[0][..]), Some(&base.memos[1][..])];
    for (way, memo) in ["full", "relaunch", "older memo"].into_iter().zip(memos) {
        base.put(&bytes);
        let outcome = base.scan(memo, 1 + (seed % 2) as usize);
        let word = match &outcome {
            Err(ScanError::Stopped { .. }) => "PANIC",
            Err(_) => "refused",
            Ok(scan) => {
                let found = Some(turns(scan));
                let remembers = scan.stats.mode != Mode::Full;
                // The oracle wants a time of every row, the scanner of those that it uses.
                let agrees = expected.is_none() || expected == found;
                if found.as_ref() == Some(&base.turns) && (!sound || remembers || agrees) {
                    "right"
                } else if sound && found == expected {
                    // What was changed is a value, and no structure is wrong.
                    "right for what the file says now"
                } else if found.is_some_and(|found| found.len() < base.turns.len()) {
                    "LESS"
                } else {
                    "OTHER"
                }
            }
        };
        let mut tally = tally.lock().unwrap();
        *tally
            .counts
            .entry(format!("{way}, {}: {word}", if sound { "sound" } else { "malformed" }))
            .or_default() += 1;
        if word.chars().all(char::is_uppercase) {
            let found = outcome.map(|scan| (scan.stats.mode, scan.turns.len()));
            let due = (base.turns.len(), expected.as_ref().map(BTreeMap::len));
            let name = base.bytes.len();
            tally.wrong.push(format!(
                "seed {seed}, base of {name} bytes, {way}: {word}: {found:?} of {due:?}; {what}"
            ));
        }
    }
}

#[test]
fn a_damaged_database_is_scanned_rightly_or_refused() {
    let asked = std::env::var("TRACERIG_DAMAGED").unwrap_or_default();
    let (count, first) = asked.split_once(':').unwrap_or((&asked, "0"));
    let (count, first): (u64, u64) = (count.parse().unwrap_or(FEW), first.parse().unwrap());
    let (next, tally) = (AtomicU64::new(first), Mutex::new(Tally::default()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                let bases = bases();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        break;
                    }
                    try_one(&bases[seed as usize % bases.len()], seed, &tally);
                }
            });
        }
    });
    let Tally { counts, wrong } = tally.into_inner().unwrap();
    println!("{counts:#?}");
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    let refused: u64 =
        counts.iter().filter(|(kind, _)| kind.ends_with("refused")).map(|(_, count)| count).sum();
    let right: u64 =
        counts.iter().filter(|(kind, _)| kind.ends_with("right")).map(|(_, count)| count).sum();
    assert!(
        refused > count / 3 && right > count / 3,
        "the damage is too harmless, or too harmful: {counts:#?}"
    );
}

/// Only rows that look damaged are worth a check of the whole file, which takes as long as a scan.
/// A count in the header that is wrong makes that check fail, and nothing else notices it.
#[test]
fn no_row_of_a_sound_database_looks_damaged() {
    let real = Codex::ALL.into_iter().filter(|codex| codex.has_logs()).map(|codex| {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let path = codex.write_logs(folder.path()).unwrap();
        (folder, path)
    });
    let generated = bases().into_iter().map(|base| {
        base.put(&base.bytes);
        (base.folder, base.path)
    });
    for (_folder, path) in real.chain(generated) {
        let due = asked(&path).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[36..40].copy_from_slice(&[0, 0xff, 0xff, 0xff]);
        std::fs::write(&path, bytes).unwrap();
        assert!(!is_sound(&path));
        let scan = Scanner::new(&path, Options::default()).scan(&Request::default()).unwrap();
        assert_eq!(turns(&scan), due);
    }
}

/// The program with 200 MB of address space, which is more than its memory, and ten seconds.
#[test]
fn a_damaged_database_takes_little_memory_and_no_time() {
    let bases = bases();
    for seed in 0..40 {
        let base = &bases[seed as usize % bases.len()];
        let Damaged { bytes, what } = damage(&base.bytes, seed);
        base.put(&bytes);
        let mut child = Command::new("sh")
            .args([
                "-c",
                "ulimit -v 204800; exec \"$@\"",
                "sh",
                env!("CARGO_BIN_EXE_tracerig"),
                "scan",
                "--no-memo",
                "--db",
            ])
            .arg(&base.path)
            // An arena a thread reserves 64 MB that nobody uses.
            .env("MALLOC_ARENA_MAX", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let start = Instant::now();
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if start.elapsed() > Duration::from_secs(10) => {
                    child.kill().unwrap();
                    panic!("seed {seed} waits: {what}");
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        assert!(matches!(status.code(), Some(0 | 1)), "seed {seed}: {status:?}: {what}");
    }
}
