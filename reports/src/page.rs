//! A report in Markdown while it is written, and the parts that every report has.

use crate::Record;
use crate::foreign::plain;
use crate::layout::{Table, escaped};
use crate::remarks;
use crate::summary::LeftOut;

/// The text so far. Paragraphs are separated by an empty line, the first line of the file aside.
#[derive(Default)]
pub(crate) struct Page(String);

impl Page {
    /// The whole text.
    pub(crate) fn text(self) -> String {
        self.0
    }

    /// A heading of a section.
    pub(crate) fn heading(&mut self, text: &str) {
        self.block(&format!("## {text}\n"));
    }

    /// Plain text, shown as it is.
    pub(crate) fn paragraph(&mut self, text: &str) {
        self.block(&format!("{}\n", escaped(text)));
    }

    /// Sentences, each an item.
    pub(crate) fn list(&mut self, items: impl IntoIterator<Item = String>) {
        let items: String =
            items.into_iter().map(|item| format!("- {}\n", escaped(&item))).collect();
        self.block(&items);
    }

    /// A table under a title, or nothing where it has no rows.
    pub(crate) fn table(&mut self, title: &str, table: &Table) {
        if !table.is_empty() {
            self.block(&format!("**{}**\n", escaped(title)));
            self.block(&table.markdown());
        }
    }

    /// Text that is to be copied or kept, with what cannot be seen as escapes.
    pub(crate) fn code(&mut self, language: &str, text: &str) {
        let text = plain(text);
        // The fence has to be longer than any within.
        let mut fence = "```".to_owned();
        while text.contains(&fence) {
            fence.push('`');
        }
        self.block(&format!("{fence}{language}\n{}\n{fence}\n", text.trim_end()));
    }

    /// Markdown, as it is.
    pub(crate) fn block(&mut self, text: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0 += text;
    }

    /// The samples that are not in the figures, each with its reason.
    pub(crate) fn left_out(&mut self, samples: &[LeftOut]) {
        if samples.is_empty() {
            self.paragraph("Every sample is in the figures.");
        } else {
            self.block("**Samples not in the figures**\n");
            self.list(samples.iter().map(remarks::left_out));
        }
    }

    /// Machine and build.
    pub(crate) fn machine(&mut self, record: &Record) {
        self.heading("Machine and build");
        self.facts(remarks::machine(record));
    }

    /// Names and values, one a row.
    pub(crate) fn facts<const N: usize>(&mut self, facts: [(&str, String); N]) {
        let mut table = Table::new(2, ["what", "value"]);
        for (what, value) in facts {
            table.row(vec![what.to_owned(), value]);
        }
        self.block(&table.markdown());
    }

    /// Which run this is, and the command that repeats it.
    pub(crate) fn again(&mut self, record: &Record) {
        self.heading("Repeat this run");
        self.paragraph(&format!(
            "Run {}, from {} to {}, seed {}. record.json next to this report has every raw sample. \
             This command repeats the run:",
            record.id, record.started, record.finished, record.seed
        ));
        self.code("sh", &remarks::again(record, 100));
    }
}
