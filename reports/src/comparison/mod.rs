//! Comparisons of two programs or two runs: what is compared, the verdicts, and their rendering.

mod comment;
mod file;
mod json;
mod markdown;
mod records;
pub(crate) mod tables;
mod terminal;
#[cfg(test)]
pub(crate) mod tests;
mod times;
pub(crate) mod words;

pub use comment::{MARKER, MOST_COMMENT, MOST_SUMMARY, comment, state, step_summary};
pub use file::{Comparisons, FILE_SCHEMA, FILE_VERSION, Run};
pub use json::json;
pub use markdown::markdown;
pub use records::of_records;
pub use terminal::{details, terminal};
pub use times::{ArmTimes, BeforeAfter, PhaseTimes};

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::record::{Build, Machine, Record};
use crate::verdict::{Gate, Verdicts};

/// Name of the format of [`json`].
pub const SCHEMA: &str = "tracerig.comparison";
/// Version of that format: fields may be added in a version, never renamed or removed. It is
/// described in `schema/comparison-v1.schema.json` of this crate.
pub const VERSION: u64 = 1;

/// A comparison: what was compared, and the verdicts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The scenario, for instance `relaunch`.
    pub scenario: String,
    /// Name of the dataset recipe.
    pub recipe: String,
    /// The program that is compared with.
    pub base: Program,
    /// The program in question.
    pub new: Program,
    /// The command that repeats the comparison, program first; empty if unknown.
    pub command: Vec<String>,
    /// Why no times are compared; `None` if they are.
    pub times_refused: Option<Refusal>,
    /// What launches took, as a whole and phase by phase; empty where no times are compared, and in
    /// files of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<ArmTimes>,
    /// The verdicts.
    #[serde(flatten)]
    pub verdicts: Verdicts,
}

/// One of the two programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// What the user called it: a path, a revision, a baseline.
    pub name: String,
    /// What was built.
    pub build: Build,
    /// Fingerprint of the machine that it ran on.
    pub machine_fingerprint: String,
    /// The cores that it divided its work by: a full scan reads through as many connections, up to
    /// four, and its counters follow that.
    pub cores: u64,
    /// The run that its figures come from; `None` where it ran for this comparison alone.
    pub run: Option<String>,
    /// Program and arguments, where a command is compared, and then `build` is the tracerig that
    /// launched it; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
}

impl Program {
    /// The program that ran on this machine.
    #[must_use]
    pub fn new(name: impl Into<String>, build: Build, machine: &Machine) -> Program {
        Program {
            name: name.into(),
            build,
            machine_fingerprint: machine.fingerprint.clone(),
            cores: machine.cores,
            run: None,
            argv: None,
        }
    }

    /// The program of a record that the user calls `name`.
    #[must_use]
    pub fn of(name: impl Into<String>, record: &Record) -> Program {
        let run = Some(record.id.clone());
        let argv = record.plan.command.as_ref().map(|command| command.argv.clone());
        let cores = record.cores();
        Program { run, argv, cores, ..Program::new(name, record.build.clone(), &record.machine) }
    }
}

/// Why the times of two programs are not compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// They ran on different machines.
    OtherMachine {
        /// Fingerprint of the machine of the base.
        base: String,
        /// Fingerprint of the machine of the new program.
        new: String,
    },
    /// They were built with different profiles of cargo.
    OtherProfile {
        /// Profile of the base.
        base: String,
        /// Profile of the new program.
        new: String,
    },
}

impl Refusal {
    /// Whether these two may not be compared by time.
    #[must_use]
    pub fn of(base: &Program, new: &Program) -> Option<Refusal> {
        if base.machine_fingerprint != new.machine_fingerprint {
            let [base, new] = [base, new].map(|program| program.machine_fingerprint.clone());
            return Some(Refusal::OtherMachine { base, new });
        }
        if base.build.profile != new.build.profile {
            let [base, new] = [base, new].map(|program| program.build.profile.clone());
            return Some(Refusal::OtherProfile { base, new });
        }
        None
    }
}

impl fmt::Display for Refusal {
    /// A sentence: why, and what would help.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::OtherMachine { base, new } => write!(
                f,
                "Times are not compared: the machines differ (fingerprints {base} and {new}). Run \
                 both programs on one machine to compare times."
            ),
            Refusal::OtherProfile { base, new } => write!(
                f,
                "Times are not compared: the builds differ (profiles {base} and {new}). Build both \
                 with the same profile."
            ),
        }
    }
}

impl Comparison {
    /// The same with its times left out, so that work alone decides.
    #[must_use]
    pub fn without_times(mut self) -> Comparison {
        self.times = Vec::new();
        for arm in &mut self.verdicts.arms {
            (arm.time, arm.change, arm.noise) = (None, None, None);
        }
        self
    }

    /// What it amounts to.
    #[must_use]
    pub fn gate(&self) -> Gate {
        self.verdicts.gate()
    }
}
