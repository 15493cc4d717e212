//! What every section is made of: tables, lists, commands, the machine, where the figures come
//! from.

use super::markup::{Attributes, Markup};
use crate::Record;
use crate::layout::{Table, tied};
use crate::remarks;
use crate::summary::LeftOut;

/// What is in the place of figures that no sample gives.
pub(super) const NO_FIGURES: &str = "No sample is valid, so there are no figures.";

/// A table that scrolls where it is too wide, by touch and by keyboard, or nothing where it has no
/// rows. Its first column names the row and stays in sight.
pub(super) fn table(out: &mut Markup, title: &str, table: &Table) {
    if table.is_empty() {
        return;
    }
    let table = &table.with_keys_in_one();
    let area: Attributes<'_> =
        &[("class", &"scroll"), ("role", &"region"), ("aria-label", &title), ("tabindex", &"0")];
    out.element("div", area, |out| {
        out.element("table", &[], |out| {
            out.leaf("caption", &[], title);
            out.element("thead", &[], |out| {
                out.element("tr", &[], |out| {
                    for (at, title) in table.titles().iter().enumerate() {
                        let class = if table.is_words(at) { "words" } else { "figure" };
                        out.leaf("th", &[("scope", &"col"), ("class", &class)], title);
                    }
                });
            });
            out.element("tbody", &[], |out| {
                for row in table.rows() {
                    out.element("tr", &[], |out| {
                        for (at, cell) in row.iter().enumerate() {
                            let long = cell.chars().count();
                            let class = match table.is_words(at) {
                                true if long >= if at == 0 { 24 } else { 40 } => "words prose",
                                true => "words",
                                false => "figure",
                            };
                            if at == 0 {
                                out.leaf("th", &[("scope", &"row"), ("class", &class)], cell);
                            } else {
                                out.leaf("td", &[("class", &class)], cell);
                            }
                        }
                    });
                }
            });
        });
    });
}

/// Sentences, each an item.
pub(super) fn list(out: &mut Markup, items: impl IntoIterator<Item = String>) {
    let items: Vec<String> = items.into_iter().collect();
    if items.is_empty() {
        return;
    }
    out.element("ul", &[], |out| {
        for item in items {
            out.leaf("li", &[], &tied(&item));
        }
    });
}

/// Text to be copied to the letter.
pub(super) fn code(out: &mut Markup, text: &str) {
    out.element("pre", &[], |out| out.leaf("code", &[], text.trim_end()));
}

/// What is there for who wants it, behind a line that opens it.
pub(super) fn details(out: &mut Markup, title: &str, content: impl FnOnce(&mut Markup)) {
    out.element("details", &[], |out| {
        out.leaf("summary", &[], title);
        content(out);
    });
}

/// The samples that are in no figure.
pub(super) fn left_out(out: &mut Markup, samples: &[LeftOut]) {
    if samples.is_empty() {
        out.leaf("p", &[], "Every sample is in the figures.");
        return;
    }
    let title =
        format!("{} not in the figures", crate::words::plural(samples.len() as u64, "sample"));
    details(out, &title, |out| list(out, samples.iter().map(remarks::left_out)));
}

/// Machine, dataset and command.
pub(super) fn foundations(out: &mut Markup, record: &Record) {
    out.leaf("h3", &[], "Machine and build");
    let mut machine = Table::new(2, ["what", "value"]);
    for (what, value) in remarks::machine(record) {
        machine.row(vec![what.to_owned(), value]);
    }
    table(out, "What it ran on", &machine);
    let data = &record.dataset;
    details(out, &format!("The recipe {} and its digests", data.recipe), |out| {
        list(
            out,
            [
                format!(
                    "seed {}, scale {}, generator {}",
                    data.seed, data.scale, data.generator_version
                ),
                format!("rows {}", data.rows_digest),
                format!("file {}", data.file_digest),
            ],
        );
        if !data.recipe_text.trim().is_empty() {
            code(out, &data.recipe_text);
        }
    });
    out.leaf("h3", &[], "Repeat this run");
    out.leaf(
        "p",
        &[],
        &format!(
            "Run {}, from {} to {}, seed {}. This command repeats it:",
            record.id, record.started, record.finished, record.seed
        ),
    );
    code(out, &remarks::again(record, 72));
}
