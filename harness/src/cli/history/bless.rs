//! `tracerig history bless`: explains a step.

use std::collections::BTreeSet;
use std::path::Path;

use clap::Args;
use tracerig_reports::history::{Blessing, Files, Judged, Rules};

use super::Where;
use crate::cli::{Code, Usage, output};
use crate::history::read_commit;
use crate::machine;

/// Explain a step, so that it is no longer counted as open.
///
/// The explanation is a file next to the entries and is never replaced. It holds for a step of the
/// series at the commit; for a ratio also up to two commits away, because the place of its step may
/// move as commits follow.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_long_help = "Examples:\n  \
                       tracerig history bless relaunch/quick/warm-hot/rows_examined HEAD --because \
                       'checks one row twice'"
)]
pub(super) struct Arguments {
    /// Series, as `history show` names it.
    #[arg(value_name = "SERIES")]
    series: String,
    /// Commit of the step: its hash, or the beginning of it, or what git calls it.
    #[arg(value_name = "COMMIT")]
    commit: String,
    /// Why the step is as it should be.
    #[arg(long, value_name = "TEXT")]
    because: String,
    #[command(flatten)]
    place: Where,
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    let place = arguments.place.place();
    let mut files = place.read()?;
    let Arguments { series, because, .. } = arguments;
    let revision = revision(&files, &arguments.commit)?;
    let blessing = Blessing {
        series: series.clone(),
        revision: revision.clone(),
        because: because.trim().to_owned(),
        blessed: machine::now(),
    };
    if let Some(wrong) = blessing.contradiction() {
        return Err(Usage(format!("this blessing cannot be kept: {wrong}")).into());
    }
    known(&files.series(), series)?;
    let name = place.bless(&blessing)?;
    files.blessings = vec![blessing];
    if !Judged::of(&files, Rules::default()).idle.is_empty() {
        output::say(&format!(
            "tracerig: {series} has no step at {} yet; the blessing holds once it has",
            &revision[..10]
        ));
    }
    output::show(&format!(
        "{} at {}: explained\n{place}: {name}\n",
        output::one_line(series, 200),
        &revision[..10]
    ))?;
    Ok(Code::FINE)
}

/// The commit of the history that this names.
fn revision(files: &Files, name: &str) -> anyhow::Result<String> {
    let all: BTreeSet<&str> =
        files.entries.iter().map(|entry| entry.commit.revision.as_str()).collect();
    let is_hash = name.len() >= 4 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let found: Vec<&&str> =
        all.iter().filter(|revision| is_hash && revision.starts_with(name)).collect();
    match found.as_slice() {
        [one] => return Ok((**one).to_owned()),
        [_, _, ..] => {
            return Err(Usage(format!(
                "{} commits begin with {name}; give more of the hash",
                found.len()
            ))
            .into());
        }
        [] => {}
    }
    let commit = read_commit(Path::new("."), name)?.revision;
    if all.contains(commit.as_str()) {
        return Ok(commit);
    }
    Err(Usage(format!("the history has no entry of {name}; add one with `tracerig history add`"))
        .into())
}

/// Refuses a series that the history does not have, with the most similar ones.
fn known(names: &BTreeSet<String>, wanted: &str) -> Result<(), Usage> {
    if names.contains(wanted) {
        return Ok(());
    }
    let end = wanted.rsplit('/').next().unwrap_or(wanted);
    let names = || names.iter().map(String::as_str);
    let mut alike: Vec<&str> = names().filter(|name| name.ends_with(end)).take(3).collect();
    if alike.is_empty() {
        alike.extend(names().take(3));
    }
    Err(Usage(format!(
        "the history has no series `{wanted}`; it has {}, …; `history show --format json` names \
         all",
        alike.join(", ")
    )))
}
