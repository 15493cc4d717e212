//! `tracerig diff archive` from outside: engines that are wrong and rules that are missing are
//! found out, shrunk, kept and replayed; the scanner is not.

use std::path::Path;

use crate::common::program::{Program, text};

#[test]
fn what_is_wrong_is_found_out_made_smaller_kept_and_replayed() {
    let program = Program::new();
    for (flag, name, kind, most) in [
        ("--engine", "empty", "usage", 2),
        ("--engine", "stale", "usage", 4),
        ("--engine", "lying", "usage", 3),
        ("--engine", "rescanning", "work", 5),
        ("--ablate", "repetition", "usage", 4),
        ("--ablate", "tick", "work", 4),
    ] {
        let report = program.diff_json("archive", &[flag, name, "--cases", "80"], 3);
        let all = report["found"].as_array().unwrap();
        let found =
            all.iter().find(|found| found["kind"] == kind).unwrap_or_else(|| panic!("{report:#}"));
        assert!(found["operations"].as_u64().unwrap() <= most, "{found:#}");
        assert_eq!(found["mismatch"], true);
        // The printed command, word by word; and without the fault nothing is wrong with the
        // history.
        let replay = found["replay"].as_str().unwrap();
        assert!(replay.contains(&format!("diff archive {flag} {name} --replay ")), "{replay}");
        let words: Vec<&str> = replay.split(' ').skip(3).collect();
        let ran = program.diff("archive", &words, 3);
        assert!(
            ran.out.contains(&format!("MISMATCH {kind}")) && ran.out.contains(replay),
            "{}",
            ran.out
        );
        program.diff("archive", &["--replay", found["file"].as_str().unwrap()], 0);
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
    let ran = program.diff("archive", &["--oracle", "python", "--replay", text(&tour)], 0);
    assert!(ran.out.contains("nothing wrong") && ran.out.contains("usage.py 2"), "{}", ran.out);
}

#[test]
fn what_is_no_history_or_rule_is_said() {
    let program = Program::new();
    let broken = program.path("broken.txt");
    std::fs::write(&broken, "create 1 day=20\nappend 1 nothing\n").unwrap();
    for (arguments, said) in
        [(["--replay", text(&broken)], "line 2"), (["--ablate", "everything"], "first-meta")]
    {
        let ran = program.diff("archive", &arguments, 2);
        assert!(ran.err.contains(said), "{arguments:?}\n{}", ran.err);
    }
}
