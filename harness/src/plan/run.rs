//! One run of a plan: a scenario, its data, its arms, and how often.

use std::path::PathBuf;

use serde::Deserialize;
use toml::{Table, Value};
use tracerig_reports::Record;
use tracerig_reports::record::{ArmPlan, Cache, Process};

use crate::scenario::guest::Invited;
use crate::scenario::{Definition, DefinitionError, KINDS, Kind, repro};

/// A scenario with what the plan asks of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Table")]
pub struct Run {
    /// Names its results.
    pub name: String,
    /// What it is for, in a sentence.
    pub why: String,
    /// The scenario.
    pub kind: &'static Kind,
    /// The arms, as `tracerig run` takes them.
    pub arms: Vec<String>,
    /// The arms that are compared between executables, likewise; with a hot page cache and in fresh
    /// processes only.
    pub compare: Vec<String>,
    /// Whether only the work of these is compared, not their time.
    pub counters_only: bool,
    /// Samples of each arm.
    pub samples: u64,
    own: Own,
}

/// What only the scenario knows of a run.
#[derive(Clone, Debug)]
enum Own {
    /// The keys that it has for itself.
    Keys(Table),
    /// A record, and the user's own database if it is of one.
    Record(Box<Record>, Option<PathBuf>),
}

/// The keys of every run.
#[derive(Deserialize)]
struct Keys {
    name: String,
    why: String,
    scenario: String,
    arms: Vec<String>,
    #[serde(default)]
    compare: Vec<String>,
    #[serde(default)]
    counters_only: bool,
    samples: u64,
    /// Why so many, in a sentence.
    #[serde(rename = "why_samples")]
    _why_samples: String,
}

/// The names of these keys.
const KEYS: [&str; 8] =
    ["name", "why", "scenario", "arms", "compare", "counters_only", "samples", "why_samples"];

impl TryFrom<Table> for Run {
    type Error = String;

    fn try_from(table: Table) -> Result<Self, String> {
        let (keys, own): (Table, Table) =
            table.into_iter().partition(|(key, _)| KEYS.contains(&key.as_str()));
        let Keys { name, why, scenario, arms, compare, counters_only, samples, .. } =
            keys.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let kind = Kind::find(&scenario).ok_or_else(|| {
            let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
            format!("unknown scenario `{scenario}`; choose among {}", known.join(", "))
        })?;
        Ok(Self { name, why, kind, arms, compare, counters_only, samples, own: Own::Keys(own) })
    }
}

impl Run {
    /// A run that only compares these arms, on what the keys of the scenario say.
    #[must_use]
    pub fn comparing(kind: &'static Kind, why: &str, arms: Vec<String>, own: Table) -> Self {
        let (name, why) = (kind.name.to_owned(), why.to_owned());
        let own = Own::Keys(own);
        Self { name, why, kind, compare: arms.clone(), arms, counters_only: false, samples: 1, own }
    }

    /// A run that compares, on the data of `record`, those of its arms that can be compared between
    /// executables. `None` if the scenario is not known.
    #[must_use]
    pub fn comparing_again(record: Record, database: Option<PathBuf>) -> Option<Self> {
        let kind = Kind::find(&record.scenario)?;
        let is_compared =
            |arm: &&ArmPlan| arm.cache != Cache::Cold && arm.process == Process::Fresh;
        let named = |arm: &ArmPlan| format!("{}:{}", arm.name, arm.cache);
        let arms = record.plan.arms.iter().filter(is_compared).map(named).collect();
        let why = format!("The data of the run {}, its arms with a hot page cache.", record.id);
        let own = Own::Record(Box::new(record), database);
        Some(Self { own, ..Self::comparing(kind, &why, arms, Table::new()) })
    }

    /// The same on the dataset of a recipe: refreshes of an archive, relaunches on a database.
    #[must_use]
    pub fn comparing_on(recipe: &str, why: &str, arms: Vec<String>) -> Self {
        let own = Table::from_iter([("recipe".to_owned(), Value::from(recipe))]);
        Self::comparing(Kind::on(recipe), why, arms, own)
    }

    /// What is asked of its arms.
    ///
    /// # Errors
    /// An arm or a recipe that is not there, or cannot be read.
    pub fn definition(&self) -> Result<Definition, DefinitionError> {
        let mut definition = match &self.own {
            Own::Keys(keys) => self.kind.of_plan(keys.clone())?,
            Own::Record(record, database) => repro::definition(record, database.as_deref())
                .map_err(|error| DefinitionError::Words(error.to_string()))?,
        };
        definition.choose(&self.arms)?;
        definition.plan.samples = self.samples;
        Ok(definition)
    }

    /// What is asked of its compared arms.
    ///
    /// # Errors
    /// As [`Run::definition`]; an arm that cannot be compared.
    pub fn of_compared(&self) -> Result<Definition, DefinitionError> {
        let mut definition = self.definition()?;
        definition.choose(&self.compare).map_err(|error| format!("compare: {error}"))?;
        match definition.not_compared() {
            Some(words) => Err(DefinitionError::Words(format!("compare: {words}"))),
            None => Ok(definition),
        }
    }

    /// What is asked of two candidates of others, one on each side: the compared arms, or every arm
    /// that both can be launched in.
    ///
    /// # Errors
    /// An arm or a recipe that is not there, or cannot be read.
    pub fn of_candidates(&self, sides: &[Invited; 2]) -> Result<Definition, DefinitionError> {
        let Own::Keys(keys) = &self.own else {
            return Err("candidates are compared on a recipe".to_owned().into());
        };
        let mut definition = self.kind.of_plan(keys.clone())?;
        definition.oppose(sides, &self.compare)?;
        Ok(definition)
    }

    /// What makes no sense in it, apart from numbers out of range; whether its recipe exists shows
    /// when it is needed.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.arms.is_empty() {
            return Err("it needs an arm".to_owned());
        }
        let defined = if self.compare.is_empty() { self.definition() } else { self.of_compared() };
        match defined {
            Err(DefinitionError::Words(words)) => Err(words),
            Err(DefinitionError::Recipe(_)) | Ok(_) => Ok(()),
        }
    }
}
