//! `cargo bench --bench scenarios`: relaunches, appends and refreshes as they are, in fresh
//! processes, every answer verified.
//!
//! `tracerig run` measures the same with cold page caches, all arms in random order and every raw
//! sample on record; this is for following a change with criterion's baselines.
//! TRACERIG_BENCH_RECIPE names another dataset for relaunches than `quick`.

mod common;

use std::cell::{LazyCell, RefCell};
use std::path::Path;
use std::time::Duration;

use common::{criterion, must, recipe, stop};
use criterion::{Criterion, SamplingMode};
use tracerig_datasets::Cache as Datasets;
use tracerig_harness::build;
use tracerig_harness::scenario::append::Condition;
use tracerig_harness::scenario::{Definition, Made, Place, Program, append, refresh, relaunch};
use tracerig_reports::record::{Cache, Launch, SampleState};
use tracerig_reports::verdict::Metric;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tracerig");
/// A launch beside which something else used the disk is made again, but not for ever.
const TRIES: usize = 100;

fn main() {
    let mut criterion = criterion();
    let condition = Condition { threads: 1, fsync: false, rate: None, contended: false };
    scenario(&mut criterion, "relaunch", must(relaunch::on_recipe(Some(&recipe()), 1.0)));
    scenario(&mut criterion, "append-process", must(append::on(condition, None)));
    scenario(&mut criterion, "refresh", must(refresh::on_recipe(Some("archive-tiny"), 1.0)));
    criterion.final_summary();
}

/// The usual arms of a scenario, but for those with a cold page cache.
fn scenario(criterion: &mut Criterion, name: &str, mut definition: Definition) {
    must(definition.choose(&[]));
    definition.plan.arms.retain(|arm| arm.cache != Cache::Cold);
    let arms: Vec<String> = definition.plan.arms.iter().map(|arm| arm.name.clone()).collect();
    let metric = Metric::of(&definition.plan);
    let ready = LazyCell::new(move || {
        let place = Place {
            datasets: must(Datasets::default()),
            workplaces: must(tracerig_datasets::cache_root()).join("work"),
            seed: 1,
            program: PROGRAM.into(),
            command: Vec::new(),
            build: build::this(),
        };
        let program = must(Program::new(Path::new(PROGRAM), definition.time_limit));
        RefCell::new((must(definition.prepare(&place, &mut |_| ())), program))
    });
    let mut group = criterion.benchmark_group(name);
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    if metric == Metric::AppendP50 {
        // A launch is a second or less; warming up is part of it.
        group.warm_up_time(Duration::from_millis(1));
    }
    for (at, arm) in arms.iter().enumerate() {
        group.bench_function(arm, |bencher| {
            let mut ready = ready.borrow_mut();
            let (scenario, program) = &mut *ready;
            let mut launch = || valid(|| must(scenario.launch(program, at)));
            bencher.iter_custom(|times| match metric {
                Metric::Launch => (0..times).map(|_| launch().wall).sum(),
                Metric::AppendP50 => mean_append(&launch()).mul_f64(times as f64),
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
fn valid(mut launch: impl FnMut() -> Made) -> Launch {
    for _ in 0..TRIES {
        match launch() {
            (launches, SampleState::Valid) => match launches.into_iter().next() {
                Some(launch) => return launch,
                None => stop("nothing was launched"),
            },
            (_, SampleState::Mismatch { detail }) => stop(&format!("a wrong answer: {detail}")),
            (_, SampleState::Failed { error }) => stop(&format!("a process failed: {error}")),
            _ => {}
        }
    }
    stop("none of many launches met its conditions: something else uses the disk all the time")
}
