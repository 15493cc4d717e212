//! A scenario made ready, and where it is launched.

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use tracerig_datasets::Cache as Datasets;
use tracerig_reports::record::{Build, Dataset, Launch, Plan, SampleState};

use super::error::ScenarioError;
use super::event::Tell;
use super::program::Program;

/// Launches made at once, and what they are as a sample or a part of one.
pub type Made = (Vec<Launch>, SampleState);

/// A launch as those that are made at once.
pub(super) fn one((launch, state): (Launch, SampleState)) -> Made {
    (vec![launch], state)
}

/// A scenario made ready: data, memos and right answers are in place.
pub trait Scenario: Debug {
    /// What launches are made on, as a record says it.
    fn dataset(&self) -> &Dataset;

    /// Makes the launches that the arm at this place of the definition makes at once, of most arms
    /// one, and judges them.
    ///
    /// # Errors
    /// See [`ScenarioError`]. A launch that fails or answers wrongly is no error but a state.
    fn launch(&mut self, program: &mut Program, arm: usize) -> Result<Made, ScenarioError>;

    /// From now on the work of a launch may differ from the arm's: it is compared with
    /// another's. Its answer and the way to it are judged as before.
    fn compare_work(&mut self) {}

    /// Confirms, after the last launch, that launches were judged by what is right.
    ///
    /// # Errors
    /// See [`ScenarioError`].
    fn confirm(&mut self, _tell: &mut Tell<'_>) -> Result<(), ScenarioError> {
        Ok(())
    }
}

/// Where runs are made, and by what.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where datasets are kept.
    pub datasets: Datasets,
    /// Where working copies are made.
    pub workplaces: PathBuf,
    /// Seed of the order of arms and of what is appended. Datasets keep the seed of their recipe.
    pub seed: u64,
    /// The program that is launched.
    pub program: PathBuf,
    /// The command line, for the record.
    pub command: Vec<String>,
    /// The build that measures, for the record.
    pub build: Build,
}

impl Place {
    /// Where the data of a run of this plan lie: those of a command in the current folder.
    #[must_use]
    pub fn of_data(&self, plan: &Plan) -> &Path {
        if plan.command.is_some() { Path::new(".") } else { &self.workplaces }
    }
}
