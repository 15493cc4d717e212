//! Where the time of an arm goes: its processes are launched under tools that sample stacks, count
//! instructions, or count system calls.

mod calls;
mod instructions;
mod stacks;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tracerig_reports::profile::{Counted, Profile, Unit};
use tracerig_reports::record::SampleState;

use crate::child::{Child, Streams};
use crate::interrupt;
use crate::scenario::{Definition, Program, Scenario, ScenarioError};
use crate::watch::Limits;

/// How many times longer a launch may take under a tool: Valgrind interprets every instruction.
const LONGER: u32 = 100;

/// Time that a tool gets to say its version.
const LONGEST_VERSION: Duration = Duration::from_secs(10);

/// Starts a tool whose output is read.
fn started(command: &mut Command, longest: Duration) -> io::Result<Child> {
    let limits = Limits { time: Some(longest), ..Limits::default() };
    Child::start(command, &Streams::Read(&tempfile::tempfile()?), limits)
}

/// A tool that tells where time goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// Samples stacks.
    Perf,
    /// Counts instructions by function.
    Valgrind,
    /// Counts system calls by kind.
    Strace,
}

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The tool is not installed.
    #[error("{tool}: not found; install it ({install}), or leave it out with --tools")]
    Missing {
        /// Its name.
        tool: &'static str,
        /// How it is installed.
        install: &'static str,
    },
    /// A launch under the tool gave no right answer.
    #[error("under {tool}, a launch of {program} failed: {cause}")]
    Launch {
        /// The tool.
        tool: &'static str,
        /// The program.
        program: String,
        /// What went wrong.
        cause: String,
    },
    /// What the tool wrote cannot be had.
    #[error("{tool}: {problem}")]
    Output {
        /// The tool.
        tool: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A signal asked for the end.
    #[error("interrupted")]
    Interrupted,
    /// A temporary folder.
    #[error("{}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The scenario.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
}

impl Tool {
    /// Every tool, in the order of their use.
    pub const ALL: [Self; 3] = [Self::Perf, Self::Valgrind, Self::Strace];

    /// The program.
    #[must_use]
    pub const fn program(self) -> &'static str {
        match self {
            Self::Perf => "perf",
            Self::Valgrind => "valgrind",
            Self::Strace => "strace",
        }
    }

    /// How it is installed.
    #[must_use]
    pub const fn install(self) -> &'static str {
        match self {
            Self::Perf => "Debian: apt install linux-perf",
            Self::Valgrind => "Debian: apt install valgrind",
            Self::Strace => "Debian: apt install strace",
        }
    }

    /// Whether it is installed.
    #[must_use]
    pub fn is_there(self) -> bool {
        let mut command = Command::new(self.program());
        started(command.arg("--version"), LONGEST_VERSION).and_then(Child::finish).is_ok()
    }

    /// The words before a command that has the tool write what it sees into `file`.
    fn prefix(self, file: &Path) -> Vec<OsString> {
        let words: &[&str] = match self {
            Self::Perf => &["record", "-q", "-F", "4000", "--call-graph", "dwarf,16384", "-o"],
            Self::Valgrind => &["-q", "--tool=callgrind", "--log-file=/dev/null"],
            Self::Strace => &["-f", "-c", "-o"],
        };
        let mut prefix = vec![self.program().into()];
        prefix.extend(words.iter().map(OsString::from));
        match self {
            Self::Valgrind => {
                let mut out = OsString::from("--callgrind-out-file=");
                out.push(file);
                prefix.push(out);
            }
            Self::Perf => prefix.extend([file.into(), "--".into()]),
            Self::Strace => prefix.push(file.into()),
        }
        prefix
    }

    /// Launches that are profiled: what is sampled needs several, what is counted repeats.
    const fn launches(self, asked: u64) -> u64 {
        match self {
            Self::Perf => asked,
            Self::Valgrind | Self::Strace => 1,
        }
    }

    fn failed(self, problem: String) -> ProfileError {
        ProfileError::Output { tool: self.program(), problem }
    }
}

/// An arm of a scenario that was made ready.
#[derive(Debug)]
pub struct Profiled<'a> {
    /// What was asked for.
    pub definition: &'a Definition,
    /// The scenario.
    pub scenario: &'a mut dyn Scenario,
    /// The place of the arm in the plan.
    pub arm: usize,
    /// The tools.
    pub tools: &'a [Tool],
    /// Launches that stacks are sampled in.
    pub launches: u64,
}

impl Profiled<'_> {
    /// Profiles `program`, which has this place among those that were made ready; `plant` changes
    /// what its processes do. `tell` hears which tool is at work.
    ///
    /// # Errors
    /// See [`ProfileError`].
    pub fn of(
        &mut self,
        (side, program): (usize, &Path),
        plant: impl Fn(&mut Program),
        tell: &mut dyn FnMut(Tool),
    ) -> Result<Profile, ProfileError> {
        let place = std::env::temp_dir();
        let folder = |source| ProfileError::Folder { path: place.clone(), source };
        let files = tempfile::tempdir_in(&place).map_err(folder)?;
        let limit = self.definition.time_limit * LONGER;
        let mut profile = Profile { program: program.display().to_string(), ..Profile::default() };
        for &tool in self.tools {
            tell(tool);
            if !tool.is_there() {
                return Err(ProfileError::Missing {
                    tool: tool.program(),
                    install: tool.install(),
                });
            }
            let mut launched = Program::of(&self.definition.plan, program, limit)?
                .on_cores(self.definition.plan.cores)
                .on_side(side);
            plant(&mut launched);
            let launches = tool.launches(self.launches);
            let mut written = Vec::new();
            for launch in 0..launches {
                if interrupt::requested() {
                    return Err(ProfileError::Interrupted);
                }
                let file = files.path().join(format!("{}-{launch}", tool.program()));
                launched.under(tool.prefix(&file));
                self.launch(tool, &mut launched)?;
                written.push(file);
            }
            let counted = match tool {
                Tool::Perf => {
                    for file in &written {
                        stacks::add(&mut profile.stacks, file)
                            .map_err(|error| tool.failed(error.to_string()))?;
                    }
                    Counted::of_stacks(tool.program(), launches, &profile.stacks)
                }
                Tool::Valgrind => Counted {
                    tool: tool.program().to_owned(),
                    unit: Unit::Instructions,
                    launches,
                    costs: read(tool, &written, instructions::costs)?,
                },
                Tool::Strace => Counted {
                    tool: tool.program().to_owned(),
                    unit: Unit::Calls,
                    launches,
                    costs: read(tool, &written, calls::costs)?,
                },
            };
            if counted.total() == 0 {
                return Err(tool.failed("it counted nothing".to_owned()));
            }
            profile.counted.push(counted);
        }
        Ok(profile)
    }

    fn launch(&mut self, tool: Tool, program: &mut Program) -> Result<(), ProfileError> {
        let (_, state) = self.scenario.launch(program, self.arm)?;
        let cause = match state {
            // Tools read from the device what the arm alone would not.
            SampleState::Valid | SampleState::Excluded { .. } => return Ok(()),
            SampleState::Failed { error } => error,
            SampleState::Mismatch { detail } => detail,
        };
        if interrupt::requested() {
            return Err(ProfileError::Interrupted);
        }
        let program = program.path().display().to_string();
        Err(ProfileError::Launch { tool: tool.program(), program, cause })
    }
}

/// What the tool wrote, read by `of`.
fn read<T>(tool: Tool, written: &[PathBuf], of: fn(&str) -> T) -> Result<T, ProfileError> {
    let Some(file) = written.first() else {
        return Err(tool.failed("it was not started".to_owned()));
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| tool.failed(format!("{}: {error}", file.display())))?;
    Ok(of(&text))
}
