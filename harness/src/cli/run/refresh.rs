//! `tracerig run refresh`: measures what a refresh of database and archive costs, shows where it goes, and writes record and report.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use tracerig_datasets::Cache;
use tracerig_datasets::archive::ArchiveRecipe;

use crate::cli::output::Format;
use crate::cli::shown::Shown;
use crate::cli::{self, Code, Interrupted, Usage, run};
use crate::scenario::refresh::{self, Job, Plan};

/// Measure what a refresh costs: a relaunch that reads a trace database and an archive of rollouts.
///
/// Builds the archive and its trace database if they are not there yet, launches each arm in fresh processes and in random
/// order, holds every answer against what the generator wrote, prints where the time goes, and writes record.json with
/// every raw sample, latencies.hdr and report.md.
///
/// Arms: floor (walk the folders, one look at each file), published (several looks at each file, one JSON file for all that
/// is remembered, one LIKE query), full (no memo), cold (no memo yet, both are written), appended (one file in fifty has
/// grown), warm (a few sessions and the trace database have grown), unchanged (nothing new). All with a hot page cache.
#[derive(Debug, Args)]
pub(super) struct Refresh {
    /// The archive: a recipe's name (see `tracerig dataset list`) or the path of a recipe file [default: archive-60k].
    #[arg(long, value_name = "NAME")]
    recipe: Option<String>,
    /// Factor on the bytes of the archive that do not matter; its files and what was used stay the same.
    #[arg(long, value_name = "F", default_value = "1", value_parser = crate::cli::scale)]
    scale: f64,
    /// Only these arms, separated by commas.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(super) arms: Vec<String>,
    /// Samples of each arm [default: 10].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=crate::limits::MOST_SAMPLES))]
    samples: Option<u64>,
    /// Seed of the order of arms and of what is appended.
    #[arg(long, value_name = "S", default_value = "1")]
    pub(super) seed: u64,
    /// Where record and report are written [default: tracerig-out/ID].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How to print the result.
    #[arg(long, value_enum, default_value = "table")]
    pub(super) format: Format,
}

pub(super) fn main(arguments: &Refresh) -> anyhow::Result<Code> {
    let plan = plan(arguments)?;
    let recipe = ArchiveRecipe::find(&plan.recipe).map_err(cli::no_recipe)?;
    let results = Path::new("tracerig-out");
    run::prepare(arguments.out.as_deref().unwrap_or(results))?;
    run::warn_of_debug_build();
    let job = Job {
        plan,
        recipe: Box::new(recipe),
        scale: arguments.scale,
        datasets: Cache::default()?,
        workplaces: tracerig_datasets::cache_root()?.join("work"),
        seed: arguments.seed,
        program: std::env::current_exe().context("the path of this program")?,
        expected_digest: None,
        command: run::command(),
    };
    let mut shown = Shown::default();
    let done = refresh::run(&job, &mut |event| shown.event(&event));
    shown.finish();
    let record = match done {
        Err(error) if error.is_interruption() => return Err(Interrupted.into()),
        done => done?,
    };
    let out = arguments.out.clone().unwrap_or_else(|| results.join(&record.id));
    run::give(&record, &out, arguments.format)
}

/// The plan with what the command line changes in it.
fn plan(arguments: &Refresh) -> anyhow::Result<Plan> {
    let mut plan = Plan::builtin().context("the plan that comes with the program")?;
    if !arguments.arms.is_empty() {
        plan.choose(&arguments.arms).map_err(|error| Usage(error.to_string()))?;
    }
    if let Some(samples) = arguments.samples {
        plan.samples = samples;
    }
    if let Some(recipe) = &arguments.recipe {
        plan.recipe.clone_from(recipe);
    }
    Ok(plan)
}
