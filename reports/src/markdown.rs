//! A run as a Markdown report.

use crate::Record;
use crate::command;
use crate::layout::escaped;
use crate::page::Page;
use crate::summary::Summary;
use crate::units;
use crate::words::{self, Precision};
use crate::{limits, refresh, remarks, tables};

/// The report of a run for GitHub: question, answer, figures, what they are based on, and the
/// command that repeats the run.
#[must_use]
pub fn report(record: &Record, summary: &Summary) -> String {
    let mut out = Page::default();
    out.answer(record, summary);
    out.times(record, summary);
    out.work(summary);
    out.verification(record, summary);
    out.foundations(record);
    out.machine(record);
    out.again(record);
    out.text()
}

impl Page {
    fn answer(&mut self, record: &Record, summary: &Summary) {
        let dataset = &record.dataset;
        let data = format!("{} with {}", dataset.file_bytes, words::plural(dataset.rows, "row"));
        if let Some(command) = command::of(record) {
            self.block("# What does a command cost?\n");
            self.paragraph(command::QUESTION);
            self.code("sh", &words::shell(&command.argv, 100));
        } else if refresh::is_one(record) {
            self.block("# What does a refresh cost?\n");
            self.paragraph(&format!("{} On {}.", refresh::QUESTION, refresh::data(record)));
        } else if record.scenario == "relaunch" {
            self.block("# What does a relaunch cost?\n");
            self.paragraph(&format!(
                "A scanner opens a trace database of {data} in a fresh process. How long until it \
                 has the answer, with a memo of its last scan or without, with a hot or cold page \
                 cache? It is compared with the published query and with the floor, which only \
                 opens the database and reads the highest id. Every answer is verified."
            ));
        } else {
            self.block(&format!("# What does {} cost?\n", escaped(&record.scenario)));
            self.paragraph(&format!("Each arm ran in fresh processes on a database of {data}."));
        }
        self.list(remarks::answer(record, summary));
        self.paragraph(&remarks::end(record));
    }

    fn times(&mut self, record: &Record, summary: &Summary) {
        self.heading("Times");
        let interval = words::confidence();
        self.paragraph(&format!(
            "Wall time of whole processes, measured from outside. A sample is one launch, or the \
             median of as many as take {} together (x in the last column). Every round has one \
             sample of each arm, in random order. Spread is the interquartile range divided by the \
             median. Ratios are medians over the rounds in which both arms have a valid sample, \
             never across cache states. Their intervals come from the bootstrap of that median, \
             widened for few rounds.",
            units::duration(record.plan.launches.at_least),
        ));
        self.block(&tables::times(summary).markdown());
        let title =
            format!("{interval} bootstrap intervals of these ratios, and their common rounds");
        self.table(&title, &tables::ratios(summary));
        self.table("Single launches, not averaged", &tables::launches(summary));
        self.table(
            "Time inside the process, from the first phase of the engine to its last: means of a \
             sample, and the ratio to warm within rounds, with its interval",
            &tables::inside(summary),
        );
        self.table(
            "Where the time goes: median over launches, and share of the whole. \"process\" is \
             what the engine does not see: start and end of its process, or the way to a \
             long-lived one",
            &tables::phases(summary, true),
        );
    }

    fn work(&mut self, summary: &Summary) {
        self.heading("Work");
        self.paragraph(
            "Exact counters of a launch in full. They repeat on the same data, whatever the \
             machine does. If launches differ, two figures show the lowest and the highest.",
        );
        self.block(&tables::exact_work(summary).markdown());
        self.table(
            "Advisory counters, which depend on the moment and decide nothing",
            &tables::advisory_work(summary),
        );
        self.table(
            "Resources: processor time (medians), the rest as ranges over launches",
            &tables::resources(summary, Precision::Short),
        );
        let unavailable = tables::unavailable(summary);
        if !unavailable.is_empty() {
            self.paragraph(&format!("Not available on this platform: {}.", unavailable.join(", ")));
        }
    }

    fn verification(&mut self, record: &Record, summary: &Summary) {
        self.heading("Verification");
        let mut said = match command::of(record) {
            Some(command) => vec![command::output(summary, command)],
            None => vec![remarks::answers(summary)],
        };
        said.extend(remarks::turns(record, summary));
        said.extend(limits::cache_states(record));
        self.list(said);
        self.left_out(&summary.left_out);
        let limits = limits::limits(record, summary);
        if !limits.is_empty() {
            self.block("**Limits of these figures**\n");
            self.list(limits);
        }
    }

    fn foundations(&mut self, record: &Record) {
        self.heading("Arms");
        self.block(&tables::arms(record).markdown());

        if let Some(command) = command::of(record) {
            self.heading("Conditions");
            self.facts(command::conditions(record, command));
            return;
        }
        self.heading("Dataset");
        let data = &record.dataset;
        let truth: Vec<String> = data
            .truth
            .iter()
            .map(|(what, n)| format!("{} {}", units::count(*n), what.replace('_', " ")))
            .collect();
        self.facts([
            (
                "recipe",
                format!(
                    "{}, seed {}, scale {}, generator {}",
                    data.recipe, data.seed, data.scale, data.generator_version
                ),
            ),
            (
                "file",
                format!(
                    "{} bytes in pages of {}",
                    units::count(data.file_bytes.bytes()),
                    data.page_size.bytes()
                ),
            ),
            ("rows", format!("{}, highest id {}", units::count(data.rows), data.max_id)),
            (
                "pages of the rows",
                format!("{} ({})", units::count(data.logs_pages), data.logs_bytes()),
            ),
            ("known contents", if truth.is_empty() { "-".to_owned() } else { truth.join(", ") }),
            ("digest of the rows", data.rows_digest.clone()),
            ("digest of the file", data.file_digest.clone()),
        ]);
        self.block("<details><summary>The recipe</summary>\n");
        self.code("toml", &data.recipe_text);
        self.block("</details>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{assert_golden, record};
    use crate::record::{Outcome, SampleState};

    fn text_of(record: &Record) -> String {
        report(record, &Summary::of(record))
    }

    #[test]
    fn a_run_reads_as_kept() {
        assert_golden("report.md", &text_of(&record()));
    }

    #[test]
    fn every_row_of_a_table_has_the_cells_of_its_head() {
        let mut record = record();
        record.samples[0].state = SampleState::Failed { error: "a | b\n| c".to_owned() };
        record.plan.arms[0].why = "a | in a reason".to_owned();
        record.outcome = Outcome::of(&record.samples, false);
        let text = text_of(&record);
        let mut head = None;
        for line in text.lines() {
            if !line.starts_with('|') {
                head = None;
                continue;
            }
            let cells = line.replace("\\|", "").matches('|').count();
            assert_eq!(*head.get_or_insert(cells), cells, "{line}");
        }
        assert!(text.contains("failed: a \\| b \\| c\n"), "an error stays in its line");
    }

    #[test]
    fn a_recipe_cannot_leave_its_fence() {
        let mut record = record();
        record.dataset.recipe_text = "```\n# not a heading\n".to_owned();
        assert!(text_of(&record).contains("````toml\n```\n# not a heading\n````\n"));
    }

    #[test]
    fn another_scenario_is_told_without_claims_about_relaunches() {
        let mut record = record();
        record.scenario = "append".to_owned();
        for arm in &mut record.plan.arms {
            arm.name.insert_str(0, "append-");
        }
        for sample in &mut record.samples {
            sample.arm.insert_str(0, "append-");
        }
        assert_eq!(record.contradiction(), None);
        let text = text_of(&record);
        assert!(text.starts_with("# What does append cost?\n"));
        assert!(!text.contains("A relaunch with"));
        assert!(text.contains("| append-warm | hot | 2.69 ms |"));
    }
}
