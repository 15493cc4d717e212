//! From the set of facts to turns: a pure fold, ordered by id.

use std::collections::HashMap;

use crate::ablation::{Ablation, Ablations};
use crate::answer::{Turn, Turns, Window};
use crate::facts::{Fact, FactSet, Kind, NameId, Tier};

/// The turns that have evidence in `window`.
///
/// The evidence with the highest id in the window gives thread and timestamp. The model is that of
/// the completion with the highest id, wherever it is, else that of the highest evidence in the
/// window that names one, else that of the newest turn row that does.
pub(crate) fn turns(facts: &FactSet, window: Window, ablated: Ablations) -> Turns {
    #[derive(Clone, Copy, Default)]
    struct Known {
        evidence: Option<(Option<NameId>, i64)>,
        asked: Option<NameId>,
        answered: Option<NameId>,
    }

    let mut known = vec![Known::default(); facts.names().len()];
    let only_winning = ablated.has(Ablation::WindowWinning);
    for Meaning { fact, role, .. } in meanings(facts, ablated) {
        let counts = window.contains(fact.signature.ts);
        match role {
            Role::Evidence { turn, model } if counts || only_winning => {
                let known = &mut known[turn.index()];
                if ablated.has(Ablation::Order) && known.evidence.is_some() {
                    continue;
                }
                known.evidence = Some((fact.thread, fact.signature.ts));
                known.asked = model.or(known.asked);
            }
            Role::Answer { turn, model } if counts || !ablated.has(Ablation::WindowModel) => {
                known[turn.index()].answered = Some(model);
            }
            Role::Evidence { .. } | Role::Answer { .. } | Role::Tier | Role::Nothing => {}
        }
    }

    let name = |id: NameId| facts.names().get(id);
    known
        .iter()
        .enumerate()
        .filter_map(|(place, known)| {
            let (thread, timestamp) =
                known.evidence.filter(|(_, ts)| !only_winning || window.contains(*ts))?;
            let id = NameId::at(place);
            let ran_with = || {
                let named = facts.kept_of(id).filter(|_| !ablated.has(Ablation::TurnModel))?.named;
                named.map(|(_, model)| model)
            };
            let turn = Turn {
                thread_id: thread.map(|id| name(id).to_owned()),
                model: known
                    .answered
                    .or(known.asked)
                    .or_else(ran_with)
                    .map(|id| name(id).to_owned()),
                timestamp,
            };
            Some((name(id).to_owned(), turn))
        })
        .collect()
}

/// The facts that can change an answer, for any window, now or when rows are deleted: evidence,
/// what sets or says a tier where priority was set before, and completions of turns with evidence.
/// In the order of their ids.
pub(crate) fn relevant(facts: &FactSet, ablated: Ablations) -> Vec<&Fact> {
    let mut has_evidence = vec![false; facts.names().len()];
    let meanings: Vec<_> = meanings(facts, ablated).collect();
    for meaning in &meanings {
        if let Role::Evidence { turn, .. } = meaning.role {
            has_evidence[turn.index()] = true;
        }
    }
    meanings
        .into_iter()
        .filter(|meaning| match meaning.role {
            Role::Evidence { .. } | Role::Tier => true,
            Role::Answer { turn, .. } => has_evidence[turn.index()],
            Role::Nothing => false,
        })
        .map(|meaning| meaning.fact)
        .collect()
}

/// For each name, whether turn rows of the turn of that name can change an answer, now or when rows
/// are deleted or appended: a submission names it that may be at priority, or evidence that names
/// no model.
pub(crate) fn needed(facts: &FactSet, ablated: Ablations) -> Vec<bool> {
    let mut needed = vec![false; facts.names().len()];
    for turn in meanings(facts, ablated).filter_map(|meaning| meaning.needs) {
        needed[turn.index()] = true;
    }
    needed
}

/// What the answer takes from the turn rows of one turn.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    /// That it ran after a submission.
    pub(crate) ran: bool,
    /// Its model.
    pub(crate) model: bool,
}

/// For each name, what the answer takes, for some window, from the turn rows of the turn of that
/// name.
pub(crate) fn asked_of_turn_rows(facts: &FactSet, ablated: Ablations) -> Vec<Asked> {
    let mut asked = vec![Asked::default(); facts.names().len()];
    let mut is_answered = vec![false; facts.names().len()];
    for Meaning { fact, role, .. } in meanings(facts, ablated) {
        match role {
            Role::Evidence { turn, model } => {
                let asked = &mut asked[turn.index()];
                asked.ran |= matches!(fact.kind, Kind::Submission { .. });
                asked.model |= model.is_none();
            }
            Role::Answer { turn, .. } => is_answered[turn.index()] = true,
            Role::Tier | Role::Nothing => {}
        }
    }
    for (asked, is_answered) in asked.iter_mut().zip(is_answered) {
        asked.model &= !is_answered;
    }
    asked
}

/// A fact among all the others.
struct Meaning<'a> {
    fact: &'a Fact,
    role: Role,
    /// The turn whose turn rows can change what it means, now or when rows are deleted or appended.
    needs: Option<NameId>,
}

/// What a fact means among all the others.
enum Role {
    /// The turn ran at priority.
    Evidence { turn: NameId, model: Option<NameId> },
    /// The turn was answered by the model.
    Answer { turn: NameId, model: NameId },
    /// It matters only to the tier of later submissions.
    Tier,
    /// It matters to none: priority was not yet set where it belongs, and no deletion can set it.
    Nothing,
}

/// Each fact with its meaning, in the order of ids.
///
/// A submission that names no tier has the one that the latest earlier submission or settings of
/// the same thread in the same process set. A process that resumes a thread does not inherit. A
/// submission whose turn did not run afterwards came while another turn ran, and only sets the
/// tier.
fn meanings(facts: &FactSet, ablated: Ablations) -> impl Iterator<Item = Meaning<'_>> {
    let mut sessions: HashMap<(Option<NameId>, Option<NameId>), Session> = HashMap::new();
    let mut say = move |thread, process: Option<NameId>, said| {
        let process = process.filter(|_| !ablated.has(Ablation::TierResumed));
        let session = sessions.entry((thread, process)).or_default();
        match said {
            Tier::Inherit if ablated.has(Ablation::TierInherited) => return Session::default(),
            Tier::Inherit => {}
            Tier::Priority => *session = Session { knows_priority: true, at_priority: true },
            Tier::Other => session.at_priority = false,
        }
        *session
    };
    facts.iter().map(move |fact| {
        let (role, needs) = match fact.kind {
            Kind::Request { turn, model } | Kind::Tags { turn, model } => {
                (Role::Evidence { turn, model }, Some(turn).filter(|_| model.is_none()))
            }
            Kind::Completion { turn, model } => (Role::Answer { turn, model }, None),
            Kind::Settings { tier, process } => (say(fact.thread, process, tier).tier_role(), None),
            Kind::Submission { turn, tier, process } => {
                let ran = ran(facts, turn, fact.id, ablated);
                let is_deaf = !ran && ablated.has(Ablation::TierSteer);
                let session = say(fact.thread, process, if is_deaf { Tier::Inherit } else { tier });
                let role = match session {
                    Session { at_priority: true, .. } if ran => {
                        Role::Evidence { turn, model: None }
                    }
                    _ if !ran && tier == Tier::Inherit => Role::Nothing,
                    _ => session.tier_role(),
                };
                (role, Some(turn).filter(|_| session.knows_priority))
            }
        };
        Meaning { fact, role, needs }
    })
}

/// Whether `turn` ran after the row `id`, as far as turn rows are kept: always, for a turn that is
/// needed.
fn ran(facts: &FactSet, turn: NameId, id: i64, ablated: Ablations) -> bool {
    let kept = facts.kept_of(turn);
    if ablated.has(Ablation::TurnRanAfter) {
        return kept.is_some_and(|kept| kept.newest.is_some());
    }
    kept.is_some_and(|kept| kept.ran_after(id)) || ablated.has(Ablation::TurnRan)
}

/// A thread in a process, up to some fact.
#[derive(Clone, Copy, Default)]
struct Session {
    /// Whether priority was ever set in it.
    knows_priority: bool,
    /// Whether that is the tier in force.
    at_priority: bool,
}

impl Session {
    /// The role of a fact that only sets or says a tier.
    fn tier_role(self) -> Role {
        if self.knows_priority { Role::Tier } else { Role::Nothing }
    }
}

#[cfg(test)]
mod tests;
