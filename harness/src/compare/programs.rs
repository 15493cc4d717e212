//! What the two sides of a comparison launch.

use std::path::PathBuf;

use rand_chacha::ChaCha12Rng;
use tracerig_reports::comparison;
use tracerig_reports::record::{Build, Machine, Plan};

use super::executables::Executables;
use super::sides::Side;
use super::{CompareError, Job};
use crate::build;
use crate::plan::Run;
use crate::protocol::ProtocolError;
use crate::scenario::guest::Invited;
use crate::scenario::{Definition, Program};

/// What one side launches.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A tracerig, at this path.
    Executable(PathBuf),
    /// Any command: program and arguments.
    Command(Vec<String>),
    /// A candidate that answers the protocol.
    Candidate(Box<Invited>),
}

/// The place of a side among two.
fn place(side: Side) -> usize {
    usize::from(side == Side::New)
}

/// What both sides launch.
#[derive(Debug)]
pub(super) enum Programs {
    /// Two executables that were asked what they are.
    Executables(Box<Executables>),
    /// Two commands, of which nothing is known.
    Commands([Vec<String>; 2]),
    /// Two candidates that said who they are.
    Candidates(Box<[Invited; 2]>),
}

impl Programs {
    /// What `job` compares.
    pub(super) fn of(job: &Job) -> Result<Self, CompareError> {
        match (&job.base.1, &job.new.1) {
            (Subject::Executable(base), Subject::Executable(new)) => {
                Ok(Self::Executables(Box::new(Executables::of(base, new, &job.place.workplaces)?)))
            }
            (Subject::Command(base), Subject::Command(new)) => {
                Ok(Self::Commands([base.clone(), new.clone()]))
            }
            (Subject::Candidate(base), Subject::Candidate(new)) => {
                Ok(Self::Candidates(Box::new([(**base).clone(), (**new).clone()])))
            }
            _ => Err(CompareError::Unlike),
        }
    }

    /// The program that does not understand what `run` asks, by its name, and why; none, as a rule.
    pub(super) fn lacks<'a>(
        &self,
        job: &'a Job,
        run: &Run,
    ) -> Result<Option<(&'a str, ProtocolError)>, CompareError> {
        let Self::Executables(executables) = self else { return Ok(None) };
        let plan = super::compared(run)?.plan;
        for (side, (name, subject)) in [(Side::Base, &job.base), (Side::New, &job.new)] {
            let hello = executables.hello(side);
            if let (false, Subject::Executable(path)) = (hello.understands(&plan), subject) {
                return Ok(Some((name, hello.clone().other(path))));
            }
        }
        Ok(None)
    }

    /// What this side launches, which the user calls `name`, for the result.
    pub(super) fn told(&self, side: Side, name: &str, machine: &Machine) -> comparison::Program {
        comparison::Program {
            argv: self.argv(side).map(<[String]>::to_vec),
            ..comparison::Program::new(name, self.build(side), machine)
        }
    }

    /// The build of this side; of a command, that of the program that launches it.
    fn build(&self, side: Side) -> Build {
        match self {
            Self::Executables(executables) => executables.hello(side).build.clone(),
            Self::Commands(_) | Self::Candidates(_) => build::this(),
        }
    }

    /// The command of this side.
    fn argv(&self, side: Side) -> Option<&[String]> {
        match self {
            Self::Executables(_) => None,
            Self::Commands([base, new]) => Some(if side == Side::New { new } else { base }),
            Self::Candidates(both) => Some(&both[place(side)].plan.argv),
        }
    }

    /// The executables of the sides, in their order; none where commands are compared.
    pub(super) fn executables(&self) -> Vec<PathBuf> {
        match self {
            Self::Executables(executables) => Side::ALL.map(|side| executables.path(side)).into(),
            Self::Commands(_) | Self::Candidates(_) => Vec::new(),
        }
    }

    /// What is launched on this side.
    pub(super) fn program(
        &self,
        side: Side,
        definition: &Definition,
    ) -> Result<Program, CompareError> {
        let limit = definition.time_limit;
        Ok(match self {
            Self::Executables(executables) => {
                let program = Program::new(&executables.path(side), limit)?;
                program.on_cores(definition.plan.cores).on_side(side as usize)
            }
            Self::Commands(_) => Program::of_command(self.argv(side).unwrap_or_default(), limit)?,
            Self::Candidates(_) => Program::of_guest(place(side), limit)?,
        })
    }

    /// The plan of this side.
    pub(super) fn plan(&self, side: Side, plan: &Plan) -> Plan {
        let mut plan = plan.clone();
        if let (Some(command), Some(argv)) = (&mut plan.command, self.argv(side)) {
            command.argv = argv.to_vec();
        }
        if let Self::Candidates(both) = self {
            plan.candidates = vec![both[place(side)].plan.clone()];
        }
        plan
    }

    /// Gives both a fresh start, as far as that is possible.
    pub(super) fn renew(&self, random: &mut ChaCha12Rng) -> Result<(), CompareError> {
        match self {
            Self::Executables(executables) => executables.renew(random),
            // A command is started from where it lies: what it needs beside it is not known.
            Self::Commands(_) | Self::Candidates(_) => Ok(()),
        }
    }
}
