//! `tracerig threads rebuild`: all rows anew, from the histories.

use std::time::Instant;

use clap::Args;
use tracerig_reports::{ByteSize, units};
use tracerig_store::threads::{Progress, rebuild};

use super::{Place, tell, watched};
use crate::cli::output;
use crate::cli::{Code, Interrupted};

/// Read every history of a folder and write the rows of its threads anew.
///
/// Rows of histories that are gone are removed.
#[derive(Debug, Args)]
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
    let code = tell(&done.flaws, &done.failures);
    if done.is_cut_short {
        return Err(Interrupted.into());
    }
    let mut told = format!(
        "{} rows written, {} removed; {} histories, {} in {}\n",
        units::count(done.written),
        units::count(done.removed),
        units::count(done.files),
        ByteSize(last.bytes),
        units::duration(elapsed)
    );
    if done.in_use > 0 {
        told.push_str(&format!(
            "{} threads are live and were left to their writers\n",
            units::count(done.in_use)
        ));
    }
    told.push_str(&format!("database {}\n", output::plain(&place.database.display().to_string())));
    output::print(&told)?;
    Ok(code)
}
