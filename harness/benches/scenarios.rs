//! `cargo bench --bench scenarios`: relaunches and appends as they are, in fresh processes, every answer verified.
//!
//! `tracerig run` measures the same with cold page caches, all arms in random order and every raw sample on record; this is for following a
//! change with criterion's baselines. TRACERIG_BENCH_RECIPE names another dataset than `quick`.

mod common;

use std::cell::{LazyCell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use common::{criterion, must, recipe, stop};
use criterion::{Criterion, SamplingMode};
use tracerig_datasets::Cache as Datasets;
use tracerig_harness::scenario::append::{self, Condition};
use tracerig_harness::scenario::candidate::Subject;
use tracerig_harness::scenario::relaunch::{self, Source};
use tracerig_reports::record::{Cache, Launch, SampleState};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tracerig");
const RELAUNCHES: [&str; 6] = ["floor", "published", "full", "cold", "warm", "unchanged"];
const APPENDS: [&str; 5] = ["bare", "sync-readback", "sync", "async-per-thread", "async"];
/// A launch beside which something else used the disk is made again, but not for ever.
const TRIES: usize = 100;

fn main() {
    let mut criterion = criterion();
    relaunches(&mut criterion);
    appends(&mut criterion);
    criterion.final_summary();
}

/// Whole launches, with a hot page cache.
fn relaunches(criterion: &mut Criterion) {
    let bench = LazyCell::new(|| {
        let mut plan = must(relaunch::Plan::builtin());
        must(plan.choose(&RELAUNCHES.map(|arm| format!("{arm}:hot"))));
        let job = relaunch::Job {
            plan,
            source: Source::Recipe { recipe: Box::new(recipe()), scale: 1.0 },
            datasets: must(Datasets::default()),
            workplaces: must(tracerig_datasets::cache_root()).join("work"),
            seed: 1,
            program: PROGRAM.into(),
            command: Vec::new(),
            launches: BTreeMap::new(),
            expected_rows: None,
        };
        let bench = must(relaunch::Bench::set(&job, &mut |_| ()));
        let subject = must(Subject::new(Path::new(PROGRAM), bench.plan().time_limit()));
        RefCell::new((bench, subject))
    });
    let mut group = criterion.benchmark_group("relaunch");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    for name in RELAUNCHES {
        group.bench_function(name, |bencher| {
            let mut made = bench.borrow_mut();
            let (bench, subject) = &mut *made;
            let arm = bench.plan().arms.iter().find(|arm| arm.name == name).cloned();
            let arm = arm.unwrap_or_else(|| stop("the plan has lost an arm"));
            bencher.iter_custom(|times| {
                (0..times)
                    .map(|_| {
                        let launch = valid(|| must(bench.launch(subject, &arm, Cache::Hot)));
                        launch.wall
                    })
                    .sum()
            });
        });
    }
    group.finish();
}

/// What one append takes its caller, the mean of the appends of a launch.
fn appends(criterion: &mut Criterion) {
    let bench = LazyCell::new(|| {
        let job = append::Job {
            plan: must(append::Plan::builtin()),
            condition: Condition { threads: 1, fsync: false, rate: None, contended: false },
            workplaces: must(tracerig_datasets::cache_root()).join("work"),
            seed: 1,
            program: PROGRAM.into(),
            command: Vec::new(),
        };
        let subject = must(Subject::new(Path::new(PROGRAM), job.plan.time_limit()));
        RefCell::new((must(append::Bench::set(&job)), subject))
    });
    let mut group = criterion.benchmark_group("append-process");
    // A launch is a second or less; warming up is part of it.
    group.sampling_mode(SamplingMode::Flat).sample_size(10).warm_up_time(Duration::from_millis(1));
    for name in APPENDS {
        group.bench_function(name, |bencher| {
            let mut made = bench.borrow_mut();
            let (bench, subject) = &mut *made;
            let arm = bench.plan().arms.iter().find(|arm| arm.name == name).cloned();
            let arm = arm.unwrap_or_else(|| stop("the plan has lost an arm"));
            bencher.iter_custom(|times| {
                let launch = valid(|| must(bench.launch(subject, &arm)));
                mean_append(&launch).mul_f64(times as f64)
            });
        });
    }
    group.finish();
}

/// The mean time of an append; a launch without appends would have none.
fn mean_append(launch: &Launch) -> Duration {
    let load = launch.phases.iter().find(|phase| phase.name == "load").map(|phase| phase.elapsed);
    match (load, launch.counter("appends")) {
        (Some(load), Some(appends @ 1..)) => load.div_f64(appends as f64),
        _ => stop("a launch told neither its time nor its appends"),
    }
}

/// A launch that counts. One that answers wrongly ends the benchmark.
fn valid(mut launch: impl FnMut() -> (Launch, SampleState)) -> Launch {
    for _ in 0..TRIES {
        match launch() {
            (launch, SampleState::Valid) => return launch,
            (_, SampleState::Mismatch { detail }) => stop(&format!("a wrong answer: {detail}")),
            (_, SampleState::Failed { error }) => stop(&format!("a process failed: {error}")),
            _ => {}
        }
    }
    stop("none of many launches met its conditions: something else uses the disk all the time")
}
