//! The append scenario as a whole: stores that keep their promises pass, others fail, and kills
//! lose nothing.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::common::program::{Program, text};
use rustix::process::{Pid, Signal, kill_process};
use tracerig_harness::scenario;
use tracerig_harness::scenario::append::{self, Condition};
use tracerig_reports::Record;
use tracerig_reports::record::{SampleState, Status};

const OWN: &str = env!("CARGO_BIN_EXE_tracerig");

const ARMS: [&str; 5] = ["bare", "sync-readback", "sync", "async-per-thread", "async"];

fn leftovers(program: &Program) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(program.cache().join("work")).unwrap().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

#[test]
fn every_arm_appends_the_same_and_is_verified() {
    let program = Program::new();
    for (number, condition) in [
        &["--appends", "600", "--threads", "3"][..],
        &["--appends", "60", "--durability", "fsync"],
        &["--rate", "100", "--threads", "2", "--contended", "--arms", "bare,async"],
    ]
    .iter()
    .enumerate()
    {
        let out = program.path(&format!("out-{number}"));
        let ran = program
            .run(&[&["run", "append", "--samples", "1", "--out", text(&out)], *condition].concat());
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
    }
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
        ("a lost history", "rm \"$history\"", Some("cannot read")),
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
        "for history in $(find \"$folder\" -name '*.jsonl'); do sed -i '1s/openai/nobody/' \"$history\"; done",
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

#[test]
fn an_empty_program_fails_the_run() {
    let program = Program::new();
    let worker = program.path("empty");
    std::fs::write(&worker, "#!/bin/sh\nexit 0\n").unwrap();
    std::fs::set_permissions(&worker, std::fs::Permissions::from_mode(0o755)).unwrap();
    for arm in ARMS {
        let record = run_with(&program, &worker, arm);
        assert!(
            matches!(&record.samples[0].state, SampleState::Failed { error } if error.starts_with("no-hello: "))
        );
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
    ] {
        let ran = program.run(&[&["run", "append"], arguments].concat());
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(told), "{arguments:?}: {}", ran.err);
    }
}
