//! The relaunch scenario made ready: any program can be launched on it, each launch judged.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use tracerig_datasets::{BuildOptions, Dataset, DatasetError, own};
use tracerig_reports::ByteSize;
use tracerig_reports::record::{self, ArmPlan, Cache, Launch, LaunchPolicy, SampleState};

use super::databases::Stage;
use super::definition::{Arm, Memo, Plan};
use super::prepared_database::Material;
use super::{Event, Job, Source, judge};
use crate::interrupt;
use crate::scenario::candidate::Subject;
use crate::scenario::error::RunError;
use crate::scenario::pagecache;
use crate::scenario::relaunch::worker;
use crate::scenario::samples::{launches_for, one};
use crate::scenario::workplace::Workplace;

/// Databases, memos and right answers, and how launches on them are judged.
#[derive(Debug)]
pub struct Bench {
    /// The job's, without the arms that are impossible here.
    plan: Plan,
    pub(super) stage: Stage,
    dataset: record::Dataset,
    /// Whether a launch that does other work than its arm says is wrong.
    strict: bool,
}

impl Bench {
    /// Builds the dataset if need be, and makes working copies, memos and right answers.
    ///
    /// # Errors
    /// See [`RunError`].
    pub fn set(job: &Job, tell: &mut dyn FnMut(Event<'_>)) -> Result<Self, RunError> {
        let mut plan = job.plan.clone();
        if plan.keyed().any(|(key, _)| key.cache == Cache::Cold) && !pagecache::can_be_cold(&job.workplaces)?
        {
            tell(Event::NeverCold(&job.workplaces));
            plan.keep(Cache::Hot);
            if plan.arms.is_empty() {
                return Err(RunError::NeverCold { path: job.workplaces.clone() });
            }
        }
        let mut progress = |progress| {
            tell(Event::Dataset(progress));
            if interrupt::requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        // Holds the copy of one's own database until the stage has its own.
        let private;
        let dataset = match &job.source {
            Source::Recipe { recipe, scale } => {
                let options = BuildOptions { scale: *scale, ..BuildOptions::default() };
                job.datasets.ensure(recipe, &options, &mut progress)
            }
            Source::Own(path) => {
                private = Workplace::new(&job.workplaces)?;
                own::copy_of(path, &private.path(), &mut progress)
            }
        };
        let dataset = dataset.map_err(|error| match error {
            DatasetError::Cancelled => RunError::Interrupted,
            error => error.into(),
        })?;
        let described = describe(&dataset);
        if let Some(expected) = job.expected_rows.as_ref().filter(|rows| **rows != described.rows_digest) {
            let (recipe, found) = (described.recipe, described.rows_digest);
            return Err(RunError::OtherRows { recipe, expected: expected.clone(), found });
        }
        let material = Material { dataset: &dataset, appended: plan.appended_rows, seed: job.seed };
        let stage = Stage::set(&job.workplaces, &plan, material, &mut |what| {
            tell(Event::Preparing(what));
            if interrupt::requested() { Err(RunError::Interrupted) } else { Ok(()) }
        })?;
        Ok(Self { plan, stage, dataset: described, strict: true })
    }

    /// What is launched.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What launches are made on.
    #[must_use]
    pub fn dataset(&self) -> &record::Dataset {
        &self.dataset
    }

    /// From now on a launch may examine other rows than its arm says: its work is compared with another's. Its answer, its mode and
    /// its reason are judged as before.
    pub fn compare_work(&mut self) {
        self.strict = false;
    }

    /// The plan as it stands in a record.
    pub(crate) fn record_plan(&self, arms: Vec<ArmPlan>, samples: u64, order_seed: u64) -> record::Plan {
        record::Plan {
            scenario: self.plan.scenario.clone(),
            recipe: self.plan.recipe.clone(),
            samples,
            launches: LaunchPolicy { at_least: self.plan.at_least() },
            appended_rows: self.plan.appended_rows,
            order_seed,
            arms,
            append: None,
        }
    }

    /// How many launches of `subject` make a sample of an arm of fresh processes.
    pub(crate) fn launches_of(
        &mut self,
        subject: &mut Subject,
        arm: &Arm,
        cache: Cache,
    ) -> Result<u64, RunError> {
        let at_least = self.plan.at_least();
        launches_for(at_least, 1, || one(self.launch(subject, arm, cache)))
    }

    /// One launch of a fresh process, judged.
    ///
    /// # Errors
    /// See [`RunError`]. A launch that fails or answers wrongly is no error but the state of the sample.
    pub fn launch(
        &mut self,
        subject: &mut Subject,
        arm: &Arm,
        cache: Cache,
    ) -> Result<(Launch, SampleState), RunError> {
        let Some((scene, files)) = self.stage.scene(arm.scene) else {
            return Ok((
                judge::not_started(None),
                SampleState::Failed { error: "it has no scene".to_owned() },
            ));
        };
        scene.restore(arm.memo)?;
        let resident_before = files.bring(cache)?;
        let memo = (arm.memo != Memo::None).then_some(scene.memo.as_path());
        let arguments =
            worker::arguments(arm.engine, &scene.database, memo, scene.request(arm), subject.handicap);
        match subject.run(&arguments) {
            Ok(finished) => {
                let seen = judge::Seen { resident_before, wrote_memo: scene.wrote_memo(arm.memo)? };
                let mut due = scene.due(arm);
                if !self.strict {
                    due.rows = None;
                }
                Ok(judge::judge(arm, cache, due, &finished, seen))
            }
            Err(error) => Ok((judge::not_started(resident_before), SampleState::Failed { error })),
        }
    }
}

fn describe(dataset: &Dataset) -> record::Dataset {
    let manifest = &dataset.manifest;
    let truth = &manifest.truth;
    record::Dataset {
        recipe: manifest.name.clone(),
        recipe_text: manifest.recipe.clone(),
        seed: manifest.seed,
        scale: manifest.scale,
        generator_version: manifest.generator_version.into(),
        rows_digest: format!("sha256:{}", manifest.rows_digest),
        file_digest: format!("sha256:{}", manifest.file_digest),
        file_bytes: ByteSize(manifest.file_bytes),
        rows: manifest.rows,
        max_id: manifest.max_id,
        logs_pages: manifest.pages.logs,
        page_size: ByteSize(manifest.pages.page_size.into()),
        // Of one's own database nothing is known by construction.
        truth: if manifest.is_generated() {
            [
                ("priority_turns", truth.turns.len() as u64),
                ("facts", truth.facts()),
                ("completions", truth.completions),
                ("unrecognised", truth.unrecognised),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
        } else {
            BTreeMap::new()
        },
    }
}
