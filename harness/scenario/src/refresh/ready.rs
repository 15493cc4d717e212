//! The refresh scenario made ready: an archive and its trace database in one state, and how
//! launches on them are judged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tracerig_datasets::BuildOptions;
use tracerig_datasets::archive::{ArchiveDataset, operations};
use tracerig_protocol::Answer;
use tracerig_reports::ByteSize;
use tracerig_reports::record::{self, Launch, SampleState};
use tracerig_scanner::archive::{Archive, Options, Request};

use super::definition::{Arm, Reads, Refresh};
use super::floor;
use super::grown::{Growing, Grown};
use super::guests::{self, Asked};
use super::judge::{self, Due};
use crate::arms::MemoArm;
use crate::candidate::{Guard, Guarded};
use crate::definition::Prepare;
use crate::engine::Engine;
use crate::finished::not_started;
use crate::guest::GuestArm;
use crate::guests::Guests;
use crate::own::{self, Owns};
use crate::pagecache::PageCache;
use crate::prepared_database::{Change, Material, Memo, PreparedDatabase};
use crate::program::Program;
use crate::workplace::{Workplace, check_room};
use crate::{Definition, Made, Place, Scenario, ScenarioError, Tell, one, step, watched};

/// Room beside the copies of archive and database: memos, and the records of the run.
const ROOM_BESIDE: u64 = 256 << 20;

/// What all launches of a run are made on.
#[derive(Debug)]
struct Refreshes {
    /// In the order of the plan.
    arms: Vec<Asked>,
    /// Our own executables, and the candidates of others.
    owns: Owns,
    guests: Guests,
    /// The turns that a request names as those of the priority tier, and the right answer to it.
    priority: Vec<String>,
    right: Answer,
    home: PathBuf,
    trace: PreparedDatabase,
    trace_files: PageCache,
    due: BTreeMap<Engine, Due>,
    /// The sessions that have grown.
    grown: Vec<PathBuf>,
    /// The archive after the last launch of our own, which is what the next one finds.
    looked_at: Option<Guard>,
    dataset: record::Dataset,
    /// Whether a launch is wrong if its work differs from the arm's.
    strict: bool,
    /// Dropped last.
    _workplace: Workplace,
}

impl Prepare for Refresh {
    fn guest_arms(&self) -> Vec<GuestArm<'_>> {
        self.of_candidates.iter().map(MemoArm::guest_arm).collect()
    }

    fn prepare(
        &self,
        definition: &Definition,
        place: &Place,
        tell: &mut Tell<'_>,
    ) -> Result<Box<dyn Scenario>, ScenarioError> {
        let options = BuildOptions { scale: self.scale, ..BuildOptions::default() };
        let dataset = place.datasets.ensure_archive(&self.recipe, &options, &mut watched(tell))?;
        let described = describe(&dataset);
        definition.accept(("rollouts", ""), &described.recipe, &described.file_digest)?;
        let workplace = Workplace::new(&place.workplaces)?;
        let folder = workplace.path();
        let manifest = &dataset.manifest;
        let blocks = manifest.files.saturating_mul(4096);
        let room = [manifest.bytes, blocks, dataset.trace.manifest.file_bytes, ROOM_BESIDE];
        check_room(&folder, room.into_iter().fold(0, u64::saturating_add))?;
        let home = folder.join("home");
        operations::copy_home(&dataset, &home, &mut watched(tell))?;
        let appended = definition.plan.appended_rows;
        let material = Material { dataset: &dataset.trace, appended, seed: place.seed };
        let arms = Asked::all(&definition.plan, &self.arms, &self.of_candidates);
        let mut owns = Owns::of(definition, place, &folder.join("own"));
        let trace = PreparedDatabase::make(
            Change::Appended,
            &folder.join("trace"),
            material,
            &mut |memo, database| guests::remember_trace(&mut owns, &arms, memo, database),
            tell,
        )?;
        let mut guests = Guests::open(definition, &folder.join("candidates"), Guarded::Metadata)?;
        let priority: Vec<String> = trace.turns().keys().cloned().collect();
        let mut others = |memo| {
            guests::remember_own(&mut owns, &arms, memo, (&home, &priority, &trace.database))?;
            guests::remember(&mut guests, &arms, memo, (&home, &priority))
        };
        let mut growing = Growing {
            home: &home,
            dataset: &dataset,
            priority: priority.iter().map(String::as_str).collect(),
            memo: folder.join("memo"),
            published: folder.join("published"),
            others: &mut others,
        };
        let grown = growing.grow(self, place.seed, tell)?;
        step(tell, "establishing the right answers")?;
        let counted = floor::walk(&home, 1).map_err(ScenarioError::io(&home, "walk it"))?;
        Ok(Box::new(Refreshes {
            arms,
            owns,
            guests,
            right: Answer::Usage(grown.answer.of_protocol()),
            priority,
            trace_files: PageCache::of(trace.files()),
            due: due(counted, &grown, &trace),
            home,
            trace,
            grown: grown.paths,
            looked_at: None,
            dataset: described,
            strict: true,
            _workplace: workplace,
        }))
    }
}

/// What must come of launches, by engine.
fn due(counted: floor::Counted, grown: &Grown, trace: &PreparedDatabase) -> BTreeMap<Engine, Due> {
    let due = Due {
        cursor: trace.state.max_id,
        files: counted.files,
        bytes: counted.bytes,
        few: grown.few,
        many: grown.many,
        ..Due::default()
    };
    let of_scanner = Due {
        answer: Some(grown.answer.of_protocol()),
        events: Some(grown.answer.events()),
        turns: trace.turns().clone(),
        ..due.clone()
    };
    let of_published = Due {
        answer: Some(grown.published.of_protocol()),
        files: grown.published_files,
        turns: trace.published_turns().clone(),
        ..due.clone()
    };
    BTreeMap::from([
        (Engine::Scanner, of_scanner),
        (Engine::Published, of_published),
        (Engine::Floor, due),
    ])
}

impl Scenario for Refreshes {
    fn dataset(&self) -> &record::Dataset {
        &self.dataset
    }

    /// One launch of a fresh process.
    fn launch(&mut self, program: &mut Program, arm: usize) -> Result<Made, ScenarioError> {
        match self.arms[arm].clone() {
            Asked::Own(arm) => self.own(program, &arm).map(one),
            Asked::Guest(whose, arm) => self.guest(program.at(whose), &arm).map(one),
        }
    }

    fn compare_work(&mut self) {
        self.strict = false;
        self.guests.compare_work();
    }
}

impl Refreshes {
    /// One launch of a fresh process of our own, judged.
    fn own(
        &mut self,
        program: &Program,
        arm: &Arm,
    ) -> Result<(Launch, SampleState), ScenarioError> {
        let Self { owns, home, trace, trace_files, grown, looked_at, due, strict, .. } = self;
        let engine = owns.engine(program, arm.engine)?;
        if let Some(lacking) = engine.restore(guests::state(arm.memo).as_deref())? {
            return Ok((not_started(), lacking));
        }
        trace_files.bring(record::Cache::Hot)?;
        PageCache::of(engine.memo.files()?).bring(record::Cache::Hot)?;
        if looked_at.is_none() {
            walk(home)?;
        }
        warm(home, grown, arm.reads)?;
        let before = engine.memo.look()?;
        let memo = if arm.memo == Memo::None { None } else { engine.told() };
        let ask = guests::usage(memo, home, &[], Some(&trace.database));
        // To look at sixty thousand files takes longer than most launches: once between two.
        engine.looked_at(looked_at.take());
        let mut done = match engine.ask(&ask, own::with(program))? {
            Ok(done) => done,
            Err(state) => return Ok((not_started(), state)),
        };
        *looked_at = done.after.take();
        let wrote = engine.memo.look()? != before;
        let nothing = Due::default();
        Ok(judge::judge(arm, due.get(&arm.engine).unwrap_or(&nothing), done, wrote, *strict))
    }

    /// One launch of a fresh process of the candidate at this place, judged.
    fn guest(&mut self, at: usize, arm: &MemoArm) -> Result<(Launch, SampleState), ScenarioError> {
        let Self { guests, home, priority, right, grown, looked_at, .. } = self;
        *looked_at = None;
        // Nobody knows what it reads: all of it, if it remembers nothing.
        let reads = if arm.memo == Memo::Absent { Reads::All } else { Reads::Many };
        let bring = || walk(home).and_then(|()| warm(home, grown, reads));
        guests::launch(guests, at, arm, (home, priority, right), bring)
    }
}

/// Brings into memory what a launch looks at: a kernel may drop what nobody has asked for lately.
fn walk(home: &Path) -> Result<(), ScenarioError> {
    let threads = Options::default().threads.get();
    floor::walk(home, threads).map(drop).map_err(ScenarioError::io(home, "walk it"))
}

/// Brings into memory what a launch that reads these sessions reads.
fn warm(home: &Path, grown: &[PathBuf], reads: Reads) -> Result<(), ScenarioError> {
    if reads == Reads::All {
        // Anyone who reads everything does so through the page cache.
        Archive::new(home, Options::default()).refresh(&Request::default())?;
    }
    for path in grown.iter().filter(|_| matches!(reads, Reads::Few | Reads::Many)) {
        std::fs::read(path).map_err(ScenarioError::io(path, "read it"))?;
    }
    Ok(())
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
