//! The sentences about a run of refreshes: launches that read a trace database and an archive of
//! rollouts.

use crate::ByteSize;
use crate::record::{ArmKey, Cache, Record};
use crate::remarks::{self, FULL, Length};
use crate::summary::{ArmSummary, PUBLISHED, Summary, WARM};
use crate::words;

/// The scenario's name.
const NAME: &str = "refresh";

/// The arm in which nothing is new.
const UNCHANGED: &str = "unchanged";

/// The subjects of the main sentences.
const SUBJECTS: [(&str, &str); 3] = [
    (UNCHANGED, "A refresh if nothing changed"),
    (WARM, "A refresh after a few rows and turns"),
    (FULL, "A refresh without a memo"),
];

/// What is asked.
pub(crate) const QUESTION: &str = "What does a launch cost that reads a trace database and an \
                                   archive of session files? Where does its time go, and is the \
                                   answer the same with a memo and without?";

/// The main figures: arm, state of the cache, what it is.
pub(crate) const FIGURES: [(&str, Cache, &str); 4] = [
    (UNCHANGED, Cache::Hot, "a refresh if nothing changed"),
    (WARM, Cache::Hot, "after a few rows and turns"),
    (FULL, Cache::Hot, "without a memo"),
    (PUBLISHED, Cache::Hot, "as published"),
];

/// Whether the record is of such a run.
pub(crate) fn is_one(record: &Record) -> bool {
    record.scenario == NAME
}

/// What the arm `floor` does, and what `published` does.
pub(crate) fn floor(record: &Record) -> String {
    if is_one(record) {
        "floor: walk the folders and look at each file once. published: the refresh before \
         tracerig's."
            .to_owned()
    } else {
        "floor: open the database and exit. published: one LIKE query over every row.".to_owned()
    }
}

/// The data of any run of launches: its bytes, and what they hold.
pub(crate) fn data(record: &Record) -> String {
    let data = &record.dataset;
    if !is_one(record) {
        return format!("{} in {}", words::plural(data.rows, "row"), data.file_bytes);
    }
    let mut text = format!("{} in {}", words::plural(data.rows, "rollout"), data.file_bytes);
    let known = |name| data.truth.get(name).copied();
    if let Some((rows, bytes)) = known("trace_rows").zip(known("trace_bytes")) {
        text +=
            &format!(", {} of a trace database in {}", words::plural(rows, "row"), ByteSize(bytes));
    }
    text
}

/// What the run found; the order is that of the questions people ask.
pub(crate) fn answer(summary: &Summary, length: Length) -> Vec<String> {
    let subjects = match length {
        Length::Full => &SUBJECTS[..],
        Length::Brief => &SUBJECTS[1..],
    };
    let arm = |name: &str| summary.arm(&ArmKey::new(name, Cache::Hot));
    let mut said = Vec::new();
    for (name, subject) in subjects {
        let Some(arm) = arm(name) else { continue };
        said.extend(remarks::sentence(subject, arm, "the published refresh", length));
        if length == Length::Full {
            said.extend(shares(arm));
        }
    }
    said
}

/// `Where the time goes: trace 4.0 %, metadata 61 %, ...`
fn shares(arm: &ArmSummary) -> Option<String> {
    let shares: Vec<String> = arm
        .phases
        .iter()
        .map(|phase| format!("{} {}", phase.name, words::percent(phase.share)))
        .collect();
    (!shares.is_empty()).then(|| format!("Where the time goes: {}.", shares.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::record;

    #[test]
    fn a_refresh_says_what_it_read_and_where_its_time_went() {
        let mut record = record();
        assert!(data(&record).contains("rows in"), "{}", data(&record));
        record.scenario = NAME.to_owned();
        record.dataset.truth.insert("trace_rows".to_owned(), 2_400);
        record.dataset.truth.insert("trace_bytes".to_owned(), 8_388_608);
        let said = data(&record);
        assert!(
            said.contains("rollouts in")
                && said.contains("2,400 rows of a trace database in 8.39 MB"),
            "{said}"
        );
        let said = answer(&Summary::of(&record), Length::Full).join("\n");
        for words in [
            "if nothing changed",
            "a few rows and turns",
            "Where the time goes: ",
            "than the published refresh",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
}
