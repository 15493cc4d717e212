//! `tracerig run append`: what an append costs its caller, on one number of threads or on several.

use std::cell::OnceCell;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args};
use tracerig_protocol::Contract;
use tracerig_reports::Record;
use tracerig_reports::record::AppendPlan;

use super::candidates::Candidates;
use super::{Common, crash, give};
use crate::cli::{Code, Usage, no_definition};
use crate::scenario::Definition;
use crate::scenario::append::{self, Condition};
use crate::scenario::guest::Invited;

/// Measure what an append costs its caller.
///
/// An append changes a thread's row in SQLite, before it returns or after. Each
/// arm runs in fresh processes, in random order. Afterwards every history and row
/// is verified.
///
/// Arms:
///   bare              write the same lines, keep no row (the floor)
///   sync-readback     read, merge, write and read the row again before the append
///                     returns, as published
///   sync              write the row once before the append returns
///   async-per-thread  one worker per thread writes the row later, as published
///   async             one worker for all threads writes rows later
///
/// Arms of a candidate: idle, append (the same lines in one request of at most
/// 8 MiB), and if it can time appends itself load. A candidate with a fault keeps
/// its row, without a time.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_long_help = "Examples:\n  \
                       tracerig run append --threads 1,8,64\n  \
                       tracerig run append --threads 64 --rate 6400 --contended\n  \
                       tracerig run append --candidate mine='python3 my_store.py' --arms \
                       bare,async,append\n  \
                       tracerig run append --crash --kills 100"
)]
pub(super) struct Append {
    /// Only these arms (comma-separated).
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    arms: Vec<String>,
    /// Number of threads that append; several numbers are measured one after the other.
    #[arg(
        long,
        value_name = "N,M",
        value_delimiter = ',',
        default_value = "1",
        value_parser = clap::value_parser!(u64).range(1..=crate::limits::MOST_APPENDERS)
    )]
    threads: Vec<u64>,
    /// Appends per second over all threads, timed from their intended start [default: no limit].
    #[arg(
        long,
        value_name = "R",
        value_parser = clap::value_parser!(u64).range(1..=crate::limits::MOST_RATE)
    )]
    rate: Option<u64>,
    /// When an append counts as acknowledged.
    #[arg(
        long = "durability",
        value_name = "DURABILITY",
        action = ArgAction::Set,
        default_value = AppendPlan::BUFFERED,
        value_parser = durability()
    )]
    pub(super) fsync: bool,
    /// Let another process keep taking the write lock of the database.
    #[arg(long)]
    contended: bool,
    /// Appends per launch over all threads [default: 20000; 2000 with fsync; 5 s with --rate].
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "rate",
        value_parser = clap::value_parser!(u64).range(1..=crate::limits::MOST_APPENDS)
    )]
    appends: Option<u64>,
    /// Kill the appending process again and again, and check that nothing acknowledged is lost.
    #[arg(
        long,
        conflicts_with_all = ["rate", "contended", "threads", "samples", "appends", "out", "named"]
    )]
    crash: bool,
    /// Number of kills.
    #[arg(
        long,
        value_name = "N",
        requires = "crash",
        default_value = "1000",
        value_parser = clap::value_parser!(u64).range(1..=crate::limits::MOST_KILLS)
    )]
    pub(super) kills: u64,
    #[command(flatten)]
    candidates: Candidates,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn main(arguments: &Append) -> anyhow::Result<Code> {
    if arguments.crash {
        return crash::main(arguments, &defined(arguments, &[], 1)?);
    }
    let invited = arguments.candidates.invited(Contract::Threads)?;
    let defined = |&threads| Ok((threads, defined(arguments, &invited, threads)?));
    let definitions = arguments.threads.iter().map(defined).collect::<anyhow::Result<Vec<_>>>()?;
    let common = &arguments.common;
    common.prepare()?;
    let several = definitions.len() > 1;
    let out = OnceCell::new();
    for (threads, definition) in definitions {
        let folder = |record: &Record| {
            let out = out.get_or_init(|| common.out(record)).clone();
            if several { out.join(format!("threads-{threads}")) } else { out }
        };
        let record = common.record(definition, &folder)?;
        let out = folder(&record);
        let code = give(&record, &out, common.output)?;
        if code != Code::FINE {
            return Ok(code);
        }
    }
    Ok(Code::FINE)
}

/// What is asked for on so many threads.
fn defined(arguments: &Append, invited: &[Invited], threads: u64) -> anyhow::Result<Definition> {
    let &Append { rate, fsync, contended, appends, ref arms, .. } = arguments;
    let condition = Condition { threads, fsync, rate, contended };
    let mut definition = append::on(condition, appends).map_err(no_definition)?;
    arguments.candidates.join(&mut definition, invited)?;
    definition.choose(arms).map_err(|error| Usage(error.to_string()))?;
    Ok(definition)
}

/// Whether an append counts as acknowledged only when it is on the disk.
fn durability() -> impl TypedValueParser<Value = bool> {
    PossibleValuesParser::new([AppendPlan::BUFFERED, AppendPlan::FSYNC])
        .map(|word| word == AppendPlan::FSYNC)
}
