//! What the verbs of `tracerig dataset` do where the dataset is an archive.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use tracerig_datasets::archive::{
    ArchiveDataset, ArchiveManifest, ArchiveRecipe, build_archive_into,
};
use tracerig_datasets::{BuildOptions, Cache, DatasetError, Recipe};
use tracerig_reports::{ByteSize, units};
use tracerig_scanner::archive::{Archive, ArchiveError, Options, PriorityTurns, Request};

use super::{fact, watched};
use crate::cli::output::{self, Format};
use crate::cli::{Code, Interrupted, no_recipe};
use crate::interrupt;
use crate::scenario::refresh::{Answer, fault};

/// A recipe as it is listed.
#[derive(Debug, Serialize)]
pub(super) struct Offered {
    pub(super) recipe: String,
    pub(super) why: String,
    pub(super) sessions: u64,
    pub(super) bytes: u64,
    pub(super) trace: String,
    pub(super) seed: u64,
}

impl Offered {
    pub(super) fn all() -> Vec<Self> {
        let offered = |recipe: &ArchiveRecipe| Self {
            recipe: recipe.name().to_owned(),
            why: recipe.why().to_owned(),
            sessions: recipe.sessions(),
            bytes: recipe.bytes(1.0),
            trace: recipe.trace().map(|trace| trace.name().to_owned()).unwrap_or_default(),
            seed: recipe.default_seed(),
        };
        ArchiveRecipe::all().iter().map(offered).collect()
    }
}

/// An archive as it is listed.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    pub(super) name: String,
    home: PathBuf,
    recipe: String,
    pub(super) seed: u64,
    pub(super) scale: f64,
    pub(super) files: u64,
    pub(super) bytes: u64,
    digest: String,
}

impl Shown {
    pub(super) fn of(cache: &Cache, (folder, manifest): (String, ArchiveManifest)) -> Self {
        let ArchiveManifest { name: recipe, seed, scale, files, bytes, digest, .. } = manifest;
        let home = cache.folder().join(&folder).join("home");
        Self { name: folder, home, recipe, seed, scale, files, bytes, digest }
    }
}

/// The recipe that an argument names, if it is one of an archive.
pub(super) fn recipe(name: &str) -> anyhow::Result<Option<ArchiveRecipe>> {
    if !ArchiveRecipe::is_one(name) {
        return Ok(None);
    }
    ArchiveRecipe::find(name).map(Some).map_err(no_recipe)
}

/// The recipe of a database that an argument names, which is not an archive's; what it could have
/// named is both.
pub(super) fn or_of_a_database(name: &str) -> anyhow::Result<Recipe> {
    Recipe::find(name).map_err(|error| match error {
        DatasetError::UnknownRecipe { name, mut known } => {
            for archive in ArchiveRecipe::all() {
                known = format!("{known}, {}", archive.name());
            }
            no_recipe(DatasetError::UnknownRecipe { name, known })
        }
        error => no_recipe(error),
    })
}

pub(super) fn build(
    recipe: &ArchiveRecipe,
    options: &BuildOptions,
    out: Option<&Path>,
) -> anyhow::Result<Code> {
    let begun = Instant::now();
    let dataset = watched(|progress| match out {
        None => Cache::default()?.ensure_archive(recipe, options, progress),
        Some(folder) => build_archive_into(folder, &Cache::default()?, recipe, options, progress),
    })?;
    let ArchiveManifest { files, bytes, lines, .. } = &dataset.manifest;
    output::say(&format!(
        "{} rollouts, {} lines, {}; with its trace database in {}",
        units::count(*files),
        units::count(*lines),
        ByteSize(*bytes),
        units::duration(begun.elapsed())
    ));
    output::print(&format!("{}\n", dataset.home.display()))?;
    Ok(Code::FINE)
}

/// Compares an archive with its digest, and what a full refresh finds in it with what its generator
/// meant.
pub(super) fn verify(name: &str, format: Format) -> anyhow::Result<Code> {
    let cache = Cache::default()?;
    let dataset = watched(|progress| cache.verify_archive(name, progress))?;
    if let Some(difference) = difference(&dataset)? {
        output::say(&format!(
            "tracerig: {}: a refresh finds something else than was written: {difference}",
            dataset.home.display()
        ));
        return Ok(Code::MISMATCH);
    }
    match format {
        Format::Table => output::show(&format!(
            "{}: unchanged, and a refresh finds what was written\n",
            dataset.home.display()
        ))?,
        Format::Json => inspect(&dataset.manifest, name, Format::Json)?,
    }
    Ok(Code::FINE)
}

fn difference(dataset: &ArchiveDataset) -> anyhow::Result<Option<String>> {
    let turns = &dataset.trace.manifest.truth.turns;
    let (none, all) = (PriorityTurns::default(), turns.iter().map(|turn| &turn.turn).collect());
    let progress = |_, _| !interrupt::requested();
    for priority in [&none, &all] {
        let request =
            Request { priority: Some(priority), progress: Some(&progress), ..Request::default() };
        let refresh = match Archive::new(&dataset.home, Options::default()).refresh(&request) {
            Err(ArchiveError::Cancelled { .. }) => return Err(Interrupted.into()),
            refresh => refresh?,
        };
        let manifest = &dataset.manifest;
        if (refresh.stats.files, refresh.stats.unknown_lines)
            != (manifest.files, manifest.unknown_lines)
        {
            return Ok(Some(format!(
                "{} files with {} lines of unknown kinds instead of {} with {}",
                refresh.stats.files,
                refresh.stats.unknown_lines,
                manifest.files,
                manifest.unknown_lines
            )));
        }
        let problem = fault(&refresh.problems).map(ToString::to_string);
        let known = |turn: &str| priority.contains(turn);
        let expected = Answer::of_expected(&manifest.expected, &manifest.of_turns, known);
        let found = problem.or_else(|| Answer::of_usage(&refresh.usage).difference(&expected));
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

pub(super) fn inspect(
    manifest: &ArchiveManifest,
    name: &str,
    format: Format,
) -> anyhow::Result<()> {
    if format == Format::Json {
        return output::print_json(manifest);
    }
    let mut text = String::new();
    let mut line = |name: &str, value: String| text += &fact(name, &value);
    line("dataset", name.to_owned());
    line("recipe", format!("{}, seed {}, scale {}", manifest.name, manifest.seed, manifest.scale));
    line("generator", format!("version {}", manifest.generator_version));
    line(
        "rollouts",
        format!(
            "{}, of which {} are beginnings or copies of others; {} lines, {} of unknown kinds",
            units::count(manifest.files),
            manifest.copies,
            units::count(manifest.lines),
            units::count(manifest.unknown_lines)
        ),
    );
    line("bytes", units::count(manifest.bytes));
    let (largest, bytes) = &manifest.largest;
    let path = output::one_line(&largest.display().to_string(), 69);
    line("largest", format!("{} bytes: {path}", units::count(*bytes)));
    line("sha", manifest.digest.clone());
    line("trace sha", manifest.trace_rows_digest.clone());
    let total = manifest.expected.total();
    line(
        "used",
        format!(
            "{} tokens in {} events on {} days",
            units::count(total.total),
            units::count(total.events),
            manifest
                .expected
                .iter()
                .map(|(class, _)| class.day)
                .collect::<std::collections::BTreeSet<_>>()
                .len()
        ),
    );
    output::show(&text)?;
    Ok(())
}
