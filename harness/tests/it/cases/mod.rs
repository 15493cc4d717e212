//! Small inputs that the real CLI writes, cut down by hand, with their right values: through the
//! command line, as its users meet them. `shapes` holds the homes. What `threads` makes of them is
//! tested in `threads/home.rs`, and traces in `real.rs`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::common::program::Program;
use serde_json::json;

fn shape(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cases/shapes").join(name)
}

/// Total tokens of a home, read anew and from a memo.
#[track_caller]
fn assert_usage(home: &Path, tokens: u64) {
    let program = Program::new();
    let memo = program.path("memo");
    for memo in [
        &["--no-memo"][..],
        &["--memo", memo.to_str().unwrap()],
        &["--memo", memo.to_str().unwrap()],
    ] {
        let mut words = vec!["usage", "--format", "json", home.to_str().unwrap()];
        words.extend(memo);
        assert_eq!(program.json(&words)["total"]["total"], tokens, "{words:?}");
    }
}

const THREAD: &str = "01a00000-0000-7000-8000-000000000000";

#[test]
fn m1_a_fork_that_copies_its_parents_history() {
    assert_usage(&shape("m1"), 150);
}

#[test]
fn m2_a_fork_that_copies_nothing_and_continues_the_counter() {
    assert_usage(&shape("m2"), 150);
}

#[test]
fn m3_a_second_segment_of_a_thread() {
    assert_usage(&shape("m3"), 150);
}

#[test]
fn m4_a_compressed_rollout() {
    assert_usage(&shape("m4"), 100);
}

#[test]
fn m5_an_archived_thread() {
    assert_usage(&shape("m5"), 100);
}

/// The usage of one file with these counts: input tokens in all, and of the last response.
#[track_caller]
fn assert_counts(counts: &[(u64, u64)], tokens: u64) {
    let usage =
        |tokens: u64| json!({ "input_tokens": tokens, "output_tokens": 0, "total_tokens": tokens });
    let infos = counts
        .iter()
        .map(|&(total, last)| {
            json!({ "total_token_usage": usage(total), "last_token_usage": usage(last) })
        });
    assert_infos(infos, tokens);
}

#[track_caller]
fn assert_infos(infos: impl Iterator<Item = serde_json::Value>, tokens: u64) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("sessions/2026/11/29");
    std::fs::create_dir_all(&folder).unwrap();
    let mut text = String::new();
    let mut line = |kind: &str, payload: &serde_json::Value| {
        let line =
            json!({ "timestamp": "2026-11-29T10:00:00.000Z", "type": kind, "payload": payload });
        writeln!(text, "{line}").unwrap();
    };
    line("session_meta", &json!({ "id": THREAD }));
    for info in infos {
        line("event_msg", &json!({ "type": "token_count", "info": info }));
    }
    std::fs::write(folder.join(format!("rollout-2026-11-29T10-00-00-{THREAD}.jsonl")), text)
        .unwrap();
    assert_usage(home.path(), tokens);
}

#[test]
fn two_counters_in_one_file_take_turns() {
    assert_counts(&[(100_000, 1000), (5000, 1000), (101_000, 1000), (6000, 1000)], 4000);
}

#[test]
fn a_thread_goes_on_in_a_new_file() {
    assert_counts(&[(1001, 1)], 1);
}

#[test]
fn a_snapshot_of_zero() {
    assert_counts(&[(500, 500), (0, 0), (510, 10)], 510);
}

#[test]
fn the_same_count_written_twice() {
    assert_counts(&[(1000, 1000), (1000, 1000), (2000, 1000)], 2000);
}

#[test]
fn usage_without_a_total() {
    let usage = json!({ "input_tokens": 100, "output_tokens": 50 });
    assert_infos(
        std::iter::once(json!({ "total_token_usage": usage, "last_token_usage": usage })),
        150,
    );
}
