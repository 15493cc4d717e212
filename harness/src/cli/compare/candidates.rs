//! `tracerig compare` of two candidates that answer the protocol.

use clap::Args;
use tracerig_protocol::Contract;

use super::programs::{made, out};
use super::{Arguments, judged_by, results, rules};
use crate::cli::{Code, no_run, run};
use crate::compare::{Job, Subject};
use crate::plan::Run;
use crate::scenario::{Kind, refresh};

/// The dataset, if none is named.
const RECIPE: &str = "quick";

/// Two candidates.
#[derive(Debug, Args)]
#[command(next_help_heading = "Candidates")]
pub(super) struct Candidates {
    /// The candidate to compare with: COMMAND is words without a shell, or @FILE with a
    /// tracerig-candidate.toml.
    #[arg(
        long,
        hide_short_help = true,
        value_name = "NAME=COMMAND",
        requires = "new_candidate",
        conflicts_with_all = ALONE
    )]
    pub(super) base_candidate: Option<String>,
    /// The candidate in question.
    #[arg(long, hide_short_help = true, value_name = "NAME=COMMAND", requires = "base_candidate")]
    new_candidate: Option<String>,
}

/// What else may be compared, but not beside candidates.
const ALONE: [&str; 12] = [
    "records",
    "base_bin",
    "new_bin",
    "base_rev",
    "new_rev",
    "base_cmd",
    "new_cmd",
    "baseline",
    "save_baseline",
    "self_check",
    "comparisons",
    "handicap",
];

pub(super) fn main(arguments: &Arguments, base: &str) -> anyhow::Result<Code> {
    let new = arguments.candidates.new_candidate.as_deref().unwrap_or_default();
    let recipe = arguments.recipe.as_deref().unwrap_or(RECIPE);
    let kind = Kind::on(recipe);
    let contract = if kind.name == refresh::KIND.name { Contract::Usage } else { Contract::Trace };
    let sides = [run::invited(base, contract)?, run::invited(new, contract)?];
    let mut plan = run::planned_by(&arguments.plan)?;
    judged_by(arguments, &mut plan)?;
    let rules = rules(arguments, &plan, &super::exact_counters())?;
    let why = "Two candidates, launched in turn.";
    let run = Run::comparing_on(recipe, why, arguments.arms.clone());
    run.of_candidates(&sides).map_err(|error| no_run("compare", error))?;
    let out = out(arguments);
    results::prepare(&out)?;
    let [base, new] = sides.map(|side| (side.plan.label(), Subject::Candidate(Box::new(side))));
    let job = Job {
        base,
        new,
        runs: vec![run],
        pairs: plan.compare.pairs,
        counters_only: arguments.counters_only,
        rules,
        place: run::place(arguments.seed)?,
    };
    made(&job, &out, arguments.output)
}
