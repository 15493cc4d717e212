//! Comparisons that Ctrl-C cuts short: what there is stays, and says that it is not all.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tracerig_reports::Record;
use tracerig_reports::comparison::Comparisons;
use tracerig_reports::record::Status;

use super::{REAL, WORK, assert_acceptable, compare, write_executable};
use crate::common::program::{Program, Ran, text};

/// Has a comparison run until it says a line that `is_it`, and sends it this signal. Returns the
/// code that it ends with.
fn sent(
    program: &Program,
    signal: Signal,
    arguments: &[&str],
    is_it: impl Fn(&str) -> bool,
) -> Option<i32> {
    let mut command = program.command(&[&["compare"], arguments].concat());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.any(|line| is_it(&line.unwrap())), "it ended before it was interrupted");
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
    said.map_while(Result::ok).for_each(drop);
    child.wait().unwrap().code()
}

/// Likewise what Ctrl-C sends, and expects its code.
fn interrupted(program: &Program, arguments: &[&str], is_it: impl Fn(&str) -> bool) {
    assert_eq!(sent(program, Signal::INT, arguments, is_it), Some(130));
}

#[test]
fn ctrl_c_ends_a_comparison_with_what_it_has() {
    let program = Program::new();
    let out = program.path("out");
    let pairs = ["--base-bin", REAL, "--pairs", "10000", "--out", text(&out)];
    interrupted(&program, &[&pairs[..], &WORK].concat(), |line| line == "measuring");
    // Without a single sample there is not a comparison to write.
    if out.join("comparison.json").exists() {
        assert!(Comparisons::read(&out.join("comparison.json")).unwrap().interrupted);
    }
    let left = std::fs::read_dir(program.cache().join("work")).unwrap().flatten();
    assert_eq!(left.filter(|entry| entry.path().is_dir()).count(), 0, "working copies are gone");
}

/// One launch is a sample, whatever the machine does meanwhile.
const APPENDS: &str = r#"
name = "appends"
why = "a test"
[compare]
pairs = 10000
margin_percent = 2
budget_percent = 5
why = "a test"
[[run]]
name = "appends"
scenario = "append"
why = "times."
threads = 1
appends = 50
samples = 1
why_samples = "a test"
arms = ["sync"]
compare = ["sync"]
"#;

/// Compares appends with a program that sends this signal to the comparison.
fn signalled(program: &Program, signal: &str) -> Ran {
    std::fs::write(program.path("appends.toml"), APPENDS).unwrap();
    // The seventh load of the new program asks for the end and waits for it: one for the work, then
    // five pairs, then this. Its first two requests ask who it is, and nothing.
    let script = format!(
        r#"#!/bin/sh
[ "$1" = __worker ] || exec '{REAL}' "$@"
read -r request
case $request in
*'"id":"00000009"'*) kill -{signal} $PPID; [ {signal} = INT ] && exec sleep 1000; exit ;;
esac
printf '%s\n' "$request" | '{REAL}' "$@"
"#
    );
    let new = program.path("new");
    write_executable(&new, &script);
    compare(
        program,
        &["--base-bin", REAL, "--new-bin", text(&new), "--plan", "./appends.toml", "--out", "out"],
    )
}

#[test]
fn ctrl_c_in_the_first_comparison_leaves_its_pairs() {
    let program = Program::new();
    let ran = signalled(&program, "INT");
    assert_eq!(ran.code, Some(130), "{ran:?}");
    assert!(ran.out.trim_end().ends_with("the other runs were not compared."), "{}", ran.out);
    let page = std::fs::read_to_string(program.path("out/comparison.md")).unwrap();
    assert!(page.contains("Interrupted (exit code 130)"), "{page}");
    let kept = Comparisons::read(&program.path("out/comparison.json")).unwrap();
    assert_eq!((kept.exit_code, kept.interrupted), (130, true));
    assert_eq!(kept.runs[0].comparison.verdicts.arms[0].change.unwrap().pairs, 5);
    for (name, samples) in [("base", 6), ("again", 5), ("new", 6)] {
        let record =
            Record::read(&program.path("out/appends").join(name).with_extension("json")).unwrap();
        assert_eq!(
            (record.samples.len(), record.outcome.status),
            (samples, Status::Interrupted),
            "{name}"
        );
        assert_acceptable(&program, &record);
    }
    // From the outside: what was cut short is shown as such.
    let shown = program.run(&["report", "out"]);
    assert!(shown.out.contains("Interrupted (exit code 130)"), "{shown:?}");
}

/// Two runs: one is over at once, the other would take hours.
const SHORT_AND_LONG: &str = r#"
name = "two"
why = "a test"
[compare]
pairs = 10000
margin_percent = 2
budget_percent = 5
why = "a test"
[[run]]
name = "short"
scenario = "relaunch"
why = "only work."
recipe = "tiny"
samples = 1
why_samples = "a test"
arms = ["warm"]
compare = ["warm:hot"]
counters_only = true
[[run]]
name = "long"
scenario = "relaunch"
why = "times."
recipe = "tiny"
samples = 1
why_samples = "a test"
arms = ["warm"]
compare = ["warm:hot"]
"#;

#[test]
fn ctrl_c_in_a_later_run_leaves_the_comparisons_of_the_runs_before() {
    let program = Program::new();
    std::fs::write(program.path("two.toml"), SHORT_AND_LONG).unwrap();
    let plan = ["--base-bin", REAL, "--plan", "./two.toml", "--out", "out"];
    interrupted(&program, &plan, |line| line.starts_with("long: "));
    let kept = Comparisons::read(&program.path("out/comparison.json")).unwrap();
    assert_eq!(
        (kept.exit_code, kept.interrupted, kept.runs[0].name.as_str()),
        (130, true, "short")
    );
    Record::read(&program.path("out/short/new.json")).unwrap();
    assert!(!program.path("out/unfinished").exists());
}

#[test]
fn a_kill_in_the_first_comparison_leaves_its_samples() {
    let program = Program::new();
    let ran = signalled(&program, "KILL");
    assert_eq!(ran.code, None, "{ran:?}");
    let shown = program.run(&["report", "out"]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert_eq!(shown.err.matches("incomplete: 6 samples of a run that was killed").count(), 2);
    assert_eq!(shown.err.matches("incomplete: 5 samples of a run that was killed").count(), 1);
    assert!(shown.out.contains("INCOMPLETE"), "{shown:?}");
    let again = ["--base-bin", REAL, "--plan", "./appends.toml", "--out", "out"];
    let ran = compare(&program, &again);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("a comparison that is not over is there already"), "{ran:?}");
}

#[test]
fn a_kill_in_a_later_run_leaves_the_comparisons_of_the_runs_before() {
    let program = Program::new();
    std::fs::write(program.path("two.toml"), SHORT_AND_LONG).unwrap();
    let plan = ["--base-bin", REAL, "--plan", "./two.toml", "--out", "out"];
    assert_eq!(sent(&program, Signal::KILL, &plan, |line| line.starts_with("long: ")), None);
    let shown = program.run(&["report", "out"]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.err.contains("incomplete: 1 run of a comparison that was"), "{shown:?}");
    assert!(shown.out.contains("Interrupted (exit code 130)"), "{shown:?}");
}
