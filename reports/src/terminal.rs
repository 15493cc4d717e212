//! A run as text for a terminal of 80 columns.

use crate::Record;
use crate::layout::{Table, wrapped};
use crate::refresh;
use crate::summary::{LeftOut, Summary};
use crate::units;
use crate::words;
use crate::{limits, remarks, tables};

/// Columns of the text. Fixed, so that the same record gives the same text everywhere.
pub(crate) const WIDTH: usize = 80;
/// Samples left out that are named one by one; more would push the tables off the screen.
const NAMED: usize = 20;

/// What a run found, as text of 80 columns without any control character: it reads the same in a terminal, in a log
/// and in a file. Ends with a line feed.
///
/// The tables come first and the verdict last, because the last line is what stays in sight.
#[must_use]
pub fn table(record: &Record, summary: &Summary) -> String {
    let dataset = &record.dataset;
    let mut out = wrapped(
        &format!(
            "{} on {}: {}, {} an arm, {} appended where an arm appends",
            record.scenario,
            dataset.recipe,
            refresh::data(record),
            words::plural(record.plan.samples, "sample"),
            words::plural(record.plan.appended_rows, "row"),
        ),
        WIDTH,
        "  ",
    );
    out += &wrapped(&remarks::setting(record), WIDTH, "  ");
    section(
        &mut out,
        "Whole-process time of a launch (valid: samples of planned, x launches in each)",
        &tables::times(summary),
    );
    let title = format!("{} intervals of the ratios, from the rounds that have both", words::confidence());
    section(&mut out, &title, &tables::ratios(summary));
    section(
        &mut out,
        if refresh::is_one(record) {
            "Work of a launch: rows, files, looks at files, bytes of sessions, shards"
        } else {
            "Work of a launch: rows examined and checked, bytes of bodies, facts, and more"
        },
        &tables::work_in_short(summary),
    );
    section(&mut out, "Inside the process, without its start and end", &tables::inside(summary));
    section(
        &mut out,
        "Where the time goes (medians over launches)",
        &tables::phases(summary, refresh::is_one(record)),
    );
    left_out(&mut out, &summary.left_out);
    out += "\nConditions and limits\n";
    let states = limits::cache_states(record);
    for said in states.into_iter().chain(limits::limits(record, summary)) {
        out += &wrapped(&format!("  - {said}"), WIDTH, "    ");
    }
    out.push('\n');
    for said in remarks::answer(record, summary) {
        out += &wrapped(&said, WIDTH, "  ");
    }
    end(&mut out, record);
    out
}

/// The samples left out, the first of them by name.
pub(crate) fn left_out(out: &mut String, samples: &[LeftOut]) {
    if samples.is_empty() {
        return;
    }
    *out += "\nLeft out of the figures\n";
    for left in samples.iter().take(NAMED) {
        *out += &wrapped(&format!("  - {}", remarks::left_out(left)), WIDTH, "    ");
    }
    if let Some(more) = samples.len().checked_sub(NAMED).filter(|more| *more > 0) {
        *out += &format!("  - and {} more, all in the record\n", units::count(more as u64));
    }
}

/// How the run ended, and the command that makes it again.
pub(crate) fn end(out: &mut String, record: &Record) {
    *out += &wrapped(&remarks::end(record), WIDTH, "  ");
    let again = remarks::again(record, WIDTH);
    // Beside its title where it fits, else below it.
    let gap = if "Again: ".len() + again.lines().next().map_or(0, str::len) <= WIDTH { ' ' } else { '\n' };
    *out += &format!("Again:{gap}{again}\n");
}

/// A table under a title, or nothing where it has no rows.
pub(crate) fn section(out: &mut String, title: &str, table: &Table) {
    if !table.is_empty() {
        *out += &format!("\n{title}\n\n{}", table.text(WIDTH));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{assert_golden, record};
    use crate::record::{Outcome, SampleState};

    fn text_of(record: &Record) -> String {
        table(record, &Summary::of(record))
    }

    #[test]
    fn a_run_reads_as_kept() {
        assert_golden("terminal.txt", &text_of(&record()));
    }

    #[test]
    fn it_fits_80_columns_of_plain_ascii() {
        let mut record = record();
        record
            .command
            .extend(["--recipe", "quick", "--samples", "9", "--arms", "warm,floor"].map(str::to_owned));
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
        record.samples[5].state = SampleState::Mismatch { detail: "turn t-1 is missing".to_owned() };
        record.outcome = Outcome::of(&record.samples, false);
        let text = text_of(&record);
        let wrong = text.find("1 sample gave a WRONG ANSWER").unwrap();
        assert!(wrong < text.find("a relaunch takes").unwrap());
        assert!(text.contains("WRONG ANSWER: turn t-1 is missing"));
        assert!(text.contains("Mismatch: 1 answer wrong; 81 of 81") && text.contains(" 3.\nAgain"), "{text}");
        assert!(text.contains("448 of 450 launches"), "{text}");
    }

    #[test]
    fn a_run_cut_before_its_first_sample_claims_nothing() {
        let mut record = record();
        record.samples.clear();
        record.outcome = Outcome::of(&record.samples, true);
        let text = text_of(&record);
        assert!(text.contains("No launch was made, so nothing is proven."), "{text}");
        assert!(text.contains("Cut short (interrupted on request); 0 of 81 planned samples taken"), "{text}");
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
        assert!(text.contains("  - and 61 more, all in the record\n"), "{text}");
    }
}
