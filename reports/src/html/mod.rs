//! Runs as one page of HTML, complete in itself: no script, no font, no picture from elsewhere,
//! light or dark as the reader's system is, and readable on a telephone.
//!
//! What was asked and answered comes first, on one page; then comparisons, each run with its
//! pictures and figures, how costs grow where runs differ in the size of their data alone, and the
//! table of ablations where one is given.

mod ablations;
mod append;
#[cfg(test)]
mod colours_test;
mod comparison;
mod first;
mod history;
mod markup;
mod parts;
mod plot;
mod relaunch;
mod release;
#[cfg(test)]
pub(crate) mod tests;

pub use history::history;

use serde_json::Value;

use crate::Record;
use crate::comparison::{Comparisons, Run};
use crate::ladder::Ladder;
use crate::release::Release;
use crate::units;
use markup::Markup;
use plot::{Caption, Palette};

/// What a page is made of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Content<'a> {
    /// Runs, in their order.
    pub records: &'a [Record],
    /// Comparisons, in theirs.
    pub comparisons: &'a [Comparisons],
    /// What an ablation search wrote as JSON; any list of objects in it becomes a table.
    pub ablations: Option<&'a Value>,
}

impl<'a> Content<'a> {
    /// The comparisons one by one.
    fn compared(&self) -> Vec<&'a Run> {
        self.comparisons.iter().flat_map(|comparisons| &comparisons.runs).collect()
    }
}

/// The page.
#[must_use]
pub fn page(content: &Content<'_>) -> String {
    let Content { records, ablations, .. } = *content;
    let title = first::title(content);
    let ladders = ladders(records);
    let is_long = records.len() + content.compared().len() > 1;
    document(&title, |out| {
        first::page(out, &title, content, !ladders.is_empty());
        for (at, run) in content.compared().into_iter().enumerate() {
            let id = format!("comparison-{}", at + 1);
            out.element("section", &[("id", &id)], |out| {
                comparison::section(out, run);
                up(out, is_long);
            });
        }
        for (at, record) in records.iter().enumerate() {
            let id = format!("run-{}", at + 1);
            out.element("section", &[("id", &id)], |out| {
                out.leaf("h2", &[], &first::heading_among(records, record));
                if records.len() > 1 {
                    first::answer(out, record);
                }
                if record.plan.append.is_some() {
                    append::section(out, &id, record);
                } else {
                    relaunch::section(out, &id, record);
                }
                up(out, is_long);
            });
        }
        if !ladders.is_empty() {
            out.element("section", &[("id", &"growth")], |out| growth(out, &ladders));
        }
        if let Some(ablations) = ablations {
            out.element("section", &[("id", &"ablations")], |out| {
                ablations::section(out, ablations);
            });
        }
    })
}

/// The page of the report before a release.
#[must_use]
pub fn release(report: &Release<'_>) -> String {
    document(&crate::release::words::title(report), |out| release::page(out, report))
}

/// A page with this title around what `content` writes.
fn document(title: &str, content: impl FnOnce(&mut Markup)) -> String {
    let mut out = Markup::default();
    out.verbatim("<!DOCTYPE html>\n");
    out.element("html", &[("lang", &"en"), ("xmlns", &"http://www.w3.org/1999/xhtml")], |out| {
        out.element("head", &[], |out| {
            out.empty("meta", &[("charset", &"utf-8")]);
            out.empty(
                "meta",
                &[("name", &"viewport"), ("content", &"width=device-width, initial-scale=1")],
            );
            out.empty("meta", &[("name", &"color-scheme"), ("content", &"light dark")]);
            out.leaf("title", &[], title);
            out.element("style", &[], |out| out.verbatim(include_str!("style.css")));
        });
        out.element("body", &[], |out| {
            content(out);
            out.leaf(
                "footer",
                &[],
                "Everything on this page is computed from the records of the runs, which have \
                 every raw sample.",
            );
        });
    });
    out.finish()
}

/// The way back from a section of a long page.
fn up(out: &mut Markup, is_long: bool) {
    if is_long {
        out.element("p", &[], |out| out.leaf("a", &[("href", &"#top")], "To the summary"));
    }
}

/// The runs that differ in the scale of their data alone, smallest first.
fn ladders(records: &[Record]) -> Vec<Vec<Record>> {
    let mut ladders: Vec<Vec<Record>> = Vec::new();
    for record in records.iter().filter(|record| record.plan.append.is_none()) {
        let like = |ladder: &&mut Vec<Record>| {
            ladder[0].scenario == record.scenario
                && ladder[0].dataset.recipe == record.dataset.recipe
                && ladder[0].machine.fingerprint == record.machine.fingerprint
        };
        match ladders.iter_mut().find(like) {
            Some(ladder)
                if ladder.iter().all(|known| known.dataset.scale != record.dataset.scale) =>
            {
                ladder.push(record.clone());
            }
            Some(_) => {}
            None => ladders.push(vec![record.clone()]),
        }
    }
    ladders.retain(|ladder| ladder.len() > 1);
    for ladder in &mut ladders {
        ladder.sort_by(|one, other| one.dataset.scale.total_cmp(&other.dataset.scale));
    }
    ladders
}

fn growth(out: &mut Markup, ladders: &[Vec<Record>]) {
    out.leaf("h2", &[], "Cost as the database grows");
    for (at, records) in ladders.iter().enumerate() {
        let ladder = Ladder::of(records);
        let caption = Caption {
            id: format!("growth-{}", at + 1),
            title: &format!("Median time by size, {}.", records[0].dataset.recipe),
            how: "Both axes are logarithmic. A level line costs the same at any size; a line that \
                  rises with the size costs by the byte.",
        };
        let names = ladder.arms();
        let palette = Palette::of(names.iter().map(|arm| arm.name.as_str()));
        let points = |arm| {
            let medians = ladder.medians_by_size(arm).into_iter();
            medians.map(|(size, time)| (size, time.as_nanos() as f64)).collect()
        };
        let arms: Vec<_> = names.iter().map(|arm| (arm.clone(), points(arm))).collect();
        plot::growth(out, &caption, &palette, &arms);
        let rows: Vec<String> =
            records.iter().map(|record| units::count(record.dataset.rows)).collect();
        parts::table(
            out,
            &format!(
                "Median wall times of launches, at {} rows; growth is the last compared with the \
                 first",
                rows.join(", ")
            ),
            &ladder.medians(),
        );
    }
}
