//! `tracerig candidate check`: whether a candidate keeps its contracts.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tracerig_protocol::Contract;

use super::show::told;
use crate::candidate::check::{CheckError, Options, Report, Verdict, check};
use crate::candidate::{Candidate, Definition, DefinitionError, FILE_NAME};
use crate::child::{Child, Streams};
use crate::cli::output::{self, Format};
use crate::cli::{Code, Interrupted, Usage};
use crate::interrupt;
use crate::watch::Limits;

/// Where failing histories are kept.
const KEEP: &str = "tracerig-out/candidate";

/// Check whether a candidate keeps its contract, rule by rule.
///
/// Give the command after `--`, or the name of a candidate that ships with tracerig, or nothing to
/// use the file tracerig-candidate.toml of this folder. No shell reads the command.
///
/// The levels are hello, answers, relaunch, bad input, cancel and kill, random histories. A failure
/// prints the rule that it breaks, the smallest history that shows it, and the command that repeats
/// it.
///
/// Exit code 0 if every case passed, 3 if one failed, 5 if nothing could be checked because a tool
/// is not installed or the contract is not offered.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
                       tracerig candidate check -- python3 my_scanner.py\n  \
                       tracerig candidate check python --contract trace --case trace/relaunch\n  \
                       tracerig candidate check --contract usage --histories 0 -- ./my-adapter")]
pub(super) struct Arguments {
    /// A candidate that ships with tracerig: see `tracerig candidate list`.
    #[arg(conflicts_with_all = ["command", "definition"])]
    name: Option<String>,
    /// The program and its arguments.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// Read the candidate from this file [default: tracerig-candidate.toml].
    #[arg(long, value_name = "FILE", conflicts_with = "command")]
    definition: Option<PathBuf>,
    /// Check this contract: trace, usage or threads [default: those of the definition, else all
    /// that the candidate offers].
    #[arg(long, value_name = "NAME", value_parser = super::contract)]
    contract: Option<Contract>,
    /// Execute only this case, or those below a name such as trace/relaunch; may be repeated.
    /// `tracerig candidate list --cases` names all.
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<String>,
    /// Number of random histories; 0 for none [default: 200, or 40 if each request is a new
    /// process].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=1_000_000))]
    histories: Option<u64>,
    /// Seed of the random histories.
    #[arg(long, value_name = "S", default_value = "1")]
    seed: u64,
    /// End a launch after this time, such as 500ms or 20s; at most 60s.
    #[arg(long, value_name = "T", default_value = "10s", value_parser = super::limit)]
    limit: Duration,
    /// Threads for the random histories [default: one per core, at most 8].
    #[arg(long, value_name = "J", value_parser = crate::cli::jobs)]
    jobs: Option<NonZeroUsize>,
    /// Print for people (table) or for programs (json).
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

impl Arguments {
    /// The candidate, how this command names it, and how `diff` does.
    fn candidate(&self) -> Result<(Definition, String, String), DefinitionError> {
        if !self.command.is_empty() {
            let name = self.command.iter().rev().find(|word| !word.starts_with('-'));
            let name = name.and_then(|word| word.rsplit('/').next()).unwrap_or("candidate");
            let name =
                name.split('.').next().filter(|name| !name.is_empty()).unwrap_or("candidate");
            let definition = Definition::of_words(name, self.command.clone());
            let line = definition.command_line();
            return Ok((definition, format!("-- {line}"), format!("{name}={line}")));
        }
        if let Some(name) = &self.name {
            return Ok((Definition::named(name)?, name.clone(), name.clone()));
        }
        let path = self.definition.clone().unwrap_or_else(|| FILE_NAME.into());
        let definition = Definition::read(&path)?;
        let option = format!("{}={}", definition.name, definition.command_line());
        Ok((definition, format!("--definition {}", path.display()), option))
    }
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    let (definition, named, option) = arguments.candidate().map_err(|error| match error {
        DefinitionError::Read { .. } => error.into(),
        error => anyhow::Error::from(Usage(error.to_string())),
    })?;
    build(&definition)?;
    let (contracts, serves) = contracts(arguments, &definition)?;
    let histories = arguments.histories.unwrap_or(if serves { 200 } else { 40 });
    let mut reports = Vec::new();
    for contract in contracts {
        let is_named = |case: &&String| case.starts_with(contract.name());
        let only: Vec<String> = arguments.cases.iter().filter(is_named).cloned().collect();
        if only.is_empty() && !arguments.cases.is_empty() {
            continue;
        }
        let options = Options {
            contract,
            limit: arguments.limit,
            only,
            histories,
            seed: arguments.seed,
            jobs: crate::cli::diff::threads(arguments.jobs),
            keep: KEEP.into(),
            named: named.clone(),
            option: option.clone(),
        };
        let bar = output::progress_bar(0, "{spinner} {msg}, {elapsed}");
        let checked = check(&definition, &options, &mut |level, cases| {
            bar.set_message(format!("{contract}: {level}, {cases} cases"));
        });
        bar.finish_and_clear();
        reports.push(checked.map_err(|error| match error {
            CheckError::NoCase { .. } => Usage(error.to_string()).into(),
            error => anyhow::Error::from(error),
        })?);
        if interrupt::requested() {
            return Err(Interrupted.into());
        }
    }
    if reports.is_empty() {
        return Err(Usage(
            "no case has such a name; `tracerig candidate list --cases` names all".to_owned(),
        )
        .into());
    }
    let printed = match arguments.format {
        Format::Json => output::print_json(&reports),
        Format::Table => output::show(&reports.iter().map(told).collect::<Vec<_>>().join("\n")),
    };
    Ok(reports.iter().map(code).fold(Code::FINE, Code::graver).after(printed))
}

/// Which contracts to check, and whether the candidate serves.
fn contracts(
    arguments: &Arguments,
    definition: &Definition,
) -> anyhow::Result<(Vec<Contract>, bool)> {
    let mut candidate = Candidate::open(definition, arguments.limit).map_err(CheckError::Io)?;
    // The check says what is wrong with it.
    candidate.hello()?;
    let serves = candidate.said().can(tracerig_protocol::Capability::Serve);
    let contracts = match arguments.contract {
        Some(contract) => vec![contract],
        None if !definition.contracts.is_empty() => definition.contracts.clone(),
        None if candidate.said().contracts.is_empty() => vec![Contract::Trace],
        None => candidate.said().contracts.clone(),
    };
    Ok((contracts, serves))
}

/// Builds the candidate, if its author says how.
fn build(definition: &Definition) -> anyhow::Result<()> {
    let Some((program, arguments)) = definition.build.split_first() else { return Ok(()) };
    let mut command = std::process::Command::new(program);
    command.args(arguments);
    if !definition.folder.as_os_str().is_empty() {
        command.current_dir(&definition.folder);
    }
    let (_, end) = Child::start(&mut command, &Streams::Shown, Limits::default())?.finish()?;
    match end.fault() {
        None => Ok(()),
        Some(fault) => anyhow::bail!("the build of {} failed: {fault}", definition.name),
    }
}

fn code(report: &Report) -> Code {
    match report.verdict {
        Verdict::Passed => Code::FINE,
        Verdict::Failed | Verdict::NotRunning(_) => Code::MISMATCH,
        Verdict::Unavailable(_) | Verdict::Unsupported(_) => Code::INCONCLUSIVE,
    }
}
