//! The relaunch scenario made ready: databases, memos and right answers, and how launches on them
//! are judged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use tracerig_datasets::{BuildOptions, Dataset, own as own_data};
use tracerig_reports::ByteSize;
use tracerig_reports::record::{self, Cache, Launch, Process, SampleState};
use tracerig_scanner::Window;

use super::definition::{Arm, Relaunch, Source};
use super::guests::{self, Asked, scan};
use super::judge::{self, Due};
use super::live_database::LiveDatabase;
use super::overlapping::Overlapping;
use super::resident;
use crate::arms::MemoArm;
use crate::candidate::Guarded;
use crate::definition::Prepare;
use crate::guest::GuestArm;
use crate::guests::Guests;
use crate::own::{self, Owns};
use crate::pagecache::PageCache;
use crate::prepared_database::{Change, Material, Memo, PreparedDatabase};
use crate::program::Program;
use crate::workplace::{Workplace, check_room};
use crate::{Definition, Made, Place, Scenario, ScenarioError, Tell, one, watched};

/// Room beside the copies of the database: write-ahead logs, memos, and the records of the run.
const ROOM_BESIDE: u64 = 64 << 20;

/// Room for what a writer process adds to its database, and for the rows it has ready.
const ROOM_WRITTEN: u64 = 256 << 20;

/// What all launches of a run are made on.
#[derive(Debug)]
struct Relaunches {
    /// In the order of the plan.
    arms: Vec<(Asked, Cache)>,
    /// Our own executables.
    owns: Owns,
    /// The candidates of others, in the order of the plan.
    guests: Guests,
    /// By what happened to them, each with the page cache of its files. Dropped before their
    /// folder: their connections are open.
    databases: BTreeMap<Change, (PreparedDatabase, PageCache)>,
    /// The database of the arms whose launches are not one fresh process after the other.
    live: Option<LiveDatabase>,
    overlapping: Overlapping,
    dataset: record::Dataset,
    /// Whether a launch is wrong if its work differs from the arm's.
    strict: bool,
    _workplace: Workplace,
}

impl Prepare for Relaunch {
    fn guest_arms(&self) -> Vec<GuestArm<'_>> {
        self.of_candidates.iter().map(MemoArm::guest_arm).collect()
    }

    fn prepare(
        &self,
        definition: &Definition,
        place: &Place,
        tell: &mut Tell<'_>,
    ) -> Result<Box<dyn Scenario>, ScenarioError> {
        // Holds the copy of your own database until the run has its own.
        let private;
        let dataset = match &self.source {
            Source::Recipe(recipe, scale) => {
                let options = BuildOptions { scale: *scale, ..BuildOptions::default() };
                place.datasets.ensure(recipe, &options, &mut watched(tell))?
            }
            Source::Own(path) => {
                private = Workplace::new(&place.workplaces)?;
                own_data::copy_of(path, &private.path(), &mut watched(tell))?
            }
        };
        let described = describe(&dataset);
        let or = ", or with --db and the same database";
        definition.accept(("rows", or), &described.recipe, &described.rows_digest)?;
        let appended = definition.plan.appended_rows;
        let material = Material { dataset: &dataset, appended, seed: place.seed };

        let arms = Asked::all(&definition.plan, &self.arms, &self.of_candidates);
        let workplace = Workplace::new(&place.workplaces)?;
        let folder = workplace.path();
        let changes: BTreeSet<Change> = arms.iter().filter_map(Asked::change).collect();
        let moves = arms.iter().any(|arm| arm.change().is_none());
        // One database has two copies for a moment.
        let copies =
            changes.len() + usize::from(changes.contains(&Change::Replaced)) + usize::from(moves);
        let written = if moves { ROOM_WRITTEN } else { 0 };
        let copied = dataset.manifest.file_bytes.saturating_mul(copies as u64);
        check_room(&folder, copied.saturating_add(ROOM_BESIDE + written))?;
        let mut owns = Owns::of(definition, place, &folder.join("own"));
        let mut guests = Guests::open(definition, &folder.join("candidates"), Guarded::Contents)?;
        let mut databases = BTreeMap::new();
        for change in changes {
            let folder = folder.join(format!("{change:?}").to_lowercase());
            let mut remember = |memo, database: &Path| {
                guests::remember(&mut owns, &mut guests, &arms, (change, memo), database)
            };
            let prepared = PreparedDatabase::make(change, &folder, material, &mut remember, tell)?;
            let cache = PageCache::of(prepared.files());
            databases.insert(change, (prepared, cache));
        }
        let live = match moves {
            false => None,
            true => {
                let folder = folder.join("live");
                let open = |word: &str| {
                    let limit = definition.time_limit;
                    own::open(&place.program, word, &folder, limit, Guarded::Nothing)
                };
                Some(LiveDatabase::make(&folder, material, open, tell)?)
            }
        };
        let mut random = ChaCha12Rng::seed_from_u64(place.seed);
        random.set_stream(1);
        let caches = definition.plan.arms.iter().map(|arm| arm.cache);
        Ok(Box::new(Relaunches {
            arms: arms.into_iter().zip(caches).collect(),
            owns,
            guests,
            databases,
            live,
            overlapping: Overlapping::new(random),
            dataset: described,
            strict: true,
            _workplace: workplace,
        }))
    }
}

impl Scenario for Relaunches {
    fn dataset(&self) -> &record::Dataset {
        &self.dataset
    }

    fn launch(&mut self, program: &mut Program, arm: usize) -> Result<Made, ScenarioError> {
        let Self { arms, owns, guests, databases, live, overlapping, strict, .. } = self;
        let (asked, cache) = &arms[arm];
        let arm = match asked {
            Asked::Own(arm) => arm,
            Asked::Guest(whose, arm) => {
                let at = program.at(*whose);
                let database = databases.get(&arm.change);
                return guests::launch(guests, at, arm, *cache, database).map(one);
            }
        };
        match (arm.process, live) {
            (Process::Resident, Some(live)) => {
                resident::refresh(live, program, arm, *cache).map(one)
            }
            (Process::Paired, Some(live)) => overlapping.launch(live, program, arm, *cache),
            _ => match databases.get(&arm.start.change) {
                Some(database) => fresh(owns, database, *strict, program, arm, *cache).map(one),
                None => {
                    let error = "it has no database".to_owned();
                    Ok(one((judge::not_started(None), SampleState::Failed { error })))
                }
            },
        }
    }

    fn compare_work(&mut self) {
        self.strict = false;
        self.guests.compare_work();
    }

    fn confirm(&mut self, tell: &mut Tell<'_>) -> Result<(), ScenarioError> {
        self.live.as_mut().map_or(Ok(()), |live| live.confirm(tell))
    }
}

/// One launch of a fresh process, judged.
fn fresh(
    owns: &mut Owns,
    (prepared, files): &(PreparedDatabase, PageCache),
    strict: bool,
    program: &Program,
    arm: &Arm,
    cache: Cache,
) -> Result<(Launch, SampleState), ScenarioError> {
    let engine = owns.engine(program, arm.engine)?;
    let state = arm.start.state();
    if let Some(lacking) = engine.restore(state.as_deref())? {
        return Ok((judge::not_started(None), lacking));
    }
    let memo = PageCache::of(engine.memo.files()?).bring(cache)?;
    let resident_before = files.bring(cache)?.zip(memo).map(|(one, other)| one + other);
    let memo = if arm.start.memo == Memo::None { None } else { engine.told() };
    let before = engine.memo.look()?;
    let window = if arm.start.moved { prepared.moved } else { Window::default() };
    let ask = scan(&prepared.database, memo, window, arm.start.rescan);
    match engine.ask(&ask, own::with(program))? {
        Ok(done) => {
            let wrote_memo = engine.memo.look()? != before;
            let seen = judge::Seen { resident_before, wrote_memo };
            let mut due = Due::of(arm, prepared);
            if !strict {
                due.rows = None;
            }
            Ok(judge::judge(arm, cache, due, done, seen))
        }
        Err(state) => Ok((judge::not_started(resident_before), state)),
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
        // Of your own database nothing is known by construction.
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
