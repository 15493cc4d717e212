//! `tracerig dataset`: building, listing and removing the databases that runs stand on.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde::Serialize;
use tracerig_datasets::{
    BuildOptions, Cache, Dataset, DatasetError, Manifest, Progress, Recipe, Stage, build_into,
};
use tracerig_reports::{ByteSize, units};

use super::output::{self, Format};
use super::{Code, Interrupted, Usage};
use crate::interrupt;

/// Build, list, verify, inspect and remove the databases that runs stand on.
///
/// A dataset is built from a recipe, a seed and a scale: the same three give the same file, byte for byte. It is kept in
/// the user's cache folder (TRACERIG_CACHE_DIR moves it). Whenever it is used again its size and times are compared with
/// those of the last verification, and its digest where these differ.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// List the recipes, and the datasets built from them.
    List {
        /// How to print the result.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    Build(Build),
    Mimic(Mimic),
    /// Compare a dataset's file and rows with the digests it was built with.
    Verify(Named),
    /// Tell everything known about a dataset.
    Inspect(Named),
    /// Remove a dataset from the cache.
    Remove(Removed),
}

/// Build a dataset, unless it is there already, and print its database's path.
#[derive(Debug, Args)]
struct Build {
    /// A recipe's name (see `tracerig dataset list`), or the path of a recipe file.
    name: String,
    /// Another seed than the recipe's.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Factor on the number of rows and the size of the file; the facts stay the same.
    #[arg(long, value_name = "F", default_value = "1")]
    scale: f64,
    /// Build it in this folder instead of the cache; the folder must be empty or not there yet.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Write a recipe for databases like one of your own: sizes and kinds of rows, no content, no ids, no names.
///
/// The database is only read. `tracerig dataset build FILE` and `tracerig run relaunch --recipe FILE` take the recipe.
#[derive(Debug, Args)]
struct Mimic {
    /// The database to imitate.
    #[arg(long, value_name = "PATH")]
    from: PathBuf,
    /// The name of the recipe; datasets built from it bear it too.
    #[arg(long, value_name = "NAME", default_value = "mimic")]
    name: String,
    /// Write it to this file, which must not be there yet, instead of standard output. Give it the ending `.toml`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Named {
    /// A dataset's name as listed, or its recipe's name where only one was built from it.
    name: String,
    /// How to print the result.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Debug, Args)]
struct Removed {
    /// A dataset's name as listed, or its recipe's name where only one was built from it.
    name: String,
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    match &arguments.task {
        Task::List { format } => list(*format),
        Task::Build(arguments) => build(arguments),
        Task::Mimic(arguments) => imitate(arguments),
        Task::Verify(arguments) => verify(arguments),
        Task::Inspect(arguments) => inspect(arguments),
        Task::Remove(arguments) => {
            let removed = Cache::default()?.remove(&arguments.name)?;
            output::say(&format!("removed {}", removed.display()));
            Ok(Code::FINE)
        }
    }
}

fn build(arguments: &Build) -> anyhow::Result<Code> {
    if !(arguments.scale.is_finite() && arguments.scale > 0.0) {
        return Err(Usage(format!("--scale {}: give a factor above 0", arguments.scale)).into());
    }
    let recipe = super::recipe(&arguments.name)?;
    let options = BuildOptions { seed: arguments.seed, scale: arguments.scale };
    // When rows began to be inserted, and when they all were; none for a dataset that was there already.
    let (mut began, mut inserted) = (None, None);
    let dataset = watched(|progress| {
        let mut timed = |told: Progress| {
            match told.stage {
                Stage::Generating => drop(began.get_or_insert_with(Instant::now)),
                Stage::Digesting => drop(inserted.get_or_insert_with(Instant::now)),
                Stage::Waiting | Stage::Copying | Stage::Verifying => {}
            }
            progress(told)
        };
        match &arguments.out {
            None => Cache::default()?.ensure(&recipe, &options, &mut timed),
            Some(folder) => build_into(folder, &recipe, &options, &mut timed),
        }
    })?;
    output::say(&match (began, inserted) {
        (Some(began), Some(inserted)) => account(&dataset.manifest, inserted - began, began.elapsed()),
        _ => "built before; size and times, or else the digest, are those of then".to_owned(),
    });
    output::print(&format!("{}\n", dataset.database.display()))?;
    Ok(Code::FINE)
}

fn imitate(arguments: &Mimic) -> anyhow::Result<Code> {
    let recipe = tracerig_datasets::mimic(&arguments.from, &arguments.name)?;
    let text = format!(
        "# Written by `tracerig dataset mimic`: sizes and kinds of rows, no content.\n\
         # The keys are explained in datasets/recipes/quick.toml.\n{}",
        recipe.canonical()
    );
    let Some(out) = &arguments.out else {
        output::print(&text)?;
        return Ok(Code::FINE);
    };
    let written = File::create_new(out).and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| {
        format!(
            "{}: cannot write the recipe; give a file that is not there yet, in a folder that is",
            out.display()
        )
    })?;
    output::say(&recipe.describe());
    Ok(Code::FINE)
}

/// What building took: inserting the rows, and everything with the digests.
fn account(manifest: &Manifest, inserting: Duration, all: Duration) -> String {
    let per_second = manifest.inserted_bytes as f64 / inserting.as_secs_f64().max(1e-9);
    format!(
        "{} rows inserted, {} kept; {} of bodies in {}, {}/s; with digests {}",
        units::count(manifest.inserted_rows),
        units::count(manifest.rows),
        ByteSize(manifest.inserted_bytes),
        units::duration(inserting),
        ByteSize(per_second as u64),
        units::duration(all)
    )
}

fn verify(arguments: &Named) -> anyhow::Result<Code> {
    let dataset = watched(|progress| Cache::default()?.verify(&arguments.name, progress))?;
    match arguments.format {
        Format::Table => output::print(&format!("{}: as it was built\n", dataset.database.display()))?,
        Format::Json => output::print_json(&Shown::of(&dataset))?,
    }
    Ok(Code::FINE)
}

/// Shows the progress of `work`, which an interruption ends.
fn watched(
    work: impl FnOnce(&mut dyn FnMut(Progress) -> ControlFlow<()>) -> tracerig_datasets::Result<Dataset>,
) -> anyhow::Result<Dataset> {
    let bar = output::progress_bar(0, "{msg} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}");
    let done = work(&mut |progress| {
        bar.set_message(match progress.stage {
            Stage::Waiting => "waiting for another process",
            Stage::Copying => "copying",
            Stage::Generating => "building",
            Stage::Digesting => "digesting",
            Stage::Verifying => "verifying",
        });
        bar.set_length(progress.total);
        bar.set_position(progress.done);
        if interrupt::requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    match done {
        Err(DatasetError::Cancelled) => Err(Interrupted.into()),
        done => Ok(done?),
    }
}

/// A recipe as it is listed.
#[derive(Debug, Serialize)]
struct Offered {
    recipe: String,
    why: String,
    rows: u64,
    file_bytes: u64,
    seed: u64,
}

/// A dataset as it is listed.
#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    database: PathBuf,
    recipe: String,
    seed: u64,
    scale: f64,
    rows: u64,
    max_id: i64,
    file_bytes: u64,
    rows_digest: String,
    file_digest: String,
}

impl Shown {
    fn of(dataset: &Dataset) -> Self {
        let Manifest { name, seed, scale, rows, max_id, file_bytes, rows_digest, file_digest, .. } =
            dataset.manifest.clone();
        Self {
            name: folder_name(dataset),
            database: dataset.database.clone(),
            recipe: name,
            seed,
            scale,
            rows,
            max_id,
            file_bytes,
            rows_digest,
            file_digest,
        }
    }
}

fn folder_name(dataset: &Dataset) -> String {
    let folder = dataset.database.parent().and_then(|folder| folder.file_name()).unwrap_or_default();
    folder.to_string_lossy().into_owned()
}

#[derive(Debug, Serialize)]
struct Listing {
    cache: PathBuf,
    recipes: Vec<Offered>,
    datasets: Vec<Shown>,
}

fn list(format: Format) -> anyhow::Result<Code> {
    let cache = Cache::default()?;
    let offered = |recipe: &Recipe| Offered {
        recipe: recipe.name().to_owned(),
        why: recipe.why().to_owned(),
        rows: recipe.rows(1.0),
        file_bytes: recipe.file_bytes(1.0),
        seed: recipe.default_seed(),
    };
    let listing = Listing {
        cache: cache.folder().to_owned(),
        recipes: Recipe::all().iter().map(offered).collect(),
        datasets: cache.list()?.iter().map(Shown::of).collect(),
    };
    match format {
        Format::Json => output::print_json(&listing)?,
        Format::Table => output::print(&listing_table(&listing))?,
    }
    Ok(Code::FINE)
}

fn listing_table(listing: &Listing) -> String {
    let mut text = String::from("Recipes\n");
    for recipe in &listing.recipes {
        let _ = writeln!(
            text,
            "  {:14} {:>7} {:>10} rows",
            recipe.recipe,
            ByteSize(recipe.file_bytes).to_string(),
            units::count(recipe.rows)
        );
        for line in wrapped(&recipe.why, 72) {
            let _ = writeln!(text, "      {line}");
        }
    }
    let _ = writeln!(text, "\nDatasets in {}", listing.cache.display());
    if listing.datasets.is_empty() {
        text.push_str("  none yet; build one with `tracerig dataset build NAME`\n");
    }
    for dataset in &listing.datasets {
        let _ = writeln!(
            text,
            "  {:34} {:>7} {:>10} rows, seed {}, scale {}",
            dataset.name,
            ByteSize(dataset.file_bytes).to_string(),
            units::count(dataset.rows),
            dataset.seed,
            dataset.scale
        );
    }
    text
}

/// `text` in lines of at most `width` characters, broken at spaces.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn inspect(arguments: &Named) -> anyhow::Result<Code> {
    let dataset = Cache::default()?.inspect(&arguments.name)?;
    match arguments.format {
        Format::Json => output::print_json(&dataset.manifest)?,
        Format::Table => output::print(&inspection(&dataset))?,
    }
    Ok(Code::FINE)
}

fn inspection(dataset: &Dataset) -> String {
    let manifest = &dataset.manifest;
    let pages = manifest.pages;
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:10} {value}");
    };
    line("dataset", folder_name(dataset));
    line("database", dataset.database.display().to_string());
    line("recipe", format!("{}, seed {}, scale {}", manifest.name, manifest.seed, manifest.scale));
    line("generator", format!("version {}", manifest.generator_version));
    line(
        "rows",
        format!(
            "{} of {} inserted; the highest id is {}",
            units::count(manifest.rows),
            units::count(manifest.inserted_rows),
            units::count(manifest.max_id.unsigned_abs())
        ),
    );
    line(
        "file",
        format!(
            "{} bytes: {} pages of {} bytes, {} of them free, {} of the table",
            units::count(manifest.file_bytes),
            units::count(pages.total),
            pages.page_size,
            units::count(pages.free),
            units::count(pages.logs)
        ),
    );
    line("file sha", manifest.file_digest.clone());
    line("rows sha", manifest.rows_digest.clone());
    let truth = &manifest.truth;
    line(
        "facts",
        format!(
            "{}: {} completions, {} requests, {} submissions, {} settings, {} tags",
            units::count(truth.facts()),
            truth.completions,
            truth.requests,
            truth.submissions,
            truth.settings,
            truth.tags
        ),
    );
    line(
        "turns",
        format!("{} at priority, {} more fell to retention", truth.turns.len(), truth.pruned_turns.len()),
    );
    text.push_str(&kinds(manifest));
    text
}

fn kinds(manifest: &Manifest) -> String {
    let mut text = String::from("\nrows by kind                        rows     bodies   mean body\n");
    let sorted: BTreeMap<_, _> = manifest.kinds.iter().collect();
    for (kind, count) in sorted {
        let _ = writeln!(
            text,
            "  {kind:26} {:>12} {:>10} {:>11}",
            units::count(count.rows),
            ByteSize(count.body_bytes).to_string(),
            ByteSize(count.body_bytes / count.rows.max(1)).to_string()
        );
    }
    text
}
