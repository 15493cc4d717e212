//! Lists the priority turns of a trace database, with a memo, a window and a limit of time.
//!
//! ```text
//! cargo run --release -p tracerig-scanner --example turns -- ~/.codex/logs_2.sqlite [MEMO [SINCE]]
//! ```
//!
//! A second run with the same MEMO reads only the rows added since. SINCE is a Unix time; moving it
//! costs no rescan.

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tracerig_scanner::{MemoPlace, Options, Request, Scan, ScanError, Scanner, Window};

/// A tool that refreshes a display rather gives up than freezes; the next refresh begins where the
/// memo ends.
const LIMIT: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Every message names the file and what to do.
            eprintln!("turns: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let database = arguments.next().ok_or("no database given. Name a logs_2.sqlite")?;
    let memo = arguments.next().map_or(MemoPlace::Memory, |path| MemoPlace::File(path.into()));
    let since = match arguments.next() {
        Some(text) => Some(text.to_str().unwrap_or_default().parse()?),
        None => None,
    };

    let scanner = Scanner::new(database, Options { memo, ..Options::default() });
    let request = Request { window: Window { since, until: None }, rescan: false };
    let scan = scan_within(LIMIT, &scanner, request)?;

    for (id, turn) in &scan.turns {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        println!("{}  {id}  {}  {}", turn.timestamp, text(&turn.thread_id), text(&turn.model));
    }
    for warning in &scan.warnings {
        eprintln!("turns: warning: {warning}");
    }
    let stats = scan.stats;
    eprintln!(
        "{} turns; {} ({}), {} rows examined, {} checked, up to id {}",
        scan.turns.len(),
        stats.mode,
        stats.reason,
        stats.rows_examined,
        stats.rows_checked,
        stats.cursor
    );
    Ok(())
}

/// Scans on another thread, tells how far it is, and cancels when it takes too long.
fn scan_within(limit: Duration, scanner: &Scanner, request: Request) -> Result<Scan, ScanError> {
    let start = Instant::now();
    let running = scanner.start(request);
    while !running.has_ended_within(Duration::from_millis(200)) {
        let progress = running.progress();
        eprintln!("{:3} %, {} rows", progress.permille / 10, progress.rows);
        if start.elapsed() > limit {
            running.cancel();
        }
    }
    running.wait()
}
