//! Candidates and scenarios: what is measured, how it is launched, and how each launch is judged.
//!
//! A scenario is a [`Definition`], made ready, then launched. The definition says what is asked,
//! and comes from a plan, the command line or a record. Made ready it is a [`Scenario`], on which
//! any [`Program`] can be launched. Runs, comparisons, self-checks, repetitions, plans and
//! benchmarks know no more of a scenario than that; [`KINDS`] lists all of them.

pub mod append;
pub mod candidate;
pub mod command;
mod companion;
mod definition;
mod error;
mod finished;
pub mod guest;
mod guests;
mod handicap;
mod kept;
pub mod limits;
pub mod machine;
mod own;
mod pagecache;
mod prepared_database;
mod program;
pub mod refresh;
pub mod relaunch;
pub mod repro;
mod run;
pub mod worker;
mod workplace;

use std::fmt::Debug;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tracerig_datasets::archive::ArchiveRecipe;
use tracerig_datasets::{Cache as Datasets, Progress};
use tracerig_process::{child, interrupt, platform, watch};
use tracerig_reports::Record;
use tracerig_reports::record::{ArmKey, Build, Dataset, Launch, Plan, Sample, SampleState};

pub use definition::{ArmError, Definition, DefinitionError};
pub use error::ScenarioError;
pub use finished::{Finished, not_started};
pub use kept::KeptFolder;
pub use program::Program;
pub use run::{Measured, Session, launches_of, run};
pub use workplace::{Workplace, free_room};

use repro::ReproError;

/// Every scenario there is.
pub static KINDS: [&Kind; 4] = [&relaunch::KIND, &append::KIND, &refresh::KIND, &command::KIND];

/// A scenario by its name.
#[derive(Debug)]
pub struct Kind {
    /// Its name in plans, on the command line and in records.
    pub name: &'static str,
    /// The counters of its launches that are exact, or may be, by name.
    pub exact: &'static [&'static str],
    of_plan: fn(toml::Table) -> Result<Definition, DefinitionError>,
    /// Its definition, with every arm, from a record and the user's own database, if the record is
    /// of one.
    of_record: fn(&Record, Option<&Path>) -> Result<Definition, ReproError>,
}

impl Kind {
    /// The scenario of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        KINDS.into_iter().find(|kind| kind.name == name)
    }

    /// Its definition, with every arm, from the keys that a run of a plan has for this scenario
    /// alone.
    ///
    /// # Errors
    /// See [`DefinitionError`].
    pub fn of_plan(&self, keys: toml::Table) -> Result<Definition, DefinitionError> {
        (self.of_plan)(keys)
    }

    /// The scenario that is measured on the dataset of this recipe: refreshes on an archive,
    /// relaunches on a database.
    #[must_use]
    pub fn on(recipe: &str) -> &'static Self {
        if ArchiveRecipe::is_one(recipe) { &refresh::KIND } else { &relaunch::KIND }
    }
}

/// Launches made at once, and what they are as a sample or a part of one.
pub type Made = (Vec<Launch>, SampleState);

/// A launch as those that are made at once.
fn one((launch, state): (Launch, SampleState)) -> Made {
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

    /// From now on a launch may do other work than its arm says: its work is compared with
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

/// What a run is busy with.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The dataset is built or verified.
    Dataset(Progress),
    /// Something else is made ready.
    Preparing(&'static str),
    /// Pages of files there cannot be dropped from the page cache: arms with a cold one are left
    /// out.
    NeverCold(&'a Path),
    /// The first sample is about to be taken. The record is what it will be, without any.
    Begun(&'a Record),
    /// A sample was taken.
    Taken(&'a Sample),
    /// A sample is taken.
    Sample {
        /// Its position in the run, from 0.
        at: u64,
        /// Samples of the run.
        of: u64,
        /// Its arm.
        arm: &'a ArmKey,
    },
}

/// Who is reported of what a run is busy with.
pub type Tell<'t> = dyn FnMut(Event<'_>) + 't;

/// Tells that something is made ready, unless an end was asked for.
fn step(tell: &mut Tell<'_>, what: &'static str) -> Result<(), ScenarioError> {
    tell(Event::Preparing(what));
    if interrupt::requested() { Err(ScenarioError::Interrupted) } else { Ok(()) }
}

/// Tells of the progress of a dataset, and ends it when an end was asked for.
fn watched(tell: &mut Tell<'_>) -> impl FnMut(Progress) -> ControlFlow<()> {
    |progress| {
        tell(Event::Dataset(progress));
        if interrupt::requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
