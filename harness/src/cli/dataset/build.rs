//! `tracerig dataset build`: builds a dataset and tells what that took.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use tracerig_datasets::{BuildOptions, Cache, Manifest, Progress, Stage, build_into};
use tracerig_reports::{ByteSize, units};

use super::{archive, watched};
use crate::cli::Code;
use crate::cli::output;

/// Build a dataset unless it exists, and print the path of its database or home.
///
/// An archive is built together with its trace database.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
                       tracerig dataset build codex-799mb\n  \
                       tracerig dataset build quick --scale 0.1 --out /tmp/small")]
pub(super) struct Build {
    /// Recipe: a name (see `tracerig dataset list`) or the path of a recipe file.
    name: String,
    /// Seed to use instead of the recipe's.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Factor on the number of rows, or on the bulk bytes of an archive; facts stay the same.
    #[arg(long, value_name = "F", default_value = "1", value_parser = crate::cli::scale)]
    scale: f64,
    /// Build in this folder instead of the cache; it must be empty or not exist.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn main(arguments: &Build) -> anyhow::Result<Code> {
    let options = BuildOptions { seed: arguments.seed, scale: arguments.scale };
    if let Some(recipe) = archive::recipe(&arguments.name)? {
        return archive::build(&recipe, &options, arguments.out.as_deref());
    }
    let recipe = archive::or_of_a_database(&arguments.name)?;
    // When rows began to be inserted, and when the file was finished; none for a dataset that was
    // there already.
    let (mut began, mut finished) = (None, None);
    let dataset = watched(|progress| {
        let mut timed = |told: Progress| {
            match told.stage {
                Stage::Generating => {
                    began.get_or_insert_with(Instant::now);
                }
                Stage::Digesting => {
                    finished.get_or_insert_with(Instant::now);
                }
                Stage::Waiting | Stage::Copying | Stage::Writing | Stage::Verifying => {}
            }
            progress(told)
        };
        match &arguments.out {
            None => Cache::default()?.ensure(&recipe, &options, &mut timed),
            Some(folder) => build_into(folder, &recipe, &options, &mut timed),
        }
    })?;
    output::say(&match (began, finished) {
        (Some(began), Some(finished)) => {
            account(&dataset.manifest, finished - began, began.elapsed())
        }
        _ => "built before; size and times, or else the digest, are those of then".to_owned(),
    });
    output::print(&format!("{}\n", dataset.database.display()))?;
    Ok(Code::FINE)
}

/// What building took. The speed is that of bodies inserted, those included that are pruned again,
/// until the file is finished; digests come after it.
fn account(manifest: &Manifest, building: Duration, all: Duration) -> String {
    let per_second = manifest.inserted_bytes as f64 / building.as_secs_f64().max(1e-9);
    format!(
        "{} rows inserted, {} kept; {} of bodies inserted in {}, {}/s; with digests {}",
        units::count(manifest.inserted_rows),
        units::count(manifest.rows),
        ByteSize(manifest.inserted_bytes),
        units::duration(building),
        ByteSize(per_second as u64),
        units::duration(all)
    )
}
