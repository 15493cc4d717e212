//! `tracerig history add`: keeps the figures of a commit.

use std::path::{Path, PathBuf};

use clap::Args;
use tracerig_reports::history::Entry;
use tracerig_reports::verdict::Gate;
use tracerig_reports::{Document, Record};

use super::Where;
use crate::cli::compare::results;
use crate::cli::run::RECORD;
use crate::cli::{Code, Usage, output, report};
use crate::history::read_commit;

/// Add the runs of a commit.
///
/// RECORD is the record.json of a run, or a folder with runs. A comparison.json among them tells
/// whether the commit passed: a value that failed is kept, too, so the next commit is not compared
/// with an older one.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_long_help = "Examples:\n  \
                       tracerig history add out\n  \
                       tracerig history add out tracerig-out/compare --branch tracerig-history\n  \
                       tracerig history add out --rev HEAD --again"
)]
pub(super) struct Arguments {
    /// Records, comparisons, or folders with them.
    #[arg(required = true, value_name = "RECORD")]
    records: Vec<PathBuf>,
    /// Commit that was measured [default: the revision of the build that the record names].
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// Add another entry next to the one that the commit has on this machine.
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    place: Where,
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    let (records, gate) = read(&arguments.records)?;
    let revision = match &arguments.rev {
        Some(revision) => revision.clone(),
        None => built(&records)?,
    };
    let commit = read_commit(Path::new("."), &revision)?;
    let entry = Entry::of(commit, &records, gate).map_err(Usage)?;
    let place = arguments.place.place();
    let name = place.add(&entry, arguments.again)?;
    let arms = || entry.runs.iter().flat_map(|run| &run.arms);
    let counters = arms().map(|arm| arm.counters.len()).sum::<usize>() as u64;
    let ratios = arms().filter(|arm| arm.of_floor.is_some()).count() as u64;
    let passed = if entry.has_failed() { "; it did not pass, and is kept" } else { "" };
    output::show(&format!(
        "{} {}: {}, {}{passed}\n{place}: {name}\n",
        &entry.commit.revision[..10],
        output::one_line(&entry.commit.subject, 60),
        output::counted(counters, "counter", "counters"),
        output::counted(ratios, "ratio to the floor", "ratios to the floor"),
    ))?;
    Ok(Code::FINE)
}

/// The records, and the gravest gate of the comparisons.
fn read(paths: &[PathBuf]) -> anyhow::Result<(Vec<Record>, Option<Gate>)> {
    let (mut records, mut gate) = (Vec::new(), None);
    for path in paths {
        for file in report::files_at(path, &[RECORD, results::FILE])? {
            match Document::read(&file)? {
                Document::Record(record) => records.push(*record),
                Document::Comparisons(read) => {
                    gate = gate.max(read.runs.iter().map(|run| run.comparison.gate()).max());
                }
            }
        }
    }
    Ok((records, gate))
}

/// The revision of the build that all records are of.
fn built(records: &[Record]) -> Result<String, Usage> {
    let mut found: Option<&String> = None;
    for record in records {
        let why = if record.plan.command.is_some() {
            "is of a command"
        } else if record.build.dirty == Some(true) {
            "is of a build with uncommitted changes"
        } else if let Some(revision) = &record.build.revision {
            match found {
                Some(known) if known != revision => {
                    return Err(Usage(format!(
                        "the records are of the revisions {known} and {revision}; add one commit \
                         at a time, or name it with --rev"
                    )));
                }
                _ => found = Some(revision),
            }
            continue;
        } else {
            "does not name the revision of its build"
        };
        return Err(Usage(format!("the run {} {why}; name its commit with --rev", record.id)));
    }
    let found = found.cloned();
    found.ok_or_else(|| {
        Usage(
            "no record given; name the folder that a run wrote, or the record.json in it"
                .to_owned(),
        )
    })
}
