//! What all benchmarks share: their pace, their dataset, and an end with a message instead of a
//! panic.

#![allow(dead_code, reason = "each benchmark uses a part")]

mod baseline;
pub(crate) mod stage;

use std::fmt::Display;
use std::ops::ControlFlow;
use std::time::Duration;

use criterion::Criterion;
use tempfile::TempDir;
use tracerig_datasets::{BuildOptions, Cache, Dataset, Recipe};

/// As in `plans/relaunch.toml`.
pub(crate) const APPENDED: u64 = 200;

/// Short enough that all benchmarks together take less than four minutes on two cores;
/// `--measurement-time` and the like change it.
pub(crate) fn criterion() -> Criterion {
    tracerig_scanner::count_no_memory();
    tracerig_scanner::read_by_system_call();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(message) = baseline::missing(&arguments, baseline::folder) {
        stop(&message);
    }
    show_what_criterion_says();
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args()
}

/// What criterion has to tell people it tells by a panic: a filter that it cannot read, a baseline
/// that one benchmark lacks while others have it. Only the words are shown then: the line of its
/// source would look like a bug.
fn show_what_criterion_says() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let by_criterion = panic.location().is_some_and(|at| at.file().contains("criterion"));
        match panic.payload().downcast_ref::<String>() {
            Some(said) if by_criterion => eprintln!("{said}"),
            _ => usual(panic),
        }
    }));
}

/// Whether times are taken: cargo says `--bench` then; without it, or with `--test`, everything is
/// done once, to be tested.
pub(crate) fn measures() -> bool {
    let said = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    said("--bench") && !said("--test")
}

/// The value, or the end of the program with the message on standard error.
pub(crate) fn must<T, E: Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| stop(&error.to_string()))
}

/// Ends the program: a benchmark of something that does not work has no time.
pub(crate) fn stop(message: &str) -> ! {
    eprintln!("{message}");
    std::process::exit(1)
}

/// The recipe of the run: `quick`, or what TRACERIG_BENCH_RECIPE names.
pub(crate) fn recipe() -> String {
    std::env::var("TRACERIG_BENCH_RECIPE").unwrap_or_else(|_| "quick".to_owned())
}

/// The dataset of the run, built if need be.
pub(crate) fn dataset() -> Dataset {
    let cache = must(Cache::default());
    must(cache.ensure(&must(Recipe::find(&recipe())), &BuildOptions::default(), &mut |_| {
        ControlFlow::Continue(())
    }))
}

/// A folder on the disk that has the datasets, gone when this value is.
pub(crate) fn folder() -> TempDir {
    let root = must(tracerig_datasets::cache_root());
    must(std::fs::create_dir_all(&root));
    must(tempfile::tempdir_in(&root))
}
