//! The process that is measured: our engines, each a candidate that answers the protocol.
//!
//! Started as `tracerig __worker ENGINE [PARENT]`, it answers requests line by line until its
//! standard input ends. It is looked for before anything of the command line is parsed, so that a
//! launch is as short as the engine allows. `writer`, `contender` and `killed` are not measured.

pub(crate) mod append;
mod planted;
mod stage;
mod usage;
mod writer;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead as _, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use tracerig_protocol::{
    Answer, Ask, Capability, Claims, Contract, ErrorKind, Hello, Refusal, Reply, Request,
    ScanAsked, Split, TokenKind, TraceAnswer, Turn, UsageDeclared, VERSION,
};
use tracerig_published::trace as published;
use tracerig_scanner::{BUSY_TIMEOUT, MemoPlace, Options, Scan, ScanError, Scanner, Turns, Window};
use tracerig_store::threads::Mode;

use crate::append::{self as appends, worker::AppendEngine};
use crate::refresh;
use crate::{handicap, platform};
pub(crate) use planted::Planted;
pub use writer::Done;
pub(crate) use writer::{Task, writer_arguments};

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "__worker";

/// Version of the requests to workers and of their replies.
///
/// A comparison starts the workers of both executables with the requests of this one. So a change
/// of a request or a reply of an engine that another build would misread raises it; tests here and
/// of `append::worker` tell when that is.
pub const PROTOCOL: u64 = 3;

/// The name of the memo of a trace database in its folder.
pub(crate) const MEMO: &str = "trace";

/// The name of the memo of an archive in its folder.
pub(crate) const USAGE_MEMO: &str = "usage";

/// What is relaunched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Open the database, read its maximum id, exit: what no relaunch can beat.
    Floor,
    /// The scanner.
    Scanner,
    /// The query as published.
    Published,
}

impl Engine {
    /// Its name on the command line and in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Scanner => "scanner",
            Self::Published => "published",
        }
    }
}

impl From<Engine> for String {
    fn from(engine: Engine) -> Self {
        engine.name().to_owned()
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Self::Floor, Self::Scanner, Self::Published]
            .into_iter()
            .find(|engine| engine.name() == name)
            .ok_or_else(|| format!("no engine `{name}`"))
    }
}

/// What makes a worker a scanner that keeps its memo in memory, from request to request.
pub(crate) const RESIDENT: &str = "resident";

/// The words of a command line that starts an engine of this program, by its name, or a resident
/// scanner. It ends with its standard input, and so with this process.
pub(crate) fn arguments(word: &str) -> [String; 2] {
    [SUBCOMMAND.to_owned(), word.to_owned()]
}

/// What makes a worker one that does nothing.
const IDLE: &str = "idle";

/// The arguments of a worker that does nothing: what it reads, every process of the program reads
/// at its start.
pub(crate) fn idle_arguments() -> [OsString; 3] {
    [SUBCOMMAND.into(), IDLE.into(), std::process::id().to_string().into()]
}

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

/// The next argument, which must be there and be text.
fn next(arguments: &mut impl Iterator<Item = OsString>) -> Result<String, String> {
    let argument = arguments.next().ok_or("a worker is started by the harness only; see --help")?;
    argument.into_string().map_err(|_| "not UTF-8".to_owned())
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

/// Writes `message` as a line of JSON, in one piece.
pub(crate) fn say(message: &impl Serialize) -> Result<(), String> {
    let mut line = serde_json::to_vec(message).map_err(|error| error.to_string())?;
    line.push(b'\n');
    let mut out = std::io::stdout();
    out.write_all(&line)
        .and_then(|()| out.flush())
        .map_err(|error| format!("standard output: {error}"))
}

/// Who answers requests.
pub(crate) trait Answers {
    /// What is right, and what it claims of its work.
    fn answer(&mut self, request: &Request) -> Result<(Answer, Claims), Refusal>;
}

/// The answer to a line.
pub(crate) fn reply(answers: &mut dyn Answers, line: &[u8]) -> Reply<Answer> {
    let refused = |kind, message: String| Refusal { kind, message };
    let (id, said) = match serde_json::from_slice::<Request>(line) {
        Ok(request) => {
            let said = answers.answer(&request);
            (request.id, said)
        }
        Err(error) => match serde_json::from_slice::<serde_json::Value>(line) {
            Ok(value) => {
                let id = value["id"].as_str().unwrap_or_default().to_owned();
                (id, Err(refused(ErrorKind::Unsupported, format!("an unknown request: {error}"))))
            }
            Err(error) => (String::new(), Err(refused(ErrorKind::Malformed, error.to_string()))),
        },
    };
    let (result, error, claims) = match said {
        Ok((result, claims)) => (Some(result), None, claims),
        Err(refusal) => (None, Some(refusal), Claims::default()),
    };
    Reply { tracerig: VERSION, id, result, error, claims }
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

pub(crate) fn failed(message: String) -> Refusal {
    Refusal { kind: ErrorKind::Failed, message }
}

fn not_scanned(error: &ScanError) -> Refusal {
    let kind = match error {
        ScanError::Locked { .. } => ErrorKind::Busy,
        _ => ErrorKind::Failed,
    };
    Refusal { kind, message: error.to_string() }
}

/// The options of a scanner on so many cores, or on those there are.
pub(crate) fn options(memo: MemoPlace, cores: Option<NonZeroUsize>) -> Options {
    // To find out how many there are reads files: done in each case, it is the same work.
    let mut options = Options { memo, ..Options::default() };
    if let Some(cores) = cores {
        options.connections = cores.min(Options::MOST_CONNECTIONS);
    }
    options
}

/// Turns in the words of the protocol.
pub(crate) fn turns_of(turns: Turns) -> BTreeMap<String, Turn> {
    let turn = |turn: tracerig_scanner::Turn| Turn {
        thread_id: turn.thread_id,
        model: turn.model,
        timestamp: turn.timestamp,
    };
    turns.into_iter().map(|(id, found)| (id, turn(found))).collect()
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

pub(crate) fn nanos(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
