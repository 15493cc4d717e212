//! `tracerig run append --crash`: kills the process that appends, and checks what is left.

use super::append::Append;
use super::place;
use crate::cli::output::{self, Format};
use crate::cli::shown::Shown;
use crate::cli::{Code, Interrupted, Usage};
use crate::scenario::Definition;
use crate::scenario::append::{CrashJob, CrashReport, crash};

pub(super) fn main(arguments: &Append, definition: &Definition) -> anyhow::Result<Code> {
    // The mode of an arm is its name; one without a store has none.
    let modes: Vec<_> =
        definition.plan.arms.iter().filter_map(|arm| arm.name.parse().ok()).collect();
    if modes.is_empty() {
        return Err(
            Usage("only arms with a store can be killed; `bare` has none".to_owned()).into()
        );
    }
    let place = place(arguments.common.seed)?;
    let job = CrashJob {
        modes,
        kills: arguments.kills,
        fsync: arguments.fsync,
        workplaces: place.workplaces,
        seed: place.seed,
        program: place.program,
    };
    let mut shown = Shown::default();
    let done = crash(&job, &mut |kill| shown.sample(kill, job.kills, "killing"));
    shown.finish();
    let report = done?;
    let printed = output::print(&match arguments.common.output.format {
        Format::Table => output::plain(&table(&report)),
        Format::Json => output::json(&report)?,
    });
    let code = if report.violation.is_some() {
        Code::MISMATCH
    } else if report.interrupted {
        Code::FINE.after(Err(Interrupted.into()))
    } else {
        Code::FINE
    };
    Ok(code.after(printed))
}

fn table(report: &CrashReport) -> String {
    let mut text = match &report.violation {
        None => "Nothing was lost: every acknowledged append is in its history, in order.\n\n"
            .to_owned(),
        Some(violation) => format!(
            "LOST after kill {} ({}, mode {}): {}\nThe folder is kept: {}\n\n",
            violation.kill,
            violation.point,
            violation.mode,
            violation.what,
            violation.folder.display()
        ),
    };
    text += "where               kills  missed  appends  barriers  torn  rows level  behind\n";
    for (point, struck) in &report.by_point {
        text += &format!(
            "{point:<17} {:>6} {:>7} {:>8} {:>9} {:>5} {:>11} {:>7}\n",
            struck.kills,
            struck.missed,
            struck.appends,
            struck.barriers,
            struck.torn,
            struck.level,
            struck.behind
        );
    }
    text += &format!(
        "\nmissed: the writer ended before the point. appends: acknowledged ones. torn:\n\
         histories that end within a line. level: rows that replay their whole history.\n\
         behind: rows that replay a prefix that covers the last barrier.\n\
         A second writer was refused {} times in {} while one was running, and the next\n\
         one started at once after each kill.\n",
        report.refused, report.writers
    );
    text
}
