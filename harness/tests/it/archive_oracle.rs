//! The oracle of session archives against what is known from elsewhere: a server's record of every
//! response, the files of parents, and small cases worked out by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tracerig_oracle::archive::{View, view};
use tracerig_real::Codex;

fn found(home: &Path) -> View {
    view(home, &BTreeSet::new(), 0)
}

/// Total tokens of each thread.
fn by_thread(view: &View) -> BTreeMap<String, u64> {
    let mut threads = BTreeMap::new();
    for session in view.sessions.iter().filter(|session| session.counts) {
        let total: u64 = session.usage.iter().map(|(_, _, _, tokens, _)| tokens[5]).sum();
        *threads.entry(session.id.clone()).or_default() += total;
    }
    threads
}

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

#[test]
fn each_thread_of_real_homes_used_what_the_server_recorded() {
    let mut with_a_record = 0;
    for codex in Codex::ALL {
        let folder = tempfile::tempdir().unwrap();
        codex.write(folder.path()).unwrap();
        let found = by_thread(&found(folder.path()));
        assert_eq!(found.values().sum::<u64>(), codex.tokens(), "{codex:?}");
        let mut server: BTreeMap<String, u64> = BTreeMap::new();
        for line in codex.requests().unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            // The request before the first one of a connection leaves nothing in a rollout.
            if line["kind"] == "usage" && line["what"] != "prewarm" {
                let thread = text(&line["turn_metadata"]["thread_id"]).or(text(&line["sid"]));
                let thread = thread.or(text(&line["prompt_cache_key"])).unwrap();
                *server.entry(thread.to_owned()).or_default() +=
                    line["usage"]["total_tokens"].as_u64().unwrap();
            }
        }
        with_a_record += usize::from(!server.is_empty());
        server.retain(|thread, _| found.contains_key(thread));
        assert!(server.is_empty() || server == found, "{codex:?}: {server:?} {found:?}");
    }
    assert_eq!(with_a_record, 8);
}

/// The kinds that every version writes: a copy has the others, too.
fn kinds(tokens: &Value) -> [u64; 5] {
    let kinds = ["input", "cached_input", "output", "reasoning_output", "total"];
    kinds.map(|kind| tokens[format!("{kind}_tokens")].as_u64().unwrap())
}

/// What the lines of a file say: its thread, the one it was forked from, and its counts: total and
/// last.
struct Counts {
    thread: String,
    parent: Option<String>,
    is_segment: bool,
    counts: Vec<([u64; 5], [u64; 5])>,
}

fn counts(path: &Path) -> Counts {
    let text = fs::read_to_string(path).unwrap();
    let lines =
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>();
    let metas: Vec<&Value> = lines
        .iter()
        .filter(|line| line["type"] == "session_meta")
        .map(|line| &line["payload"])
        .collect();
    let thread = metas[0]["id"].as_str().unwrap().to_owned();
    let parent =
        metas[0]["forked_from_id"].as_str().or(metas.get(1).and_then(|meta| meta["id"].as_str()));
    let infos = lines.iter().map(|line| &line["payload"]["info"]).filter(|info| info.is_object());
    let both = |info: &Value| (kinds(&info["total_token_usage"]), kinds(&info["last_token_usage"]));
    Counts {
        thread,
        parent: parent.map(str::to_owned),
        is_segment: path.file_name().unwrap().to_string_lossy().contains('_'),
        counts: infos.map(both).collect(),
    }
}

fn rollouts(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { rollouts(&path) } else { vec![path] }).collect()
}

/// A fork's file tells by itself what it inherited. The parent's file tells the same: the longest
/// common beginning of both sequences of counts.
#[test]
fn the_files_of_parents_tell_the_same_of_what_forks_inherited() {
    let (mut forks, mut inherited) = (0, 0);
    for codex in Codex::ALL {
        let folder = tempfile::tempdir().unwrap();
        codex.write(folder.path()).unwrap();
        let folders = ["sessions", "archived_sessions"].map(|name| folder.path().join(name));
        let files: Vec<Counts> =
            folders.iter().flat_map(|folder| rollouts(folder)).map(|path| counts(&path)).collect();
        let found = by_thread(&found(folder.path()));
        let mut used: BTreeMap<String, u64> = BTreeMap::new();
        for file in &files {
            let is_parent =
                |other: &&Counts| Some(&other.thread) == file.parent.as_ref() && !other.is_segment;
            let common = files.iter().find(is_parent).map_or(0, |parent| {
                file.counts
                    .iter()
                    .zip(&parent.counts)
                    .take_while(|(one, other)| one == other)
                    .count()
            });
            forks += usize::from(file.parent.is_some());
            inherited += common;
            let mut before = common.checked_sub(1).map(|at| &file.counts[at].0);
            for (total, last) in &file.counts[common..] {
                // Written again, it tells of no response.
                if Some(total) != before {
                    *used.entry(file.thread.clone()).or_default() += last[4];
                }
                before = Some(total);
            }
        }
        assert_eq!(used, found, "{codex:?}");
    }
    assert!(forks >= 15 && inherited >= 100, "{forks} forks with {inherited} counts");
}

/// A home with one rollout of these lines.
fn home_of(lines: &[Value]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let sessions = folder.path().join("sessions/2026/11/29");
    fs::create_dir_all(&sessions).unwrap();
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let name = "rollout-2026-11-29T10-00-00-01a00000-0000-7000-8000-000000000000.jsonl";
    fs::write(sessions.join(name), lines).unwrap();
    folder
}

fn line(kind: &str, payload: &Value) -> Value {
    json!({ "timestamp": "2026-11-29T10:00:00.000Z", "type": kind, "payload": payload })
}

#[test]
fn sequences_of_counts_add_up_to_what_was_worked_out_by_hand() {
    for (sequence, tokens) in [
        (&[(100_000, 1000), (5000, 1000), (101_000, 1000), (6000, 1000)][..], 4000),
        (&[(1001, 1)], 1),
        (&[(500, 500), (0, 0), (510, 10)], 510),
        (&[(1000, 1000), (1000, 1000), (2000, 1000)], 2000),
    ] {
        let count = |(total, last): &(u64, u64)| {
            let tokens = |total: &u64| {
                let input = total;
                json!({ "input_tokens": input, "output_tokens": 0, "total_tokens": total })
            };
            let info =
                json!({ "total_token_usage": tokens(total), "last_token_usage": tokens(last) });
            line("event_msg", &json!({ "type": "token_count", "info": info }))
        };
        let lines: Vec<Value> = sequence.iter().map(count).collect();
        let found = by_thread(&found(home_of(&lines).path()));
        assert_eq!(found.values().sum::<u64>(), tokens, "{sequence:?}");
    }
    let usage = json!({ "input_tokens": 100, "output_tokens": 50 });
    let info = json!({ "total_token_usage": usage, "last_token_usage": usage });
    let home = home_of(&[line("event_msg", &json!({ "type": "token_count", "info": info }))]);
    assert_eq!(by_thread(&found(home.path())).values().sum::<u64>(), 150, "no total");
}
