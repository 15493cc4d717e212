//! `tracerig run refresh`: what a refresh of database and archive costs, and where its time goes.

use clap::Args;

use super::Common;
use crate::cli::{Code, Usage, no_definition};
use crate::scenario::refresh;

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
    arms: Vec<String>,
    #[command(flatten)]
    common: Common,
}

pub(super) fn main(arguments: &Refresh) -> anyhow::Result<Code> {
    let defined = refresh::on_recipe(arguments.recipe.as_deref(), arguments.scale);
    let mut definition = defined.map_err(no_definition)?;
    definition.choose(&arguments.arms).map_err(|error| Usage(error.to_string()))?;
    arguments.common.measure(definition)
}
