//! `tracerig scan`: the scanner on any database.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tracerig_published::trace as published;
use tracerig_reports::{ByteSize, units};
use tracerig_scanner::{
    MemoPlace, Mode, Options, Reason, Request, Scan, ScanError, Scanner, Turn, Window,
};

use super::output::{self, Format, MOST_COLUMNS, columns, one_line, padded};
use super::{Code, Interrupted, Usage, cache};
use crate::document::Document;
use crate::interrupt;

/// List the turns of a trace database that ran at the priority service tier.
///
/// The database is opened read-only. A memo remembers what was found, so the next scan reads only
/// new rows; the answer is the same as that of a full scan.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
                       tracerig scan --db ~/.codex/logs_2.sqlite\n  \
                       tracerig scan --db ~/.codex/logs_2.sqlite --since 2026-06-01 --format json")]
pub(super) struct Arguments {
    /// Trace database: logs_2.sqlite in the Codex home.
    #[arg(long, value_name = "PATH")]
    db: PathBuf,
    /// Memo file [default: one per database in the user's cache folder].
    #[arg(long, value_name = "PATH", conflicts_with = "no_memo")]
    memo: Option<PathBuf>,
    /// Do not read or write a memo.
    #[arg(long)]
    no_memo: bool,
    /// Count evidence from this time on: a Unix time or a UTC date such as 2026-06-01.
    #[arg(long, value_name = "T", value_parser = moment, allow_hyphen_values = true)]
    since: Option<i64>,
    /// Count evidence before this time.
    #[arg(long, value_name = "T", value_parser = moment, allow_hyphen_values = true)]
    until: Option<i64>,
    /// Ignore the memo, examine every row, and write a new memo.
    #[arg(long)]
    rescan: bool,
    /// Rules to find turns by.
    #[arg(long, value_enum, default_value = "scanner")]
    engine: Engine,
    /// Print for people (table) or for programs (json).
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Seconds to wait for a locked database.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "5",
        value_parser = clap::value_parser!(u64).range(1..=crate::limits::MOST_BUSY_SECONDS)
    )]
    busy_timeout: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// Every turn with evidence, using a memo if there is one.
    Scanner,
    /// One LIKE query, as published scanners do: slower, with missing and false turns.
    Published,
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    let window = Window { since: arguments.since, until: arguments.until };
    if let (Some(since), Some(until)) = (window.since, window.until)
        && since >= until
    {
        return Err(Usage(format!(
            "--since {since} is not before --until {until}: nothing could count"
        ))
        .into());
    }
    let scan = match arguments.engine {
        Engine::Scanner => scan(arguments, window)?,
        Engine::Published if arguments.memo.is_some() || arguments.rescan => {
            return Err(Usage(
                "--engine published has no memo: leave out --memo and --rescan".to_owned(),
            )
            .into());
        }
        Engine::Published => published(arguments, window)?,
    };
    for warning in &scan.warnings {
        output::say(&format!("tracerig: warning: {warning}"));
    }
    match arguments.format {
        Format::Json => output::print_json(&Document::from(scan))?,
        Format::Table => output::show(&table(&arguments.db, &scan))?,
    }
    Ok(Code::FINE)
}

fn scan(arguments: &Arguments, window: Window) -> anyhow::Result<Scan> {
    let memo = match &arguments.memo {
        _ if arguments.no_memo => MemoPlace::Disabled,
        Some(path) => MemoPlace::File(path.clone()),
        None => default_memo(&arguments.db)?,
    };
    let busy_timeout = Duration::from_secs(arguments.busy_timeout);
    let scanner = Scanner::new(&arguments.db, Options { memo, busy_timeout, ..Options::default() });
    let running = scanner.start(Request { window, rescan: arguments.rescan });

    let start = Instant::now();
    let mut bar = None;
    while !running.has_ended_within(Duration::from_millis(50)) {
        if interrupt::requested() {
            running.cancel();
        }
        // Most scans are over before a bar could be read.
        if start.elapsed() > Duration::from_millis(500) {
            let bar = bar.get_or_insert_with(|| {
                output::progress_bar(1000, "scanning [{bar:40}] {percent}%, {msg}")
            });
            let progress = running.progress();
            bar.set_position(u64::from(progress.permille));
            bar.set_message(format!("{} rows", units::count(progress.rows)));
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    match running.wait() {
        Err(ScanError::Cancelled { .. }) => Err(Interrupted.into()),
        done => Ok(done?),
    }
}

/// The published query cannot be stopped from outside and changes nothing: an interruption abandons
/// it.
fn published(arguments: &Arguments, window: Window) -> anyhow::Result<Scan> {
    let (database, busy_timeout) =
        (arguments.db.clone(), Duration::from_secs(arguments.busy_timeout));
    let thread = std::thread::Builder::new()
        .spawn(move || published::scan(&database, window, busy_timeout))
        .map_err(|source| ScanError::NoThread { path: arguments.db.clone(), source })?;
    while !thread.is_finished() {
        if interrupt::requested() {
            return Err(Interrupted.into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let done = thread.join().map_err(|_| ScanError::Stopped { path: arguments.db.clone() })?;
    Ok(done?)
}

fn default_memo(database: &Path) -> anyhow::Result<MemoPlace> {
    let path = cache::file("memos", database, "memo")
        .context("no place for the memo; name one with --memo, or use --no-memo")?;
    Ok(MemoPlace::File(path))
}

/// A Unix time, a UTC date, or a moment as RFC 3339 writes it, in Unix seconds.
fn moment(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    if let Ok(date) = text.parse::<Date>()
        && text.len() == "2026-06-01".len()
        && let Ok(midnight) = date.to_zoned(TimeZone::UTC)
    {
        return Ok(midnight.timestamp().as_second());
    }
    text.parse::<Timestamp>()
        .map(jiff::Timestamp::as_second)
        .map_err(|_| "neither a Unix time in seconds nor a UTC date such as 2026-06-01".to_owned())
}

fn table(database: &Path, scan: &Scan) -> String {
    let stats = &scan.stats;
    let mut text = String::new();
    let turns = scan.turns.len();
    let plural = if turns == 1 { "turn" } else { "turns" };
    let _ = writeln!(text, "{turns} priority {plural} in {}", output::path(database));
    if turns > 0 {
        text.push_str(&turn_lines(scan));
    }
    let why = match (stats.mode, stats.reason) {
        (Mode::Full, Reason::Absent) => ": no memo yet",
        (Mode::Full, Reason::Forced) => ": asked for",
        (Mode::Full, Reason::Disabled) => ": without a memo",
        (Mode::Full, Reason::Check(_)) => ": the memo failed a check",
        (Mode::Full, _) => "",
        (Mode::Incremental, _) => ": only the rows added since",
        (Mode::Unchanged, _) => ": no row added since",
    };
    let reason = match stats.reason {
        Reason::Check(check) => format!(" `{check}`"),
        _ => String::new(),
    };
    let total: Duration = stats.elapsed.named().iter().map(|(_, elapsed)| *elapsed).sum();
    let _ = writeln!(text, "\nscan    {}{why}{reason}; {}", stats.mode, units::duration(total));
    let phases =
        stats.elapsed.named().map(|(name, elapsed)| format!("{name} {}", units::duration(elapsed)));
    let _ = writeln!(text, "time    {}", phases.join(", "));
    let _ = writeln!(
        text,
        "rows    {} examined, {} checked, {} unrecognised",
        units::count(stats.rows_examined),
        units::count(stats.rows_checked),
        units::count(stats.unrecognised)
    );
    let _ = writeln!(
        text,
        "facts   {}, of them {} completions",
        units::count(stats.facts),
        units::count(stats.completions)
    );
    let _ = writeln!(
        text,
        "files   database {}, memo {}",
        ByteSize(stats.db_bytes),
        ByteSize(stats.artifact_bytes)
    );
    text
}

/// Turns in the order of time, under a line for each thread.
fn turn_lines(scan: &Scan) -> String {
    let mut turns: Vec<(&String, &Turn)> = scan.turns.iter().collect();
    turns.sort_by_key(|(id, turn)| (turn.timestamp, *id));
    let mut threads: Vec<Option<&str>> = Vec::new();
    for (_, turn) in &turns {
        if !threads.contains(&turn.thread_id.as_deref()) {
            threads.push(turn.thread_id.as_deref());
        }
    }
    let shown = |text: &str| one_line(text, MOST_COLUMNS);
    let width = turns.iter().map(|(id, _)| columns(&shown(id))).max().unwrap_or(0);
    let mut text = String::new();
    for thread in threads {
        let _ = writeln!(text, "\nthread {}", shown(thread.unwrap_or("not named")));
        for (id, turn) in turns.iter().filter(|(_, turn)| turn.thread_id.as_deref() == thread) {
            let when = Timestamp::from_second(turn.timestamp)
                .map_or_else(|_| turn.timestamp.to_string(), |moment| moment.to_string());
            let model = shown(turn.model.as_deref().unwrap_or("-"));
            let _ = writeln!(text, "  {when:20}  {}  {model}", padded(&shown(id), width));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn a_moment_is_a_unix_time_or_a_date_in_utc() {
        assert_eq!(moment("1780272000"), Ok(1_780_272_000));
        assert_eq!(moment("-1"), Ok(-1));
        assert_eq!(moment("2026-06-01"), Ok(1_780_272_000));
        assert_eq!(moment("2026-06-01T00:00:01Z"), Ok(1_780_272_001));
        assert_eq!(moment("2026-06-01T02:00:01+02:00"), Ok(1_780_272_001));
        for wrong in ["", "today", "2026-13-01", "2026-06", "1.5"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
