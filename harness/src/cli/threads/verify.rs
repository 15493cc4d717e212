//! `tracerig threads verify`: every row compared with the replay of its history.

use std::fmt::Write as _;

use anyhow::bail;
use clap::Args;
use serde_json::{Value as Json, json};
use tracerig_reports::units;
use tracerig_store::threads::{ThreadId, Value, Verified, verify};

use super::{Place, counted, shown, tell, watched};
use crate::cli::output::{self, Format, plain};
use crate::cli::{Code, Interrupted};

/// Compare every row with its history, column by column. Changes nothing.
///
/// Exit code 3: a row differs, is missing, or has no history. Exit code 1: a history cannot be
/// read.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
                       tracerig threads verify ~/.codex\n  \
                       tracerig threads verify ~/.codex --format json")]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Print for people (table) or for programs (json).
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    let place = arguments.place.find()?;
    if !place.database.exists() {
        bail!(
            "{}: there are no rows to verify; make them with `tracerig threads rebuild`",
            place.database.display()
        );
    }
    let done = watched("verifying", |watch| {
        verify(&place.sessions, &place.database, &place.options, watch)
    })?;
    let code = tell((&place, done.files), &done.flaws, &done.skipped, &done.failures);
    if done.is_cut_short {
        return Err(Interrupted.into());
    }
    let printed = match arguments.format {
        Format::Json => output::print_json(&document(&done)),
        Format::Table => output::show(&table(&done)),
    };
    let code = if done.is_equal() { code } else { Code::MISMATCH };
    Ok(code.after(printed))
}

fn table(done: &Verified) -> String {
    let mut text = String::new();
    for difference in &done.differences {
        let column = difference.column;
        let _ = writeln!(
            text,
            "{} {}: {} in the row, {} in the history",
            difference.thread,
            column.name(),
            shown(column, &difference.row),
            shown(column, &difference.replayed)
        );
    }
    for id in &done.without_row {
        let _ = writeln!(text, "{id} has a history and no row");
    }
    for id in &done.without_history {
        let _ = writeln!(text, "{id} has a row and no history");
    }
    let _ = write!(
        text,
        "{} of {} threads are equal to the replay of their histories; {} read",
        units::count(done.equal),
        units::count(done.threads),
        counted(done.files, "file", "files")
    );
    let skipped = done.skipped.unread();
    if skipped > 0 {
        let _ = write!(text, "; {}", counted(skipped, "file was skipped", "files were skipped"));
    }
    let failed = done.failures.len() as u64;
    if failed > 0 {
        let _ = write!(
            text,
            "; {}",
            counted(failed, "history was not compared", "histories were not compared")
        );
    }
    if done.in_use > 0 {
        let live = counted(
            done.in_use,
            "is live and was not looked at",
            "are live and were not looked at",
        );
        let _ = write!(text, "; {live}");
    }
    text.push('\n');
    plain(&text)
}

fn document(done: &Verified) -> Json {
    let value = |value: &Value| match value {
        Value::Null => Json::Null,
        Value::Integer(number) => (*number).into(),
        Value::Text(text) => text.as_str().into(),
    };
    let ids = |ids: &[ThreadId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let differences: Vec<Json> = done
        .differences
        .iter()
        .map(|difference| {
            json!({
                "thread": difference.thread.to_string(),
                "column": difference.column.name(),
                "row": value(&difference.row),
                "history": value(&difference.replayed),
            })
        })
        .collect();
    let skipped: Vec<Json> = done
        .skipped
        .iter()
        .map(|(reason, files, example)| {
            json!({ "reason": reason.name(), "files": files, "example": example.to_string_lossy() })
        })
        .collect();
    json!({
        "threads": done.threads,
        "files": done.files,
        "equal": done.equal,
        "in_use": done.in_use,
        "differences": differences,
        "without_row": ids(&done.without_row),
        "without_history": ids(&done.without_history),
        "skipped": skipped,
        "failures": done.failures.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
