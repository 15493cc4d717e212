//! Facts in the order of ids to the turns of a window.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::rules::{Fact, Kind, Tier};
use super::{Turn, Window};

/// The turns for which some fact inside the window is evidence.
pub(super) fn turns(facts: &[Fact], window: Window) -> BTreeMap<String, Turn> {
    let completed = completions(facts);
    let mut turns = BTreeMap::<String, Turn>::new();
    for fact in evidence(facts).into_iter().filter(|fact| window.contains(fact.ts)) {
        // Later evidence replaces thread and time even with nothing; a model only with another.
        let model = fact.model.clone().or_else(|| turns.get(&fact.turn)?.model.clone());
        let turn = Turn { thread_id: fact.thread.clone(), model, timestamp: fact.ts };
        turns.insert(fact.turn.clone(), turn);
    }
    for (id, turn) in &mut turns {
        if let Some(model) = completed.get(id.as_str()) {
            turn.model = Some((*model).to_owned());
        }
    }
    turns
}

/// Whether each fact can change an answer, for any window, now or when rows are deleted: evidence; a submission or change
/// of settings, if priority was named before in its place or is named by itself; and the completions of turns with evidence.
pub(crate) fn relevant(facts: &[Fact]) -> Vec<bool> {
    let proven: HashSet<&str> = evidence(facts).into_iter().map(|fact| fact.turn.as_str()).collect();
    let names_priority = |fact: &Fact| matches!(fact.kind, Kind::Submission { tier: Tier::Priority, .. });
    let place = |fact: &Fact| (fact.thread.clone(), fact.process.clone());
    let matters = |(at, fact): (usize, &Fact)| match fact.kind {
        Kind::Evidence => true,
        Kind::Completion => proven.contains(fact.turn.as_str()),
        Kind::Submission { .. } => {
            facts[..=at].iter().any(|earlier| names_priority(earlier) && place(earlier) == place(fact))
        }
    };
    facts.iter().enumerate().map(matters).collect()
}

/// The model of each turn's latest completion, in the window or not.
fn completions(facts: &[Fact]) -> HashMap<&str, &str> {
    let completions = facts.iter().filter(|fact| fact.is_completion());
    completions.filter_map(|fact| Some((fact.turn.as_str(), fact.model.as_deref()?))).collect()
}

/// The facts that prove a turn ran at the priority tier, in the order of their ids.
fn evidence(facts: &[Fact]) -> Vec<&Fact> {
    // The tier last set in a thread of a process; None is a thread, or a process, of its own.
    let mut tiers = HashMap::<(Option<&str>, Option<&str>), Tier>::new();
    let mut evidence = Vec::new();
    for fact in facts {
        match fact.kind {
            Kind::Completion => {}
            Kind::Evidence => evidence.push(fact),
            Kind::Submission { starts_turn, tier } => {
                let place = (fact.thread.as_deref(), fact.process.as_deref());
                if tier != Tier::Inherited {
                    tiers.insert(place, tier);
                }
                if starts_turn && tiers.get(&place) == Some(&Tier::Priority) {
                    evidence.push(fact);
                }
            }
        }
    }
    evidence
}
