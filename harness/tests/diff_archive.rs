//! `tracerig diff archive` from outside: engines that are wrong and rules that are missing are found out, made smaller, kept and
//! replayed; the scanner is not.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::path::Path;

use serde_json::Value;
use support::{Program, Ran, text};

/// Runs `diff archive` and expects this exit code. Python is asked only where it is the point: to start it takes long.
fn diff(program: &Program, arguments: &[&str], code: i32) -> Ran {
    let mut command = program.command(&[&["diff", "archive"], arguments].concat());
    if !arguments.contains(&"python") {
        command.env("TRACERIG_PYTHON", "/nonexistent/python3");
    }
    let ran = Ran::of(&command.output().unwrap());
    assert_eq!(ran.code, Some(code), "{arguments:?}\n{}\n{}", ran.out, ran.err);
    ran
}

fn json(program: &Program, arguments: &[&str], code: i32) -> Value {
    let ran = diff(program, &[arguments, &["--format", "json"]].concat(), code);
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn what_is_wrong_is_found_out_made_smaller_kept_and_replayed() {
    let program = Program::new();
    for (flag, name, kind, most) in [
        ("--engine", "empty", "usage", 2),
        ("--engine", "stale", "usage", 4),
        ("--engine", "lying", "usage", 3),
        ("--engine", "rescanning", "work", 5),
        ("--ablate", "repeated", "usage", 3),
        ("--ablate", "tick", "work", 4),
    ] {
        let report = json(&program, &[flag, name, "--cases", "80"], 3);
        let all = report["found"].as_array().unwrap();
        let found = all.iter().find(|found| found["kind"] == kind).unwrap_or_else(|| panic!("{report:#}"));
        assert!(found["operations"].as_u64().unwrap() <= most, "{found:#}");
        assert_eq!(found["mismatch"], true);
        // The printed command, word by word; and without the fault nothing is wrong with the history.
        let replay = found["replay"].as_str().unwrap();
        assert!(replay.contains(&format!("diff archive {flag} {name} --replay ")), "{replay}");
        let words: Vec<&str> = replay.split(' ').skip(3).collect();
        let ran = diff(&program, &words, 3);
        assert!(ran.out.contains(&format!("MISMATCH {kind}")) && ran.out.contains(replay), "{}", ran.out);
        diff(&program, &["--replay", found["file"].as_str().unwrap()], 0);
    }
}

#[test]
fn python_is_asked_about_kept_histories_and_agrees() {
    let program = Program::new();
    let tour = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/archive/tour.txt");
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        println!("no python3: not tried");
        return;
    }
    let ran = diff(&program, &["--oracle", "python", "--replay", text(&tour)], 0);
    assert!(ran.out.contains("nothing wrong") && ran.out.contains("usage.py 1"), "{}", ran.out);
}

#[test]
fn what_is_no_history_or_rule_is_said() {
    let program = Program::new();
    let broken = program.path("broken.txt");
    std::fs::write(&broken, "create 1 day=20\nappend 1 nothing\n").unwrap();
    for (arguments, said) in
        [(["--replay", text(&broken)], "line 2"), (["--ablate", "everything"], "first-meta")]
    {
        let ran = diff(&program, &arguments, 2);
        assert!(ran.err.contains(said), "{arguments:?}\n{}", ran.err);
    }
}
