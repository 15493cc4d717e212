//! A database that is scanned, and the memos from before and after rows were appended.

use std::path::PathBuf;

use tempfile::TempDir;
use tracerig_datasets::workload::{self, Mix};
use tracerig_scanner::{MemoPlace, Mode, Options, Request, Scan, Scanner};
use tracerig_store::TraceLog;

use super::{APPENDED, dataset, folder, must, stop};

/// A database, and the memos from before and after rows were appended.
pub(crate) struct Stage {
    _folder: TempDir,
    _writer: TraceLog,
    pub(crate) database: PathBuf,
    pub(crate) memo: PathBuf,
    pub(crate) before: Vec<u8>,
    pub(crate) after: Vec<u8>,
}

impl Stage {
    pub(crate) fn set() -> Self {
        let (dataset, folder) = (dataset(), folder());
        let (database, memo) =
            (folder.path().join("logs_2.sqlite"), folder.path().join("trace.memo"));
        must(std::fs::copy(&dataset.database, &database));
        let mut stage = Self {
            _writer: must(TraceLog::open(&database)),
            _folder: folder,
            database,
            memo,
            before: Vec::new(),
            after: Vec::new(),
        };
        stage.remembering();
        stage.before = must(std::fs::read(&stage.memo));
        must(workload::append(&mut stage._writer, &dataset.manifest, 1, APPENDED, Mix::Realistic));
        stage.remembering();
        stage.after = must(std::fs::read(&stage.memo));
        // What is timed must be what its name says.
        let right = stage.scan(MemoPlace::Disabled);
        for (bytes, mode) in [(&stage.before, Mode::Incremental), (&stage.after, Mode::Unchanged)] {
            must(std::fs::write(&stage.memo, bytes));
            let scan = stage.remembering();
            if scan.stats.mode != mode || scan.turns != right.turns {
                stop(&format!("a scan that was to be {mode}: {:?}", scan.stats));
            }
        }
        stage
    }

    pub(crate) fn scan(&self, memo: MemoPlace) -> Scan {
        must(
            Scanner::new(&self.database, Options { memo, ..Options::default() })
                .scan(&Request::default()),
        )
    }

    pub(crate) fn remembering(&self) -> Scan {
        self.scan(MemoPlace::File(self.memo.clone()))
    }
}
