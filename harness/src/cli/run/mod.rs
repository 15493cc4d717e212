//! `tracerig run`: measures a scenario or a plan, shows the result, and writes its record and report.

mod append;
mod crash;
mod planned;
mod refresh;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use tracerig_datasets::Cache;
use tracerig_reports::{Ladder, Record, hdr, ladder, render, write_whole};

use super::output::{self, Format};
use super::shown::Shown;
use super::{Code, Interrupted, Usage, kept};
use crate::scenario::relaunch::{self, Job, Plan, RunError, Source};

pub(super) use planned::find as planned_by;

/// Measure a scenario, or several by a plan: fresh processes, arms in random order, every answer verified.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true, args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    planned: planned::Planned,
    #[command(subcommand)]
    scenario: Option<Scenario>,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    Relaunch(Relaunch),
    Append(append::Append),
    Refresh(refresh::Refresh),
}

/// Measure what a relaunch on a large trace database costs, cold and warm.
///
/// Builds the dataset if it is not there yet, launches each arm in fresh processes and in random order, verifies every
/// answer, prints a table, and writes record.json with every raw sample, latencies.hdr and report.md.
///
/// Arms: floor (open, read the maximum id, exit), published (one LIKE query a launch), full (full scan, no memo), cold
/// (full scan and persist), warm (memo, rows appended in between), unchanged (nothing appended). All with a hot page
/// cache; published, cold and warm also with a cold one, proven.
///
/// On request, with --arms: pruned (anchors and facts among the rows deleted in between), window (another window),
/// replaced (another database renamed over it), recreated (an older copy under its name), forced (a full scan asked for),
/// live (one process, its memo in memory, refreshed again and again beside a writer that appends and prunes), two (two
/// launches at once that share a memo, beside a writer).
#[derive(Debug, Args)]
struct Relaunch {
    /// The dataset: a recipe's name (see `tracerig dataset list`) or the path of a recipe file [default: quick].
    #[arg(long, value_name = "NAME")]
    recipe: Option<String>,
    /// A database of one's own instead of a dataset; a private copy of it is used, and it is not changed.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["recipe", "scale"])]
    db: Option<PathBuf>,
    /// Factor on the dataset's rows; its facts stay the same.
    #[arg(long, value_name = "F", default_value = "1", value_parser = super::scale)]
    scale: f64,
    /// Measure at several scales, one after the other, and show how the times grow.
    #[arg(long, value_name = "F,G", value_delimiter = ',', value_parser = super::scale, conflicts_with_all = ["scale", "db", "format"])]
    scales: Vec<f64>,
    /// Only these arms, separated by commas; NAME:hot or NAME:cold takes one state of the page cache, `all` every arm.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    arms: Vec<String>,
    /// Samples of each arm [default: 10].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=crate::limits::MOST_SAMPLES))]
    samples: Option<u64>,
    /// Seed of the order of arms and of the rows appended.
    #[arg(long, value_name = "S", default_value = "1")]
    seed: u64,
    /// Where record and report are written [default: tracerig-out/ID].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How to print the result.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    match &arguments.scenario {
        None => planned::main(&arguments.planned),
        Some(Scenario::Relaunch(arguments)) => relaunch(arguments),
        Some(Scenario::Append(arguments)) => append::main(arguments),
        Some(Scenario::Refresh(arguments)) => refresh::main(arguments),
    }
}

fn relaunch(arguments: &Relaunch) -> anyhow::Result<Code> {
    let plan = plan(arguments)?;
    let results = Path::new("tracerig-out");
    prepare(arguments.out.as_deref().unwrap_or(results))?;
    warn_of_debug_build();
    if !arguments.scales.is_empty() {
        return climb(arguments, &plan, results);
    }
    let source = match &arguments.db {
        Some(path) => Source::Own(path.clone()),
        None => Source::Recipe { recipe: Box::new(super::recipe(&plan.recipe)?), scale: arguments.scale },
    };
    let record = measure(arguments, plan, source)?;
    let out = arguments.out.clone().unwrap_or_else(|| results.join(&record.id));
    give(&record, &out, arguments.format)
}

/// The plan with what the command line changes in it.
fn plan(arguments: &Relaunch) -> anyhow::Result<Plan> {
    let mut plan = Plan::builtin().context("the plan that comes with the program")?;
    if arguments.arms.is_empty() {
        plan.choose_usual();
    } else {
        plan.choose(&arguments.arms).map_err(|error| Usage(error.to_string()))?;
    }
    if let Some(samples) = arguments.samples {
        plan.samples = samples;
    }
    if let Some(recipe) = &arguments.recipe {
        plan.recipe.clone_from(recipe);
    }
    if arguments.db.is_some() {
        plan.recipe = "own".to_owned();
    }
    Ok(plan)
}

fn measure(arguments: &Relaunch, plan: Plan, source: Source) -> anyhow::Result<Record> {
    let job = Job {
        plan,
        source,
        datasets: Cache::default()?,
        workplaces: tracerig_datasets::cache_root()?.join("work"),
        seed: arguments.seed,
        program: std::env::current_exe().context("the path of this program")?,
        command: command(),
        launches: BTreeMap::new(),
        expected_rows: None,
    };
    let mut shown = Shown::default();
    let done = relaunch::run(&job, &mut |event| shown.event(&event));
    shown.finish();
    match done {
        Err(RunError::Interrupted) => Err(Interrupted.into()),
        done => Ok(done?),
    }
}

/// The command line, for the record.
pub(super) fn command() -> Vec<String> {
    std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect()
}

pub(super) fn warn_of_debug_build() {
    if cfg!(debug_assertions) {
        output::say("tracerig: this is a debug build: its times say nothing; build with --release");
    }
}

pub(super) fn code(record: &Record) -> Code {
    u8::try_from(record.outcome.exit_code).map_or(Code::FAILED, Code)
}

/// Measures at one scale after the other; the first that does not end well ends it, with what there is.
fn climb(arguments: &Relaunch, plan: &Plan, results: &Path) -> anyhow::Result<Code> {
    let recipe = super::recipe(&plan.recipe)?;
    let mut out = arguments.out.clone();
    let mut records = Vec::new();
    let mut ended = Code::FINE;
    for &scale in &arguments.scales {
        output::say(&format!("scale {scale}"));
        let source = Source::Recipe { recipe: Box::new(recipe.clone()), scale };
        let record = measure(arguments, plan.clone(), source)?;
        let out = out.get_or_insert_with(|| results.join(&record.id));
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
    let ended = ended.after(output::print(&ladder::table(&ladder))).after(written.map_err(Into::into));
    output::say(&format!("\na record for each scale, and the ladder: {}", out.display()));
    Ok(ended)
}

/// Makes sure before a run that its results can be written after it, and overwrite none.
pub(super) fn prepare(out: &Path) -> anyhow::Result<()> {
    kept::prepare(out, RECORD, "a record")
}

pub(super) const RECORD: &str = "record.json";

/// Writes record, latencies and report into `out`. To be done before anything is printed: who closes the pipe early still
/// has the record.
pub(super) fn write(record: &Record, out: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("{}: cannot be created", out.display()))?;
    record.write(&out.join(RECORD))?;
    hdr::write(record, &out.join("latencies.hdr"))?;
    write_whole(&out.join("report.md"), render::markdown(record).as_bytes())?;
    Ok(())
}

/// Writes and prints what the run found, and tells where its files are. Returns the code of the run.
pub(super) fn give(record: &Record, out: &Path, format: Format) -> anyhow::Result<Code> {
    let written = write(record, out);
    let is_written = written.is_ok();
    let printed = output::print(&match format {
        Format::Table => render::terminal(record),
        Format::Json => render::json(record)?,
    });
    // Told after the result: what cannot be kept can still be read.
    let code = code(record).after(printed).after(written);
    if is_written {
        output::say(&format!("\nrecord, latencies and report: {}", out.display()));
    }
    Ok(code)
}
