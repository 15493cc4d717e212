//! `tracerig candidate list`: the candidates that ship with tracerig, and the cases of the checks.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tracerig_protocol::{Contract, ErrorKind, Outcome};

use crate::candidate::check::{CheckError, cases};
use crate::candidate::{Candidate, Definition, FILE_NAME, SHIPPED, Shipped};
use crate::cli::Code;
use crate::cli::output::{self, Format, padded};

/// A hello takes no longer.
const LIMIT: Duration = Duration::from_secs(10);

/// List the candidates that ship with tracerig, and the one of this folder.
///
/// Each is started and asked who it is. A tool that is not installed is `unavailable`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
                       tracerig candidate list\n  \
                       tracerig candidate list --cases")]
pub(super) struct Arguments {
    /// List the cases of `tracerig candidate check` with their rules instead.
    #[arg(long)]
    cases: bool,
    /// How to print the list.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Serialize)]
struct Entry {
    name: String,
    version: Option<String>,
    contracts: Vec<Contract>,
    state: String,
    why: String,
    homepage: String,
}

#[derive(Serialize)]
struct CaseEntry {
    name: String,
    rule: String,
    at: String,
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    if arguments.cases {
        return list_cases(arguments.format);
    }
    let mut definitions: Vec<Definition> = SHIPPED.iter().map(Shipped::definition).collect();
    if Path::new(FILE_NAME).exists() {
        definitions.push(Definition::read(Path::new(FILE_NAME))?);
    }
    let entries = definitions.iter().map(entry).collect::<anyhow::Result<Vec<_>>>()?;
    match arguments.format {
        Format::Json => output::print_json(&entries)?,
        Format::Table => {
            let line = |entry: &Entry| {
                let contracts: Vec<&str> =
                    entry.contracts.iter().map(|contract| contract.name()).collect();
                let version = entry.version.as_deref().unwrap_or("-");
                format!(
                    "{} {} {} {}\n{:18}{}\n",
                    padded(&entry.name, 17),
                    padded(version, 12),
                    padded(&contracts.join(", "), 14),
                    entry.state,
                    "",
                    entry.why
                )
            };
            let head = format!("{:17} {:12} {:14} state\n", "candidate", "version", "contracts");
            output::show(&(head + &entries.iter().map(line).collect::<String>()))?;
        }
    }
    Ok(Code::FINE)
}

fn entry(definition: &Definition) -> anyhow::Result<Entry> {
    let mut candidate = Candidate::open(definition, LIMIT).map_err(CheckError::Io)?;
    let state = match candidate.hello()?.outcome {
        Outcome::Answered(..) => "available".to_owned(),
        Outcome::Refused(refusal) if refusal.kind == ErrorKind::Unavailable => {
            format!("unavailable: {}", refusal.message)
        }
        Outcome::Refused(refusal) => format!("no-hello: {refusal}"),
        Outcome::Faulty(finding) => format!("{}: {}", finding.fault, finding.detail),
    };
    let hello = candidate.said();
    Ok(Entry {
        name: definition.name.clone(),
        version: Some(hello.version.clone()).filter(|version| !version.is_empty()),
        contracts: hello.contracts.clone(),
        state,
        why: definition.why.clone(),
        homepage: definition.homepage.clone(),
    })
}

fn list_cases(format: Format) -> anyhow::Result<Code> {
    let mut entries = Vec::new();
    for contract in Contract::ALL {
        for case in cases(contract)? {
            entries.push(CaseEntry { name: case.name, rule: case.rule, at: case.at });
        }
    }
    match format {
        Format::Json => output::print_json(&entries)?,
        Format::Table => {
            let line = |case: &CaseEntry| format!("{} {}\n", padded(&case.name, 38), case.rule);
            output::show(&entries.iter().map(line).collect::<String>())?;
        }
    }
    Ok(Code::FINE)
}
