//! `tracerig repro --pairs`: the revision that made a record and the work tree, in pairs, on the
//! data of the record.

use std::path::{Path, PathBuf};

use tracerig_reports::Record;
use tracerig_reports::verdict::Rules;

use super::{programs, results};
use crate::cli::output::{self, Output};
use crate::cli::{self, Code, Usage, run};
use crate::compare::{Job, Source, Subject};
use crate::machine;
use crate::plan::Run;
use crate::scenario::Place;

/// What is asked for.
pub(in crate::cli) struct Asked<'a> {
    /// Compared with the revision of the record; without it the work tree.
    pub(in crate::cli) bin: Option<&'a PathBuf>,
    pub(in crate::cli) database: Option<PathBuf>,
    /// Pairs of samples of each arm; without it those of the plan.
    pub(in crate::cli) pairs: Option<u64>,
    pub(in crate::cli) counters_only: bool,
    pub(in crate::cli) out: Option<PathBuf>,
    /// How to print the result.
    pub(in crate::cli) output: Output,
}

/// The plan whose pairs, margin and budget are taken.
const PLAN: &str = "ci";

pub(in crate::cli) fn main(record: &Record, asked: &Asked<'_>) -> anyhow::Result<Code> {
    if record.plan.command.is_some() {
        let said =
            "this record is of a command; compare commands with `tracerig compare --base-cmd`";
        return Err(Usage(said.to_owned()).into());
    }
    let Some(revision) = record.build.revision.clone() else {
        let said = "the record names no revision; compare executables with \
                    `tracerig compare --base-bin`";
        return Err(Usage(said.to_owned()).into());
    };
    let run = Run::comparing_again(record.clone(), asked.database.clone())
        .filter(|run| !run.compare.is_empty())
        .ok_or_else(|| {
            Usage("no arm of this record can be compared between executables".to_owned())
        })?;
    let out = asked.out.clone().unwrap_or_else(|| {
        Path::new("tracerig-out").join(machine::run_id("compare", &machine::now()))
    });
    results::prepare(&out)?;
    if record.build.dirty == Some(true) {
        output::say(&format!(
            "tracerig: the record was made with uncommitted changes on {revision}, which are not \
             built"
        ));
    }
    let base = programs::built(&Source::Revision(revision))?;
    let new = match asked.bin {
        Some(path) => (path.display().to_string(), cli::executable(path)),
        None => programs::built(&Source::WorkTree)?,
    };
    let program = new.1.clone();
    let [base, new] = [base, new].map(|(name, path)| (name, Subject::Executable(path)));
    let compare = run::planned_by(PLAN)?.compare;
    let job = Job {
        place: Place { program, ..run::place(record.seed)? },
        base,
        new,
        runs: vec![run],
        pairs: asked.pairs.unwrap_or(compare.pairs),
        counters_only: asked.counters_only,
        rules: Rules {
            margin: compare.margin_percent / 100.0,
            budget: compare.budget_percent / 100.0,
            tolerated: compare.tolerated(),
            ..Rules::default()
        },
    };
    programs::made(&job, &out, asked.output)
}
