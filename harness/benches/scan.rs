//! `cargo bench --bench scan`: what the scans cost inside one process, the published query as the
//! baseline beside them.
//!
//! Whole launches in fresh processes are `scenarios`. TRACERIG_BENCH_RECIPE names another dataset
//! than `quick`.

mod common;

use std::cell::LazyCell;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::Path;

use common::stage::Stage;
use common::{criterion, folder, must};
use criterion::{BatchSize, Criterion, SamplingMode};
use tracerig_datasets::archive::{ArchiveDataset, ArchiveRecipe};
use tracerig_datasets::{BuildOptions, Cache};
use tracerig_published::trace as published;
use tracerig_scanner::archive::{Archive, Options, Refresh, Request};
use tracerig_scanner::{BUSY_TIMEOUT, MemoPlace, Window};

fn main() {
    let mut criterion = criterion();
    let stage = LazyCell::new(Stage::set);
    let mut group = criterion.benchmark_group("scan");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.bench_function("published", |bencher| {
        let stage = &*stage;
        bencher
            .iter(|| black_box(published::scan(&stage.database, Window::default(), BUSY_TIMEOUT)));
    });
    group.bench_function("full", |bencher| {
        let stage = &*stage;
        bencher.iter(|| black_box(stage.scan(MemoPlace::Disabled)));
    });
    for name in ["cold", "warm", "unchanged"] {
        group.bench_function(name, |bencher| {
            let stage = &*stage;
            let restore = || {
                must(match name {
                    "warm" => std::fs::write(&stage.memo, &stage.before),
                    "unchanged" => std::fs::write(&stage.memo, &stage.after),
                    // It may not be there.
                    _ => std::fs::remove_file(&stage.memo).or(Ok::<_, std::io::Error>(())),
                });
            };
            bencher.iter_batched(
                restore,
                |()| black_box(stage.remembering()),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
    archive(&mut criterion);
    criterion.final_summary();
}

/// Refreshes of an archive: with nothing new since the last one, and without a memo.
fn archive(criterion: &mut Criterion) {
    let stage = LazyCell::new(|| {
        let cache = must(Cache::default());
        let recipe = must(ArchiveRecipe::builtin("archive-tiny"));
        let mut go = |_| ControlFlow::Continue(());
        let dataset = must(cache.ensure_archive(&recipe, &BuildOptions::default(), &mut go));
        let memo = folder();
        refresh(&dataset, Some(memo.path()));
        (dataset, memo)
    });
    let mut group = criterion.benchmark_group("archive");
    group.sampling_mode(SamplingMode::Flat).sample_size(20);
    group.bench_function("unchanged", |bencher| {
        let (dataset, memo) = &*stage;
        bencher.iter(|| black_box(refresh(dataset, Some(memo.path()))));
    });
    group.bench_function("full", |bencher| {
        let (dataset, _) = &*stage;
        bencher.iter(|| black_box(refresh(dataset, None)));
    });
    group.finish();
}

fn refresh(dataset: &ArchiveDataset, memo: Option<&Path>) -> Refresh {
    let options = Options { memo: memo.map(Path::to_owned), ..Options::default() };
    must(Archive::new(&dataset.home, options).refresh(&Request::default()))
}
