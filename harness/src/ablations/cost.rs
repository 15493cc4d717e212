//! What a rule costs at a relaunch: the same launch with and without it, in pairs, on a database of some size.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use tracerig_datasets::workload::{self, Mix};
use tracerig_datasets::{BuildOptions, Cache, Recipe};
use tracerig_reports::stats::{Interval, paired_difference};
use tracerig_scanner::{Ablation, Ablations, MemoPlace, Mode, Options, Request, Scan, Scanner, Turns};
use tracerig_store::TraceLog;

use super::Error;
use crate::interrupt;

/// What is measured, in two lines; "hot" is the page cache.
pub const SCENE: &str = "launches with a memo after 200 rows were appended to recipe `quick`,\n       a quarter of it \
                         (67 MB, 25,000 rows), in one process, hot, 300 pairs";

const RECIPE: &str = "quick";
const SCALE: f64 = 0.25;
const APPENDED: u64 = 200;

/// Pairs of launches.
const PAIRS: usize = 300;

/// The rules whose absence leaves work out of such a launch. The others decide, or change what is done.
const WORKING: [Ablation; 12] = [
    Ablation::ArtifactChecksum,
    Ablation::ArtifactLink,
    Ablation::ArtifactRename,
    Ablation::DatabaseLink,
    Ablation::IdentityAfter,
    Ablation::Anchors,
    Ablation::AnchorsAnew,
    Ablation::Facts,
    Ablation::FactsLater,
    Ablation::FactsBelow,
    Ablation::Stamp,
    Ablation::Lock,
];

/// What a rule costs.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// Microseconds of a launch: the median of what launches with the rule took longer than their partners without.
    pub microseconds: f64,
    /// An interval that holds the true median with 99 % confidence.
    pub interval: Option<Interval>,
    /// Pairs of launches.
    pub pairs: usize,
    /// Rows looked up for it, exactly.
    pub rows_checked: i64,
    /// Virtual-machine steps of SQLite for it, exactly.
    pub vm_steps: i64,
}

/// Measures the rules that `is_wanted`, by name. `seen` hears of each when it is done. What Ctrl-C cut off is left out.
///
/// # Errors
/// The dataset cannot be built, a file cannot be written, or a launch is not what was to be measured.
pub fn costs(
    is_wanted: impl Fn(&str) -> bool,
    seen: &dyn Fn(&'static str),
) -> Result<BTreeMap<&'static str, Cost>, Error> {
    let wanted: Vec<Ablation> = WORKING.into_iter().filter(|ablation| is_wanted(ablation.name())).collect();
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let scene = Scene::new()?;
    let mut costs = BTreeMap::new();
    for ablation in wanted {
        let Some(cost) = scene.cost(ablation)? else { break };
        costs.insert(ablation.name(), cost);
        seen(ablation.name());
    }
    Ok(costs)
}

struct Scene {
    database: PathBuf,
    memo: PathBuf,
    /// The memo from before the rows were appended.
    before: Vec<u8>,
    right: Turns,
    _folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Result<Self, Error> {
        let options = BuildOptions { scale: SCALE, ..BuildOptions::default() };
        let dataset = Cache::default()?.ensure(&Recipe::find(RECIPE)?, &options, &mut |_| {
            if interrupt::requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        let root = tracerig_datasets::cache_root()?;
        let folder = tempfile::tempdir_in(&root).map_err(failed(&root))?;
        let database = folder.path().join("logs_2.sqlite");
        std::fs::copy(&dataset.database, &database).map_err(failed(&database))?;
        let memo = folder.path().join("trace.memo");
        let mut scene = Self { database, memo, before: Vec::new(), right: Turns::new(), _folder: folder };
        scene.scan(MemoPlace::File(scene.memo.clone()), Ablations::NONE)?;
        scene.before = std::fs::read(&scene.memo).map_err(failed(&scene.memo))?;
        let mut writer = TraceLog::open(&scene.database)?;
        workload::append(&mut writer, &dataset.manifest, 1, APPENDED, Mix::Realistic)?;
        scene.right = scene.scan(MemoPlace::Disabled, Ablations::NONE)?.turns;
        Ok(scene)
    }

    fn scan(&self, memo: MemoPlace, ablations: Ablations) -> Result<Scan, Error> {
        let options = Options { memo, ablations, ..Options::default() };
        Ok(Scanner::new(&self.database, options).scan(&Request::default())?)
    }

    /// One launch, from the memo of before. Gives its microseconds, too.
    fn launch(&self, ablation: Option<Ablation>) -> Result<(f64, Scan), Error> {
        std::fs::write(&self.memo, &self.before).map_err(failed(&self.memo))?;
        let start = Instant::now();
        let scan = self.scan(MemoPlace::File(self.memo.clone()), ablation.into_iter().collect())?;
        let microseconds = start.elapsed().as_secs_f64() * 1e6;
        let right = scan.turns == self.right;
        if scan.stats.mode == Mode::Incremental && right {
            return Ok((microseconds, scan));
        }
        let (path, mode) = (self.database.clone(), scan.stats.mode.to_string());
        Err(Error::NotComparable { path, name: ablation.map_or("", Ablation::name), mode, right })
    }

    /// `None` if it was cut short.
    fn cost(&self, ablation: Ablation) -> Result<Option<Cost>, Error> {
        // What the first launches warm up is not the rule's.
        let ((_, with), (_, without)) = (self.launch(None)?, self.launch(Some(ablation))?);
        let mut pairs = Vec::with_capacity(PAIRS);
        for number in 0..PAIRS {
            if interrupt::requested() {
                return Ok(None);
            }
            // Who goes first alternates.
            pairs.push(if number % 2 == 0 {
                let first = self.launch(None)?.0;
                (first, self.launch(Some(ablation))?.0)
            } else {
                let first = self.launch(Some(ablation))?.0;
                (self.launch(None)?.0, first)
            });
        }
        let difference = |count: fn(&Scan) -> u64| count(&with).cast_signed() - count(&without).cast_signed();
        Ok(paired_difference(&pairs).map(|found| Cost {
            microseconds: found.difference,
            interval: found.interval,
            pairs: found.pairs,
            rows_checked: difference(|scan| scan.stats.rows_checked),
            vm_steps: difference(|scan| scan.stats.vm_steps),
        }))
    }
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { path, source }
}
