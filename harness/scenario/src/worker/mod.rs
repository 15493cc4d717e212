//! The process that is measured: our engines, each a candidate that answers the protocol.
//!
//! Started as `tracerig __worker ENGINE [PARENT]`, it answers requests line by line until its
//! standard input ends. It is looked for before anything of the command line is parsed, so that a
//! launch is as short as the engine allows. `writer`, `contender` and `killed` are not measured.

pub(crate) mod answers;
pub(crate) mod append;
pub(crate) mod planted;
mod stage;
mod usage;
pub(crate) mod writer;

use std::ffi::OsString;
use std::io::{BufRead as _, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use rusqlite::{Connection, OpenFlags};
use tracerig_protocol::{
    Answer, Ask, Capability, Claims, Contract, ErrorKind, Hello, Refusal, Request, ScanAsked,
    Split, TokenKind, TraceAnswer, UsageDeclared, VERSION,
};
use tracerig_published::trace as published;
use tracerig_scanner::{BUSY_TIMEOUT, MemoPlace, Scan, ScanError, Scanner, Window};
use tracerig_store::threads::Mode;

use crate::append::{self as appends, worker::AppendEngine};
use crate::engine::{IDLE, MEMO, RESIDENT, options};
use crate::refresh;
use crate::{handicap, platform};
use answers::{Answers, failed, nanos, next, reply, say, turns_of};
use planted::Planted;

pub use crate::engine::{Engine, PROTOCOL, SUBCOMMAND};
pub use writer::Done;

/// Runs as a worker. `arguments` are those after the subcommand.
pub fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match work(&mut arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody may be listening any more.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn work(arguments: &mut impl Iterator<Item = OsString>) -> Result<(), String> {
    let what = next(arguments)?;
    if let Some(parent) = arguments.next() {
        let parent =
            parent.to_string_lossy().parse().map_err(|error| format!("parent: {error}"))?;
        platform::die_with_parent(parent);
    }
    match what.as_str() {
        IDLE => Ok(()),
        RESIDENT => serve(&mut Worker::new(Engine::Scanner, true)),
        writer::WRITER => writer::writer(arguments),
        appends::CONTENDER | appends::KILLED => appends::beside(what.as_str(), arguments),
        what => match (stage::named(what), appends::worker::named(what)) {
            (Some(mut scanner), _) => serve(&mut scanner),
            (None, Some(mut appends)) => {
                // A load may take minutes.
                platform::end_with_reader();
                serve(&mut appends)
            }
            (None, None) => serve(&mut Worker::new(what.parse()?, false)),
        },
    }
}

/// Answers every request, line by line, until standard input ends.
fn serve(answers: &mut dyn Answers) -> Result<(), String> {
    let (mut input, mut line) = (std::io::stdin().lock(), Vec::new());
    let failed = |error| format!("standard input: {error}");
    while input.read_until(b'\n', &mut line).map_err(failed)? > 0 {
        say(&reply(answers, &line))?;
        line.clear();
    }
    Ok(())
}

/// An engine that answers requests.
struct Worker {
    engine: Engine,
    /// Whether it remembers in memory, from request to request, what it scanned.
    lives_on: bool,
    scanner: Option<(PathBuf, Scanner)>,
}

impl Worker {
    const fn new(engine: Engine, lives_on: bool) -> Self {
        Self { engine, lives_on, scanner: None }
    }

    fn cannot(&self) -> Refusal {
        let message = format!("{} does not do that", self.engine.name());
        Refusal { kind: ErrorKind::Unsupported, message }
    }

    fn hello(&self) -> Hello {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let versions = vec![VERSION];
        match self.engine {
            Engine::Scanner => Hello {
                name: "tracerig".to_owned(),
                version,
                contracts: Contract::ALL.to_vec(),
                capabilities: vec![
                    Capability::Memo,
                    Capability::Serve,
                    Capability::Cancel,
                    Capability::Counters,
                    Capability::Handicap,
                    Capability::Load,
                ],
                versions,
                usage: Some(UsageDeclared::whole()),
            },
            Engine::Published => Hello {
                name: self.engine.name().to_owned(),
                version,
                contracts: vec![Contract::Trace, Contract::Usage],
                capabilities: vec![
                    Capability::Memo,
                    Capability::Serve,
                    Capability::Cancel,
                    Capability::Counters,
                ],
                versions,
                usage: Some(UsageDeclared {
                    by: vec![Split::Day, Split::Model],
                    tokens: vec![TokenKind::Input, TokenKind::CachedInput, TokenKind::Output],
                    ..UsageDeclared::whole()
                }),
            },
            engine => Hello {
                name: engine.name().to_owned(),
                version,
                contracts: vec![Contract::Trace],
                // The published refresh of an archive keeps a memo.
                capabilities: [Capability::Serve, Capability::Counters]
                    .into_iter()
                    .chain((engine == Engine::Published).then_some(Capability::Memo))
                    .collect(),
                versions,
                usage: None,
            },
        }
    }

    fn scan(&mut self, asked: &ScanAsked, request: &Request) -> Result<(Answer, Claims), Refusal> {
        let database = &asked.database.0;
        let of_database = |error| failed(format!("{}: {error}", database.display()));
        let planted =
            Planted::read(self.engine, database, request.handicap).map_err(of_database)?;
        let window = Window { since: asked.since, until: asked.until };
        let (answer, mut claims) = match self.engine {
            Engine::Floor => {
                let start = Instant::now();
                let cursor = floor(database).map_err(of_database)?;
                let phases_ns = [("open".to_owned(), nanos(start.elapsed()))].into();
                let (cursor, persisted) = (Some(cursor), Some(false));
                let claims = Claims { cursor, persisted, phases_ns, ..Claims::default() };
                (TraceAnswer::default(), claims)
            }
            Engine::Published => {
                let scan = published::scan(database, window, BUSY_TIMEOUT);
                told(scan.map_err(|error| failed(error.to_string()))?, self.engine)
            }
            Engine::Scanner => {
                let ask = tracerig_scanner::Request { window, rescan: asked.force };
                let scan = self.scanner(asked, request.cores).scan(&ask);
                told(scan.map_err(|error| not_scanned(&error))?, self.engine)
            }
        };
        claims.peak_memory_bytes = platform::peak_memory();
        planted.count(&mut claims.counters);
        handicap::spend(request.handicap);
        Ok((Answer::Trace(answer), claims))
    }

    /// The scanner for this request: the one from before, if that keeps running.
    fn scanner(&mut self, asked: &ScanAsked, cores: Option<NonZeroUsize>) -> &Scanner {
        let database = &asked.database.0;
        let memo = match &asked.memo {
            _ if self.lives_on => MemoPlace::Memory,
            Some(memo) => MemoPlace::File(memo.0.join(MEMO)),
            None => MemoPlace::Disabled,
        };
        let is_it = |(path, _): &(PathBuf, Scanner)| self.lives_on && path == database;
        let kept = self.scanner.take().filter(is_it);
        let new = || (database.clone(), Scanner::new(database, options(memo, cores)));
        &self.scanner.insert(kept.unwrap_or_else(new)).1
    }
}

impl Answers for Worker {
    fn answer(&mut self, request: &Request) -> Result<(Answer, Claims), Refusal> {
        match &request.ask {
            Ask::Hello { .. } => Ok((Answer::Hello(self.hello()), Claims::default())),
            Ask::Idle => Ok((Answer::Idle, Claims::default())),
            Ask::Scan(asked) => self.scan(asked, request),
            Ask::Usage(asked) => match (&asked.database, self.engine) {
                (Some(database), engine) => {
                    refresh::worker::refresh(engine, asked, &database.0, request)
                }
                (None, Engine::Scanner) => usage::count(asked),
                (None, Engine::Published) => usage::published(asked),
                (None, Engine::Floor) => Err(self.cannot()),
            },
            // The store has no engine of its own here: the one that people get.
            Ask::Append(_) | Ask::Load(_) if self.engine == Engine::Scanner => {
                AppendEngine(Some(Mode::default())).answer(request)
            }
            Ask::Append(_) | Ask::Load(_) => Err(self.cannot()),
        }
    }
}

fn not_scanned(error: &ScanError) -> Refusal {
    let kind = match error {
        ScanError::Locked { .. } => ErrorKind::Busy,
        _ => ErrorKind::Failed,
    };
    Refusal { kind, message: error.to_string() }
}

/// A scan in the words of the protocol.
fn told(scan: Scan, engine: Engine) -> (TraceAnswer, Claims) {
    let Scan { turns, stats, warnings, .. } = scan;
    let turns = turns_of(turns);
    let phases = &stats.elapsed;
    let is_ours = engine == Engine::Scanner;
    let phases = [
        ("load", is_ours.then_some(phases.load)),
        ("open", Some(phases.open)),
        ("check", is_ours.then_some(phases.check)),
        ("scan", Some(phases.scan)),
        ("persist", is_ours.then_some(phases.persist)),
    ];
    let counters = [
        ("vm_steps", Some(stats.vm_steps)),
        ("body_bytes", is_ours.then_some(stats.body_bytes)),
        ("rows_examined", Some(stats.rows_examined)),
        ("facts", Some(stats.facts)),
        ("rows_checked", is_ours.then_some(stats.rows_checked)),
        ("artifact_bytes", is_ours.then_some(stats.artifact_bytes)),
    ];
    let claims = Claims {
        phases_ns: phases
            .into_iter()
            .filter_map(|(name, elapsed)| Some((name.to_owned(), nanos(elapsed?))))
            .collect(),
        counters: counters
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect(),
        reason: Some(stats.reason.to_string()),
        cursor: Some(stats.cursor),
        persisted: Some(stats.persisted),
        warning: warnings.into_iter().next(),
        ..Claims::default()
    };
    (TraceAnswer { turns, mode: Some(stats.mode.to_string()) }, claims)
}

fn floor(database: &Path) -> rusqlite::Result<i64> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    // The scanner opens with as small a page cache; a floor that pays for a larger one would be no
    // floor.
    connection.pragma_update(None, "cache_size", 16)?;
    let newest: Option<i64> =
        connection.query_row("SELECT max(id) FROM logs", [], |row| row.get(0))?;
    Ok(newest.unwrap_or(0))
}

#[cfg(test)]
mod tests;
