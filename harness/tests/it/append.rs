//! The append scenario as a whole: stores that keep their promises pass, others fail, and kills
//! lose nothing.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::common::at_once;
use crate::common::program::{Program, Ran, text};
use rustix::process::{Pid, Signal, kill_process};
use tracerig_harness::scenario;
use tracerig_harness::scenario::append::{self, Condition};
use tracerig_reports::Record;
use tracerig_reports::record::{Sample, SampleState, Status};

const OWN: &str = env!("CARGO_BIN_EXE_tracerig");

const ARMS: [&str; 5] = ["bare", "sync-readback", "sync", "async-per-thread", "async"];

fn leftovers(program: &Program) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(program.cache().join("work")).unwrap().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

#[test]
fn every_arm_appends_the_same_and_is_verified() {
    let program = Program::new();
    let conditions = [
        &["--appends", "600", "--threads", "3"][..],
        &["--appends", "60", "--durability", "fsync"],
        &["--rate", "100", "--threads", "2", "--contended", "--arms", "bare,async"],
    ];
    at_once(conditions.into_iter().enumerate(), |(number, condition)| {
        let out = program.path(&format!("out-{number}"));
        let ran = program
            .run(&[&["run", "append", "--samples", "1", "--out", text(&out)], condition].concat());
        assert_eq!(ran.code, Some(0), "{}\n{}", ran.out, ran.err);
        assert!(ran.out.lines().all(|line| line.chars().count() <= 80), "{}", ran.out);
        let record = Record::read(&out.join("record.json")).unwrap();
        assert_eq!(record.outcome.status, Status::Complete);
        let taken: std::collections::BTreeSet<_> =
            record.samples.iter().map(|sample| sample.arm.as_str()).collect();
        let expected: std::collections::BTreeSet<_> =
            ARMS.into_iter().filter(|arm| number < 2 || ["bare", "async"].contains(arm)).collect();
        assert_eq!(taken, expected);
        let told = record.plan.append.clone().unwrap();
        for sample in &record.samples {
            assert_eq!(sample.state, SampleState::Valid);
            let launch = &sample.launches[0];
            assert!(launch.verified);
            let appends = launch.counter("appends").unwrap();
            assert_eq!(launch.histograms["append"].count(), appends);
            assert_eq!(appends, told.appends - told.threads * told.warmup);
            let rows = if sample.arm == "bare" { 0 } else { told.threads };
            assert_eq!(launch.counter("rows"), Some(rows));
            assert_eq!(launch.counter("histories"), Some(told.threads));
            // Lines of the conversation, and the one that a history of the store begins with.
            let lines = record.dataset.rows + rows;
            assert_eq!(launch.counter("lines"), Some(lines));
            if told.durability == "fsync" {
                // Each append, and the shutdown.
                assert!(
                    launch.counter("history_syncs").unwrap() >= record.dataset.rows,
                    "{launch:?}"
                );
            }
            if sample.arm.starts_with("sync") {
                assert!(launch.counter("projections").unwrap() >= appends);
            }
            if told.rate.is_some() {
                assert_eq!(launch.histograms["service"].count(), appends);
            }
        }
        assert!(out.join("report.md").exists() && out.join("latencies.hdr").exists());
    });
    assert_eq!(leftovers(&program), Vec::<PathBuf>::new());
}

/// A program that does what the real one does, and after a load something else with the home,
/// `$folder`.
fn saboteur(program: &Program, name: &str, afterwards: &str) -> PathBuf {
    let path = program.path(name);
    let script = format!(
        r#"#!/bin/sh
set -e
read -r request
printf '%s\n' "$request" | '{OWN}' "$1" "$2"
case $request in *'"ask":"load"'*) ;; *) exit 0 ;; esac
after=${{request#*\"home\":\"}} folder=${{after%%\"*}}
{afterwards}
"#
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn run_with(program: &Program, worker: &Path, arm: &str) -> Record {
    let condition = Condition { threads: 2, fsync: false, rate: None, contended: false };
    let mut definition = append::on(condition, Some(60)).unwrap();
    definition.plan.samples = 1;
    definition.choose(&[arm.to_owned()]).unwrap();
    scenario::run(&mut definition, &program.place(worker), &mut |_| {}).unwrap()
}

#[test]
fn a_store_that_loses_reorders_or_lies_fails_the_run() {
    let program = Program::new();
    let first = "history=$(find \"$folder\" -name '*.jsonl' | head -n 1)";
    let cases = [
        ("honest", "true", None),
        ("a lost line", "sed -i '$d' \"$history\"", Some("lines of")),
        ("a half line", "truncate -s -10 \"$history\"", Some("lines of")),
        ("a line twice", "sed -i '5p' \"$history\"", Some("not the one")),
        ("a changed line", "sed -i '5s/e/a/3' \"$history\"", Some("not the one")),
        ("lines exchanged", "sed -i '5{h;d};6{G}' \"$history\"", Some("not the one")),
        ("a lost history", "rm \"$history\"", Some("cannot be read")),
    ];
    for arm in ["bare", "async"] {
        for (name, sabotage, wrong) in cases {
            let worker = saboteur(&program, "saboteur", &format!("{first}\n{sabotage}"));
            let record = run_with(&program, &worker, arm);
            match (&record.samples[0].state, wrong) {
                (SampleState::Valid, None) => assert_eq!(record.outcome.exit_code, 0),
                (SampleState::Mismatch { detail }, Some(wrong)) => {
                    assert!(detail.contains(wrong), "{arm}, {name}: {detail}");
                    assert_eq!(record.outcome.exit_code, 3);
                }
                (state, _) => panic!("{arm}, {name}: {state:?}"),
            }
        }
    }
    // A row that does not follow from its history: the histories lose a line that no sample looks
    // for.
    let rows = saboteur(
        &program,
        "saboteur",
        "for history in $(find \"$folder\" -name '*.jsonl'); do sed -i '1s/openai/nobody/' \
         \"$history\"; done",
    );
    let record = run_with(&program, &rows, "sync");
    match &record.samples[0].state {
        SampleState::Mismatch { detail } => assert!(detail.contains("model_provider"), "{detail}"),
        state => panic!("{state:?}"),
    }
    let nothing = saboteur(&program, "saboteur", "rm \"$folder\"/threads.sqlite*");
    let record = run_with(&program, &nothing, "async");
    assert!(
        matches!(record.samples[0].state, SampleState::Mismatch { .. }),
        "{:?}",
        record.samples[0].state
    );
}

/// Runs appends with candidates on two threads, and reads the record.
fn appended(program: &Program, out: &str, words: &[&str]) -> (Ran, Record) {
    let out = program.path(out);
    let own = ["run", "append", "--threads", "2", "--out", text(&out)];
    let ran = program.run(&[&own, words].concat());
    let record =
        Record::read(&out.join("record.json")).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    assert!(ran.out.lines().all(|line| line.chars().count() <= 80), "{}", ran.out);
    (ran, record)
}

/// The row of an arm in the last table that has it.
fn row<'r>(ran: &'r Ran, arm: &str) -> &'r str {
    let is_its = |line: &&str| line.starts_with(&format!("{arm} "));
    ran.out.lines().rfind(is_its).unwrap_or_else(|| panic!("{}", ran.out))
}

#[test]
fn stores_of_others_are_measured_beside_our_own_and_verified() {
    let program = Program::new();
    let own = format!("own={OWN} __worker store-sync");
    let mut words = vec!["--appends", "40", "--samples", "1", "--arms", "bare,append,load"];
    words.extend(["--candidate", &own]);
    let has_python = std::process::Command::new("python3").arg("--version").output().is_ok();
    if has_python {
        words.extend(["--candidate", "python"]);
    }
    let (ran, record) = appended(&program, "out", &words);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let of = |arm: &str| {
        let sample = record.samples.iter().find(|sample| sample.arm == arm);
        let sample = sample.unwrap_or_else(|| panic!("no sample of {arm}: {ran:?}"));
        assert_eq!(sample.state, SampleState::Valid, "{arm}");
        &sample.launches[0]
    };
    for candidate in &record.plan.candidates {
        let label = candidate.label();
        assert!(of(&format!("{label} idle")).histograms.is_empty());
        let append = of(&format!("{label} append"));
        // Each history begins with a line of the store.
        let lines = record.dataset.rows;
        assert_eq!(
            (append.counter("appends"), append.counter("lines")),
            (Some(lines), Some(lines + 2))
        );
        assert_eq!(append.counter("rows"), Some(2));
        assert!(append.verified && append.histograms.is_empty());
        assert!(row(&ran, &format!("{label} append")).ends_with("1/1"), "{}", ran.out);
    }
    let label = record.plan.candidates[0].label();
    let load = of(&format!("{label} load"));
    assert_eq!(load.histograms["append"].count(), 40);
    assert!(load.counter("claimed_projections") >= Some(40), "{load:?}");
    assert!(ran.out.contains(&format!("the latencies of {label} load")), "{}", ran.out);
    assert!(record.plan.arms.iter().all(|arm| arm.name != "python@3 load"));
    // From the record alone, with leave.
    let out = program.path("out");
    let again = program.run(&["repro", text(&out), "--allow-command", "--counters-only"]);
    assert!(matches!(again.code, Some(0 | 5)), "{again:?}");
}

/// Our own store as one of somebody else, which answers through `filter` and then does something
/// else with the home, `$home`.
fn odd(program: &Program, filter: &str, afterwards: &str) -> String {
    let path = program.path("odd");
    let script = format!(
        r#"#!/bin/sh
read -r request
printf '%s\n' "$request" | '{OWN}' __worker scanner | {filter}
case $request in *'"ask":"append"'* | *'"ask":"load"'*) ;; *) exit 0 ;; esac
after=${{request#*\"home\":\"}} home=${{after%%\"*}}
{afterwards}
"#
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("mine={}", path.display())
}

#[test]
fn a_store_of_others_that_loses_a_line_now_and_then_keeps_its_row_without_a_time() {
    let program = Program::new();
    // The last line of a history, where the name of the home ends with an even digit.
    let loses = r#"case $home in
*[02468]) sed -i '$d' "$(find "$home/sessions" -name '*.jsonl' | head -n 1)" ;;
esac"#;
    let named = odd(&program, "cat", loses);
    let words = ["--appends", "4", "--samples", "4", "--arms", "bare,append,load"];
    let (ran, record) = appended(&program, "out", &[&words[..], &["--candidate", &named]].concat());
    assert_eq!((ran.code, record.outcome.status), (Some(3), Status::Mismatch), "{ran:?}");
    let label = record.plan.candidates[0].label();
    let is_valid = |sample: &Sample| match &sample.state {
        SampleState::Valid => true,
        SampleState::Mismatch { detail } => {
            assert!(
                detail.starts_with("wrong: thread ") && detail.contains("lines of"),
                "{detail}"
            );
            false
        }
        state => panic!("{state:?}"),
    };
    for what in ["append", "load"] {
        let arm = format!("{label} {what}");
        let its = record.samples.iter().filter(|sample| sample.arm == arm);
        let valid: Vec<bool> = its.map(is_valid).collect();
        assert!(valid.contains(&true) && valid.contains(&false), "{valid:?}");
        let wrong = valid.iter().filter(|valid| !**valid).count();
        let (row, said) = (row(&ran, &arm), format!("wrong {wrong} ({}/4)", 4 - wrong));
        assert!(
            row.ends_with(&said) && !row.contains(" us") && !row.contains(" ms"),
            "{}",
            ran.out
        );
    }
    assert!(row(&ran, "bare").contains(" us") || row(&ran, "bare").contains(" ns"), "{}", ran.out);
}

#[test]
fn a_store_of_others_that_does_not_time_its_appends_has_no_time() {
    let program = Program::new();
    let named = odd(&program, r#"sed 's/"append":"[^"]*"/"append":"x"/'"#, "");
    let words = ["--appends", "4", "--samples", "1", "--arms", "load", "--candidate", &named];
    let (ran, record) = appended(&program, "out", &words);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let sample = record.samples.iter().find(|sample| sample.arm.ends_with("load")).unwrap();
    let SampleState::Mismatch { detail } = &sample.state else { panic!("{sample:?}") };
    assert_eq!(detail, "wrong: its histogram `append` has 0 of 4 appends");
}

#[test]
fn a_store_of_others_that_appends_nothing_has_a_fault_and_a_request_an_end() {
    let program = Program::new();
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/candidates/hostile/store.sh");
    let idle = format!("mine=sh {} nothing", text(&store));
    let words = ["--appends", "2", "--samples", "1", "--arms", "append", "--candidate", &idle];
    let (ran, _) = appended(&program, "nothing", &words);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(row(&ran, "mine@1 append").contains("wrong 1 (0/1)"), "{}", ran.out);

    let own = format!("own={OWN} __worker store-async");
    let words = ["--appends", "3000", "--samples", "1", "--arms", "append", "--candidate", &own];
    let (ran, record) = appended(&program, "long", &words);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let sample = record.samples.iter().find(|sample| sample.arm.ends_with("append")).unwrap();
    let lines = sample.launches[0].counter("appends").unwrap();
    assert!((500..record.dataset.rows).contains(&lines), "{lines}");
    assert!(ran.out.contains("A request holds at most 8 MiB"), "{}", ran.out);
    let other = format!("own={OWN} __worker published");
    let refused = program.run(&["run", "append", "--candidate", &other]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.err.contains("does not offer the contract `threads`"), "{refused:?}");
}

#[test]
fn a_load_ends_when_nobody_waits_for_its_answer() {
    let program = Program::new();
    let home = program.path("home");
    let lines = program.path("lines");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(&lines, "{\"type\":\"event_msg\",\"payload\":\"{}\"}\n").unwrap();
    let thread = "01a00000-0000-7000-8000-000000000001";
    let request = serde_json::json!({
        "tracerig": 1, "id": "1", "ask": "load", "home": home, "lines": lines,
        "threads": [{"thread": thread, "first": 0}], "warmup": 0, "appends": 20, "barriers": 0,
        "rate": 1, "fsync": false, "limit_ms": 60_000
    });
    let mut command = program.command(&["__worker", "bare"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{request}").unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    // One a second: all of them would be there if it had gone on.
    let written = std::fs::read_to_string(home.join(format!("{thread}.jsonl")));
    assert!(written.unwrap_or_default().lines().count() < 20);
}

#[test]
fn an_empty_program_fails_the_run() {
    let program = Program::new();
    let worker = program.path("empty");
    std::fs::write(&worker, "#!/bin/sh\nexit 0\n").unwrap();
    std::fs::set_permissions(&worker, std::fs::Permissions::from_mode(0o755)).unwrap();
    for arm in ARMS {
        let record = run_with(&program, &worker, arm);
        assert!(matches!(
            &record.samples[0].state,
            SampleState::Failed { error } if error.starts_with("no-hello: ")
        ));
        assert_eq!(record.outcome.exit_code, 1);
    }
}

#[test]
fn ctrl_c_leaves_a_record_of_what_there_was() {
    let program = Program::new();
    let out = program.path("out");
    let mut run = program
        .command(&[
            "run",
            "append",
            "--samples",
            "500",
            "--appends",
            "100",
            "--arms",
            "bare,async",
            "--out",
            text(&out),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(run.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("measuring")));
    while leftovers(&program).is_empty() {
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&run), Signal::INT).unwrap();
    drop(said);
    assert_eq!(run.wait().unwrap().code(), Some(130));
    let record = Record::read(&out.join("record.json")).unwrap();
    assert_eq!(record.outcome.status, Status::Interrupted);
    assert_eq!(leftovers(&program), Vec::<PathBuf>::new());
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let program = Program::new();
    for durability in ["buffered", "fsync"] {
        let arguments = [
            "run",
            "append",
            "--crash",
            "--kills",
            "24",
            "--durability",
            durability,
            "--format",
            "json",
        ];
        let report = program.json(&arguments);
        assert_eq!(report["violation"], serde_json::Value::Null, "{report}");
        assert_eq!(report["writers"], 24);
        assert_eq!(report["refused"], 24, "{report}");
        let struck = report["by_point"].as_object().unwrap();
        let sum =
            |what: &str| struck.values().map(|point| point[what].as_u64().unwrap()).sum::<u64>();
        assert_eq!(sum("kills") + sum("missed"), 24);
        assert!(sum("appends") > 100 && sum("barriers") > 10, "{report}");
        assert!(sum("torn") > 0 && sum("behind") > 0 && sum("level") > 0, "{report}");
    }
    assert_eq!(leftovers(&program), Vec::<PathBuf>::new());
}

#[test]
fn misuse_is_told_and_answered_with_2() {
    let program = Program::new();
    for (arguments, told) in [
        (&["--arms", "sink"][..], "`sink`"),
        (&["--threads", "0"], "--threads"),
        (&["--rate", "0"], "--rate"),
        (&["--kills", "5"], "--crash"),
        (&["--crash", "--arms", "bare"], "only arms with a store"),
        (&["--crash", "--contended"], "--contended"),
        (&["--crash", "--candidate", "x=x"], "--candidate"),
    ] {
        let ran = program.run(&[&["run", "append"], arguments].concat());
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(told), "{arguments:?}: {}", ran.err);
    }
}
