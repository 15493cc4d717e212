//! `tracerig release-report`: what changed since the last tag, and whether budgets are met.

use std::path::{Path, PathBuf};

use clap::Args;
use tracerig_reports::budgets::{self, Budgets, Limit};
use tracerig_reports::comparison::Comparisons;
use tracerig_reports::record::{ArmKey, Cache, Process};
use tracerig_reports::release::{self, Release};
use tracerig_reports::verdict::Rules;
use tracerig_reports::{Record, foreign, html, write_whole};

use super::compare::{programs, results};
use super::output::{self, Format};
use super::{Code, Usage, kept, run};
use crate::budgets::BudgetError;
use crate::compare::{self, Compared, Job, Source, Subject};
use crate::machine;
use crate::plan::{Plan, Run};
use crate::scenario::Place;

/// Compare the work tree with the last tag, judge budgets, and write one page for a release.
///
/// Builds both versions on this machine, runs the arms of the plan in pairs on the same data, and
/// writes release.html, release.md, and every sample. budgets.toml says what figures may be at
/// most; docs/release-report.md explains it.
///
/// Exit codes: 0 no worse and within budget, 3 wrong answer, 4 regression or missed budget,
/// 5 inconclusive, 1 failed, 2 wrong arguments, 130 interrupted.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
                       tracerig release-report\n  \
                       tracerig release-report --since v0.1.0 --plan ci --out out\n  \
                       tracerig release-report --since HEAD~10 --plan quick --counters-only")]
pub(super) struct Arguments {
    /// Revision to compare with [default: the last tag before the work tree].
    #[arg(long, value_name = "REV")]
    since: Option<String>,
    /// Plan whose arms are compared: quick, ci, release, or the path of a plan file.
    #[arg(long, value_name = "PLAN", default_value = "release")]
    plan: String,
    /// File of budgets [default: budgets.toml, if it is here].
    #[arg(long, value_name = "FILE")]
    budgets: Option<PathBuf>,
    /// Pairs of samples per arm, and as many for the second run [default: the plan's].
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=crate::limits::MOST_SAMPLES)
    )]
    pairs: Option<u64>,
    /// Compare work counters only, without timing anything.
    #[arg(long)]
    counters_only: bool,
    /// Seed of the order of arms and of appended data.
    #[arg(long, value_name = "S", default_value = "1")]
    seed: u64,
    /// Folder for the page and all samples [default: tracerig-out/ID].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print for people (table) or for programs (json).
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// The page.
const PAGE: &str = "release.html";
/// The same in Markdown.
const MARKDOWN: &str = "release.md";
/// The file of budgets that is taken where none is named.
const BUDGETS: &str = "budgets.toml";

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    let mut plan = run::planned_by(&arguments.plan)?;
    plan.compare.pairs = arguments.pairs.unwrap_or(plan.compare.pairs);
    let budgets = budgets_of(arguments.budgets.as_deref(), &plan)?;
    if let Some(budgets) = &budgets {
        add_arms(&mut plan, budgets)?;
    }
    let runs: Vec<Run> = plan.runs.iter().filter(|run| !run.compare.is_empty()).cloned().collect();
    if runs.is_empty() {
        let said = format!("no arm of the plan {} is compared between versions", plan.name);
        return Err(Usage(said).into());
    }
    let out = arguments.out.clone().unwrap_or_else(|| {
        Path::new("tracerig-out").join(machine::run_id("release", &machine::now()))
    });
    results::prepare(&out)?;
    kept::prepare(&out, &[(PAGE, "a report"), (MARKDOWN, "a report")])?;
    let since = match &arguments.since {
        Some(since) => since.clone(),
        None => compare::last_tag(Path::new(".")).map_err(programs::told)?,
    };
    let base = programs::built(&Source::Revision(since.clone()))?;
    let new = programs::built(&Source::WorkTree)?;
    let mut place = Place { program: new.1.clone(), ..run::place(arguments.seed)? };
    if arguments.since.is_none() {
        // A later tag would be another report.
        place.command.extend(["--since".to_owned(), since.clone()]);
    }
    let [base, new] = [base, new].map(|(name, path)| (name, Subject::Executable(path)));
    let rules = Rules {
        margin: plan.compare.margin_percent / 100.0,
        budget: plan.compare.budget_percent / 100.0,
        tolerated: plan.compare.tolerated(),
        ..Rules::default()
    };
    let (pairs, counters_only) = (plan.compare.pairs, arguments.counters_only);
    let job = Job { base, new, runs, pairs, counters_only, rules, place };
    let (compared, ended) = programs::measured(&job, &out)?;
    let is_compared = |run: &&Run| compared.iter().any(|compared| compared.name == run.name);
    let others = plan.runs.iter().filter(|run| !is_compared(run));
    let not_compared: Vec<String> = others.map(|run| run.name.clone()).collect();
    let found = Found::of(compared, ended, &plan, budgets.as_ref());
    let code = Code(found.comparisons.exit_code).graver(Code(found.budget_gate()));
    give(
        &Release {
            since: &since,
            plan: &plan.name,
            comparisons: &found.comparisons,
            records: &found.records,
            not_compared: &not_compared,
            budgets: found.judged.as_ref(),
            exit_code: code.0,
            command: &job.place.command,
        },
        &out,
        arguments.format,
    )
}

/// The budgets of this file; without a name those of the usual one, if it is there.
fn budgets_of(named: Option<&Path>, plan: &Plan) -> anyhow::Result<Option<Budgets>> {
    let usual = Path::new(BUDGETS);
    let path = named.or_else(|| usual.exists().then_some(usual));
    path.map(|path| budgets_at(path, plan)).transpose()
}

/// The budgets of this file. Names that are not there are wrong arguments.
pub(super) fn budgets_at(path: &Path, plan: &Plan) -> anyhow::Result<Budgets> {
    crate::budgets::read(path, plan).map_err(|error| match error {
        BudgetError::Read(_) => error.into(),
        error => Usage(error.to_string()).into(),
    })
}

/// Has the runs launch also those arms that only a ratio needs, such as the floor.
fn add_arms(plan: &mut Plan, budgets: &Budgets) -> anyhow::Result<()> {
    let needed = budgets.budgets.iter().filter(|budget| budget.plan == plan.name);
    let needed: Vec<(&str, [&ArmKey; 2])> = needed
        .filter_map(|budget| match &budget.limit {
            Limit::Ratio { to, .. } => Some((budget.run.as_str(), [&budget.arm, to])),
            Limit::Counter { .. } | Limit::Time { .. } => None,
        })
        .collect();
    for run in plan.runs.iter_mut().filter(|run| !run.compare.is_empty()) {
        let known = run.definition().map_err(super::no_definition)?;
        let compared = run.of_compared().map_err(super::no_definition)?;
        let mut added: Vec<&ArmKey> = Vec::new();
        for key in needed.iter().filter(|(name, _)| *name == run.name).flat_map(|(_, keys)| *keys) {
            let can_be = |arm: &tracerig_reports::record::ArmPlan| {
                arm.cache != Cache::Cold && arm.process == Process::Fresh
            };
            if compared.plan.arm(key).is_none()
                && known.plan.arm(key).is_some_and(can_be)
                && !added.contains(&key)
            {
                added.push(key);
            }
        }
        run.compare.extend(added.into_iter().map(|key| format!("{}:{}", key.name, key.cache)));
    }
    Ok(())
}

/// What was found, and kept.
struct Found {
    comparisons: Comparisons,
    /// Those of the new program, by run.
    records: Vec<(String, Record)>,
    judged: Option<budgets::Judgement>,
}

impl Found {
    fn of(compared: Vec<Compared>, ended: Code, plan: &Plan, budgets: Option<&Budgets>) -> Self {
        let mut records = Vec::new();
        let mut runs = Vec::new();
        for mut run in compared {
            let [.., (_, new)] = &mut run.records;
            records.push((run.name.clone(), new.clone()));
            runs.push(programs::as_run(run));
        }
        let measured: Vec<(&str, &Record)> =
            records.iter().map(|(name, record)| (name.as_str(), record)).collect();
        let judged = budgets.map(|budgets| budgets::judge(budgets, &plan.name, &measured));
        Self { comparisons: results::gathered(runs, ended), judged, records }
    }

    fn budget_gate(&self) -> u8 {
        self.judged.as_ref().map_or(0, |judged| judged.gate().exit_code())
    }
}

/// Writes the page, and prints what it says.
fn give(release: &Release<'_>, out: &Path, format: Format) -> anyhow::Result<Code> {
    let write = || -> anyhow::Result<()> {
        write_whole(&out.join(PAGE), html::release(release).as_bytes())?;
        write_whole(&out.join(MARKDOWN), release::markdown(release).as_bytes())?;
        write_whole(&out.join("release.json"), release::json(release)?.as_bytes())?;
        results::write(release.comparisons, out)
    };
    let written = write();
    let is_written = written.is_ok();
    let printed = match format {
        Format::Table => output::show(&release::terminal(release)),
        Format::Json => output::print(&foreign::json(&release::json(release)?)),
    };
    let code = Code(release.exit_code).after(printed).after(written);
    if is_written {
        output::say(&format!("\npage: {}", out.join(PAGE).display()));
    }
    Ok(code)
}
