//! Each check by itself, over a table of rows in memory.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::*;
use crate::facts::FactSet;
use crate::kept::Seen;
use crate::parse::{Says, TierWord, TurnRow};
use crate::turns::needed;

/// Rows by id; counts what is looked up.
#[derive(Default)]
struct Table {
    rows: BTreeMap<i64, Signature>,
    asked: Vec<i64>,
}

impl Rows for Table {
    fn signature(&mut self, id: i64) -> Result<Option<Signature>, ScanError> {
        self.asked.push(id);
        Ok(self.rows.get(&id).copied())
    }

    fn gone(&mut self, _: i64, _: &Signature) -> Result<(), ScanError> {
        Ok(())
    }
}

fn row(ts: i64) -> Signature {
    Signature::at(ts)
}

const NONE: Ablations = Ablations::NONE;
const FILE: Identity = Identity { device: 1, inode: 2, birth: Some(3) };

/// Evidence for turn `a` at 10 and 30, completions of `a` at 20 and of `b` at 25, anchors at 1 and
/// 40.
fn memo_and_table() -> (Memo, Table) {
    let mut facts = FactSet::default();
    let request = || Says::Request { turn: Cow::Borrowed("a"), model: None };
    let completion =
        |turn| Says::Completion { turn: Cow::Borrowed(turn), model: Cow::Borrowed("m") };
    for (id, says) in
        [(10, request()), (20, completion("a")), (25, completion("b")), (30, request())]
    {
        facts.push(id, row(id), None, None, &says);
    }
    let anchors = [1, 40].map(|id| Anchor { id, signature: row(id) }).to_vec();
    let rows = [1, 10, 20, 25, 30, 40].map(|id| (id, row(id))).into();
    (Memo { identity: FILE, cursor: 40, anchors, facts }, Table { rows, asked: Vec::new() })
}

fn refused<T: fmt::Debug>(result: Result<T, Refusal>) -> Check {
    match result {
        Err(Refusal::Reason(Reason::Check(check))) => check,
        other => panic!("not refused by a check: {other:?}"),
    }
}

fn ids(memo: &Memo) -> Vec<i64> {
    memo.facts.iter().map(|fact| fact.id).collect()
}

#[test]
fn schema_trusts_only_ids_that_never_come_back() {
    schema(Trust::Rising).unwrap();
    assert_eq!(refused(schema(Trust::Unknown)), Check::Schema);
}

#[test]
fn identity_takes_every_part_into_account() {
    let (memo, _) = memo_and_table();
    identity(&memo, &FILE, NONE).unwrap();
    for other in [
        Identity { device: 9, ..FILE },
        Identity { inode: 9, ..FILE },
        Identity { birth: Some(9), ..FILE },
        Identity { birth: None, ..FILE },
    ] {
        assert_eq!(refused(identity(&memo, &other, NONE)), Check::Identity);
    }
}

#[test]
fn shrink_allows_the_cursor_itself() {
    let (memo, _) = memo_and_table();
    shrink(&memo, 41, NONE).unwrap();
    shrink(&memo, 40, NONE).unwrap();
    assert_eq!(refused(shrink(&memo, 39, NONE)), Check::Shrink);
}

#[test]
fn anchors_may_go_missing_but_not_change() {
    let (mut memo, mut table) = memo_and_table();
    table.rows.remove(&1);
    assert_eq!(anchors(&mut memo, &mut table, NONE).unwrap(), 1);
    assert_eq!(memo.anchors.len(), 1, "a missing anchor is not looked up again");
    table.rows.insert(40, row(41));
    assert_eq!(refused(anchors(&mut memo, &mut table, NONE)), Check::Anchors);
}

#[test]
fn facts_looks_up_in_order_and_only_what_can_change_the_answer() {
    let (mut memo, mut table) = memo_and_table();
    facts(&mut memo, 40, &mut Verified::default(), &mut table, NONE).unwrap();
    assert_eq!(table.asked, [10, 20, 30]);
}

#[test]
fn facts_drops_what_is_gone_and_refuses_what_is_different() {
    let (mut memo, mut table) = memo_and_table();
    table.rows.remove(&10);
    let mut verified = Verified::default();
    facts(&mut memo, 40, &mut verified, &mut table, NONE).unwrap();
    assert_eq!((ids(&memo), verified.dropped), (vec![20, 25, 30], 1));

    let (mut memo, mut table) = memo_and_table();
    table.rows.insert(30, row(31));
    assert_eq!(
        refused(facts(&mut memo, 40, &mut Verified::default(), &mut table, NONE)),
        Check::Facts
    );

    let (mut memo, mut table) = memo_and_table();
    table.rows.insert(25, row(26));
    facts(&mut memo, 40, &mut Verified::default(), &mut table, NONE)
        .expect("this one cannot change the answer");
}

#[test]
fn facts_that_come_to_matter_are_looked_up_then() {
    let (mut memo, mut table) = memo_and_table();
    let mut verified = Verified::default();
    facts(&mut memo, 40, &mut verified, &mut table, NONE).unwrap();
    // A request for `b` was scanned: its old completion matters now, and was changed meanwhile.
    let says = Says::Request { turn: Cow::Borrowed("b"), model: None };
    memo.facts.push(50, row(50), None, None, &says);
    table.rows.insert(25, row(26));
    table.asked.clear();
    assert_eq!(refused(facts(&mut memo, 40, &mut verified, &mut table, NONE)), Check::Facts);
    assert_eq!(table.asked, [25], "what was verified or just scanned is not looked up again");
}

#[test]
fn without_anchors_any_fact_proves_the_database() {
    let (mut memo, mut table) = memo_and_table();
    table.rows.retain(|&id, _| id == 25);
    let mut verified = Verified::default();
    assert_eq!(anchors(&mut memo, &mut table, NONE).unwrap(), 0);
    facts(&mut memo, 40, &mut verified, &mut table, NONE).unwrap();
    any_survivor(&mut memo, &mut verified, &mut table, NONE)
        .expect("the completion of `b` is still there");
    assert_eq!(ids(&memo), [25]);

    let (mut memo, mut table) = memo_and_table();
    table.rows.clear();
    anchors(&mut memo, &mut table, NONE).unwrap();
    let mut verified = Verified::default();
    facts(&mut memo, 40, &mut verified, &mut table, NONE).unwrap();
    assert_eq!(refused(any_survivor(&mut memo, &mut verified, &mut table, NONE)), Check::Anchors);
}

#[test]
fn a_memo_of_an_empty_table_needs_no_survivor() {
    let mut memo =
        Memo { identity: FILE, cursor: 0, anchors: Vec::new(), facts: FactSet::default() };
    any_survivor(&mut memo, &mut Verified::default(), &mut Table::default(), NONE).unwrap();
}

/// A submission at priority of turn `a` at 10, which ran at 20, where a row names the model, and at
/// 30.
fn submission_and_turn_rows(whole: bool) -> (Memo, Table) {
    let (mut facts, mut seen) = (FactSet::default(), Seen::default());
    facts.push(10, row(10), None, None, &Says::Submission { turn: "a", tier: TierWord::Priority });
    seen.add(20, &TurnRow { turn: "a", model: Some("m") });
    seen.add(30, &TurnRow { turn: "a", model: None });
    let needed = needed(&facts, NONE);
    facts.keep(&needed, &seen, whole, |id| Ok::<_, ()>(row(id))).unwrap();
    let rows = [10, 20, 30].map(|id| (id, row(id))).into();
    let memo = Memo { identity: FILE, cursor: 30, anchors: Vec::new(), facts };
    (memo, Table { rows, asked: Vec::new() })
}

#[test]
fn turn_rows_that_the_answer_rests_on_must_be_there() {
    let check =
        |memo: &Memo, table: &mut Table| turn_rows(memo, 30, &mut Verified::default(), table, NONE);
    let (memo, mut table) = submission_and_turn_rows(true);
    check(&memo, &mut table).unwrap();
    assert_eq!(table.asked, [30, 20], "the newest, and the newest that names a model");
    for (gone, reason) in [(20, Check::TurnRows), (30, Check::TurnRows)] {
        let (memo, mut table) = submission_and_turn_rows(true);
        table.rows.remove(&gone);
        assert_eq!(refused(check(&memo, &mut table)), reason);
        table.rows.insert(gone, row(99));
        assert_eq!(refused(check(&memo, &mut table)), Check::Facts);
    }
    // A completion names the model: then the row that does is of no concern.
    let (mut memo, mut table) = submission_and_turn_rows(true);
    let says = Says::Completion { turn: Cow::Borrowed("a"), model: Cow::Borrowed("m") };
    memo.facts.push(40, row(40), None, None, &says);
    table.rows.remove(&20);
    check(&memo, &mut table).unwrap();
}

#[test]
fn a_model_that_rows_not_kept_may_name_is_asked_for() {
    let (mut memo, mut table) = submission_and_turn_rows(false);
    turn_rows(&memo, 30, &mut Verified::default(), &mut table, NONE).unwrap();
    let mut seen = Seen::default();
    seen.add(40, &TurnRow { turn: "b", model: None });
    memo.facts.push(
        35,
        row(35),
        None,
        None,
        &Says::Submission { turn: "b", tier: TierWord::Priority },
    );
    let needed = needed(&memo.facts, NONE);
    memo.facts.keep(&needed, &seen, false, |id| Ok::<_, ()>(row(id))).unwrap();
    assert_eq!(
        refused(turn_rows(&memo, 30, &mut Verified::default(), &mut table, NONE)),
        Check::TurnRows
    );
}
