//! Comparisons, baselines, repetitions and bisection as a script sees them: by their exit codes and files.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod revisions;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::program::{Program, Ran, text};
use rustix::process::{Pid, Signal, kill_process};
use tracerig_reports::Record;
use tracerig_reports::comparison::Comparisons;
use tracerig_reports::record::{CounterClass, Status};

const REAL: &str = env!("CARGO_BIN_EXE_tracerig");
/// A comparison of work alone: the clock is no part of tests.
const WORK: [&str; 4] = ["--recipe", "tiny", "--arms", "full:hot,warm:hot"];

/// A program that is the real one, but for what `edit` does to the launches of workers.
fn altered(program: &Program, name: &str, edit: &str) -> PathBuf {
    let path = program.path(name);
    write_executable(&path, &wrapper(edit));
    path
}

fn wrapper(edit: &str) -> String {
    format!(
        "#!/bin/sh\nif [ \"$1\" = __worker ] && [ \"$3\" != idle ]; then\n{edit}\nfi\nexec '{REAL}' \"$@\"\n"
    )
}

/// Each relaunch examines a row more.
fn one_row_more() -> String {
    format!("p=$2; shift 2; exec '{REAL}' __worker \"$p\" 'handicap={{\"rows\":1}}' \"$@\"")
}

fn write_executable(path: &Path, script: &str) {
    std::fs::write(path, script).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn compare(program: &Program, arguments: &[&str]) -> Ran {
    program.run(&[&["compare"], arguments].concat())
}

/// A record of relaunches on the smallest dataset.
fn recorded(program: &Program, name: &str) -> PathBuf {
    let out = program.path(name);
    let ran = program.run(&[
        "run",
        "relaunch",
        "--recipe",
        "tiny",
        "--samples",
        "1",
        "--arms",
        "full,warm:hot",
        "--out",
        text(&out),
    ]);
    assert!(matches!(ran.code, Some(0 | 5)), "{ran:?}");
    out
}

#[test]
fn executables_are_told_apart_by_their_work_their_answers_and_their_word() {
    let program = Program::new();
    let base = ["--base-bin", REAL, "--counters-only"];
    let against = |new: &Path, out: &str| {
        let out = program.path(out);
        let ran =
            compare(&program, &[&base[..], &["--new-bin", text(new), "--out", text(&out)], &WORK].concat());
        (ran, out)
    };
    let (same, out) = against(Path::new(REAL), "same");
    assert_eq!(same.code, Some(0), "{same:?}");
    for name in ["base", "again", "new"] {
        Record::read(&out.join("relaunch").join(name).with_extension("json")).unwrap();
    }
    let order = std::fs::read_to_string(out.join("relaunch/order.json")).unwrap();
    assert!(order.contains("\"new\""), "{order}");
    let (again, _) = against(Path::new(REAL), "same");
    assert_eq!(again.code, Some(1), "results are never overwritten: {again:?}");

    // A wrapper reads more at its start, and that is no work.
    let (wrapped, _) = against(&altered(&program, "wrapped", ":"), "wrapped.out");
    assert_eq!(wrapped.code, Some(0), "{wrapped:?}");

    let (more, out) = against(&altered(&program, "more", &one_row_more()), "more.out");
    assert_eq!(more.code, Some(4), "{more:?}");
    assert!(more.out.contains("rows_examined"), "{}", more.out);
    let json = std::fs::read_to_string(out.join("comparison.json")).unwrap();
    assert!(json.contains("\"exit_code\": 4"), "{json}");
    let accepted = compare(
        &program,
        &[
            &base[..],
            &["--new-bin", text(&program.path("more")), "--accept"],
            &["rows_examined,body_bytes,vm_steps,rchar,syscr", "--out", text(&program.path("accepted"))],
            &WORK,
        ]
        .concat(),
    );
    assert_eq!(accepted.code, Some(0), "{accepted:?}");

    assert_acceptable(&program, &Record::read(&out.join("relaunch/new.json")).unwrap());

    let wrong = format!("'{REAL}' \"$@\" | sed 's/\"thread_id\":\"/&x/'; exit 0");
    // A pipe between: the worker's parent is then the script.
    let wrong = wrong.replace("\"$@\"", "__worker $$ \"$@\"");
    let (wrong, _) = against(&altered(&program, "wrong", &format!("shift 2; {wrong}")), "wrong.out");
    assert_eq!(wrong.code, Some(3), "{wrong:?}");

    let (failing, _) = against(&altered(&program, "failing", "exit 7"), "failing.out");
    assert_eq!(failing.code, Some(1), "{failing:?}");
}

/// Every exact counter of the record can be named where a change of it is meant.
fn assert_acceptable(program: &Program, record: &Record) {
    let launches = || record.samples.iter().flat_map(|sample| &sample.launches);
    let exact = launches()
        .flat_map(|launch| &launch.counters)
        .filter(|(_, counter)| counter.class == CounterClass::Exact);
    let names: std::collections::BTreeSet<&str> = exact.map(|(name, _)| name.as_str()).collect();
    assert!(!names.is_empty());
    let names = names.into_iter().collect::<Vec<_>>().join(",");
    let ran = compare(program, &["--base-bin", "/no/such", "--accept", &names, "--out", "out"]);
    assert_eq!(ran.code, Some(1), "{names}: {ran:?}");
}

#[test]
fn an_executable_that_is_none_of_ours_is_refused_by_name() {
    let program = Program::new();
    let refused = |script: &str, said: &str| {
        let path = program.path("other");
        write_executable(&path, script);
        let ran = compare(
            &program,
            &["--base-bin", text(&path), "--counters-only", "--out", text(&program.path("out"))],
        );
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.err.contains(text(&path)) && ran.err.contains(said), "{}", ran.err);
    };
    refused("#!/bin/sh\necho hello\n", "does not say which tracerig it is");
    refused("#!/bin/sh\necho 'error: unrecognized subcommand' >&2; exit 2\n", "unrecognized subcommand");
    let later = "sed 's/\"protocol\":1/\"protocol\":99/'";
    refused(&format!("#!/bin/sh\n'{REAL}' \"$@\" | {later}\n"), "speaks worker protocol 99");
    let missing = compare(&program, &["--base-bin", "/no/such", "--out", text(&program.path("out"))]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.err.contains("/no/such"), "{}", missing.err);
}

#[test]
fn bad_usage_is_2_and_says_what_is_missing() {
    let program = Program::new();
    for (arguments, said) in [
        (&["--new-bin", REAL][..], "--base-bin"),
        (&["one", "--base-bin", REAL], "either executables"),
        (&["one"], "1 record is given;"),
        (&["--save-baseline", "main"], "which records"),
        (&["one", "two", "--pairs", "3"], "executables and revisions"),
        (&["--base-bin", REAL, "--plan", "slow"], "quick, ci, release"),
        (&["--base-bin", REAL, "--only", "sailing"], "sailing"),
        (&["--base-bin", REAL, "--margin", "9%"], "noise budget"),
        (&["--base-bin", REAL, "--recipe", "tiny", "--arms", "live"], "fresh processes"),
        (&["--self-check", "--handicap", "slow"], "no handicap"),
        (&["--base-bin", REAL, "--accept", "rows_examined,row_examined"], "row_examined: no exact counter"),
        (&["--self-check", "--accept", "wchar"], "rows_examined"),
        (&["--save-baseline", "../main", "x"], "x"),
    ] {
        let ran = compare(&program, arguments);
        let code = if arguments.contains(&"../main") { Some(1) } else { Some(2) };
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        assert!(ran.err.contains(said), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn a_closed_pipe_hides_no_verdict() {
    let program = Program::new();
    let new = altered(&program, "more", &one_row_more());
    let mut arguments = vec!["compare", "--base-bin", REAL, "--new-bin", text(&new), "--counters-only"];
    arguments.extend(WORK);
    let mut command = program.command(&arguments);
    // A pipe that nobody reads.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = command.stdout(writer).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(4));
}

#[test]
fn ctrl_c_ends_a_comparison_with_what_it_has() {
    let program = Program::new();
    let out = program.path("out");
    let pairs = ["--base-bin", REAL, "--pairs", "10000", "--out", text(&out)];
    let mut command = program.command(&[&["compare"], &pairs[..], &WORK].concat());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap() == "measuring"), "it ended before it measured");
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let rest: Vec<String> = said.map_while(Result::ok).collect();
    // Without a single sample there is no comparison to write.
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
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
pairs = 100000
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

#[test]
fn ctrl_c_in_the_first_comparison_leaves_its_pairs() {
    let program = Program::new();
    std::fs::write(program.path("appends.toml"), APPENDS).unwrap();
    // The seventh launch of the new program asks for the end and waits for it: one for the work, then five pairs, then this.
    let count = program.path("count");
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = __append ]; then\necho >> '{0}'\n\
         if [ $(wc -l < '{0}') -ge 7 ]; then kill -INT $PPID; exec sleep 1000; fi\nfi\nexec '{REAL}' \"$@\"\n",
        text(&count)
    );
    let new = program.path("new");
    write_executable(&new, &script);
    let ran = compare(
        &program,
        &["--base-bin", REAL, "--new-bin", text(&new), "--plan", "./appends.toml", "--out", "out"],
    );
    assert_eq!(ran.code, Some(130), "{ran:?}");
    assert!(ran.out.trim_end().ends_with("what is not here was not compared."), "{}", ran.out);
    let page = std::fs::read_to_string(program.path("out/comparison.md")).unwrap();
    assert!(page.contains("Cut short by Ctrl-C"), "{page}");
    let kept = Comparisons::read(&program.path("out/comparison.json")).unwrap();
    assert_eq!((kept.exit_code, kept.interrupted), (130, true));
    assert_eq!(kept.runs[0].comparison.verdicts.arms[0].change.unwrap().pairs, 5);
    for (name, samples) in [("base", 6), ("again", 5), ("new", 6)] {
        let record = Record::read(&program.path("out/appends").join(name).with_extension("json")).unwrap();
        assert_eq!((record.samples.len(), record.outcome.status), (samples, Status::Interrupted), "{name}");
        assert_acceptable(&program, &record);
    }
    // From the outside: what was cut short is shown as such.
    let shown = program.run(&["report", "out"]);
    assert!(shown.out.contains("Cut short by Ctrl-C"), "{shown:?}");
}

/// Two runs: one is over at once, the other would take hours.
const SHORT_AND_LONG: &str = r#"
name = "two"
why = "a test"
[compare]
pairs = 100000
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
    let mut command =
        program.command(&["compare", "--base-bin", REAL, "--plan", "./two.toml", "--out", "out"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().starts_with("long: ")), "it ended before the second run");
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), Signal::INT).unwrap();
    let rest: Vec<String> = said.map_while(Result::ok).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    let kept = Comparisons::read(&program.path("out/comparison.json")).unwrap();
    assert_eq!((kept.exit_code, kept.interrupted, kept.runs[0].name.as_str()), (130, true, "short"));
    Record::read(&program.path("out/short/new.json")).unwrap();
}

#[test]
fn baselines_are_kept_whole_and_a_missing_one_is_no_pass() {
    let program = Program::new();
    let run = recorded(&program, "run");
    let kept = program.path("kept");
    let baselines = ["--baselines", text(&kept)];
    let with = |arguments: &[&str]| compare(&program, &[arguments, &baselines].concat());

    let missing = with(&["--baseline", "main", text(&run)]);
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(missing.err.contains("no baseline `main`"), "{}", missing.err);

    assert_eq!(with(&["--save-baseline", "main", text(&run)]).code, Some(0));
    let known = with(&["--baseline", "master", text(&run)]);
    assert!(known.code == Some(1) && known.err.contains("There are: main"), "{known:?}");
    // One sample has no interval: nobody can tell about times, and that is not a pass.
    let compared = with(&["--baseline", "main", text(&run)]);
    assert_eq!(compared.code, Some(5), "{compared:?}");

    let accept = |name| with(&["--baseline", "main", text(&run), "--accept", name]);
    let misspelt = accept("row_examined");
    assert_eq!(misspelt.code, Some(2), "{misspelt:?}");
    assert!(misspelt.err.contains("row_examined") && misspelt.err.contains("rows_examined"), "{misspelt:?}");
    assert_eq!(accept("rows_examined").code, Some(5));

    // Another machine: times are refused, work is compared.
    let mut record = Record::read(&run.join("record.json")).unwrap();
    record.machine.kernel.push_str("-other");
    record.machine.fingerprint = record.machine.computed_fingerprint();
    let elsewhere = program.path("elsewhere.json");
    record.write(&elsewhere).unwrap();
    let refused = with(&["--baseline", "main", text(&elsewhere)]);
    assert_eq!(refused.code, Some(0), "{refused:?}");
    assert!(refused.out.contains("Times are not compared"), "{}", refused.out);

    // A full disk: every write beyond a limit fails. What was kept before is still whole.
    let full = |signal: &str| {
        let script = format!("{signal} ulimit -f 8; exec \"$@\"");
        let mut command = Command::new("bash");
        command.args(["-c", &script, "bash", REAL, "compare", "--save-baseline", "main", text(&run)]);
        let output = command.args(baselines).output().unwrap();
        assert_ne!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(with(&["--baseline", "main", text(&run)]).code, Some(5), "what was kept is still whole");
    };
    full("trap '' XFSZ;");
    // The same, but the process is killed in the middle of writing.
    full("");
    assert_eq!(with(&["--save-baseline", "main", text(&run)]).code, Some(0));
    let files = std::fs::read_dir(&kept).unwrap().flatten().count();
    assert_eq!(files, 1, "what the kill left is gone");

    // A baseline that was cut off is refused.
    let index = kept.join("main.json");
    let whole = std::fs::read(&index).unwrap();
    std::fs::write(&index, &whole[..whole.len() / 2]).unwrap();
    let broken = with(&["--baseline", "main", text(&run)]);
    assert!(broken.code == Some(1) && broken.err.contains("main.json"), "{broken:?}");
}

#[test]
fn a_run_is_made_again_from_its_record_alone() {
    let program = Program::new();
    let record = recorded(&program, "run").join("record.json");
    let repro = |arguments: &[&str]| program.run(&[&["repro", text(&record)], arguments].concat());

    let out = program.path("again");
    let again = repro(&["--counters-only", "--out", text(&out)]);
    let folder = text(record.parent().unwrap());
    assert_eq!(program.run(&["repro", folder, "--counters-only"]).code, Some(0));
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(again.out.contains("work counters: agree to the digit"), "{}", again.out);
    assert!(again.out.contains("order of samples: the same"), "{}", again.out);
    let (first, second) = (Record::read(&record).unwrap(), Record::read(&out.join("record.json")).unwrap());
    assert_eq!(first.dataset, second.dataset);
    assert_eq!((first.seed, first.plan), (second.seed, second.plan));

    let json = repro(&["--counters-only", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&json["counters_agree"], &json["times_agree"]), (&true.into(), &serde_json::Value::Null));

    // Where the cache lies is no work: not even the memo's, which holds the path of its database.
    let elsewhere = program.path("a/cache/that lies somewhere else");
    std::fs::create_dir_all(elsewhere.parent().unwrap()).unwrap();
    std::fs::rename(program.cache(), &elsewhere).unwrap();
    let arguments = ["repro", text(&record), "--counters-only"];
    let moved = program.command(&arguments).env("TRACERIG_CACHE_DIR", &elsewhere).output().unwrap();
    assert_eq!(moved.status.code(), Some(0), "{:?}", Ran::of(&moved));
    std::fs::rename(&elsewhere, program.cache()).unwrap();

    let more = altered(&program, "more", &one_row_more());
    // More rows than the arm is to examine are a wrong way to an answer.
    assert_eq!(repro(&["--counters-only", "--bin", text(&more)]).code, Some(3));

    // Answers for `git bisect run`: whatever cannot be tried is neither good nor bad.
    assert_eq!(repro(&["--counters-only", "--bisect"]).code, Some(0));
    assert_eq!(repro(&["--counters-only", "--bisect", "--bin", text(&more)]).code, Some(1));
    assert_eq!(repro(&["--bisect", "--samples", "1"]).code, Some(125), "one sample tells nothing of times");
    assert_eq!(repro(&["--bisect", "--bin", "/no/such"]).code, Some(125));
    assert_eq!(repro(&["--bisect", "--no-such-option"]).code, Some(125));
    let cut = program.path("cut.json");
    let whole = std::fs::read(&record).unwrap();
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(program.run(&["repro", text(&cut), "--bisect"]).code, Some(125));
    assert_eq!(program.run(&["repro", text(&cut)]).code, Some(1));
}
