//! What a run tells while it is busy.

use std::ops::ControlFlow;
use std::path::Path;

use tracerig_datasets::Progress;
use tracerig_reports::Record;
use tracerig_reports::record::{ArmKey, Sample};

use super::error::ScenarioError;
use crate::interrupt;

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
pub(super) fn step(tell: &mut Tell<'_>, what: &'static str) -> Result<(), ScenarioError> {
    tell(Event::Preparing(what));
    if interrupt::requested() { Err(ScenarioError::Interrupted) } else { Ok(()) }
}

/// Tells of the progress of a dataset, and ends it when an end was asked for.
pub(super) fn watched(tell: &mut Tell<'_>) -> impl FnMut(Progress) -> ControlFlow<()> {
    |progress| {
        tell(Event::Dataset(progress));
        if interrupt::requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
