//! `tracerig compare` of any two commands.

use clap::Args;
use toml::Table;

use super::programs::{made, out};
use super::{Arguments, judged_by, results, rules};
use crate::cli::commands::{Argv, Conditions, argv};
use crate::cli::{Code, Usage, no_definition, run};
use crate::compare::{Job, Subject};
use crate::plan::Run;
use crate::scenario::command;

/// Two commands, and the conditions of their launches.
#[derive(Debug, Args)]
#[command(next_help_heading = "Commands")]
pub(super) struct Commands {
    /// The command to compare with.
    ///
    /// Words, split as a POSIX shell does, or a JSON array. No shell runs.
    #[arg(
        long,
        value_name = "CMD",
        value_parser = argv,
        requires = "new_cmd",
        conflicts_with_all = ALONE
    )]
    base_cmd: Option<Argv>,
    /// The command in question.
    #[arg(long, value_name = "CMD", value_parser = argv, requires = "base_cmd")]
    new_cmd: Option<Argv>,
    #[command(flatten)]
    conditions: Conditions,
}

/// What else may be compared, but not beside commands.
const ALONE: [&str; 12] = [
    "records",
    "base_bin",
    "new_bin",
    "base_rev",
    "new_rev",
    "baseline",
    "save_baseline",
    "only",
    "recipe",
    "self_check",
    "comparisons",
    "handicap",
];

impl Commands {
    /// Whether commands are compared, or conditions named for them.
    pub(super) fn are_asked_for(&self) -> bool {
        self.base_cmd.is_some() || self.conditions != Conditions::default()
    }
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    let Commands { base_cmd, new_cmd, conditions } = &arguments.commands;
    let (Some(Argv(base)), Some(Argv(new))) = (base_cmd, new_cmd) else {
        return Err(Usage("give two commands, with --base-cmd and --new-cmd".to_owned()).into());
    };
    let keys = conditions.of(base);
    command::on(keys.clone()).map_err(no_definition)?;
    let mut plan = run::planned_by(&arguments.plan)?;
    judged_by(arguments, &mut plan)?;
    let rules = rules(arguments, &plan, &command::EXACT.into())?;
    let out = out(arguments);
    results::prepare(&out)?;
    let arms = vec![command::ARM.to_owned()];
    let own = Table::try_from(keys)?;
    let subject = |argv: &[String]| (argv.join(" "), Subject::Command(argv.to_vec()));
    let job = Job {
        base: subject(base),
        new: subject(new),
        runs: vec![Run::comparing(&command::KIND, "Two commands, launched in turn.", arms, own)],
        pairs: plan.compare.pairs,
        counters_only: arguments.counters_only,
        rules,
        place: run::place(arguments.seed)?,
    };
    made(&job, &out, arguments.output)
}
