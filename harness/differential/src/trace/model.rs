//! What a scan has to do, predicted from what was done to database and memo, never from what a
//! scanner says.
//!
//! The rules are restated here over plain rows: which checks force a full scan and in which order,
//! which rows a memo remembers, what is dropped from it, and when it is written.

use std::collections::BTreeMap;

use tracerig_oracle::{Fact, Known, Ran};
use tracerig_scanner::{Check, Mode, Reason};

use super::turn_rows::TurnRows;
use super::view::{Signature, View, Work};

/// What a memo holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Memo {
    file: u64,
    pub(super) cursor: i64,
    anchors: BTreeMap<i64, Signature>,
    facts: BTreeMap<i64, (Signature, Fact)>,
    turn_rows: TurnRows,
}

/// What tells whether the persisted memo was replaced since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Absent,
    /// Not to be taken for a memo of this format.
    Foreign,
    /// One with this random value, whole or not.
    Stamp([u8; 16]),
}

/// The persisted memo.
#[derive(Debug, Clone)]
pub(super) struct Artifact {
    pub(super) standing: Standing,
    /// What a new process makes of it.
    pub(super) content: Result<Memo, Reason>,
}

impl Artifact {
    /// That there is none.
    pub(super) fn absent() -> Self {
        Self { standing: Standing::Absent, content: Err(Reason::Absent) }
    }
}

/// What a scan has to do.
#[derive(Debug, Clone)]
pub(super) struct Prediction {
    pub(super) mode: Mode,
    pub(super) reason: Reason,
    /// What is known afterwards.
    pub(super) memo: Memo,
    /// Whether that is another memo than before.
    pub(super) changed: bool,
    pub(super) work: Work,
    /// What was read before a memo was refused, where that showed only then. It is part of the
    /// work.
    pub(super) in_vain: Option<Work>,
}

/// Why a memo is not continued.
#[derive(Debug)]
pub(super) struct Refused {
    check: Check,
    in_vain: Option<Work>,
}

impl From<Check> for Refused {
    fn from(check: Check) -> Self {
        Self { check, in_vain: None }
    }
}

/// What became of the facts that were looked up.
struct LookedUp {
    dropped: usize,
    /// Whether the row of one, at least, was there. It may be one that mattered only until others
    /// were dropped.
    found_one: bool,
}

/// What a scan of `view` has to do that starts with `memo`, or without one for a reason.
pub(super) fn predict(memo: Result<&Memo, Reason>, view: &View) -> Prediction {
    let refused = match memo {
        Err(reason) => return full(view, reason, None),
        Ok(_) if !view.rising => Check::Schema.into(),
        Ok(memo) => match advance(memo, view) {
            Ok(prediction) => return prediction,
            Err(refused) => refused,
        },
    };
    full(view, Reason::Check(refused.check), refused.in_vain)
}

/// A scan of all rows of `view` for a reason, after others were read for nothing.
pub(super) fn full(view: &View, reason: Reason, in_vain: Option<Work>) -> Prediction {
    let reason = match reason {
        Reason::Forced | Reason::Disabled => reason,
        _ if !view.rising => Reason::Check(Check::Schema),
        _ => reason,
    };
    let mut memo = Memo { file: view.file, cursor: view.max_id(), ..Memo::default() };
    memo.learn(view, i64::MIN);
    memo.remember(view, i64::MIN);
    let work = view.work(i64::MIN);
    let work = in_vain.iter().fold(work, Work::after);
    Prediction { mode: Mode::Full, reason, memo, changed: true, work, in_vain }
}

/// Continues `memo`, or names the check that forbids it.
pub(super) fn advance(memo: &Memo, view: &View) -> Result<Prediction, Refused> {
    let mut memo = memo.clone();
    if memo.file != view.file {
        return Err(Check::Identity.into());
    }
    let (cursor, max_id) = (memo.cursor, view.max_id());
    if max_id < cursor {
        return Err(Check::Shrink.into());
    }
    if memo.anchors.iter().any(|(&id, signature)| view.has(id, signature) == Some(false)) {
        return Err(Check::Anchors.into());
    }
    memo.anchors.retain(|&id, _| view.rows.contains_key(&id));
    // Whatever was below the first row is gone.
    let remembered = memo.facts.len();
    let least = view.rows.keys().next().copied().unwrap_or(i64::MAX);
    memo.facts.retain(|&id, _| id >= least);
    let forgotten = remembered - memo.facts.len();
    let LookedUp { mut dropped, found_one } = memo.drop_missing(view, cursor)?;
    dropped += forgotten;
    let turn_rows_stand = memo.turn_rows.check(&memo.known(&memo.ran()), view, cursor)?;
    if memo.anchors.is_empty() && !found_one && !turn_rows_stand {
        // The look for a survivor goes through the other facts in their order, and forgets those
        // that are gone.
        let gone: Vec<i64> =
            memo.facts.keys().copied().take_while(|id| !view.rows.contains_key(id)).collect();
        memo.facts.retain(|id, _| !gone.contains(id));
        dropped += gone.len();
        if memo.facts.is_empty() && cursor > 0 {
            return Err(Check::Anchors.into());
        }
    }
    let work = view.work(cursor);
    if max_id == cursor {
        memo.forget_turn_rows();
        return Ok(Prediction {
            mode: Mode::Unchanged,
            reason: Reason::None,
            memo,
            changed: dropped > 0,
            work,
            in_vain: None,
        });
    }
    memo.learn(view, cursor);
    let still = memo.drop_missing(view, cursor);
    let still = still.and_then(|_| memo.turn_rows.check(&memo.known(&memo.ran()), view, cursor));
    if let Err(check) = still {
        return Err(Refused { check, in_vain: Some(work) });
    }
    memo.forget_turn_rows();
    memo.cursor = max_id;
    memo.remember(view, cursor);
    let mode = Mode::Incremental;
    Ok(Prediction { mode, reason: Reason::None, memo, changed: true, work, in_vain: None })
}

impl Memo {
    /// Whether it is of the same file and has seen more rows.
    pub(super) fn is_ahead_of(&self, other: &Self) -> bool {
        self.file == other.file && self.cursor > other.cursor
    }

    /// Facts known.
    pub(super) fn facts(&self) -> u64 {
        self.facts.len() as u64
    }

    /// Completions among them.
    pub(super) fn completions(&self) -> u64 {
        self.facts.values().filter(|(_, fact)| fact.is_completion()).count() as u64
    }

    /// Rows that may have to be looked up to trust it.
    pub(super) fn remembered(&self) -> u64 {
        (self.anchors.len() + self.facts.len() + self.turn_rows.ids().len()) as u64
    }

    /// Rows remembered only to recognise the database by, which `before` did not remember so.
    pub(super) fn new_anchors(&self, before: &Self) -> u64 {
        self.anchors.keys().filter(|id| !before.anchors.contains_key(id)).count() as u64
    }

    /// The rows kept of turns.
    fn ran(&self) -> Vec<(i64, Ran)> {
        self.turn_rows.known()
    }

    /// What the oracle can fold, with these turn rows.
    fn known<'a>(&'a self, ran: &'a [(i64, Ran)]) -> Known<'a> {
        Known {
            facts: self.facts.iter().map(|(&id, (_, fact))| (id, fact)).collect(),
            ran: ran.iter().map(|(id, ran)| (*id, ran)).collect(),
        }
    }

    /// Whether each fact, in the order of ids, can change the answer.
    fn matters(&self) -> Vec<bool> {
        self.known(&self.ran()).relevant()
    }

    /// Drops the turn rows that can change no answer.
    fn forget_turn_rows(&mut self) {
        let needed = super::turn_rows::needed(&self.known(&[]));
        self.turn_rows.retain(&needed);
    }

    /// Adds the facts of the rows above `cursor`, and the turn rows there of turns for which they
    /// can count.
    fn learn(&mut self, view: &View, cursor: i64) {
        for (&id, row) in view.rows.range(cursor.saturating_add(1)..) {
            if let Some(fact) = &row.fact {
                self.facts.insert(id, (row.signature.clone(), fact.clone()));
            }
        }
        let needed = super::turn_rows::needed(&self.known(&[]));
        self.turn_rows.learn(&needed, view, cursor);
    }

    /// Drops the facts that can change the answer and whose rows are gone; a different row is a
    /// refusal. Others come to matter by that, so it is repeated.
    fn drop_missing(&mut self, view: &View, cursor: i64) -> Result<LookedUp, Check> {
        let mut done = LookedUp { dropped: 0, found_one: false };
        loop {
            let matters = self.matters();
            let mut gone = Vec::new();
            for ((&id, (signature, _)), _) in
                self.facts.iter().zip(matters).filter(|(_, matters)| *matters)
            {
                match view.has(id, signature) {
                    None if id <= cursor => gone.push(id),
                    Some(false) => return Err(Check::Facts),
                    Some(true) => done.found_one = true,
                    None => {}
                }
            }
            if gone.is_empty() {
                return Ok(done);
            }
            done.dropped += gone.len();
            self.facts.retain(|id, _| !gone.contains(id));
        }
    }

    /// Remembers the row at the cursor, and others above `before` as long as there are fewer than
    /// eight: first those whose ids, scrambled, are the least. If there are nine, an inner one is
    /// forgotten, the one whose neighbours are closest.
    fn remember(&mut self, view: &View, before: i64) {
        let mut new: Vec<i64> =
            view.rows.range(before.saturating_add(1)..).map(|(&id, _)| id).collect();
        new.retain(|&id| id != self.cursor);
        new.sort_by_key(|&id| scrambled(id));
        new.truncate(7_usize.saturating_sub(self.anchors.len()));
        for id in new.into_iter().chain([self.cursor]) {
            if let Some(row) = view.rows.get(&id) {
                self.anchors.insert(id, row.signature.clone());
            }
        }
        let ids: Vec<i64> = self.anchors.keys().copied().collect();
        if ids.len() > 8
            && let Some(crowded) =
                ids.windows(3).min_by_key(|three| three[2].abs_diff(three[0])).map(|three| three[1])
        {
            self.anchors.remove(&crowded);
        }
    }
}

/// The 64 bits that splitmix64 gives as its first number when it begins with `id`.
fn scrambled(id: i64) -> u64 {
    let times = |number: u64, factor: u64| number.wrapping_mul(factor);
    let begun = u64::from_ne_bytes(id.to_ne_bytes()).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let once = times(begun ^ (begun >> 30), 0xbf58_476d_1ce4_e5b9);
    let twice = times(once ^ (once >> 27), 0x94d0_49bb_1331_11eb);
    twice ^ (twice >> 31)
}
