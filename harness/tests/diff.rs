//! `tracerig diff` from outside: engines that are wrong are found out, made smaller, kept and replayed; the scanner is not.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::{Program, Ran, text};
use tracerig_harness::diff::{self, Trace};

/// Runs `diff trace` on an engine and expects this exit code.
fn diff(program: &Program, arguments: &[&str], code: i32) -> Ran {
    let ran = program.run(&[&["diff", "trace"], arguments].concat());
    assert_eq!(ran.code, Some(code), "{arguments:?}\n{}\n{}", ran.out, ran.err);
    ran
}

fn json(program: &Program, arguments: &[&str], code: i32) -> Value {
    let ran = diff(program, &[arguments, &["--format", "json"]].concat(), code);
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn the_scanner_passes_and_the_corpus_is_replayed_first() {
    let program = Program::new();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/trace").canonicalize().unwrap();
    let (out, files) = (program.path("out.xml"), std::fs::read_dir(&corpus).unwrap().count());
    let report = json(&program, &["--cases", "40", "--corpus", text(&corpus), "--junit", text(&out)], 0);
    assert_eq!(report["random"], 40);
    assert_eq!(report["kept"].as_array().unwrap().len(), files);
    assert_eq!((&report["failed"], &report["found"]), (&0.into(), &Value::Array(Vec::new())));
    assert!(report["cases_per_second"].as_f64().unwrap() > 0.0);
    let xml = std::fs::read_to_string(out).unwrap();
    assert!(xml.contains("tour.txt") && xml.contains("name=\"turns\"") && !xml.contains("<failure"), "{xml}");
    for file in std::fs::read_dir(&corpus).unwrap() {
        let ran = diff(&program, &["--replay", text(&file.unwrap().path())], 0);
        assert!(ran.out.contains("nothing wrong"), "{}", ran.out);
    }
    assert!(!program.path("tracerig-out").exists(), "nothing to keep");
}

#[test]
fn engines_that_are_wrong_are_found_out_made_smaller_kept_and_replayed() {
    let program = Program::new();
    for (engine, kind, most) in
        [("empty", "turns", 2), ("stale", "turns", 4), ("lying", "turns", 2), ("rescanning", "mode", 2)]
    {
        let wrong = ["--engine", engine];
        let out = program.path(&format!("{engine}.xml"));
        let report = json(&program, &[&wrong[..], &["--cases", "60", "--junit", text(&out)]].concat(), 3);
        let all = report["found"].as_array().unwrap();
        let found = all.iter().find(|found| found["kind"] == kind).unwrap_or_else(|| panic!("{report:#}"));
        assert!(found["operations"].as_u64().unwrap() <= most, "{found:#}");
        assert_eq!(found["mismatch"], true);
        assert!(found["cases"].as_u64().unwrap() > 20, "{found:#}");
        let xml = std::fs::read_to_string(out).unwrap();
        assert!(xml.contains(&format!("<failure type=\"{kind}\"")) && xml.contains("--replay"), "{xml}");

        // The printed command, word by word; and without the wrong engine nothing is wrong with the history.
        let replay = found["replay"].as_str().unwrap();
        let words: Vec<&str> = replay.split(' ').skip(1).collect();
        let ran = program.run(&words);
        assert_eq!(ran.code, Some(3), "{replay}\n{}{}", ran.out, ran.err);
        assert!(ran.out.contains(&format!("MISMATCH {kind}")) && ran.out.contains(replay), "{}", ran.out);
        let file = found["file"].as_str().unwrap();
        diff(&program, &["--replay", file], 0);
        let again = json(&program, &["--engine", engine, "--replay", file], 3);
        assert_eq!(again["found"]["detail"], found["detail"], "it fails in the same words");
    }
}

#[test]
fn a_kept_case_that_fails_is_reported_as_itself_and_new_ones_join_the_corpus() {
    let program = Program::new();
    let corpus = program.path("corpus");
    std::fs::create_dir(&corpus).unwrap();
    let kept = corpus.join("a kept one.txt");
    std::fs::write(&kept, "append request turn=1 at=1\nrelaunch\n").unwrap();
    std::fs::write(corpus.join("notes.md"), "not a history").unwrap();
    let arguments = ["--engine", "empty", "--cases", "8", "--corpus", text(&corpus)];
    let ran = diff(&program, &arguments, 3);
    assert!(ran.out.contains(&format!("MISMATCH turns: {}", kept.display())), "{}", ran.out);
    assert!(ran.out.contains(&format!("--replay '{}'", kept.display())), "{}", ran.out);
    assert!(ran.out.contains("FAILED: "), "{}", ran.out);
    let files = std::fs::read_dir(&corpus).unwrap().count();
    assert_eq!(files, 3, "a kept case is not kept twice, and one of each new kind is");
}

#[test]
fn a_case_is_a_function_of_seed_number_and_length() {
    let subject = Trace::of("".into());
    let case = |seed, number, ops| diff::case(&subject, seed, number, ops);
    assert_eq!(case(1, 5, 20), case(1, 5, 20));
    let others = [case(1, 6, 20), case(2, 5, 20), case(5, 1, 20)];
    assert!(others.iter().all(|other| *other != case(1, 5, 20)), "{others:?}");
}

#[test]
fn shares_execute_every_case_once_and_a_time_ends_a_search() {
    let program = Program::new();
    let random = |arguments: &[&str]| json(&program, arguments, 0)["random"].as_u64().unwrap();
    let shares = ["1/3", "2/3", "3/3"].map(|shard| random(&["--cases", "10", "--shard", shard]));
    assert_eq!(shares, [4, 3, 3]);
    assert!(random(&["--time", "1s", "--jobs", "1"]) > 0);
    // However short the time, something is executed.
    assert_eq!(random(&["--time", "1ms", "--jobs", "2", "--ops", "2"]), 2);
}

#[test]
fn what_cannot_be_executed_is_said_and_is_no_pass() {
    let program = Program::new();
    let (broken, empty) = (program.path("broken.txt"), program.path("empty.txt"));
    std::fs::write(&broken, "append request turn=1 at=1\nfrobnicate\n").unwrap();
    std::fs::write(&empty, "# nothing\n").unwrap();
    for (arguments, said) in [
        (&["--replay", text(&broken)][..], "line 2"),
        (&["--replay", text(&empty)], "without operations"),
        (&["--replay", "nowhere.txt"], "nowhere.txt"),
        (&["--replay", text(&broken), "--seed", "3"], "cannot be used with"),
        (&["--corpus", "nowhere"], "nowhere"),
        (&["--corpus", text(&program.path("."))], "no history"),
        (&["--shard", "3/2"], "K/N"),
        (&["--cases", "1", "--shard", "1/2"], "is empty"),
        (&["--cases", "0"], "0"),
        (&["--time", "soon"], "soon"),
        (&["--engine", "wrong"], "no engine"),
    ] {
        let ran = diff(&program, arguments, 2);
        assert!(ran.err.contains(said) && ran.out.is_empty(), "{arguments:?}\n{}", ran.err);
    }
    let nowhere = program.command(&["diff", "trace", "--cases", "1"]).env("TMPDIR", "/nonexistent").output();
    let ran = Ran::of(&nowhere.unwrap());
    assert!(ran.code == Some(1) && ran.err.contains("TMPDIR"), "{ran:?}");
}

#[test]
fn an_impossible_history_is_a_failure_but_no_mismatch() {
    let program = Program::new();
    let file = program.path("impossible.txt");
    std::fs::write(&file, "append request turn=1 at=1\nrelaunch, at persisted: another scan\n").unwrap();
    let ran = diff(&program, &["--replay", text(&file)], 1);
    assert!(ran.out.contains("FAILURE impossible"), "{}", ran.out);
}

#[test]
fn ctrl_c_ends_a_search_with_what_it_has() {
    let program = Program::new();
    for (engine, code) in [("scanner", 130), ("empty", 3)] {
        let out = program.path(&format!("{engine}.xml"));
        let mut command = program.command(&["diff", "trace", "--time", "1h", "--engine", engine]);
        let child = command
            .args(["--junit", text(&out), "--format", "json", "--corpus", text(&program.path("."))])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It has begun when a bench is there, and has found something when a case is kept.
        let begun = || match engine {
            "scanner" => out.exists(),
            _ => std::fs::read_dir(program.path("."))
                .unwrap()
                .flatten()
                .any(|entry| entry.file_name().to_string_lossy().starts_with("turns-seed-1")),
        };
        while !begun() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let ran = Ran::of(&child.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(code), "{ran:?}");
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(report["interrupted"], true);
        assert!(std::fs::read_to_string(&out).unwrap().ends_with("</testsuites>\n"));
    }
}
