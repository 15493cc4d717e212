//! What a run was to do: arms, samples, order.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{AppendPlan, CandidatePlan, CommandPlan, MOST_SAMPLES};
use crate::units::nanos;

/// What a run does, before it does it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The scenario, for instance `relaunch`.
    pub scenario: String,
    /// Name of the dataset recipe.
    pub recipe: String,
    /// Samples of each arm, one a round.
    pub samples: u64,
    /// How many launches make one sample.
    pub launches: LaunchPolicy,
    /// Rows appended before each launch of an arm that measures an append.
    pub appended_rows: u64,
    /// What every launch of an append run does; `None` in runs of other scenarios, and then absent
    /// from the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub append: Option<AppendPlan>,
    /// The command that is launched; `None` in runs of other scenarios, and then absent from the
    /// file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandPlan>,
    /// The programs of others that are measured, too; absent from the file where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<CandidatePlan>,
    /// Seed of the order in which the arms of a round run.
    pub order_seed: u64,
    /// Cores that launches divide their work by: a full scan reads through as many connections, up
    /// to four. A repetition keeps to it, because counters follow it. `None` in records of earlier
    /// versions, where it is what the machine had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<u64>,
    /// What is compared.
    pub arms: Vec<ArmPlan>,
}

/// Rows appended before each launch.
pub const MOST_APPENDED_ROWS: u64 = 1_000_000;

/// Launches of one sample.
pub const MOST_LAUNCHES: u64 = 10_000;

/// Threads that append at once.
pub const MOST_APPENDERS: u64 = 4096;

/// Appends a second over all threads. Each append is planned before a launch.
pub const MOST_RATE: u64 = 1_000_000;

/// Appends of one launch, those to warm up included. Their histories are read back and compared.
pub const MOST_APPENDS: u64 = 20_000_000;

/// Launches of a command before the first measured one.
pub const MOST_WARMUP: u64 = 10_000;

impl Plan {
    /// What is beyond its limit, in words: a record may be foreign, and is run again by its
    /// numbers.
    pub(super) fn beyond_limit(&self) -> Option<String> {
        let append = self.append.as_ref();
        let launches = self.arms.iter().map(|arm| arm.launches_per_sample).max();
        let numbers = [
            ("samples", Some(self.samples), MOST_SAMPLES),
            ("appended_rows", Some(self.appended_rows), MOST_APPENDED_ROWS),
            ("launches_per_sample", launches, MOST_LAUNCHES),
            ("threads", append.map(|append| append.threads), MOST_APPENDERS),
            ("rate", append.and_then(|append| append.rate), MOST_RATE),
            ("appends", append.map(|append| append.appends), MOST_APPENDS),
            ("warmup", append.map(|append| append.warmup), MOST_APPENDS),
            ("command.warmup", self.command.as_ref().map(|command| command.warmup), MOST_WARMUP),
        ];
        let beyond = |(name, number, most): (&str, Option<u64>, u64)| {
            let number = number.filter(|number| *number > most)?;
            Some(format!("`{name}` of its plan is {number}; the limit is {most}"))
        };
        numbers.into_iter().find_map(beyond)
    }

    /// The arm with this identity.
    #[must_use]
    pub fn arm(&self, key: &ArmKey) -> Option<&ArmPlan> {
        self.arms.iter().find(|arm| arm.name == key.name && arm.cache == key.cache)
    }
}

/// How many launches of an arm make one sample: as many as take this long together. Single launches
/// of 3 ms are mostly noise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaunchPolicy {
    /// The launches of one sample together take at least this long.
    #[serde(rename = "at_least_ns", with = "nanos")]
    pub at_least: Duration,
}

impl Default for LaunchPolicy {
    /// 25 ms.
    fn default() -> LaunchPolicy {
        LaunchPolicy { at_least: Duration::from_millis(25) }
    }
}

/// One of the things compared. Name and cache state together identify it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmPlan {
    /// What is launched, for instance `warm`.
    pub name: String,
    /// State of the page cache before each launch.
    pub cache: Cache,
    /// The program that answers, for instance `scanner` or `published`.
    pub engine: String,
    /// Why this arm is in the plan, in a sentence.
    pub why: String,
    /// What a launch is.
    #[serde(default)]
    pub process: Process,
    /// Launches in one sample.
    pub launches_per_sample: u64,
}

/// What a launch of an arm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Process {
    /// A separate process.
    #[default]
    Fresh,
    /// A question to a long-lived process. Its time is that from question to answer: no process
    /// starts or ends in it, so that it is compared with the time inside other processes only.
    Resident,
    /// A separate process, launched while another one of the arm runs.
    Paired,
}

impl ArmPlan {
    /// Its identity in the run.
    #[must_use]
    pub fn key(&self) -> ArmKey {
        ArmKey { name: self.name.clone(), cache: self.cache }
    }
}

/// State of the page cache, as far as the dataset is concerned, before a launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cache {
    /// Everything the launch reads is in memory.
    Hot,
    /// Nothing of the dataset is in memory.
    Cold,
    /// Whatever it happens to be: it is not among the conditions of the arm.
    Any,
}

impl fmt::Display for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Cache::Hot => "hot",
            Cache::Cold => "cold",
            Cache::Any => "any",
        })
    }
}

/// Identity of an arm in a run: `warm` with a hot cache is another arm than `warm` with a cold one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ArmKey {
    /// Name of the arm.
    pub name: String,
    /// State of its page cache.
    pub cache: Cache,
}

impl ArmKey {
    /// The arm `name` with the page cache in this state.
    #[must_use]
    pub fn new(name: impl Into<String>, cache: Cache) -> ArmKey {
        ArmKey { name: name.into(), cache }
    }
}

impl fmt::Display for ArmKey {
    /// `warm, cache hot`: the arm `cold` may run with a hot cache, so both words are needed.
    /// `async` where the cache is no condition.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.cache == Cache::Any {
            return f.pad(&self.name);
        }
        f.pad(&format!("{}, cache {}", self.name, self.cache))
    }
}
