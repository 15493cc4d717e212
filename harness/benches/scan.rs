//! `cargo bench --bench scan`: what the scans cost inside one process, the published query as the baseline beside them.
//!
//! Whole launches in fresh processes are `scenarios`. TRACERIG_BENCH_RECIPE names another dataset than `quick`.

mod common;

use std::cell::LazyCell;
use std::hint::black_box;

use common::stage::Stage;
use common::{criterion, must};
use criterion::{BatchSize, SamplingMode};
use tracerig_scanner::{BUSY_TIMEOUT, MemoPlace, Window, published};

fn main() {
    let mut criterion = criterion();
    let stage = LazyCell::new(Stage::set);
    let mut group = criterion.benchmark_group("scan");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.bench_function("published", |bencher| {
        let stage = &*stage;
        bencher.iter(|| black_box(published::scan(&stage.database, Window::default(), BUSY_TIMEOUT)));
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
            bencher.iter_batched(restore, |()| black_box(stage.remembering()), BatchSize::PerIteration);
        });
    }
    group.finish();
    criterion.final_summary();
}
