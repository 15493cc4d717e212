//! What lies between two runs: the cores that both divide their work by, and what a kill leaves.

use std::path::Path;
use std::process::Stdio;

use tracerig_harness::scenario::repro::{self, Again};
use tracerig_harness::scenario::{self, relaunch};
use tracerig_reports::record::{PARTIAL, Partial, Sample, SampleState, Status};
use tracerig_reports::verdict::{Gate, Rules, Work};
use tracerig_reports::{Record, comparison};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::common::program::{Program, text};

const REAL: &str = env!("CARGO_BIN_EXE_tracerig");

/// The run of one sample, on a database that is read through several connections, of a machine with
/// so many cores.
fn on_cores(program: &Program, cores: u64) -> Record {
    let mut definition = relaunch::on_recipe(Some("tiny"), 2.0).unwrap();
    definition.choose(&["full:hot".to_owned(), "warm:hot".to_owned()]).unwrap();
    definition.plan.samples = 1;
    definition.plan.cores = Some(cores);
    let record =
        scenario::run(&mut definition, &program.place(Path::new(REAL)), &mut |_| ()).unwrap();
    assert_eq!(record.cores(), cores);
    assert!(record.samples.iter().all(answers), "{:?}", record.samples);
    record
}

fn answers(sample: &Sample) -> bool {
    matches!(sample.state, SampleState::Valid | SampleState::Excluded { .. })
}

fn work(base: &Record, new: &Record) -> (Vec<Work>, Gate) {
    let compared =
        comparison::of_records(("base", base), ("new", new), &Rules::default(), Vec::new())
            .unwrap();
    let compared = compared.without_times();
    (compared.verdicts.arms.iter().map(|arm| arm.work).collect(), compared.gate())
}

#[test]
fn a_record_is_repeated_with_its_own_cores_and_others_give_no_false_verdict() {
    let program = Program::new();
    let one = on_cores(&program, 1);
    let three = on_cores(&program, 3);
    // Were they the same, this test would prove nothing.
    assert_eq!(work(&one, &three), (vec![Work::Incomparable, Work::Same], Gate::Inconclusive));
    for record in [&one, &three] {
        let again = Again {
            place: program.place(Path::new(REAL)),
            database: None,
            allow_command: false,
            samples: None,
        };
        let repeated = repro::again(record, &again, &mut |_| ()).unwrap();
        assert_eq!(repeated.cores(), record.cores());
        assert_eq!(work(record, &repeated), (vec![Work::Same, Work::Same], Gate::Fine));
    }
    // What does not follow the cores still decides.
    let mut more = three.clone();
    for launch in more.samples.iter_mut().flat_map(|sample| &mut sample.launches) {
        if let Some(counter) = launch.counters.get_mut("rows_examined") {
            counter.value = counter.value.map(|rows| rows + 1);
        }
    }
    assert_eq!(work(&one, &more).1, Gate::Regression);
    // A record of an earlier version says only what the machine had.
    let mut earlier = one.clone();
    earlier.plan.cores = None;
    earlier.machine.cores = 1;
    assert_eq!(earlier.cores(), 1);
}

/// What this gives on a thread that, with the processes that it starts, has one core.
fn on_one_core<T: Send>(what: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let mine = sched_getaffinity(None).unwrap();
            let first = (0..CpuSet::MAX_CPU).find(|&core| mine.is_set(core)).unwrap();
            let mut one = CpuSet::new();
            one.set(first);
            sched_setaffinity(None, &one).unwrap();
            what()
        });
        thread.join().unwrap()
    })
}

#[test]
fn a_record_of_one_core_is_repeated_on_all() {
    let program = Program::new();
    let run = ["run", "relaunch", "--recipe", "tiny", "--samples", "1", "--out", "one"];
    let ran = on_one_core(|| program.run(&run));
    assert_eq!(Record::read(&program.path("one/record.json")).unwrap().cores(), 1);
    let repeated = program.run(&["repro", "one", "--counters-only", "--out", "all"]);
    assert_eq!(repeated.code, Some(0), "{ran:?} {repeated:?}");
    assert!(repeated.out.contains("work counters: equal"), "{}", repeated.out);
}

#[test]
fn what_was_measured_before_a_kill_is_read() {
    let program = Program::new();
    let run = ["run", "relaunch", "--recipe", "tiny", "--arms", "warm:hot,unchanged:hot"];
    for samples in [0, 1, 2, 5] {
        let out = program.path(&format!("killed-{samples}"));
        let partial = out.join(PARTIAL);
        let arguments = [&run[..], &["--samples", "2000", "--out", text(&out)]].concat();
        let mut command = program.command(&arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // As many samples as it has ended lines behind the first: a kill can cut the last one off.
        let ended =
            || std::fs::read(&partial).unwrap_or_default().split(|b| *b == b'\n').count() - 1;
        while ended() < 1 + samples {
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let record = Partial::read(&partial).unwrap();
        assert!(record.samples.len() >= samples && record.outcome.status == Status::Incomplete);
        let report = program.run(&["report", text(&out)]);
        assert_eq!(report.code, Some(0), "{report:?}");
        assert!(
            report.out.contains("INCOMPLETE") && report.err.contains("incomplete: "),
            "{report:?}"
        );
        // It is in nobody's way unseen, and no baseline.
        let again = program.run(&arguments);
        assert!(again.code == Some(1) && again.err.contains("not over"), "{again:?}");
        let saved = program.run(&["compare", text(&partial), "--save-baseline", "main"]);
        assert_eq!(saved.code, Some(1), "{saved:?}");
    }
    let out = program.path("whole");
    let ran = program.run(&[&run[..], &["--samples", "1", "--out", text(&out)]].concat());
    assert!(matches!(ran.code, Some(0 | 5)), "{ran:?}");
    assert!(ran.err.contains("cannot judge the times of a later run"), "{}", ran.err);
    assert!(!out.join(PARTIAL).exists());
    let report = std::fs::read_to_string(out.join("report.md")).unwrap();
    assert!(!report.contains("--out"), "{report}");
}
