//! The relaunch scenario as a whole: right engines pass, wrong ones fail everywhere, and an end by
//! Ctrl-C or by force leaves what it should.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use crate::common::program::{Program, Ran, text};
use rustix::process::{Pid, Signal, kill_process};
use tracerig_harness::scenario::{self, relaunch};
use tracerig_real::Codex;
use tracerig_reports::record::{
    ArmKey, Cache, Counter, CounterClass, Exit, Launch, Process, SampleState, Status,
};
use tracerig_reports::{Record, Summary};

const ARMS: [&str; 6] = ["floor", "published", "full", "cold", "warm", "unchanged"];
/// Those whose launches are not one fresh process after the other.
const BESIDE_A_WRITER: [&str; 2] = ["live", "two"];

/// Measures, and reads the record. Samples may be left out: another process may read from the disk
/// at any time.
#[track_caller]
fn measured(program: &Program, out: &Path, arguments: &[&str]) -> (Ran, Record) {
    let ran = program.run(&[&["run", "relaunch", "--out", text(out)], arguments].concat());
    assert!(matches!(ran.code, Some(0 | 5)), "{}", ran.err);
    let record = Record::read(&out.join("record.json")).unwrap();
    (ran, record)
}

#[test]
fn every_launch_is_verified_and_on_record() {
    let program = Program::new();
    let out = program.path("out");
    let (ran, record) =
        measured(&program, &out, &["--recipe", "tiny", "--samples", "2", "--seed", "7"]);
    for name in ARMS {
        assert!(ran.out.contains(name), "{name} is not in the table:\n{}", ran.out);
    }
    assert!(ran.out.lines().all(|line| line.chars().count() <= 80), "{}", ran.out);

    assert!(
        matches!(record.outcome.status, Status::Complete | Status::Inconclusive),
        "{:?}",
        record.outcome
    );
    assert_eq!((record.seed, record.plan.samples), (7, 2));
    let in_memory = record.machine.file_system.as_deref().is_none_or(|kind| kind == "tmpfs");
    let cold_or_not = if in_memory { 12 } else { 18 };
    // Those that are left out are taken again in later rounds.
    let planned = record.samples.iter().filter(|sample| sample.round < 2).count();
    assert_eq!(planned, cold_or_not, "cold arms are left out only where there is no disk");
    let rows = record.dataset.rows;
    for sample in &record.samples {
        // Another process may read from the disk through the same pages at any time: a sample may
        // be left out for that.
        assert!(
            sample.is_valid() || matches!(sample.state, SampleState::Excluded { .. }),
            "{sample:?}"
        );
        for launch in &sample.launches {
            assert!(launch.verified);
            // Whatever the database holds; `tiny` has a row of 4 MiB.
            let allowed = 48_000_000 + 300 * launch.counter("facts").unwrap_or(0);
            assert!(launch.peak_memory.is_none_or(|peak| peak.bytes() < allowed), "{launch:?}");
            let examined = launch.counter("rows_examined");
            match sample.arm.as_str() {
                "floor" => assert_eq!((&launch.mode, launch.turns), (&None, None)),
                "warm" => {
                    assert_eq!(launch.mode.as_deref(), Some("incremental"));
                    assert_eq!(examined, Some(record.plan.appended_rows));
                }
                "unchanged" => {
                    assert_eq!((launch.mode.as_deref(), examined), (Some("unchanged"), Some(0)));
                }
                _ => {
                    assert_eq!(launch.mode.as_deref(), Some("full"));
                    // Retention took some of the dataset's rows as others were appended.
                    assert!(examined.unwrap() <= rows + record.plan.appended_rows);
                    assert!(examined.unwrap() > rows / 2);
                }
            }
        }
    }
    // The scanner's arms have one answer, and the published engine has its own.
    let answers = |wanted: &[&str]| {
        let samples = record.samples.iter().filter(|sample| wanted.contains(&sample.arm.as_str()));
        let launches = samples.flat_map(|sample| &sample.launches);
        launches
            .map(|launch| launch.answer_digest.clone())
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(answers(&["full", "cold", "warm", "unchanged"]).len(), 1);
    assert_eq!(answers(&["published"]).len(), 1);
    let mut orders: Vec<Vec<&str>> = Vec::new();
    for round in 0..2 {
        orders.push(
            record.samples.iter().filter(|s| s.round == round).map(|s| s.arm.as_str()).collect(),
        );
    }
    assert_ne!(orders[0], orders[1], "arms come in another order in each round");

    assert!(std::fs::read_to_string(out.join("report.md")).unwrap().contains("warm"));
    assert!(out.join("latencies.hdr").exists());
    assert_eq!(leftovers(&program), Vec::<PathBuf>::new());

    // A record is never overwritten.
    let again = program.run(&[
        "run",
        "relaunch",
        "--recipe",
        "tiny",
        "--samples",
        "1",
        "--out",
        text(&out),
    ]);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("record.json"), "{}", again.err);
}

#[test]
fn arms_on_request_take_the_way_they_must_whatever_happened_to_the_database() {
    let program = Program::new();
    let arms = "pruned,window,replaced,recreated,forced";
    let tiny = ["--recipe", "tiny", "--samples", "1", "--arms", arms];
    let (_, record) = measured(&program, &program.path("out"), &tiny);
    let mut digests = std::collections::BTreeMap::new();
    for sample in &record.samples {
        // Mode and reason are among what makes a sample valid; here they are said once more, by
        // hand.
        for launch in &sample.launches {
            assert!(launch.verified, "{sample:?}");
            let took = (launch.mode.as_deref().unwrap(), launch.reason.as_deref().unwrap());
            match sample.arm.as_str() {
                "pruned" => assert_eq!(took, ("incremental", "none")),
                "window" => assert_eq!(took, ("unchanged", "none")),
                "forced" => assert_eq!(took, ("full", "forced")),
                _ => assert!(
                    took.0 == "full"
                        && ["identity", "anchors", "facts", "shrink"].contains(&took.1),
                    "{took:?}"
                ),
            }
            digests.insert(sample.arm.clone(), launch.answer_digest.clone());
        }
    }
    // `forced` and `replaced` see the same rows; every other arm is on others, or asks for others.
    assert_eq!(digests["forced"], digests["replaced"]);
    let different: std::collections::BTreeSet<_> = digests.values().collect();
    assert_eq!((digests.len(), different.len()), (5, 4), "{digests:?}");
}

#[test]
fn one_s_own_database_is_measured_on_a_copy_and_left_as_it_is() {
    let program = Program::new();
    let folder = program.path("codex home");
    std::fs::create_dir(&folder).unwrap();
    let database = Codex::V0_169_0.write_logs(&folder).unwrap();
    let before = std::fs::read(&database).unwrap();
    let out = program.path("out");
    let (_, record) =
        measured(&program, &out, &["--db", text(&database), "--samples", "1", "--arms", "all"]);
    assert_eq!(std::fs::read(&database).unwrap(), before);

    assert_eq!((record.dataset.recipe.as_str(), record.dataset.rows), ("own", 3701));
    let warm: Vec<_> = record.samples.iter().filter(|sample| sample.arm == "warm").collect();
    assert!(!warm.is_empty());
    for launch in warm.iter().flat_map(|sample| &sample.launches) {
        assert_eq!(
            (launch.verified, launch.turns, launch.counter("rows_examined")),
            (true, Some(37), Some(200))
        );
    }
    assert_eq!(leftovers(&program), Vec::<PathBuf>::new());

    let missing = program.run(&["run", "relaunch", "--db", text(&folder.join("nothing"))]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.err.contains("nothing"), "{}", missing.err);
}

#[test]
fn arms_beside_a_writer_never_scan_in_full_and_lose_no_answer() {
    let program = Program::new();
    let out = program.path("out");
    let arms = ["--recipe", "tiny", "--samples", "3", "--arms", "warm:hot,live,two", "--details"];
    let (ran, record) = measured(&program, &out, &arms);
    let of = |arm: &'static str| record.samples.iter().filter(move |sample| sample.arm == arm);
    let launches = |arm| of(arm).flat_map(|sample| &sample.launches);
    let mode = |launch: &Launch| launch.mode.clone().unwrap();
    let appended = record.plan.appended_rows;
    let most_beside = 128;

    // It is one process, which neither starts nor ends, and each of its refreshes finds what a warm
    // launch finds.
    for refresh in launches("live") {
        assert!(refresh.verified && mode(refresh) == "incremental", "{refresh:?}");
        assert_eq!((refresh.exit, refresh.user), (Exit::Running, None));
        let examined = refresh.counter("rows_examined").unwrap();
        assert!((appended..=appended + most_beside).contains(&examined), "{refresh:?}");
    }
    let answers: BTreeSet<_> = launches("live").map(|refresh| &refresh.answer_digest).collect();
    // What a refresh overlooks is missing in those after it, so not each needs something new to
    // tell.
    assert!(2 * answers.len() > launches("live").count(), "{} answers", answers.len());
    assert!(launches("live").count() >= 3);

    for sample in of("two") {
        assert!(!matches!(sample.state, SampleState::Mismatch { .. } | SampleState::Failed { .. }));
        assert!(sample.launches.len() % 2 == 0);
        for launch in &sample.launches {
            assert!(launch.verified && launch.exit == Exit::Code(0), "{launch:?}");
            assert!(["incremental", "unchanged"].contains(&mode(launch).as_str()), "{launch:?}");
        }
    }

    let is_exact = |counter: &Counter| counter.class == CounterClass::Exact;
    assert!(launches("warm").all(|launch| launch.counters.values().all(is_exact)));
    // What they find depends on the moment.
    for launch in launches("live").chain(launches("two")) {
        assert!(
            !launch.counters.is_empty() && !launch.counters.values().any(is_exact),
            "{launch:?}"
        );
    }

    let processes = [Process::Fresh, Process::Resident, Process::Paired];
    assert!(record.plan.arms.iter().map(|arm| arm.process).eq(processes));
    let live = Summary::of(&record).arm(&ArmKey::new("live", Cache::Hot)).unwrap().clone();
    assert!(
        live.inside_of_warm.is_some() && live.of_floor.is_none() && live.of_published.is_none()
    );
    assert!(ran.out.contains("Time inside the process, without its start and end"), "{}", ran.out);
    assert!(ran.out.lines().all(|line| line.chars().count() <= 80), "{}", ran.out);
    assert_eq!(leftovers(&program), Vec::<PathBuf>::new());
    assert_eq!(workers_of(&program, None), Vec::<String>::new());
}

#[test]
fn a_ladder_has_a_record_for_each_scale_and_the_same_facts_in_all() {
    let program = Program::new();
    let out = program.path("out");
    let ran = program.run(&[
        "run",
        "relaunch",
        "--recipe",
        "tiny",
        "--scales",
        "1,2",
        "--samples",
        "1",
        "--arms",
        "floor,warm:hot",
        "--out",
        text(&out),
    ]);
    assert!(matches!(ran.code, Some(0 | 5)), "{}", ran.err);
    assert!(
        ran.out.contains("growth") && ran.out.lines().all(|line| line.chars().count() <= 80),
        "{}",
        ran.out
    );
    let read = |scale: &str| Record::read(&out.join(scale).join("record.json")).unwrap();
    let (one, two) = (read("scale-1"), read("scale-2"));
    assert_eq!(two.dataset.rows, 2 * one.dataset.rows);
    assert_eq!(two.dataset.truth["facts"], one.dataset.truth["facts"]);
    assert!(std::fs::read_to_string(out.join("ladder.svg")).unwrap().contains("<polyline"));
    assert!(std::fs::read_to_string(out.join("ladder.md")).unwrap().contains("ladder.svg"));
}

/// Working copies that are still there.
fn leftovers(program: &Program) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(program.cache().join("work")).unwrap().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

/// A run of every hot arm with `worker` as the program that is launched.
fn run_with(program: &Program, worker: &Path) -> Record {
    let mut definition = relaunch::on_recipe(Some("tiny"), 1.0).unwrap();
    let arms: Vec<String> =
        ARMS.iter().chain(&BESIDE_A_WRITER).map(|arm| format!("{arm}:hot")).collect();
    definition.choose(&arms).unwrap();
    definition.plan.samples = 1;
    scenario::run(&mut definition, &program.place(worker), &mut |_| ()).unwrap()
}

/// A worker that launches the real one and changes its answer by `sed`.
fn forger(program: &Program, edit: &str) -> PathBuf {
    let path = program.path("forger");
    let worker = env!("CARGO_BIN_EXE_tracerig");
    // Without the third argument, the process that the worker expects as its parent.
    let script = format!(
        "#!/bin/sh\n[ \"$2\" = writer ] && exec '{worker}' \"$@\"\n\
         '{worker}' __worker \"$2\" | sed -u '{edit}'\n"
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn an_engine_that_does_nothing_fails_everywhere() {
    let program = Program::new();
    for (worker, words) in [
        ("/bin/true", ["answered nothing", "without an answer"]),
        ("/bin/false", ["exit code 1", "exit code 1"]),
        ("/nowhere", ["launched", "could not be started"]),
    ] {
        let record = run_with(&program, Path::new(worker));
        assert_eq!(record.samples.len(), ARMS.len() + BESIDE_A_WRITER.len());
        for sample in &record.samples {
            let SampleState::Failed { error } = &sample.state else {
                panic!("{worker}: {sample:?}")
            };
            assert!(words.iter().any(|word| error.contains(word)), "{error}");
        }
        assert_eq!((record.outcome.status, record.outcome.exit_code), (Status::Failed, 1));
    }
}

#[test]
fn a_wrong_answer_is_a_mismatch_whatever_is_wrong_with_it() {
    let program = Program::new();
    // What is forged, and the arms in which it must be noticed.
    let scanning = ["published", "full", "cold", "warm", "unchanged", "live", "two"];
    let every: Vec<&str> = ARMS.into_iter().chain(BESIDE_A_WRITER).collect();
    let cases: &[(&str, &str, &[&str])] = &[
        ("nothing", "", &[]),
        ("no turns", r#"s/"turns":{.*},"mode"/"turns":{},"mode"/"#, &scanning),
        ("another time", r#"s/"timestamp":1/"timestamp":2/"#, &scanning),
        ("another model", r#"s/"model":"[^"]*"/"model":"gpt-0"/"#, &scanning),
        ("another thread", r#"s/"thread_id":"[^"]*"/"thread_id":"0"/"#, &scanning),
        ("another maximum", r#"s/"cursor":/"cursor":1/"#, &every),
        (
            "another mode",
            r#"s/"mode":"[a-z]*"/"mode":"full"/"#,
            &["warm", "unchanged", "live", "two"],
        ),
        ("another reason", r#"s/"reason":"[a-z]*"/"reason":"forced"/"#, &scanning),
        ("more rows", r#"s/"rows_examined":/"rows_examined":1/"#, &scanning),
        ("no memo written", r#"s/"persisted":true/"persisted":false/"#, &["cold", "warm", "two"]),
        (
            "a memo written",
            r#"s/"persisted":false/"persisted":true/"#,
            &["floor", "published", "full", "unchanged", "live"],
        ),
    ];
    for (what, edit, noticed) in cases {
        let record = run_with(&program, &forger(&program, edit));
        for sample in &record.samples {
            // Both of two may have written, one after the other.
            if (*what, sample.arm.as_str()) == ("a memo written", "two") {
                continue;
            }
            let mismatch = matches!(sample.state, SampleState::Mismatch { .. });
            assert_eq!(mismatch, noticed.contains(&sample.arm.as_str()), "{what}: {sample:?}");
        }
        // Without a forgery all is fine, but for samples left out because something else kept the
        // disk busy.
        let codes = if noticed.is_empty() { [0, 5] } else { [3, 3] };
        assert!(codes.contains(&record.outcome.exit_code), "{what}: {:?}", record.outcome);
    }
}

/// Starts a run that would take long and waits until it measures.
fn measuring(program: &Program, out: &Path) -> (Child, impl BufRead + use<>) {
    let arms = "floor,published:cold,warm,live,two";
    let mut child = program
        .command(&[
            "run",
            "relaunch",
            "--recipe",
            "tiny",
            "--samples",
            "10000",
            "--arms",
            arms,
            "--out",
            text(out),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while line.trim() != "measuring" {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "it ended before it measured");
    }
    (child, said)
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

#[test]
fn ctrl_c_leaves_a_valid_record_and_nothing_else() {
    let program = Program::new();
    let out = program.path("out");
    let (mut child, said) = measuring(&program, &out);
    send(&child, Signal::INT);
    let lines: Vec<String> = said.lines().map_while(Result::ok).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{lines:?}");

    let record = Record::read(&out.join("record.json")).unwrap();
    assert_eq!(record.outcome.status, Status::Interrupted);
    assert!(record.samples.len() < 10_000);
    assert!(
        record.samples.iter().all(|sample| !matches!(sample.state, SampleState::Failed { .. }))
    );
    assert!(std::fs::read_to_string(out.join("report.md")).unwrap().contains("Interrupted"));
    assert_eq!(leftovers(&program), Vec::<PathBuf>::new());
}

#[test]
fn a_run_killed_by_force_leaves_no_process_and_the_next_run_cleans_up() {
    let program = Program::new();
    let (mut child, _said) = measuring(&program, &program.path("killed"));
    send(&child, Signal::KILL);
    child.wait().unwrap();
    assert_eq!(leftovers(&program).len(), 1);
    assert!(!program.path("killed").join("record.json").exists());

    // A process that was just being started at that moment keeps the lock until it ends, which it
    // does by itself.
    let parent = child.id();
    while !workers_of(&program, Some(parent)).is_empty() {
        std::thread::yield_now();
    }
    let next = || {
        let ran = program.run(&[
            "run",
            "relaunch",
            "--recipe",
            "tiny",
            "--samples",
            "1",
            "--arms",
            "floor",
        ]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        leftovers(&program).is_empty()
    };
    assert!(next() || next(), "{:?}", leftovers(&program));
    assert_eq!(workers_of(&program, Some(parent)), Vec::<String>::new());
}

/// Command lines of workers that still run: those whose environment names the folder of this test,
/// and those of this parent, whose environment is their own.
fn workers_of(program: &Program, parent: Option<u32>) -> Vec<String> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let folder = text(&program.cache()).to_owned();
    let parent = parent.map(|parent| parent.to_string());
    let line = |process: PathBuf| {
        let line = std::fs::read_to_string(process.join("cmdline")).ok()?;
        let environment = std::fs::read(process.join("environ")).unwrap_or_default();
        let is_of_it = String::from_utf8_lossy(&environment).contains(&folder)
            || line.split('\0').any(|word| Some(word) == parent.as_deref());
        (line.contains("__worker") && is_of_it).then_some(line)
    };
    processes.flatten().filter_map(|entry| line(entry.path())).collect()
}
