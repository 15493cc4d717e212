//! The process that is measured: one refresh by one engine, which reads a trace database and an
//! archive of rollouts. `worker` has the process itself.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tracerig_protocol::{Answer as Said, Claims, Refusal, Request, UsageAnswer, UsageAsked};
use tracerig_published::{archive as published_archive, trace as published};
use tracerig_scanner::archive::{self, Archive, Phases, PriorityTurns};
use tracerig_scanner::{BUSY_TIMEOUT, MemoPlace, Scan, Scanner, Window};

use super::answer::{Answer, fault};
use super::floor;
use crate::engine::{Engine, MEMO, USAGE_MEMO, options};
use crate::handicap;
use crate::platform;
use crate::worker::answers::{failed, nanos, turns_of};
use crate::worker::planted::Planted;

/// The name of the memo of the published refresh in its folder.
const PUBLISHED_MEMO: &str = "published";

/// Refreshes.
pub(crate) fn refresh(
    engine: Engine,
    asked: &UsageAsked,
    database: &Path,
    request: &Request,
) -> Result<(Said, Claims), Refusal> {
    let of_database = |error| failed(format!("{}: {error}", database.display()));
    let planted = Planted::read(engine, database, request.handicap).map_err(of_database)?;
    let home = &asked.home.0;
    let memo = asked.memo.as_ref().map(|memo| memo.0.as_path());
    let task = Task { home, database, memo, cores: request.cores };
    let (answer, mut claims) = match engine {
        Engine::Floor => task.floor(),
        Engine::Scanner => task.scanner(),
        Engine::Published => task.published(),
    }?;
    planted.count(&mut claims.counters);
    handicap::spend(request.handicap);
    claims.peak_memory_bytes = platform::peak_memory();
    Ok((Said::Usage(answer), claims))
}

/// What a refresh is made on.
struct Task<'a> {
    home: &'a Path,
    database: &'a Path,
    memo: Option<&'a Path>,
    cores: Option<NonZeroUsize>,
}

impl Task<'_> {
    fn memo(&self, name: &str) -> Option<PathBuf> {
        self.memo.map(|memo| memo.join(name))
    }

    fn archive_options(&self) -> archive::Options {
        let mut options =
            archive::Options { memo: self.memo(USAGE_MEMO), ..archive::Options::default() };
        if let Some(cores) = self.cores {
            options.threads = cores.min(archive::Options::MOST_THREADS);
        }
        options
    }

    fn floor(&self) -> Result<(UsageAnswer, Claims), Refusal> {
        let start = Instant::now();
        let counted = floor::walk(self.home, self.archive_options().threads.get())
            .map_err(|error| failed(format!("{}: {error}", self.home.display())))?;
        let claims = Claims {
            phases_ns: [("walk".to_owned(), nanos(start.elapsed()))].into(),
            counters: counters([
                ("files", counted.files),
                ("bytes", counted.bytes),
                ("folders", counted.folders),
                ("metadata_calls", counted.files),
            ]),
            ..Claims::default()
        };
        Ok((UsageAnswer::default(), claims))
    }

    fn scanner(&self) -> Result<(UsageAnswer, Claims), Refusal> {
        let start = Instant::now();
        let memo = self.memo(MEMO).map_or(MemoPlace::Disabled, MemoPlace::File);
        let scanner = Scanner::new(self.database, options(memo, self.cores));
        let scan = scanner
            .scan(&tracerig_scanner::Request::default())
            .map_err(|error| failed(error.to_string()))?;
        let priority: PriorityTurns = scan.turns.keys().cloned().collect();
        let tracing = start.elapsed();
        let options = self.archive_options();
        let request = archive::Request { priority: Some(&priority), ..archive::Request::default() };
        let refresh = Archive::new(self.home, options)
            .refresh(&request)
            .map_err(|error| failed(error.to_string()))?;
        let problem = fault(&refresh.problems).map(ToString::to_string);
        let warning = scan.warnings.first().or(refresh.warnings.first()).cloned().or(problem);
        let adding = Instant::now();
        let answer = Answer::of_usage(&refresh.usage);
        let stats = refresh.stats;
        let phases =
            Phases { aggregate: stats.phases.aggregate + adding.elapsed(), ..stats.phases };
        let counters = counters([
            ("classes", answer.classes() as u64),
            ("events", answer.events()),
            ("files", stats.files),
            ("folders", stats.folders),
            ("metadata_calls", stats.metadata_calls),
            ("unchanged", stats.unchanged),
            ("continued", stats.continued),
            ("parsed", stats.parsed),
            ("bytes_read", stats.bytes_read),
            ("shards_read", stats.shards_read),
            ("shards_written", stats.shards_written),
            ("memo_bytes_written", stats.memo_bytes_written),
            ("rows_examined", scan.stats.rows_examined),
        ]);
        let claims =
            Claims { phases_ns: named(tracing, phases), counters, warning, ..of_trace(&scan) };
        Ok((said(&answer, scan), claims))
    }

    fn published(&self) -> Result<(UsageAnswer, Claims), Refusal> {
        let start = Instant::now();
        let scan = published::scan(self.database, Window::default(), BUSY_TIMEOUT)
            .map_err(|error| failed(error.to_string()))?;
        let tracing = start.elapsed();
        let memo = self.memo(PUBLISHED_MEMO);
        let memo = memo
            .ok_or_else(|| failed("the published refresh needs the folder of a memo".to_owned()))?;
        let refresh = published_archive::refresh(self.home, &memo)
            .map_err(|error| failed(error.to_string()))?;
        let adding = Instant::now();
        let answer = Answer::of_published(&refresh.used);
        let phases =
            Phases { aggregate: refresh.phases.aggregate + adding.elapsed(), ..refresh.phases };
        let counters = counters([
            ("classes", answer.classes() as u64),
            ("files", refresh.files),
            ("folders", refresh.folders),
            ("metadata_calls", refresh.metadata_calls),
            ("unchanged", refresh.files - refresh.parsed),
            ("continued", 0),
            ("parsed", refresh.parsed),
            ("bytes_read", refresh.bytes_read),
            ("memo_bytes_written", refresh.memo_bytes_written),
            ("rows_examined", scan.stats.rows_examined),
        ]);
        let claims = Claims { phases_ns: named(tracing, phases), counters, ..of_trace(&scan) };
        Ok((said(&answer, scan), claims))
    }
}

/// The answer in the words of the protocol, with the turns of the trace database.
fn said(answer: &Answer, scan: Scan) -> UsageAnswer {
    let mode = Some(scan.stats.mode.to_string());
    UsageAnswer { mode, turns: Some(turns_of(scan.turns)), ..answer.of_protocol() }
}

/// What the scan of the trace database claims.
fn of_trace(scan: &Scan) -> Claims {
    let stats = &scan.stats;
    Claims {
        reason: Some(stats.reason.to_string()),
        cursor: Some(stats.cursor),
        persisted: Some(stats.persisted),
        ..Claims::default()
    }
}

fn counters<const N: usize>(all: [(&str, u64); N]) -> BTreeMap<String, u64> {
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The phases.
fn named(trace: Duration, phases: Phases) -> BTreeMap<String, u64> {
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
