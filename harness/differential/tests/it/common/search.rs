//! Searches of histories that are to find nothing, and that are to exercise everything.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tracerig_differential::search::{Found, Job, Limits, Report, Shard, kept, search};
use tracerig_differential::subject::Subject;

/// Operations of each random history.
pub const OPS: usize = 20;

/// A thread a core.
pub fn jobs() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// The folder of the repository that has the kept histories of a sort.
pub fn corpus(sort: &str) -> PathBuf {
    // Crates lie in folders of the repository, and some in folders of those.
    let mut above =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("corpus"));
    above.find(|folder| folder.is_dir()).unwrap().join(sort)
}

/// Executes so many random histories; fails with what is found.
#[track_caller]
pub fn expect_nothing<S: Subject>(subject: S, histories: u64) -> Report {
    let report = searched(subject, histories, Vec::new());
    assert_eq!((report.random, report.operations), (histories, histories * OPS as u64));
    report
}

/// Executes the kept histories of a sort, of which there are at least so many; fails with what is
/// found.
#[track_caller]
pub fn expect_nothing_kept<S: Subject>(subject: S, sort: &str, least: usize) {
    let corpus = kept::files(&corpus(sort)).unwrap();
    assert!(corpus.len() >= least, "the corpus is not where it should be");
    assert_eq!(searched(subject, 0, corpus.clone()).kept, corpus);
}

/// Fails unless each of these was exercised so often: what is never exercised is not tested.
#[track_caller]
pub fn assert_exercised(report: &Report, least: u64, all: &[&str]) {
    for what in all {
        let count = report.exercised.get(*what).copied().unwrap_or_default();
        assert!(count >= least, "hardly ever: {what}\n{:#?}", report.exercised);
    }
}

/// Searches; fails with what is found, each failure with its history.
#[track_caller]
fn searched<S: Subject>(subject: S, histories: u64, corpus: Vec<PathBuf>) -> Report {
    let keep = TempDir::new().unwrap();
    let job = Job {
        subject,
        seed: 1,
        ops: OPS,
        limits: Limits { cases: Some(histories), ..Limits::default() },
        jobs: jobs(),
        shard: Shard::WHOLE,
        corpus,
        keep: keep.path().to_owned(),
    };
    let report = search(&job, &mut |_| {}).unwrap();
    if !report.found.is_empty() {
        // Kept for anyone who reads this.
        let folder = keep.keep();
        let told = |found: &Found| {
            let Found { kind, origin, detail, history, replay, .. } = found;
            format!("{kind}: {origin}\n{detail}\n{history}\n{replay}\n")
        };
        let all: Vec<String> = report.found.iter().map(told).collect();
        panic!("{} histories fail; see {}\n\n{}", report.failed, folder.display(), all.join("\n"));
    }
    report
}
