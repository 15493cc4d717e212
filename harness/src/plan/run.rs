//! One run of a plan: a scenario, its data, its arms, and how often.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use tracerig_datasets::archive::ArchiveRecipe;
use tracerig_datasets::{Cache as Datasets, DatasetError, Recipe};
use tracerig_reports::record::{Cache, Process};

use crate::scenario::append::{self, Condition};
use crate::scenario::refresh;
use crate::scenario::relaunch::{self, Source};

/// A scenario with what the plan asks of it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "scenario", rename_all = "lowercase")]
pub enum Run {
    /// What a relaunch costs.
    Relaunch(RelaunchRun),
    /// What an append costs.
    Append(AppendRun),
    /// What a refresh costs.
    Refresh(RefreshRun),
}

/// A run of the relaunch scenario.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelaunchRun {
    /// Names its results.
    pub name: String,
    /// What it is for, in a sentence.
    pub why: String,
    /// The dataset: a recipe's name or path.
    pub recipe: String,
    /// Factor on its rows.
    #[serde(default = "one")]
    pub scale: f64,
    /// The arms, as `tracerig run relaunch --arms` takes them.
    pub arms: Vec<String>,
    /// The arms that are compared between executables, likewise; with a hot page cache and in fresh processes only.
    #[serde(default)]
    pub compare: Vec<String>,
    /// Whether only the work of these is compared, not their time.
    #[serde(default)]
    pub counters_only: bool,
    /// Samples of each arm.
    pub samples: u64,
    /// Why so many, in a sentence.
    pub why_samples: String,
}

/// A run of the append scenario.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppendRun {
    /// Names its results.
    pub name: String,
    /// What it is for, in a sentence.
    pub why: String,
    /// Threads that append at once.
    pub threads: u64,
    /// Appends a second over all threads; absent: as fast as it goes.
    pub rate: Option<u64>,
    /// When an append is acknowledged.
    #[serde(default)]
    pub durability: Acknowledged,
    /// Whether another process keeps taking the write lock.
    #[serde(default)]
    pub contended: bool,
    /// Appends of one launch; absent: those of the scenario.
    pub appends: Option<u64>,
    /// The arms.
    pub arms: Vec<String>,
    /// The arms that are compared between executables.
    #[serde(default)]
    pub compare: Vec<String>,
    /// Whether only the work of these is compared, not their time.
    #[serde(default)]
    pub counters_only: bool,
    /// Samples of each arm.
    pub samples: u64,
    /// Why so many, in a sentence.
    pub why_samples: String,
}

/// A run of the refresh scenario. It is measured, not compared between executables.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshRun {
    /// Names its results.
    pub name: String,
    /// What it is for, in a sentence.
    pub why: String,
    /// The archive: a recipe's name or path.
    pub recipe: String,
    /// Factor on the bytes of it that do not matter.
    #[serde(default = "one")]
    pub scale: f64,
    /// The arms.
    pub arms: Vec<String>,
    /// Samples of each arm.
    pub samples: u64,
    /// Why so many, in a sentence.
    pub why_samples: String,
}

/// When an append is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Acknowledged {
    /// When the operating system has its bytes.
    #[default]
    Buffered,
    /// When the device has them.
    Fsync,
}

fn one() -> f64 {
    1.0
}

/// Where runs of a plan are made, and by what.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where datasets are kept.
    pub datasets: Datasets,
    /// Where working copies are made.
    pub workplaces: PathBuf,
    /// Seed of the order of arms and of what is appended.
    pub seed: u64,
    /// The program that is launched.
    pub program: PathBuf,
    /// The command line, for the record.
    pub command: Vec<String>,
}

/// A run whose scenario, arms and data are settled.
#[derive(Clone, Debug)]
pub enum Prepared {
    /// Of the relaunch scenario.
    Relaunch {
        /// Its arms.
        plan: relaunch::Plan,
        /// Its data.
        recipe: Box<Recipe>,
        /// Factor on its rows.
        scale: f64,
    },
    /// Of the append scenario.
    Append {
        /// Its arms.
        plan: append::Plan,
        /// How they append.
        condition: Condition,
    },
    /// Of the refresh scenario.
    Refresh {
        /// Its arms.
        plan: refresh::Plan,
        /// Its data.
        recipe: Box<ArchiveRecipe>,
        /// Factor on its bytes.
        scale: f64,
    },
}

/// Why a run of a plan cannot be settled.
#[derive(Debug, thiserror::Error)]
pub enum RunProblem {
    /// It asks for what is not there, in words.
    #[error("{0}")]
    Words(String),
    /// Its recipe is not there, or is none.
    #[error(transparent)]
    Recipe(#[from] DatasetError),
}

impl From<String> for RunProblem {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

impl Run {
    /// What its results are named after.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Relaunch(run) => &run.name,
            Self::Append(run) => &run.name,
            Self::Refresh(run) => &run.name,
        }
    }

    /// What it is for.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::Relaunch(run) => &run.why,
            Self::Append(run) => &run.why,
            Self::Refresh(run) => &run.why,
        }
    }

    /// The arms that are compared between executables.
    #[must_use]
    pub fn compared(&self) -> &[String] {
        match self {
            Self::Relaunch(run) => &run.compare,
            Self::Append(run) => &run.compare,
            Self::Refresh(_) => &[],
        }
    }

    /// Whether only the work of the compared arms is compared.
    #[must_use]
    pub fn counters_only(&self) -> bool {
        match self {
            Self::Relaunch(run) => run.counters_only,
            Self::Append(run) => run.counters_only,
            Self::Refresh(_) => false,
        }
    }

    /// The same run of its compared arms alone.
    #[must_use]
    pub fn of_compared(&self) -> Self {
        let mut run = self.clone();
        match &mut run {
            Self::Relaunch(run) => run.arms.clone_from(&run.compare),
            Self::Append(run) => run.arms.clone_from(&run.compare),
            Self::Refresh(run) => run.arms.clear(),
        }
        run
    }

    /// The run with everything that its names stand for.
    ///
    /// # Errors
    /// An arm or a recipe that is not there, or cannot be read.
    pub fn prepared(&self) -> Result<Prepared, RunProblem> {
        match self {
            Self::Relaunch(run) => {
                let recipe = Recipe::find(&run.recipe)?;
                Ok(Prepared::Relaunch {
                    plan: run.plan(&run.arms)?,
                    recipe: Box::new(recipe),
                    scale: run.scale,
                })
            }
            Self::Append(run) => {
                Ok(Prepared::Append { plan: run.plan(&run.arms)?, condition: run.condition() })
            }
            Self::Refresh(run) => {
                let recipe = ArchiveRecipe::find(&run.recipe)?;
                Ok(Prepared::Refresh { plan: run.plan()?, recipe: Box::new(recipe), scale: run.scale })
            }
        }
    }

    /// What makes no sense in it, apart from numbers out of range; whether its recipe exists shows when it is needed.
    pub(super) fn check(&self) -> Result<(), String> {
        let arms = match self {
            Self::Relaunch(run) => &run.arms,
            Self::Append(run) => &run.arms,
            Self::Refresh(run) => &run.arms,
        };
        if arms.is_empty() {
            return Err("it needs an arm".to_owned());
        }
        match self {
            Self::Relaunch(run) => run.check(),
            Self::Append(run) => run.check(),
            Self::Refresh(run) => run.check(),
        }
    }
}

impl RelaunchRun {
    fn plan(&self, arms: &[String]) -> Result<relaunch::Plan, String> {
        let mut plan = relaunch::Plan::builtin().map_err(|error| error.to_string())?;
        plan.choose(arms).map_err(|error| error.to_string())?;
        plan.samples = self.samples;
        plan.recipe.clone_from(&self.recipe);
        Ok(plan)
    }

    fn check(&self) -> Result<(), String> {
        let plan = self.plan(&self.arms)?;
        if self.compare.is_empty() {
            return Ok(());
        }
        let mut compared = plan;
        compared.choose(&self.compare).map_err(|error| format!("compare: {error}"))?;
        match compared.keyed().find(|(key, arm)| key.cache != Cache::Hot || arm.process != Process::Fresh) {
            Some((key, _)) => Err(format!(
                "compare: {key}: only fresh processes with a hot page cache are compared between executables"
            )),
            None => Ok(()),
        }
    }
}

impl AppendRun {
    fn condition(&self) -> Condition {
        Condition {
            threads: self.threads,
            fsync: self.durability == Acknowledged::Fsync,
            rate: self.rate,
            contended: self.contended,
        }
    }

    fn plan(&self, arms: &[String]) -> Result<append::Plan, String> {
        let mut plan = append::Plan::builtin().map_err(|error| error.to_string())?;
        plan.choose(arms).map_err(|error| error.to_string())?;
        plan.samples = self.samples;
        if let Some(appends) = self.appends {
            plan.appends = appends;
            plan.appends_with_fsync = appends;
        }
        Ok(plan)
    }

    fn check(&self) -> Result<(), String> {
        if self.rate.is_some() && self.appends.is_some() {
            return Err("at a rate, a launch appends for five seconds: leave `appends` out".to_owned());
        }
        let mut plan = self.plan(&self.arms)?;
        match self.compare.is_empty() {
            true => Ok(()),
            false => plan.choose(&self.compare).map_err(|error| format!("compare: {error}")),
        }
    }
}

impl RefreshRun {
    fn plan(&self) -> Result<refresh::Plan, String> {
        let mut plan = refresh::Plan::builtin().map_err(|error| error.to_string())?;
        plan.choose(&self.arms).map_err(|error| error.to_string())?;
        plan.samples = self.samples;
        plan.recipe.clone_from(&self.recipe);
        Ok(plan)
    }

    fn check(&self) -> Result<(), String> {
        self.plan().map(drop)
    }
}

impl Place {
    /// The job of a run of the refresh scenario.
    #[must_use]
    pub fn refresh(&self, plan: refresh::Plan, recipe: Box<ArchiveRecipe>, scale: f64) -> refresh::Job {
        refresh::Job {
            plan,
            recipe,
            scale,
            datasets: self.datasets.clone(),
            workplaces: self.workplaces.clone(),
            seed: self.seed,
            program: self.program.clone(),
            expected_digest: None,
            command: self.command.clone(),
        }
    }

    /// The job of a run of the relaunch scenario.
    #[must_use]
    pub fn relaunch(&self, plan: relaunch::Plan, recipe: Box<Recipe>, scale: f64) -> relaunch::Job {
        relaunch::Job {
            plan,
            source: Source::Recipe { recipe, scale },
            datasets: self.datasets.clone(),
            workplaces: self.workplaces.clone(),
            seed: self.seed,
            program: self.program.clone(),
            command: self.command.clone(),
            launches: BTreeMap::new(),
            expected_rows: None,
        }
    }

    /// The job of a run of the append scenario.
    #[must_use]
    pub fn append(&self, plan: append::Plan, condition: Condition) -> append::Job {
        append::Job {
            plan,
            condition,
            workplaces: self.workplaces.clone(),
            seed: self.seed,
            program: self.program.clone(),
            command: self.command.clone(),
        }
    }
}
