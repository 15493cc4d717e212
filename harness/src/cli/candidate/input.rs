//! `tracerig candidate input`: the data and the request of a case, to debug a candidate by hand.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use tracerig_differential::parse_error::ParseError;
use tracerig_differential::search::kept;
use tracerig_differential::{archive, trace};
use tracerig_protocol::{Answer, Contract};

use crate::candidate::check::{What, cases};
use crate::candidate::input::write;
use crate::cli::output;
use crate::cli::{Code, Usage};

/// Print the request of a case, exactly as a candidate gets it, and make the data that it names.
///
/// The data goes to DIR/data and the memo folder is DIR/memo. DIR/right.json gets the right answer.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
                       tracerig candidate input trace/answers/nul --dir d | ./my_scanner\n  \
                       tracerig candidate input history.txt --dir d --request 1")]
pub(super) struct Arguments {
    /// A case, as `tracerig candidate list --cases` names it, or a file with a history.
    case: String,
    /// Make the data in this folder, which must not exist or be empty.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Which request of the case, from 1 [default: the last one].
    #[arg(long, value_name = "N")]
    step: Option<usize>,
    /// What a file is a history of: trace, usage or threads.
    #[arg(long, value_name = "NAME", default_value = "trace", value_parser = super::contract)]
    contract: Contract,
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    let Arguments { case, dir, step, .. } = arguments;
    let (contract, what) = what(arguments)?;
    std::fs::create_dir_all(dir).with_context(|| format!("{}: cannot be made", dir.display()))?;
    if std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Usage(format!(
            "{}: is not empty; name a new folder with --dir",
            dir.display()
        ))
        .into());
    }
    let folder = dir.canonicalize()?;
    let (line, answer) =
        write(contract, &what, &folder, *step).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => anyhow::Error::from(Usage(format!("{case}: {error}"))),
            _ => anyhow::Error::from(error).context(format!("{case}: its data cannot be made")),
        })?;
    if let Some(answer) = answer {
        let right = match answer {
            Answer::Trace(answer) => output::json(&answer)?,
            Answer::Usage(answer) => output::json(&answer)?,
            Answer::Append(answer) => output::json(&answer)?,
            Answer::Hello(_) | Answer::Idle => String::new(),
        };
        std::fs::write(folder.join("right.json"), right)?;
    }
    output::print(&String::from_utf8_lossy(&line))?;
    Ok(Code::FINE)
}

fn what(arguments: &Arguments) -> anyhow::Result<(Contract, What)> {
    let Arguments { case, contract, .. } = arguments;
    let path = Path::new(case);
    if path.is_file() {
        let usage = |error: tracerig_differential::search::Error| Usage(error.to_string());
        let what = match contract {
            Contract::Trace => What::Trace(kept::read::<trace::Case>(path).map_err(usage)?),
            Contract::Threads => {
                let text = kept::text(path).map_err(usage)?;
                What::Threads(text.parse().map_err(|error: ParseError| Usage(error.to_string()))?)
            }
            Contract::Usage => What::Archive(kept::read::<archive::Case>(path).map_err(usage)?),
        };
        return Ok((*contract, what));
    }
    let contract = super::contract_of(case)?;
    let found = cases(contract)?.into_iter().find(|known| known.name == *case);
    let unknown = || {
        Usage(format!("no case is called `{case}`; `tracerig candidate list --cases` names all"))
    };
    Ok((contract, found.ok_or_else(unknown)?.what))
}
