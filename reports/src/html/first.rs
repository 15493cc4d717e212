//! The first page: what was asked, what the answer is, and how sure it is.

use super::markup::Markup;
use super::relaunch::Tiles;
use super::{Content, append, comparison, parts, relaunch};
use crate::layout::{Table, tied};
use crate::record::{Record, Status};
use crate::{remarks, words};

/// The title of the page.
pub(super) fn title(content: &Content<'_>) -> String {
    match (content.records, content.compared().as_slice()) {
        ([], []) => "tracerig: no runs".to_owned(),
        ([record], []) => format!("tracerig: {}", heading(record)),
        (several, []) => format!("tracerig: report of {} runs", several.len()),
        ([], [one]) => format!("tracerig: {}", comparison::heading(one)),
        ([], several) => format!("tracerig: {} comparisons", several.len()),
        (records, comparisons) => format!(
            "tracerig: {} and {}",
            words::plural(records.len() as u64, "run"),
            words::plural(comparisons.len() as u64, "comparison")
        ),
    }
}

/// What a run is called among the others.
pub(super) fn heading(record: &Record) -> String {
    let of = format!("{} on {}", capital(&record.scenario), run_name(record));
    match &record.plan.append {
        Some(plan) => format!("{of}: {}", crate::append::short(plan)),
        None => of,
    }
}

/// The same, with what distinguishes it from runs of the same name: arms that not all of them have,
/// or else its id.
pub(super) fn heading_among(records: &[Record], record: &Record) -> String {
    heading(record) + &distinction(records, record)
}

fn distinction(records: &[Record], record: &Record) -> String {
    let own = heading(record);
    let alike: Vec<&Record> = records.iter().filter(|other| heading(other) == own).collect();
    if alike.len() < 2 {
        return String::new();
    }
    let has = |record: &Record, name: &str| record.plan.arms.iter().any(|arm| arm.name == name);
    let mut arms: Vec<&str> = record.plan.arms.iter().map(|arm| arm.name.as_str()).collect();
    arms.dedup();
    arms.retain(|name| !alike.iter().all(|other| has(other, name)));
    let is_alone =
        alike.iter().filter(|other| arms.iter().all(|name| has(other, name))).count() == 1;
    if arms.is_empty() || !is_alone {
        format!(" ({})", record.id)
    } else {
        format!(" ({})", arms.join(", "))
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The page itself.
pub(super) fn page(out: &mut Markup, title: &str, content: &Content<'_>, growth: bool) {
    let records = content.records;
    out.element("header", &[], |out| {
        out.leaf("h1", &[], title);
        if let Some(record) = records.first() {
            out.leaf("p", &[("class", &"lead")], &words::to_the_minute(&record.started));
        }
        if !records.is_empty() || content.comparisons.is_empty() {
            out.element("p", &[], |out| {
                let (class, said) = verified(records);
                out.leaf("span", &[("class", &format!("state {class}"))], &said);
            });
        }
    });
    comparison::answers(out, content.comparisons);
    let (appends, launches): (Vec<&Record>, Vec<&Record>) =
        records.iter().partition(|record| record.plan.append.is_some());
    let mut scenarios: Vec<&str> = Vec::new();
    for record in &launches {
        if !scenarios.contains(&record.scenario.as_str()) {
            scenarios.push(&record.scenario);
        }
    }
    for scenario in scenarios {
        let runs: Vec<&Record> =
            launches.iter().copied().filter(|run| run.scenario == scenario).collect();
        let question = relaunch::question(runs[0]);
        asked(out, &question, (records, &runs), relaunch::tiles, &relaunch::TITLES, relaunch::line);
    }
    if !appends.is_empty() {
        asked(
            out,
            append::QUESTION,
            (records, &appends),
            append::tiles,
            &append::TITLES,
            append::line,
        );
    }
    if let [record] = records {
        answer(out, record);
    }
    if let Some(record) = records.first() {
        let same =
            records.iter().all(|other| other.machine.fingerprint == record.machine.fingerprint);
        let machine = if same {
            remarks::setting(record)
        } else {
            "several machines, each described with its run".to_owned()
        };
        out.leaf("p", &[("class", &"lead")], &tied(&format!("Measured on {machine}.")));
    }
    contents(out, content, growth);
}

/// A question and its answer: the figures of one run large, of several in a table.
fn asked(
    out: &mut Markup,
    question: &str,
    (records, runs): (&[Record], &[&Record]),
    tiles: fn(&Record) -> Tiles,
    titles: &[&str],
    line: fn(&Record) -> Vec<String>,
) {
    out.leaf("p", &[("class", &"question")], question);
    // The run with the most figures represents all, of several the one on the most data.
    let Some(largest) = runs.iter().max_by_key(|run| (tiles(run).len(), run.dataset.file_bytes))
    else {
        return;
    };
    if runs.len() > 1 {
        let which = format!("{}:", heading_among(records, largest));
        out.leaf("p", &[("class", &"lead")], &which);
    }
    let tiles = tiles(largest);
    // The time of a wrong answer has no value, so it is not shown large.
    if !tiles.is_empty() && largest.outcome.mismatches == 0 {
        out.element("ul", &[("class", &"tiles")], |out| {
            for (figure, what) in &tiles {
                out.element("li", &[], |out| {
                    out.leaf("b", &[], &tied(figure));
                    out.leaf("span", &[], what);
                });
            }
        });
    }
    if runs.len() > 1 {
        let titles = ["run"].into_iter().chain(titles.iter().copied()).chain(["ended"]);
        let mut table = Table::new(2, titles).words("ended");
        let are_complete = runs.iter().all(|run| run.outcome.status == Status::Complete);
        for run in runs {
            let ended = if are_complete {
                words::NOTHING.to_owned()
            } else {
                format!("{:?}", run.outcome.status).to_lowercase()
            };
            let name = run_name(run) + &distinction(records, run);
            table.row([name].into_iter().chain(line(run)).chain([ended]).collect());
        }
        parts::table(
            out,
            "Medians of every run, p50 for appends; 99 % intervals",
            &table.without_empty_columns(),
        );
    }
}

/// The name of a run in a table, with its data and condition.
fn run_name(record: &Record) -> String {
    let scale = if record.dataset.scale == 1.0 {
        String::new()
    } else {
        format!(" x{}", record.dataset.scale)
    };
    format!("{}{scale}", record.dataset.recipe)
}

/// The answer of a run in sentences, and how it ended.
pub(super) fn answer(out: &mut Markup, record: &Record) {
    let appends = record.plan.append.is_some();
    parts::list(out, if appends { append::answer(record) } else { relaunch::answer(record) });
    let class = match record.outcome.status {
        Status::Complete => "good",
        Status::Interrupted | Status::Incomplete | Status::Inconclusive => "doubt",
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
        return ("bad", format!("{samples} gave a WRONG ANSWER: do not use any figure."));
    }
    if launches == 0 {
        return ("doubt", "No launch was made, so nothing is verified.".to_owned());
    }
    let (of, right_of) = (words::launches(launches), crate::units::count(right));
    if launches == right {
        ("good", format!("All answers of {of} are right: each was compared with the oracle's."))
    } else {
        (
            "doubt",
            format!(
                "No answer is wrong: {right_of} of {of} gave one, and each was compared with the \
                 oracle's."
            ),
        )
    }
}

fn contents(out: &mut Markup, content: &Content<'_>, growth: bool) {
    out.element("nav", &[("aria-label", &"Contents")], |out| {
        out.leaf("h2", &[], "Contents");
        out.element("ul", &[], |out| {
            let mut entry = |id: &str, text: &str| {
                out.element("li", &[], |out| out.leaf("a", &[("href", &format!("#{id}"))], text));
            };
            for (run, at) in content.compared().into_iter().zip(1..) {
                entry(&format!("comparison-{at}"), &comparison::heading(run));
            }
            for (record, at) in content.records.iter().zip(1..) {
                entry(&format!("run-{at}"), &heading_among(content.records, record));
            }
            if growth {
                entry("growth", "Cost as the database grows");
            }
            if content.ablations.is_some() {
                entry("ablations", "What each rule is for");
            }
        });
    });
}
