//! `tracerig usage`: what the sessions of a Codex home used.

mod show;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tracerig_reports::{ByteSize, units};
use tracerig_scanner::archive::{
    Archive, ArchiveError, Options, PriorityTurns, Refresh, Request, Session, Slot, Used,
};
use tracerig_scanner::{MemoPlace, Scanner};

use super::output::{self, Format};
use super::{Code, Interrupted, cache};
use crate::interrupt;

/// Add up the tokens that the sessions of a Codex home used, by day, model, tier or session.
///
/// The sessions are read only. What was read is remembered in a memo, so that the next time only files that changed are
/// read; the answer is always that of reading everything. A session that was forked from another begins with the
/// history of its parent, which counts again.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The home of Codex [default: $CODEX_HOME, else ~/.codex].
    #[arg(value_name = "DIR")]
    home: Option<PathBuf>,
    /// A trace database: turns that it knows at the priority tier count there, where their session does not say.
    #[arg(long, value_name = "PATH")]
    db: Option<PathBuf>,
    /// Count from this day or moment on: a date such as 2026-06-01, a Unix time, or as RFC 3339 writes it.
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    since: Option<String>,
    /// Count up to this moment, or to the beginning of this day.
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    until: Option<String>,
    /// What to add up by; several are separated by commas.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "day")]
    by: Vec<By>,
    /// The time zone that days are told in, such as Europe/Berlin or UTC [default: that of this machine].
    #[arg(long, value_name = "NAME")]
    time_zone: Option<String>,
    /// The folder of the memo [default: one for each home in the user's cache folder].
    #[arg(long, value_name = "PATH", conflicts_with = "no_memo")]
    memo: Option<PathBuf>,
    /// Neither read nor write a memo.
    #[arg(long)]
    no_memo: bool,
    /// Read every session, whatever the memo says, and write it anew.
    #[arg(long)]
    rescan: bool,
    /// How to print the result.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// What usage is added up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    /// The day.
    Day,
    /// The model.
    Model,
    /// The session: one line for each file.
    Session,
    /// The service tier.
    Tier,
}

impl By {
    const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Model => "model",
            Self::Session => "session",
            Self::Tier => "tier",
        }
    }
}

/// What counts, and how it is told apart.
struct View {
    by: Vec<By>,
    zone: TimeZone,
    since: Option<i64>,
    until: Option<i64>,
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    let view = View::of(arguments)?;
    let home = home(arguments)?;
    let refresh = refresh(arguments, &home)?;
    for warning in &refresh.warnings {
        output::say(&format!("tracerig: warning: {warning}"));
    }
    for problem in &refresh.problems {
        output::say(&format!("tracerig: {problem}"));
    }
    let rows = view.rows(&refresh);
    match arguments.format {
        Format::Json => output::print_json(&show::document(&home, &view, &rows, &refresh))?,
        Format::Table => output::print(&show::table(&home, &view, &rows, &refresh))?,
    }
    Ok(Code::FINE)
}

fn home(arguments: &Arguments) -> anyhow::Result<PathBuf> {
    if let Some(home) = &arguments.home {
        return Ok(home.clone());
    }
    match std::env::var_os("CODEX_HOME") {
        Some(home) if !home.is_empty() => Ok(home.into()),
        _ => {
            let home = etcetera::home_dir().context("no home folder; name the home of Codex")?;
            Ok(home.join(".codex"))
        }
    }
}

fn refresh(arguments: &Arguments, home: &Path) -> anyhow::Result<Refresh> {
    let memo = match &arguments.memo {
        _ if arguments.no_memo => None,
        Some(path) => Some(path.clone()),
        None => Some(
            cache::file("archives", home, "memo")
                .context("no place for the memo; name one with --memo, or use --no-memo")?,
        ),
    };
    let turns = arguments.db.as_deref().map(|database| turns(arguments, database)).transpose()?;
    let bar = Bar::new();
    let progress = |files, bytes| {
        bar.show(files, bytes);
        !interrupt::requested()
    };
    let priority: Option<PriorityTurns> = turns.map(|turns| turns.into_keys().collect());
    let request = Request {
        rescan: arguments.rescan,
        sessions: arguments.by.contains(&By::Session),
        priority: priority.as_ref(),
        progress: Some(&progress),
    };
    match Archive::new(home, Options { memo, ..Options::default() }).refresh(&request) {
        Err(ArchiveError::Cancelled { .. }) => Err(Interrupted.into()),
        done => Ok(done?),
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
        let bar = self.bar.get_or_init(|| output::progress_bar(0, "{spinner} reading sessions: {msg}"));
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

impl View {
    fn of(arguments: &Arguments) -> anyhow::Result<Self> {
        let zone = match &arguments.time_zone {
            None => TimeZone::system(),
            Some(name) => TimeZone::get(name).map_err(|error| {
                super::Usage(format!(
                    "--time-zone {name}: {error}. Write a name such as Europe/Berlin, or UTC"
                ))
            })?,
        };
        let moment = |text: &Option<String>, option: &str| {
            text.as_ref()
                .map(|text| {
                    moment(text, &zone).map_err(|why| super::Usage(format!("{option} {text}: {why}")))
                })
                .transpose()
        };
        let (since, until) = (moment(&arguments.since, "--since")?, moment(&arguments.until, "--until")?);
        if let (Some(from), Some(to)) = (since, until)
            && from >= to
        {
            let why = "--since is not before --until: nothing could count";
            return Err(super::Usage(why.to_owned()).into());
        }
        let mut by = Vec::new();
        for &each in &arguments.by {
            if !by.contains(&each) {
                by.push(each);
            }
        }
        Ok(Self { by, zone, since, until })
    }

    fn day(&self, slot: &Slot<'_>) -> String {
        Timestamp::from_second(slot.begins_at())
            .map_or_else(|_| "-".to_owned(), |at| at.to_zoned(self.zone.clone()).date().to_string())
    }

    /// The line that a slot counts in, if it does.
    fn key(&self, slot: &Slot<'_>, session: Option<&Session>) -> Option<Vec<String>> {
        let at = slot.begins_at();
        if self.since.is_some_and(|since| at < since) || self.until.is_some_and(|until| at >= until) {
            return None;
        }
        let part = |by: &By| match by {
            By::Day => self.day(slot),
            By::Model => slot.model.unwrap_or("unknown").to_owned(),
            By::Tier => slot.tier.name().to_owned(),
            By::Session => session.map_or_else(String::new, |session| session.path.display().to_string()),
        };
        Some(self.by.iter().map(part).collect())
    }

    /// Every line with what it adds up to.
    fn rows(&self, refresh: &Refresh) -> BTreeMap<Vec<String>, Used> {
        if !self.by.contains(&By::Session) {
            return refresh.usage.by(|slot| self.key(slot, None));
        }
        let mut rows: BTreeMap<Vec<String>, Used> = BTreeMap::new();
        for session in refresh.sessions.iter().filter(|session| session.counts) {
            for (key, used) in session.usage.by(|slot| self.key(slot, Some(session))) {
                let sum = rows.entry(key).or_default();
                *sum = sum.plus(used);
            }
        }
        rows
    }
}

/// A Unix time, the beginning of a day, or a moment as RFC 3339 writes it, in Unix seconds.
fn moment(text: &str, zone: &TimeZone) -> Result<i64, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    if let Ok(date) = text.parse::<Date>()
        && text.len() == "2026-06-01".len()
        && let Ok(midnight) = date.to_zoned(zone.clone())
    {
        return Ok(midnight.timestamp().as_second());
    }
    text.parse::<Timestamp>()
        .map(Timestamp::as_second)
        .map_err(|_| "neither a date such as 2026-06-01 nor a Unix time in seconds".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_where_the_time_zone_says() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::fixed(jiff::tz::offset(2)));
        assert_eq!(moment("2026-06-01", &berlin), Ok(1_780_264_800));
        assert_eq!(moment("2026-06-01", &TimeZone::UTC), Ok(1_780_272_000));
        assert_eq!(moment("2026-06-01T00:00:01Z", &berlin), Ok(1_780_272_001));
        assert!(moment("today", &berlin).is_err());
    }
}
