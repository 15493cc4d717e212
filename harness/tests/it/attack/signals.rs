//! Signals at random instants over all verbs: each verb ends in an orderly way, and leaves
//! everything unchanged.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use rustix::process::{Pid, Signal, kill_process};

use crate::common;
use crate::common::program::{Program, Ran, text};

/// How many signals are sent: all of them with `TRACERIG_SIGNALS=200`.
const FEW: usize = 42;

/// On a machine that is busy with other things; by itself each takes less than a second.
const PATIENCE: Duration = Duration::from_secs(5);

/// Marks every process that comes of a verb.
const MARK: &str = "TRACERIG_TEST_SIGNALS";

pub(crate) fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

/// Every verb, with work for a while. `OUT` is a new folder, `DB`, `HOME`, `RECORD`, `HISTORY` are
/// what was made before.
const VERBS: &[&str] = &[
    "scan --db DB --memo MEMO --rescan",
    "scan --db DB --no-memo --engine published",
    "run --plan quick --out OUT",
    "run relaunch --recipe tiny --samples 1000 --out OUT",
    "run relaunch --db DB --samples 5 --arms full,two --out OUT",
    "run append --appends 2000 --samples 100 --out OUT",
    "run append --appends 2000 --samples 100 --contended --durability fsync --out OUT",
    "run append --crash --kills 10000 --out OUT",
    "run refresh --recipe archive-tiny --samples 1000 --out OUT",
    "compare --base-bin REAL --recipe tiny --out OUT",
    "compare --base-rev HEAD --recipe tiny --out OUT",
    "compare --self-check --recipe tiny --out OUT",
    "compare RECORD RECORD",
    "compare RECORD --baseline main --baselines BASELINES",
    "diff trace --time 1m --oracle none",
    "diff trace --time 1m --processes all",
    "diff threads --time 1m",
    "diff archive --time 1m",
    "diff all --time 1m",
    "diff ablations --time 3s",
    "diff trace --replay HISTORY",
    "report RECORD --format html --out OUT",
    "repro RECORD --samples 1000",
    "repro RECORD --samples 1000 --bisect",
    "dataset build quick --scale 0.3 --seed 7",
    "dataset build quick --scale 0.3 --seed 7 --out OUT",
    "dataset build archive-6k --seed 7",
    "dataset verify quick",
    "dataset verify archive-tiny",
    "dataset inspect tiny",
    "dataset remove no-such",
    "dataset list",
    "dataset mimic --from DB",
    "threads rebuild HOME --db ROWS",
    "threads verify HOME --db ROWS",
    "threads list HOME --db ROWS",
    "threads show HOME 01a00000-0000-7000-8000-000000000000 --db ROWS",
    "usage HOME --memo USAGE --rescan",
    "usage HOME --no-memo --db DB",
    "completions bash",
    "man",
];

struct Field {
    program: Program,
    words: BTreeMap<&'static str, String>,
}

impl Field {
    fn new() -> Self {
        let program = Program::new();
        for arguments in [
            &["dataset", "build", "tiny"][..],
            &["dataset", "build", "quick", "--scale", "0.2"],
            &["dataset", "build", "archive-tiny"],
            &["run", "relaunch", "--recipe", "tiny", "--samples", "1", "--out", "record"],
            &["compare", "record", "--save-baseline", "main", "--baselines", "baselines"],
        ] {
            let ran = program.run(arguments);
            assert!(matches!(ran.code, Some(0 | 5)), "{arguments:?}: {ran:?}");
        }
        let built = |name: &str, file: &str| {
            let all = std::fs::read_dir(program.cache().join("datasets")).unwrap().flatten();
            let mut folders =
                all.filter(|entry| entry.file_name().to_string_lossy().starts_with(name));
            folders.next().unwrap().path().join(file)
        };
        let (database, home) = (built("quick-", "logs_2.sqlite"), built("archive-tiny-", "home"));
        // An own home, with a rollout that takes a while to read.
        let own = program.path("home");
        copy(&home, &own);
        let mut files = Vec::new();
        list(&own, &mut files);
        let largest =
            files.into_iter().max_by_key(|path| std::fs::metadata(path).unwrap().len()).unwrap();
        let lines = std::fs::read(&largest).unwrap();
        std::fs::write(&largest, lines.repeat(1 + (100 << 20) / lines.len())).unwrap();
        std::fs::create_dir(program.path("tmp")).unwrap();
        std::fs::create_dir(program.path("outs")).unwrap();
        repository(&program.path("repository"));
        let cargo = program.path("cargo");
        std::fs::write(&cargo, "#!/bin/sh\nsleep 1000 &\nsleep 1000\n").unwrap();
        std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut words = BTreeMap::new();
        for (word, path) in [
            ("DB", database),
            ("HOME", own),
            ("RECORD", program.path("record")),
            ("BASELINES", program.path("baselines")),
            ("MEMO", program.path("memo")),
            ("USAGE", program.path("usage")),
            ("ROWS", program.path("rows.sqlite")),
            ("REAL", env!("CARGO_BIN_EXE_tracerig").into()),
            ("HISTORY", history()),
        ] {
            words.insert(word, text(&path).to_owned());
        }
        let field = Self { program, words };
        for verb in VERBS.iter().filter(|verb| {
            ["threads rebuild", "usage HOME --memo", "scan --db DB --memo"]
                .iter()
                .any(|begin| verb.starts_with(begin))
        }) {
            let ran = Ran::of(&field.command(verb, 0).output().unwrap());
            // Threads of which there are copies are reported.
            assert!(matches!(ran.code, Some(0 | 1)), "{verb}: {ran:?}");
        }
        field
    }

    fn command(&self, verb: &str, number: usize) -> Command {
        let out = self.program.path(&format!("outs/{number}"));
        let word = |word: &str| match word {
            "OUT" => text(&out).to_owned(),
            word => self.words.get(word).cloned().unwrap_or_else(|| word.to_owned()),
        };
        let arguments: Vec<String> = verb.split(' ').map(word).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = self.program.command(&arguments);
        command
            .current_dir(self.program.path("repository"))
            .env("TMPDIR", self.program.path("tmp"))
            .env("CARGO", self.program.path("cargo"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env_remove("CARGO_TARGET_DIR")
            .env(MARK, text(&self.program.path("")));
        command
    }

    /// What has to be unchanged: every file of an earlier result, and by its state what is large.
    fn kept(&self) -> BTreeMap<PathBuf, (u64, SystemTime)> {
        let mut files = Vec::new();
        for folder in ["record", "baselines", "home", "cache/datasets"] {
            list(&self.program.path(folder), &mut files);
        }
        files.retain(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            // Locks, and what readers of a database share.
            !name.starts_with('.') && !name.ends_with("-shm") && !name.ends_with("-wal")
        });
        files
            .into_iter()
            .map(|path| {
                let found = std::fs::metadata(&path).unwrap();
                (path, (found.len(), found.modified().unwrap()))
            })
            .collect()
    }

    /// What must not be there once a verb has ended.
    fn litter(&self) -> Vec<PathBuf> {
        let mut litter: Vec<PathBuf> = entries(&self.program.path("tmp"));
        litter.extend(
            entries(&self.program.cache().join("work")).into_iter().filter(|path| path.is_dir()),
        );
        let named =
            |path: &PathBuf, what: &str| path.file_name().unwrap().to_string_lossy().contains(what);
        litter.extend(
            entries(&self.program.cache().join("datasets"))
                .into_iter()
                .filter(|path| named(path, ".building")),
        );
        for folder in ["", "usage", "record", "baselines", "repository"] {
            let found = entries(&self.program.path(folder)).into_iter();
            litter.extend(found.filter(|path| {
                named(path, ".tmp") || named(path, ".new") || named(path, ".tracerig-")
            }));
        }
        litter.extend(
            entries(&self.program.path("repository/target/tracerig/compare"))
                .into_iter()
                .filter_map(|path| {
                    let tree = path.join("tree");
                    tree.exists().then_some(tree)
                }),
        );
        litter
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for path in entries(folder) {
        if path.is_dir() { list(&path, files) } else { files.push(path) }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for path in entries(from) {
        let there = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &there);
        } else {
            std::fs::copy(&path, &there).unwrap();
        }
    }
}

fn history() -> PathBuf {
    let mut all = entries(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/trace/witnesses"));
    all.sort();
    all.swap_remove(0)
}

fn repository(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    std::fs::write(folder.join("file"), "content").unwrap();
    for arguments in [&["init", "-q", "."][..], &["add", "file"], &["commit", "-q", "-m", "one"]] {
        let status = common::git(folder, arguments).status().unwrap();
        assert!(status.success(), "{arguments:?}");
    }
}

/// Processes that a verb has left: all of them have its mark in their environment.
fn left(mark: &str) -> Vec<String> {
    let marked = format!("{MARK}={mark}");
    entries(Path::new("/proc"))
        .into_iter()
        .filter(|path| {
            let environment = std::fs::read(path.join("environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == marked.as_bytes())
        })
        .map(|path| {
            std::fs::read_to_string(path.join("cmdline")).unwrap_or_default().replace('\0', " ")
        })
        .collect()
}

/// What became of one verb.
struct Shot {
    was_hit: bool,
    was_forced: bool,
    took: Duration,
}

fn shoot(field: &Field, verb: &str, number: usize, random: &mut ChaCha12Rng) -> Shot {
    let after = Duration::from_micros(random.random_range(5_000..700_000));
    let signal = [Signal::INT, Signal::TERM, Signal::HUP][random.random_range(0..3)];
    let before = field.kept();
    let mut child =
        field.command(verb, number).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(after);
    let was_hit = child.try_wait().unwrap().is_none();
    if was_hit {
        send(&child, signal);
    }
    let sent = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(
            sent.elapsed() < PATIENCE,
            "{verb}: signal {signal:?} after {after:?} does not end it"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    let took = sent.elapsed();
    let ran = Ran::of(&child.wait_with_output().unwrap());
    let told = format!("{verb}: signal {signal:?} after {after:?}, hit {was_hit}: {ran:?}");
    // It may have ended by itself at that very moment.
    let is_over = ran.code == Some(130) || ran.code.is_some_and(|code| code <= 5 || code == 125);
    assert!(is_over, "{told}");
    assert_eq!(left(text(&field.program.path(""))), Vec::<String>::new(), "{told}");
    assert_eq!(field.litter(), Vec::<PathBuf>::new(), "{told}");
    let after = field.kept();
    for (path, state) in &before {
        assert_eq!(after.get(path), Some(state), "{}: {told}", path.display());
    }
    Shot {
        was_hit: ran.code == Some(130),
        was_forced: ran.err.contains("in the middle of a step"),
        took: if was_hit { took } else { Duration::ZERO },
    }
}

#[test]
fn two_hundred_signals_at_random_instants_end_every_verb_and_leave_everything_whole() {
    let field = Field::new();
    let shots =
        std::env::var("TRACERIG_SIGNALS").ok().map_or(FEW, |number| number.parse().unwrap());
    let seed = std::env::var("TRACERIG_SIGNALS_SEED").ok().map_or(1, |seed| seed.parse().unwrap());
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    let (mut hit, mut forced, mut slowest) = (0, 0, (Duration::ZERO, ""));
    for number in 1..=shots {
        let verb = VERBS[number % VERBS.len()];
        let shot = shoot(&field, verb, number, &mut random);
        hit += usize::from(shot.was_hit);
        forced += usize::from(shot.was_forced);
        slowest = slowest.max((shot.took, verb));
        if shot.was_forced {
            println!("ended by the last resort: {verb}");
        }
    }
    println!(
        "{shots} signals, {hit} in time to cut a verb short, {forced} by the last resort; slowest \
         {slowest:?}"
    );
    assert!(hit * 5 >= shots * 2, "only {hit} of {shots} verbs were still at work");
    // What is there is right: memos, rows and datasets.
    for verb in [
        "dataset verify quick",
        "dataset verify archive-tiny",
        "threads rebuild HOME --db ROWS",
        "threads verify HOME --db ROWS",
    ] {
        let ran = Ran::of(&field.command(verb, 0).output().unwrap());
        assert!(
            ran.code == Some(0) || verb.starts_with("threads") && ran.code == Some(1),
            "{verb}: {ran:?}"
        );
    }
    for (remembered, anew) in [
        ("scan --db DB --memo MEMO --format json", "scan --db DB --no-memo --format json"),
        ("usage HOME --memo USAGE", "usage HOME --no-memo"),
    ] {
        let answers =
            [remembered, anew].map(|verb| Ran::of(&field.command(verb, 0).output().unwrap()).out);
        // The answer, and not how it came about: turns, or the lines of days.
        let told = answers.each_ref().map(|answer| match answer.split_once("\"scan\"") {
            Some((turns, _)) => vec![turns],
            None => answer.lines().filter(|line| line.starts_with("20")).collect(),
        });
        assert!(!told[0].is_empty() && told[0] == told[1], "{remembered}: {answers:?}");
    }
}

/// What a verb says until it ends, when a signal comes once `is_it` says so.
fn cut_short(mut command: Command, ready: impl Fn() -> bool) -> Ran {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while !ready() && begun.elapsed() < Duration::from_millis(400) {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(5));
    }
    send(&child, Signal::TERM);
    let sent = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(sent.elapsed() < PATIENCE, "the signal does not end it");
        std::thread::sleep(Duration::from_millis(5));
    }
    Ran::of(&child.wait_with_output().unwrap())
}

#[test]
fn a_signal_ends_the_wait_for_a_lock() {
    let program = Program::new();
    program.run(&["dataset", "build", "archive-tiny"]);
    let home = {
        let all = entries(&program.cache().join("datasets"));
        let folder = all.into_iter().find(|path| path.join("home").is_dir()).unwrap();
        folder.join("home")
    };
    let usage = ["usage", text(&home), "--memo", "memo"];
    assert_eq!(program.run(&usage).code, Some(0));
    let rows = ["threads", "rebuild", text(&home), "--db", "rows.sqlite"];
    // Threads of which there are copies are reported.
    assert!(matches!(program.run(&rows).code, Some(0 | 1)));
    // Somebody holds each lock for as long as the test takes.
    let lock = |path: PathBuf| {
        let file =
            std::fs::File::options().create(true).truncate(false).write(true).open(path).unwrap();
        file.lock().unwrap();
        file
    };
    let name = home.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    std::fs::create_dir_all(program.cache().join("work")).unwrap();
    let _held = [
        lock(program.path("memo/archive.lock")),
        lock(program.cache().join("datasets").join(format!(".lock-{name}"))),
        lock(program.cache().join("work/turn")),
    ];
    let connection = rusqlite::Connection::open(program.path("rows.sqlite")).unwrap();
    connection.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for arguments in [
        &[&usage[..], &["--rescan"]].concat()[..],
        &["dataset", "remove", &name],
        &["dataset", "build", "archive-tiny"],
        &["run", "append", "--out", "out"],
        &rows,
    ] {
        let ran = cut_short(program.command(arguments), || false);
        assert_eq!(ran.code, Some(130), "{arguments:?}: {ran:?}");
        assert!(!ran.err.contains("in the middle of a step"), "{arguments:?}: {ran:?}");
    }
}
