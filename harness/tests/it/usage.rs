//! `tracerig usage` from outside: what it groups by, what it refuses, what it tells, and several
//! homes.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::program::Program;
use serde_json::{Value, json};

const THREAD: &str = "01a00000-0000-7000-8000-000000000000";
const OTHER: &str = "01a00001-0000-7000-8000-000000000000";

fn line(at: &str, kind: &str, payload: &Value) -> String {
    format!("{}\n", json!({ "timestamp": at, "type": kind, "payload": payload }))
}

fn count(at: &str, total: u64, last: u64) -> String {
    let usage = |tokens: u64| json!({ "input_tokens": tokens, "output_tokens": 0 });
    let info = json!({ "total_token_usage": usage(total), "last_token_usage": usage(last) });
    line(at, "event_msg", &json!({ "type": "token_count", "info": info }))
}

fn meta(id: &str, cwd: &str) -> String {
    line("2026-11-29T10:00:00.000Z", "session_meta", &json!({ "id": id, "cwd": cwd }))
}

fn write(home: &Path, name: &str, text: &str) {
    let folder = home.join("sessions/2026/11/29");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("rollout-2026-11-29T10-00-00-{name}.jsonl")), text).unwrap();
}

/// A home with two sessions of two projects, the second one with a segment.
fn home(program: &Program, name: &str) -> PathBuf {
    let home = program.path(name);
    let first = meta(THREAD, "/work/a") + &count("2026-11-29T10:00:00.000Z", 100, 100);
    write(&home, THREAD, &(first + &count("2026-11-30T10:20:00.000Z", 110, 10)));
    write(&home, OTHER, &(meta(OTHER, "/work/b") + &count("2026-12-01T10:00:00.000Z", 5, 5)));
    let segment = meta(OTHER, "/work/b") + &count("2026-12-01T10:00:00.000Z", 7, 2);
    write(&home, &format!("{OTHER}_{THREAD}"), &segment);
    home
}

/// The rows by their keys, and the total.
fn rows(program: &Program, by: &str, more: &[&str], homes: &[&Path]) -> (Vec<(String, u64)>, u64) {
    let mut words = vec!["usage", "--format", "json", "--time-zone", "UTC", "--by", by];
    words.extend(more);
    words.extend(homes.iter().map(|home| home.to_str().unwrap()));
    let document = program.json(&words);
    let row = |row: &Value| (row[by].as_str().unwrap().to_owned(), row["total"].as_u64().unwrap());
    let rows = document["rows"].as_array().unwrap().iter().map(row).collect();
    (rows, document["total"]["total"].as_u64().unwrap())
}

fn is((rows, total): (Vec<(String, u64)>, u64), expected: &[(&str, u64)]) {
    let expected: Vec<_> =
        expected.iter().map(|(key, tokens)| ((*key).to_owned(), *tokens)).collect();
    assert_eq!(total, expected.iter().map(|(_, tokens)| tokens).sum::<u64>());
    assert_eq!(rows, expected);
}

#[test]
fn usage_is_grouped_by_project_session_week_and_month() {
    let program = Program::new();
    let home = home(&program, "home");
    for memo in [&["--no-memo"][..], &[], &[]] {
        let by = |by| rows(&program, by, memo, &[&home]);
        is(by("project"), &[("/work/a", 110), ("/work/b", 7)]);
        is(by("week"), &[("2026-W48", 100), ("2026-W49", 17)]);
        is(by("month"), &[("2026-11", 110), ("2026-12", 7)]);
        let file = |id: &str| format!("sessions/2026/11/29/rollout-2026-11-29T10-00-00-{id}.jsonl");
        is(by("session"), &[(&file(THREAD), 110), (&file(OTHER), 7)]);
    }
}

#[test]
fn moments_are_exact_or_refused() {
    let program = Program::new();
    let home = home(&program, "home");
    let since = |moment: &str| rows(&program, "month", &["--since", moment], &[&home]).1;
    assert_eq!(since("2026-11-30T10:15:00Z"), 17);
    assert_eq!(since("2026-11-30T10:30:00Z"), 7);
    for (option, moment) in [
        ("--since", "2026-11-30T10:17:00Z"),
        ("--until", "12:07"),
        ("--until", "1795947301"),
        ("--since", "x"),
    ] {
        let ran = program.run(&["usage", option, moment, home.to_str().unwrap()]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{moment}: {ran:?}");
        assert!(ran.err.contains(&format!("{option} {moment}: ")), "{ran:?}");
    }
}

#[test]
fn what_stands_in_several_homes_counts_once() {
    let program = Program::new();
    let (one, two) = (home(&program, "one"), home(&program, "two"));
    let longer = fs::read_to_string(one.join(path(THREAD))).unwrap()
        + &count("2026-12-01T10:00:00.000Z", 111, 1);
    write(&two, THREAD, &longer);
    let third = "01a00002-0000-7000-8000-000000000000";
    write(&two, third, &(meta(third, "/work/c") + &count("2026-11-29T10:00:00.000Z", 1000, 1000)));
    for _ in 0..2 {
        let homes: [&Path; 3] = [&one, &two, &one];
        is(
            rows(&program, "project", &[], &homes),
            &[("/work/a", 111), ("/work/b", 7), ("/work/c", 1000)],
        );
        is(rows(&program, "month", &[], &homes), &[("2026-11", 1110), ("2026-12", 8)]);
    }
    let memo = program.path("memo");
    let homes = [one.to_str().unwrap(), two.to_str().unwrap()];
    let ran = program.run(&[&["usage", "--memo", memo.to_str().unwrap()], &homes[..]].concat());
    assert!(ran.code == Some(2) && ran.err.contains("--memo") && !memo.exists(), "{ran:?}");
}

fn path(id: &str) -> String {
    format!("sessions/2026/11/29/rollout-2026-11-29T10-00-00-{id}.jsonl")
}

#[test]
fn whatever_is_skipped_or_inferred_is_told_in_a_line_a_kind() {
    let program = Program::new();
    let home = program.path("home");
    let old = "{\"id\":\"a\",\"timestamp\":\"2025-06-01T10:00:00Z\",\"instructions\":null}\n\
               {\"type\":\"message\"}\n";
    for name in ["a", "b", "c"] {
        write(&home, name, old);
    }
    let odd =
        count("2026-11-29T10:00:00.000Z", 100, 100).replace(":100", ":-1").replacen(":-1", ":5", 1);
    write(&home, THREAD, &(meta(THREAD, "/w") + "rubbish\nrubbish\n" + &odd));
    let fork = [meta(OTHER, "/w"), meta(THREAD, "/w"), count("2026-11-29T10:00:00.050Z", 100, 100)];
    write(&home, OTHER, &fork.concat());
    for _ in 0..2 {
        let ran = program.run(&["usage", "--time-zone", "UTC", home.to_str().unwrap()]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let told: Vec<&str> = ran.err.lines().collect();
        assert_eq!(told.len(), 4, "{told:?}");
        for (count, what, example) in [
            ("3 rollouts", "no types", path("a")),
            ("2 lines", "skipped", format!("{}:2", path(THREAD))),
            ("1 line", "negative", format!("{}:4", path(THREAD))),
            ("1 result", "inferred", path(OTHER)),
        ] {
            let is_it = |line: &&&str| {
                line.starts_with(&format!("tracerig: {count} "))
                    && line.contains(what)
                    && line.ends_with(&format!("for example {example}"))
            };
            assert_eq!(told.iter().filter(is_it).count(), 1, "{count} {what}: {told:?}");
        }
    }
    let document = program.json(&["usage", "--format", "json", home.to_str().unwrap()]);
    let kinds: Vec<(&str, u64)> = document["skipped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| (note["kind"].as_str().unwrap(), note["count"].as_u64().unwrap()))
        .collect();
    let expected =
        [("lines_without_type", 2), ("odd_counts", 1), ("untyped_files", 3), ("inferred_files", 1)];
    assert_eq!(kinds, expected);
    assert_eq!(document["problems"].as_array().unwrap().len(), 7);
}
