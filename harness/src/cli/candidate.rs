//! `tracerig candidate`: scanners and usage counters of others, in any language.

mod check;
mod input;
mod list;
mod show;

use std::time::Duration;

use clap::{Args, Subcommand};
use tracerig_protocol::Contract;

use super::{Code, Usage};

/// Test your own scanner or usage counter, in any language.
///
/// A candidate is a program that reads one line of JSON and writes one. `docs/protocol.md`
/// describes both lines; `docs/own-scanner.md` is a guide that takes ten minutes.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_long_help = "Examples:\n  \
                       tracerig candidate check -- python3 my_scanner.py\n  \
                       tracerig candidate check --contract usage -- ./my-adapter\n  \
                       tracerig diff trace --candidate mine=\"python3 my_scanner.py\""
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Check(check::Arguments),
    List(list::Arguments),
    Input(input::Arguments),
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    match &arguments.what {
        What::Check(arguments) => check::main(arguments),
        What::List(arguments) => list::main(arguments),
        What::Input(arguments) => input::main(arguments),
    }
}

/// A contract as arguments name it.
fn contract(name: &str) -> Result<Contract, String> {
    let known = Contract::ALL.into_iter().find(|contract| contract.name() == name);
    known.ok_or_else(|| format!("`{name}` is not a contract: write trace, usage or threads"))
}

/// A time limit of a launch.
pub(super) fn limit(text: &str) -> Result<Duration, String> {
    const MOST: Duration = Duration::from_secs(60);
    let limit = super::diff::time(text)?;
    if limit <= MOST { Ok(limit) } else { Err(format!("`{text}` is longer than the limit of 60s")) }
}

/// The contract that the name of a case begins with.
fn contract_of(case: &str) -> anyhow::Result<Contract> {
    let name = case.split('/').next().unwrap_or_default();
    contract(name).map_err(|_| {
        let told = format!(
            "`{case}` is not the name of a case: it begins with trace/, usage/ or \
                            threads/, and `tracerig candidate list --cases` names all"
        );
        Usage(told).into()
    })
}
