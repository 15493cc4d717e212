//! What the generator meant: facts as intended, and the turns a scanner should find in those that
//! survived.
//!
//! Nothing here reads a body. The fold below works on intentions, so that a scanner can be compared
//! with it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The service tier that a submission or a `/fast` command names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TierForm {
    /// `None`: the tier set before in this thread and process stays.
    Inherit,
    /// `Some(None)`: back to the default.
    Cleared,
    /// `Some(Some("priority"))`.
    Priority,
    /// `Some(Some("fast"))`, another name of priority.
    Fast,
    /// `Some(Some("default"))`.
    Default,
    /// `Some(Some("flex"))`.
    Flex,
}

impl TierForm {
    /// Whether turns run at priority under it; `None` when that was decided earlier.
    #[must_use]
    pub fn is_priority(self) -> Option<bool> {
        match self {
            Self::Inherit => None,
            Self::Priority | Self::Fast => Some(true),
            Self::Cleared | Self::Default | Self::Flex => Some(false),
        }
    }
}

/// What a row was written to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Intent {
    /// A turn was completed by a model.
    Completion {
        /// Turn id.
        turn: String,
        /// The model that answered.
        model: String,
    },
    /// A turn asked for priority.
    Request {
        /// Turn id.
        turn: String,
        /// The model asked, where the request names one.
        model: Option<String>,
    },
    /// A turn was submitted.
    Submission {
        /// Turn id.
        turn: String,
        /// The tier it names.
        tier: TierForm,
    },
    /// The tier of a thread was set.
    Settings {
        /// The tier.
        tier: TierForm,
    },
    /// The tags of a turn that runs at priority.
    Tags {
        /// Turn id.
        turn: String,
        /// The model named in the row.
        model: Option<String>,
    },
}

impl Intent {
    /// The turn that it names.
    #[must_use]
    pub fn turn(&self) -> Option<&str> {
        match self {
            Self::Completion { turn, .. }
            | Self::Request { turn, .. }
            | Self::Submission { turn, .. }
            | Self::Tags { turn, .. } => Some(turn),
            Self::Settings { .. } => None,
        }
    }
}

/// A fact as intended, with the row that carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Row id.
    pub id: i64,
    /// Unix seconds of the row.
    pub ts: i64,
    /// Thread that the fact belongs to, if any.
    pub thread: Option<String>,
    /// Process that wrote it, if any.
    pub process: Option<String>,
    /// What it says.
    #[serde(flatten)]
    pub intent: Intent,
}

/// A row that a turn logged while it ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// Row id.
    pub id: i64,
    /// Turn id.
    pub turn: String,
    /// The model that the row names.
    pub model: Option<String>,
}

/// A turn that ran at priority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Turn id.
    pub turn: String,
    /// Its thread, if known.
    pub thread: Option<String>,
    /// Its model, if known.
    pub model: Option<String>,
    /// Unix seconds of its latest evidence.
    pub timestamp: i64,
}

/// What a scanner should find in a dataset, all windows open.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Truth {
    /// Turns at priority whose evidence survived, by turn id.
    pub turns: Vec<Turn>,
    /// Turns at priority of which retention left no evidence.
    pub pruned_turns: Vec<String>,
    /// Surviving facts: completions.
    pub completions: u64,
    /// Surviving facts: requests at priority.
    pub requests: u64,
    /// Surviving facts: submissions of a turn, whatever their tier.
    pub submissions: u64,
    /// Surviving facts: tiers set without a turn.
    pub settings: u64,
    /// Surviving facts: tags of turns at priority.
    pub tags: u64,
    /// Surviving rows whose first marker is in a row of another target: texts that quote markers.
    pub unrecognised: u64,
}

impl Truth {
    /// The truth about the facts and turn rows of which `survives` holds by row id, and about rows
    /// known by id to quote a marker.
    #[must_use]
    pub fn of(
        facts: &[Fact],
        turn_rows: &[Ran],
        unrecognised: &[i64],
        survives: impl Fn(i64) -> bool,
    ) -> Self {
        let surviving: Vec<&Fact> = facts.iter().filter(|fact| survives(fact.id)).collect();
        let turns = fold(&surviving, turn_rows.iter().filter(|row| survives(row.id)));
        let found: BTreeSet<&str> = turns.iter().map(|turn| turn.turn.as_str()).collect();
        let intended = fold(&facts.iter().collect::<Vec<_>>(), turn_rows);
        let pruned_turns = intended
            .into_iter()
            .map(|turn| turn.turn)
            .filter(|turn| !found.contains(turn.as_str()))
            .collect();
        let count = |wanted: fn(&Intent) -> bool| {
            surviving.iter().filter(|fact| wanted(&fact.intent)).count() as u64
        };
        Self {
            pruned_turns,
            completions: count(|intent| matches!(intent, Intent::Completion { .. })),
            requests: count(|intent| matches!(intent, Intent::Request { .. })),
            submissions: count(|intent| matches!(intent, Intent::Submission { .. })),
            settings: count(|intent| matches!(intent, Intent::Settings { .. })),
            tags: count(|intent| matches!(intent, Intent::Tags { .. })),
            unrecognised: unrecognised.iter().filter(|id| survives(**id)).count() as u64,
            turns,
        }
    }

    /// Surviving facts of all kinds.
    #[must_use]
    pub fn facts(&self) -> u64 {
        self.completions + self.requests + self.submissions + self.settings + self.tags
    }
}

/// The turns at priority in a set of facts and turn rows. A submission counts if its turn logged a
/// later row. The evidence with the highest id gives thread and time; the model is that of the
/// completion with the highest id, else of the highest evidence that names one, else of the highest
/// turn row that does.
pub(crate) fn fold<'a>(facts: &[&Fact], turn_rows: impl IntoIterator<Item = &'a Ran>) -> Vec<Turn> {
    let mut ran: BTreeMap<&str, i64> = BTreeMap::new();
    let mut models: BTreeMap<&str, (i64, &str)> = BTreeMap::new();
    for Ran { id, turn, model } in turn_rows {
        let last = ran.entry(turn).or_insert(*id);
        *last = (*last).max(*id);
        if let Some(model) = model {
            let last = models.entry(turn).or_insert((*id, model));
            *last = (*last).max((*id, model));
        }
    }
    let mut ordered = facts.to_vec();
    ordered.sort_by_key(|fact| fact.id);
    let mut tiers: BTreeMap<(Option<&str>, Option<&str>), bool> = BTreeMap::new();
    let mut turns: BTreeMap<&str, Turn> = BTreeMap::new();
    let mut completed: BTreeMap<&str, &str> = BTreeMap::new();
    for fact in ordered {
        let place = (fact.thread.as_deref(), fact.process.as_deref());
        let evidence = match &fact.intent {
            Intent::Completion { turn, model } => {
                completed.insert(turn, model);
                None
            }
            Intent::Settings { tier } => {
                if let Some(priority) = tier.is_priority() {
                    tiers.insert(place, priority);
                }
                None
            }
            Intent::Submission { turn, tier } => {
                if let Some(priority) = tier.is_priority() {
                    tiers.insert(place, priority);
                }
                let has_run = ran.get(turn.as_str()).is_some_and(|last| *last > fact.id);
                (has_run && tiers.get(&place).copied().unwrap_or(false)).then_some((turn, None))
            }
            Intent::Request { turn, model } | Intent::Tags { turn, model } => {
                Some((turn, model.clone()))
            }
        };
        if let Some((turn, model)) = evidence {
            let model =
                model.or_else(|| turns.get(turn.as_str()).and_then(|known| known.model.clone()));
            let found =
                Turn { turn: turn.clone(), thread: fact.thread.clone(), model, timestamp: fact.ts };
            turns.insert(turn, found);
        }
    }
    for (turn, model) in completed {
        if let Some(found) = turns.get_mut(turn) {
            found.model = Some(model.to_owned());
        }
    }
    for found in turns.values_mut().filter(|found| found.model.is_none()) {
        found.model = models.get(found.turn.as_str()).map(|(_, model)| (*model).to_owned());
    }
    turns.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(id: i64, process: &str, intent: Intent) -> Fact {
        Fact { id, ts: 100 + id, thread: Some("t".into()), process: Some(process.into()), intent }
    }

    fn row(id: i64, turn: &str, model: Option<&str>) -> Ran {
        Ran { id, turn: turn.into(), model: model.map(str::to_owned) }
    }

    fn submission(turn: &str, tier: TierForm) -> Intent {
        Intent::Submission { turn: turn.into(), tier }
    }

    #[test]
    fn tiers_are_inherited_within_a_process_and_lost_with_their_row() {
        let facts = [
            fact(1, "p", Intent::Settings { tier: TierForm::Fast }),
            fact(2, "p", submission("a", TierForm::Inherit)),
            fact(3, "q", submission("b", TierForm::Inherit)),
            fact(4, "p", submission("c", TierForm::Cleared)),
            fact(5, "p", submission("d", TierForm::Inherit)),
            fact(6, "p", Intent::Completion { turn: "a".into(), model: "m".into() }),
        ];
        let ran: Vec<Ran> = "abcd".chars().map(|turn| row(7, &turn.to_string(), None)).collect();
        let truth = Truth::of(&facts, &ran, &[3, 9], |_| true);
        let expected = Turn {
            turn: "a".into(),
            thread: Some("t".into()),
            model: Some("m".into()),
            timestamp: 102,
        };
        assert_eq!(
            (truth.turns, truth.submissions, truth.completions, truth.unrecognised),
            (vec![expected], 4, 1, 2)
        );
        let pruned = Truth::of(&facts, &ran, &[3, 9], |id| id > 1);
        assert_eq!(
            (pruned.turns, pruned.pruned_turns, pruned.settings),
            (vec![], vec!["a".to_owned()], 0)
        );
    }

    #[test]
    fn the_highest_evidence_wins_and_keeps_an_earlier_model() {
        let request = Intent::Request { turn: "a".into(), model: Some("m".into()) };
        let facts = [fact(2, "p", submission("a", TierForm::Priority)), fact(1, "p", request)];
        let turns = fold(&facts.iter().collect::<Vec<_>>(), &[row(3, "a", Some("n"))]);
        assert_eq!((turns[0].timestamp, turns[0].model.as_deref()), (102, Some("m")));
    }

    #[test]
    fn a_submission_counts_if_its_turn_ran_afterwards_and_turn_rows_name_its_model() {
        let facts = [
            fact(2, "p", submission("a", TierForm::Priority)),
            fact(4, "p", submission("steer", TierForm::Inherit)),
            fact(5, "p", submission("ran-before", TierForm::Inherit)),
        ];
        let ran = [row(3, "a", Some("m")), row(4, "a", None), row(1, "ran-before", None)];
        let turns = fold(&facts.iter().collect::<Vec<_>>(), &ran);
        assert_eq!(
            turns.iter().map(|turn| (&*turn.turn, turn.model.as_deref())).collect::<Vec<_>>(),
            [("a", Some("m"))]
        );
    }
}
