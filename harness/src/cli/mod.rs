//! The command line: its verbs, its exit codes, and what all verbs share.

mod cache;
mod candidate;
mod commands;
mod compare;
mod dataset;
mod diff;
mod generated;
mod history;
mod kept;
mod output;
mod profile;
mod release_report;
mod report;
mod repro;
mod run;
mod scan;
mod shown;
mod threads;
mod usage;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use tracerig_datasets::{DatasetError, MOST_SCALE};

use crate::compare::CompareError;
use crate::interrupt;
use crate::limits::MOST_JOBS;
use crate::scenario::guest::NotInvited;
use crate::scenario::{DefinitionError, ReproError, ScenarioError};
use crate::{platform, watch};

/// Measure and test programs that read trace databases and session files at every launch.
///
/// Every launch is a fresh process, and every answer is verified. Results go to standard output,
/// progress and messages to standard error.
///
/// Exit codes: 0 fine, 1 failed, 2 wrong arguments, 3 wrong answer, 4 regression, 5 inconclusive,
/// 130 interrupted.
#[derive(Debug, Parser)]
#[command(
    name = "tracerig",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_long_help = "Examples:\n  \
                       tracerig run relaunch\n  \
                       tracerig compare --base-rev main --plan ci\n  \
                       tracerig usage ~/.codex --by day,model\n\n\
                       Ten common tasks and their commands: docs/tasks.md"
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Scan(scan::Arguments),
    Run(run::Arguments),
    Compare(Box<compare::Arguments>),
    Diff(diff::Arguments),
    Report(report::Arguments),
    ReleaseReport(release_report::Arguments),
    History(history::Arguments),
    Repro(repro::Arguments),
    Profile(profile::Arguments),
    Candidate(candidate::Arguments),
    Dataset(dataset::Arguments),
    Threads(threads::Arguments),
    Usage(usage::Arguments),
    Completions(generated::Completions),
    Man(generated::Man),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Code(u8);

impl Code {
    const FINE: Self = Self(0);
    const FAILED: Self = Self(1);
    const USAGE: Self = Self(2);
    const MISMATCH: Self = Self(3);
    const REGRESSION: Self = Self(4);
    const INCONCLUSIVE: Self = Self(5);
    const INTERRUPTED: Self = Self(130);
}

/// Well-formed arguments that make no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

impl Code {
    /// The graver of two: a wrong answer, then an interruption, a failure, bad usage, a regression,
    /// no conclusion.
    fn graver(self, other: Self) -> Self {
        let order = [
            Self::FINE,
            Self::INCONCLUSIVE,
            Self::REGRESSION,
            Self::USAGE,
            Self::FAILED,
            Self::INTERRUPTED,
        ];
        // What is not in the list is a wrong answer.
        let gravity =
            |code: Self| order.iter().position(|known| *known == code).unwrap_or(order.len());
        if gravity(other) > gravity(self) { other } else { self }
    }

    /// This code, even if printing or writing the result failed. Reports that failure, which counts
    /// only if it is graver.
    fn after(self, done: anyhow::Result<()>) -> Self {
        done.map_or_else(|error| self.graver(told(&error)), |()| self)
    }
}

/// The user asked for an end before there was a result.
#[derive(Debug, thiserror::Error)]
#[error("interrupted; nothing is left half-done")]
struct Interrupted;

/// A number of threads, as `--jobs` takes it.
fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    let jobs = text.parse().ok().filter(|jobs: &NonZeroUsize| jobs.get() <= MOST_JOBS);
    jobs.ok_or_else(|| format!("give a number of threads from 1 to {MOST_JOBS}"))
}

/// A factor on a dataset's size, as `--scale` takes it.
fn scale(text: &str) -> Result<f64, String> {
    let scale = text.parse().ok().filter(|scale: &f64| *scale > 0.0 && *scale <= MOST_SCALE);
    scale.ok_or_else(|| format!("give a factor above 0, at most {MOST_SCALE}"))
}

/// The executable at a path that the user gave. The system would look for a mere name in PATH, and
/// could find another program.
fn executable(path: &Path) -> PathBuf {
    if path.is_absolute() { path.to_owned() } else { Path::new(".").join(path) }
}

/// Why there is no such recipe. A name that is not known, and words in a file that make none, are
/// wrong arguments; a file that cannot be read is a failure.
fn no_recipe(error: DatasetError) -> anyhow::Error {
    match error {
        DatasetError::UnknownRecipe { .. } | DatasetError::Recipe { .. } => {
            Usage(error.to_string()).into()
        }
        error => error.into(),
    }
}

/// Why nothing like that can be measured; likewise.
fn no_definition(error: DefinitionError) -> anyhow::Error {
    match error {
        DefinitionError::Words(words) => Usage(words).into(),
        DefinitionError::Recipe(error) => no_recipe(error),
    }
}

/// Why a run of a plan cannot be made, told of `place`; likewise.
fn no_run(place: &str, error: DefinitionError) -> anyhow::Error {
    let told = format!("{place}: {error}");
    let error = no_definition(error);
    if error.is::<Usage>() { Usage(told).into() } else { error.context(told) }
}

/// Prints what is wrong with the arguments. They are quoted, and a script may have taken them from
/// anywhere.
fn complain(error: &clap::Error) {
    let text = error.render().to_string();
    if text == output::plain(&text) {
        let _ = error.print();
    } else {
        output::say(text.trim_end());
    }
}

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    // Before anything else: a signal may come at any moment.
    if let Err(error) = interrupt::install() {
        output::say(&format!(
            "tracerig: Ctrl-C cannot be caught ({error}), so it ends the program at once"
        ));
    }
    if platform::is_stdout_closed() {
        output::say("tracerig: standard output is closed; redirect it, for example to /dev/null");
        return ExitCode::from(Code::FAILED.0);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error)
            if error.use_stderr() && std::env::args_os().any(|argument| argument == "--bisect") =>
        {
            // To `git bisect run` the code of bad usage would mean that every revision is bad.
            complain(&error);
            repro::say_skipped();
            return ExitCode::from(repro::SKIP);
        }
        Err(asked) if !asked.use_stderr() => {
            // Help or the version: a result like others, which somebody may have wanted to keep.
            let printed = asked.print().context("standard output");
            return ExitCode::from(Code::FINE.after(printed).0);
        }
        Err(error) => {
            complain(&error);
            return ExitCode::from(Code::USAGE.0);
        }
    };
    tracerig_store::stop_when(interrupt::requested);
    tracerig_scanner::stop_when(interrupt::requested);
    tracerig_oracle::stop_when(interrupt::requested);
    let done = match cli.verb {
        Verb::Scan(arguments) => scan::main(&arguments),
        Verb::Run(arguments) => run::main(&arguments),
        Verb::Compare(arguments) => compare::main(&arguments),
        Verb::Diff(arguments) => diff::main(&arguments),
        Verb::Report(arguments) => report::main(&arguments),
        Verb::ReleaseReport(arguments) => release_report::main(&arguments),
        Verb::History(arguments) => history::main(&arguments),
        Verb::Repro(arguments) => repro::main(&arguments),
        Verb::Profile(arguments) => profile::main(&arguments),
        Verb::Candidate(arguments) => candidate::main(&arguments),
        Verb::Dataset(arguments) => dataset::main(&arguments),
        Verb::Threads(arguments) => threads::main(&arguments),
        Verb::Usage(arguments) => usage::main(&arguments),
        Verb::Completions(arguments) => generated::completions(&arguments),
        Verb::Man(arguments) => generated::man(&arguments),
    };
    let code = done.unwrap_or_else(|error| told(&error));
    watch::sweep_now();
    // Last: everything is written.
    for left in interrupt::tidy() {
        output::say(&format!("{}: not removed in time; the next run does it", left.display()));
    }
    ExitCode::from(code.0)
}

/// Reports an error and returns its code. A reader that closed the pipe is not a failure.
fn told(error: &anyhow::Error) -> Code {
    if output::is_broken_pipe(error) {
        return Code::FINE;
    }
    let code = code_of(error);
    let words =
        if code == Code::INTERRUPTED { Interrupted.to_string() } else { output::told(error) };
    output::say(&format!("tracerig: {words}"));
    code
}

fn code_of(error: &anyhow::Error) -> Code {
    if error.is::<Usage>() {
        Code::USAGE
    } else if error.is::<Interrupted>() {
        Code::INTERRUPTED
    } else if matches!(error.downcast_ref(), Some(NotInvited::Unavailable(..))) {
        Code::INCONCLUSIVE
    } else if is_disagreement(error) {
        Code::MISMATCH
    } else if interrupt::requested() {
        // A step that a signal ended reports its own error, such as an interrupted statement.
        Code::INTERRUPTED
    } else {
        Code::FAILED
    }
}

/// Whether the right answer itself is in doubt: what should agree about it does not.
fn is_disagreement(error: &anyhow::Error) -> bool {
    let of_compare = match error.downcast_ref() {
        Some(CompareError::Scenario(error)) => Some(error),
        _ => None,
    };
    let of_repro = match error.downcast_ref() {
        Some(ReproError::Run(error)) => Some(error),
        _ => None,
    };
    let error = error.downcast_ref().or(of_compare).or(of_repro);
    matches!(error, Some(ScenarioError::Disagreement { .. }))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Code, CompareError, ReproError, ScenarioError, code_of};

    #[test]
    fn what_was_found_is_not_hidden_by_what_cannot_be_printed() {
        let full = || Err(anyhow::anyhow!("standard output: no space"));
        let gone = || Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe).into());
        assert_eq!(Code::MISMATCH.after(full()), Code::MISMATCH);
        assert_eq!(Code::INTERRUPTED.after(full()), Code::INTERRUPTED);
        assert_eq!(Code::FINE.after(full()), Code::FAILED);
        assert_eq!(Code::REGRESSION.after(gone()), Code::REGRESSION);
        assert_eq!(Code::FINE.after(gone()), Code::FINE);
        assert_eq!(Code::FINE.after(Ok(())), Code::FINE);
    }

    #[test]
    fn a_right_answer_in_doubt_is_a_mismatch_whatever_asked_for_it() {
        let doubt = || ScenarioError::Disagreement {
            path: "db".into(),
            who: "somebody".to_owned(),
            difference: "a turn".to_owned(),
        };
        let errors: [anyhow::Error; 3] =
            [doubt().into(), CompareError::from(doubt()).into(), ReproError::from(doubt()).into()];
        for error in errors {
            assert_eq!(code_of(&error), Code::MISMATCH, "{error:?}");
        }
        let other =
            CompareError::Build { what: "git".to_owned(), said: "no".to_owned(), remedy: "" };
        assert_eq!(code_of(&other.into()), Code::FAILED);
    }

    #[test]
    fn an_executable_is_where_the_path_says_and_not_in_path() {
        assert_eq!(super::executable("tracerig".as_ref()).to_str(), Some("./tracerig"));
        assert_eq!(super::executable("/a/tracerig".as_ref()).to_str(), Some("/a/tracerig"));
    }

    #[test]
    fn the_definitions_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
