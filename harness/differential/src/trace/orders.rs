//! In which orders the events of a race can have happened, and which memo that leaves.

use tracerig_scanner::Reason;

use super::answered::Answered;
use super::meanwhile::Shared;
use super::model::{Artifact, Memo, Prediction, Standing, advance, predict};
use super::verify::{check_scan, wrong};
use super::view::View;
use super::{Error, Wrong};

/// What is known of a racing scan.
pub(super) struct Ran {
    pub(super) rescan: bool,
    /// `None` if it was killed.
    pub(super) answered: Option<Answered>,
    /// The stamp of the memo that it said to have written.
    pub(super) wrote: Option<[u8; 16]>,
}

/// How a scan may have come about.
#[derive(Clone)]
struct Take {
    due: Prediction,
    /// Whether it read the memo that the other wrote.
    read_other: bool,
    writes: bool,
}

impl Shared {
    /// What a new process may make of the memo that is there, if everything that `ran` can have
    /// happened.
    pub(super) fn contents(
        &self,
        ran: &[Ran],
        before: &Artifact,
        views: &[View],
    ) -> Result<Vec<Result<Memo, Reason>>, Error> {
        let standing = self.memo.artifact()?.standing;
        let first =
            |ran: &Ran| self.takes(ran, std::slice::from_ref(&before.content), false, views);
        let after = |ran: &Ran, others: &[Take]| {
            let memos: Vec<_> = others
                .iter()
                .filter(|take| take.writes)
                .map(|take| Ok(take.due.memo.clone()))
                .collect();
            self.takes(ran, &memos, true, views)
        };
        let mut contents: Vec<Result<Memo, Reason>> = Vec::new();
        let mut is_explained = false;
        let mut explain = |takes: &[(&Ran, &Take)]| {
            if let Some(found) = outcome(takes, before, standing, views) {
                is_explained = true;
                for content in found {
                    if !contents.contains(&content) {
                        contents.push(content);
                    }
                }
            }
        };
        match ran {
            [] => explain(&[]),
            [one] => first(one).iter().for_each(|take| explain(&[(one, take)])),
            [one, other] => {
                let (ones, others) = (first(one), first(other));
                for (one_take, other_take) in pairs(&ones, &others) {
                    explain(&[(one, one_take), (other, other_take)]);
                }
                for (one_take, other_take) in pairs(&ones, &after(other, &ones)) {
                    explain(&[(one, one_take), (other, other_take)]);
                }
                for (one_take, other_take) in pairs(&after(one, &others), &others) {
                    explain(&[(one, one_take), (other, other_take)]);
                }
            }
            _ => return Err(Error::Impossible("more than two scans in a race")),
        }
        if is_explained {
            Ok(contents)
        } else {
            Err(self.unexplained(ran, before, standing, views))
        }
    }

    /// Every way in which the scan that `ran` may have come about with one of `memos` in one of
    /// `views`.
    fn takes(
        &self,
        ran: &Ran,
        memos: &[Result<Memo, Reason>],
        read_other: bool,
        views: &[View],
    ) -> Vec<Take> {
        let mut takes = Vec::new();
        for memo in memos {
            let loaded = if ran.rescan { Err(&Reason::Forced) } else { memo.as_ref() };
            for view in views {
                let due = predict(loaded.map_err(|reason| *reason), view);
                let is_it = ran.answered.as_ref().is_none_or(|answered| {
                    check_scan(answered, &due, loaded).is_ok()
                        && answered.turns == view.answer(self.window).turns
                });
                if is_it {
                    let writes = due.changed && view.rising;
                    takes.push(Take { due, read_other, writes });
                }
            }
        }
        takes
    }

    fn unexplained(
        &self,
        ran: &[Ran],
        before: &Artifact,
        standing: Standing,
        views: &[View],
    ) -> Error {
        for ran in ran {
            let Some(answered) = &ran.answered else { continue };
            if !views.iter().any(|view| view.answer(self.window).turns == answered.turns) {
                let detail =
                    format!("a racing scan says {:?}, which is right in no state", answered.turns);
                return wrong(Wrong::Turns, detail);
            }
        }
        let told: Vec<_> = ran
            .iter()
            .map(|ran| match &ran.answered {
                Some(it) => format!(
                    "{} ({}), {} rows, cursor {}, persisted {}",
                    it.mode, it.reason, it.rows_examined, it.cursor, it.persisted
                ),
                None => format!("killed, wrote {}", ran.wrote.is_some()),
            })
            .collect();
        let detail = format!(
            "no order of events explains racing scans that say {told:?} and leave {standing:?} \
             where {:?} stood",
            before.standing
        );
        wrong(Wrong::Race, detail)
    }
}

/// What the memo may say if the scans came about as `takes` have it; `None` if they cannot have.
fn outcome(
    takes: &[(&Ran, &Take)],
    before: &Artifact,
    standing: Standing,
    views: &[View],
) -> Option<Vec<Result<Memo, Reason>>> {
    let other = |at: usize| if takes.len() > 1 { takes.get(1 - at) } else { None };
    let may_have_written =
        |ran: &Ran, take: &Take| take.writes && (ran.wrote.is_some() || ran.answered.is_none());
    for (at, (ran, take)) in takes.iter().enumerate() {
        let rival = other(at).filter(|(ran, take)| may_have_written(ran, take));
        if take.read_other && rival.is_none() {
            return None;
        }
        if let Some(answered) = &ran.answered {
            // One that finds another memo than it has read drops its own, but for a forced one.
            let may_drop = take.writes && !ran.rescan && rival.is_some() && !take.read_other;
            if (answered.persisted && !take.writes)
                || (!answered.persisted && take.writes && !may_drop)
            {
                return None;
            }
        }
        if ran.wrote.is_some() && !take.writes {
            return None;
        }
    }
    if let [(one, one_take), (two, two_take)] = takes
        && one.wrote.is_some()
        && two.wrote.is_some()
        && !(one.rescan || two.rescan || one_take.read_other || two_take.read_other)
    {
        // Both replaced the same one.
        return None;
    }
    let written = |at: usize| {
        let (ran, take) = takes[at];
        let mut memos = vec![Ok(take.due.memo.clone())];
        if ran.rescan && takes.len() > 1 {
            // It caught up with the other's before it replaced it.
            let newer = views.iter().filter_map(|view| advance(&take.due.memo, view).ok());
            memos.extend(newer.map(|newer| Ok(newer.memo)));
        }
        memos
    };
    let owner = takes
        .iter()
        .position(|(ran, _)| ran.wrote.is_some_and(|stamp| standing == Standing::Stamp(stamp)));
    let somebody_wrote = takes.iter().any(|(ran, _)| ran.wrote.is_some());
    match owner {
        Some(at) => {
            // Anyone who wrote before it must have been read by it, or be overruled.
            let (ran, take) = takes[at];
            let is_later = other(at).is_some_and(|(other, _)| other.wrote.is_some());
            (!is_later || take.read_other || ran.rescan).then(|| written(at))
        }
        None if standing == before.standing => {
            (!somebody_wrote).then(|| vec![before.content.clone()])
        }
        None => {
            // One that was killed before it could say that it had written.
            let at = takes.iter().position(|(ran, take)| {
                ran.answered.is_none() && ran.wrote.is_none() && take.writes
            })?;
            Some(written(at))
        }
    }
}

fn pairs<'a, T>(ones: &'a [T], others: &'a [T]) -> impl Iterator<Item = (&'a T, &'a T)> {
    ones.iter().flat_map(move |one| others.iter().map(move |other| (one, other)))
}
