//! A system that starts no thread, as one with a limit on processes does: an answer, or an error
//! that says so.

use tracerig_real::Codex;

use crate::common::program::{Program, Ran, text};

/// Runs where no thread gets its stack.
fn without_threads(program: &Program, arguments: &[&str]) -> Ran {
    let mut command = program.command(arguments);
    // More than a process can address.
    let output = command.env("RUST_MIN_STACK", (1_u64 << 47).to_string()).output().unwrap();
    let ran = Ran::of(&output);
    assert!(!ran.err.contains("panicked"), "{arguments:?}: {ran:?}");
    ran
}

#[test]
fn what_needs_no_thread_answers_and_what_needs_one_says_so() {
    let program = Program::new();
    let home = program.path("home");
    std::fs::create_dir(&home).unwrap();
    Codex::V0_155_1.write(&home).unwrap();
    let (home, logs) = (text(&home), program.path("home/logs_2.sqlite"));

    let rebuilt = without_threads(&program, &["threads", "rebuild", home, "--db", "rows.sqlite"]);
    assert_eq!(rebuilt.code, Some(0), "{rebuilt:?}");
    for arguments in [
        vec!["usage", home, "--no-memo"],
        vec!["threads", "verify", home, "--db", "rows.sqlite"],
        vec!["threads", "list", home, "--db", "rows.sqlite", "--format", "json"],
    ] {
        let usual = program.run(&arguments);
        let ran = without_threads(&program, &arguments);
        assert_eq!((ran.code, ran.out), (Some(0), usual.out), "{arguments:?}: {}", ran.err);
    }
    for arguments in [
        vec!["scan", "--db", text(&logs), "--no-memo"],
        vec!["scan", "--db", text(&logs), "--engine", "published"],
        vec!["diff", "trace", "--cases", "3"],
        vec!["dataset", "build", "tiny", "--seed", "9"],
        vec!["dataset", "build", "archive-tiny", "--seed", "9"],
        vec!["run", "append", "--samples", "2", "--out", "appends"],
        vec!["candidate", "check", "--", "true"],
    ] {
        let ran = without_threads(&program, &arguments);
        assert_eq!(ran.code, Some(1), "{arguments:?}: {ran:?}");
        assert!(ran.err.contains("temporarily unavailable"), "{arguments:?}: {}", ran.err);
    }
}
