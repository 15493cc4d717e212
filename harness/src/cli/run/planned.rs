//! `tracerig run --plan`: the runs of a plan, one after the other, and a summary.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use tracerig_reports::budgets::{self, Judgement};
use tracerig_reports::{Record, units, wrapped, write_whole};

use super::{
    Code, Format, Output, RECORD, Usage, code, measure, output, place, prepare, say_if_small,
    warn_of_debug_build, write,
};
use crate::cli::release_report::budgets_at;
use crate::cli::{code_of, no_definition, no_run};
use crate::plan::{Plan, PlanError, Run};
use crate::scenario::Place;
use crate::{interrupt, machine};

/// What a plan is run with.
#[derive(Debug, Args)]
pub(super) struct Planned {
    /// Plan: quick (seconds), ci (minutes), release (15 minutes), or the path of a plan file.
    #[arg(long, value_name = "PLAN", required = true)]
    plan: Option<String>,
    /// Samples per arm, instead of the plan's.
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=crate::limits::MOST_SAMPLES)
    )]
    samples: Option<u64>,
    /// Seed of the order of arms and of appended data.
    #[arg(long, value_name = "S", default_value = "1")]
    seed: u64,
    /// Folder for records and reports, with a folder per run [default: tracerig-out/ID].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Judge the figures by this file of budgets; see docs/release-report.md.
    #[arg(long, value_name = "FILE")]
    budgets: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

/// The result of a plan.
#[derive(Debug, Serialize)]
struct Done {
    schema: &'static str,
    version: u64,
    plan: String,
    why: String,
    runs: Vec<DoneRun>,
    /// What came of the budgets, where a file of them was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    budgets: Option<Judgement>,
    exit_code: u8,
}

/// The result of one run.
#[derive(Debug, Serialize)]
struct DoneRun {
    name: String,
    why: String,
    seconds: f64,
    exit_code: u8,
    /// The record; `None` where the run could not be made.
    record: Option<PathBuf>,
    samples: usize,
    excluded: u64,
    /// Why it could not be made, or not be kept.
    error: Option<String>,
}

impl DoneRun {
    /// Notes what went wrong, and tells it.
    fn failed(&mut self, error: &anyhow::Error, code: Code) {
        let told = output::told(error);
        output::say(&format!("tracerig: {}: {told}", self.name));
        self.exit_code = code.0;
        self.error = Some(told);
    }
}

pub(super) fn main(arguments: &Planned) -> anyhow::Result<Code> {
    let name = arguments.plan.as_deref().unwrap_or_default();
    let plan = find(name)?;
    let out = match &arguments.out {
        Some(out) => out.clone(),
        None => Path::new("tracerig-out").join(machine::run_id(&plan.name, &machine::now())),
    };
    let budgets = arguments.budgets.as_deref().map(|path| budgets_at(path, &plan)).transpose()?;
    for run in &plan.runs {
        run.definition().map_err(|what| no_run(&format!("{name}: run `{}`", run.name), what))?;
        prepare(&out.join(&run.name))?;
    }
    warn_of_debug_build();
    let place = place(arguments.seed)?;
    let mut done = Done {
        schema: "tracerig.plan-run",
        version: 1,
        plan: plan.name.clone(),
        why: plan.why.clone(),
        runs: Vec::new(),
        budgets: None,
        exit_code: 0,
    };
    let mut ended = Code::FINE;
    let mut records = Vec::new();
    for run in &plan.runs {
        output::say_wrapped(&format!("{}: {}", &run.name, run.why));
        let (one, record, printed) = one(run, arguments, &place, &out);
        // Those of a release take memory that only budgets need.
        records
            .extend(record.filter(|_| budgets.is_some()).map(|record| (run.name.as_str(), record)));
        ended = ended.graver(Code(one.exit_code)).after(printed);
        done.runs.push(one);
        if interrupt::requested() {
            ended = ended.graver(Code::INTERRUPTED);
            break;
        }
    }
    if let Some(budgets) = &budgets {
        let measured: Vec<(&str, &Record)> =
            records.iter().map(|(name, record)| (*name, record)).collect();
        let judged = budgets::judge(budgets, &plan.name, &measured);
        ended = ended.graver(Code(judged.gate().exit_code()));
        done.budgets = Some(judged);
    }
    done.exit_code = ended.0;
    let table = table(&done);
    let written =
        write_whole(&out.join("summary.txt"), format!("{table}{}", output::WRITTEN_BY).as_bytes());
    let printed = match arguments.output.format {
        Format::Table => output::show(&table),
        Format::Json => output::print_json(&done),
    };
    let ended = ended.after(printed).after(written.map_err(Into::into));
    output::say(&format!("\nrecords and reports: {} (all tables: --details)", out.display()));
    Ok(ended)
}

/// The plan of this name, or at this path.
pub(in crate::cli) fn find(name: &str) -> anyhow::Result<Plan> {
    Plan::find(name).map_err(|error| match error {
        PlanError::Read(_) => error.into(),
        error => Usage(error.to_string()).into(),
    })
}

/// One run, its record, and whether it could be printed; that it cannot be made is part of the
/// result.
fn one(
    run: &Run,
    arguments: &Planned,
    place: &Place,
    out: &Path,
) -> (DoneRun, Option<Record>, anyhow::Result<()>) {
    let mut printed = Ok(());
    let mut made = None;
    let begun = Instant::now();
    let mut done = DoneRun {
        name: run.name.clone(),
        why: run.why.clone(),
        seconds: 0.0,
        exit_code: Code::FAILED.0,
        record: None,
        samples: 0,
        excluded: 0,
        error: None,
    };
    let measured = run.definition().map_err(no_definition).and_then(|mut definition| {
        definition.plan.samples = arguments.samples.unwrap_or(definition.plan.samples);
        measure(&mut definition, place, &|_| out.join(&run.name))
    });
    match measured {
        Ok(record) => {
            let folder = out.join(&run.name);
            let written = write(&record, &folder);
            say_if_small(&record);
            if arguments.output.format == Format::Table && arguments.output.details {
                printed =
                    output::print(&format!("{}\n", tracerig_reports::render::details(&record)));
            }
            done.exit_code = code(&record).0;
            done.samples = record.samples.len();
            done.excluded = record.outcome.excluded;
            match written {
                Ok(()) => done.record = Some(folder.join(RECORD)),
                Err(error) => done.failed(&error, Code(done.exit_code).graver(Code::FAILED)),
            }
            made = Some(record);
        }
        Err(error) => {
            done.failed(&error, code_of(&error));
        }
    }
    done.seconds = begun.elapsed().as_secs_f64();
    (done, made, printed)
}

/// One line a run, of 80 columns or less where the names allow it; why a run could not be made is
/// below.
fn table(done: &Done) -> String {
    let widest = done.runs.iter().map(|run| run.name.len()).max().unwrap_or(0).max(3);
    let mut text = wrapped(&format!("plan {}: {}", done.plan, done.why), 80, "  ") + "\n";
    let _ = writeln!(
        text,
        "{:widest$}  {:>7}  {:>8}  {:>7}  result",
        "run", "samples", "excluded", "took"
    );
    for run in &done.runs {
        let took = units::duration(std::time::Duration::from_secs_f64(run.seconds));
        let became = match (&run.error, run.exit_code) {
            (Some(_), _) => "FAILED",
            (None, 0) => "all answers right",
            (None, 3) => "A WRONG ANSWER",
            (None, 5) => "inconclusive: an arm has no valid sample",
            (None, 130) => "interrupted",
            (None, _) => "a process failed",
        };
        let _ = writeln!(
            text,
            "{:widest$}  {:>7}  {:>8}  {took:>7}  {became}",
            run.name, run.samples, run.excluded
        );
    }
    for (run, error) in done.runs.iter().filter_map(|run| Some((run, run.error.as_ref()?))) {
        text += &(String::from("\n") + &wrapped(&format!("{}: {error}", run.name), 80, "  "));
    }
    if let Some(judged) = &done.budgets {
        text += &format!("\n{}", budgets::terminal(judged));
    }
    text
}
