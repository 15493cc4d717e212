//! `tracerig threads show`: all that is known of one thread, and what its history holds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value as Json, json};
use tracerig_reports::{ByteSize, units, wrapped};
use tracerig_store::threads::{
    History, Loaded, MAX_PROBLEMS, Millis, Problem, Rows, ThreadId, ThreadRow, Torn,
};

use super::{Place, cut, document, fields, tell, tell_lines, torn_end};
use crate::cli::output::{self, Format, MOST_COLUMNS, one_line};
use crate::cli::{Code, Interrupted};
use crate::interrupt;

/// Show the row of a thread, and count the records of its history.
///
/// Updates the rows of new or grown histories first.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
                       tracerig threads show ~/.codex 01a228da-1b50-7ce2-bec3-b04d453aa483")]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Id of the thread.
    #[arg(value_name = "ID")]
    id: ThreadId,
    /// Print for people (table) or for programs (json).
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    let place = arguments.place.find()?;
    let repaired = place.repair()?;
    let row = Rows::open(&place.database, place.options.busy_timeout)?.read(arguments.id)?;
    let Some(row) = row else {
        tell((&place, repaired.files), &repaired.flaws, &repaired.skipped, &repaired.failures);
        let folder = place.sessions.base().display();
        anyhow::bail!(
            "{folder}: there is no row of thread {}; list the threads to see which there are",
            arguments.id
        );
    };
    let path = place.sessions.base().join(&row.rollout_path);
    let history =
        place.sessions.history(arguments.id)?.context("the row is there, its history is not")?;
    let summary = Summary::of(history)?;
    let whole = || json!({ "thread": document(&row), "history": summary.document() });
    match arguments.format {
        Format::Json => output::print_json(&whole())?,
        Format::Table => output::show(&table(&row, &path, &summary))?,
    }
    // What is wrong with other threads is not the matter here; `rebuild` and `verify` tell it.
    tell_lines(&summary.problems, summary.problem_count);
    if let Some(torn) = summary.torn {
        output::say(&format!("tracerig: warning: {}", torn_end(&path, torn)));
    }
    Ok(Code::FINE)
}

/// Kinds of records that are counted separately, and characters of their names.
const MOST_KINDS: usize = 1000;
const LONGEST_KIND: usize = 100;

/// What a history contains.
#[derive(Default)]
struct Summary {
    records: u64,
    /// Number of records of each kind, including the kind of their payload.
    kinds: BTreeMap<String, u64>,
    payload_bytes: u64,
    times: Option<(Millis, Millis)>,
    /// The first skipped lines, and how many there are.
    problems: Vec<Problem>,
    problem_count: u64,
    torn: Option<Torn>,
}

impl Summary {
    fn of(history: History) -> anyhow::Result<Self> {
        let mut summary = Self::default();
        for loaded in history {
            if interrupt::requested() {
                return Err(Interrupted.into());
            }
            match loaded? {
                Loaded::Record { at, item } => {
                    summary.records += 1;
                    summary.payload_bytes += item.payload().get().len() as u64;
                    summary.times = Some(summary.times.map_or((at, at), |(first, _)| (first, at)));
                    let kind = match item.inner_kind() {
                        Some(inner) => format!("{}/{inner}", item.kind()),
                        None => item.kind().to_owned(),
                    };
                    summary.count(kind);
                }
                Loaded::Problem(problem) => {
                    summary.problem_count += 1;
                    if summary.problems.len() < MAX_PROBLEMS {
                        summary.problems.push(problem);
                    }
                }
                Loaded::Torn(torn) => summary.torn = Some(torn),
            }
        }
        Ok(summary)
    }

    fn count(&mut self, mut kind: String) {
        let end = kind.char_indices().nth(LONGEST_KIND).map_or(kind.len(), |(at, _)| at);
        kind.truncate(end);
        let is_other = self.kinds.len() >= MOST_KINDS && !self.kinds.contains_key(&kind);
        *self.kinds.entry(if is_other { "other kinds".to_owned() } else { kind }).or_default() += 1;
    }

    fn document(&self) -> Json {
        json!({
            "records": self.records,
            "payload_bytes": self.payload_bytes,
            "first_at": self.times.map(|(first, _)| first.to_string()),
            "last_at": self.times.map(|(_, last)| last.to_string()),
            "kinds": self.kinds,
            "left_out_lines": self.problem_count,
            "left_out": self.problems.iter().map(|problem| problem.line).collect::<Vec<_>>(),
            "torn_bytes": self.torn.map_or(0, |torn| torn.bytes),
        })
    }
}

fn table(row: &ThreadRow, path: &Path, summary: &Summary) -> String {
    let mut text = String::new();
    // The path follows, whole.
    for (name, value) in fields(row).into_iter().filter(|(name, _)| *name != "rollout_path") {
        let shown = match value {
            Json::Null => continue,
            Json::String(value) => cut(&value, 60),
            value => value.to_string(),
        };
        let _ = writeln!(text, "{name:18}  {shown}");
    }
    let _ = writeln!(text, "\nhistory {}", output::path(path));
    if let Some((first, last)) = summary.times {
        let said = format!(
            "{} records from {first} to {last}, {} of payloads",
            units::count(summary.records),
            ByteSize(summary.payload_bytes)
        );
        text += &wrapped(&said, 80, "  ");
    }
    let mut kinds: Vec<(&String, &u64)> = summary.kinds.iter().collect();
    kinds.sort_by_key(|(kind, number)| (std::cmp::Reverse(**number), *kind));
    for (kind, number) in kinds {
        let _ = writeln!(text, "{:>8}  {}", units::count(*number), one_line(kind, MOST_COLUMNS));
    }
    text
}
