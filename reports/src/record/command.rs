//! The command of a run that measures any command.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Cache;
use crate::units::nanos;

/// The command that every launch of a run starts, and under which conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandPlan {
    /// Program and arguments, as the operating system gets them. No shell reads them.
    pub argv: Vec<String>,
    /// A command run before each launch, likewise; `None`: none. Its time is not measured.
    pub prepare: Option<Vec<String>>,
    /// The file on standard input; `None`: nothing.
    pub input: Option<String>,
    /// The files whose pages are brought into the state of the page cache that an arm asks for.
    /// The input is one of them.
    pub files: Vec<String>,
    /// What standard output must be.
    pub output: Output,
    /// Launches before the first measured one.
    pub warmup: u64,
    /// How long one launch may take.
    #[serde(rename = "limit_ns", with = "nanos")]
    pub limit: Duration,
}

/// What the standard output of launches must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// That of the first launch.
    #[default]
    Equal,
    /// Anything.
    Ignore,
}

impl CommandPlan {
    /// What contradicts itself in the command or in the arms that launch it.
    pub(super) fn contradiction(&self, plan: &super::Plan) -> Option<String> {
        if self.argv.first().is_none_or(String::is_empty) {
            return Some("its command has no program".to_owned());
        }
        if self.prepare.as_ref().is_some_and(|argv| argv.first().is_none_or(String::is_empty)) {
            return Some("the command before each launch has no program".to_owned());
        }
        if self.warmup == 0 {
            return Some("no launch of its command comes before the measured ones".to_owned());
        }
        let arm = plan.arms.iter().find(|arm| arm.cache != Cache::Any && self.files.is_empty())?;
        Some(format!(
            "the arm {} asks for a state of the page cache, and no file is named",
            arm.key()
        ))
    }
}
