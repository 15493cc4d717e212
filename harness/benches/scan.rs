//! `cargo bench --bench scan`: what the scans cost inside one process, the published query as the baseline beside them.
//!
//! Whole launches in fresh processes, with verification and a cold page cache, are `tracerig run relaunch`. This is for
//! following a change of the scanner. TRACERIG_BENCH_RECIPE names another dataset than `quick`.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Context;
use criterion::{BatchSize, Criterion, Throughput};
use tracerig_datasets::workload::{self, Mix};
use tracerig_datasets::{BuildOptions, Cache, Recipe};
use tracerig_scanner::{
    BUSY_TIMEOUT, MemoPlace, Mode, Options, Request, Scan, ScanError, Scanner, Window, published,
};
use tracerig_store::TraceLog;

/// As in `plans/relaunch.toml`.
const APPENDED: u64 = 200;

fn main() -> anyhow::Result<()> {
    let recipe = std::env::var("TRACERIG_BENCH_RECIPE").unwrap_or_else(|_| "quick".to_owned());
    let recipe = Recipe::find(&recipe)?;
    let dataset =
        Cache::default()?.ensure(&recipe, &BuildOptions::default(), &mut |_| ControlFlow::Continue(()))?;

    let root = tracerig_datasets::cache_root()?;
    let folder = tempfile::tempdir_in(&root).with_context(|| root.display().to_string())?;
    let database = folder.path().join("logs_2.sqlite");
    std::fs::copy(&dataset.database, &database)?;
    let memo = folder.path().join("trace.memo");
    let scan = |memo: MemoPlace| -> Result<Scan, ScanError> {
        Scanner::new(&database, Options { memo, ..Options::default() }).scan(&Request::default())
    };
    let with_memo = || scan(MemoPlace::File(memo.clone()));

    with_memo()?;
    let before = std::fs::read(&memo)?;
    let mut writer = TraceLog::open(&database)?;
    workload::append(&mut writer, &dataset.manifest, 1, APPENDED, Mix::Realistic)?;
    with_memo()?;
    let after = std::fs::read(&memo)?;

    // What is timed below must be what its name says.
    let right = scan(MemoPlace::Disabled)?;
    for (bytes, mode) in [(&before, Mode::Incremental), (&after, Mode::Unchanged)] {
        std::fs::write(&memo, bytes)?;
        let scan = with_memo()?;
        anyhow::ensure!(scan.stats.mode == mode && scan.turns == right.turns, "{mode}: {:?}", scan.stats);
    }

    let mut criterion = Criterion::default().sample_size(20).configure_from_args();
    let mut group = criterion.benchmark_group(format!("scan/{}", recipe.name()));
    group.measurement_time(Duration::from_secs(8));
    group.throughput(Throughput::Bytes(right.stats.body_bytes));
    group.bench_function("published", |bencher| {
        bencher.iter(|| black_box(published::scan(&database, Window::default(), BUSY_TIMEOUT)));
    });
    group.bench_function("full", |bencher| bencher.iter(|| black_box(scan(MemoPlace::Disabled))));
    // From here on the size of the database does not matter.
    group.throughput(Throughput::Elements(1));
    for (name, bytes) in [("cold", None), ("warm", Some(&before)), ("unchanged", Some(&after))] {
        group.bench_function(name, |bencher| {
            let restore = || match bytes {
                Some(bytes) => std::fs::write(&memo, bytes),
                None => std::fs::remove_file(&memo),
            };
            bencher.iter_batched(restore, |_| black_box(with_memo()), BatchSize::PerIteration);
        });
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}
