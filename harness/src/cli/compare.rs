//! `tracerig compare`: two executables, two revisions, two records, or a record and a baseline, arm
//! by arm.

mod candidates;
mod commands;
pub(super) mod pairs;
pub(super) mod programs;
mod records;
pub(super) mod results;
mod self_check;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use tracerig_reports::verdict::Rules;

use super::output::Output;
use super::{Code, Usage, run};
use crate::handicap::Planted;
use crate::plan::{Plan, Run};
use crate::scenario::KINDS;

/// Compare two builds or two commands: exact counters first, then paired wall times with noise.
///
/// --base-bin and --new-bin compare two executables; --base-rev and --new-rev two revisions, each
/// built in a separate git work tree (without --new-rev: the current work tree). Both run on the
/// same database in alternating pairs, in random order. The base also runs against itself, to
/// measure noise. A change counts only if a second run confirms it.
///
/// --base-candidate and --new-candidate compare two candidates, each on memos that it makes itself,
/// by the answers of docs/protocol.md. --base-cmd and --new-cmd compare any two commands in the
/// same way.
///
/// Two RECORDs, or a RECORD and a baseline, are compared as measured. Machines change over time, so
/// only changes of 25 % or more are reported. Times of different machines are refused.
///
/// Exit codes: 0 the same or better, 3 wrong answer, 4 regression, 5 inconclusive, 1 failed, 2
/// wrong arguments, 130 interrupted.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_long_help = "Examples:\n  \
                       tracerig compare --base-rev main --plan ci\n  \
                       tracerig compare --base-bin old/tracerig --new-bin new/tracerig --recipe \
                       quick\n  \
                       tracerig compare --base-candidate old='./old' --new-candidate new='./new' \
                       --recipe quick\n  \
                       tracerig compare --base-cmd 'grep -c x FILE' --new-cmd 'rg -c x FILE'\n  \
                       tracerig compare before/ after/ --counters-only"
)]
pub(super) struct Arguments {
    /// Records to compare: base, then new.
    ///
    /// With --baseline or --save-baseline only the new one.
    #[arg(value_name = "RECORD")]
    records: Vec<PathBuf>,
    /// Executable to compare with.
    #[arg(long, value_name = "PATH", conflicts_with = "base_rev")]
    base_bin: Option<PathBuf>,
    /// Executable in question [default: this one].
    #[arg(long, value_name = "PATH", conflicts_with = "new_rev")]
    new_bin: Option<PathBuf>,
    /// Revision to compare with.
    #[arg(long, value_name = "REV")]
    base_rev: Option<String>,
    /// Revision in question [default: the work tree].
    #[arg(long, value_name = "REV")]
    new_rev: Option<String>,
    /// Compare with the records saved under this name.
    #[arg(long, value_name = "NAME", conflicts_with = "save_baseline")]
    baseline: Option<String>,
    /// Save the records under this name.
    #[arg(long, value_name = "NAME")]
    save_baseline: Option<String>,
    /// Keep a run that was cut short, failed, answered wrongly or is inconclusive, unless a good
    /// one is kept under the name.
    #[arg(long, hide_short_help = true, requires = "save_baseline")]
    force: bool,
    /// Folder of the baselines.
    #[arg(
        long,
        hide_short_help = true,
        value_name = "DIR",
        default_value = "target/tracerig/baselines"
    )]
    baselines: PathBuf,
    /// Plan: quick, ci, release or a file.
    ///
    /// Its arms are compared.
    #[arg(long, value_name = "PLAN", default_value = "ci")]
    plan: String,
    /// Only these runs of the plan (comma-separated).
    #[arg(long, hide_short_help = true, value_name = "A,B", value_delimiter = ',')]
    only: Vec<String>,
    /// Recipe (name or path) instead of a plan.
    ///
    /// Relaunches on its data are compared.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["plan", "only"])]
    recipe: Option<String>,
    /// Arms on that dataset [default: full:hot,warm:hot,unchanged:hot].
    #[arg(
        long,
        hide_short_help = true,
        value_name = "A,B",
        value_delimiter = ',',
        requires = "recipe"
    )]
    arms: Vec<String>,
    /// Pairs of samples per arm [default: the plan's].
    ///
    /// A second run that confirms a change takes as many.
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=crate::limits::MOST_SAMPLES)
    )]
    pairs: Option<u64>,
    /// Compare work counters only; time nothing.
    #[arg(long)]
    counters_only: bool,
    /// Ignore smaller changes [default: the plan's].
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    margin: Option<f64>,
    /// Noise budget [default: the plan's].
    ///
    /// Report `inconclusive` unless a change of this size can be ruled out.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    budget: Option<f64>,
    /// Exact counters that are meant to change: shown, but not judged.
    #[arg(long, hide_short_help = true, value_name = "A,B", value_delimiter = ',')]
    accept: Vec<String>,
    /// Compare this executable with itself repeatedly, and report how often a change is found.
    #[arg(
        long,
        hide_short_help = true,
        conflicts_with_all = [
            "records", "base_bin", "new_bin", "base_rev", "new_rev", "baseline", "save_baseline",
            "counters_only",
        ]
    )]
    self_check: bool,
    /// Number of comparisons of a self-check [default: 200].
    #[arg(
        long,
        hide_short_help = true,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=crate::limits::MOST_COMPARISONS)
    )]
    comparisons: Option<u64>,
    /// What a self-check plants in the new side: a slowdown such as 5%, rows=1 (examined in each
    /// launch), fsync=1 (in each synchronous append).
    #[arg(long, hide_short_help = true, value_name = "WHAT")]
    handicap: Option<Planted>,
    /// Seed of order and appended data.
    #[arg(long, value_name = "S", default_value = "1")]
    seed: u64,
    /// Folder for the results [default: tracerig-out/ID].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
    // Last: their headings hold for what follows.
    #[command(flatten)]
    candidates: candidates::Candidates,
    #[command(flatten)]
    commands: commands::Commands,
}

pub(super) fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    match number.parse::<f64>() {
        Ok(percent) if percent > 0.0 && percent < 100.0 => Ok(percent),
        _ => Err("give a percentage above 0 and below 100, such as 2 or 2%".to_owned()),
    }
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    if let Some(base) = &arguments.candidates.base_candidate {
        return candidates::main(arguments, base);
    }
    if arguments.commands.are_asked_for() {
        return commands::main(arguments);
    }
    let Arguments { records, base_bin, new_bin, base_rev, new_rev, .. } = arguments;
    let of_programs =
        [base_bin.is_some(), new_bin.is_some(), base_rev.is_some(), new_rev.is_some()];
    if arguments.self_check {
        return self_check::main(arguments);
    }
    if arguments.comparisons.is_some() || arguments.handicap.is_some() {
        return Err(Usage("--comparisons and --handicap are for --self-check".to_owned()).into());
    }
    if of_programs.contains(&true) {
        if !records.is_empty() || arguments.baseline.is_some() || arguments.save_baseline.is_some()
        {
            return Err(Usage(
                "give either executables and revisions, or records and baselines".to_owned(),
            )
            .into());
        }
        return programs::main(arguments);
    }
    records::main(arguments)
}

/// The plan asked for, with what the command line changes in it.
fn plan(arguments: &Arguments) -> anyhow::Result<Plan> {
    let mut plan = run::planned_by(&arguments.plan)?;
    if let Some(recipe) = &arguments.recipe {
        let arms = match arguments.arms.is_empty() {
            true => ["full:hot", "warm:hot", "unchanged:hot"].map(str::to_owned).into(),
            false => arguments.arms.clone(),
        };
        plan.runs = vec![Run::comparing_on(recipe, "The arms asked for, on one dataset.", arms)];
    }
    for name in &arguments.only {
        if !plan.runs.iter().any(|run| run.name == *name) {
            let known: Vec<&str> = plan.runs.iter().map(|run| run.name.as_str()).collect();
            return Err(Usage(format!(
                "the plan has no run `{name}`; it has {}",
                known.join(", ")
            ))
            .into());
        }
    }
    plan.runs.retain(|run| arguments.only.is_empty() || arguments.only.contains(&run.name));
    plan.runs.retain(|run| !run.compare.is_empty());
    if plan.runs.is_empty() {
        return Err(Usage("no arm of these runs is compared between executables".to_owned()).into());
    }
    judged_by(arguments, &mut plan)?;
    Ok(plan)
}

/// Has the plan judge by what the command line says.
fn judged_by(arguments: &Arguments, plan: &mut Plan) -> Result<(), Usage> {
    plan.compare.pairs = arguments.pairs.unwrap_or(plan.compare.pairs);
    plan.compare.margin_percent = arguments.margin.unwrap_or(plan.compare.margin_percent);
    plan.compare.budget_percent = arguments.budget.unwrap_or(plan.compare.budget_percent);
    plan.checked().map_err(Usage)
}

/// What counts as a change; `exact` are the counters that decide, and may be accepted. A name that
/// is misspelt would accept nothing, and one that decides nothing needs no leave.
fn rules(arguments: &Arguments, plan: &Plan, exact: &BTreeSet<&str>) -> Result<Rules, Usage> {
    if let Some(unknown) = arguments.accept.iter().find(|name| !exact.contains(name.as_str())) {
        let known: Vec<&str> = exact.iter().copied().collect();
        return Err(Usage(format!(
            "--accept {unknown}: no exact counter is called that; there are {}",
            known.join(", ")
        )));
    }
    Ok(Rules {
        margin: plan.compare.margin_percent / 100.0,
        budget: plan.compare.budget_percent / 100.0,
        accepted: arguments.accept.iter().cloned().collect(),
        tolerated: plan.compare.tolerated(),
        ..Rules::default()
    })
}

/// The exact counters of what executables are compared by.
fn exact_counters() -> BTreeSet<&'static str> {
    KINDS.iter().flat_map(|kind| kind.exact).copied().collect()
}
