//! `tracerig diff` from outside: engines that are wrong are found out, shrunk, kept and replayed;
//! the scanner is not.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use crate::common::program::{Program, Ran, text};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tracerig_differential::search::{self, kept};
use tracerig_differential::trace::{Program as Child, Trace};

#[test]
fn the_scanner_passes_and_the_corpus_is_replayed_first() {
    let program = Program::new();
    let corpus =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/trace").canonicalize().unwrap();
    // The witnesses in a folder of their own are another story.
    let (out, files) = (program.path("out.xml"), kept::files(&corpus).unwrap());
    let asked = ["--cases", "40", "--corpus", text(&corpus), "--junit", text(&out)];
    let report = program.diff_json("trace", &asked, 0);
    assert_eq!(report["random"], 40);
    assert_eq!(report["kept"].as_array().unwrap().len(), files.len());
    assert_eq!((&report["failed"], &report["found"]), (&0.into(), &Value::Array(Vec::new())));
    assert!(report["cases_per_second"].as_f64().unwrap() > 0.0);
    let xml = std::fs::read_to_string(out).unwrap();
    assert!(
        xml.contains("tour.txt") && xml.contains("name=\"turns\"") && !xml.contains("<failure"),
        "{xml}"
    );
    for file in &files {
        let ran = program.diff("trace", &["--replay", text(file)], 0);
        assert!(ran.out.contains("nothing wrong"), "{}", ran.out);
    }
    assert!(!program.path("tracerig-out").exists(), "nothing to keep");
}

#[test]
fn engines_that_are_wrong_are_found_out_made_smaller_kept_and_replayed() {
    let program = Program::new();
    for (engine, kind, most) in [
        ("empty", "turns", 2),
        ("stale", "turns", 4),
        ("lying", "turns", 2),
        ("rescanning", "mode", 2),
    ] {
        let wrong = ["--engine", engine];
        let out = program.path(&format!("{engine}.xml"));
        let report = program.diff_json(
            "trace",
            &[&wrong[..], &["--cases", "60", "--junit", text(&out)]].concat(),
            3,
        );
        let all = report["found"].as_array().unwrap();
        let found =
            all.iter().find(|found| found["kind"] == kind).unwrap_or_else(|| panic!("{report:#}"));
        assert!(found["operations"].as_u64().unwrap() <= most, "{found:#}");
        assert_eq!(found["mismatch"], true);
        assert!(found["cases"].as_u64().unwrap() > 20, "{found:#}");
        let xml = std::fs::read_to_string(out).unwrap();
        assert!(
            xml.contains(&format!("<failure type=\"{kind}\"")) && xml.contains("--replay"),
            "{xml}"
        );

        // The printed command, word by word; and without the wrong engine nothing is wrong with the
        // history.
        let replay = found["replay"].as_str().unwrap();
        let words: Vec<&str> = replay.split(' ').skip(1).collect();
        let ran = program.run(&words);
        assert_eq!(ran.code, Some(3), "{replay}\n{}{}", ran.out, ran.err);
        assert!(
            ran.out.contains(&format!("MISMATCH {kind}")) && ran.out.contains(replay),
            "{}",
            ran.out
        );
        let file = found["file"].as_str().unwrap();
        program.diff("trace", &["--replay", file], 0);
        let again = program.diff_json("trace", &["--engine", engine, "--replay", file], 3);
        // Only that a replay asks more oracles.
        let begins =
            |found: &Value| found["detail"].as_str().unwrap().split(". ").next().map(str::to_owned);
        assert_eq!(begins(&again["found"]), begins(found), "it fails in the same words");
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
    let arguments =
        ["--engine", "empty", "--processes", "none", "--cases", "8", "--corpus", text(&corpus)];
    let ran = program.diff("trace", &arguments, 3);
    assert!(ran.out.contains(&format!("MISMATCH turns: {}", kept.display())), "{}", ran.out);
    assert!(ran.out.contains(&format!("--replay '{}'", kept.display())), "{}", ran.out);
    assert!(ran.out.contains("FAILED: "), "{}", ran.out);
    let files = std::fs::read_dir(&corpus).unwrap().count();
    assert_eq!(files, 3, "a kept case is not kept twice, and one of each new kind is");
}

/// Anyone who only looks at the exit code, or pipes the text away, still hears of a wrong answer.
#[cfg(target_os = "linux")]
#[test]
fn a_mismatch_that_cannot_be_printed_is_a_mismatch_all_the_same() {
    let program = Program::new();
    let history = program.path("history.txt");
    std::fs::write(&history, "append request turn=1 at=1\nrelaunch\n").unwrap();
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let replay = |engine: &str| {
        let mut command =
            program.command(&["diff", "trace", "--replay", text(&history), "--engine", engine]);
        command.env("TRACERIG_PYTHON", "/nonexistent/python3");
        command
    };
    let ran = Ran::of(&replay("empty").stdout(full()).stderr(Stdio::piped()).output().unwrap());
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.err.contains("standard output: No space left on device"), "{}", ran.err);
    let ran = Ran::of(&replay("scanner").stdout(full()).output().unwrap());
    assert_eq!(ran.code, Some(1), "nothing was found, and nobody was told: {}", ran.err);

    // A pipe that nobody reads.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ran = Ran::of(&replay("empty").stdout(writer).output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (Some(3), ""));

    // A search whose finding cannot be kept, since a file is where its folder should be: it is
    // printed, with why.
    std::fs::write(program.path("tracerig-out"), "").unwrap();
    let ran =
        program.diff("trace", &["--engine", "empty", "--processes", "none", "--cases", "4"], 3);
    assert!(
        ran.out.contains("MISMATCH turns") && ran.out.contains("NOT KEPT: tracerig-out/diff: "),
        "{}",
        ran.out
    );

    // A search whose result can be neither kept nor printed.
    let mut command = program.command(&[
        "diff",
        "trace",
        "--engine",
        "empty",
        "--processes",
        "none",
        "--cases",
        "4",
    ]);
    let ran = Ran::of(
        &command.env("TRACERIG_PYTHON", "/nonexistent/python3").stdout(full()).output().unwrap(),
    );
    assert_eq!(ran.code, Some(3), "{}", ran.err);
}

#[test]
fn a_case_is_a_function_of_seed_number_and_length() {
    let subject = Trace::new(Child::default());
    let case = |seed, number, ops| search::case(&subject, seed, number, ops);
    assert_eq!(case(1, 5, 20), case(1, 5, 20));
    let others = [case(1, 6, 20), case(2, 5, 20), case(5, 1, 20)];
    assert!(others.iter().all(|other| *other != case(1, 5, 20)), "{others:?}");
}

#[test]
fn shares_execute_every_case_once_and_a_time_ends_a_search() {
    let program = Program::new();
    let random =
        |arguments: &[&str]| program.diff_json("trace", arguments, 0)["random"].as_u64().unwrap();
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
        (&["--replay", text(&broken), "--seed", "3"], "cannot be used with"),
        (&["--corpus", text(&program.path("."))], "no history"),
        (&["--shard", "3/2"], "K/N"),
        (&["--cases", "1", "--shard", "1/2"], "has no cases"),
        (&["--cases", "0"], "0"),
        (&["--time", "soon"], "soon"),
        (&["--engine", "wrong"], "no engine"),
        (&["--oracle", "wrong"], "unknown oracle"),
        (&["--oracle", "python=2"], "no share"),
        (&["--processes", "1/0"], "no share"),
    ] {
        let ran = program.diff("trace", arguments, 2);
        assert!(ran.err.contains(said) && ran.out.is_empty(), "{arguments:?}\n{}", ran.err);
    }
    // A file that is not there is a failure as everywhere, and no bad usage.
    for (subject, arguments, said) in [
        ("trace", ["--replay", "nowhere.txt"], "nowhere.txt"),
        ("threads", ["--replay", "nowhere.txt"], "nowhere.txt"),
        ("archive", ["--replay", "/dev/zero"], "a device"),
        ("trace", ["--corpus", "nowhere"], "nowhere"),
    ] {
        let ran = program.diff(subject, &arguments, 1);
        assert!(ran.err.contains(said) && ran.out.is_empty(), "{arguments:?}\n{}", ran.err);
    }
    let nowhere =
        program.command(&["diff", "trace", "--cases", "1"]).env("TMPDIR", "/nonexistent").output();
    let ran = Ran::of(&nowhere.unwrap());
    assert!(ran.code == Some(1) && ran.err.contains("TMPDIR"), "{ran:?}");
}

#[test]
fn an_impossible_history_is_a_failure_but_no_mismatch() {
    let program = Program::new();
    let file = program.path("impossible.txt");
    std::fs::write(&file, "append request turn=1 at=1\nrelaunch, at persisted: another scan\n")
        .unwrap();
    let ran = program.diff("trace", &["--replay", text(&file)], 1);
    assert!(ran.out.contains("FAILURE impossible"), "{}", ran.out);
}

#[test]
fn ctrl_c_ends_a_search_with_what_it_has() {
    let program = Program::new();
    for (engine, code) in [("scanner", 130), ("empty", 3)] {
        let out = program.path(&format!("{engine}.xml"));
        let temporary = program.path(&format!("{engine}-tmp"));
        std::fs::create_dir(&temporary).unwrap();
        let mut command = program.command(&["diff", "trace", "--time", "1h", "--engine", engine]);
        command.env("TMPDIR", &temporary);
        let child = command
            .args(["--junit", text(&out), "--format", "json", "--corpus", text(&program.path("."))])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It has begun when a bench is there, and has found something when a case is kept.
        let begun = || match engine {
            "scanner" => std::fs::read_dir(&temporary).unwrap().next().is_some(),
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

/// A program in the place of Python that says who it is, and then does `script`.
fn fake_python(program: &Program, script: &str) -> std::path::PathBuf {
    let path = program.path("fake-python");
    let text = format!("#!/bin/sh\necho '{{\"name\": \"fake\", \"version\": \"0\"}}'\n{script}\n");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}

/// Runs a search in which `python` is Python.
fn with_python(program: &Program, python: &str, arguments: &[&str]) -> Ran {
    let mut command = program.command(&["diff", "trace", "--cases", "4", "--processes", "none"]);
    Ran::of(&command.args(arguments).env("TRACERIG_PYTHON", python).output().unwrap())
}

#[test]
fn without_a_python_that_is_said_and_demanding_one_fails() {
    let program = Program::new();
    let ran = with_python(&program, "/nonexistent/python3", &[]);
    assert!(
        ran.code == Some(0) && ran.out.contains("python oracle: not run (no python3)\n"),
        "{ran:?}"
    );
    let ran = with_python(&program, "/nonexistent/python3", &["--format", "json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["python"], "not run (no python3)");
    for demanded in ["python", "python=1/2"] {
        let ran = with_python(&program, "/nonexistent/python3", &["--oracle", demanded]);
        assert!(
            ran.code == Some(1) && ran.err.contains("no python3") && ran.out.is_empty(),
            "{ran:?}"
        );
    }
    let ran = with_python(&program, "/nonexistent/python3", &["--oracle", "none"]);
    assert!(
        ran.code == Some(0) && ran.out.contains("python oracle: not run (not wanted)\n"),
        "{ran:?}"
    );
    let corpus = program.path("one.txt");
    std::fs::write(&corpus, "append request turn=1 at=1\nrelaunch\n").unwrap();
    let ran = program.diff("trace", &["--replay", text(&corpus)], 0);
    assert!(ran.out.contains("not run (no python3)"), "{ran:?}");
}

#[test]
fn the_python_oracle_is_asked_and_whoever_is_alone_is_named() {
    let program = Program::new();
    let empty = r#"while read asked; do echo '{"turns": {}, "facts": 0, "completions": 0,' \
        '"unrecognised": 0, "turn_rows": 0, "turns_seen": 0, "tier_rows": 0}'; done"#;
    for (script, kind, code, said) in [
        (empty, "python-oracle", 3, "the Python oracle is alone. "),
        ("read asked; exit 3", "oracle-crashed", 1, "the Python oracle crashed"),
        (
            "read asked; echo nonsense; cat >/dev/null",
            "oracle-rubbish",
            1,
            "answered what is no answer",
        ),
        ("read asked", "oracle-silent", 1, "ended and answered nothing"),
    ] {
        let python = fake_python(&program, script);
        let ran = with_python(&program, text(&python), &["--oracle", "python"]);
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.out.contains(kind) && ran.out.contains(said), "{ran:?}");
        assert!(ran.out.contains("\n    oracle python\n"), "a replay has to ask it, too: {ran:?}");
    }
    // The real one, if there is one.
    if program.run(&["diff", "trace", "--cases", "1", "--oracle", "python"]).code != Some(0) {
        return;
    }
    let report = program.diff_json(
        "trace",
        &["--cases", "20", "--processes", "none", "--oracle", "python"],
        0,
    );
    assert_eq!(report["exercised"]["answers of the Python oracle"], report["exercised"]["scans"]);
    let wrong = ["--cases", "20", "--processes", "none", "--oracle", "python", "--engine", "lying"];
    let report = program.diff_json("trace", &wrong, 3);
    let detail = report["found"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("Turns: the scan is alone. "), "{detail}");
}

#[test]
fn relaunches_are_processes_that_race_and_are_killed() {
    let program = Program::new();
    let report =
        program.diff_json("trace", &["--cases", "30", "--processes", "all", "--oracle", "none"], 0);
    for what in [
        "relaunches in a process of their own",
        "races",
        "racing scans",
        "racing scans killed",
        "writers killed",
        "batches not there after a kill",
    ] {
        assert!(report["exercised"][what].as_u64().unwrap_or(0) > 0, "never: {what}\n{report:#}");
    }
    // Wrong engines are found there, too.
    let wrong = ["--cases", "4", "--processes", "all", "--oracle", "none", "--engine", "lying"];
    program.diff_json("trace", &wrong, 3);
    // A kept race is tried as often as it says.
    let file = program.path("race.txt");
    std::fs::write(&file, "tries 5\nappend request turn=1 at=1\nrace scan; scan\n").unwrap();
    let corpus = program.path("corpus");
    std::fs::create_dir(&corpus).unwrap();
    std::fs::rename(file, corpus.join("race.txt")).unwrap();
    let arguments =
        ["--cases", "1", "--processes", "none", "--oracle", "none", "--corpus", text(&corpus)];
    assert_eq!(program.diff_json("trace", &arguments, 0)["exercised"]["races"], 5);
}

#[test]
fn a_rule_that_is_switched_off_is_noticed_and_the_replay_command_says_so() {
    let program = Program::new();
    let report =
        program.diff_json("trace", &["--cases", "30", "--ablate", "order", "--oracle", "none"], 3);
    let found = &report["found"][0];
    assert_eq!(
        (&report["ablate"], &found["kind"]),
        (&"order".into(), &"turns".into()),
        "{report:#}"
    );
    let replay = found["replay"].as_str().unwrap();
    assert!(replay.contains(" --ablate order "), "{replay}");
    let words: Vec<&str> = replay.split(' ').skip(1).collect();
    assert_eq!(program.run(&words).code, Some(3), "{replay}");
    program.diff("trace", &["--replay", found["file"].as_str().unwrap()], 0);
}

#[test]
fn what_is_outside_the_contract_is_counted_and_no_failure() {
    let program = Program::new();
    let report = program.diff_json(
        "trace",
        &["--cases", "150", "--profile", "hostile", "--oracle", "none"],
        0,
    );
    let outside = report["outside"].as_array().unwrap();
    let sum = |what: &str| outside.iter().map(|sort| sort[what].as_u64().unwrap()).sum::<u64>();
    let counted = [sum("detected"), sum("right"), sum("wrong")];
    assert_eq!(counted.iter().sum::<u64>(), 150, "each case has one: {outside:#?}");
    assert!(counted.iter().all(|&count| count > 0), "{outside:#?}");
    assert_eq!(
        program.diff_json("trace", &["--cases", "4", "--oracle", "none"], 0)["outside"],
        Value::Null
    );

    // A history says itself that it leaves the contract, and is no failure either, but for a rule
    // that is switched off.
    let file = program.path("below.txt");
    let text_of = |profile| {
        format!(
            "{profile}append request turn=1 at=1\n\
             relaunch\n\
             outside insert-below request turn=2 at=2\n\
             relaunch\n"
        )
    };
    std::fs::write(&file, text_of("profile hostile\n")).unwrap();
    let ran = program.diff("trace", &["--replay", text(&file)], 0);
    assert!(
        ran.out.contains("wrong only outside the contract") && ran.out.contains("100.0 %"),
        "{}",
        ran.out
    );
    program.diff("trace", &["--replay", text(&file), "--ablate", "wal"], 3);
    std::fs::write(&file, text_of("")).unwrap();
    let ran = program.diff("trace", &["--replay", text(&file)], 2);
    assert!(ran.err.contains("profile hostile"), "{}", ran.err);
}

/// Runs `diff ablations` without costs and expects this exit code.
fn ablations(program: &Program, arguments: &[&str], code: i32) -> Ran {
    let ran = program.run(&[&["diff", "ablations", "--without-costs"], arguments].concat());
    assert_eq!(ran.code, Some(code), "{arguments:?}\n{}\n{}", ran.out, ran.err);
    ran
}

#[test]
fn rules_are_switched_off_in_turn_and_wrong_engines_with_them() {
    let program = Program::new();
    let out = program.path("out.json");
    let only = ["order", "signature-time", "empty", "stale", "lying", "rescanning"];
    let mut arguments = vec!["--cases", "20", "--out", text(&out)];
    only.iter().for_each(|name| arguments.extend(["--only", name]));
    let ran = ablations(&program, &arguments, 0);
    // Engines are wrong in both: those of traces, and those of archives.
    let (verdict, rest) = ran.out.split_once("\n\n").unwrap();
    assert!(
        verdict.contains("10 of 10 missing rules and wrong engines noticed, 9 by random"),
        "{verdict}"
    );
    let (table, details) = rest.split_once("\n\n").unwrap();
    assert!(table.lines().count() == 14 && table.lines().all(|line| line.len() <= 80), "{table}");
    assert!(details.contains("    outside change time 0\n"), "{details}");
    let report: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    assert_eq!(report["schema"], 1);
    let [time, order] = [0, 1].map(|place| &report["rules"][place]);
    // In the order in which a scan comes to the rules.
    assert_eq!((&time["name"], &order["name"]), (&"signature-time".into(), &"order".into()));
    assert_eq!(order["random"]["kind"], "turns");
    assert_eq!((&time["random"], &time["witness"]["operations"]), (&Value::Null, &4.into()));
    assert_eq!(time["witness"]["wrong_answer"], true);
    assert_eq!(report["engines"].as_array().unwrap().len(), 8);

    // An engine has no witness: what is not looked for is not found. Its result takes the place of
    // the earlier one.
    let again = ["--cases", "0", "--only", "lying", "--out", text(&out)];
    let ran = ablations(&program, &again, 3);
    assert!(ran.out.contains("NOT NOTICED lying"), "{}", ran.out);
    let ran = ablations(&program, &["--only", "nothing"], 2);
    assert!(ran.err.contains("known: artifact-checksum, "), "{}", ran.err);
}
