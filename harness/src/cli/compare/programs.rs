//! `tracerig compare` of two executables, which may have to be built first.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tracerig_reports::comparison::Run;
use tracerig_reports::record::Status;
use tracerig_reports::{Record, render};

use super::results::{self, Unfinished, gathered};
use super::{Arguments, exact_counters, plan, rules};
use crate::cli::output::Output;
use crate::cli::shown::Shown;
use crate::cli::{self, Code, Interrupted, Usage, code_of, output, run};
use crate::compare::{self, CompareError, Compared, Event, Job, Source, Subject};
use crate::machine;
use crate::scenario::Place;

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    let plan = plan(arguments)?;
    let rules = rules(arguments, &plan, &exact_counters())?;
    let out = out(arguments);
    results::prepare(&out)?;
    let base = executable(arguments.base_bin.as_ref(), arguments.base_rev.as_ref())?;
    let base =
        base.ok_or_else(|| Usage("compared with what? Give --base-bin or --base-rev".to_owned()))?;
    let new = match executable(arguments.new_bin.as_ref(), arguments.new_rev.as_ref())? {
        Some(new) => new,
        None if arguments.base_rev.is_some() => built(&Source::WorkTree)?,
        None => (
            "this tracerig".to_owned(),
            std::env::current_exe().context("the path of this program")?,
        ),
    };
    let place = Place { program: new.1.clone(), ..run::place(arguments.seed)? };
    let [base, new] = [base, new].map(|(name, path)| (name, Subject::Executable(path)));
    let job = Job {
        base,
        new,
        runs: plan.runs,
        pairs: plan.compare.pairs,
        counters_only: arguments.counters_only,
        rules,
        place,
    };
    made(&job, &out, arguments.output)
}

/// Where the results go.
pub(super) fn out(arguments: &Arguments) -> PathBuf {
    let named = || Path::new("tracerig-out").join(machine::run_id("compare", &machine::now()));
    arguments.out.clone().unwrap_or_else(named)
}

/// Compares, and gives what was found in this format, with or without all details.
pub(super) fn made(job: &Job, out: &Path, output: Output) -> anyhow::Result<Code> {
    let (compared, code) = measured(job, out)?;
    results::give(compared.into_iter().map(as_run).collect(), code, Some(out), output)
}

/// A comparison with the name of its run.
pub(in crate::cli) fn as_run(compared: Compared) -> Run {
    Run { name: compared.name, comparison: compared.comparison }
}

/// Compares, and writes every sample as it comes, and each comparison as soon as it is there, into
/// folders below `out`. What was compared before something went wrong is a result anyway; the code
/// is that of what went wrong.
pub(in crate::cli) fn measured(job: &Job, out: &Path) -> anyhow::Result<(Vec<Compared>, Code)> {
    let mut shown = Shown::default();
    let (mut compared, mut unwritten) = (Vec::new(), None);
    let unfinished = RefCell::new(Unfinished::of(out));
    let mut tell = |event: Event<'_>| {
        let mut unfinished = unfinished.borrow_mut();
        let kept = match &event {
            Event::Begun(records) => unfinished.begin(*records),
            Event::Taken { record, sample } => unfinished.add(record, sample),
            event => {
                show(&mut shown, event);
                Ok(())
            }
        };
        kept.unwrap_or_else(|error| unfinished.give_up(&error));
    };
    let ended = compare::run(job, &mut tell, &mut |run| {
        let written = results::write_samples(out, &run);
        compared.push(run);
        // Until the last run is over: a comparison that was cut short.
        let runs = compared.iter().map(|run: &Compared| Run {
            name: run.name.clone(),
            comparison: run.comparison.clone(),
        });
        let written = written
            .and_then(|()| results::write(&gathered(runs.collect(), Code::INTERRUPTED), out))
            .and_then(|()| unfinished.borrow_mut().end());
        unwritten = unwritten.take().or(written.err());
    });
    shown.finish();
    if unwritten.is_none() {
        // A run that did not get as far as a sample has begun one.
        unwritten = unfinished.into_inner().end().err();
    }
    let cut_short = match ended {
        Err(error) if compared.is_empty() => return Err(told(error)),
        ended => ended.err(),
    };
    let mut code = Code::FINE;
    let mut gone_wrong = |error: anyhow::Error| {
        code = code.graver(code_of(&error));
        output::say(&format!("tracerig: {}", output::told(&error)));
    };
    if let Some(error) = cut_short {
        gone_wrong(told(error));
    }
    // The cause of a failure comes before its accounting.
    let failed =
        |record: &Record| matches!(record.outcome.status, Status::Failed | Status::Mismatch);
    let causes = compared
        .iter()
        .flat_map(|run| run.records.iter().map(move |(side, record)| (run, side, record)));
    if let Some((run, side, record)) = causes.into_iter().find(|(_, _, record)| failed(record)) {
        let cause = render::cause(record).unwrap_or_default();
        output::say_wrapped(&format!("tracerig: {}, {side}: {cause}", run.name));
    }
    unwritten.into_iter().for_each(gone_wrong);
    if compared.iter().any(|run| run.interrupted) {
        code = code.graver(Code::INTERRUPTED);
    }
    Ok((compared, code))
}

/// The executable that the user names, if any, and what they call it.
fn executable(
    path: Option<&PathBuf>,
    revision: Option<&String>,
) -> anyhow::Result<Option<(String, PathBuf)>> {
    match (path, revision) {
        (Some(path), _) => Ok(Some((path.display().to_string(), cli::executable(path)))),
        (None, Some(revision)) => built(&Source::Revision(revision.clone())).map(Some),
        (None, None) => Ok(None),
    }
}

pub(in crate::cli) fn built(source: &Source) -> anyhow::Result<(String, PathBuf)> {
    let built =
        compare::build(source, Path::new("."), &mut |what| output::say(what)).map_err(told)?;
    Ok((built.name, built.path))
}

/// The error as the command line tells it.
pub(in crate::cli) fn told(error: CompareError) -> anyhow::Error {
    match error {
        CompareError::Interrupted => Interrupted.into(),
        CompareError::Run { run, source } => cli::no_run(&format!("run `{run}`"), source),
        error => error.into(),
    }
}

pub(super) fn show(shown: &mut Shown, event: &Event<'_>) {
    match event {
        Event::Run(run) => {
            shown.finish();
            output::say_wrapped(&format!("{}: {}", run.name, run.why));
        }
        Event::NotCompared { run, name, error } => {
            shown.finish();
            output::say_wrapped(&format!("{}: not compared with {name}: {error}", run.name));
        }
        Event::Preparing(event) => shown.event(event),
        Event::Sample { at, of, arm } => shown.sample(*at, *of, &arm.to_string()),
        Event::Begun(_) | Event::Taken { .. } => {}
    }
}
