//! Homes as the Codex CLI leaves them: archived threads, segments, compressed histories, names, and
//! files that are none.

mod compressed;
mod segments;
mod skipped;
mod titles;

use std::fs;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tempfile::TempDir;
use tracerig_store::threads::{
    Progress, Rebuilt, Rows, Sessions, StoreOptions, SweepOptions, ThreadId, ThreadRow,
    ThreadStore, Verified, rebuild, repair, verify,
};

/// A thread of the small cases.
const THREAD: &str = "01a00000-0000-7000-8000-000000000000";
const OTHER: &str = "01a00001-0000-7000-8000-000000000000";
const DAY: &str = "sessions/2026/11/29";
const ARCHIVE: &str = "archived_sessions";

fn id(text: &str) -> ThreadId {
    text.parse().unwrap()
}

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn compressed(content: &str) -> Vec<u8> {
    compress_to_vec(content.as_bytes(), CompressionLevel::Fastest)
}

/// The name of a plain history.
fn name(thread: &str) -> String {
    format!("rollout-2026-11-29T10-00-00-{thread}.jsonl")
}

/// A line with this second, kind and payload.
fn line(second: u32, kind: &str, payload: &str) -> String {
    format!(
        "{{\"timestamp\":\"2026-11-29T10:00:{second:02}.000Z\",\"type\":\"{kind}\",\
        \"payload\":{payload}}}\n"
    )
}

fn meta(second: u32, thread: &str, more: &str) -> String {
    line(second, "session_meta", &format!("{{\"id\":\"{thread}\"{more}}}"))
}

fn message(second: u32, text: &str) -> String {
    line(second, "event_msg", &format!("{{\"type\":\"user_message\",\"message\":\"{text}\"}}"))
}

fn tokens(second: u32, total: u32) -> String {
    line(
        second,
        "event_msg",
        &format!(
            "{{\"type\":\"token_count\",\
            \"info\":{{\"total_token_usage\":{{\"total_tokens\":{total}}}}}}}"
        ),
    )
}

/// A history of two lines after the first.
fn history(thread: &str) -> String {
    [meta(0, thread, ""), message(1, "do it"), tokens(2, 100)].concat()
}

struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn root(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, folder: &str, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let folder = self.root().join(folder);
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn database(&self) -> PathBuf {
        self.root().join("threads.sqlite")
    }

    fn sessions(&self) -> Sessions {
        Sessions::of(self.root())
    }

    fn options() -> SweepOptions {
        SweepOptions { jobs: NonZeroUsize::MIN, ..SweepOptions::default() }
    }

    fn rebuild(&self) -> Rebuilt {
        rebuild(&self.sessions(), &self.database(), &Self::options(), &mut go_on).unwrap()
    }

    fn repair(&self) -> Rebuilt {
        repair(&self.sessions(), &self.database(), &Self::options(), &mut go_on).unwrap()
    }

    fn verify(&self) -> Verified {
        verify(&self.sessions(), &self.database(), &Self::options(), &mut go_on).unwrap()
    }

    fn row(&self, thread: &str) -> Option<ThreadRow> {
        Rows::open(&self.database(), Duration::from_secs(5)).unwrap().read(id(thread)).unwrap()
    }

    /// The row of the thread after everything was read, verified.
    #[track_caller]
    fn rebuilt(&self, thread: &str) -> ThreadRow {
        let done = self.rebuild();
        assert!(done.failures.is_empty() && done.flaws.is_empty(), "{done:?}");
        self.all_equal();
        assert_eq!(self.repair().written, 0, "a look at each file tells that nothing changed");
        self.row(thread).unwrap()
    }

    #[track_caller]
    fn all_equal(&self) {
        let verified = self.verify();
        assert!(verified.is_equal() && verified.failures.is_empty(), "{verified:?}");
        assert_eq!(verified.equal, verified.threads);
    }

    fn store(&self) -> ThreadStore {
        ThreadStore::open(self.root(), StoreOptions::default()).unwrap()
    }
}
