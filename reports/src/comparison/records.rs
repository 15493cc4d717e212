//! The comparison of two records: counters exactly, and times as far as two runs allow.

use std::collections::BTreeSet;
use std::fmt::Debug;

use super::{ArmTimes, Comparison, Program, Refusal};
use crate::record::{ArmPlan, CommandPlan, Output, Record};
use crate::verdict::{Measured, Metric, Rules, judge};
use crate::{Error, Result};

/// Compares two records, each with the name that the user gave it. Times are compared only where
/// machine and profile are the same; the runs were made at different times, so that nothing is a
/// pair and smaller changes stay inconclusive.
///
/// # Errors
/// When the runs did not do the same: other scenario, dataset, seed, arms or conditions. The error
/// names what differs. The number of samples may differ, and how many launches make one.
pub fn of_records(
    base: (&str, &Record),
    new: (&str, &Record),
    rules: &Rules,
    command: Vec<String>,
) -> Result<Comparison> {
    comparable(base, new)?;
    let (base_program, new_program) = (Program::of(base.0, base.1), Program::of(new.0, new.1));
    let times_refused = Refusal::of(&base_program, &new_program);
    let arms: Vec<Measured> = base
        .1
        .plan
        .arms
        .iter()
        .map(|arm| measured(arm, base.1, new.1, times_refused.is_none()))
        .collect();
    Ok(Comparison {
        scenario: new.1.scenario.clone(),
        recipe: new.1.dataset.recipe.clone(),
        base: base_program,
        new: new_program,
        command,
        times: if times_refused.is_none() { ArmTimes::of(base.1, new.1) } else { Vec::new() },
        times_refused,
        verdicts: judge(&arms, rules),
    })
}

fn measured(arm: &ArmPlan, base: &Record, new: &Record, times: bool) -> Measured {
    let key = arm.key();
    let mut measured = Measured::new(key.clone(), Metric::of(&base.plan));
    measured.expect(times);
    if base.cores() != new.cores() {
        measured.on_other_cores();
    }
    for (record, of_base) in [(base, true), (new, false)] {
        for sample in record.samples.iter().filter(|sample| sample.key() == key) {
            if times {
                measured.alone(sample, of_base);
            } else {
                measured.work(sample, of_base);
            }
        }
    }
    measured
}

/// An error that names the first thing in which the runs differ and may not.
fn comparable(base: (&str, &Record), new: (&str, &Record)) -> Result<()> {
    let same = |what: &'static str, of: &dyn Fn(&Record) -> String| {
        let (base_value, new_value) = (of(base.1), of(new.1));
        if base_value == new_value {
            return Ok(());
        }
        Err(Error::NotComparable {
            base: base.0.to_owned(),
            new: new.0.to_owned(),
            what,
            base_value,
            new_value,
        })
    };
    let text = |value: &dyn Debug| format!("{value:?}");
    same("scenario", &|record| record.scenario.clone())?;
    same("recipe", &|record| record.dataset.recipe.clone())?;
    same("digest of the recipe's text", &|record| digest(&record.dataset.recipe_text))?;
    same("scale", &|record| record.dataset.scale.to_string())?;
    same("digest of the dataset's rows", &|record| record.dataset.rows_digest.clone())?;
    same("digest of the dataset's file", &|record| record.dataset.file_digest.clone())?;
    same("seed", &|record| record.seed.to_string())?;
    same("number of appended rows", &|record| record.plan.appended_rows.to_string())?;
    same("condition of the appends", &|record| text(&record.plan.append))?;
    same("condition of the commands", &|record| {
        text(&record.plan.command.as_ref().map(conditions))
    })?;
    let [of_base, of_new] = [base.1, new.1].map(output);
    if of_base.is_some() && of_new.is_some() {
        same("digest of the standard output", &|record| text(&output(record)))?;
    }
    same("time that launches of a sample take together", &|record| {
        text(&record.plan.launches.at_least)
    })?;
    same("set of arms", &|record| {
        let arms: BTreeSet<String> =
            record.plan.arms.iter().map(|arm| format!("{} by {}", arm.key(), arm.engine)).collect();
        arms.into_iter().collect::<Vec<_>>().join("; ")
    })
}

/// What two commands must have in common: all but the command itself.
fn conditions(command: &CommandPlan) -> CommandPlan {
    CommandPlan { argv: Vec::new(), warmup: 0, ..command.clone() }
}

/// The digest of what a command writes, where it is always the same and must be.
fn output(record: &Record) -> Option<&String> {
    record.plan.command.as_ref().filter(|command| command.output == Output::Equal)?;
    record.samples.iter().find(|sample| sample.is_valid())?.launches.first()?.answer_digest.as_ref()
}

fn digest(text: &str) -> String {
    crate::record::digest(text.as_bytes())
}
