//! `tracerig history show`: the steps of a history.

use std::path::PathBuf;

use clap::Args;
use tracerig_reports::history::{self, Judged, LAST, MOST_COMMITS, Rules};
use tracerig_reports::{foreign, html, write_whole};

use super::Where;
use crate::cli::Code;
use crate::cli::output::{self, Format, Output};

/// Show at which commits work or time changed.
///
/// A counter changes at its commit exactly. A ratio of times changes where its level does; small
/// changes need a few more commits to show. Steps that are blessed are explained, and counted
/// apart.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
                       tracerig history show\n  \
                       tracerig history show --branch tracerig-history --html history.html\n  \
                       tracerig history show --format json")]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Where,
    /// Write one self-contained HTML page, with each series over the commits.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Ignore changes of ratios smaller than this.
    #[arg(
        long,
        value_name = "PERCENT",
        default_value = "2",
        value_parser = crate::cli::compare::percent
    )]
    margin: f64,
    /// Judge the newest N commits.
    #[arg(
        long,
        value_name = "N",
        default_value_t = LAST as u64,
        value_parser = clap::value_parser!(u64).range(1..=MOST_COMMITS as u64)
    )]
    last: u64,
    #[command(flatten)]
    output: Output,
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    let files = arguments.place.place().read()?;
    if let Some(first) = files.skipped.first() {
        let skipped = output::counted(files.skipped.len() as u64, "file", "files");
        output::say(&format!(
            "tracerig: {skipped} skipped, not of a history: {}",
            output::path(first)
        ));
    }
    let last = usize::try_from(arguments.last).unwrap_or(MOST_COMMITS);
    let judged =
        Judged::of(&files, Rules { margin: arguments.margin / 100.0, last, ..Rules::default() });
    let written = arguments.html.as_ref().map_or(Ok(()), |path| {
        write_whole(path, html::history(&judged).as_bytes())?;
        output::say(&output::path(path));
        Ok(())
    });
    let printed = match arguments.output.format {
        Format::Table if arguments.output.details => output::print(&history::details(&judged)),
        Format::Table => output::print(&history::terminal(&judged)),
        Format::Json => output::print(&foreign::json(&history::json(&judged)?)),
    };
    Ok(Code::FINE.after(printed).after(written))
}
