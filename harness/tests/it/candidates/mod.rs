//! Candidates from outside: hostile ones end as their rows, the ones that ship keep their
//! contracts, and a wrong one is found out.

mod stages;

use std::path::{Path, PathBuf};

use serde_json::Value;
use tracerig_harness::candidate::check::cases;
use tracerig_protocol::{Contract, Fault};

use crate::common::at_once;
use crate::common::program::{Program, Ran, text};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The right answer of the request number `step` of a case, as one line.
fn right(program: &Program, case: &str, step: usize) -> String {
    let folder = program.path(&format!("{}-{step}", case.replace('/', "-")));
    let ran = program.run(&[
        "candidate",
        "input",
        case,
        "--dir",
        text(&folder),
        "--step",
        &step.to_string(),
    ]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let right: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("right.json")).unwrap()).unwrap();
    right.to_string()
}

/// The report of a check of one case, and the exit code.
fn check(program: &Program, words: &[&str], command: &[&str]) -> (Value, Option<i32>) {
    let all = [&["candidate", "check", "--format", "json"], words, &["--"], command].concat();
    let ran = program.run(&all);
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    (report[0].clone(), ran.code)
}

fn kinds(report: &Value) -> Vec<&str> {
    let levels = report["levels"].as_array().unwrap().iter();
    let failures = levels.flat_map(|level| level["failures"].as_array().unwrap());
    failures.map(|failure| failure["kind"].as_str().unwrap()).collect()
}

/// Each row of the table of faults, by a script that is like that. The time limit is the
/// candidate's own; no test measures time.
#[test]
fn each_fault_has_a_hostile_candidate_that_ends_as_its_row() {
    let program = Program::new();
    let holding = (Fault::LeftAProcess, "left-a-process-holding");
    let cases = ["trace/answers/repeat", "trace/relaunch/append"];
    let right = cases.map(|case| (case, right(&program, case, 1)));
    let faults = Fault::ALL.into_iter().map(|fault| (fault, fault.name())).chain([holding]);
    at_once(faults, |(fault, name)| {
        // What a stale candidate repeats was right once.
        let (case, right) = &right[usize::from(fault == Fault::Stale)];
        let script = folder("tests/it/candidates/hostile").join(format!("{name}.sh"));
        let limit = if fault == Fault::TimedOut { "1s" } else { "20s" };
        let words = ["--contract", "trace", "--case", case, "--limit", limit, "--histories", "0"];
        let (report, code) = check(&program, &words, &["sh", text(&script), right]);
        assert_eq!(code, Some(3), "{name}: {report:#}");
        if fault == Fault::NotRunning {
            let first = report["verdict"]["not-running"].as_str().unwrap();
            assert!(
                first.starts_with("crashed: ") && first.contains("no module named scanner"),
                "{first}"
            );
        } else {
            assert_eq!(kinds(&report), [fault.name()], "{name}: {report:#}");
        }
        // The same history by `diff`.
        let file = program.path(&format!("{name}.txt"));
        std::fs::write(&file, history(case)).unwrap();
        let named = format!("hostile=sh {} '{right}'", text(&script));
        let ran = program.diff("trace", &["--candidate", &named, "--replay", text(&file)], 3);
        match fault {
            Fault::NoHello | Fault::NoVersion | Fault::NotRunning => {
                assert!(ran.err.contains(&format!("hostile: {}: ", fault.name())), "{ran:?}");
            }
            _ => assert!(
                ran.out.contains(&format!("MISMATCH {}: ", fault.name())),
                "{name}: {ran:?}"
            ),
        }
    });
}

/// The history of a case.
fn history(case: &str) -> String {
    let contract =
        Contract::ALL.into_iter().find(|contract| case.starts_with(contract.name())).unwrap();
    let found = cases(contract).unwrap().into_iter().find(|known| known.name == case);
    found.unwrap().history()
}

fn python() -> Option<String> {
    let named = std::env::var("TRACERIG_PYTHON").ok().filter(|name| !name.is_empty());
    let python = named.unwrap_or_else(|| "python3".to_owned());
    // Not by way of a shim that looks for a version first: it takes longer than the candidate.
    let asked = ["-c", "import sys; print(sys.executable)"];
    let told = std::process::Command::new(&python).args(asked).output().ok()?;
    told.status.success().then(|| String::from_utf8(told.stdout).unwrap().trim().to_owned())
}

#[test]
fn the_candidate_in_python_keeps_every_contract() {
    let Some(python) = python() else { return };
    let program = Program::new();
    let script = folder("candidates/python/candidate.py");
    for (contract, interrupted) in [("trace", 7), ("usage", 7), ("threads", 5)] {
        let words = ["--contract", contract, "--histories", "20"];
        let (report, code) = check(&program, &words, &[&python, text(&script)]);
        assert_eq!((code, &report["verdict"]), (Some(0), &"passed".into()), "{report:#}");
        let level = &report["levels"][4];
        assert_eq!(level["level"], "cancel-kill");
        let [early, late] = ["ended_early", "ended_late"].map(|name| level[name].as_u64().unwrap());
        assert!(early > 0 && early + late == interrupted, "{level:#}");
    }
}

#[test]
fn our_own_scanner_and_store_keep_every_contract() {
    let program = Program::new();
    let own = env!("CARGO_BIN_EXE_tracerig");
    for contract in ["trace", "usage", "threads"] {
        let words = ["--contract", contract, "--histories", "60"];
        let (report, code) = check(&program, &words, &[own, "__worker", "scanner"]);
        assert_eq!((code, &report["verdict"]), (Some(0), &"passed".into()), "{report:#}");
    }
}

#[test]
fn the_wrong_example_is_found_out_by_check_and_by_random_histories_and_replayed() {
    let Some(python) = python() else { return };
    let program = Program::new();
    let script = folder("candidates/wrong.py");
    let words = ["--contract", "trace", "--histories", "0", "--case", "trace/relaunch"];
    let (report, code) = check(&program, &words, &[&python, text(&script)]);
    assert_eq!(code, Some(3));
    let failures = report["levels"][1]["failures"].as_array().unwrap();
    let pruned =
        failures.iter().find(|failure| failure["case"] == "trace/relaunch/pruned").unwrap();
    assert_eq!(pruned["kind"], "stale", "{pruned:#}");
    assert!(
        pruned["repeat"].as_str().unwrap().contains("--case trace/relaunch/pruned -- "),
        "{pruned:#}"
    );

    let named = format!("wrong={python} {}", text(&script));
    let ran = program.diff("trace", &["--candidate", &named, "--cases", "60", "--jobs", "2"], 3);
    assert!(ran.out.contains("MISMATCH stale"), "{}", ran.out);
    let file = std::fs::read_dir(program.path("tracerig-out/diff"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    program.diff("trace", &["--candidate", &named, "--replay", text(&file)], 3);
    let right = format!("right={python} {}", text(&folder("candidates/python/candidate.py")));
    program.diff("trace", &["--candidate", &right, "--replay", text(&file)], 0);
}

/// Stores that say they have appended, and have not, or have by half.
#[test]
fn a_store_that_loses_lines_is_found_out() {
    let program = Program::new();
    let script = folder("tests/it/candidates/hostile/store.sh");
    for (how, due) in [("nothing", "it has 0 histories instead of one"), ("half", "breaks off")] {
        let words = ["--contract", "threads", "--case", "threads/answers/one", "--histories", "0"];
        let (report, code) = check(&program, &words, &["sh", text(&script), how]);
        assert_eq!((code, kinds(&report)), (Some(3), vec!["wrong"]), "{report:#}");
        let told = report["levels"][1]["failures"][0]["detail"].as_str().unwrap();
        assert!(told.contains(due), "{told}");
    }
}

#[test]
fn what_the_kernel_refuses_is_said_of_a_program_that_does_not_start_too() {
    let program = Program::new();
    let own = env!("CARGO_BIN_EXE_tracerig");
    let words = ["--contract", "trace", "--case", "trace/answers/empty"];
    let (fine, _) = check(&program, &words, &[own, "__worker", "scanner"]);
    for command in ["false", "/nonexistent"] {
        let (report, code) = check(&program, &words, &[command]);
        assert_eq!((code, kinds(&report)), (Some(3), vec!["no-hello"]), "{report:#}");
        assert_eq!(report["confined"], fine["confined"], "{report:#}");
    }
}

#[test]
fn known_failures_are_no_failures_until_they_pass() {
    let Some(python) = python() else { return };
    let program = Program::new();
    let define = |script: &str, known: &str| {
        let script = folder("candidates").join(script);
        let script = text(&script).to_owned();
        let text = format!(
            "name = \"mine\"\nargv = [{python:?}, {script:?}]\n[known-failures]\n{known}\n"
        );
        std::fs::write(program.path("tracerig-candidate.toml"), text).unwrap();
    };
    let check = |words: &[&str]| {
        let all =
            [&["candidate", "check", "--contract", "trace", "--histories", "0"], words].concat();
        program.run(&all)
    };
    define("wrong.py", "\"trace/relaunch/pruned\" = \"stale: 1 extra\"");
    let only = check(&["--case", "trace/relaunch/pruned"]);
    assert_eq!(only.code, Some(0), "{only:?}");
    assert!(only.out.contains("1 known to fail"), "{only:?}");
    define("python/candidate.py", "\"trace/relaunch/pruned\" = \"stale: 1 extra\"");
    let Ran { code, out, .. } = check(&["--case", "trace/relaunch"]);
    assert_eq!(code, Some(3), "{out}");
    assert!(out.contains("stale-entry trace/relaunch/pruned"), "{out}");
}

#[test]
fn a_tool_that_is_not_installed_is_unavailable_and_another_contract_unsupported() {
    let program = Program::new();
    let mut command = program.command(&["candidate", "check", "tokscale"]);
    if python().is_some() {
        let ran = Ran::of(&command.output().unwrap());
        // Where somebody has it, it answers.
        assert!(ran.out.starts_with("unavailable: ") == (ran.code == Some(5)), "{ran:?}");
    }
    let ran = program.run(&["candidate", "check", "published", "--contract", "threads"]);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    assert!(ran.out.starts_with("unsupported: "), "{ran:?}");
    let listed = program.json(&["candidate", "list", "--format", "json"]);
    assert!(listed.as_array().unwrap().iter().any(|entry| entry["name"] == "python"), "{listed:#}");
}

#[test]
fn the_request_of_a_case_is_printed_with_its_data_and_the_right_answer() {
    let program = Program::new();
    let folder = program.path("by hand");
    let ran = program.run(&["candidate", "input", "trace/relaunch/pruned", "--dir", text(&folder)]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let asked: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&asked["ask"], &asked["id"], &asked["tracerig"]),
        (&"scan".into(), &"2".into(), &1.into())
    );
    assert!(Path::new(asked["database"].as_str().unwrap()).is_file(), "{asked}");
    let right: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("right.json")).unwrap()).unwrap();
    assert_eq!(right["turns"], serde_json::json!({}));
    for case in ["usage/answers/last", "usage/bad-input/odd-name", "trace/bad-input/no-table"] {
        let folder = program.path(&case.replace('/', "-"));
        let ran = program.run(&["candidate", "input", case, "--dir", text(&folder)]);
        assert!(ran.code == Some(0) && ran.out.starts_with("{\""), "{ran:?}");
    }
    for words in [
        &["candidate", "input", "trace/relaunch/pruned", "--dir", text(&folder)][..],
        &["candidate", "input", "trace/no/such", "--dir", "new"],
        &["candidate", "check", "--case", "trace/no/such", "--", "sh", "-c", "exit 0"],
        &["candidate", "check", "nobody"],
        &["diff", "trace", "--candidate", "nobody"],
    ] {
        let ran = program.run(words);
        assert!(ran.code == Some(2) || ran.code == Some(3), "{words:?}: {ran:?}");
    }
}
