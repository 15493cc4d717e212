//! `tracerig usage`: what the sessions of Codex homes used.

mod show;
mod told;
mod view;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use indicatif::ProgressBar;
use tracerig_reports::{ByteSize, units};
use tracerig_scanner::archive::{
    Archive, ArchiveError, Options, PriorityTurns, Refresh, Request, refresh_all,
};
use tracerig_scanner::{MemoPlace, Scanner};

use self::view::{By, View};
use super::output::{self, Format, Output};
use super::{Code, Interrupted, cache};
use crate::interrupt;

/// Add up the tokens that Codex sessions used, by day, model, project, session or tier.
///
/// Sessions are only read. A memo remembers what was read, so the next run reads only files that
/// changed; the result is the same as reading everything. A fork is not charged with what it copied
/// from its parent, and a copy of a rollout counts once. Compressed rollouts are read, too.
///
/// Skipped files and lines are reported, one line per kind. The exit code is 1 if a file or folder
/// cannot be read.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
                       tracerig usage\n  \
                       tracerig usage ~/.codex --by week,model --since 2026-06-01\n  \
                       tracerig usage ~/.codex /backup/.codex --by session --details")]
pub(super) struct Arguments {
    /// Codex homes; a session found in several counts once [default: $CODEX_HOME, else ~/.codex].
    #[arg(value_name = "DIR")]
    homes: Vec<PathBuf>,
    /// Trace database to look up the tier of turns whose session does not name one.
    #[arg(long, value_name = "PATH")]
    db: Option<PathBuf>,
    /// Count from this day or time on: 2026-06-01, a Unix time, or RFC 3339, on a quarter-hour.
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    since: Option<String>,
    /// Count up to this time, or to the beginning of this day.
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    until: Option<String>,
    /// Group by (comma-separated).
    #[arg(long, value_enum, value_delimiter = ',', default_value = "day")]
    by: Vec<By>,
    /// Time zone of days, weeks and months, such as Europe/Berlin [default: this machine's].
    #[arg(long, value_name = "NAME")]
    time_zone: Option<String>,
    /// Folder of the memo, for a single home [default: in the user's cache folder].
    #[arg(long, value_name = "PATH", conflicts_with = "no_memo")]
    memo: Option<PathBuf>,
    /// Do not read or write a memo.
    #[arg(long)]
    no_memo: bool,
    /// Ignore the memo, read every session, and write a new memo.
    #[arg(long)]
    rescan: bool,
    #[command(flatten)]
    output: Output,
}

/// What a home used.
struct Home {
    path: PathBuf,
    refresh: Refresh,
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    let view = View::of(arguments)?;
    let homes = refresh(arguments, &view)?;
    for warning in homes.iter().flat_map(|home| &home.refresh.warnings) {
        output::say(&format!("tracerig: warning: {warning}"));
    }
    for note in told::notes(&homes) {
        output::say(&format!("tracerig: {note}"));
    }
    let rows = view.rows(&homes);
    if let Some(warning) = show::cut_short(&rows) {
        output::say(&format!("tracerig: warning: {warning}"));
    }
    match arguments.output.format {
        Format::Json => output::print_json(&show::document(&homes, &view, &rows))?,
        Format::Table => {
            output::show(&show::table(&homes, &view, &rows, arguments.output.details))?;
        }
    }
    // As for `threads`: broken lines are reported; only an unread file makes the result incomplete.
    Ok(if told::is_incomplete(&homes) { Code::FAILED } else { Code::FINE })
}

fn paths(arguments: &Arguments) -> anyhow::Result<Vec<PathBuf>> {
    if !arguments.homes.is_empty() {
        return Ok(arguments.homes.clone());
    }
    match std::env::var_os("CODEX_HOME") {
        Some(home) if !home.is_empty() => Ok(vec![home.into()]),
        _ => {
            let home = etcetera::home_dir().context("no home folder; name the home of Codex")?;
            Ok(vec![home.join(".codex")])
        }
    }
}

fn memo(arguments: &Arguments, home: &Path) -> anyhow::Result<Option<PathBuf>> {
    match &arguments.memo {
        _ if arguments.no_memo => Ok(None),
        Some(path) => Ok(Some(path.clone())),
        None => cache::file("archives", home, "memo")
            .map(Some)
            .context("no place for the memo; name one with --memo, or use --no-memo"),
    }
}

fn refresh(arguments: &Arguments, view: &View) -> anyhow::Result<Vec<Home>> {
    let paths = paths(arguments)?;
    if arguments.memo.is_some() && paths.len() > 1 {
        let why = "--memo names the memo of one home. Leave it out: each home has its own in the \
                   cache folder";
        return Err(super::Usage(why.to_owned()).into());
    }
    let archive = |path: &PathBuf| {
        let memo = memo(arguments, path)?;
        Ok(Archive::new(path, Options { memo, ..Options::default() }))
    };
    let archives = paths.iter().map(archive).collect::<anyhow::Result<Vec<_>>>()?;
    let turns = arguments.db.as_deref().map(|database| turns(arguments, database)).transpose()?;
    let bar = Bar::new();
    let progress = |files, bytes| {
        bar.show(files, bytes);
        !interrupt::requested()
    };
    let priority: Option<PriorityTurns> = turns.map(|turns| turns.into_keys().collect());
    let request = Request {
        rescan: arguments.rescan,
        sessions: view.needs_sessions(),
        priority: priority.as_ref(),
        progress: Some(&progress),
    };
    match refresh_all(&archives, &request) {
        Err(ArchiveError::Cancelled { .. }) => Err(Interrupted.into()),
        done => {
            let homes = paths.into_iter().zip(done?);
            Ok(homes.map(|(path, refresh)| Home { path, refresh }).collect())
        }
    }
}

/// The priority turns of the trace database.
fn turns(arguments: &Arguments, database: &Path) -> anyhow::Result<tracerig_scanner::Turns> {
    let memo = match cache::file("memos", database, "memo") {
        Ok(path) if !arguments.no_memo => MemoPlace::File(path),
        _ => MemoPlace::Disabled,
    };
    let scanner = Scanner::new(database, tracerig_scanner::Options { memo, ..Default::default() });
    let request = tracerig_scanner::Request { rescan: arguments.rescan, ..Default::default() };
    let running = scanner.start(request);
    while !running.has_ended_within(Duration::from_millis(50)) {
        if interrupt::requested() {
            running.cancel();
        }
    }
    match running.wait() {
        Err(tracerig_scanner::ScanError::Cancelled { .. }) => Err(Interrupted.into()),
        done => {
            let scan = done?;
            for warning in &scan.warnings {
                output::say(&format!("tracerig: warning: {warning}"));
            }
            Ok(scan.turns)
        }
    }
}

/// A bar that comes when a refresh takes long enough to be waited for.
struct Bar {
    start: Instant,
    bar: std::sync::OnceLock<ProgressBar>,
}

impl Bar {
    fn new() -> Self {
        Self { start: Instant::now(), bar: std::sync::OnceLock::new() }
    }

    fn show(&self, files: u64, bytes: u64) {
        if self.start.elapsed() < Duration::from_millis(500) {
            return;
        }
        let bar =
            self.bar.get_or_init(|| output::progress_bar(0, "{spinner} reading sessions: {msg}"));
        bar.set_message(format!("{} files, {} read", units::count(files), ByteSize(bytes)));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}
