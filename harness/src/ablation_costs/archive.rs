//! What the rules of the session archive are measured on.

use std::path::PathBuf;
use std::time::Instant;

use tracerig_datasets::archive::{ArchiveRecipe, Sessions, operations};
use tracerig_datasets::{BuildOptions, Cache};
use tracerig_scanner::archive::{
    Ablation, Ablations, Archive, Options, PriorityTurns, Refresh, Request,
};

use super::{Error, Launch, until_interrupted, workplace};
use crate::interrupt::TempFolder;
use crate::scenario::KeptFolder;
use crate::scenario::refresh::{Answer, TICK};

const RECIPE: &str = "archive-6k";
const GONE_ON: usize = 20;
/// The state of the memo before sessions went on.
const BEFORE: &str = "before";

pub(super) struct Set {
    home: PathBuf,
    /// The folder of the memo, and its state before sessions went on.
    memo: KeptFolder,
    priority: PriorityTurns,
    right: Answer,
    _folder: TempFolder,
}

impl super::Set for Set {
    type Rule = Ablation;
    const SUBJECT: &'static str = "archive";
    const SCENE: &'static str = "refreshes with a memo after the last 20 sessions of recipe \
                                 `archive-6k` had gone on (6,013 files, 197 MB), in one process, \
                                 hot, 100 pairs";
    const WORKING: &'static [Ablation] = &[
        Ablation::MemoChecksum,
        Ablation::MemoPrivate,
        Ablation::ShardChecksum,
        Ablation::ShardStamp,
        Ablation::FileLinks,
        Ablation::FolderLinks,
        Ablation::FolderOnce,
        Ablation::Grown,
        Ablation::Tail,
        Ablation::Shared,
        Ablation::SharedLink,
        Ablation::Copies,
    ];
    const PAIRS: usize = 100;

    fn name(rule: Ablation) -> &'static str {
        rule.name()
    }

    fn up() -> Result<Self, Error> {
        let recipe = ArchiveRecipe::builtin(RECIPE)?;
        let dataset = Cache::default()?.ensure_archive(
            &recipe,
            &BuildOptions::default(),
            &mut until_interrupted,
        )?;
        let folder = workplace()?;
        let home = folder.path().join("home");
        operations::copy_home(&dataset, &home, &mut until_interrupted)?;
        let priority =
            dataset.trace.manifest.truth.turns.iter().map(|turn| turn.turn.as_str()).collect();
        let memo = KeptFolder::new(&folder.path().join("memo"))?;
        let mut set = Self { home, memo, priority, right: Answer::default(), _folder: folder };
        // What has just been written is not believed to stay as it is.
        std::thread::sleep(TICK);
        set.refresh(true, Ablations::NONE)?;
        set.memo.keep(BEFORE)?;
        let mut sessions = Sessions::of(&dataset)?;
        // The last of many that can go on: those in use are in the folders of the last days.
        for at in sessions.some(sessions.count() / 10, 1).into_iter().rev().take(GONE_ON) {
            sessions.append(&set.home, at, 1)?;
        }
        std::thread::sleep(TICK);
        set.right = Answer::of_usage(&set.refresh(false, Ablations::NONE)?.usage);
        Ok(set)
    }

    fn launch(&self, without: Option<Ablation>) -> Result<Launch, Error> {
        self.memo.restore(Some(BEFORE))?;
        let start = Instant::now();
        let refresh =
            self.refresh(true, without.map_or(Ablations::NONE, |rule| Ablations::NONE.with(rule)))?;
        let microseconds = start.elapsed().as_secs_f64() * 1e6;
        let stats = refresh.stats;
        // The archive has copies: without the rule that tells them they count twice.
        let right =
            Answer::of_usage(&refresh.usage) == self.right || without == Some(Ablation::Copies);
        if stats.parsed + stats.continued == GONE_ON as u64 && right {
            let work = vec![
                ("metadata calls", stats.metadata_calls),
                ("bytes of sessions read", stats.bytes_read),
                ("parts of the memo read", stats.shards_read),
                ("parts of the memo written", stats.shards_written),
            ];
            return Ok(Launch { microseconds, work });
        }
        let way = format!("a refresh that read {} files", stats.parsed + stats.continued);
        let path = self.home.clone();
        Err(Error::NotComparable { path, name: without.map_or("", Ablation::name), way, right })
    }
}

impl Set {
    fn refresh(&self, remembers: bool, ablations: Ablations) -> Result<Refresh, Error> {
        let memo = remembers.then(|| self.memo.place.join("archive"));
        let request = Request { priority: Some(&self.priority), ..Request::default() };
        let options = Options { memo, ablations, ..Options::default() };
        Ok(Archive::new(&self.home, options).refresh(&request)?)
    }
}
