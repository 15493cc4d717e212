//! `tracerig run append`: measures what an append costs its caller, shows the result, and writes record and report.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::cli::output::Format;
use crate::cli::shown::Shown;
use crate::cli::{Code, Usage, run};
use crate::scenario::append::{self, Condition, Job, Plan};

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
    pub(super) arms: Vec<String>,
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
    /// Samples of each arm [default: 10].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=crate::limits::MOST_SAMPLES))]
    samples: Option<u64>,
    /// Appends of one launch over all threads [default: 20000, or 2000 with fsync; at a rate, those of five seconds].
    #[arg(long, value_name = "N", conflicts_with = "rate", value_parser = clap::value_parser!(u64).range(1..=crate::limits::MOST_APPENDS))]
    appends: Option<u64>,
    /// Seed of the order of arms and of what is appended.
    #[arg(long, value_name = "S", default_value = "1")]
    pub(super) seed: u64,
    /// Kill the appending process instead, at every named point and at seeded instants, and check after each kill that nothing
    /// acknowledged is lost.
    #[arg(long, conflicts_with_all = ["rate", "contended", "threads", "samples", "appends", "out"])]
    crash: bool,
    /// How often it is killed.
    #[arg(long, value_name = "N", requires = "crash", default_value = "1000", value_parser = clap::value_parser!(u64).range(1..=crate::limits::MOST_KILLS))]
    pub(super) kills: u64,
    /// Where record and report are written [default: tracerig-out/ID].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How to print the result.
    #[arg(long, value_enum, default_value = "table")]
    pub(super) format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Acknowledged {
    Buffered,
    Fsync,
}

pub(super) fn main(arguments: &Append) -> anyhow::Result<Code> {
    let plan = plan(arguments)?;
    if arguments.crash {
        return super::crash::main(arguments, &plan);
    }
    let results = Path::new("tracerig-out");
    run::prepare(arguments.out.as_deref().unwrap_or(results))?;
    run::warn_of_debug_build();
    let several = arguments.threads.len() > 1;
    let mut out = arguments.out.clone();
    for &threads in &arguments.threads {
        let job = Job {
            plan: plan.clone(),
            condition: Condition {
                threads,
                fsync: arguments.durability == Acknowledged::Fsync,
                rate: arguments.rate,
                contended: arguments.contended,
            },
            workplaces: tracerig_datasets::cache_root()?.join("work"),
            seed: arguments.seed,
            program: std::env::current_exe().context("the path of this program")?,
            command: run::command(),
        };
        let mut shown = Shown::default();
        let done = append::run(&job, &mut |event| shown.sample(event.at, event.of, &event.arm.name));
        shown.finish();
        let record = done?;
        let out = out.get_or_insert_with(|| results.join(&record.id));
        let out = if several { out.join(format!("threads-{threads}")) } else { out.clone() };
        let code = run::give(&record, &out, arguments.format)?;
        if code != Code::FINE {
            return Ok(code);
        }
    }
    Ok(Code::FINE)
}

/// The plan with what the command line changes in it.
fn plan(arguments: &Append) -> anyhow::Result<Plan> {
    let mut plan = Plan::builtin().context("the plan that comes with the program")?;
    if !arguments.arms.is_empty() {
        plan.choose(&arguments.arms).map_err(|error| Usage(error.to_string()))?;
    }
    if let Some(samples) = arguments.samples {
        plan.samples = samples;
    }
    if let Some(appends) = arguments.appends {
        plan.appends = appends;
        plan.appends_with_fsync = appends;
    }
    Ok(plan)
}
