//! The refresh scenario made ready: an archive and its trace database in one state, the memos to start from, the right answers.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracerig_datasets::BuildOptions;
use tracerig_datasets::archive::{ArchiveDataset, Sessions, operations};
use tracerig_published::archive as published_archive;
use tracerig_reports::ByteSize;
use tracerig_reports::record::{self, ArmPlan, Launch, LaunchPolicy, SampleState};
use tracerig_scanner::archive::{Archive, Options, PriorityTurns, Refresh, Request};

use super::answer::{Answer, fault};
use super::definition::{Arm, Memo, Plan, Reads};
use super::error::RefreshError;
use super::judge::{self, Due};
use super::memos::Memos;
use super::worker::{self, Task};
use super::{Job, floor};
use crate::interrupt;
use crate::scenario::candidate::Subject;
use crate::scenario::pagecache::PageCache;
use crate::scenario::process::not_started;
use crate::scenario::relaunch::databases::check_room;
use crate::scenario::relaunch::judge::digest;
use crate::scenario::relaunch::prepared_database::{Material, Scene};
use crate::scenario::relaunch::worker::Engine;
use crate::scenario::relaunch::{self, Event, RunError, SceneKind};
use crate::scenario::workplace::Workplace;

/// Longer than a tick of the clock that dates files: what was written before it is not read again.
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// What all launches of a run stand on.
#[derive(Debug)]
pub struct Bench {
    plan: Plan,
    home: PathBuf,
    scene: Scene,
    trace_files: PageCache,
    memos: Memos,
    published: Memos,
    due: BTreeMap<Engine, Due>,
    /// The sessions that have grown.
    grown: Vec<PathBuf>,
    dataset: record::Dataset,
    /// Dropped last.
    _workplace: Workplace,
}

impl Bench {
    /// Builds the dataset if need be, and makes working copies, memos and right answers.
    ///
    /// # Errors
    /// See [`RefreshError`].
    pub fn set(job: &Job, tell: &mut dyn FnMut(Event<'_>)) -> Result<Self, RefreshError> {
        let mut progress = |progress| {
            tell(Event::Dataset(progress));
            if interrupt::requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let options = BuildOptions { scale: job.scale, ..BuildOptions::default() };
        let dataset = job.datasets.ensure_archive(&job.recipe, &options, &mut progress)?;
        let described = describe(&dataset);
        if let Some(expected) =
            job.expected_digest.as_ref().filter(|digest| **digest != described.file_digest)
        {
            let (recipe, found) = (described.recipe, described.file_digest);
            return Err(RefreshError::OtherRollouts { recipe, expected: expected.clone(), found });
        }
        let workplace = Workplace::new(&job.workplaces)?;
        let folder = workplace.path();
        let manifest = &dataset.manifest;
        let blocks = manifest.files * 4096;
        check_room(&folder, manifest.bytes + blocks + dataset.trace.manifest.file_bytes + (256 << 20))?;
        let home = folder.join("home");
        operations::copy_home(&dataset, &home, &mut progress)?;
        let mut step = |what| {
            tell(Event::Preparing(what));
            if interrupt::requested() { Err(RunError::Interrupted) } else { Ok(()) }
        };
        let material = Material { dataset: &dataset.trace, appended: job.plan.appended_rows, seed: job.seed };
        let scene = Scene::set(SceneKind::Appended, &folder.join("trace"), material, &mut step)?;
        let mut archive = Prepared {
            priority: scene.turns().keys().cloned().collect(),
            memos: Memos::at(folder.join("memo")),
            published: Memos::at(folder.join("published")),
            home: &home,
            dataset: &dataset,
        };
        let grown = archive.grow(job, &mut step)?;
        step("establishing the right answers")?;
        let counted = floor::walk(&home, 1).map_err(RefreshError::io(&home, "walk it"))?;
        let due = Due {
            cursor: scene.state.max_id,
            files: counted.files,
            bytes: counted.bytes,
            few: grown.few,
            many: grown.many,
            ..Due::default()
        };
        let (published_turns, turns) = (digest(scene.published_turns()), digest(scene.turns()));
        let due = BTreeMap::from([
            (Engine::Scanner, Due { answer: grown.answer.digest(), turns, ..due.clone() }),
            (
                Engine::Published,
                Due {
                    answer: grown.published.digest(),
                    files: grown.published_files,
                    turns: published_turns,
                    ..due.clone()
                },
            ),
            (Engine::Floor, due),
        ]);
        let Prepared { memos, published, .. } = archive;
        let trace_files = PageCache::of(scene.files());
        let plan = job.plan.clone();
        Ok(Self {
            plan,
            home,
            scene,
            trace_files,
            memos,
            published,
            due,
            grown: grown.paths,
            dataset: described,
            _workplace: workplace,
        })
    }

    /// What launches are made on.
    #[must_use]
    pub fn dataset(&self) -> &record::Dataset {
        &self.dataset
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

    /// Brings into memory what a launch of this arm reads: a kernel may drop what nobody has asked for lately.
    fn warm(&self, arm: &Arm) -> Result<(), RefreshError> {
        let threads = Options::default().threads.get();
        floor::walk(&self.home, threads).map_err(RefreshError::io(&self.home, "walk it"))?;
        if arm.reads == Reads::All {
            // Whoever reads everything does so through the page cache.
            Archive::new(&self.home, Options::default()).refresh(&Request::default())?;
        }
        for path in self.grown.iter().filter(|_| matches!(arm.reads, Reads::Few | Reads::Many)) {
            std::fs::read(path).map_err(RefreshError::io(path, "read it"))?;
        }
        Ok(())
    }

    /// One launch of a fresh process, judged.
    ///
    /// # Errors
    /// See [`RefreshError`]. A launch that fails or answers wrongly is no error but a state.
    pub fn launch(
        &mut self,
        subject: &mut Subject,
        arm: &Arm,
    ) -> Result<(Launch, SampleState), RefreshError> {
        let memos = if arm.engine == Engine::Published { &self.published } else { &self.memos };
        let before = memos.restore(arm.memo)?;
        self.scene.restore(match arm.memo {
            Memo::None => relaunch::Memo::None,
            Memo::Absent => relaunch::Memo::Absent,
            // The trace database grew after both.
            Memo::LongBefore | Memo::Before => relaunch::Memo::Before,
            Memo::After => relaunch::Memo::After,
        })?;
        self.trace_files.bring(record::Cache::Hot)?;
        self.warm(arm)?;
        let is_told = arm.memo != Memo::None;
        let task = Task {
            engine: arm.engine,
            home: self.home.clone(),
            database: self.scene.database.clone(),
            archive_memo: is_told.then(|| memos.place.clone()),
            trace_memo: is_told.then(|| self.scene.memo.clone()),
            handicap: subject.handicap,
        };
        match subject.run(&worker::arguments(&task)) {
            Ok(finished) => {
                let due = self.due.get(&arm.engine).cloned().unwrap_or_default();
                Ok(judge::judge(arm, &due, &finished, memos.is_other_than(&before)?))
            }
            Err(error) => Ok((not_started(), SampleState::Failed { error })),
        }
    }
}

/// The archive while it is brought into the state that is measured.
struct Prepared<'a> {
    home: &'a Path,
    dataset: &'a ArchiveDataset,
    priority: PriorityTurns,
    memos: Memos,
    published: Memos,
}

/// The archive in that state.
struct Grown {
    answer: Answer,
    /// What the published refresh finds, and in how many rollouts.
    published: Answer,
    published_files: u64,
    few: u64,
    many: u64,
    paths: Vec<PathBuf>,
}

impl Prepared<'_> {
    /// Makes a memo, lets many sessions go on, makes another, lets a few go on, and makes the last one.
    fn grow(
        &mut self,
        job: &Job,
        step: &mut dyn FnMut(&'static str) -> Result<(), RunError>,
    ) -> Result<Grown, RefreshError> {
        let mut sessions = Sessions::of(self.dataset)?;
        let few = usize::try_from(job.plan.few_sessions).unwrap_or(usize::MAX);
        let many = sessions.count() as u64 * job.plan.many_per_mille / 1000;
        let many = usize::try_from(many).unwrap_or(usize::MAX).max(few + 1);
        let chosen = sessions.some(many, job.seed);
        if chosen.len() < many {
            let path = self.dataset.home.clone();
            return Err(RefreshError::TooFew { path, there: chosen.len(), asked: many });
        }
        // The few are the last ones, as those in use are.
        let (others, last) = chosen.split_at(many - few);
        let mut expected = self.dataset.manifest.expected.clone();
        for (memo, grows, what) in [
            (Memo::LongBefore, &[][..], "making the memo of the archive"),
            (Memo::Before, others, "letting sessions go on"),
            (Memo::After, last, "letting the last ones go on"),
        ] {
            step(what)?;
            for &at in grows {
                expected.extend(&sessions.append(self.home, at, job.seed)?);
            }
            std::thread::sleep(TICK);
            self.refresh(Some(&self.memos.place))?;
            self.memos.keep(memo)?;
        }
        step("refreshing as published")?;
        // Retention may have taken turns of the trace database when it grew.
        let of_turns = &self.dataset.manifest.of_turns;
        let answer = Answer::of_expected(&expected, of_turns, |turn| self.priority.contains(turn));
        let agree = |who, found: &Answer, right: &Answer| match found.difference(right) {
            None => Ok(()),
            Some(difference) => {
                Err(RefreshError::Disagreement { path: self.home.to_owned(), who, difference })
            }
        };
        agree("a refresh with a memo", &self.refresh(Some(&self.memos.place))?, &answer)?;
        agree("a full refresh", &self.refresh(None)?, &answer)?;
        let refresh = published_archive::refresh(self.home, &self.published.place)?;
        let (published, published_files) = (Answer::of_published(&refresh.used), refresh.files);
        // Of forks and compressed rollouts it knows nothing: there its launches are held against each other.
        if !job.recipe.has_new_shapes() {
            agree("the published refresh", &published, &answer.as_published())?;
        }
        self.published.keep(Memo::After)?;
        let paths = chosen.iter().filter_map(|&at| Some(self.home.join(sessions.path(at)?))).collect();
        Ok(Grown { answer, published, published_files, few: few as u64, many: many as u64, paths })
    }

    fn refresh(&self, memo: Option<&Path>) -> Result<Answer, RefreshError> {
        let progress = |_, _| !interrupt::requested();
        let request =
            Request { priority: Some(&self.priority), progress: Some(&progress), ..Request::default() };
        let options = Options { memo: memo.map(Path::to_owned), ..Options::default() };
        let Refresh { usage, problems, warnings, .. } = Archive::new(self.home, options).refresh(&request)?;
        let said = fault(&problems).map(ToString::to_string).or(warnings.first().cloned());
        match said {
            None => Ok(Answer::of_usage(&usage)),
            Some(difference) => {
                let path = self.home.to_owned();
                Err(RefreshError::Disagreement { path, who: "a refresh", difference })
            }
        }
    }
}

fn describe(dataset: &ArchiveDataset) -> record::Dataset {
    let (manifest, trace) = (&dataset.manifest, &dataset.trace.manifest);
    let total = manifest.expected.total();
    record::Dataset {
        recipe: manifest.name.clone(),
        recipe_text: manifest.recipe.clone(),
        seed: manifest.seed,
        scale: manifest.scale,
        generator_version: manifest.generator_version.into(),
        rows_digest: format!("sha256:{}", trace.rows_digest),
        file_digest: format!("sha256:{}", manifest.digest),
        file_bytes: ByteSize(manifest.bytes),
        rows: manifest.files,
        max_id: trace.max_id,
        logs_pages: trace.pages.logs,
        page_size: ByteSize(trace.pages.page_size.into()),
        truth: [
            ("events", total.events),
            ("lines", manifest.lines),
            ("priority_turns", trace.truth.turns.len() as u64),
            ("tokens", total.total),
            ("trace_bytes", trace.file_bytes),
            ("trace_rows", trace.rows),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into(),
    }
}
