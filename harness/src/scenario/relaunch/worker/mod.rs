//! The process that is measured: one relaunch of one engine, told as one line of JSON. `lasting` and `writer` have those that live on.
//!
//! Started by the harness as `tracerig __worker PARENT [handicap=JSON] [cores=N] ENGINE DATABASE [MEMO RESCAN SINCE UNTIL]`. It is looked for before anything of the
//! command line is parsed, so that a launch is as short as the engine allows.

mod lasting;
mod planted;
mod writer;

use std::ffi::OsString;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use tracerig_published::trace as published;
use tracerig_scanner::{BUSY_TIMEOUT, MemoPlace, Options, Request, Scan, Scanner, Window};

use crate::document::Document;
use crate::handicap::Handicap;
use crate::platform;
pub(crate) use lasting::{Refresh, resident_arguments};
pub(crate) use planted::Planted;
pub(crate) use writer::{Done, Task, writer_arguments};

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "__worker";

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

impl FromStr for Engine {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Self::Floor, Self::Scanner, Self::Published]
            .into_iter()
            .find(|engine| engine.name() == name)
            .ok_or_else(|| format!("no engine `{name}`"))
    }
}

/// What a worker answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// The highest id seen.
    pub cursor: i64,
    /// Answer and account of an engine that scans.
    pub answer: Option<Document>,
    /// Bytes of the bodies examined, where the engine counts them.
    pub body_bytes: Option<u64>,
    /// Virtual-machine steps of SQLite.
    pub vm_steps: Option<u64>,
    /// Whether the memo was written.
    pub persisted: bool,
    /// From the start of the engine to its answer, in nanoseconds; without the start and end of the process.
    pub engine_ns: u64,
    /// Peak resident memory so far, in bytes, where the platform tells.
    pub peak_memory_bytes: Option<u64>,
}

/// Stands for an argument that is not given.
const NONE: &str = "-";

/// What the argument with a handicap begins with.
const HANDICAP: &str = "handicap=";

/// What the argument with a number of cores begins with.
const CORES: &str = "cores=";

/// The arguments of a worker: `memo` and `request` are for [`Engine::Scanner`] only.
#[must_use]
pub fn arguments(
    engine: Engine,
    database: &Path,
    memo: Option<&Path>,
    request: Request,
    handicap: Handicap,
    cores: Option<NonZeroUsize>,
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec![SUBCOMMAND.into(), std::process::id().to_string().into()];
    if !handicap.is_none() {
        let text = serde_json::to_string(&handicap).unwrap_or_default();
        arguments.push(format!("{HANDICAP}{text}").into());
    }
    if let Some(cores) = cores.filter(|_| engine == Engine::Scanner) {
        arguments.push(cores_argument(cores));
    }
    arguments.extend([engine.name().into(), database.as_os_str().to_owned()]);
    if engine == Engine::Scanner {
        let number = |number: Option<i64>| number.map_or(NONE.into(), |number| number.to_string().into());
        arguments.push(memo.map_or(NONE.into(), |memo| memo.as_os_str().to_owned()));
        arguments.push(if request.rescan { "rescan".into() } else { NONE.into() });
        arguments.push(number(request.window.since));
        arguments.push(number(request.window.until));
    }
    arguments
}

fn cores_argument(cores: NonZeroUsize) -> OsString {
    format!("{CORES}{cores}").into()
}

/// What makes a worker one that does nothing.
const IDLE: &str = "idle";

/// The arguments of a worker that does nothing: what it reads, every process of the program reads at its start.
pub(crate) fn idle_arguments() -> [OsString; 3] {
    [SUBCOMMAND.into(), std::process::id().to_string().into(), IDLE.into()]
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
    let parent = next(arguments)?.parse().map_err(|error| format!("parent: {error}"))?;
    platform::die_with_parent(parent);
    let mut what = next(arguments)?;
    let mut handicap = Handicap::default();
    if let Some(text) = what.strip_prefix(HANDICAP) {
        handicap = serde_json::from_str(text).map_err(|error| format!("handicap: {error}"))?;
        what = next(arguments)?;
    }
    let mut cores = None;
    if let Some(text) = what.strip_prefix(CORES) {
        cores = Some(text.parse().map_err(|error| format!("cores: {error}"))?);
        what = next(arguments)?;
    }
    match what.as_str() {
        IDLE => Ok(()),
        lasting::RESIDENT => lasting::resident(arguments, cores),
        writer::WRITER => writer::writer(arguments),
        engine => {
            let instructions = Instructions::read(engine.parse()?, arguments)?;
            let planted = Planted::read(instructions.engine, &instructions.database, handicap)
                .map_err(|error| format!("{}: {error}", instructions.database.display()))?;
            let mut reply = instructions.work(cores)?;
            planted.count(&mut reply);
            handicap.spend();
            say(&reply)
        }
    }
}

/// The next argument, which must be there and be text.
fn next(arguments: &mut impl Iterator<Item = OsString>) -> Result<String, String> {
    let argument = arguments.next().ok_or("a worker is started by the harness only; see --help")?;
    argument.into_string().map_err(|_| "not UTF-8".to_owned())
}

/// Writes `message` as a line of JSON, in one piece.
pub(crate) fn say(message: &impl Serialize) -> Result<(), String> {
    let mut line = serde_json::to_vec(message).map_err(|error| error.to_string())?;
    line.push(b'\n');
    let mut out = std::io::stdout();
    out.write_all(&line).and_then(|()| out.flush()).map_err(|error| format!("standard output: {error}"))
}

struct Instructions {
    engine: Engine,
    database: PathBuf,
    memo: Option<PathBuf>,
    request: Request,
}

impl Instructions {
    fn read(engine: Engine, arguments: &mut impl Iterator<Item = OsString>) -> Result<Self, String> {
        let database = arguments.next().ok_or("a worker is told of a database")?.into();
        // Those behind the database may be left out.
        let mut given = || arguments.next().filter(|argument| argument != NONE);
        let memo = given().map(PathBuf::from);
        let rescan = given().is_some();
        let mut number = || match given().map(OsString::into_string) {
            Some(Ok(number)) => number.parse().map(Some).map_err(|error| format!("window: {error}")),
            Some(Err(_)) => Err("window: not UTF-8".to_owned()),
            None => Ok(None),
        };
        let window = Window { since: number()?, until: number()? };
        Ok(Self { engine, database, memo, request: Request { rescan, window } })
    }

    fn work(self, cores: Option<NonZeroUsize>) -> Result<Reply, String> {
        let start = Instant::now();
        match self.engine {
            Engine::Floor => {
                let cursor =
                    floor(&self.database).map_err(|error| format!("{}: {error}", self.database.display()))?;
                Ok(Reply {
                    cursor,
                    answer: None,
                    body_bytes: None,
                    vm_steps: None,
                    persisted: false,
                    engine_ns: nanos(start.elapsed()),
                    peak_memory_bytes: platform::peak_memory(),
                })
            }
            Engine::Published => published::scan(&self.database, Window::default(), BUSY_TIMEOUT)
                .map(|scan| Reply { body_bytes: None, ..Reply::of(scan, start) })
                .map_err(|error| error.to_string()),
            Engine::Scanner => {
                let memo = self.memo.map_or(MemoPlace::Disabled, MemoPlace::File);
                let scanner = Scanner::new(self.database, options(memo, cores));
                scan(&scanner, &self.request, start)
            }
        }
    }
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

/// Scans, and answers unless there was a warning: it would mean that this was not what was meant to be measured.
fn scan(scanner: &Scanner, request: &Request, start: Instant) -> Result<Reply, String> {
    let scan = scanner.scan(request).map_err(|error| error.to_string())?;
    match scan.warnings.first() {
        Some(warning) => Err(warning.clone()),
        None => Ok(Reply::of(scan, start)),
    }
}

impl Reply {
    /// What a scan found whose engine began at `start`.
    fn of(scan: Scan, start: Instant) -> Self {
        let stats = scan.stats;
        Self {
            cursor: stats.cursor,
            answer: Some(Document::from(scan)),
            body_bytes: Some(stats.body_bytes),
            vm_steps: Some(stats.vm_steps),
            persisted: stats.persisted,
            engine_ns: nanos(start.elapsed()),
            peak_memory_bytes: platform::peak_memory(),
        }
    }
}

fn floor(database: &Path) -> rusqlite::Result<i64> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    // The scanner opens with as small a page cache; a floor that pays for a larger one would be no floor.
    connection.pragma_update(None, "cache_size", 16)?;
    let newest: Option<i64> = connection.query_row("SELECT max(id) FROM logs", [], |row| row.get(0))?;
    Ok(newest.unwrap_or(0))
}

fn nanos(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
