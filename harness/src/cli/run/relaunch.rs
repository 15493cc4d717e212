//! `tracerig run relaunch`: what a relaunch on a large trace database costs, at one scale or at
//! several.

use std::cell::OnceCell;
use std::path::PathBuf;

use clap::Args;
use tracerig_protocol::Contract;
use tracerig_reports::{Ladder, Record, ladder, write_whole};

use super::candidates::Candidates;
use super::{Common, code, write};
use crate::cli::{Code, Usage, no_definition, output};
use crate::scenario::guest::Invited;
use crate::scenario::{Definition, relaunch};

/// Measure what a relaunch on a large trace database costs.
///
/// Builds the dataset if needed, launches each arm in fresh processes and in
/// random order, verifies every answer, and writes record.json (every raw
/// sample), latencies.hdr and report.md.
///
/// Arms by default:
///   floor      open the database, read its largest id, exit
///   published  one LIKE query over every row, as other scanners do (also cold)
///   full       full scan without a memo
///   cold       full scan that writes a memo (also cold)
///   warm       memo, and rows appended since (also cold)
///   unchanged  memo, nothing new
///
/// Arms on request, with --arms:
///   pruned, replaced, recreated  the database changed since the memo was written
///   window, forced               another time window; a full scan on request
///   live, two                    next to a writing process
///
/// Arms of a candidate: idle, full, and if it keeps a memo warm and unchanged;
/// on request pruned, replaced, recreated, window, forced. A candidate with a
/// fault keeps its row, without a time.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_long_help = "Examples:\n  \
                       tracerig run relaunch\n  \
                       tracerig run relaunch --db ~/.codex/logs_2.sqlite\n  \
                       tracerig run relaunch --candidate mine='python3 my_scanner.py'\n  \
                       tracerig run relaunch --recipe codex-799mb --samples 20 --arms \
                       floor,published,warm:hot"
)]
pub(super) struct Relaunch {
    /// Dataset: name of a recipe (see `tracerig dataset list`) or path of a recipe file [default:
    /// quick].
    #[arg(long, value_name = "NAME")]
    recipe: Option<String>,
    /// Measure a private copy of this database instead of a dataset.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["recipe", "scale"])]
    db: Option<PathBuf>,
    /// Factor on the number of rows; facts stay the same.
    #[arg(long, value_name = "F", default_value = "1", value_parser = crate::cli::scale)]
    scale: f64,
    /// Measure at these scales, one after the other, and show how times grow.
    #[arg(
        long,
        value_name = "F,G",
        value_delimiter = ',',
        value_parser = crate::cli::scale,
        conflicts_with_all = ["scale", "db", "format"]
    )]
    scales: Vec<f64>,
    /// Only these arms; `warm:hot` and `warm:cold` choose a cache state, `all` every arm.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    arms: Vec<String>,
    #[command(flatten)]
    candidates: Candidates,
    #[command(flatten)]
    common: Common,
}

pub(super) fn main(arguments: &Relaunch) -> anyhow::Result<Code> {
    let invited = arguments.candidates.invited(Contract::Trace)?;
    match arguments.scales.as_slice() {
        [] => arguments.common.measure(defined(arguments, &invited, arguments.scale)?),
        scales => climb(arguments, &invited, scales),
    }
}

/// What is asked for at this scale.
fn defined(arguments: &Relaunch, invited: &[Invited], scale: f64) -> anyhow::Result<Definition> {
    let defined = match &arguments.db {
        Some(path) => relaunch::on_own(path),
        None => relaunch::on_recipe(arguments.recipe.as_deref(), scale),
    };
    let mut definition = defined.map_err(no_definition)?;
    arguments.candidates.join(&mut definition, invited)?;
    definition.choose(&arguments.arms).map_err(|error| Usage(error.to_string()))?;
    Ok(definition)
}

/// Measures at one scale after the other; the first that does not end well ends it, with what there
/// is.
fn climb(arguments: &Relaunch, invited: &[Invited], scales: &[f64]) -> anyhow::Result<Code> {
    let definitions = scales.iter().map(|&scale| Ok((scale, defined(arguments, invited, scale)?)));
    let definitions = definitions.collect::<anyhow::Result<Vec<_>>>()?;
    arguments.common.prepare()?;
    let out = OnceCell::new();
    let mut records = Vec::new();
    let mut ended = Code::FINE;
    for (scale, definition) in definitions {
        output::say(&format!("scale {scale}"));
        let folder = |record: &Record| {
            out.get_or_init(|| arguments.common.out(record)).join(format!("scale-{scale}"))
        };
        let record = arguments.common.record(definition, &folder)?;
        ended = code(&record).after(write(&record, &folder(&record)));
        records.push(record);
        if ended != Code::FINE {
            break;
        }
    }
    let Some(out) = out.get() else { return Ok(ended) };
    let ladder = Ladder::of(&records);
    let written =
        write_whole(&out.join("ladder.svg"), ladder::svg(&ladder).as_bytes()).and_then(|()| {
            write_whole(&out.join("ladder.md"), ladder::markdown(&ladder, "ladder.svg").as_bytes())
        });
    let ended =
        ended.after(output::show(&ladder::table(&ladder))).after(written.map_err(Into::into));
    output::say(&format!("\nrecords and growth: {}", out.display()));
    Ok(ended)
}
