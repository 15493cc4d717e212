//! Builds a dataset into the cache and tells how fast: `cargo run --release -p tracerig-datasets --example build -- quick [SCALE] [SEED]`.

use std::ops::ControlFlow;
use std::time::Instant;

use tracerig_datasets::{BuildOptions, Cache, Progress, Recipe, Stage};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let recipe = Recipe::find(&arguments.next().unwrap_or_else(|| "quick".into()))?;
    let scale = arguments.next().map_or(Ok(1.0), |scale| scale.parse())?;
    let seed = arguments.next().map(|seed| seed.parse()).transpose()?;
    let begin = Instant::now();
    let mut generated = None;
    let mut watch = |progress: Progress| {
        if progress.stage == Stage::Digesting {
            generated.get_or_insert_with(|| begin.elapsed());
        }
        ControlFlow::Continue(())
    };
    let dataset = Cache::default()?.ensure(&recipe, &BuildOptions { scale, seed }, &mut watch)?;
    let elapsed = begin.elapsed();
    let manifest = &dataset.manifest;
    println!("{}", dataset.database.display());
    println!(
        "{} rows of {} ids, {} written; {} bytes, {:?}",
        manifest.rows, manifest.max_id, manifest.inserted_rows, manifest.file_bytes, manifest.pages
    );
    let truth = &manifest.truth;
    println!(
        "{} turns at priority, {} pruned, {} completions, {} submissions, {} requests, {} tags, {} quotes",
        truth.turns.len(),
        truth.pruned_turns.len(),
        truth.completions,
        truth.submissions,
        truth.requests,
        truth.tags,
        truth.unrecognised
    );
    let megabytes = manifest.inserted_bytes as f64 / 1e6;
    match generated {
        Some(generated) => println!(
            "{megabytes:.0} MB of bodies in {generated:.2?}: {:.0} MB/s; with digests {elapsed:.2?}",
            megabytes / generated.as_secs_f64()
        ),
        None => println!("taken from the cache in {elapsed:.2?}"),
    }
    Ok(())
}
