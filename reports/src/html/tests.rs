//! The page is well-formed, complete in itself, and shows nothing as markup that came in as text.

use serde_json::json;

use super::*;
use crate::fixture;
use crate::record::{Outcome, SampleState};

/// A reader of XML that knows just enough: every element is closed by its own name, every attribute
/// quoted, every reference known, no id given twice. Gives the names of the elements in order.
pub(crate) fn elements(page: &str) -> Vec<String> {
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").expect("a document type");
    let (mut open, mut seen, mut ids): (Vec<String>, Vec<String>, Vec<String>) = Default::default();
    while let Some(at) = rest.find('<') {
        references(&rest[..at]);
        // The style sheet is text of this program.
        if open.last().is_some_and(|name| name == "style") {
            assert!(rest[at..].starts_with("</style>"), "a `<` within the style sheet");
        }
        let end = at + rest[at..].find('>').expect("a tag that ends");
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closed, but not open");
            continue;
        }
        let (tag, closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{name}");
        while !attributes.trim().is_empty() {
            let (attribute, after) =
                attributes.trim_start().split_once("=\"").expect("a quoted value");
            let (value, after) = after.split_once('"').expect("a closing quote");
            assert!(!value.contains('<'), "{value}");
            references(value);
            if attribute == "id" {
                assert!(!ids.contains(&value.to_owned()), "the id {value} twice");
                ids.push(value.to_owned());
            }
            attributes = after;
        }
        seen.push(name.to_owned());
        if !closed {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "{open:?} still open");
    seen
}

fn references(text: &str) {
    for part in text.split('&').skip(1) {
        let known = ["amp;", "lt;", "gt;", "quot;"].iter().any(|name| part.starts_with(name));
        assert!(known, "an unknown reference: &{part}");
    }
}

/// The elements that make the structure of the page, one a line, with their ids.
fn structure(page: &str) -> String {
    let mut kept = String::new();
    for line in page.lines() {
        for (tag, _) in line.match_indices('<').filter_map(|(at, _)| line[at + 1..].split_once('>'))
        {
            let name = tag.split([' ', '/']).next().unwrap_or_default();
            let heading = ["h1", "h2", "h3", "caption"].contains(&name);
            if ["section", "figure", "nav", "details", "footer"].contains(&name) || heading {
                let id = tag
                    .split_once("id=\"")
                    .and_then(|(_, rest)| rest.split_once('"'))
                    .map(|(id, _)| id);
                kept += format!("{name} {}", id.unwrap_or_default()).trim_end();
                if heading {
                    let text = line.split_once(&format!("<{tag}>")).map_or("", |(_, rest)| rest);
                    kept += &format!(": {}", text.split('<').next().unwrap_or_default());
                }
                kept.push('\n');
            }
        }
    }
    kept
}

/// The page of these runs, and of what an ablation search wrote.
fn page(records: &[Record], ablations: Option<&Value>) -> String {
    super::page(&Content { records, ablations, ..Content::default() })
}

fn runs() -> Vec<Record> {
    let first = fixture::record();
    let mut larger = first.clone();
    larger.dataset.scale = 4.0;
    larger.dataset.file_bytes = crate::ByteSize(1_024_000_000);
    vec![first, larger, fixture::append::open(), fixture::append::closed()]
}

#[test]
fn the_structure_is_as_kept() {
    let ablations = json!({"schema": "x", "ablations": [
        {"check": "anchors", "cases": 1_200, "witness": ["append 3", "replace"], "cost_ns": 30_500},
        {"check": "schema", "cases": null, "found": false, "interval": {"low": 1, "high": 2.5},
         "shown": {"operations": 2, "history": "append\nrelaunch\n"}},
    ]});
    let page = page(&runs(), Some(&ablations));
    elements(&page);
    assert!(
        page.contains(">1.00 to 2.50<")
            && page.contains(">shown operations<")
            && page.contains("<p>schema: shown history</p>"),
        "{page}"
    );
    fixture::assert_golden("html-structure.txt", &structure(&page));
    assert!(
        page.contains("<td class=\"figure\">30.5 us</td>") && page.contains(">append 3, replace<"),
        "{page}"
    );
}

#[test]
fn any_record_gives_a_page_that_is_well_formed() {
    let mut records = runs();
    let mut empty = fixture::record();
    empty.samples.clear();
    empty.outcome = Outcome::of(&empty.samples, true);
    let mut void = fixture::record();
    for sample in &mut void.samples {
        sample.state = SampleState::Excluded { reason: "busy".to_owned() };
    }
    void.outcome = Outcome::of(&void.samples, false);
    let mut bare = fixture::append::closed();
    bare.samples.clear();
    bare.outcome = Outcome::of(&bare.samples, true);
    records.extend([empty, void, bare]);
    for record in &records {
        let page = page(std::slice::from_ref(record), None);
        elements(&page);
        assert!(!page.contains("NaN") && !page.contains(">inf"), "{}", record.id);
    }
    let all = page(&records, Some(&json!([1, 2, {"a": {"b": 1}}])));
    elements(&all);
    elements(&page(&[], Some(&json!("nothing"))));
}

#[test]
fn a_wrong_answer_comes_first_and_no_time_is_large() {
    let right = page(&[fixture::flawless()], None);
    assert!(right.contains("class=\"tiles\""), "{right}");
    let mut record = fixture::record();
    record.samples[5].launches[0].verified = false;
    record.samples[5].state = SampleState::Mismatch { detail: "turn t-1 is missing".to_owned() };
    record.outcome = Outcome::of(&record.samples, false);
    let wrong = page(&[record], None);
    assert!(!wrong.contains("class=\"tiles\""), "{wrong}");
    let at = |text: &str| wrong.find(text).unwrap_or_else(|| panic!("{text} in {wrong}"));
    assert!(at("1 sample gave a WRONG ANSWER") < at("turn t-1 is missing"));
    assert!(at("turn t-1 is missing") < at("A relaunch with a memo takes"));
}

#[test]
fn a_run_without_a_valid_sample_has_no_empty_sections() {
    for mut record in [fixture::record(), fixture::append::closed()] {
        for sample in &mut record.samples {
            sample.state = SampleState::Excluded { reason: "busy".to_owned() };
        }
        record.outcome = Outcome::of(&record.samples, false);
        let page = page(&[record], None);
        assert!(page.contains(parts::NO_FIGURES) && !page.contains("<figure"), "{page}");
        assert!(
            !page.contains("<h3>Work</h3>") && page.contains("<h3>Verification</h3>"),
            "{page}"
        );
    }
}

#[test]
fn headings_go_down_by_one_and_tables_name_their_rows() {
    let page = page(&runs(), Some(&json!([{"name": "a", "b": 1}])));
    let seen = elements(&page);
    let levels: Vec<u32> =
        seen.iter().filter_map(|name| name.strip_prefix('h')?.parse::<u32>().ok()).collect();
    assert_eq!(levels[0], 1);
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1 && pair[1] > 1), "{levels:?}");
    let count = |text: &str| page.matches(text).count();
    assert_eq!(
        count("<table>"),
        count("tabindex=\"0\""),
        "every table can be scrolled by keyboard"
    );
    assert_eq!(count("<tbody><tr><th scope=\"row\""), count("<table>"));
    assert_eq!(count("<svg"), count("role=\"img\""));
    // Of a long page every section leads back, and every entry of the contents somewhere.
    assert_eq!(count("href=\"#top\""), runs().len());
    for target in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(target == "top" || page.contains(&format!("id=\"{target}\"")), "{target}");
    }
}

#[test]
fn runs_that_are_called_the_same_are_told_apart() {
    let mut other = fixture::record();
    other.id = "relaunch-another".to_owned();
    let page = page(&[fixture::record(), other, fixture::append::open()], None);
    assert!(page.contains("<h2>Relaunch on quick (relaunch-another)</h2>"), "{}", structure(&page));
    elements(&page);
    // By what they measured, where that differs.
    let mut fewer = fixture::flawless();
    fewer.plan.arms.retain(|arm| arm.name != "unchanged");
    fewer.samples.retain(|sample| sample.arm != "unchanged");
    let page = self::page(&[fixture::flawless(), fewer], None);
    assert!(page.contains("<h2>Relaunch on quick (unchanged)</h2>"), "{}", structure(&page));
    assert!(page.contains("<h2>Relaunch on quick (relaunch-2026"), "{}", structure(&page));
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let page = page(&runs(), None);
    for name in ["script", "img", "link", "iframe", "object", "embed", "base", "image", "use"] {
        assert!(!elements(&page).iter().any(|element| element == name), "{name}");
    }
    for wanted in ["src=", "url(", "@import", "javascript:", "onload", "http://", "https://"] {
        let allowed = page
            .replace("http://www.w3.org/2000/svg", "")
            .replace("http://www.w3.org/1999/xhtml", "");
        assert!(!allowed.contains(wanted), "{wanted}");
    }
    assert!(page.contains("width=device-width") && page.contains("prefers-color-scheme: dark"));
}

#[test]
fn what_comes_in_is_text_and_no_markup() {
    let evil = "<script>alert(1)</script>\"'&<b>\u{1b}[2J\u{202e}";
    let mut record = fixture::record();
    record.id = evil.to_owned();
    record.started = evil.to_owned();
    record.command.push(evil.to_owned());
    record.dataset.recipe = evil.to_owned();
    record.dataset.recipe_text = format!("</pre>{evil}");
    record.machine.cpu = Some(evil.to_owned());
    record.build.rustc = evil.to_owned();
    for arm in &mut record.plan.arms {
        arm.name = format!("{}{evil}", arm.name);
        arm.why = evil.to_owned();
        arm.engine = evil.to_owned();
    }
    for sample in &mut record.samples {
        sample.arm = format!("{}{evil}", sample.arm);
        for launch in &mut sample.launches {
            launch.mode = Some(evil.to_owned());
            launch.counters.insert(evil.to_owned(), crate::record::Counter::exact(Some(1)));
            launch.phases.iter_mut().for_each(|phase| phase.name = evil.to_owned());
        }
    }
    record.samples[0].state = SampleState::Mismatch { detail: evil.to_owned() };
    record.outcome = Outcome::of(&record.samples, false);
    let page = page(&[record], Some(&json!({"rows": [{"<i>": "<script>"}]})));
    let seen = elements(&page);
    assert!(
        !seen.iter().any(|name| ["script", "b", "i"].contains(&name.as_str()) && name != "b"),
        "{seen:?}"
    );
    assert!(!page.contains("<script") && !page.contains("<b>\u{1b}") && !page.contains('\u{1b}'));
    assert!(page.contains("&lt;script&gt;alert(1)"));
    // The verdict is before everything else.
    assert!(page.find("WRONG ANSWER").unwrap() < page.find("<nav").unwrap());
}

#[test]
fn comparisons_come_first_and_have_sections() {
    let (base, mut new) = (fixture::flawless(), fixture::flawless());
    for launch in new.samples.iter_mut().flat_map(|sample| &mut sample.launches) {
        launch.counters.insert("<rows>".to_owned(), crate::record::Counter::exact(Some(1)));
        launch.wall *= 2;
    }
    let rules = crate::verdict::Rules::default();
    let command = vec!["tracerig".to_owned(), "compare".to_owned(), "<a>".to_owned()];
    let comparison =
        crate::comparison::of_records(("<base>", &base), ("new", &new), &rules, command).unwrap();
    let runs = vec![Run { name: "relaunch".to_owned(), comparison }];
    let mut comparisons = [Comparisons { exit_code: 4, interrupted: false, runs }];
    let records = [base];
    let alone = super::page(&Content { comparisons: &comparisons, ..Content::default() });
    let both =
        super::page(&Content { comparisons: &comparisons, records: &records, ablations: None });
    for page in [&alone, &both] {
        elements(page);
        let answer = page.find("relaunch: REGRESSION").unwrap();
        assert!(answer < page.find("<nav").unwrap() && page.contains("&lt;base&gt;"), "{page}");
        assert!(page.contains("href=\"#comparison-1\"") && page.contains("id=\"comparison-1\""));
        assert!(page.contains("SLOWER"));
    }
    assert!(!alone.contains("No launch was made") && both.contains("id=\"run-1\""));
    assert!(!alone.contains("were not compared"));
    for (exit_code, interrupted, said) in
        [(130, true, "Interrupted"), (1, false, "An error ended the comparison")]
    {
        (comparisons[0].exit_code, comparisons[0].interrupted) = (exit_code, interrupted);
        let cut = super::page(&Content { comparisons: &comparisons, ..Content::default() });
        assert!(cut.contains(said) && cut.contains("were not compared"), "{cut}");
    }
}
