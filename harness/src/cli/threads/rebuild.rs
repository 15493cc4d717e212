//! `tracerig threads rebuild`: all rows anew, from the histories.

use std::time::Instant;

use clap::Args;
use tracerig_reports::{ByteSize, units};
use tracerig_store::threads::{Progress, rebuild};

use super::{Place, counted, tell, watched};
use crate::cli::output;
use crate::cli::{Code, Interrupted};

/// Read every history of a folder and rewrite the rows of its threads.
///
/// Removes the rows of histories that no longer exist.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  tracerig threads rebuild ~/.codex")]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    let place = arguments.place.find()?;
    let start = Instant::now();
    let mut last = Progress::default();
    let done = watched("rebuilding", |watch| {
        rebuild(&place.sessions, &place.database, &place.options, &mut |progress| {
            last = progress;
            watch(progress)
        })
    })?;
    let elapsed = start.elapsed();
    let code = tell((&place, done.files), &done.flaws, &done.skipped, &done.failures);
    if done.is_cut_short {
        return Err(Interrupted.into());
    }
    let mut told = format!(
        "{} written, {} removed; {}{}, {} in {}\n",
        counted(done.written, "row", "rows"),
        units::count(done.removed),
        counted(done.threads, "history", "histories"),
        if done.files == done.threads {
            String::new()
        } else {
            format!(" in {}", counted(done.files, "file", "files"))
        },
        ByteSize(last.bytes),
        units::duration(elapsed)
    );
    if done.in_use > 0 {
        let live = counted(
            done.in_use,
            "thread is live and was left to its writer",
            "threads are live and were left to their writers",
        );
        told.push_str(&format!("{live}\n"));
    }
    told.push_str(&format!("database {}\n", output::path(&place.database)));
    output::show(&told)?;
    Ok(code)
}
