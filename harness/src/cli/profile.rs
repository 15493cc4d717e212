//! `tracerig profile`: where the time of an arm goes, alone or beside another build.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde::Serialize;
use tracerig_reports::profile::{Profile, flame_graph};
use tracerig_reports::record::ArmKey;
use tracerig_reports::{Record, write_whole};

use super::output::{self, Output};
use super::run::{self, Journal};
use super::{Code, Interrupted, Usage, kept, no_definition};
use crate::machine;
use crate::profile::{ProfileError, Profiled, Tool};
use crate::scenario::{Definition, Kind, Place, ReproError, repro};

/// Show where the time of an arm goes: by function, by instructions, by system call.
///
/// Launches the arm on the data of a record or recipe under perf, Valgrind and strace, as far as
/// they are installed. With --base-bin, does the same with another build, and shows what costs more
/// or less than there.
///
/// Writes profile.json and a flame graph. Answers are verified as in a run. Functions that were
/// inlined count as those that they are in.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
                       tracerig profile --recipe quick --arm full\n  \
                       tracerig profile tracerig-out/relaunch-20261122T041721Z-4e05 --arm warm:hot \
                       --tools valgrind\n  \
                       tracerig profile --recipe quick --arm full --base-bin old/tracerig")]
pub(super) struct Arguments {
    /// record.json of a run, or its folder: its data and conditions are used.
    #[arg(value_name = "RECORD", conflicts_with = "recipe")]
    record: Option<PathBuf>,
    /// Recipe of the data.
    #[arg(long, value_name = "NAME", default_value = "quick")]
    recipe: String,
    /// Factor on the size of the recipe's data.
    #[arg(
        long,
        value_name = "F",
        default_value = "1",
        value_parser = super::scale,
        conflicts_with = "record"
    )]
    scale: f64,
    /// The arm, such as `full` or `warm:hot`; may be left out if the record has one only.
    #[arg(long, value_name = "ARM")]
    arm: Option<String>,
    /// Executable to profile [default: this one].
    #[arg(long, value_name = "PATH")]
    bin: Option<PathBuf>,
    /// Executable to compare it with.
    #[arg(long, value_name = "PATH")]
    base_bin: Option<PathBuf>,
    /// Database to use, if the record was made with `--db`.
    #[arg(long, value_name = "PATH", requires = "record")]
    db: Option<PathBuf>,
    /// Tools [default: those that are installed].
    #[arg(long, value_enum, value_delimiter = ',')]
    tools: Vec<Chosen>,
    /// Launches in which perf samples stacks; the others count one launch.
    #[arg(
        long,
        value_name = "N",
        default_value = "10",
        value_parser = clap::value_parser!(u64).range(1..=1000)
    )]
    launches: u64,
    /// Folder for the results [default: tracerig-out/profile-...].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

/// A tool, as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Chosen {
    /// Samples stacks.
    Perf,
    /// Counts instructions by function.
    Valgrind,
    /// Counts system calls.
    Strace,
}

impl Chosen {
    const fn tool(self) -> Tool {
        match self {
            Self::Perf => Tool::Perf,
            Self::Valgrind => Tool::Valgrind,
            Self::Strace => Tool::Strace,
        }
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: u64,
    arm: String,
    dataset: &'a str,
    new: &'a Profile,
    base: Option<&'a Profile>,
}

const FILE: &str = "profile.json";
const FLAME: &str = "flame.svg";

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    let (mut definition, seed) = defined(arguments)?;
    let tools = tools(arguments)?;
    let named = || Path::new("tracerig-out").join(machine::run_id("profile", &machine::now()));
    let out = arguments.out.clone().unwrap_or_else(named);
    kept::prepare(&out, &[(FILE, "a profile")])?;
    run::warn_of_debug_build();
    let current = || std::env::current_exe().context("the path of this program");
    let program =
        arguments.bin.as_deref().map_or_else(current, |path| Ok(super::executable(path)))?;
    let place = Place { program: program.clone(), ..run::place(seed)? };
    let base = arguments.base_bin.as_deref().map(super::executable);
    definition.programs = [program.clone()].into_iter().chain(base.clone()).collect();
    let mut journal = Journal::new(None);
    let prepared = definition.prepare(&place, &mut |event| journal.event(&event));
    let mut scenario = journal.end(prepared)?;
    let dataset = scenario.dataset().recipe.clone();
    let arm = definition.plan.arms[0].key();
    let mut profiled = Profiled {
        definition: &definition,
        scenario: scenario.as_mut(),
        arm: 0,
        tools: &tools,
        launches: arguments.launches,
    };
    let mut profile = |side: usize, program: &Path| {
        let tell = &mut |tool: Tool| {
            output::say(&format!("{}: {}", tool.program(), output::path(program)));
        };
        profiled.of((side, program), |_| (), tell).map_err(|error| match error {
            ProfileError::Interrupted => anyhow::Error::from(Interrupted),
            error => error.into(),
        })
    };
    let base = base.map(|base| profile(1, &base)).transpose()?;
    let new = profile(0, &program)?;
    give(arguments, &out, &arm, &dataset, (&new, base.as_ref()))
}

/// What is profiled, with its one arm, and the seed of what is appended.
fn defined(arguments: &Arguments) -> anyhow::Result<(Definition, u64)> {
    let (mut definition, seed) = match &arguments.record {
        Some(path) => {
            let path = if path.is_dir() { path.join(run::RECORD) } else { path.clone() };
            let record = Record::read(&path)?;
            if let Some(command) = &record.plan.command {
                let told = format!(
                    "the record is of the command {:?}; profile it by itself",
                    command.argv
                );
                return Err(Usage(told).into());
            }
            let definition = repro::definition(&record, arguments.db.as_deref());
            (definition.map_err(told)?, record.seed)
        }
        None => {
            let keys = [
                ("recipe".to_owned(), toml::Value::String(arguments.recipe.clone())),
                ("scale".to_owned(), toml::Value::Float(arguments.scale)),
            ];
            let kind = Kind::on(&arguments.recipe);
            (kind.of_plan(keys.into_iter().collect()).map_err(no_definition)?, 1)
        }
    };
    if let Some(arm) = &arguments.arm {
        definition.choose(std::slice::from_ref(arm)).map_err(|error| Usage(error.to_string()))?;
        // Both states of the page cache were meant; one is enough.
        definition.plan.arms.truncate(1);
    }
    let arms: Vec<String> = definition.plan.arms.iter().map(|arm| arm.key().name).collect();
    if arms.len() != 1 {
        return Err(Usage(format!("which arm? Give --arm with one of {}", arms.join(", "))).into());
    }
    Ok((definition, seed))
}

fn told(error: ReproError) -> anyhow::Error {
    match error {
        ReproError::OwnDatabase | ReproError::NoDatabase(_) => Usage(error.to_string()).into(),
        error => error.into(),
    }
}

/// The tools asked for, or those that there are; the others are named.
fn tools(arguments: &Arguments) -> anyhow::Result<Vec<Tool>> {
    if !arguments.tools.is_empty() {
        return Ok(arguments.tools.iter().map(|chosen| chosen.tool()).collect());
    }
    let (there, missing): (Vec<_>, Vec<_>) =
        Tool::ALL.into_iter().partition(|tool| tool.is_there());
    for tool in &missing {
        output::say(&format!("{}: not found, left out ({})", tool.program(), tool.install()));
    }
    anyhow::ensure!(
        !there.is_empty(),
        "there is no tool to profile with; install one of those named above"
    );
    Ok(there)
}

fn give(
    arguments: &Arguments,
    out: &Path,
    arm: &ArmKey,
    dataset: &str,
    (new, base): (&Profile, Option<&Profile>),
) -> anyhow::Result<Code> {
    let arm = arm.to_string();
    let document =
        Document { schema: "tracerig.profile", version: 1, arm: arm.clone(), dataset, new, base };
    let json = output::json(&document)?;
    write_whole(&out.join(FILE), json.as_bytes())?;
    if !new.stacks.is_empty() {
        let launches = arguments.launches;
        let beside = base.map(|base| (&base.stacks, launches));
        write_whole(&out.join(FLAME), flame_graph((&new.stacks, launches), beside).as_bytes())?;
    }
    let all = arguments.output.details;
    let text = match base {
        Some(base) => format!(
            "{arm} on {dataset}: {} compared with {}, largest change first\n{}",
            new.program,
            base.program,
            new.difference(base, all)
        ),
        None => format!("{arm} on {dataset}: {}\n{}", new.program, new.text(all)),
    };
    let printed = match arguments.output.format {
        output::Format::Table => output::show(&text),
        output::Format::Json => output::print(&json),
    };
    let code = Code::FINE.after(printed);
    let flame = if new.stacks.is_empty() { "" } else { ", flame.svg" };
    output::say(&format!("\nall functions: {}/{FILE}{flame} (or --details)", out.display()));
    Ok(code)
}
