//! From the set of facts to turns: a pure fold, ordered by id.

use std::collections::HashMap;

use crate::ablation::{Ablation, Ablations};
use crate::answer::{Turn, Turns, Window};
use crate::facts::{Fact, FactSet, Kind, NameId, Tier};

/// The turns that have evidence in `window`.
///
/// The evidence with the highest id in the window gives thread and timestamp. The model is that of the completion
/// with the highest id, wherever it stands, else that of the highest evidence in the window that names one.
pub(crate) fn turns(facts: &FactSet, window: Window, ablated: Ablations) -> Turns {
    #[derive(Clone, Copy, Default)]
    struct Known {
        evidence: Option<(Option<NameId>, i64)>,
        asked: Option<NameId>,
        answered: Option<NameId>,
    }

    let mut known = vec![Known::default(); facts.names().len()];
    let only_winning = ablated.has(Ablation::WindowWinning);
    for (fact, role) in roles(facts, ablated) {
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
            let turn = Turn {
                thread_id: thread.map(|id| name(id).to_owned()),
                model: known.answered.or(known.asked).map(|id| name(id).to_owned()),
                timestamp,
            };
            Some((name(NameId::at(place)).to_owned(), turn))
        })
        .collect()
}

/// The facts that can change an answer, for any window, now or when rows are deleted: evidence, what sets or says a tier
/// where priority was set before, and completions of turns with evidence. In the order of their ids.
pub(crate) fn relevant(facts: &FactSet, ablated: Ablations) -> Vec<&Fact> {
    let mut has_evidence = vec![false; facts.names().len()];
    let roles: Vec<_> = roles(facts, ablated).collect();
    for (_, role) in &roles {
        if let Role::Evidence { turn, .. } = role {
            has_evidence[turn.index()] = true;
        }
    }
    roles
        .into_iter()
        .filter(|(_, role)| match role {
            Role::Evidence { .. } | Role::Tier => true,
            Role::Answer { turn, .. } => has_evidence[turn.index()],
            Role::Nothing => false,
        })
        .map(|(fact, _)| fact)
        .collect()
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

/// Each fact with its role, in the order of ids.
///
/// A submission that names no tier has the one that the latest earlier submission or settings of the same thread in the
/// same process set. A process that resumes a thread does not inherit.
fn roles(facts: &FactSet, ablated: Ablations) -> impl Iterator<Item = (&Fact, Role)> {
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
        let role = match fact.kind {
            Kind::Request { turn, model } | Kind::Tags { turn, model } => Role::Evidence { turn, model },
            Kind::Completion { turn, model } => Role::Answer { turn, model },
            Kind::Settings { tier, process } => say(fact.thread, process, tier).tier_role(),
            Kind::Submission { turn, tier, process } => match say(fact.thread, process, tier) {
                Session { at_priority: true, .. } => Role::Evidence { turn, model: None },
                session => session.tier_role(),
            },
        };
        (fact, role)
    })
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
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::parse::{Says, TierWord};
    use crate::signature::Signature;

    /// Id, second, thread, process, and what the row says.
    type Row = (i64, i64, Option<&'static str>, Option<&'static str>, Says<'static>);

    fn set(rows: impl IntoIterator<Item = Row>) -> FactSet {
        let mut facts = FactSet::default();
        for (id, ts, thread, process, says) in rows {
            facts.push(id, Signature::at(ts), process, thread, &says);
        }
        facts.sort();
        facts
    }

    fn request(turn: &'static str, model: Option<&'static str>) -> Says<'static> {
        Says::Request { turn: Cow::Borrowed(turn), model: model.map(Cow::Borrowed) }
    }

    fn completion(turn: &'static str, model: &'static str) -> Says<'static> {
        Says::Completion { turn: Cow::Borrowed(turn), model: Cow::Borrowed(model) }
    }

    const ALL: Window = Window { since: None, until: None };

    #[test]
    fn the_highest_evidence_in_the_window_wins_and_the_completion_names_the_model() {
        let facts = set([
            (1, 100, Some("a"), None, request("t", Some("m1"))),
            (2, 300, Some("b"), None, request("t", None)),
            (3, 900, None, None, completion("t", "m2")),
            (4, 200, Some("c"), None, request("t", Some("m3"))),
            (5, 50, None, None, completion("u", "m4")),
        ]);
        let turn = |window| turns(&facts, window, Ablations::NONE).remove("t");
        let expect = |thread: &str, timestamp| {
            Some(Turn { thread_id: Some(thread.into()), model: Some("m2".into()), timestamp })
        };
        assert_eq!(turn(ALL), expect("c", 200));
        assert_eq!(turn(Window { since: Some(300), until: None }), expect("b", 300));
        assert_eq!(turn(Window { since: None, until: Some(200) }), expect("a", 100));
        assert_eq!(turn(Window { since: Some(301), until: None }), None);
        assert_eq!(turns(&facts, ALL, Ablations::NONE).len(), 1, "a completion alone is no turn");
    }

    #[test]
    fn without_a_completion_the_highest_evidence_that_names_a_model_does() {
        let facts = set([
            (1, 1, None, None, request("t", Some("m1"))),
            (2, 2, None, None, request("t", Some("m2"))),
            (3, 3, None, None, request("t", None)),
        ]);
        assert_eq!(turns(&facts, ALL, Ablations::NONE)["t"].model.as_deref(), Some("m2"));
        let early = Window { since: None, until: Some(2) };
        assert_eq!(turns(&facts, early, Ablations::NONE)["t"].model.as_deref(), Some("m1"));
    }

    #[test]
    fn tiers_are_inherited_within_a_thread_and_a_process_only() {
        let submission = |turn, tier| Says::Submission { turn, tier };
        let facts = set([
            (1, 1, Some("a"), Some("p"), Says::Settings { tier: TierWord::Priority }),
            (2, 2, Some("a"), Some("p"), submission("inherits", TierWord::Inherit)),
            (3, 3, Some("a"), Some("q"), submission("resumed", TierWord::Inherit)),
            (4, 4, Some("b"), Some("p"), submission("other thread", TierWord::Inherit)),
            (5, 5, Some("a"), Some("p"), submission("explicitly none", TierWord::Other)),
            (6, 6, Some("a"), Some("p"), submission("inherits none", TierWord::Inherit)),
            (7, 7, None, None, submission("no thread", TierWord::Priority)),
            (8, 8, None, None, submission("no thread again", TierWord::Inherit)),
        ]);
        let found: Vec<_> = turns(&facts, ALL, Ablations::NONE).into_keys().collect();
        assert_eq!(found, ["inherits", "no thread", "no thread again"]);
        // The settings stand outside the window, yet say the tier.
        let late = Window { since: Some(2), until: None };
        assert!(turns(&facts, late, Ablations::NONE).contains_key("inherits"));
    }

    #[test]
    fn relevant_are_evidence_its_completions_and_tiers_once_priority_was_set() {
        let facts = set([
            (1, 1, None, None, completion("t", "m")),
            (2, 2, None, None, completion("u", "m")),
            (3, 3, None, None, request("t", None)),
            (4, 4, None, None, Says::Settings { tier: TierWord::Other }),
            (5, 5, None, None, Says::Submission { turn: "v", tier: TierWord::Inherit }),
            (6, 6, None, Some("p"), Says::Settings { tier: TierWord::Priority }),
            (7, 7, None, Some("p"), Says::Settings { tier: TierWord::Other }),
            (8, 8, None, Some("p"), Says::Submission { turn: "w", tier: TierWord::Inherit }),
        ]);
        let ids: Vec<_> = relevant(&facts, Ablations::NONE).iter().map(|fact| fact.id).collect();
        assert_eq!(ids, [1, 3, 6, 7, 8]);
    }

    /// A small generator of numbers below `n`, the same at each run.
    fn below(state: &mut u64, n: u64) -> usize {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((*state >> 33) % n).unwrap()
    }

    #[test]
    fn whether_irrelevant_facts_are_there_never_changes_an_answer() {
        const FACTS: i64 = 7;
        let mut state = 1;
        for _ in 0..400 {
            let facts = set((1..=FACTS).map(|id| {
                let turn = ["t", "u", "v"][below(&mut state, 3)];
                let tier = [TierWord::Inherit, TierWord::Priority, TierWord::Other][below(&mut state, 3)];
                let says = match below(&mut state, 6) {
                    0 => request(turn, None),
                    1 => completion(turn, ["m", "n"][below(&mut state, 2)]),
                    2 => Says::Settings { tier },
                    _ => Says::Submission { turn, tier },
                };
                (id, id, Some("a"), [None, Some("p")][below(&mut state, 2)], says)
            }));
            for deleted in 0..1_u32 << FACTS {
                let gone: Vec<i64> = (1..=FACTS).filter(|id| deleted & 1 << (id - 1) != 0).collect();
                let (mut right, mut known) = (facts.clone(), facts.clone());
                right.remove(&gone);
                // As the scan does: what is gone of the relevant facts is forgotten, until none of them is gone.
                loop {
                    let relevant = relevant(&known, Ablations::NONE).into_iter().map(|fact| fact.id);
                    let noticed: Vec<i64> = relevant.filter(|id| gone.contains(id)).collect();
                    if noticed.is_empty() {
                        break;
                    }
                    known.remove(&noticed);
                }
                assert_eq!(
                    turns(&known, ALL, Ablations::NONE),
                    turns(&right, ALL, Ablations::NONE),
                    "{facts:?} without {gone:?}"
                );
            }
        }
    }
}
