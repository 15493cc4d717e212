//! What the rules of the trace scanner are measured on.

use std::path::PathBuf;
use std::time::Instant;

use tracerig_datasets::workload::{self, Mix};
use tracerig_datasets::{BuildOptions, Cache, Recipe};
use tracerig_scanner::{
    Ablation, Ablations, MemoPlace, Mode, Options, Request, Scan, Scanner, Turns,
};
use tracerig_store::TraceLog;

use super::{Error, Launch, failed, until_interrupted, workplace};
use crate::interrupt::TempFolder;

const RECIPE: &str = "quick";
const SCALE: f64 = 0.25;
const APPENDED: u64 = 200;

pub(super) struct Set {
    database: PathBuf,
    memo: PathBuf,
    /// The memo from before the rows were appended.
    before: Vec<u8>,
    right: Turns,
    _folder: TempFolder,
}

impl super::Set for Set {
    type Rule = Ablation;
    const SUBJECT: &'static str = "trace";
    const SCENE: &'static str = "launches with a memo after 200 rows were appended to recipe \
                                 `quick`, a quarter of it (67 MB, 25,000 rows), in one process, \
                                 hot, 300 pairs";
    const WORKING: &'static [Ablation] = &[
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
    const PAIRS: usize = 300;

    fn name(rule: Ablation) -> &'static str {
        rule.name()
    }

    fn up() -> Result<Self, Error> {
        let options = BuildOptions { scale: SCALE, ..BuildOptions::default() };
        let dataset =
            Cache::default()?.ensure(&Recipe::find(RECIPE)?, &options, &mut until_interrupted)?;
        let folder = workplace()?;
        let database = folder.path().join("logs_2.sqlite");
        std::fs::copy(&dataset.database, &database).map_err(failed(&database))?;
        let memo = folder.path().join("trace.memo");
        let mut set =
            Self { database, memo, before: Vec::new(), right: Turns::new(), _folder: folder };
        set.scan(MemoPlace::File(set.memo.clone()), Ablations::NONE)?;
        set.before = std::fs::read(&set.memo).map_err(failed(&set.memo))?;
        let mut writer = TraceLog::open(&set.database)?;
        workload::append(&mut writer, &dataset.manifest, 1, APPENDED, Mix::Realistic)?;
        set.right = set.scan(MemoPlace::Disabled, Ablations::NONE)?.turns;
        Ok(set)
    }

    fn launch(&self, without: Option<Ablation>) -> Result<Launch, Error> {
        std::fs::write(&self.memo, &self.before).map_err(failed(&self.memo))?;
        let start = Instant::now();
        let scan = self.scan(MemoPlace::File(self.memo.clone()), without.into_iter().collect())?;
        let microseconds = start.elapsed().as_secs_f64() * 1e6;
        let (stats, right) = (scan.stats, scan.turns == self.right);
        if stats.mode == Mode::Incremental && right {
            let work = vec![("rows read", stats.rows_checked), ("VM steps", stats.vm_steps)];
            return Ok(Launch { microseconds, work });
        }
        let (path, way) = (self.database.clone(), stats.mode.to_string());
        Err(Error::NotComparable { path, name: without.map_or("", Ablation::name), way, right })
    }
}

impl Set {
    fn scan(&self, memo: MemoPlace, ablations: Ablations) -> Result<Scan, Error> {
        let options = Options { memo, ablations, ..Options::default() };
        Ok(Scanner::new(&self.database, options).scan(&Request::default())?)
    }
}
