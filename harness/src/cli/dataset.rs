//! `tracerig dataset`: its verbs, each in a separate file, and what they share.

mod archive;
mod build;
mod inspect;
mod list;
mod mimic;
mod remove;
mod verify;

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use tracerig_datasets::{Dataset, DatasetError, Manifest, Progress, Stage};
use tracerig_reports::wrapped;

use super::output::{self, Format, Output};
use super::{Code, Interrupted, no_recipe};
use crate::interrupt;

/// Build, list, verify, inspect and remove datasets.
///
/// A dataset is a trace database or an archive of rollouts, built from a recipe, a seed and a
/// scale. The same three give the same bytes. Datasets are kept in the user's cache folder;
/// TRACERIG_CACHE_DIR moves it. Each use checks size and modification time, and the digest if these
/// changed.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_long_help = "Examples:\n  \
                       tracerig dataset list\n  \
                       tracerig dataset build codex-799mb\n  \
                       tracerig dataset mimic --from ~/.codex/logs_2.sqlite --out mine.toml"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// List recipes and the datasets built from them.
    #[command(after_long_help = "Examples:\n  tracerig dataset list --format json")]
    List {
        /// Print for people (table) or for programs (json).
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    Build(build::Build),
    Mimic(mimic::Mimic),
    /// Compare a dataset with the digests it was built with.
    #[command(after_long_help = "Examples:\n  tracerig dataset verify codex-799mb")]
    Verify(Named),
    /// Show what a dataset contains.
    #[command(after_long_help = "Examples:\n  tracerig dataset inspect quick")]
    Inspect(Named),
    Remove(remove::Remove),
}

#[derive(Debug, Args)]
struct Named {
    /// Name of the dataset, or of its recipe if only one dataset was built from it.
    name: String,
    #[command(flatten)]
    output: Output,
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    match &arguments.task {
        Task::List { format } => list::main(*format),
        Task::Build(arguments) => build::main(arguments),
        Task::Mimic(arguments) => mimic::main(arguments),
        Task::Verify(arguments) => verify::main(arguments),
        Task::Inspect(arguments) => inspect::main(arguments),
        Task::Remove(arguments) => remove::main(arguments),
    }
}

/// Shows the progress of `work`, which an interruption ends.
fn watched<D>(
    work: impl FnOnce(&mut dyn FnMut(Progress) -> ControlFlow<()>) -> tracerig_datasets::Result<D>,
) -> anyhow::Result<D> {
    let bar = output::progress_bar(0, "{msg} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}");
    let done = work(&mut |progress| {
        bar.set_message(match progress.stage {
            Stage::Waiting => "waiting for another process",
            Stage::Copying => "copying",
            Stage::Generating => "inserting bodies",
            Stage::Writing => "writing rollouts",
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
        done => done.map_err(no_recipe),
    }
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
        let Manifest {
            name, seed, scale, rows, max_id, file_bytes, rows_digest, file_digest, ..
        } = dataset.manifest.clone();
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

/// A fact about a dataset in lines of at most 80 columns, after its name.
fn fact(name: &str, value: &str) -> String {
    let lines = wrapped(value, 69, "");
    let names = [name].into_iter().chain(std::iter::repeat(""));
    names.zip(lines.lines()).map(|(name, line)| format!("{name:10} {line}\n")).collect()
}

fn folder_name(dataset: &Dataset) -> String {
    let folder =
        dataset.database.parent().and_then(|folder| folder.file_name()).unwrap_or_default();
    folder.to_string_lossy().into_owned()
}
