//! A history as one page: the steps first, then each series over the commits.

use super::markup::Markup;
use super::plot::{self, Caption, Chart, Mark, Place};
use super::{document, parts};
use crate::history::words::{self, short};
use crate::history::{Judged, Kind, Series, Step};
use crate::layout::{Table, tied};
use crate::units;

/// Pictures on a page; the other series are in tables.
const MOST_PICTURES: usize = 200;

/// The page. Like that of runs, it is complete in itself.
#[must_use]
pub fn history(judged: &Judged) -> String {
    let commits = crate::words::plural(judged.commits.len() as u64, "commit");
    let title = format!("tracerig: history of {commits}");
    document(&title, |out| {
        out.leaf("h1", &[("id", &"top")], &title);
        if let (Some(oldest), Some(newest)) = (judged.commits.first(), judged.commits.last()) {
            let time =
                |commit: &crate::history::Commit| crate::words::to_the_minute(&commit.committed);
            let (from, to) = (short(&oldest.revision), short(&newest.revision));
            let said = format!("From {from} ({}) to {to} ({}).", time(oldest), time(newest));
            out.leaf("p", &[("class", &"lead")], &said);
        }
        out.leaf("p", &[("class", &"question")], "At which commit did work or time change?");
        let class = if judged.open().next().is_none() { "state good" } else { "state doubt" };
        out.leaf("p", &[("class", &class)], &tied(&words::answer(judged)));
        parts::list(out, words::notes(judged));
        parts::table(out, "Steps, newest first", &words::steps(judged));
        out.leaf("h3", &[], "How steps are found");
        parts::list(out, words::method(judged));
        let groups = groups(&judged.series);
        if groups.len() > 1 {
            contents(out, judged, &groups);
        }
        let mut left = MOST_PICTURES;
        for (nth, (name, series)) in groups.iter().enumerate() {
            let id = format!("arm-{}", nth + 1);
            out.element("section", &[("id", &id)], |out| {
                out.leaf("h2", &[], name);
                arm(out, judged, &id, series, &mut left);
                super::up(out, groups.len() > 1);
            });
        }
        out.leaf(
            "footer",
            &[],
            "Everything on this page is computed from the entries of the history.",
        );
    })
}

/// The series of each arm, by its name.
fn groups(series: &[Series]) -> Vec<(&str, Vec<&Series>)> {
    let mut groups: Vec<(&str, Vec<&Series>)> = Vec::new();
    for series in series {
        let (arm, _) = series.name.rsplit_once('/').unwrap_or(("", &series.name));
        match groups.iter_mut().find(|(known, _)| *known == arm) {
            Some((_, all)) => all.push(series),
            None => groups.push((arm, vec![series])),
        }
    }
    groups.sort_by_key(|(arm, _)| *arm);
    groups
}

fn contents(out: &mut Markup, judged: &Judged, groups: &[(&str, Vec<&Series>)]) {
    out.element("nav", &[], |out| {
        out.leaf("h2", &[], "Contents");
        out.element("ul", &[], |out| {
            for (nth, (name, series)) in groups.iter().enumerate() {
                let steps: usize =
                    series.iter().map(|series| judged.steps_of(series).count()).sum();
                let told = if steps == 0 {
                    String::new()
                } else {
                    format!(": {}", crate::words::plural(steps as u64, "step"))
                };
                out.element("li", &[], |out| {
                    out.leaf("a", &[("href", &format!("#arm-{}", nth + 1))], name);
                    out.text(&told);
                });
            }
        });
    });
}

fn arm(out: &mut Markup, judged: &Judged, id: &str, series: &[&Series], left: &mut usize) {
    let is_drawn =
        |series: &&&Series| series.kind == Kind::Ratio || judged.steps_of(series).next().is_some();
    let mut ratios_first: Vec<&Series> = series.iter().filter(is_drawn).copied().collect();
    ratios_first.sort_by_key(|series| series.kind != Kind::Ratio);
    let (drawn, others) = ratios_first.split_at(ratios_first.len().min(*left));
    *left -= drawn.len();
    for (nth, series) in drawn.iter().enumerate() {
        picture(out, judged, format!("{id}-{}", nth + 1), series);
    }
    if !others.is_empty() {
        let said = format!(
            "{} more changed, but a page has at most {MOST_PICTURES} pictures; the steps are in \
             the table above.",
            crate::words::plural(others.len() as u64, "series")
        );
        out.leaf("p", &[], &said.replace("seriess", "series"));
    }
    let level: Vec<&&Series> = series.iter().filter(|series| !is_drawn(series)).collect();
    let mut table = Table::new(1, ["counter", "value", "commits", "place"]).words("place");
    for series in &level {
        let count = series.points.first().and_then(|point| point.count);
        table.row(vec![
            figure_of(series).to_owned(),
            crate::words::or_nothing(count, units::count),
            units::count(series.points.len() as u64),
            series.place.clone(),
        ]);
    }
    if !level.is_empty() {
        let title =
            format!("{} without a step", crate::words::plural(level.len() as u64, "counter"));
        parts::details(out, &title, |out| parts::table(out, "The same at every commit", &table));
    }
}

fn figure_of(series: &Series) -> &str {
    series.name.rsplit_once('/').map_or(&series.name, |(_, figure)| figure)
}

fn picture(out: &mut Markup, judged: &Judged, id: String, series: &Series) {
    let name = figure_of(series);
    let first = series.points.first().and_then(|point| point.count);
    let title = match first {
        Some(first) => format!("{name}, first {} ({}).", units::count(first), series.place),
        None => format!("Time to that of the floor ({}).", series.place),
    };
    let how = "A dot is a commit, a ring around it one that did not pass; a vertical line is a \
               step, dashed if nobody explained it.";
    let told = |at: usize, value: String| {
        let commit = &judged.commits[at];
        format!("{} {}: {value}", short(&commit.revision), commit.subject)
    };
    let places = series.points.iter().map(|point| Place {
        at: point.at,
        value: point.value,
        interval: point.interval.map(|interval| (interval.low, interval.high)),
        passed: !judged.failed.contains(&point.at),
        told: told(
            point.at,
            point
                .count
                .map_or_else(|| format!("{}x the floor", units::ratio(point.value)), units::count),
        ),
    });
    let marks = judged.steps_of(series).map(|step| Mark {
        at: step.at,
        before: step.before,
        after: step.after,
        explained: step.blessed.is_some(),
        told: told(step.at, explained(step)),
    });
    let chart = Chart {
        places: places.collect(),
        marks: marks.collect(),
        commits: judged
            .commits
            .iter()
            .map(|commit| commit.revision.chars().take(7).collect())
            .collect(),
        counts: series.kind == Kind::Counter,
    };
    plot::series(out, &Caption { id, title: &title, how }, &chart);
}

fn explained(step: &Step) -> String {
    let because = step.blessed.as_ref();
    words::change(step)
        + &crate::words::or_empty(because, |because| format!("; explained: {because}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::tests::{ROWS, commit, stepped};
    use crate::history::{Blessing, Entry, Files, Rules};
    use crate::html::tests::elements;

    fn page(files: &Files) -> String {
        history(&Judged::of(files, Rules::default()))
    }

    #[test]
    fn the_page_has_the_answer_first_and_each_series() {
        let mut files = stepped();
        files.entries[12].gate = Some(crate::verdict::Gate::Regression);
        files.blessings.push(Blessing {
            series: ROWS.to_owned(),
            revision: commit(12).revision,
            because: "a row is checked twice".to_owned(),
            blessed: "2026-11-30T12:00:00Z".to_owned(),
        });
        let page = page(&files);
        let seen = elements(&page);
        let count = |name: &str| seen.iter().filter(|seen| *seen == name).count();
        assert_eq!(
            (count("figure"), count("svg")),
            (2, 2),
            "a ratio, and the counter that changed"
        );
        let answer = page.find("2 steps in 40 commits, 1 explained.").unwrap();
        assert!(answer < page.find("<table").unwrap() && answer < page.find("<svg").unwrap());
        assert!(
            page.contains("a row is checked twice") && page.contains("class=\"step explained\"")
        );
        assert!(page.contains("class=\"step\"") && page.contains("class=\"void c6\""), "{page}");
        assert!(page.contains("1 counter without a step") && page.contains(">facts<"));
        assert!(!page.contains("NaN") && !page.contains("inf,"), "{page}");
        for outside in ["src=", "url(", "@import", "javascript:", "<script"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn any_history_gives_a_page_that_is_well_formed() {
        elements(&page(&Files::default()));
        for count in [1, 2, 7, 40] {
            let mut files = stepped();
            files.entries.truncate(count);
            elements(&page(&files));
        }
    }

    #[test]
    fn what_comes_in_is_text_and_no_markup() {
        let evil = "\u{1b}[2J\u{202e}<script>alert(1)</script>\"'&<b>";
        let mut files = stepped();
        let change = |entry: &mut Entry| {
            entry.commit.subject = evil.to_owned();
            entry.place.platform = evil.to_owned();
            entry.runs[0].name = evil.to_owned();
            entry.runs[0].arms[0].name = evil.to_owned();
            let counters = &mut entry.runs[0].arms[0].counters;
            let rows = counters.remove("rows_examined").unwrap();
            counters.insert(evil.to_owned(), rows);
        };
        files.entries.iter_mut().for_each(change);
        let page = page(&files);
        assert!(!elements(&page).iter().any(|name| name == "script" || name == "b"));
        assert!(
            !page.contains("<script") && !page.contains('\u{1b}') && !page.contains('\u{202e}')
        );
        let judged = Judged::of(&files, Rules::default());
        for text in [crate::history::terminal(&judged), crate::history::details(&judged)] {
            assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
        }
    }
}
