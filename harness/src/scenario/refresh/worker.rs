//! The process that is measured: one refresh by one engine, told as one line of JSON.
//!
//! Started by the harness as `tracerig __refresh PARENT TASK`, where TASK is JSON.

use std::ffi::OsString;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tracerig_published::{archive as published_archive, trace as published};
use tracerig_scanner::archive::{self, Archive, Phases, PriorityTurns};
use tracerig_scanner::{BUSY_TIMEOUT, MemoPlace, Request, Scan, Scanner, Window};

use super::answer::{Answer, fault};
use super::floor;
use crate::handicap::{self, Handicap};
use crate::platform;
use crate::scenario::prepared_database::digest;
use crate::scenario::relaunch::worker::{Engine, Planted, options, say};

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "__refresh";

/// What a process of this scenario does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) engine: Engine,
    pub(super) home: PathBuf,
    pub(super) database: PathBuf,
    /// A folder, or a file where the engine is the published one.
    pub(super) archive_memo: Option<PathBuf>,
    pub(super) trace_memo: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Handicap::is_none")]
    pub(super) handicap: Handicap,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cores: Option<NonZeroUsize>,
}

/// What a worker answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reply {
    /// Digest of what was used; empty for an engine that answers nothing.
    pub(super) answer: String,
    /// Days, models and tiers in it.
    pub(super) classes: u64,
    pub(super) trace: Option<Trace>,
    pub(super) files: u64,
    /// Bytes of all rollouts, where the engine counts them.
    pub(super) bytes: Option<u64>,
    pub(super) folders: u64,
    pub(super) metadata_calls: u64,
    pub(super) unchanged: u64,
    pub(super) continued: u64,
    pub(super) parsed: u64,
    pub(super) bytes_read: u64,
    pub(super) shards_read: Option<u64>,
    pub(super) shards_written: Option<u64>,
    pub(super) memo_bytes_written: Option<u64>,
    /// Where the time went, by name, in nanoseconds.
    pub(super) phases: Vec<(String, u64)>,
    pub(super) peak_memory_bytes: Option<u64>,
}

/// What the scan of the trace database found and did.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trace {
    pub(super) turns: u64,
    /// Digest of the turns.
    pub(super) digest: String,
    pub(super) cursor: i64,
    pub(super) mode: String,
    pub(super) reason: String,
    pub(super) rows_examined: u64,
    pub(super) persisted: bool,
}

/// The arguments of such a process.
pub(super) fn arguments(task: &Task) -> Vec<OsString> {
    let task = serde_json::to_string(task).unwrap_or_default();
    vec![SUBCOMMAND.into(), std::process::id().to_string().into(), task.into()]
}

/// Runs as a worker. `arguments` are those after the subcommand.
pub fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut run = || -> Result<(), String> {
        let mut next = || {
            let argument = arguments.next().ok_or("a worker is started by the harness only; see --help")?;
            argument.into_string().map_err(|_| "not UTF-8".to_owned())
        };
        let parent = next()?.parse().map_err(|error| format!("parent: {error}"))?;
        platform::die_with_parent(parent);
        let task: Task = serde_json::from_str(&next()?).map_err(|error| format!("task: {error}"))?;
        let planted = Planted::read(task.engine, &task.database, task.handicap)
            .map_err(|error| format!("{}: {error}", task.database.display()))?;
        let mut reply = task.work()?;
        if let Some(trace) = &mut reply.trace {
            trace.rows_examined += planted.rows;
        }
        handicap::spend(task.handicap);
        say(&Reply { peak_memory_bytes: platform::peak_memory(), ..reply })
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody may be listening any more.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

impl Task {
    fn work(&self) -> Result<Reply, String> {
        match self.engine {
            Engine::Floor => self.floor(),
            Engine::Scanner => self.scanner(),
            Engine::Published => self.published(),
        }
    }

    fn archive_options(&self) -> archive::Options {
        let mut options = archive::Options { memo: self.archive_memo.clone(), ..archive::Options::default() };
        if let Some(cores) = self.cores {
            options.threads = cores.min(archive::Options::MOST_THREADS);
        }
        options
    }

    fn floor(&self) -> Result<Reply, String> {
        let start = Instant::now();
        let counted = floor::walk(&self.home, self.archive_options().threads.get())
            .map_err(|error| format!("{}: {error}", self.home.display()))?;
        Ok(Reply {
            files: counted.files,
            bytes: Some(counted.bytes),
            folders: counted.folders,
            metadata_calls: counted.files,
            phases: vec![("walk".to_owned(), nanos(start.elapsed()))],
            ..Reply::default()
        })
    }

    fn scanner(&self) -> Result<Reply, String> {
        let start = Instant::now();
        let memo = self.trace_memo.clone().map_or(MemoPlace::Disabled, MemoPlace::File);
        let scanner = Scanner::new(self.database.clone(), options(memo, self.cores));
        let scan = scanner.scan(&Request::default()).map_err(|error| error.to_string())?;
        let priority: PriorityTurns = scan.turns.keys().cloned().collect();
        let tracing = start.elapsed();
        let options = self.archive_options();
        let request = archive::Request { priority: Some(&priority), ..archive::Request::default() };
        let refresh =
            Archive::new(&self.home, options).refresh(&request).map_err(|error| error.to_string())?;
        // A warning or a problem would mean that this was not what was meant to be measured.
        let problem = fault(&refresh.problems).map(ToString::to_string);
        if let Some(said) = scan.warnings.first().or(refresh.warnings.first()).cloned().or(problem) {
            return Err(said);
        }
        let adding = Instant::now();
        let answer = Answer::of_usage(&refresh.usage);
        let stats = refresh.stats;
        let phases = Phases { aggregate: stats.phases.aggregate + adding.elapsed(), ..stats.phases };
        Ok(Reply {
            answer: answer.digest(),
            classes: answer.classes() as u64,
            trace: Some(Trace::of(&scan)),
            files: stats.files,
            bytes: None,
            folders: stats.folders,
            metadata_calls: stats.metadata_calls,
            unchanged: stats.unchanged,
            continued: stats.continued,
            parsed: stats.parsed,
            bytes_read: stats.bytes_read,
            shards_read: Some(stats.shards_read),
            shards_written: Some(stats.shards_written),
            memo_bytes_written: Some(stats.memo_bytes_written),
            phases: named(tracing, phases),
            peak_memory_bytes: None,
        })
    }

    fn published(&self) -> Result<Reply, String> {
        let start = Instant::now();
        let scan = published::scan(&self.database, Window::default(), BUSY_TIMEOUT)
            .map_err(|error| error.to_string())?;
        let tracing = start.elapsed();
        let memo = self.archive_memo.as_ref().ok_or("the published refresh is told of a memo")?;
        let refresh = published_archive::refresh(&self.home, memo).map_err(|error| error.to_string())?;
        let adding = Instant::now();
        let answer = Answer::of_published(&refresh.used);
        let phases = Phases { aggregate: refresh.phases.aggregate + adding.elapsed(), ..refresh.phases };
        Ok(Reply {
            answer: answer.digest(),
            classes: answer.classes() as u64,
            trace: Some(Trace::of(&scan)),
            files: refresh.files,
            bytes: None,
            folders: refresh.folders,
            metadata_calls: refresh.metadata_calls,
            unchanged: refresh.files - refresh.parsed,
            continued: 0,
            parsed: refresh.parsed,
            bytes_read: refresh.bytes_read,
            shards_read: None,
            shards_written: None,
            memo_bytes_written: Some(refresh.memo_bytes_written),
            phases: named(tracing, phases),
            peak_memory_bytes: None,
        })
    }
}

impl Trace {
    fn of(scan: &Scan) -> Self {
        let stats = &scan.stats;
        Self {
            turns: scan.turns.len() as u64,
            digest: digest(&scan.turns),
            cursor: stats.cursor,
            mode: stats.mode.to_string(),
            reason: stats.reason.to_string(),
            rows_examined: stats.rows_examined,
            persisted: stats.persisted,
        }
    }
}

/// The phases in the order of the work.
fn named(trace: Duration, phases: Phases) -> Vec<(String, u64)> {
    let Phases { walk, metadata, load, parse, aggregate, persist } = phases;
    let all = [
        ("trace", trace),
        ("walk", walk),
        ("metadata", metadata),
        ("load", load),
        ("parse", parse),
        ("aggregate", aggregate),
        ("persist", persist),
    ];
    all.map(|(name, elapsed)| (name.to_owned(), nanos(elapsed))).into()
}

fn nanos(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}
