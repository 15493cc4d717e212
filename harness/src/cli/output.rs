//! Standard output without panics: a reader that went away is not an error, and text from a
//! database cannot steer the terminal.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
pub(super) use tracerig_reports::foreign::{columns, one_line, plain};
use tracerig_reports::foreign::{json as harmless_json, message};
use tracerig_reports::{units, wrapped};

/// How a result is printed, and how much of it.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Output {
    /// For people (table) or for programs (json).
    #[arg(long, value_enum, default_value = "table")]
    pub(super) format: Format,
    /// Print all tables and conditions.
    ///
    /// Instead of one screen.
    #[arg(long)]
    pub(super) details: bool,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// The end of a text that is written to a file, by which the next one knows it for ours.
pub(super) const WRITTEN_BY: &str =
    concat!("\nwritten by tracerig ", env!("CARGO_PKG_VERSION"), "\n");

/// Prints text for people, with control sequences escaped.
pub(super) fn show(text: &str) -> anyhow::Result<()> {
    print(&plain(text))
}

/// Prints text unchanged: JSON, or what must be kept exactly.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("standard output")
}

/// So many of something: `1 record is`, `2 records are`.
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", units::count(number), if number == 1 { one } else { many })
}

/// A value as JSON, indented for a reader, ended by a line break.
pub(super) fn json(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(harmless_json(&serde_json::to_string_pretty(value)?) + "\n")
}

/// Prints a value as JSON.
pub(super) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&json(value)?)
}

/// Prints a line for people on standard error. Closed standard error is not a failure.
pub(super) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{}", message(text));
}

/// The same in lines of at most 80 columns.
pub(super) fn say_wrapped(text: &str) {
    say(wrapped(text, 80, "  ").trim_end());
}

/// An error with its causes, unless the message already contains them.
pub(super) fn told(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |mut text, cause| {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        text
    })
}

/// Whether `error` is standard output gone, as with `tracerig ... | head`.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// Columns that an id or a name from elsewhere may take in a table. Those of Codex have 36.
pub(super) const MOST_COLUMNS: usize = 64;

/// Columns that a path may take. No system has longer ones.
pub(super) const MOST_OF_A_PATH: usize = 4_096;

/// A path on one line, for people.
pub(super) fn path(path: &Path) -> String {
    one_line(&path.display().to_string(), MOST_OF_A_PATH)
}

/// `text` with spaces up to `width` columns.
pub(super) fn padded(text: &str, width: usize) -> String {
    text.to_owned() + &" ".repeat(width.saturating_sub(columns(text)))
}

/// A progress bar on standard error, for a terminal only.
pub(super) fn progress_bar(length: u64, template: &str) -> ProgressBar {
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(length), target);
    // The templates are literals of this program; one that does not parse shows as the default
    // style.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    // It panics where the system starts no thread.
    if !bar.is_hidden() && std::thread::Builder::new().spawn(|| ()).is_ok() {
        bar.enable_steady_tick(Duration::from_millis(200));
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let inner = || io::Error::other("disk on fire");
        let known =
            anyhow::Error::new(inner()).context("x: cannot write: disk on fire; buy another");
        assert_eq!(told(&known), "x: cannot write: disk on fire; buy another");
        assert_eq!(told(&anyhow::Error::new(inner()).context("x")), "x: disk on fire");
    }
}
