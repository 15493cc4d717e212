//! Facts and turn rows in the order of ids to the turns of a window.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::rules::{Fact, Kind, Ran, Tier};
use super::{Turn, Window};

/// What rows say, each with its id, in the order of ids.
#[derive(Debug, Clone, Default)]
pub struct Known<'a> {
    /// The facts.
    pub facts: Vec<(i64, &'a Fact)>,
    /// The turns that rows prove to have run.
    pub ran: Vec<(i64, &'a Ran)>,
}

impl<'a> Known<'a> {
    /// The turns for which some fact inside the window is evidence.
    pub(super) fn turns(&self, window: Window) -> BTreeMap<String, Turn> {
        let mut turns = BTreeMap::<String, Turn>::new();
        for (_, fact) in self.evidence().into_iter().filter(|(_, fact)| window.contains(fact.ts)) {
            // Later evidence replaces thread and time even with nothing; a model only with another.
            let model = fact.model.clone().or_else(|| turns.get(&fact.turn)?.model.clone());
            let turn = Turn { thread_id: fact.thread.clone(), model, timestamp: fact.ts };
            turns.insert(fact.turn.clone(), turn);
        }
        let (completed, logged) = (self.completions(), self.models_logged());
        for (id, turn) in &mut turns {
            if let Some(model) = completed.get(id.as_str()) {
                turn.model = Some((*model).to_owned());
            }
            if turn.model.is_none() {
                turn.model = logged.get(id.as_str()).map(|model| (*model).to_owned());
            }
        }
        turns
    }

    /// Whether each fact can change an answer, for any window, now or when rows are deleted:
    /// evidence; a submission or change of settings, if priority was named before in its place or
    /// is named by itself, but one that names a turn and no tier only if that turn ran; and the
    /// completions of turns with evidence.
    pub fn relevant(&self) -> Vec<bool> {
        let proven: HashSet<&str> =
            self.evidence().iter().map(|(_, fact)| fact.turn.as_str()).collect();
        let (could, last_ran) = (self.could_be_at_priority(), self.last_ran());
        let matters = |(id, fact): &(i64, &Fact)| match fact.kind {
            Kind::Evidence => true,
            Kind::Completion => proven.contains(fact.turn.as_str()),
            Kind::Submission { starts_turn, tier } => {
                let has_run = last_ran.get(fact.turn.as_str()).is_some_and(|ran| ran > id);
                could.contains(id) && (has_run || !starts_turn || tier != Tier::Inherited)
            }
        };
        self.facts.iter().map(matters).collect()
    }

    /// The ids of submissions and settings in whose place priority was named before, or by
    /// themselves.
    pub fn could_be_at_priority(&self) -> HashSet<i64> {
        let mut places = HashSet::new();
        let mut could = HashSet::new();
        for &(id, fact) in &self.facts {
            let Kind::Submission { tier, .. } = fact.kind else { continue };
            let place = (fact.thread.as_deref(), fact.process.as_deref());
            if tier == Tier::Priority {
                places.insert(place);
            }
            if places.contains(&place) {
                could.insert(id);
            }
        }
        could
    }

    /// The facts that prove a turn ran at the priority tier.
    pub fn evidence(&self) -> Vec<(i64, &'a Fact)> {
        let last = self.last_ran();
        let has_run = |id: i64, turn: &str| last.get(turn).is_some_and(|&ran| ran > id);
        let submitted = self.starts_at_priority();
        let others = self.facts.iter().copied().filter(|(_, fact)| fact.kind == Kind::Evidence);
        let mut all: Vec<_> = submitted
            .into_iter()
            .filter(|&(id, fact)| has_run(id, &fact.turn))
            .chain(others)
            .collect();
        all.sort_by_key(|&(id, _)| id);
        all
    }

    /// The submissions that name a turn and whose tier, said or inherited, is priority.
    pub fn starts_at_priority(&self) -> Vec<(i64, &'a Fact)> {
        // The tier last set in a thread of a process; None counts as a separate thread or process.
        let mut tiers = HashMap::<(Option<&str>, Option<&str>), Tier>::new();
        let mut found = Vec::new();
        for &(id, fact) in &self.facts {
            let Kind::Submission { starts_turn, tier } = fact.kind else { continue };
            let place = (fact.thread.as_deref(), fact.process.as_deref());
            if tier != Tier::Inherited {
                tiers.insert(place, tier);
            }
            if starts_turn && tiers.get(&place) == Some(&Tier::Priority) {
                found.push((id, fact));
            }
        }
        found
    }

    /// The latest row of each turn that ran.
    fn last_ran(&self) -> HashMap<&'a str, i64> {
        self.ran.iter().map(|(id, ran)| (ran.turn.as_str(), *id)).collect()
    }

    /// The model of each turn's latest completion, in the window or not.
    pub fn completions(&self) -> HashMap<&'a str, &'a str> {
        let completions = self.facts.iter().filter(|(_, fact)| fact.is_completion());
        completions
            .filter_map(|(_, fact)| Some((fact.turn.as_str(), fact.model.as_deref()?)))
            .collect()
    }

    /// The model that the latest of a turn's own rows names, of those that name one.
    fn models_logged(&self) -> HashMap<&'a str, &'a str> {
        self.ran
            .iter()
            .filter_map(|(_, ran)| Some((ran.turn.as_str(), ran.model.as_deref()?)))
            .collect()
    }
}
