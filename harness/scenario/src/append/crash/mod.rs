//! Killing the process that appends, again and again, and checking after each kill that nothing
//! acknowledged is lost.
//!
//! A writer process appends to a few threads and tells, through a pipe, each append and each
//! barrier that returned. It is killed at a named point or at a seeded instant. Then: every
//! acknowledged append is in its history, whole and in order; the row is the replay of some prefix
//! of the history, no shorter than the last acknowledged barrier; and the next writer is admitted
//! at once and goes on in the same folder.

mod check;
pub(super) mod writer;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use serde::Serialize;
use tracerig_datasets::Conversation;
use tracerig_store::threads::{self, Mode, StoreOptions, ThreadId, ThreadStore};

use super::beside::ask_to_crash;
use crate::ScenarioError;
use crate::child::Child;
use crate::interrupt;
use crate::platform::Exit;
use crate::program::Program;
use crate::watch::Cut;
use crate::workplace::Workplace;
pub use check::Struck;
use check::{Acknowledged, Books};
use writer::{CrashPoint, TIME_LIMIT, Writer};

/// Writers that are killed one after the other in the same folder, before the next folder is begun.
const KILLS_A_FOLDER: u64 = 20;
/// Threads that each writer appends to.
const THREADS: usize = 3;
/// The latest instant of a kill after the writer said that it is ready.
const LATEST: Duration = Duration::from_millis(12);
/// Points are hit at most so often before the kill.
const MOST_HITS: u64 = 60;
/// What to kill, and how often.
#[derive(Debug)]
pub struct CrashJob {
    /// The modes, in turn.
    pub modes: Vec<Mode>,
    /// Kills in all.
    pub kills: u64,
    /// Whether each append waits for the device.
    pub fsync: bool,
    /// Where the folders are made.
    pub workplaces: PathBuf,
    /// Of the points, the instants, and what is appended.
    pub seed: u64,
    /// The program that is launched.
    pub program: PathBuf,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub struct CrashReport {
    /// Writers that were launched.
    pub writers: u64,
    /// By where the kill struck: writers, and what was found after them.
    pub by_point: BTreeMap<String, Struck>,
    /// Second writers that were refused while one lived.
    pub refused: u64,
    /// What was wrong, if anything was; the run ends with it.
    pub violation: Option<Violation>,
    /// Whether the run was cut short.
    pub interrupted: bool,
}

/// A promise that was broken.
#[derive(Debug, Serialize)]
pub struct Violation {
    /// The kill it came after, from 0.
    pub kill: u64,
    /// Where the kill struck.
    pub point: String,
    /// The mode of the writer.
    pub mode: String,
    /// What was wrong.
    pub what: String,
    /// The folder, kept unchanged.
    pub folder: PathBuf,
}

/// Kills writers as `job` says. Ctrl-C ends it with what there is.
///
/// # Errors
/// See [`ScenarioError`]. A broken promise is no error but a violation in the report.
pub fn crash(job: &CrashJob, tell: &mut dyn FnMut(u64)) -> Result<CrashReport, ScenarioError> {
    let conversation = Conversation::of(job.seed)?;
    let workplace = Workplace::new(&job.workplaces)?;
    let program = Program::new(&job.program, TIME_LIMIT)?;
    let mut random = ChaCha12Rng::seed_from_u64(job.seed);
    let mut report = CrashReport::default();
    let mut books = Books::new(workplace.path().join("0"), THREADS);
    for kill in 0..job.kills {
        if interrupt::requested() {
            report.interrupted = true;
            break;
        }
        tell(kill);
        if kill % KILLS_A_FOLDER == 0 {
            books.remove()?;
            books = Books::new(workplace.path().join(kill.to_string()), THREADS);
        }
        let turn = usize::try_from(kill).unwrap_or(0);
        let mode = job.modes[turn % job.modes.len()];
        let end = End::draw(&mut random);
        let acknowledged = one(job, &program, mode, end, &books, &mut report);
        if interrupt::requested() {
            // The writer was ended by the signal, not by what was to kill it.
            report.interrupted = true;
            break;
        }
        let acknowledged = acknowledged?;
        let struck = report.by_point.entry(end.name()).or_default();
        if let Err(what) = books.check(&conversation, &acknowledged, struck)? {
            let folder = books.keep(&job.workplaces)?;
            let (point, mode) = (end.name(), mode.name().to_owned());
            report.violation = Some(Violation { kill, point, mode, what, folder });
            break;
        }
    }
    books.remove()?;
    Ok(report)
}

/// What ends a writer.
#[derive(Clone, Copy, Debug)]
enum End {
    /// It kills itself when it comes to a point for the n-th time.
    At(CrashPoint, u64),
    /// It is killed so long after it was ready.
    After(Duration),
}

impl End {
    fn draw(random: &mut impl Rng) -> Self {
        let points = CrashPoint::ALL;
        let chosen = random.random_range(0..points.len() + 3);
        let after = random.random_range(0..LATEST.as_micros());
        let hits = random.random_range(1..=MOST_HITS);
        match points.get(chosen) {
            Some(point) => Self::At(*point, hits),
            None => Self::After(Duration::from_micros(u64::try_from(after).unwrap_or(0))),
        }
    }

    fn name(self) -> String {
        match self {
            Self::At(point, _) => point.name().to_owned(),
            Self::After(_) => "any instant".to_owned(),
        }
    }
}

/// One writer from its launch to its end. Returns what it had acknowledged.
fn one(
    job: &CrashJob,
    program: &Program,
    mode: Mode,
    end: End,
    books: &Books,
    report: &mut CrashReport,
) -> Result<Acknowledged, ScenarioError> {
    let writer = Writer {
        folder: books.folder().to_owned(),
        mode: mode.name().to_owned(),
        fsync: job.fsync,
        seed: job.seed,
        threads: books.threads(),
    };
    let point = match end {
        End::At(point, hits) => Some(format!("{}:{hits}", point.name())),
        End::After(_) => None,
    };
    let mut child = ask_to_crash(program, &writer, point)?;
    report.writers += 1;
    let read = follow(&mut child, end, books);
    let ended = child.wait().map_err(ScenarioError::io(&job.program, "wait for it"))?;
    let (mut acknowledged, refused) =
        read.map_err(ScenarioError::io(&job.program, "read what it says"))?;
    report.refused += u64::from(refused);
    let struck = report.by_point.entry(end.name()).or_default();
    let mut failed = None;
    if let Exit::Code(code) = ended.ended.exit {
        struck.missed += 1;
        failed =
            (code != 0).then(|| format!("the writer failed with exit code {code}: {}", ended.said));
    } else {
        struck.kills += 1;
    }
    let cut =
        ended.cut.filter(|cut| *cut != Cut::Interrupted).map(|cut| format!("the writer: {cut}"));
    acknowledged.failed = acknowledged.failed.or(failed).or(cut);
    Ok(acknowledged)
}

/// Reads what the writer acknowledges until its end, and tries to be a second writer while it
/// lives.
fn follow(child: &mut Child, end: End, books: &Books) -> std::io::Result<(Acknowledged, bool)> {
    let mut acknowledged = Acknowledged::default();
    let mut refused = false;
    let mut killer = None;
    loop {
        let line = child.line()?;
        if line.is_empty() {
            break;
        }
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = String::from_utf8_lossy(line);
        if text != "ready" {
            acknowledged.take(&text);
            continue;
        }
        // It waits with its threads open until it is reported to go on.
        match second_writer(books, books.first_thread()) {
            Err(threads::Error::InUse { .. }) => refused = true,
            Ok(()) => {
                acknowledged.failed =
                    Some("a second writer was admitted while one lived".to_owned());
            }
            Err(error) => {
                acknowledged.failed =
                    Some(format!("a second writer was not refused but failed: {error}"));
            }
        }
        child.write(b"\n")?;
        if let End::After(after) = end {
            // From a separate thread: the pipe must be emptied meanwhile.
            let kill = child.killer();
            killer = Some(std::thread::spawn(move || {
                std::thread::sleep(after);
                kill();
            }));
        }
    }
    // What it has to kill is that of this writer alone.
    if let Some(killer) = killer {
        let _ = killer.join();
    }
    Ok((acknowledged, refused))
}

/// Tries to open a thread for appending, and to close it at once.
fn second_writer(books: &Books, thread: ThreadId) -> Result<(), threads::Error> {
    let store = ThreadStore::open(
        books.folder(),
        StoreOptions { mode: Mode::Sync, ..StoreOptions::default() },
    )?;
    match store.resume(thread) {
        Ok(live) => {
            live.discard();
            Ok(())
        }
        Err(error) => Err(error),
    }
}
