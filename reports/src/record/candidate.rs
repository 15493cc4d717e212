//! The candidates of a run: programs of others that are measured beside our own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Plan;

/// A candidate whose arms are measured, closely enough to start it again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CandidatePlan {
    /// What the user calls it.
    pub name: String,
    /// The version that it told; `None` if it did not say who it is.
    pub version: Option<String>,
    /// Program and arguments, as the operating system gets them. No shell reads them.
    pub argv: Vec<String>,
    /// The folder that it is started in; empty: the current one.
    pub folder: String,
    /// Environment variables that it gets beside those of the allow-list.
    pub env: BTreeMap<String, String>,
    /// Whether it ships with tracerig, which then has its files.
    pub ships: bool,
    /// SHA-256 of the executable that is started; `None` if it cannot be read.
    pub sha256: Option<String>,
}

impl CandidatePlan {
    /// What asks it to start and to exit.
    pub const IDLE: &'static str = "idle";

    /// `name@version`: the engine of its arms, whose names begin with it.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.version {
            Some(version) => format!("{}@{version}", self.name),
            None => self.name.clone(),
        }
    }

    /// The name of its arm that is asked for this.
    #[must_use]
    pub fn arm(&self, what: &str) -> String {
        format!("{} {what}", self.label())
    }
}

impl Plan {
    /// The candidate whose processes answer in the arms of this engine; `None` for our own.
    #[must_use]
    pub fn candidate(&self, engine: &str) -> Option<&CandidatePlan> {
        self.candidates.iter().find(|candidate| candidate.label() == engine)
    }

    /// What contradicts itself in the candidates.
    pub(super) fn contradiction_of_candidates(&self) -> Option<String> {
        let mut names = std::collections::BTreeSet::new();
        let twice = self.candidates.iter().find(|candidate| !names.insert(candidate.label()));
        if let Some(twice) = twice {
            return Some(format!("the plan has the candidate {} twice", twice.label()));
        }
        let lacks =
            |candidate: &&CandidatePlan| candidate.argv.first().is_none_or(String::is_empty);
        let lacking = self.candidates.iter().find(lacks)?;
        Some(format!("its candidate {} has no program", lacking.label()))
    }
}
