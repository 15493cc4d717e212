//! `tracerig run append`: what an append costs its caller, on one number of threads or on several.

use clap::Args;

use super::{Common, crash, give};
use crate::cli::{Code, Usage, no_definition};
use crate::scenario::Definition;
use crate::scenario::append::{self, Acknowledged, Condition};

/// Measure what an append costs its caller when the row is projected before it returns, or after.
///
/// Launches each arm in fresh processes and in random order, each in a folder of its own. When a process has ended, every
/// history is compared with what was to be appended, and every row with an independent replay of its history. Prints a
/// table, and writes record.json with every raw sample, latencies.hdr and report.md.
///
/// Arms: bare (serialize and write(2) the same lines: the floor), sync-readback (the row is read, merged, written whole
/// and read again before the append returns, as published), sync (one write before it returns), async-per-thread (a worker
/// for each thread projects later, as published), async (one worker for the store).
#[derive(Debug, Args)]
pub(super) struct Append {
    /// Only these arms, separated by commas.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    arms: Vec<String>,
    /// Threads that append at once; several numbers are measured one after the other.
    #[arg(long, value_name = "N,M", value_delimiter = ',', default_value = "1", value_parser = clap::value_parser!(u64).range(1..=crate::limits::MOST_APPENDERS))]
    threads: Vec<u64>,
    /// Appends a second over all threads, measured from the intended start of each [default: as fast as it goes].
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u64).range(1..=crate::limits::MOST_RATE))]
    rate: Option<u64>,
    /// When an append is acknowledged: when the operating system has its bytes, or the device.
    #[arg(long, value_enum, default_value = "buffered")]
    pub(super) durability: Acknowledged,
    /// Another process keeps taking the write lock of the database.
    #[arg(long)]
    contended: bool,
    /// Appends of one launch over all threads [default: 20000, or 2000 with fsync; at a rate, those of five seconds].
    #[arg(long, value_name = "N", conflicts_with = "rate", value_parser = clap::value_parser!(u64).range(1..=crate::limits::MOST_APPENDS))]
    appends: Option<u64>,
    /// Kill the appending process instead, at every named point and at seeded instants, and check after each kill that nothing
    /// acknowledged is lost.
    #[arg(long, conflicts_with_all = ["rate", "contended", "threads", "samples", "appends", "out"])]
    crash: bool,
    /// How often it is killed.
    #[arg(long, value_name = "N", requires = "crash", default_value = "1000", value_parser = clap::value_parser!(u64).range(1..=crate::limits::MOST_KILLS))]
    pub(super) kills: u64,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn main(arguments: &Append) -> anyhow::Result<Code> {
    if arguments.crash {
        return crash::main(arguments, &defined(arguments, 1)?);
    }
    let defined = |&threads| Ok((threads, defined(arguments, threads)?));
    let definitions = arguments.threads.iter().map(defined).collect::<anyhow::Result<Vec<_>>>()?;
    let common = &arguments.common;
    common.prepare()?;
    let several = definitions.len() > 1;
    let mut out = None;
    for (threads, definition) in definitions {
        let record = common.record(definition)?;
        let out = out.get_or_insert_with(|| common.out(&record));
        let out = if several { out.join(format!("threads-{threads}")) } else { out.clone() };
        let code = give(&record, &out, common.format)?;
        if code != Code::FINE {
            return Ok(code);
        }
    }
    Ok(Code::FINE)
}

/// What is asked for on so many threads.
fn defined(arguments: &Append, threads: u64) -> anyhow::Result<Definition> {
    let Append { rate, durability, contended, appends, arms, .. } = arguments;
    let fsync = *durability == Acknowledged::Fsync;
    let condition = Condition { threads, fsync, rate: *rate, contended: *contended };
    let mut definition = append::on(condition, *appends).map_err(no_definition)?;
    definition.choose(arms).map_err(|error| Usage(error.to_string()))?;
    Ok(definition)
}
