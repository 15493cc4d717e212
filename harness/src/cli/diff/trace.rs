//! `tracerig diff trace`: incremental scans of trace databases against full ones, an oracle and a model of their cost.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use indicatif::ProgressBar;
use jiff::SignedDuration;
use tracerig_reports::write_whole;

use crate::cli::output::{self, Format};
use crate::cli::{Code, Interrupted, Usage};
use crate::diff::{self, Error, Found, Job, Limits, Report, Seen, Shard, kept};
use crate::histories::{Case, Engine};

/// Random cases, if neither their number nor a time is given.
const CASES: u64 = 3000;

/// Where failing cases are kept unless a corpus is named.
const FOUND: &str = "tracerig-out/diff";

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
    /// Seed of the random cases.
    #[arg(long, value_name = "S", default_value = "1")]
    seed: u64,
    /// Random cases, over all shares [default: 3000, or as many as the time allows].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    cases: Option<u64>,
    /// Stop after this time, such as 20s, 10m or 8h.
    #[arg(long, value_name = "T", value_parser = time)]
    time: Option<Duration>,
    /// Operations of each random case.
    #[arg(long, value_name = "K", default_value = "20", value_parser = clap::value_parser!(u64).range(2..=100_000))]
    ops: u64,
    /// Threads, each with another process [default: one a core, at most 8].
    #[arg(long, value_name = "J")]
    jobs: Option<NonZeroUsize>,
    /// Only this share of the cases: K of N machines, which never execute the same one.
    #[arg(long, value_name = "K/N", default_value = "1/1")]
    shard: Shard,
    /// Execute this history and nothing else. What it does is in the file: no seed and no generator has a part in it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "cases", "time", "ops", "jobs", "shard", "corpus", "junit"])]
    replay: Option<PathBuf>,
    /// A folder of histories (*.txt) to execute first, where failing ones are kept, too [default: none; they go to
    /// tracerig-out/diff].
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Write the result as JUnit XML, too.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// How to print the result.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Check the answers of another engine than the scanner, a wrong one, to see that it is found out.
    #[arg(long, value_name = "NAME", default_value = "scanner", hide = true)]
    engine: Engine,
}

fn time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time: write for example 20s, 10m or 8h");
    let time: SignedDuration = text.parse().map_err(|_| wrong())?;
    Duration::try_from(time).ok().filter(|time| !time.is_zero()).ok_or_else(wrong)
}

pub(super) fn main(arguments: &Trace) -> anyhow::Result<Code> {
    match &arguments.replay {
        Some(file) => replay(arguments, file),
        None => search(arguments),
    }
}

/// A history that cannot be read is a wrong argument.
fn usage(error: Error) -> anyhow::Error {
    match error {
        Error::Read { .. } | Error::Parse { .. } | Error::Empty { .. } => Usage(error.to_string()).into(),
        error => error.into(),
    }
}

fn program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("the path of this program")
}

fn replay(arguments: &Trace, file: &Path) -> anyhow::Result<Code> {
    let case: Case = kept::read(file).map_err(usage)?;
    let found = diff::replay(&program()?, arguments.engine, file, &case)?;
    match arguments.format {
        Format::Json => output::print_json(
            &serde_json::json!({ "file": file, "operations": case.ops.len(), "found": found }),
        )?,
        Format::Table => output::print(&match &found {
            Some(found) => told(found),
            None => format!("{}: {} operations, nothing wrong\n", file.display(), case.ops.len()),
        })?,
    }
    Ok(code(found.as_slice()))
}

fn search(arguments: &Trace) -> anyhow::Result<Code> {
    let job = job(arguments)?;
    if let Some(junit) = &arguments.junit {
        // Better now than after a night.
        write_whole(junit, b"")?;
    }
    let shown = Shown::new(&job);
    let searched = diff::search(&job, &mut |seen| shown.seen(&seen));
    shown.bar.finish_and_clear();
    let report = searched.map_err(usage)?;
    if let Some(path) = &arguments.junit {
        write_whole(path, diff::junit(&report).as_bytes())?;
    }
    match arguments.format {
        Format::Table => output::print(&table(&report))?,
        Format::Json => output::print_json(&report)?,
    }
    let code = code(&report.found);
    if code == Code::FINE && report.interrupted { Err(Interrupted.into()) } else { Ok(code) }
}

fn job(arguments: &Trace) -> anyhow::Result<Job> {
    let cases = match (arguments.cases, arguments.time) {
        (None, None) => Some(CASES),
        (cases, _) => cases,
    };
    if cases.is_some_and(|cases| cases < arguments.shard.of()) {
        let message =
            format!("share {} of so few cases is empty; give at least as many --cases", arguments.shard);
        return Err(Usage(message).into());
    }
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    Ok(Job {
        program: program()?,
        engine: arguments.engine,
        seed: arguments.seed,
        ops: usize::try_from(arguments.ops)?,
        limits: Limits { cases, time: arguments.time },
        jobs: arguments.jobs.unwrap_or(cores.min(const { NonZeroUsize::new(8).unwrap() })),
        shard: arguments.shard,
        corpus: arguments.corpus.as_deref().map_or(Ok(Vec::new()), kept::files).map_err(usage)?,
        keep: arguments.corpus.clone().unwrap_or_else(|| FOUND.into()),
    })
}

/// The exit code for what was found: a mismatch outweighs whatever else failed.
fn code(found: &[Found]) -> Code {
    if found.iter().any(|found| found.mismatch) {
        Code::MISMATCH
    } else if found.is_empty() {
        Code::FINE
    } else {
        Code::FAILED
    }
}

fn table(report: &Report) -> String {
    let Report { seed, ops, jobs, shard, random, operations, failed, seconds, cases_per_second, .. } = report;
    let mut text = String::new();
    for found in &report.found {
        text += &told(found);
        text.push('\n');
    }
    text += &format!(
        "seed {seed}, share {shard}: {random} random cases of {ops} operations, {} kept ones\n\
         {operations} operations in cases without failure, {} scans; {seconds:.1} s, {cases_per_second:.0} cases/s on {jobs} \
         threads\n",
        report.kept.len(),
        report.exercised.get("scans").copied().unwrap_or_default(),
    );
    text += &match failed {
        0 => "nothing wrong\n".to_owned(),
        failed => {
            format!("FAILED: {failed} cases; the first of each kind is above, as small as it could be made\n")
        }
    };
    text
}

fn told(found: &Found) -> String {
    let sort = if found.mismatch { "MISMATCH" } else { "FAILURE" };
    let more =
        if found.cases > 1 { format!(" ({} cases fail like this)", found.cases) } else { String::new() };
    let history: String = found.history.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "{sort} {}: {}{more}\n{}\n\n{history}\n  file:   {}\n  replay: {}\n",
        found.kind,
        found.origin,
        found.detail,
        found.file.display(),
        found.replay
    )
}

/// What a search shows of its progress: a line that changes in a terminal, and each failure as it is found.
struct Shown {
    bar: ProgressBar,
    corpus: usize,
}

impl Shown {
    fn new(job: &Job) -> Self {
        let corpus = job.corpus.len();
        let share = |cases: u64| cases.div_ceil(job.shard.of()) + (corpus as u64).div_ceil(job.shard.of());
        let bar = match job.limits.cases {
            Some(cases) => output::progress_bar(
                share(cases),
                "searching [{bar:30}] {pos} of {len} cases, {per_sec}, {eta} left; {msg}",
            ),
            None => {
                output::progress_bar(0, "{spinner} searching: {pos} cases in {elapsed}, {per_sec}; {msg}")
            }
        };
        let shown = Self { bar, corpus };
        shown.say(0);
        shown
    }

    fn say(&self, failed: u64) {
        self.bar.set_message(format!("{failed} failed, corpus {}", self.corpus));
    }

    fn seen(&self, seen: &Seen<'_>) {
        self.bar.set_position(seen.cases);
        if let Some(found) = seen.found {
            let told = format!("found {}: {}", found.kind, found.file.display());
            self.bar.suspend(|| output::say(&told));
        }
        self.say(seen.failed);
    }
}
