//! The first page: what was asked, what the answer is, and how sure it is.

use super::markup::Markup;
use super::{append, parts, relaunch};
use crate::record::{Record, Status};
use crate::{remarks, words};

/// The title of the page.
pub(super) fn title(records: &[Record]) -> String {
    match records {
        [] => "tracerig: no runs".to_owned(),
        [record] => format!("tracerig: {}", heading(records, 0).replace(&record.id, "").trim()),
        several => format!("tracerig: report of {} runs", several.len()),
    }
}

/// What a run is called among the others.
pub(super) fn heading(records: &[Record], at: usize) -> String {
    let record = &records[at];
    let scale =
        if record.dataset.scale == 1.0 { String::new() } else { format!(" x{}", record.dataset.scale) };
    let of = format!("{} on {}{scale}", capital(&record.scenario), record.dataset.recipe);
    match &record.plan.append {
        Some(plan) => format!("{of}: {}", crate::append::short(plan)),
        None => of,
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The page itself.
pub(super) fn page(out: &mut Markup, title: &str, records: &[Record], growth: bool, ablations: bool) {
    out.element("header", &[], |out| {
        out.leaf("h1", &[], title);
        if let Some(record) = records.first() {
            let same = records.iter().all(|other| other.machine.fingerprint == record.machine.fingerprint);
            let machine = if same { remarks::setting(record) } else { "on several machines".to_owned() };
            out.leaf("p", &[("class", &"lead")], &format!("{}; {machine}", record.started));
        }
        out.element("p", &[], |out| {
            let (class, said) = verified(records);
            out.leaf("span", &[("class", &format!("state {class}"))], &said);
        });
    });
    for (at, record) in records.iter().enumerate() {
        answer(out, records, at, record);
    }
    contents(out, records, growth, ablations);
}

/// One run on the first page.
fn answer(out: &mut Markup, records: &[Record], at: usize, record: &Record) {
    let appends = record.plan.append.is_some();
    let (question, tiles, said) = if appends { append::answer(record) } else { relaunch::answer(record) };
    out.leaf("h3", &[], &heading(records, at));
    out.leaf("p", &[("class", &"question")], &question);
    if !tiles.is_empty() {
        out.element("ul", &[("class", &"tiles")], |out| {
            for (figure, what) in &tiles {
                out.element("li", &[], |out| {
                    out.leaf("b", &[], figure);
                    out.leaf("span", &[], what);
                });
            }
        });
    }
    parts::list(out, said);
    let class = match record.outcome.status {
        Status::Complete => "good",
        Status::Interrupted | Status::Inconclusive => "doubt",
        Status::Failed | Status::Mismatch => "bad",
    };
    out.leaf("p", &[("class", &class)], &remarks::end(record));
}

/// Whether the answers of all runs are right, in one sentence with its class.
fn verified(records: &[Record]) -> (&'static str, String) {
    let mut wrong = 0;
    let (mut launches, mut right) = (0_u64, 0_u64);
    for record in records {
        wrong += record.outcome.mismatches;
        let all = || record.samples.iter().flat_map(|sample| &sample.launches);
        launches += all().count() as u64;
        right += all().filter(|launch| launch.verified).count() as u64;
    }
    if wrong > 0 {
        let samples = words::plural(wrong, "sample");
        return (
            "bad",
            format!("{samples} gave a WRONG ANSWER: no figure is of use until that is explained."),
        );
    }
    if launches == 0 {
        return ("doubt", "No launch was made, so nothing is proven.".to_owned());
    }
    let (of, right_of) = (words::launches(launches), crate::units::count(right));
    if launches == right {
        (
            "good",
            format!(
                "Every answer is right: all {of} were compared with an independently established answer."
            ),
        )
    } else {
        (
            "doubt",
            format!(
                "No answer is wrong; {right_of} of {of} gave one, and each was compared with an independent one."
            ),
        )
    }
}

fn contents(out: &mut Markup, records: &[Record], growth: bool, ablations: bool) {
    out.element("nav", &[("aria-label", &"Contents")], |out| {
        out.leaf("h3", &[], "The figures behind it");
        out.element("ul", &[], |out| {
            let mut entry = |id: &str, text: &str| {
                out.element("li", &[], |out| out.leaf("a", &[("href", &format!("#{id}"))], text));
            };
            for at in 0..records.len() {
                entry(&format!("run-{}", at + 1), &heading(records, at));
            }
            if growth {
                entry("growth", "Cost as the database grows");
            }
            if ablations {
                entry("ablations", "What each check is for");
            }
        });
    });
}
