//! What a run of refreshes says in sentences: a launch that reads a trace database and an archive of rollouts, and where its time goes.

use crate::ByteSize;
use crate::record::{ArmKey, Cache, Record};
use crate::remarks::{self, FULL};
use crate::summary::{ArmSummary, PUBLISHED, Summary, WARM};
use crate::words;

/// The scenario's name.
const NAME: &str = "refresh";

/// The arm in which nothing is new.
const UNCHANGED: &str = "unchanged";

/// What is asked.
pub(crate) const QUESTION: &str = "What does a launch cost that reads a trace database and an archive of session files, with a memo of the last one and without; where does \
     its time go; and is the answer still exactly the same?";

/// The main figures: arm, state of the cache, what it is.
pub(crate) const FIGURES: [(&str, Cache, &str); 4] = [
    (UNCHANGED, Cache::Hot, "a refresh with nothing new"),
    (WARM, Cache::Hot, "with a few rows and a turn more"),
    (FULL, Cache::Hot, "without a memo"),
    (PUBLISHED, Cache::Hot, "as published"),
];

/// Whether the record is of such a run.
pub(crate) fn is_one(record: &Record) -> bool {
    record.scenario == NAME
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
        text += &format!(", {} of a trace database in {}", words::plural(rows, "row"), ByteSize(bytes));
    }
    text
}

/// What the run found; the order is that of the questions people ask.
pub(crate) fn answer(record: &Record, summary: &Summary) -> Vec<String> {
    let appended = words::plural(record.plan.appended_rows, "row");
    let subjects = [
        (UNCHANGED, "With nothing new since the last launch, a refresh".to_owned()),
        (WARM, format!("After {appended} and a turn of a few sessions, a refresh")),
        (FULL, "Without a memo, a refresh".to_owned()),
    ];
    let arm = |name: &str| summary.arm(&ArmKey::new(name, Cache::Hot));
    let mut said = Vec::new();
    for (name, subject) in subjects {
        let Some(arm) = arm(name) else { continue };
        said.extend(remarks::sentence(&subject, arm, "as published"));
        said.extend(shares(arm));
    }
    said
}

/// `Of that the trace scan is 4.0 %, metadata 61 %, ...`
fn shares(arm: &ArmSummary) -> Option<String> {
    let shares: Vec<String> =
        arm.phases.iter().map(|phase| format!("{} {}", phase.name, words::percent(phase.share))).collect();
    (!shares.is_empty()).then(|| format!("Of its time: {}.", shares.join(", ")))
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
            said.contains("rollouts in") && said.contains("2,400 rows of a trace database in 8.39 MB"),
            "{said}"
        );
        let said = answer(&record, &Summary::of(&record)).join("\n");
        for words in ["nothing new", "a turn of a few sessions", "Of its time: ", "than as published"] {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
}
