//! `tracerig diff trace`: incremental scans of trace databases against full ones, an oracle and a model of their cost.

use clap::Args;
use tracerig_scanner::Ablation;

use super::options::{Options, program, run};
use crate::cli::Code;
use crate::diff;
use crate::histories::{Engine, Profile};

/// Search for a history after which an incremental scan is wrong, or costs more than it must.
///
/// A history is a list of operations: rows are appended, pruned and deleted, the file is vacuumed, replaced or recreated, the
/// memo damaged or exchanged, scans fail, are cancelled or overtaken by another process. After each scan the answer must be that
/// of a full rescan and that of an oracle; mode, reason, rows read and whether the memo was written must be what a model
/// predicts.
///
/// Of each kind of failure the first is made smaller, written to a file, and printed with the command that executes it again.
/// Exit code 3 for a mismatch, 0 for none, 1 if something else failed.
#[derive(Debug, Args)]
pub(super) struct Trace {
    #[command(flatten)]
    options: Options,
    /// Check the answers of another engine than the scanner, a wrong one, to see that it is found out.
    #[arg(long, value_name = "NAME", default_value = "scanner", hide = true)]
    engine: Engine,
    /// What random histories may hold: what the scanner promises to be right after, or one thing more at their end that it
    /// promises nothing for. Of these it is counted how often the next scan was right, noticed it, or was wrong.
    #[arg(long, value_name = "NAME", default_value = "contract", value_parser = profile)]
    profile: Profile,
    /// Switch off this rule of the scanner, to see that it is noticed; may be repeated. `tracerig diff ablations` tells all.
    #[arg(long, value_name = "RULE")]
    ablate: Vec<Ablation>,
}

fn profile(name: &str) -> Result<Profile, String> {
    let known = Profile::ALL.into_iter().find(|profile| profile.name() == name);
    known.ok_or_else(|| {
        format!("`{name}` is no profile: write {}", Profile::ALL.map(Profile::name).join(" or "))
    })
}

pub(super) fn main(arguments: &Trace) -> anyhow::Result<Code> {
    let Trace { engine, profile, .. } = *arguments;
    let ablations = arguments.ablate.iter().copied().collect();
    run(&arguments.options, diff::Trace { engine, profile, ablations, ..diff::Trace::of(program()?) })
}
