//! `tracerig repro`: makes the run of a record again, and says whether it agrees.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;
use tracerig_reports::comparison::Run;
use tracerig_reports::record::{ArmKey, Machine, Sample, SampleState};
use tracerig_reports::verdict::{Gate, Rules, Verdict, Work};
use tracerig_reports::{Comparison, Record, comparison, wrapped};

use super::compare::pairs;
use super::output::{self, Format, Output};
use super::run::Journal;
use super::{Code, Interrupted, Usage, run, told};
use crate::protocol;
use crate::scenario::repro::{self, Again};
use crate::scenario::{Place, ReproError};

/// Repeat the run of a record and check that it agrees.
///
/// Uses the same recipe (checked by digest), plan, order and seeds. Work counters must be equal;
/// times must be within 25 %, and are compared only on the same machine.
///
/// With --bisect, exits as `git bisect run` expects: 0 good, 1 bad, 125 skip. See docs/bisect.md.
///
/// Exit codes without --bisect: 0 agrees or better, 3 wrong answer, 4 regression, 5 inconclusive, 1
/// failed, 2 wrong arguments, 130 interrupted.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
                       tracerig repro tracerig-out/relaunch-20261122T041721Z-4e05\n  \
                       tracerig repro good/record.json --bisect --counters-only --bin \
                       target/release/tracerig")]
pub(super) struct Arguments {
    /// record.json of a run, or its folder.
    #[arg(value_name = "RECORD")]
    record: PathBuf,
    /// Exit as `git bisect run` expects: 0 good, 1 bad, 125 skip.
    #[arg(long)]
    bisect: bool,
    /// Build the revision that made the record, and compare it with the work tree (or with --bin)
    /// in pairs, on the data of the record: times on this machine, whichever made the record.
    #[arg(long, conflicts_with = "bisect")]
    pairs: bool,
    /// Compare work counters only, not times.
    #[arg(long)]
    counters_only: bool,
    /// Executable to launch [default: this one].
    #[arg(long, value_name = "PATH")]
    bin: Option<PathBuf>,
    /// Database to use, if the record was made with `--db`.
    #[arg(long, value_name = "PATH")]
    db: Option<PathBuf>,
    /// Run the command of the record. Read it first: it runs with your rights, in this folder.
    #[arg(long, conflicts_with = "bin")]
    allow_command: bool,
    /// Samples per arm [default: as many as in the record]; with --pairs, pairs per arm.
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=crate::limits::MOST_SAMPLES)
    )]
    samples: Option<u64>,
    /// Folder for the record of the repetition [default: none].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

/// What `git bisect run` makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Bisect {
    Good,
    Bad,
    Skip,
}

/// The exit code of a revision of which nothing can be said.
pub(super) const SKIP: u8 = 125;

impl Bisect {
    fn of(gate: Gate) -> Self {
        match gate {
            Gate::Fine => Self::Good,
            Gate::Regression | Gate::Mismatch => Self::Bad,
            Gate::Inconclusive | Gate::Failed => Self::Skip,
        }
    }

    fn code(self) -> Code {
        match self {
            Self::Good => Code::FINE,
            Self::Bad => Code(1),
            Self::Skip => Code(SKIP),
        }
    }
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    version: u64,
    counters_agree: bool,
    /// `None` where times are not compared, or it is inconclusive.
    times_agree: Option<bool>,
    same_order: bool,
    exit_code: u8,
    bisect: Option<Bisect>,
    comparison: Box<RawValue>,
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    if arguments.pairs {
        let record = Record::read(&record_at(&arguments.record))?;
        return pairs::main(
            &record,
            &pairs::Asked {
                bin: arguments.bin.as_ref(),
                database: arguments.db.clone(),
                pairs: arguments.samples,
                counters_only: arguments.counters_only,
                out: arguments.out.clone(),
                output: arguments.output,
            },
        );
    }
    let done = repeat(arguments);
    match done {
        // What cannot be tried is neither good nor bad; only Ctrl-C ends a bisection.
        // What a signal cuts short fails in words of its own.
        Err(error)
            if arguments.bisect
                && !error.is::<Interrupted>()
                && !crate::interrupt::requested()
                && !output::is_broken_pipe(&error) =>
        {
            output::say(&format!("tracerig: {}", output::told(&error)));
            say_skipped();
            Ok(Code(SKIP))
        }
        done => done,
    }
}

/// Says which code a bisection goes on with, where nothing could be compared.
pub(super) fn say_skipped() {
    output::say(&format!("for git bisect: skip (exit code {SKIP})"));
}

/// The record, if a folder is given the one in it.
fn record_at(given: &Path) -> PathBuf {
    if given.is_dir() { given.join(run::RECORD) } else { given.to_owned() }
}

fn repeat(arguments: &Arguments) -> anyhow::Result<Code> {
    let record = Record::read(&record_at(&arguments.record))?;
    if let Some(out) = &arguments.out {
        run::prepare(out)?;
    }
    let program = match &arguments.bin {
        Some(path) => super::executable(path),
        None => std::env::current_exe().context("the path of this program")?,
    };
    let hello = protocol::ask(&program)?;
    let again = Again {
        place: Place { program, ..run::place(record.seed)? },
        database: arguments.db.clone(),
        allow_command: arguments.allow_command,
        samples: arguments.samples,
    };
    let folder = arguments.out.clone().map(|out| move |_: &Record| out.clone());
    let mut journal =
        Journal::new(folder.as_ref().map(|folder| folder as &dyn Fn(&Record) -> PathBuf));
    let repeated = repro::again(&record, &again, &mut |event| journal.event(&event));
    let mut repeated = journal.end(repeated).map_err(|error| match error {
        ReproError::OwnDatabase | ReproError::NoDatabase(_) | ReproError::NotAllowed(_) => {
            Usage(error.to_string()).into()
        }
        error => anyhow::Error::from(error),
    })?;
    repeated.build = hello.build;
    let written = arguments.out.as_ref().map_or(Ok(()), |out| run::write(&repeated, out));
    if crate::interrupt::requested() {
        return Err(Interrupted.into());
    }
    let name = arguments.record.display().to_string();
    let sound = sound(&record);
    let dropped = (record.samples.len() - sound.samples.len()) as u64;
    if dropped > 0 {
        let samples = output::counted(dropped, "sample", "samples");
        output::say(&format!(
            "{samples} of the record failed or answered wrongly: they are not compared"
        ));
    }
    let mut compared = comparison::of_records(
        (&name, &sound),
        ("again", &repeated),
        &Rules::of_repetition(),
        run::command(),
    )?;
    if arguments.counters_only {
        compared = compared.without_times();
    }
    let elsewhere = differences(&record.machine, &repeated.machine);
    let same_order = same_order(&record, &repeated);
    let (code, printed) = give(arguments, &compared, same_order, &elsewhere)?;
    if arguments.bisect {
        // The code is the answer to `git bisect run`; what is printed or kept beside it does not
        // change which revision is bad.
        for error in [printed, written].into_iter().filter_map(Result::err) {
            told(&error);
        }
        return Ok(code);
    }
    // Told after the result: what cannot be kept can still be read.
    Ok(code.after(printed).after(written))
}

/// The record without samples that failed or answered wrongly: what is in question is the
/// repetition, and a revision that answers rightly is not bad because another did not.
fn sound(record: &Record) -> Record {
    let answers = |sample: &&Sample| {
        matches!(sample.state, SampleState::Valid | SampleState::Excluded { .. })
    };
    Record { samples: record.samples.iter().filter(answers).cloned().collect(), ..record.clone() }
}

/// Whether samples were taken in the same order, as far as both go. Samples that were left out were
/// taken again in separate rounds, which depend on the machine.
fn same_order(record: &Record, repeated: &Record) -> bool {
    let planned = record.plan.samples.min(repeated.plan.samples);
    let order = |record: &Record| -> Vec<ArmKey> {
        record.samples.iter().filter(|sample| sample.round < planned).map(Sample::key).collect()
    };
    order(record).iter().zip(&order(repeated)).all(|(one, other)| one == other)
}

/// What makes another machine of this one, in words.
fn differences(of_record: &Machine, here: &Machine) -> Vec<String> {
    let told = |machine: &Machine| {
        let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
        [
            ("processor", known(&machine.cpu)),
            ("cores", machine.cores.to_string()),
            ("system", machine.os.clone()),
            ("architecture", machine.arch.clone()),
            ("file system", known(&machine.file_system)),
            (
                "virtual",
                machine.is_virtual.map_or("unknown", |it| if it { "yes" } else { "no" }).to_owned(),
            ),
        ]
    };
    let each = told(of_record).into_iter().zip(told(here)).filter(|(before, now)| before != now);
    each.map(|((what, before), (_, now))| format!("{what} {now} instead of {before}")).collect()
}

/// Whether the times of the arms agree; `None` where there are none, or one is inconclusive and no
/// other differs.
fn times_agree(times: &[Verdict]) -> Option<bool> {
    if times.iter().any(|time| matches!(time, Verdict::Slower | Verdict::Faster)) {
        return Some(false);
    }
    (!times.is_empty() && times.iter().all(|time| *time == Verdict::Same)).then_some(true)
}

fn give(
    arguments: &Arguments,
    compared: &Comparison,
    same_order: bool,
    elsewhere: &[String],
) -> anyhow::Result<(Code, anyhow::Result<()>)> {
    let arms = &compared.verdicts.arms;
    let counters_agree = arms.iter().all(|arm| matches!(arm.work, Work::Same | Work::Advisory));
    let times: Vec<Verdict> = arms.iter().filter_map(|arm| arm.time).collect();
    let times_agree = times_agree(&times);
    let gate = compared.gate();
    let bisect = arguments.bisect.then(|| Bisect::of(gate));
    let code = bisect.map_or(Code(gate.exit_code()), Bisect::code);
    let printed = match arguments.output.format {
        Format::Table => {
            let counters = if counters_agree { "equal" } else { "NOT EQUAL" };
            let times = match times_agree {
                None if !elsewhere.is_empty() => format!(
                    "NO EVIDENCE: this is another machine ({}); to compare times here, add --pairs",
                    elsewhere.join(", ")
                ),
                None if times.is_empty() => "not compared".to_owned(),
                None => "inconclusive".to_owned(),
                Some(true) => "within 25 %, as two runs may differ".to_owned(),
                Some(false) => "DIFFERENT".to_owned(),
            };
            let order = if same_order { "same" } else { "DIFFERENT" };
            let mut text = if arguments.output.details {
                comparison::details(compared)
            } else {
                let run = Run { name: compared.scenario.clone(), comparison: compared.clone() };
                comparison::terminal(&[run])
            };
            // Another code than this one ends with must not be read.
            let told = |code: u8| format!("Exit code {code}.");
            text = text.replacen(&told(gate.exit_code()), &told(code.0), 1);
            text += &format!("\nwork counters: {counters}\n");
            text += &wrapped(&format!("times: {times}"), 80, "  ");
            text += &format!("order of samples: {order}\n");
            if let Some(bisect) = bisect {
                text += &format!(
                    "for git bisect: {} (exit code {})\n",
                    format!("{bisect:?}").to_lowercase(),
                    code.0
                );
            }
            output::show(&text)
        }
        Format::Json => {
            let document = Document {
                schema: "tracerig.repro",
                version: 1,
                counters_agree,
                times_agree,
                same_order,
                exit_code: code.0,
                bisect,
                comparison: RawValue::from_string(comparison::json(compared)?)?,
            };
            output::print_json(&document)
        }
    };
    Ok((code, printed))
}
