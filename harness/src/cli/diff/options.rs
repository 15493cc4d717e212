//! What all searches of `tracerig diff` share: their options, how they are run, and what they
//! print.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use jiff::SignedDuration;
use tracerig_differential::trace::Program;
use tracerig_reports::{check_writable, write_whole};

use super::show::{Shown, outside, remarks, table, told};
use crate::cli::output::{self, Format, Output};
use crate::cli::{Code, Interrupted, Usage};
use crate::history_child;
use crate::interrupt;
use crate::limits::{MOST_CASES, MOST_OPERATIONS, MOST_TIME};
use tracerig_differential::search::{
    self, Error, Found, Job, Limits, Replayed, Report, Shard, kept,
};
use tracerig_differential::subject::{History as _, Subject};

/// Random cases, if neither their number nor a time is given.
const CASES: u64 = 3000;

/// Where failing cases are kept unless a corpus is named.
const FOUND: &str = "tracerig-out/diff";

/// Which histories to run, for how long, and where failing ones go.
#[derive(Clone, Debug, Args)]
pub(super) struct Options {
    /// Seed of the random histories.
    #[arg(long, value_name = "S", default_value = "1")]
    seed: u64,
    /// Number of random histories over all shares [default: 3000, or as many as --time allows].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_CASES))]
    cases: Option<u64>,
    /// Stop after this time, such as 20s, 10m or 8h.
    #[arg(long, value_name = "T", value_parser = time)]
    time: Option<Duration>,
    /// Operations per random history.
    #[arg(
        long,
        value_name = "K",
        default_value = "20",
        value_parser = clap::value_parser!(u64).range(2..=MOST_OPERATIONS)
    )]
    ops: u64,
    /// Threads [default: one per core, at most 8].
    #[arg(long, value_name = "J", value_parser = crate::cli::jobs)]
    jobs: Option<NonZeroUsize>,
    /// Run share K of N, to split a search over N machines.
    #[arg(long, value_name = "K/N", default_value = "1/1")]
    shard: Shard,
    /// Run only the history in this file.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["seed", "cases", "time", "ops", "jobs", "shard", "corpus", "junit"]
    )]
    replay: Option<PathBuf>,
    /// Folder of histories (*.txt) to run first.
    ///
    /// Failing ones are added to it [default: none; failing ones go to tracerig-out/diff].
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Also write the result as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

/// A time as arguments spell it.
pub(in crate::cli) fn time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time: write for example 20s, 10m or 8h");
    let time: SignedDuration = text.parse().map_err(|_| wrong())?;
    let time = Duration::try_from(time).ok().filter(|time| !time.is_zero()).ok_or_else(wrong)?;
    if time <= MOST_TIME {
        return Ok(time);
    }
    Err(format!("`{text}` is longer than the limit of {} days", MOST_TIME.as_secs() / 86_400))
}

/// Executes what `options` ask for, of `subject`.
pub(super) fn run<S: Subject>(options: &Options, subject: S) -> anyhow::Result<Code> {
    match &options.replay {
        Some(file) => replay(options, file, &subject),
        None => search(options, subject),
    }
}

/// A history whose words cannot be understood is a wrong argument; one that cannot be read, like
/// any file, a failure.
fn usage(error: Error) -> anyhow::Error {
    match error {
        Error::Parse { .. } | Error::Empty { .. } => Usage(error.to_string()).into(),
        error => error.into(),
    }
}

/// This program, which subjects start again.
pub(super) fn program() -> anyhow::Result<Program> {
    Ok(history_child::program(std::env::current_exe().context("the path of this program")?))
}

fn replay<S: Subject>(options: &Options, file: &Path, subject: &S) -> anyhow::Result<Code> {
    let case: S::Case = kept::read(file).map_err(usage)?;
    let Replayed { found, outside: counted } = search::replay(subject, file, &case)?;
    if interrupt::requested() {
        // It may have been cut short, and its processes ended.
        return Err(Interrupted.into());
    }
    let operations = case.operations();
    let printed = match options.output.format {
        Format::Json => output::print_json(&serde_json::json!({
            "file": file.display().to_string(), "operations": operations, "found": found,
            "outside": counted, "remarks": subject.remarks(),
        })),
        Format::Table => {
            let told = match &found {
                Some(found) => told(found),
                None if counted.iter().any(|sort| sort.wrong > 0) => {
                    format!(
                        "{}: {operations} operations, wrong only outside the contract\n",
                        file.display()
                    )
                }
                None => format!("{}: {operations} operations, nothing wrong\n", file.display()),
            };
            output::show(&(told + &outside(&counted) + &remarks(&subject.remarks())))
        }
    };
    Ok(code(&found).after(printed))
}

/// Executes what `options` ask for, a third of it of each subject, and tells all as one.
pub(super) fn run_all<A: Subject, B: Subject, C: Subject>(
    options: &Options,
    (one, two, three): (A, B, C),
) -> anyhow::Result<Code> {
    if options.replay.is_some() {
        let verbs =
            [A::VERB, B::VERB, C::VERB].map(|verb| format!("`tracerig diff {verb} --replay`"));
        return Err(Usage(format!("a history has one kind: use {}", verbs.join(" or "))).into());
    }
    let third = |verb: &str| Options {
        cases: options.cases.map(|cases| cases.div_ceil(3)),
        time: options.time.map(|time| time / 3),
        corpus: options.corpus.as_ref().map(|corpus| corpus.join(verb)),
        ..options.clone()
    };
    begin(options)?;
    let mut done = Vec::new();
    let failed = note(&mut done, &third(A::VERB), one)
        .and_then(|()| note(&mut done, &third(B::VERB), two))
        .and_then(|()| note(&mut done, &third(C::VERB), three));
    if done.is_empty() {
        failed?;
        return Ok(Code::FINE);
    }
    let reports: Vec<&Report> = done.iter().map(|(report, _)| report).collect();
    let printed = match options.output.format {
        Format::Table => {
            let tables: Vec<String> = done
                .iter()
                .map(|(report, checked)| table(report, checked, options.output.details))
                .collect();
            output::show(&tables.join("\n"))
        }
        Format::Json => {
            let all: BTreeMap<&str, &Report> =
                reports.iter().map(|report| (report.subject, *report)).collect();
            output::print_json(&all)
        }
    };
    // What was searched before something went wrong is a result anyway.
    Ok(concluded(&reports).after(printed).after(end(options, &reports)).after(failed))
}

/// Searches, and notes the report with what it counts.
fn note<S: Subject>(
    done: &mut Vec<(Report, &'static str)>,
    options: &Options,
    subject: S,
) -> anyhow::Result<()> {
    done.push((searched(options, subject)?, S::CHECKED));
    Ok(())
}

fn search<S: Subject>(options: &Options, subject: S) -> anyhow::Result<Code> {
    begin(options)?;
    let report = searched(options, subject)?;
    let printed = match options.output.format {
        Format::Table => output::show(&table(&report, S::CHECKED, options.output.details)),
        Format::Json => output::print_json(&report),
    };
    Ok(concluded(&[&report]).after(printed).after(end(options, &[&report])))
}

/// Sees that the result can be written: better now than after a night.
fn begin(options: &Options) -> anyhow::Result<()> {
    options.junit.as_ref().map_or(Ok(()), |junit| Ok(check_writable(junit, b"")?))
}

fn end(options: &Options, reports: &[&Report]) -> anyhow::Result<()> {
    let is_cut_short = reports.iter().any(|report| report.interrupted);
    options
        .junit
        .as_ref()
        .map_or(Ok(()), |path| keep(path, super::junit::junit(reports).as_bytes(), is_cut_short))
}

/// Writes a result to `path`. One that is cut short takes no other's place.
pub(super) fn keep(path: &Path, text: &[u8], is_cut_short: bool) -> anyhow::Result<()> {
    if is_cut_short && path.exists() {
        output::say(&format!(
            "tracerig: {}: not replaced, because this search was interrupted",
            path.display()
        ));
        return Ok(());
    }
    Ok(write_whole(path, text)?)
}

/// The exit code of searches: a mismatch outweighs whatever else failed, and that an interruption.
fn concluded(reports: &[&Report]) -> Code {
    let code = code(reports.iter().flat_map(|report| &report.found));
    let is_interrupted = reports.iter().any(|report| report.interrupted);
    if code == Code::FINE && is_interrupted { code.after(Err(Interrupted.into())) } else { code }
}

fn searched<S: Subject>(options: &Options, subject: S) -> anyhow::Result<Report> {
    let job = job(options, subject)?;
    let shown = Shown::new(&job);
    let searched = search::search(&job, &mut |seen| shown.seen(&seen));
    shown.bar.finish_and_clear();
    searched.map_err(usage)
}

fn job<S: Subject>(options: &Options, subject: S) -> anyhow::Result<Job<S>> {
    let cases = match (options.cases, options.time) {
        (None, None) => Some(CASES),
        (cases, _) => cases,
    };
    if cases.is_some_and(|cases| cases < options.shard.of()) {
        let message = format!("share {} has no cases: give more --cases", options.shard);
        return Err(Usage(message).into());
    }
    Ok(Job {
        subject,
        seed: options.seed,
        ops: usize::try_from(options.ops)?,
        limits: Limits { cases, time: options.time, shrinking: None },
        jobs: jobs(options.jobs),
        shard: options.shard,
        corpus: options.corpus.as_deref().map_or(Ok(Vec::new()), kept::files).map_err(usage)?,
        keep: options.corpus.clone().unwrap_or_else(|| FOUND.into()),
    })
}

/// Threads: as many as asked for, else one per core, at most eight.
pub(in crate::cli) fn jobs(asked: Option<NonZeroUsize>) -> NonZeroUsize {
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    asked.unwrap_or(cores.min(const { NonZeroUsize::new(8).unwrap() }))
}

/// The exit code for what was found.
fn code<'f>(found: impl IntoIterator<Item = &'f Found>) -> Code {
    found.into_iter().fold(Code::FINE, |code, found| {
        if found.mismatch || code == Code::MISMATCH { Code::MISMATCH } else { Code::FAILED }
    })
}
