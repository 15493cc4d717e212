//! Text of a record that would do something where it is shown (steer a terminal, end a line or a
//! cell, be markup) does nothing, in every medium.

use pulldown_cmark::{Event, Options, Parser, Tag};
use serde_json::Value;

use crate::comparison::tests::paired;
use crate::html::tests::elements;
use crate::html::{self, Content};
use crate::{Ladder, Record, comparison, fixture, ladder, render};

/// What a name may bring along.
const NASTY: &str = "\u{1b}]0;t\u{7}\r\n\u{85}\u{2028}# h\n\
                     - i\u{202e}\u{61c}\u{9b}2J|`*_~<script>a</script><blink \
                     x=\"'>&lt;[l](http://e)![p](e)";

/// Whether nothing but the end of a line moves anything: a separate list, not that of the
/// renderers.
fn assert_unmoved(shown: &str) {
    let at = shown.find(|character| {
        let marks = "\u{61c}\u{180e}\u{200b}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\
        \u{202c}\u{202d}\u{202e}\
                     \u{2066}\u{2067}\u{2068}\u{2069}\u{feff}";
        (character < ' ' && character != '\n')
            || ('\u{7f}'..='\u{9f}').contains(&character)
            || marks.contains(character)
    });
    assert_eq!(at.map(|at| &shown[..at + 4]), None, "something steers behind this");
}

/// Reads Markdown as GitHub does, and fails where something came in as text and became markup.
fn assert_only_own_markup(markdown: &str) {
    assert_unmoved(markdown);
    let own = |html: &str| {
        ["<details><summary>The recipe</summary>", "</details>"].contains(&html.trim())
    };
    let events: Vec<Event<'_>> =
        Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH).collect();
    for event in &events {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => {
                assert!(own(html), "{html} in\n{markdown}");
            }
            Event::Start(Tag::Image { dest_url, .. }) => assert_eq!(&**dest_url, "own.svg"),
            Event::Start(
                Tag::Link { .. } | Tag::Emphasis | Tag::Strikethrough | Tag::BlockQuote(_),
            )
            | Event::Code(_) => panic!("{event:?} in\n{markdown}"),
            _ => {}
        }
    }
    for pair in events.windows(2) {
        if let [Event::Start(Tag::Heading { .. } | Tag::Item), Event::Text(text)] = pair {
            assert!(!["h", "i"].contains(&text.trim()), "{markdown}");
        }
    }
    let mut head = None;
    for line in markdown.lines() {
        let cells = line
            .starts_with('|')
            .then(|| line.replace("\\\\", "").replace("\\|", "").matches('|').count());
        assert_eq!(cells.map(|cells| *head.get_or_insert(cells)), cells, "cells of {line}");
        if cells.is_none() {
            head = None;
        }
    }
}

fn assert_only_own_elements(page: &str) {
    assert_unmoved(page);
    let found = elements(page);
    assert!(
        !found.iter().any(|name| ["script", "blink", "img"].contains(&name.as_str())),
        "{found:?}"
    );
    assert!(!page.contains("<script") && !page.contains("<blink"));
}

/// The record with every text that `keeps` does not keep made nasty, keys included, as far as it is
/// then still a record.
fn nasty(record: &Record, keeps: impl Fn(&str) -> bool) -> Record {
    let mut document = serde_json::to_value(record).unwrap();
    let mut texts = std::collections::BTreeSet::new();
    collect(&document, &mut texts);
    let mut changed = 0;
    for text in texts.iter().filter(|text| !keeps(text)) {
        let mut tried = document.clone();
        replace(&mut tried, text, &format!("{NASTY}{text}"));
        if serde_json::from_value::<Record>(tried.clone()).is_ok() {
            changed += 1;
            document = tried;
        }
    }
    assert!(changed > 10, "only {changed} texts could be changed");
    serde_json::from_value(document).unwrap()
}

fn collect(value: &Value, texts: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::String(text) => drop(texts.insert(text.clone())),
        Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
        Value::Object(members) => {
            for (key, value) in members {
                texts.insert(key.clone());
                collect(value, texts);
            }
        }
        _ => {}
    }
}

fn replace(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) if text == from => to.clone_into(text),
        Value::Array(values) => values.iter_mut().for_each(|value| replace(value, from, to)),
        Value::Object(members) => {
            if let Some(value) = members.remove(from) {
                members.insert(to.to_owned(), value);
            }
            members.values_mut().for_each(|value| replace(value, from, to));
        }
        _ => {}
    }
}

/// Small records, since each text of them is tried.
fn records() -> Vec<Record> {
    let mut relaunch = fixture::record();
    relaunch.samples.retain(|sample| sample.round < 5 || !sample.is_valid());
    vec![relaunch, fixture::append::open()]
}

#[test]
fn no_text_of_a_record_does_anything_where_it_is_shown() {
    for record in records() {
        // With their names, arms, phases and counters have specific words and units; without,
        // everything else is shown.
        let names: Vec<String> = record
            .plan
            .arms
            .iter()
            .flat_map(|arm| [arm.name.clone(), arm.engine.clone()])
            .collect();
        let known = |text: &str| {
            names.iter().any(|name| name == text) || text == record.scenario || text.contains('_')
        };
        for record in [nasty(&record, |_| false), nasty(&record, known)] {
            let terminal = render::terminal(&record) + &render::details(&record);
            assert_unmoved(&terminal);
            assert_only_own_markup(&render::markdown(&record));
            let mut larger = record.clone();
            larger.dataset.scale *= 2.0;
            let both = [record, larger];
            assert_only_own_elements(&html::page(&Content {
                records: &both,
                ..Content::default()
            }));
            let ladder = Ladder::of(&both);
            assert_unmoved(&ladder::table(&ladder));
            assert_only_own_markup(&ladder::markdown(&ladder, "own.svg"));
            assert_only_own_elements(&format!(
                "<!DOCTYPE html>\n{}",
                ladder::svg(&ladder).replace("<!-- written by tracerig -->", "")
            ));
        }
    }
}

#[test]
fn no_text_of_a_comparison_does_anything_where_it_is_shown() {
    let comparison = paired(&nasty(&fixture::flawless(), |_| false), 8);
    assert_unmoved(&comparison::details(&comparison));
    let run = comparison::Run { name: NASTY.to_owned(), comparison: comparison.clone() };
    assert_unmoved(&comparison::terminal(&[run]));
    assert_only_own_markup(&comparison::markdown(&comparison));
}
