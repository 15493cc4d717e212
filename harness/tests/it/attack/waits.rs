//! Programs that hang, write without end or leave processes behind; standard output that is closed;
//! results that are cut short.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tracerig_reports::Record;
use tracerig_reports::record::{Outcome, Status};

use crate::common::at_once;
use crate::common::program::{Program, Ran, text};

const REAL: &str = env!("CARGO_BIN_EXE_tracerig");

fn script(program: &Program, name: &str, text: &str) -> PathBuf {
    let path = program.path(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Compares the real program with one that does `what` once a worker has something to do, and
/// expects words.
fn compared(what: &str, words: &str) {
    let program = Program::new();
    let bad = format!(
        "if [ \"$1\" = __worker ] && [ \"$2\" != idle ]; then {what}; fi\nexec '{REAL}' \"$@\""
    );
    let bad = script(&program, "bad", &bad);
    let ran = program.run(&[
        "compare",
        "--base-bin",
        REAL,
        "--new-bin",
        text(&bad),
        "--recipe",
        "tiny",
        "--arms",
        "warm:hot",
        "--counters-only",
        "--out",
        "out",
    ]);
    assert_ne!(ran.code, Some(0), "{ran:?}");
    let record = std::fs::read_to_string(program.path("out/relaunch/new.json")).unwrap();
    assert!(record.contains(words), "{record}");
}

#[test]
fn a_program_that_writes_without_end_to_standard_output_compare_base_bin() {
    compared("exec yes rubbish", "too-much-output: it wrote more than 64 MiB to standard output");
}

#[test]
fn a_program_that_writes_without_end_to_standard_error_compare_base_bin() {
    compared("exec yes rubbish >&2", "too-much-output: it wrote more than 1 MiB to standard error");
}

#[test]
fn a_program_that_never_says_what_it_is_and_leaves_a_process_is_refused_in_time() {
    let program = Program::new();
    let cases = [
        ("leaves", "setsid sleep 1000 & exit 0"),
        ("writes", "exec yes"),
        ("complains", "exec yes >&2"),
        ("stays", "trap '' TERM; while :; do sleep 1; done"),
    ];
    at_once(cases, |(name, what)| {
        let bad = script(&program, name, what);
        let begun = Instant::now();
        let ran = program.run(&["compare", "--base-bin", text(&bad), "--recipe", "tiny"]);
        assert_eq!(ran.code, Some(1), "{what}: {ran:?}");
        assert!(ran.err.contains(text(&bad)), "{ran:?}");
        // The limit is 10 s, and what else happens takes 2 s at most; a machine that is busy gets
        // more.
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: {:?}", begun.elapsed());
    });
}

#[test]
fn standard_output_that_is_closed_is_a_failure_whatever_the_verb() {
    let program = Program::new();
    program.run(&["dataset", "build", "tiny"]);
    let run = |redirected: &str, arguments: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec '{REAL}' {arguments} {redirected}")]);
        shell
            .env("TRACERIG_CACHE_DIR", program.cache())
            .current_dir(program.cache())
            .stdin(Stdio::null());
        Ran::of(&shell.output().unwrap())
    };
    for arguments in [
        "--version",
        "--help",
        "dataset list",
        "dataset build tiny",
        "dataset verify tiny",
        "completions bash",
        "man",
        "usage . --no-memo",
        "diff trace --cases 1",
        "report nothing",
        "threads list .",
        "scan --db nothing",
    ] {
        let ran = run(">&-", arguments);
        assert_eq!(ran.code, Some(1), "{arguments}: {ran:?}");
        assert!(ran.err.starts_with("tracerig: standard output is closed"), "{arguments}: {ran:?}");
    }
    for (redirected, code) in [
        (">/dev/null", 0),
        (">>/dev/null", 0),
        ("1<>/dev/null", 0),
        ("| head -c 1 >/dev/null", 0),
        (">/dev/full", 1),
    ] {
        assert_eq!(run(redirected, "dataset list").code, Some(code), "{redirected}");
    }
}

/// A record of a run that ended like this.
fn recorded(program: &Program, name: &str, status: Status) -> PathBuf {
    let folder = program.path("run");
    if !folder.exists() {
        let run = ["run", "relaunch", "--recipe", "tiny", "--samples", "1", "--arms", "full:hot"];
        let ran = program.run(&[&run[..], &["--out", text(&folder)]].concat());
        assert!(matches!(ran.code, Some(0 | 5)), "{ran:?}");
    }
    let mut record = Record::read(&folder.join("record.json")).unwrap();
    let samples = std::mem::take(&mut record.samples);
    record.samples = samples;
    match status {
        Status::Interrupted => record.outcome = Outcome::of(&record.samples, true),
        Status::Mismatch => {
            let detail = "a turn is missing".to_owned();
            record.samples[0].state = tracerig_reports::record::SampleState::Mismatch { detail };
            record.samples[0].launches.iter_mut().for_each(|launch| launch.verified = false);
            record.outcome = Outcome::of(&record.samples, false);
        }
        _ => {
            // Whatever the machine did meanwhile.
            for sample in &mut record.samples {
                sample.state = tracerig_reports::record::SampleState::Valid;
            }
            record.outcome = Outcome::of(&record.samples, false);
        }
    }
    let path = program.path(name);
    record.write(&path).unwrap();
    path
}

#[test]
fn a_run_that_was_interrupted_or_wrong_is_no_baseline_and_the_old_baseline_stays() {
    let program = Program::new();
    let good = recorded(&program, "run.json", Status::Complete);
    let save = |record: &PathBuf| {
        program.run(&["compare", text(record), "--save-baseline", "main", "--baselines", "b"])
    };
    let saved = save(&good);
    assert_eq!(saved.code, Some(0), "{saved:?}");
    let before = std::fs::read(program.path("b/main.json")).unwrap();
    for (status, words) in
        [(Status::Interrupted, "was cut short"), (Status::Mismatch, "has wrong answers")]
    {
        let bad = recorded(&program, "bad.json", status);
        let ran = save(&bad);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.err.contains(words) && ran.err.contains("`main` stays"), "{ran:?}");
        assert!(std::fs::read(program.path("b/main.json")).unwrap() == before);
        // With --force it is kept, but in no good one's place.
        let force = |name: &str| {
            let save = ["compare", text(&bad), "--save-baseline", name, "--force"];
            program.run(&[&save[..], &["--baselines", "b"]].concat())
        };
        let ran = force("main");
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.err.contains(words) && ran.err.contains("`main` stays"), "{ran:?}");
        assert!(std::fs::read(program.path("b/main.json")).unwrap() == before);
        assert_eq!(force("bad").code, Some(0));
        assert_eq!(force("bad").code, Some(0), "in a bad one's place");
    }
}

#[test]
fn a_search_that_is_cut_short_takes_no_other_s_place() {
    let program = Program::new();
    for (arguments, option) in
        [(&["diff", "trace"][..], "--junit"), (&["diff", "ablations", "--without-costs"], "--out")]
    {
        let kept = program.path("kept");
        std::fs::write(&kept, "<testsuites name=\"tracerig\"").unwrap();
        let arguments = [arguments, &["--time", "1h", option, text(&kept)]].concat();
        let mut command = program.command(&arguments);
        command.env("TRACERIG_PYTHON", "/nonexistent").env("TMPDIR", program.path(""));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Once histories are executed it has looked at the file.
        while child.try_wait().unwrap().is_none()
            && !std::fs::read_dir(program.path(""))
                .unwrap()
                .flatten()
                .any(|entry| entry.file_name().to_string_lossy().starts_with("tracerig-diff-"))
        {
            std::thread::sleep(Duration::from_millis(5));
        }
        super::signals::send(&child, rustix::process::Signal::TERM);
        let ran = Ran::of(&child.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(130), "{ran:?}");
        assert_eq!(
            std::fs::read_to_string(&kept).unwrap(),
            "<testsuites name=\"tracerig\"",
            "{ran:?}"
        );
        assert!(ran.err.contains("not replaced"), "{ran:?}");
    }
}

#[test]
fn what_a_killed_process_left_is_removed_and_what_is_in_use_is_not() {
    let program = Program::new();
    let place = program.path("place");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    let make = |name: &str| {
        std::fs::create_dir_all(place.join(name).join("7")).unwrap();
        let lock = std::fs::File::create(place.join(name).join("lock")).unwrap();
        lock.set_modified(old).unwrap();
        lock
    };
    drop(make("tracerig-diff-abandoned"));
    drop(make("tracerig-launch-abandoned"));
    let held = make("tracerig-diff-held");
    held.lock().unwrap();
    drop(make("somebody-elses"));
    std::fs::create_dir(place.join("tracerig-diff-unlocked")).unwrap();
    for verb in [&["diff", "trace", "--cases", "2", "--oracle", "none"][..], &["candidate", "list"]]
    {
        let ran = Ran::of(&program.command(verb).env("TMPDIR", &place).output().unwrap());
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
    let left = std::fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().file_name());
    let mut left: Vec<_> = left.map(|name| name.into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["somebody-elses", "tracerig-diff-held", "tracerig-diff-unlocked"]);
}
