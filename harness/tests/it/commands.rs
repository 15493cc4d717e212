//! Any command is measured, compared and repeated, and one that misbehaves is named.

use std::path::{Path, PathBuf};

use crate::common::at_once;
use crate::common::program::{Program, Ran, text};
use tracerig_reports::Record;
use tracerig_reports::record::{Cache, CounterClass, Sample, SampleState};

/// The SHA-256 of `hello` and a line break.
const HELLO: &str = "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

/// Runs a command, one sample, and reads its record.
fn run(program: &Program, name: &str, options: &[&str], command: &[&str]) -> (Ran, Record) {
    let out = program.path(name);
    let fixed = ["run", "command", "--samples", "1", "--out", text(&out)];
    let ran = program.run(&[&fixed[..], options, &["--"], command].concat());
    let record =
        Record::read(&out.join("record.json")).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    (ran, record)
}

/// A file of so many lines of 10 bytes.
fn lines(program: &Program, name: &str, lines: usize) -> PathBuf {
    let path = program.path(name);
    std::fs::write(&path, "123456789\n".repeat(lines)).unwrap();
    path
}

/// Compares the work of two commands.
fn compare(program: &Program, out: &str, options: &[&str], base: &str, new: &str) -> Ran {
    let out = program.path(out);
    let fixed =
        ["compare", "--counters-only", "--out", text(&out), "--base-cmd", base, "--new-cmd", new];
    program.run(&[&fixed[..], options].concat())
}

/// Text without its line breaks.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn fault(sample: &Sample) -> &str {
    match &sample.state {
        SampleState::Failed { error } => error,
        SampleState::Mismatch { detail } => detail,
        state => panic!("{state:?}"),
    }
}

#[test]
fn a_command_is_launched_as_it_is_and_its_output_and_work_are_told() {
    let program = Program::new();
    let (ran, record) = run(&program, "echo", &[], &["printf", "%s\\n", "hello"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(words(&ran.out).contains("wrote the standard output of the first"), "{}", ran.out);
    let launch = &record.samples[0].launches[0];
    assert_eq!(launch.answer_digest.as_deref(), Some(HELLO));
    assert!(launch.verified && !launch.wall.is_zero());
    if cfg!(target_os = "linux") {
        assert_eq!((launch.counter("wchar"), launch.counter("syscw")), (Some(6), Some(1)));
        assert!(launch.counters["wchar"].class == CounterClass::Exact);
    }
    let command = record.plan.command.unwrap();
    assert_eq!(command.argv, ["printf", "%s\\n", "hello"]);
    assert_eq!((command.warmup, record.plan.arms[0].cache), (2, Cache::Any));

    // Standard input is the file, and nothing without one; no shell reads the words.
    let input = lines(&program, "in put", 2);
    let (ran, record) = run(&program, "cat", &["--input", text(&input)], &["cat"]);
    assert_eq!((ran.code, record.plan.arms[0].cache), (Some(0), Cache::Hot), "{ran:?}");
    assert_eq!(record.dataset.file_bytes.bytes(), 20);
    let (ran, _) = run(&program, "nothing", &[], &["cat"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let (ran, record) = run(&program, "dollar", &[], &["printf", "$HOME"]);
    assert_eq!(
        (ran.code, record.samples[0].launches[0].counter("wchar").unwrap_or(5)),
        (Some(0), 5)
    );

    let nobody = program.run(&["run", "command", "--cache", "cold", "--", "true"]);
    assert_eq!(nobody.code, Some(2), "{nobody:?}");
    let nothing = program.run(&["run", "command", "--files", text(&input)]);
    assert_eq!(nothing.code, Some(2), "{nothing:?}");
    let missing = program.run(&["run", "command", "--input", "missing", "--", "cat"]);
    assert!(missing.code == Some(1) && missing.err.contains("missing"), "{missing:?}");
}

#[test]
fn the_page_cache_of_the_named_files_is_hot_or_cold_as_asked() {
    let program = Program::new();
    let file = lines(&program, "file", 100_000);
    let asked = ["--files", text(&file), "--cache", "cold,hot"];
    let (ran, record) = run(&program, "caches", &asked, &["cat", text(&file)]);
    // Whatever lies in memory alone is never cold, and then left out.
    assert!(matches!(ran.code, Some(0 | 5)), "{ran:?}");
    let caches: Vec<Cache> = record.plan.arms.iter().map(|arm| arm.cache).collect();
    assert_eq!(caches, [Cache::Hot, Cache::Cold]);
    for sample in record.samples.iter().filter(|sample| sample.is_valid()) {
        for launch in &sample.launches {
            let read = launch.device_read.map(tracerig_reports::ByteSize::bytes);
            match sample.cache {
                Cache::Cold => {
                    assert_eq!(launch.resident_pages_before, Some(0));
                    assert!(read.unwrap() >= 1_000_000, "{read:?}");
                }
                _ => assert!(matches!(read, None | Some(0)), "{read:?}"),
            }
        }
    }
}

#[test]
fn a_command_that_misbehaves_is_named() {
    let program = Program::new();
    let twice = "echo x; echo x >>count; test $(wc -l <count) -lt 3";
    let sh = |script: &'static str| ["sh", "-c", script];
    let cases: [(&str, &[&str], i32); 12] = [
        ("not-running: /nowhere", &["/nowhere"], 1),
        ("not-running: ", &["."], 1),
        ("crashed: exit code 7: why", &sh("echo why >&2; exit 7"), 1),
        ("crashed: ended by signal 9", &sh("kill -9 $$"), 1),
        ("timed-out: ", &sh("sleep 600"), 1),
        ("timed-out: ", &sh("trap '' TERM; while :; do sleep 1; done"), 1),
        ("left-a-process: ", &sh("sleep 600 & exit 0"), 1),
        ("left-a-process: ", &sh("setsid sleep 600 >&- 2>&- <&- & exit 0"), 1),
        ("too-much-output: ", &["cat", "/dev/zero"], 1),
        ("too-much-output: ", &sh("yes >&2"), 1),
        ("right-answer-bad-exit: exit code 1", &sh(twice), 1),
        ("nondeterministic: line 1 of standard output is `", &sh("echo $$"), 3),
    ];
    at_once(cases.into_iter().enumerate(), |(at, (name, command, code))| {
        let (ran, record) = run(&program, &format!("case-{at}"), &["--limit", "4s"], command);
        assert_eq!(ran.code, Some(code), "{name}: {ran:?}");
        let found = fault(&record.samples[0]);
        assert!(found.starts_with(name), "{name}: {found}");
        assert!(ran.out.contains(name.split(':').next().unwrap()), "{}", ran.out);
    });
    // What a command leaves is not there for the next.
    let here = program.path("");
    let is_here = |process: &Path| {
        std::fs::read_link(process.join("cwd")).is_ok_and(|at| at.starts_with(&here))
    };
    let mut processes = Path::new("/proc").read_dir().into_iter().flatten().flatten();
    let left = processes.any(|process| is_here(&process.path()));
    assert!(!left);
}

#[test]
fn two_commands_are_told_apart_by_their_output_and_their_work() {
    let program = Program::new();
    let [short, long] =
        [("short", 100), ("long", 100_000)].map(|(name, many)| lines(&program, name, many));
    let (short, long) = (text(&short), text(&long));
    let cat = |path: &str| format!("cat '{path}'");
    let same = compare(
        &program,
        "same",
        &["--files", short],
        &cat(short),
        &format!("[\"cat\", {short:?}]"),
    );
    assert_eq!(same.code, Some(0), "{same:?}");
    for name in ["base", "again", "new"] {
        let path = program.path("same").join("command").join(name).with_extension("json");
        assert_eq!(Record::read(&path).unwrap().plan.command.unwrap().argv, ["cat", short]);
    }
    let document = std::fs::read_to_string(program.path("same").join("comparison.json")).unwrap();
    assert!(document.contains("\"argv\""), "{document}");

    let other = compare(&program, "other", &[], "printf 'a\\nb\\n'", "printf 'a\\nc\\n'");
    assert_eq!(other.code, Some(3), "{other:?}");
    let said = other.err.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains("command, new: ")
            && said.contains("wrong: line 2 of standard output is `c` instead of `b`"),
        "{said}"
    );
    let waived = compare(&program, "waived", &["--output", "ignore"], "printf a", "printf b");
    assert_eq!(waived.code, Some(0), "{waived:?}");

    let more = compare(&program, "more", &["--output", "ignore"], &cat(short), &cat(long));
    assert_eq!(more.code, Some(if cfg!(target_os = "linux") { 4 } else { 0 }), "{more:?}");
    let meant = ["--output", "ignore", "--accept", "rchar,syscr,wchar,syscw"];
    let meant = compare(&program, "meant", &meant, &cat(short), &cat(long));
    assert_eq!(meant.code, Some(5), "nothing else is compared: {meant:?}");
    assert!(meant.out.contains("(accepted)") || !cfg!(target_os = "linux"), "{}", meant.out);

    let failing = compare(&program, "failing", &[], "true", "false");
    assert_eq!(failing.code, Some(1), "{failing:?}");
    assert!(words(&failing.err).contains("right-answer-bad-exit: exit code 1"), "{}", failing.err);
    let first = compare(&program, "first", &[], "false", "true");
    assert!(
        first.code == Some(1) && words(&first.err).contains("crashed: exit code 1"),
        "{first:?}"
    );

    for wrong in [
        &["--base-cmd", "true"][..],
        &["--base-cmd", "'", "--new-cmd", "true"],
        &["--base-cmd", "true", "--new-cmd", "true", "--base-rev", "HEAD"],
        &["--base-cmd", "true", "--new-cmd", "true", "--accept", "vm_steps"],
        &["--files", short],
    ] {
        let refused = program.run(&[&["compare"], wrong].concat());
        assert_eq!(refused.code, Some(2), "{refused:?}");
    }
}

#[test]
fn what_runs_before_each_launch_is_not_measured_and_must_end_well() {
    let program = Program::new();
    let (ran, _) =
        run(&program, "good", &["--prepare", "rm -f made"], &["sh", "-c", "set -C; : >made"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let (ran, record) = run(&program, "bad", &["--prepare", "false"], &["true"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        fault(&record.samples[0]).contains("before the launch: crashed: exit code 1"),
        "{ran:?}"
    );
}

#[test]
fn a_command_of_a_record_runs_only_when_that_is_allowed() {
    let program = Program::new();
    let file = lines(&program, "file", 100);
    let script = "echo run >>trace; cat file";
    let (ran, record) = run(&program, "made", &["--files", "file"], &["sh", "-c", script]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let made = program.path("made");
    let trace = program.path("trace");
    std::fs::remove_file(&trace).unwrap();

    let refused = program.run(&["repro", text(&made)]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused.err.contains("--allow-command") && refused.err.contains(script),
        "{}",
        refused.err
    );
    assert!(!trace.exists(), "it was not run");

    let again = ["repro", text(&made), "--allow-command", "--counters-only"];
    let repeated = program.run(&again);
    assert_eq!(repeated.code, Some(0), "{repeated:?}");
    assert!(repeated.out.contains("work counters: equal"), "{}", repeated.out);
    assert!(trace.exists());

    // What it wrote is the right answer, and the files are those of the record.
    let mut other = record.clone();
    for launch in other.samples.iter_mut().flat_map(|sample| &mut sample.launches) {
        launch.answer_digest = Some(HELLO.to_owned());
    }
    let path = program.path("other.json");
    other.write(&path).unwrap();
    let wrong = program.run(&["repro", text(&path), "--allow-command", "--counters-only"]);
    assert_eq!(wrong.code, Some(3), "{wrong:?}");
    std::fs::write(&file, "other").unwrap();
    let changed = program.run(&again);
    assert!(
        changed.code == Some(1) && changed.err.contains("are not those of the record"),
        "{changed:?}"
    );
}

#[test]
fn a_plan_may_run_commands_and_compares_them_with_nothing() {
    let program = Program::new();
    let path = program.path("plan.toml");
    let plan = |more: &str| {
        let compare = "[compare]\npairs = 1\nmargin_percent = 2\nbudget_percent = 5\nwhy = \"w\"\n";
        let run = "[[run]]\n\
                   name = \"echo\"\n\
                   why = \"w\"\n\
                   scenario = \"command\"\n\
                   arms = [\"command\"]\n\
                   argv = [\"echo\", \"a b\"]\n\
                   samples = 1\n\
                   why_samples = \"w\"\n";
        std::fs::write(&path, format!("name = \"p\"\nwhy = \"w\"\n{compare}{run}{more}")).unwrap();
        let out = program.path("out");
        let _ = std::fs::remove_dir_all(&out);
        (program.run(&["run", "--plan", text(&path), "--out", text(&out)]), out)
    };
    let (ran, out) = plan("");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(Record::read(&out.join("echo/record.json")).unwrap().scenario, "command");
    let (ran, _) = plan("compare = [\"command\"]\n");
    assert!(ran.code == Some(2) && ran.err.contains("--base-cmd"), "{ran:?}");
    let (ran, _) = plan("warmup = 0\n");
    assert_eq!(ran.code, Some(2), "{ran:?}");
}
