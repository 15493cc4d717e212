//! Sets of facts in memory, and the turns they give.

use std::borrow::Cow;

use super::*;
use crate::kept::Seen;
use crate::parse::{Says, TierWord, TurnRow};
use crate::signature::Signature;

/// Id, second, thread, process, and what the row says.
type Row = (i64, i64, Option<&'static str>, Option<&'static str>, Says<'static>);

fn set(rows: impl IntoIterator<Item = Row>) -> FactSet {
    set_with(rows, [])
}

/// The set of a full scan that saw these turn rows, too: id, turn and model.
fn set_with(
    rows: impl IntoIterator<Item = Row>,
    turn_rows: impl IntoIterator<Item = (i64, &'static str, Option<&'static str>)>,
) -> FactSet {
    let (mut facts, mut seen) = (FactSet::default(), Seen::default());
    for (id, ts, thread, process, says) in rows {
        facts.push(id, Signature::at(ts), process, thread, &says);
    }
    facts.sort();
    for (id, turn, model) in turn_rows {
        seen.add(id, &TurnRow { turn, model });
    }
    let needed = needed(&facts, Ablations::NONE);
    facts.keep(&needed, &seen, true, |_| Ok::<_, ()>(Signature::default())).unwrap();
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

fn submission(turn: &'static str, tier: TierWord) -> Says<'static> {
    Says::Submission { turn, tier }
}

#[test]
fn tiers_are_inherited_within_a_thread_and_a_process_only() {
    let rows = [
        (1, 1, Some("a"), Some("p"), Says::Settings { tier: TierWord::Priority }),
        (2, 2, Some("a"), Some("p"), submission("inherits", TierWord::Inherit)),
        (3, 3, Some("a"), Some("q"), submission("resumed", TierWord::Inherit)),
        (4, 4, Some("b"), Some("p"), submission("other thread", TierWord::Inherit)),
        (5, 5, Some("a"), Some("p"), submission("explicitly none", TierWord::Other)),
        (6, 6, Some("a"), Some("p"), submission("inherits none", TierWord::Inherit)),
        (7, 7, None, None, submission("no thread", TierWord::Priority)),
        (8, 8, None, None, submission("no thread again", TierWord::Inherit)),
    ];
    let turn_row = |row: &Row| match row.4 {
        Says::Submission { turn, .. } => Some((row.0 + 100, turn, None)),
        _ => None,
    };
    let turn_rows: Vec<_> = rows.iter().filter_map(turn_row).collect();
    let facts = set_with(rows, turn_rows);
    let found: Vec<_> = turns(&facts, ALL, Ablations::NONE).into_keys().collect();
    assert_eq!(found, ["inherits", "no thread", "no thread again"]);
    // The settings are outside the window, yet say the tier.
    let late = Window { since: Some(2), until: None };
    assert!(turns(&facts, late, Ablations::NONE).contains_key("inherits"));
}

#[test]
fn a_submission_while_a_turn_runs_is_no_turn_and_sets_the_tier() {
    let facts = set_with(
        [
            (2, 2, None, None, submission("steer", TierWord::Priority)),
            (4, 4, None, None, submission("turn", TierWord::Inherit)),
        ],
        [
            (1, "steer", Some("m0")),
            (3, "other", Some("m1")),
            (5, "turn", Some("m2")),
            (6, "turn", None),
        ],
    );
    let found = turns(&facts, ALL, Ablations::NONE);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["turn"]);
    assert_eq!(found["turn"].model.as_deref(), Some("m2"), "nothing else names a model");
    let ids: Vec<_> = relevant(&facts, Ablations::NONE).iter().map(|fact| fact.id).collect();
    assert_eq!(ids, [2, 4]);
}

#[test]
fn relevant_are_evidence_its_completions_and_tiers_once_priority_was_set() {
    let rows = [
        (1, 1, None, None, completion("t", "m")),
        (2, 2, None, None, completion("u", "m")),
        (3, 3, None, None, request("t", None)),
        (4, 4, None, None, Says::Settings { tier: TierWord::Other }),
        (5, 5, None, None, submission("v", TierWord::Inherit)),
        (6, 6, None, Some("p"), Says::Settings { tier: TierWord::Priority }),
        (7, 7, None, Some("p"), Says::Settings { tier: TierWord::Other }),
        (8, 8, None, Some("p"), submission("w", TierWord::Inherit)),
        (9, 9, None, Some("p"), submission("never ran", TierWord::Inherit)),
    ];
    let facts = set_with(rows, [(10, "v", None), (10, "w", None), (1, "never ran", None)]);
    let ids: Vec<_> = relevant(&facts, Ablations::NONE).iter().map(|fact| fact.id).collect();
    assert_eq!(ids, [1, 3, 6, 7, 8]);
    let needed = needed(&facts, Ablations::NONE);
    let is_needed = |name: &str| {
        (0..needed.len()).any(|at| needed[at] && facts.names().get(NameId::at(at)) == name)
    };
    assert_eq!(["t", "u", "v", "w", "never ran"].map(is_needed), [true, false, false, true, true]);
}

/// A small generator of numbers below `n`, the same at each run.
fn below(state: &mut u64, n: u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from((*state >> 33) % n).unwrap()
}

/// Goes through every deletion of small random tables. What is known of a table before rows were
/// deleted gives the answer of the rows that are left, once what matters was looked up, or says
/// that only a full scan can.
#[test]
fn what_is_not_looked_up_never_changes_an_answer() {
    const ROWS: i64 = 8;
    let (mut state, mut known, mut given_up) = (1, 0, 0);
    for _ in 0..400 {
        let (mut rows, mut turn_rows): (Vec<Row>, Vec<_>) = (Vec::new(), Vec::new());
        for id in 1..=ROWS {
            let turn = ["t", "u", "v"][below(&mut state, 3)];
            let tier =
                [TierWord::Inherit, TierWord::Priority, TierWord::Other][below(&mut state, 3)];
            let process = [None, Some("p")][below(&mut state, 2)];
            let model = [None, Some("m"), Some("n")][below(&mut state, 3)];
            let says = match below(&mut state, 8) {
                0 => request(turn, model),
                1 => completion(turn, ["m", "n"][below(&mut state, 2)]),
                2 => Says::Settings { tier },
                3..6 => submission(turn, tier),
                _ => {
                    turn_rows.push((id, turn, model));
                    continue;
                }
            };
            rows.push((id, id, Some("a"), process, says));
        }
        for deleted in 0..1_u32 << ROWS {
            let is_left = |id: i64| deleted & 1 << (id - 1) == 0;
            let right = set_with(
                rows.iter().filter(|row| is_left(row.0)).cloned(),
                turn_rows.iter().copied().filter(|row| is_left(row.0)),
            );
            let mut facts = set_with(rows.iter().cloned(), turn_rows.iter().copied());
            // As the scan does: what is gone of the relevant facts is forgotten, until none of them
            // is gone.
            loop {
                let relevant = relevant(&facts, Ablations::NONE).into_iter().map(|fact| fact.id);
                let noticed: Vec<i64> = relevant.filter(|&id| !is_left(id)).collect();
                if noticed.is_empty() {
                    break;
                }
                facts.remove(&noticed);
            }
            let is_gone = |(place, asked): (usize, Asked)| {
                facts.kept_of(NameId::at(place)).is_some_and(|kept| {
                    let newest = kept.newest.filter(|_| asked.ran);
                    let named = kept.named.filter(|_| asked.model).map(|(row, _)| row);
                    [newest, named].into_iter().flatten().any(|row| !is_left(row.id))
                })
            };
            if asked_of_turn_rows(&facts, Ablations::NONE).into_iter().enumerate().any(is_gone) {
                given_up += 1;
                continue;
            }
            known += 1;
            assert_eq!(
                turns(&facts, ALL, Ablations::NONE),
                turns(&right, ALL, Ablations::NONE),
                "{rows:?} {turn_rows:?} without {deleted:b}"
            );
        }
    }
    assert!(given_up * 5 < known && given_up > 0, "{given_up} full scans, {known} answers");
}
