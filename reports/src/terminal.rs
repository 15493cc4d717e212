//! A run as text for a terminal of 80 columns.

use crate::Record;
use crate::command;
use crate::layout::{Table, wrapped};
use crate::refresh;
use crate::summary::{FLOOR, LeftOut, Summary};
use crate::units;
use crate::words;
use crate::{limits, remarks, tables};

/// Columns of the text. Fixed, so that the same record gives the same text everywhere.
pub(crate) const WIDTH: usize = 80;
/// Excluded samples that are listed one by one; more would push the tables off the screen.
const NAMED: usize = 20;

/// Warnings about machine and build that a brief result shows.
const WARNINGS: usize = 3;

/// What a run found, on one screen of 80 columns: the answer, one table, what was excluded,
/// warnings. It has no control characters, so it reads the same in a terminal, a log and a file.
/// Ends with a line feed.
#[must_use]
pub fn brief(record: &Record, summary: &Summary) -> String {
    let mut out = String::new();
    paragraphs(&mut out, remarks::brief(record, summary));
    let title = match command::of(record) {
        Some(command) => command::title(record, command),
        None => format!(
            "{} on {}: {}, {} per arm",
            record.scenario,
            record.dataset.recipe,
            refresh::data(record),
            words::plural(record.plan.samples, "sample"),
        ),
    };
    section(&mut out, &title, &tables::times_in_short(summary));
    out.push('\n');
    let floor_ran = summary.arms.iter().any(|arm| arm.name == FLOOR);
    if floor_ran {
        paragraphs(&mut out, [refresh::floor(record)]);
    }
    notes(&mut out, record, &summary.left_out);
    out
}

/// Everything a run found, as text of 80 columns without control characters. Ends with a line feed.
#[must_use]
pub fn details(record: &Record, summary: &Summary) -> String {
    let mut out = String::new();
    paragraphs(&mut out, remarks::answer(record, summary));
    paragraphs(&mut out, [remarks::end(record)]);
    out.push('\n');
    let dataset = &record.dataset;
    paragraphs(
        &mut out,
        [
            match command::of(record) {
                Some(command) => command::title(record, command),
                None => format!(
                    "{} on {}: {}, {} per arm, {} before launches that find something new",
                    record.scenario,
                    dataset.recipe,
                    refresh::data(record),
                    words::plural(record.plan.samples, "sample"),
                    words::plural(record.plan.appended_rows, "row"),
                ),
            },
            remarks::setting(record),
        ],
    );
    section(
        &mut out,
        "Wall time of a launch (valid: samples of planned, x launches in each)",
        &tables::times(summary),
    );
    let title = format!("{} intervals of the ratios, and their common rounds", words::confidence());
    section(&mut out, &title, &tables::ratios(summary));
    section(
        &mut out,
        if command::of(record).is_some() {
            "Work of a launch: bytes and calls of reads and writes"
        } else if refresh::is_one(record) {
            "Work of a launch: rows, files, metadata calls, bytes of sessions, shards"
        } else {
            "Work of a launch: rows examined and checked, bytes of bodies, facts"
        },
        &tables::work_in_short(summary),
    );
    section(
        &mut out,
        "Time inside the process, without its start and end",
        &tables::inside(summary),
    );
    section(
        &mut out,
        "Where the time goes (medians over launches)",
        &tables::phases(summary, refresh::is_one(record)),
    );
    left_out(&mut out, &summary.left_out);
    let states = limits::cache_states(record);
    bullets(
        &mut out,
        "Conditions and limits",
        states.into_iter().chain(limits::limits(record, summary)),
    );
    again(&mut out, record);
    out
}

/// Sentences, each from the beginning of a line.
pub(crate) fn paragraphs(out: &mut String, said: impl IntoIterator<Item = String>) {
    for said in said {
        *out += &wrapped(&said, WIDTH, "  ");
    }
}

/// A list under a title, or nothing if it is empty.
pub(crate) fn bullets(out: &mut String, title: &str, said: impl IntoIterator<Item = String>) {
    let mut said = said.into_iter().peekable();
    if said.peek().is_some() {
        *out += &format!("\n{title}\n");
    }
    for said in said {
        *out += &wrapped(&format!("  - {said}"), WIDTH, "    ");
    }
}

/// How the run ended, what was excluded, and what spoils its times, a line each.
pub(crate) fn notes(out: &mut String, record: &Record, left_out: &[LeftOut]) {
    let mut said = vec![remarks::end(record)];
    let mut arms: Vec<(String, u64)> = Vec::new();
    for left in left_out {
        let name = words::arm(&left.arm, left.cache);
        match arms.iter_mut().find(|(arm, _)| *arm == name) {
            Some((_, count)) => *count += 1,
            None => arms.push((name, 1)),
        }
    }
    if !arms.is_empty() {
        arms.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let most: Vec<String> =
            arms.iter().take(3).map(|(arm, count)| format!("{arm} {count}")).collect();
        let more = if arms.len() > 3 { ", and others" } else { "" };
        said.push(format!("Not in the figures: {}{more}.", most.join(", ")));
    }
    let warnings = limits::build_and_machine(record).into_iter().take(WARNINGS);
    said.extend(warnings.map(|warning| format!("Warning: {warning}")));
    paragraphs(out, said);
}

/// The excluded samples, the first of them by name.
pub(crate) fn left_out(out: &mut String, samples: &[LeftOut]) {
    let named = samples.iter().take(NAMED).map(remarks::left_out);
    let more = samples.len().checked_sub(NAMED).filter(|more| *more > 0);
    let more = more.map(|more| format!("and {} more, see the record", units::count(more as u64)));
    bullets(out, "Not in the figures", named.chain(more));
}

/// The command that repeats the run.
pub(crate) fn again(out: &mut String, record: &Record) {
    let again = remarks::again(record, WIDTH);
    // Beside its title if it fits, else below it.
    let gap = if "Repeat: ".len() + again.lines().next().map_or(0, str::len) <= WIDTH {
        ' '
    } else {
        '\n'
    };
    *out += &format!("\nRepeat:{gap}{again}\n");
}

/// A table under a title, or nothing if it has no rows.
pub(crate) fn section(out: &mut String, title: &str, table: &Table) {
    if !table.is_empty() {
        *out += &format!("\n{}\n{}", wrapped(title, WIDTH, "  "), table.text(WIDTH));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{assert_golden, record};
    use crate::record::{Outcome, SampleState};

    fn text_of(record: &Record) -> String {
        details(record, &Summary::of(record))
    }

    fn brief_of(record: &Record) -> String {
        brief(record, &Summary::of(record))
    }

    #[test]
    fn a_run_reads_as_kept() {
        assert_golden("terminal.txt", &brief_of(&record()));
        assert_golden("terminal-details.txt", &text_of(&record()));
    }

    #[test]
    fn a_brief_result_fits_a_screen_and_answers_first() {
        for record in [record(), crate::fixture::flawless()] {
            let text = brief_of(&record);
            // Four lines are left for what the program says about its files.
            assert!(text.lines().count() <= 26, "{text}");
            assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
            let first: String = text.lines().take(5).collect();
            assert!(first.contains("A relaunch with a memo takes"), "{text}");
        }
    }

    #[test]
    fn a_failure_names_its_cause_first() {
        let mut record = crate::fixture::flawless();
        record.samples[5].state =
            SampleState::Failed { error: "exit code 1: memo: not a memo".to_owned() };
        record.outcome = Outcome::of(&record.samples, false);
        let text = brief_of(&record);
        assert!(text.starts_with("FAILED: "), "{text}");
        assert!(text.lines().next().unwrap().contains("exit code 1: memo: not a memo"), "{text}");
        for sample in record.samples.iter_mut().filter(|sample| sample.arm == "warm") {
            sample.state = SampleState::Excluded { reason: "busy".to_owned() };
        }
        record.samples[5].state = SampleState::Valid;
        record.outcome = Outcome::of(&record.samples, false);
        let text = brief_of(&record);
        assert!(
            text.starts_with("INCONCLUSIVE: an arm has no valid sample; the first excluded: warm"),
            "{text}"
        );
    }

    #[test]
    fn it_fits_80_columns_of_plain_ascii() {
        let mut record = record();
        record.command.extend(
            ["--recipe", "quick", "--samples", "9", "--arms", "warm,floor"].map(str::to_owned),
        );
        record.command[0].insert_str(0, "/home/someone/src/tracerig/target/release/");
        let text = text_of(&record);
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
        assert!(text.chars().all(|c| c == '\n' || (' '..='~').contains(&c)), "{text}");
        assert!(text.lines().all(|line| line.trim_end() == line), "trailing spaces");
    }

    #[test]
    fn a_run_cut_anywhere_renders() {
        let whole = record();
        for taken in 0..whole.samples.len() {
            let mut record = whole.clone();
            record.samples.truncate(taken);
            record.outcome = Outcome::of(&record.samples, true);
            let text = text_of(&record);
            assert!(text.lines().all(|line| line.len() <= WIDTH), "{taken} samples:\n{text}");
            assert!(!text.contains("NaN") && !text.contains("inf"), "{taken} samples:\n{text}");
            // In between it depends on which arms the last round had come to.
            let (seven, eight) = (7 * whole.plan.arms.len(), 8 * whole.plan.arms.len());
            if taken <= seven || taken >= eight {
                assert_eq!(text.contains("99 % interval "), taken >= eight, "{taken} samples");
            }
        }
    }

    #[test]
    fn what_a_worker_said_cannot_move_the_cursor() {
        let mut record = record();
        record.samples[0].state = SampleState::Failed { error: "\u{1b}[2Jgone\r\nnext".to_owned() };
        record.outcome = Outcome::of(&record.samples, false);
        let text = text_of(&record);
        assert!(text.contains("failed: [2Jgone next"), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains('\r'));
    }

    #[test]
    fn a_wrong_answer_comes_before_every_claim() {
        let mut record = record();
        record.samples[5].launches[0].verified = false;
        record.samples[5].state =
            SampleState::Mismatch { detail: "turn t-1 is missing".to_owned() };
        record.outcome = Outcome::of(&record.samples, false);
        let text = text_of(&record);
        assert!(text.starts_with("WRONG ANSWER: "), "{text}");
        assert!(brief_of(&record).starts_with("WRONG ANSWER: "));
        assert!(text.contains("(sample 5): WRONG ANSWER: turn t-1 is missing"));
        assert!(
            text.contains("Mismatch: 81 of 81 samples taken, 1 excluded, 1 failed, 1 wrong"),
            "{text}"
        );
        assert!(text.contains("448 of 450 launches"), "{text}");
    }

    #[test]
    fn a_run_cut_before_its_first_sample_claims_nothing() {
        let mut record = record();
        record.samples.clear();
        record.outcome = Outcome::of(&record.samples, true);
        let text = text_of(&record);
        assert!(text.contains("No launch was made, so nothing is verified."), "{text}");
        assert!(text.contains("Interrupted: 0 of 81 samples taken"), "{text}");
        assert!(text.contains("warm (cache hot) has no valid sample"), "{text}");
        assert!(!text.contains(" takes "), "{text}");
    }

    #[test]
    fn many_samples_left_out_do_not_drown_the_rest() {
        let mut record = record();
        for sample in &mut record.samples {
            sample.state = SampleState::Excluded { reason: "busy".to_owned() };
        }
        record.outcome = Outcome::of(&record.samples, false);
        let text = text_of(&record);
        assert_eq!(text.matches("excluded: busy").count(), NAMED);
        assert!(text.contains("  - and 61 more, see the record\n"), "{text}");
    }
}
