//! Every limit of `docs/limits.md` at its edge: what it allows is taken, one more is not.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::json;
use tracerig_datasets::Recipe;
use tracerig_datasets::limits::{ARCHIVE_RECIPE, Checked, Limit, MOST_SCALE, RECIPE, Range};
use tracerig_harness::handicap::Planted;
use tracerig_harness::limits::{BUDGETS, PLAN};
use tracerig_harness::plan::Plan;

use crate::common::program::{Program, text};

const TINY: &str = include_str!("../../../../datasets/recipes/tiny.toml");

#[test]
fn numbers_of_the_command_line_are_taken_up_to_their_limit() {
    let program = Program::new();
    // Each needs something that is not there, and says so only if the number is taken.
    let no_recipe = ["--recipe", "no-such"];
    let no_database = ["--db", "no-such"];
    let cases: [(&[&str], &str, u64, &[&str]); 18] = [
        (&["run", "relaunch", "--samples"], "--samples", 10_000, &no_recipe),
        (&["run", "append", "--arms", "no-such", "--samples"], "--samples", 10_000, &[]),
        (&["run", "refresh", "--samples"], "--samples", 10_000, &no_recipe),
        (&["run", "--plan", "no-such", "--samples"], "--samples", 10_000, &[]),
        (&["run", "append", "--arms", "no-such", "--threads"], "--threads", 4_096, &[]),
        (&["run", "append", "--arms", "no-such", "--rate"], "--rate", 1_000_000, &[]),
        (&["run", "append", "--arms", "no-such", "--appends"], "--appends", 10_000_000, &[]),
        (
            &["run", "command", "--input", "no-such", "--warmup"],
            "--warmup",
            10_000,
            &["--", "true"],
        ),
        (&["run", "relaunch", "--scale"], "--scale", 1_000, &no_recipe),
        (&["dataset", "build", "no-such", "--scale"], "--scale", 1_000, &[]),
        (&["compare", "--base-bin", "no-such", "--pairs"], "--pairs", 10_000, &no_recipe),
        (&["compare", "--self-check", "--comparisons"], "--comparisons", 100_000, &no_recipe),
        (&["diff", "trace", "--jobs"], "--jobs", 1_024, &["--oracle", "no-such"]),
        (&["diff", "trace", "--cases"], "--cases", 1_000_000_000_000, &["--oracle", "no-such"]),
        (&["diff", "trace", "--ops"], "--ops", 100_000, &["--oracle", "no-such"]),
        (&["diff", "trace", "--time"], "s", 31_622_400, &["--oracle", "no-such"]),
        (&["scan", "--busy-timeout"], "--busy-timeout", 86_400, &no_database),
        (&["threads", "list", "no-such", "--limit"], "--limit", 100_000, &[]),
    ];
    for (arguments, name, most, more) in cases {
        let told = |number: u64| {
            let number = match name {
                "s" => format!("{number}s"),
                _ => number.to_string(),
            };
            let ran = program.run(&[arguments, &[&number], more].concat());
            assert!(matches!(ran.code, Some(1 | 2)), "{arguments:?} {number}: {ran:?}");
            (ran.err.contains("no-such"), ran.err)
        };
        let (is_taken, said) = told(most);
        assert!(is_taken, "{arguments:?} {most}: {said}");
        let (is_taken, said) = told(most + 1);
        assert!(!is_taken, "{arguments:?} {}: {said}", most + 1);
    }
    for what in ["rows", "fsync"] {
        let planted = |number: u64| format!("{what}={number}").parse::<Planted>();
        assert!(planted(1_000).is_ok() && planted(1_001).is_err(), "{what}");
    }
    let kills = |number: &str| {
        program.run(&["run", "append", "--crash", "--arms", "no-such", "--kills", number]).err
    };
    assert!(!kills("10000000").contains("10000000") && kills("10000001").contains("10000001"));
}

/// The text of a file that gives this key this value.
fn file(key: &str, value: &str) -> String {
    key.rsplit_once('.').map_or_else(
        || format!("{key} = {value}\n"),
        |(table, key)| format!("[{table}]\n{key} = {value}\n"),
    )
}

#[test]
fn each_number_of_recipes_and_plans_is_taken_at_both_ends_of_its_range() {
    for limits in [RECIPE, ARCHIVE_RECIPE, PLAN, BUDGETS] {
        for &Limit { key, range } in limits {
            let is_taken = |value: &str| Checked::new(&file(key, value), limits).is_ok();
            let (ends, beyond) = match range {
                Range::Whole(least, most) => (
                    [least.to_string(), most.to_string()],
                    [(i128::from(least) - 1).to_string(), (u128::from(most) + 1).to_string()],
                ),
                Range::UpTo(most) => (
                    ["1e-300".to_owned(), format!("{most:?}")],
                    ["0.0".to_owned(), format!("{:?}", most.next_up())],
                ),
            };
            assert!(ends.iter().all(|value| is_taken(value)), "`{key}`: {ends:?}");
            assert!(!beyond.iter().any(|value| is_taken(value)), "`{key}`: {beyond:?}");
        }
    }
}

#[test]
fn texts_keys_and_arrays_are_taken_up_to_their_limit() {
    let is_taken = |text: String| Checked::new(&text, RECIPE).is_ok();
    for (most, made) in [
        (
            4_096,
            (|number: usize| format!("why = \"{}\"\n", "w".repeat(number))) as fn(usize) -> String,
        ),
        (4_096, |number| format!("{} = 1\n", "k".repeat(number))),
        (1_000, |number| format!("list = [{}]\n", "1,".repeat(number))),
    ] {
        assert!(is_taken(made(most)) && !is_taken(made(most + 1)), "{most}");
    }
    let named = |length: usize| {
        let name = "n".repeat(length);
        Recipe::parse(
            &TINY.replacen("name = \"tiny\"", &format!("name = \"{name}\""), 1),
            "my.toml",
        )
    };
    assert!(named(100).is_ok());
    assert!(named(101).unwrap_err().to_string().contains("100"));
}

#[test]
fn recipes_plans_and_histories_are_read_up_to_their_limit_of_bytes() {
    let program = Program::new();
    let filled = |path: &Path, text: &str, bytes: usize| {
        let mut filled = text.to_owned();
        while filled.len() < bytes {
            // Lines of a megabyte at most.
            let length = (bytes - filled.len()).min(1 << 20);
            filled += &format!("#{}\n", "c".repeat(length.saturating_sub(2)))[..length];
        }
        assert_eq!(filled.len(), bytes);
        fs::write(path, filled).unwrap();
    };
    let path = program.path("large.toml");
    filled(&path, TINY, 1 << 20);
    assert!(Recipe::find(text(&path)).is_ok());
    filled(&path, TINY, (1 << 20) + 1);
    let said = Recipe::find(text(&path)).unwrap_err().to_string();
    assert!(said.contains("large.toml") && said.contains("more than 1048576 bytes"), "{said}");
    let plan = include_str!("../../../plans/quick.toml");
    for (bytes, is_taken) in [(1 << 20, true), ((1 << 20) + 1, false)] {
        filled(&path, plan, bytes);
        assert_eq!(Plan::find(text(&path)).is_ok(), is_taken, "{bytes}");
    }
    let path = program.path("large.txt");
    for (bytes, code) in [(16 << 20, 0), ((16 << 20) + 1, 1)] {
        filled(&path, "relaunch\n", bytes);
        let ran = program.run(&["diff", "trace", "--replay", text(&path), "--oracle", "none"]);
        assert_eq!(ran.code, Some(code), "{bytes}: {ran:?}");
        assert_eq!(ran.err.contains("large.txt"), code == 1, "{ran:?}");
    }
}

#[test]
fn settings_of_histories_are_taken_up_to_their_limit() {
    let program = Program::new();
    let path = program.path("history.txt");
    for (first, code) in
        [("connections 64", 0), ("connections 65", 2), ("tries 10000", 0), ("tries 10001", 2)]
    {
        fs::write(&path, format!("{first}\nrelaunch\n")).unwrap();
        let ran = program.run(&["diff", "trace", "--replay", text(&path), "--oracle", "none"]);
        assert_eq!(ran.code, Some(code), "{first}: {ran:?}");
    }
}

#[test]
fn scales_are_taken_up_to_their_limit() {
    assert!(MOST_SCALE.next_up() > 1000.0 && MOST_SCALE == 1000.0);
    let program = Program::new();
    let beyond = format!("{:?}", MOST_SCALE.next_up());
    let ran = program.run(&["dataset", "build", "no-such", "--scale", &beyond]);
    assert!(ran.code == Some(2) && ran.err.contains("at most 1000"), "{ran:?}");
}

/// The id of the only thread of a home.
const THREAD: &str = "01a00000-0000-7000-8000-000000000000";

/// A home with one rollout of these lines behind its first.
fn home(program: &Program, lines: &str) {
    let folder = program.path("home/sessions/2026/11/29");
    fs::create_dir_all(&folder).unwrap();
    let first = json!({
        "timestamp": "2026-11-29T10:00:00.000Z", "type": "session_meta",
        "payload": { "id": THREAD },
    });
    fs::write(
        folder.join(format!("rollout-2026-11-29T10-00-00-{THREAD}.jsonl")),
        format!("{first}\n{lines}"),
    )
    .unwrap();
}

#[test]
fn names_of_models_are_taken_up_to_their_limit() {
    let program = Program::new();
    let usage = json!({ "input_tokens": 5, "output_tokens": 0 });
    for (length, is_told) in [(4_096, false), (4_097, true)] {
        let at = "2026-11-29T10:00:00.000Z";
        let name = "m".repeat(length);
        let lines = [
            json!({ "timestamp": at, "type": "turn_context", "payload": { "model": name } }),
            json!({
                "timestamp": at, "type": "event_msg",
                "payload": { "type": "token_count", "info": { "last_token_usage": usage } },
            }),
        ];
        home(&program, &lines.map(|line| line.to_string() + "\n").concat());
        let ran = program.run(&[
            "usage",
            text(&program.path("home")),
            "--no-memo",
            "--by",
            "model",
            "--format",
            "json",
        ]);
        assert_eq!(ran.err.contains("4 KiB"), is_told, "{length}: {}", ran.err);
        assert!(
            ran.out.contains(&"m".repeat(4_096)) && !ran.out.contains(&"m".repeat(4_097)),
            "{length}"
        );
    }
}

#[test]
fn broken_lines_are_described_up_to_their_limits() {
    let program = Program::new();
    let home_path = program.path("home");
    let counted = |lines: usize, verb: &[&str]| {
        home(&program, &"no json\n".repeat(lines));
        let ran = program.run(&[verb, &[text(&home_path)]].concat());
        assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
        ran.err
    };
    // Lines behind the limit are a kind of their own.
    let usage = |lines| counted(lines, &["usage", "--no-memo"]);
    assert!(!usage(32).contains("more line"), "{}", usage(32));
    assert!(usage(33).contains("1 more line"), "{}", usage(33));
    let threads = |lines| counted(lines, &["threads", "rebuild"]);
    assert!(!threads(100).contains("more lines are skipped"), "{}", threads(100));
    assert!(threads(101).contains("1 more lines are skipped"), "{}", threads(101));
}

#[test]
fn kinds_of_records_are_counted_apart_up_to_their_limit() {
    let program = Program::new();
    for (kinds, has_others) in [(999, false), (1_000, true)] {
        // The first line is one, too.
        let mut lines = String::new();
        for kind in 0..kinds {
            writeln!(
                lines,
                r#"{{"timestamp":"2026-11-29T10:00:00.000Z","type":"kind-{kind}","payload":{{}}}}"#
            )
            .unwrap();
        }
        home(&program, &lines);
        let shown = program.json(&[
            "threads",
            "show",
            text(&program.path("home")),
            THREAD,
            "--format",
            "json",
        ]);
        assert_eq!(shown.to_string().contains("other kinds"), has_others, "{kinds}");
    }
}

#[test]
fn lines_are_held_up_to_their_limit() {
    let program = Program::new();
    for (bytes, is_left_out) in [(80 << 20, false), ((80 << 20) + 1, true)] {
        // A line that says nothing of the thread's row is read past, whatever its length.
        let line = |fill: &str| {
            let begin = r#""timestamp":"2026-11-29T10:00:00.000Z","type":"turn_context""#;
            format!(r#"{{{begin},"payload":{{"turn_id":"t","model":"{fill}"}}}}"#)
        };
        let fill = "f".repeat(bytes - line("").len());
        home(&program, &(line(&fill) + "\n"));
        let ran = program.run(&["threads", "list", text(&program.path("home"))]);
        assert_eq!(ran.err.contains("left out"), is_left_out, "{bytes}: {}", ran.err);
    }
}
