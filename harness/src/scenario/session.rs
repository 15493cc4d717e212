//! What a run notes of itself from its first sample to its last, and the record that comes of it.

use std::path::Path;

use tracerig_reports::Record;
use tracerig_reports::record::{Build, Dataset, Outcome, Plan, Sample};

use crate::machine;

/// A run under way.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    started: String,
    load_start: Option<[f64; 3]>,
    command: Vec<String>,
    seed: u64,
    build: Build,
}

/// What was measured, and on what.
pub(crate) struct Measured {
    pub(crate) plan: Plan,
    pub(crate) dataset: Dataset,
    pub(crate) samples: Vec<Sample>,
    pub(crate) interrupted: bool,
}

impl Session {
    /// To be called before the first sample.
    pub(crate) fn begin(command: &[String], seed: u64) -> Self {
        Self {
            started: machine::now(),
            load_start: machine::load(),
            command: command.to_vec(),
            seed,
            build: machine::build(),
        }
    }

    /// The same session of another build than this one.
    pub(crate) fn of(&self, build: Build) -> Self {
        Self { build, ..self.clone() }
    }

    /// To be called after the last sample. `data` is where the measured files were.
    pub(crate) fn record(self, measured: Measured, data: &Path) -> Record {
        let Measured { plan, dataset, samples, interrupted } = measured;
        Record {
            id: machine::run_id(&plan.scenario, &self.started),
            scenario: plan.scenario.clone(),
            started: self.started,
            finished: machine::now(),
            command: self.command,
            seed: self.seed,
            plan,
            dataset,
            build: self.build,
            machine: machine::machine(data),
            load_start: self.load_start,
            load_end: machine::load(),
            outcome: Outcome::of(&samples, interrupted),
            samples,
        }
    }
}
