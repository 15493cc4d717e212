//! `tracerig run relaunch`: what a relaunch on a large trace database costs, at one scale or at
//! several.

use std::path::PathBuf;

use clap::Args;
use tracerig_reports::{Ladder, ladder, write_whole};

use super::{Common, code, write};
use crate::cli::{Code, Usage, no_definition, output};
use crate::scenario::{Definition, relaunch};

/// Measure what a relaunch on a large trace database costs, cold and warm.
///
/// Builds the dataset if it is not there yet, launches each arm in fresh processes and in random
/// order, verifies every answer, prints a table, and writes record.json with every raw sample,
/// latencies.hdr and report.md.
///
/// Arms: floor (open, read the maximum id, exit), published (one LIKE query a launch), full (full
/// scan, no memo), cold (full scan and persist), warm (memo, rows appended in between), unchanged
/// (nothing appended). All with a hot page cache; published, cold and warm also with a cold one,
/// proven.
///
/// On request, with --arms: pruned (anchors and facts among the rows deleted in between), window
/// (another window), replaced (another database renamed over it), recreated (an older copy under
/// its name), forced (a full scan asked for), live (one process, its memo in memory, refreshed
/// again and again beside a writer that appends and prunes), two (two launches at once that share a
/// memo, beside a writer).
#[derive(Debug, Args)]
pub(super) struct Relaunch {
    /// The dataset: a recipe's name (see `tracerig dataset list`) or the path of a recipe file
    /// [default: quick].
    #[arg(long, value_name = "NAME")]
    recipe: Option<String>,
    /// A database of one's own instead of a dataset; a private copy of it is used, and it is not
    /// changed.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["recipe", "scale"])]
    db: Option<PathBuf>,
    /// Factor on the dataset's rows; its facts stay the same.
    #[arg(long, value_name = "F", default_value = "1", value_parser = crate::cli::scale)]
    scale: f64,
    /// Measure at several scales, one after the other, and show how the times grow.
    #[arg(long, value_name = "F,G", value_delimiter = ',', value_parser = crate::cli::scale, conflicts_with_all = ["scale", "db", "format"])]
    scales: Vec<f64>,
    /// Only these arms, separated by commas; NAME:hot or NAME:cold takes one state of the page
    /// cache, `all` every arm.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    arms: Vec<String>,
    #[command(flatten)]
    common: Common,
}

pub(super) fn main(arguments: &Relaunch) -> anyhow::Result<Code> {
    match arguments.scales.as_slice() {
        [] => arguments.common.measure(defined(arguments, arguments.scale)?),
        scales => climb(arguments, scales),
    }
}

/// What is asked for at this scale.
fn defined(arguments: &Relaunch, scale: f64) -> anyhow::Result<Definition> {
    let defined = match &arguments.db {
        Some(path) => relaunch::on_own(path),
        None => relaunch::on_recipe(arguments.recipe.as_deref(), scale),
    };
    let mut definition = defined.map_err(no_definition)?;
    definition.choose(&arguments.arms).map_err(|error| Usage(error.to_string()))?;
    Ok(definition)
}

/// Measures at one scale after the other; the first that does not end well ends it, with what there
/// is.
fn climb(arguments: &Relaunch, scales: &[f64]) -> anyhow::Result<Code> {
    let definitions = scales.iter().map(|&scale| Ok((scale, defined(arguments, scale)?)));
    let definitions = definitions.collect::<anyhow::Result<Vec<_>>>()?;
    arguments.common.prepare()?;
    let mut out = None;
    let mut records = Vec::new();
    let mut ended = Code::FINE;
    for (scale, definition) in definitions {
        output::say(&format!("scale {scale}"));
        let record = arguments.common.record(definition)?;
        let out = out.get_or_insert_with(|| arguments.common.out(&record));
        ended = code(&record).after(write(&record, &out.join(format!("scale-{scale}"))));
        records.push(record);
        if ended != Code::FINE {
            break;
        }
    }
    let Some(out) = out else { return Ok(ended) };
    let ladder = Ladder::of(&records);
    let written = write_whole(&out.join("ladder.svg"), ladder::svg(&ladder).as_bytes()).and_then(|()| {
        write_whole(&out.join("ladder.md"), ladder::markdown(&ladder, "ladder.svg").as_bytes())
    });
    let ended = ended.after(output::show(&ladder::table(&ladder))).after(written.map_err(Into::into));
    output::say(&format!("\na record for each scale, and the ladder: {}", out.display()));
    Ok(ended)
}
