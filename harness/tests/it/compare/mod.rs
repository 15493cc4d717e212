//! Comparisons, baselines, repetitions and bisection as a script sees them: by their exit codes and
//! files.

mod interrupted;
mod refreshes;
mod revisions;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::program::{Program, Ran, text};
use tracerig_reports::Record;
use tracerig_reports::record::{CounterClass, Outcome, SampleState};

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
        "#!/bin/sh\n\
         if [ \"$1\" = __worker ] && [ \"$2\" != idle ]; then\n\
         {edit}\n\
         fi\n\
         exec '{REAL}' \"$@\"\n"
    )
}

/// Each relaunch examines a row more.
fn one_row_more() -> String {
    let more = r#"s/,"limit_ms"/,"handicap":{"rows":1}&/"#;
    format!("sed '{more}' | '{REAL}' __worker \"$2\"; exit $?")
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
    // Whatever else the machine did meanwhile.
    let path = out.join("record.json");
    let mut record = Record::read(&path).unwrap();
    for sample in &mut record.samples {
        sample.state = SampleState::Valid;
    }
    record.outcome = Outcome::of(&record.samples, false);
    record.write(&path).unwrap();
    out
}

#[test]
fn executables_are_told_apart_by_their_work_their_answers_and_their_word() {
    let program = Program::new();
    let base = ["--base-bin", REAL, "--counters-only"];
    let against = |new: &Path, out: &str| {
        let out = program.path(out);
        let ran = compare(
            &program,
            &[&base[..], &["--new-bin", text(new), "--out", text(&out)], &WORK].concat(),
        );
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
            &[
                "rows_examined,body_bytes,vm_steps,rchar,syscr",
                "--out",
                text(&program.path("accepted")),
            ],
            &WORK,
        ]
        .concat(),
    );
    assert_eq!(accepted.code, Some(0), "{accepted:?}");

    assert_acceptable(&program, &Record::read(&out.join("relaunch/new.json")).unwrap());

    let wrong = format!("'{REAL}' __worker \"$2\" | sed 's/\"thread_id\":\"/&x/'; exit 0");
    let (wrong, _) = against(&altered(&program, "wrong", &wrong), "wrong.out");
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
    refused("#!/bin/sh\necho hello\n", "is not a tracerig executable");
    refused(
        "#!/bin/sh\necho 'error: unrecognized subcommand' >&2; exit 2\n",
        "unrecognized subcommand",
    );
    let later = "sed 's/\"protocol\":[0-9]*/\"protocol\":99/'";
    refused(&format!("#!/bin/sh\n'{REAL}' \"$@\" | {later}\n"), "speaks worker protocol 99");
    let missing =
        compare(&program, &["--base-bin", "/no/such", "--out", text(&program.path("out"))]);
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
        (
            &["--base-bin", REAL, "--accept", "rows_examined,row_examined"],
            "row_examined: no exact counter",
        ),
        (&["--self-check", "--accept", "majflt"], "rows_examined"),
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
    let mut arguments =
        vec!["compare", "--base-bin", REAL, "--new-bin", text(&new), "--counters-only"];
    arguments.extend(WORK);
    let mut command = program.command(&arguments);
    // A pipe that nobody reads.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = command.stdout(writer).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(4));
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
    // Of two records with one name only one would be compared.
    std::fs::create_dir_all(program.path("other/run")).unwrap();
    std::fs::copy(run.join("record.json"), program.path("other/run/record.json")).unwrap();
    let twice = with(&["--save-baseline", "main", text(&run), "other/run"]);
    assert!(
        twice.code == Some(1) && twice.err.contains("two of these records are of a run `run`"),
        "{twice:?}"
    );
    assert!(!kept.exists(), "nothing is kept");
    assert!(missing.err.contains("no baseline `main`"), "{}", missing.err);

    assert_eq!(with(&["--save-baseline", "main", text(&run)]).code, Some(0));
    let known = with(&["--baseline", "master", text(&run)]);
    assert!(known.code == Some(1) && known.err.contains("There are: main"), "{known:?}");
    // One sample has no interval: it is inconclusive about times, and that is not a pass.
    let compared = with(&["--baseline", "main", text(&run)]);
    assert_eq!(compared.code, Some(5), "{compared:?}");

    let accept = |name| with(&["--baseline", "main", text(&run), "--accept", name]);
    let misspelt = accept("row_examined");
    assert_eq!(misspelt.code, Some(2), "{misspelt:?}");
    assert!(
        misspelt.err.contains("row_examined") && misspelt.err.contains("rows_examined"),
        "{misspelt:?}"
    );
    assert_eq!(accept("rows_examined").code, Some(5));

    // Another machine: times are refused, work is compared.
    let mut record = Record::read(&run.join("record.json")).unwrap();
    record.machine.arch.push_str("-other");
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
        command.args([
            "-c",
            &script,
            "bash",
            REAL,
            "compare",
            "--save-baseline",
            "main",
            text(&run),
        ]);
        let output = command.args(baselines).output().unwrap();
        assert_ne!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(
            with(&["--baseline", "main", text(&run)]).code,
            Some(5),
            "what was kept is still whole"
        );
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
    assert!(again.out.contains("work counters: equal"), "{}", again.out);
    assert!(again.out.contains("order of samples: same"), "{}", again.out);
    let (first, second) =
        (Record::read(&record).unwrap(), Record::read(&out.join("record.json")).unwrap());
    assert_eq!(first.dataset, second.dataset);
    assert_eq!((first.seed, &first.plan), (second.seed, &second.plan));

    // The command that is printed can be run as it is.
    let details = repro(&["--counters-only", "--details"]).out;
    assert!(details.contains("Repeat: ") && !details.contains("--out"), "{details}");
    let json = repro(&["--counters-only", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(
        (&json["counters_agree"], &json["times_agree"]),
        (&true.into(), &serde_json::Value::Null)
    );

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

    // One sample has no interval.
    let unclear = repro(&["--format", "json", "--samples", "1"]);
    assert_eq!(unclear.code, Some(5), "{unclear:?}");
    let json: serde_json::Value = serde_json::from_str(&unclear.out).unwrap();
    assert_eq!(
        (&json["counters_agree"], &json["times_agree"]),
        (&true.into(), &serde_json::Value::Null)
    );
    assert!(repro(&["--samples", "1"]).out.contains("times: inconclusive"));

    // What was wrong in the record does not make every repetition wrong.
    let mut wrong = first.clone();
    let mut again = wrong.samples[0].clone();
    again.round += 1;
    again.order = wrong.samples.len() as u64;
    again.state = SampleState::Mismatch { detail: "a turn is missing".to_owned() };
    wrong.samples.push(again);
    wrong.plan.samples = 2;
    wrong.outcome = Outcome::of(&wrong.samples, false);
    let path = program.path("wrong.json");
    wrong.write(&path).unwrap();
    let arguments = ["repro", text(&path), "--counters-only", "--samples", "1"];
    let repeated = program.run(&arguments);
    assert_eq!(repeated.code, Some(0), "{repeated:?}");
    assert!(repeated.err.contains("1 sample of the record"), "{}", repeated.err);
    assert_eq!(program.run(&[&arguments[..], &["--bisect"]].concat()).code, Some(0));

    // Answers for `git bisect run`: whatever cannot be tried is neither good nor bad.
    assert_eq!(repro(&["--counters-only", "--bisect"]).code, Some(0));
    let bad = repro(&["--counters-only", "--bisect", "--bin", text(&more)]);
    assert_eq!(bad.code, Some(1));
    // No other code is printed than the one it ends with.
    assert!(
        bad.out.contains("Exit code 1.") && bad.out.contains("bad (exit code 1)"),
        "{}",
        bad.out
    );
    assert_eq!(bad.out.to_lowercase().matches("exit code").count(), 2, "{}", bad.out);
    assert_eq!(
        repro(&["--bisect", "--samples", "1"]).code,
        Some(125),
        "one sample tells nothing of times"
    );
    for skipped in
        [repro(&["--bisect", "--bin", "/no/such"]), repro(&["--bisect", "--no-such-option"])]
    {
        assert_eq!(skipped.code, Some(125));
        assert!(skipped.err.contains("for git bisect: skip (exit code 125)"), "{}", skipped.err);
    }
    let cut = program.path("cut.json");
    let whole = std::fs::read(&record).unwrap();
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(program.run(&["repro", text(&cut), "--bisect"]).code, Some(125));
    assert_eq!(program.run(&["repro", text(&cut)]).code, Some(1));
}

#[test]
fn the_budgets_of_this_repository_name_runs_arms_and_counters_that_are_there() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../budgets.toml");
    for plan in ["quick", "ci", "release"] {
        let plan = tracerig_harness::plan::Plan::find(plan).unwrap();
        let read = tracerig_harness::budgets::read(&path, &plan).unwrap();
        assert!(plan.name == "quick" || read.budgets.iter().any(|budget| budget.plan == plan.name));
    }
}
