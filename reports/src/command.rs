//! What a run of one command says in sentences.

use crate::record::{CommandPlan, Output, Record};
use crate::remarks::{self, Length};
use crate::summary::Summary;
use crate::units;
use crate::words;

/// What is asked.
pub(crate) const QUESTION: &str =
    "What does one launch of this command cost, and is its standard output always the same?";

/// Columns of a command in a sentence.
const SHORT: usize = 200;

/// The command of a run that measures one.
pub(crate) fn of(record: &Record) -> Option<&CommandPlan> {
    record.plan.command.as_ref()
}

/// The command as a shell reads it, on one line, cut where it is long.
pub(crate) fn told(argv: &[String]) -> String {
    let whole = words::shell(argv, usize::MAX).replace('\n', " ");
    if whole.chars().count() <= SHORT {
        return whole;
    }
    whole.chars().take(SHORT).chain("...".chars()).collect()
}

/// What a run is of, in a line.
pub(crate) fn title(record: &Record, command: &CommandPlan) -> String {
    let files = match command.files.len() as u64 {
        0 => "no file named".to_owned(),
        n => format!("{} named ({})", words::plural(n, "file"), record.dataset.file_bytes),
    };
    format!(
        "command {}: {files}, {} per arm",
        told(&command.argv),
        words::plural(record.plan.samples, "sample")
    )
}

/// What every launch was made under, each fact with its name.
pub(crate) fn conditions(record: &Record, command: &CommandPlan) -> [(&'static str, String); 6] {
    let nothing = || words::NOTHING.to_owned();
    let files = if command.files.is_empty() { nothing() } else { command.files.join(", ") };
    [
        ("before each launch", command.prepare.as_ref().map_or_else(nothing, |argv| told(argv))),
        ("standard input", command.input.clone().unwrap_or_else(nothing)),
        ("files", files),
        ("digest of the files", record.dataset.file_digest.clone()),
        (
            "standard output",
            match command.output {
                Output::Equal => "must be that of the first launch",
                Output::Ignore => "ignored",
            }
            .to_owned(),
        ),
        ("time limit of a launch", units::duration(command.limit)),
    ]
}

/// What the run found.
pub(crate) fn answer(summary: &Summary, command: &CommandPlan, length: Length) -> Vec<String> {
    let mut said: Vec<String> = summary
        .arms
        .iter()
        .filter_map(|arm| remarks::sentence("A launch", arm, "", length))
        .collect();
    said.push(output(summary, command));
    said
}

/// How the standard outputs of the launches compare.
pub(crate) fn output(summary: &Summary, command: &CommandPlan) -> String {
    let answers = &summary.answers;
    if answers.launches == 0 {
        return "No launch was made, so nothing is proven.".to_owned();
    }
    match command.output {
        Output::Ignore if answers.all_right() => {
            format!(
                "All {} ended well. Their standard output was ignored.",
                words::launches(answers.launches)
            )
        }
        Output::Equal if answers.all_right() => format!(
            "All {} ended well and wrote the standard output of the first.",
            words::launches(answers.launches)
        ),
        _ => format!(
            "{} of {} ended well{}; {} with another output, {} failed.",
            answers.verified,
            words::launches(answers.launches),
            if command.output == Output::Equal {
                " and wrote the standard output of the first"
            } else {
                ""
            },
            words::plural(answers.mismatches, "sample"),
            words::plural(answers.failures, "sample"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{command, flawless};

    #[test]
    fn a_command_is_told_by_its_words_and_its_output() {
        let mut record = flawless();
        record.plan.command = Some(command());
        record.scenario = "command".to_owned();
        record.plan.arms.retain(|arm| arm.name == "unchanged");
        record.samples.retain(|sample| sample.arm == "unchanged");
        record.plan.arms[0].name = "command".to_owned();
        record.samples.iter_mut().for_each(|sample| sample.arm = "command".to_owned());
        let summary = Summary::of(&record);
        for text in [crate::render::terminal(&record), crate::render::markdown(&record)] {
            assert!(text.contains("wc -l 'a file'"), "{text}");
            assert!(text.contains("wrote the standard output of the first"), "{text}");
            assert!(!text.contains("established answer") && !text.contains("database"), "{text}");
        }
        record.command =
            ["tracerig", "run", "command", "--", "x", "--seed"].map(str::to_owned).to_vec();
        let again = format!("run command --seed {} -- x --seed", record.seed);
        assert!(remarks::again(&record, 200).ends_with(&again), "{again}");
        let ignored = CommandPlan { output: Output::Ignore, ..command() };
        assert!(output(&summary, &ignored).contains("was ignored"));
    }
}
