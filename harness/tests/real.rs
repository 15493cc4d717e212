//! The oracle against databases of the real Codex CLI, and those against the server's record of what really ran.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tracerig_datasets::real::Codex;
use tracerig_harness::oracle::{self, Answer, Window};

/// The one thread of each version that `codex exec` ran at the priority tier, by the first line of its rollout.
const EXEC_THREADS: [&str; 2] =
    ["01a1faad-d899-7121-9049-8d5195ea6c13", "01a1fab2-aa9a-76b0-a034-b4eff3e52b93"];

/// What the server's record says.
#[derive(Default)]
struct Truth {
    /// Turns that ran at the priority tier.
    priority: BTreeSet<String>,
    /// Those of them that `codex exec` ran, which writes no log rows.
    unlogged: BTreeSet<String>,
    /// The thread and the requested model of every turn.
    asked: BTreeMap<String, (String, String)>,
}

fn truth(codex: Codex) -> Truth {
    let mut truth = Truth::default();
    for line in codex.requests().unwrap().lines() {
        let request: Value = serde_json::from_str(line).unwrap();
        let metadata = &request["turn_metadata"];
        // A prewarm request has an empty turn id, a failed one no metadata at all.
        let Some(turn) = metadata["turn_id"].as_str().filter(|turn| !turn.is_empty()) else { continue };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        truth.asked.insert(turn.to_owned(), (text(&metadata["thread_id"]), text(&request["model"])));
        if request["service_tier"] == "priority" {
            truth.priority.insert(turn.to_owned());
            if EXEC_THREADS.iter().any(|thread| metadata["thread_id"] == *thread) {
                truth.unlogged.insert(turn.to_owned());
            }
        }
    }
    truth
}

fn scan(codex: Codex, rules: fn(&std::path::Path, Window) -> Result<Answer, oracle::OracleError>) -> Answer {
    let folder = tempfile::tempdir().unwrap();
    rules(&codex.write_logs(folder.path()).unwrap(), Window::default()).unwrap()
}

fn found(answer: &Answer) -> BTreeSet<String> {
    answer.turns.keys().cloned().collect()
}

#[test]
fn every_logged_priority_turn_is_found_and_no_other() {
    for (codex, ran, logged) in [(Codex::V0_141_0, 39, 36), (Codex::V0_169_0, 40, 37)] {
        let truth = truth(codex);
        let found = found(&scan(codex, oracle::scan));
        assert_eq!((truth.priority.len(), found.len()), (ran, logged), "{codex:?}");
        assert!(found.is_subset(&truth.priority), "a false turn in {codex:?}");
        let missed: BTreeSet<_> = truth.priority.difference(&found).cloned().collect();
        assert_eq!(missed, truth.unlogged, "{codex:?}");
    }
}

#[test]
fn threads_and_models_are_those_of_the_requests() {
    // Eight priority turns of 0.141.0 were answered by a dated model, which their completion names. Of four only the
    // submission is left in the log, and rows that they logged while they ran.
    for (codex, same, dated, unknown) in [(Codex::V0_141_0, 28, 8, 0), (Codex::V0_169_0, 37, 0, 0)] {
        let truth = truth(codex);
        let mut counts = (0, 0, 0);
        for (id, turn) in scan(codex, oracle::scan).turns {
            let (thread, requested) = &truth.asked[&id];
            assert_eq!(turn.thread_id.as_ref(), Some(thread), "{codex:?} {id}");
            match turn.model {
                None => counts.2 += 1,
                Some(model) if model == *requested => counts.0 += 1,
                Some(model) if model == format!("{requested}-2026-03-05") => counts.1 += 1,
                Some(model) => panic!("{codex:?} {id}: {model} for {requested}"),
            }
        }
        assert_eq!(counts, (same, dated, unknown), "{codex:?}");
    }
}

#[test]
fn the_published_rules_miss_turns_and_invent_one() {
    for (codex, hits, phantoms) in [(Codex::V0_141_0, 34, 1), (Codex::V0_169_0, 0, 0)] {
        let priority = truth(codex).priority;
        let found = found(&scan(codex, oracle::published));
        assert_eq!(found.intersection(&priority).count(), hits, "{codex:?}");
        assert_eq!(found.difference(&priority).count(), phantoms, "{codex:?}");
    }
}

#[test]
fn both_oracles_agree_to_the_letter() {
    for codex in Codex::ALL {
        let python: Answer = serde_json::from_str(codex.expected()).unwrap();
        assert_eq!(scan(codex, oracle::scan), python, "{codex:?}");
        let python: Answer = serde_json::from_str(codex.expected_published()).unwrap();
        assert_eq!(scan(codex, oracle::published), python, "{codex:?}");
    }
}
