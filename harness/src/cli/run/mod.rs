//! `tracerig run`: measures a scenario or a plan, shows the result, and writes its record and
//! report.

mod append;
mod candidates;
mod command;
mod crash;
mod journal;
mod planned;
mod refresh;
mod relaunch;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use tracerig_datasets::Cache;
use tracerig_reports::record::{ArmPlan, PARTIAL, Sample, Status};
use tracerig_reports::stats::FEWEST_PAIRS;
use tracerig_reports::{Record, foreign, hdr, render, write_whole};

use super::output::{self, Format, Output};
use super::{Code, Usage, kept};
use crate::build;
use crate::scenario::{self, Definition, Place};

pub(super) use candidates::invited;
pub(super) use journal::Journal;
pub(super) use planned::find as planned_by;

/// Measure a scenario or all runs of a plan, and verify every answer.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    args_conflicts_with_subcommands = true,
    after_long_help = "Examples:\n  \
                       tracerig run relaunch\n  \
                       tracerig run append --threads 64 --contended\n  \
                       tracerig run --plan ci --out out"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    planned: planned::Planned,
    #[command(subcommand)]
    scenario: Option<Scenario>,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    Relaunch(relaunch::Relaunch),
    Append(append::Append),
    Refresh(refresh::Refresh),
    Command(command::Command),
}

/// How often, and where results go.
#[derive(Debug, Args)]
struct Common {
    /// Samples per arm [default: 10].
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=crate::limits::MOST_SAMPLES)
    )]
    samples: Option<u64>,
    /// Seed of the order of arms and of appended data.
    #[arg(long, value_name = "S", default_value = "1")]
    seed: u64,
    /// Folder for record and report [default: tracerig-out/ID].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    match &arguments.scenario {
        None => planned::main(&arguments.planned),
        Some(Scenario::Relaunch(arguments)) => relaunch::main(arguments),
        Some(Scenario::Append(arguments)) => append::main(arguments),
        Some(Scenario::Refresh(arguments)) => refresh::main(arguments),
        Some(Scenario::Command(arguments)) => command::main(arguments),
    }
}

/// Where results go that nobody named a folder for.
const RESULTS: &str = "tracerig-out";

impl Common {
    /// Makes sure that results can be written, measures, and gives them.
    fn measure(&self, definition: Definition) -> anyhow::Result<Code> {
        self.prepare()?;
        let record = self.record(definition, &|record| self.out(record))?;
        give(&record, &self.out(&record), self.output)
    }

    /// Makes sure before a run that its results can be written after it.
    fn prepare(&self) -> anyhow::Result<()> {
        prepare(self.out.as_deref().unwrap_or(Path::new(RESULTS)))?;
        warn_of_debug_build();
        Ok(())
    }

    /// Measures; samples go to the folder as they come.
    fn record(
        &self,
        mut definition: Definition,
        folder: &dyn Fn(&Record) -> PathBuf,
    ) -> anyhow::Result<Record> {
        definition.plan.samples = self.samples.unwrap_or(definition.plan.samples);
        measure(&mut definition, &place(self.seed)?, folder)
    }

    /// Where the results of this record go.
    fn out(&self, record: &Record) -> PathBuf {
        self.out.clone().unwrap_or_else(|| Path::new(RESULTS).join(&record.id))
    }
}

/// Measures, shows how far it is, and keeps samples in the folder as they come.
fn measure(
    definition: &mut Definition,
    place: &Place,
    folder: &dyn Fn(&Record) -> PathBuf,
) -> anyhow::Result<Record> {
    let mut journal = Journal::new(Some(folder));
    let record = scenario::run(definition, place, &mut |event| journal.event(&event));
    Ok(journal.end(record)?)
}

/// Where runs are made, and by this program.
pub(super) fn place(seed: u64) -> anyhow::Result<Place> {
    Ok(Place {
        datasets: Cache::default()?,
        workplaces: tracerig_datasets::cache_root()?.join("work"),
        seed,
        program: std::env::current_exe().context("the path of this program")?,
        command: command(),
        build: build::this(),
    })
}

/// The command line, for the record.
pub(super) fn command() -> Vec<String> {
    std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect()
}

pub(super) fn warn_of_debug_build() {
    if cfg!(debug_assertions) {
        output::say("tracerig: debug build: its times mean nothing; build with --release");
    }
}

pub(super) fn code(record: &Record) -> Code {
    u8::try_from(record.outcome.exit_code).map_or(Code::FAILED, Code)
}

/// Makes sure before a run that its results can be written after it, and overwrite none.
pub(super) fn prepare(out: &Path) -> anyhow::Result<()> {
    kept::prepare(out, &[(RECORD, "a record"), (PARTIAL, "the record of a run that is not over")])
}

pub(super) const RECORD: &str = "record.json";

/// Writes record, latencies and report into `out`. To be done before anything is printed: who
/// closes the pipe early still has the record.
pub(super) fn write(record: &Record, out: &Path) -> anyhow::Result<()> {
    journal::create(out)?;
    record.write(&out.join(RECORD))?;
    hdr::write(record, &out.join("latencies.hdr"))?;
    write_whole(&out.join("report.md"), render::markdown(record).as_bytes())?;
    journal::settle(out)
}

/// Warns that a record has too few samples for a later run to be compared with its times.
fn say_if_small(record: &Record) {
    if !matches!(record.outcome.status, Status::Complete | Status::Inconclusive) {
        return;
    }
    let valid = |arm: &ArmPlan| {
        let of_arm = |sample: &&Sample| sample.is_valid() && sample.key() == arm.key();
        record.samples.iter().filter(of_arm).count()
    };
    let Some((arm, fewest)) =
        record.plan.arms.iter().map(|arm| (arm.key(), valid(arm))).min_by_key(|&(_, valid)| valid)
    else {
        return;
    };
    if fewest < FEWEST_PAIRS {
        let have = output::counted(fewest as u64, "valid sample", "valid samples");
        output::say(&format!(
            "this record cannot judge the times of a later run: {have} of {arm}, {FEWEST_PAIRS} \
             are needed (--samples 10); its work counters can be compared"
        ));
    }
}

/// Writes and prints what the run found, and tells where its files are. Returns the code of the
/// run.
pub(super) fn give(record: &Record, out: &Path, how: Output) -> anyhow::Result<Code> {
    let written = write(record, out);
    let is_written = written.is_ok();
    let printed = output::print(&match how.format {
        Format::Table if how.details => render::details(record),
        Format::Table => render::terminal(record),
        Format::Json => foreign::json(&render::json(record)?),
    });
    // Reported after the result: what cannot be kept can still be read.
    let code = code(record).after(printed).after(written);
    say_if_small(record);
    if is_written {
        output::say(&format!("\nfull report: {}/report.md (or --details)", out.display()));
    }
    Ok(code)
}
