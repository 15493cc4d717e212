//! What really runs at once: scanners that share a memo and a writer, each a process of its own, some of them killed.
//!
//! Nobody knows which state of the database a scan saw, or whether it found the memo of the other. So everything that may
//! have happened is worked out, and what did must be among it: an answer is that of a state that was there, in the mode and
//! with the work that follow from it and from a memo that stood there; a batch is there or not, and is there if its writer
//! said so; a memo is one that somebody wrote, and no scan has replaced one that it had not read.

use std::sync::{Barrier, PoisonError};
use std::time::Duration;

use tracerig_scanner::Reason;

use super::answered::{Answered, Asked, Stop};
use super::child::Child;
use super::meanwhile::Shared;
use super::model::{Artifact, Memo, Prediction, Standing, advance, predict};
use super::op::{DataOp, Kill, Race, Racer};
use super::verify::{check_scan, expect, wrong};
use super::view::View;
use super::worker::{Said, Task};
use super::{Error, Wrong};

/// What is known of a racing scan.
struct Ran {
    rescan: bool,
    /// `None` if it was killed.
    answered: Option<Answered>,
    /// The stamp of the memo that it said to have written.
    wrote: Option<[u8; 16]>,
}

/// How a scan may have come about.
#[derive(Clone)]
struct Take {
    due: Prediction,
    /// Whether it read the memo that the other wrote.
    read_other: bool,
    writes: bool,
}

/// What a race leaves.
pub(super) struct Left {
    /// What a new process may make of the memo, one of these.
    pub(super) contents: Vec<Result<Memo, Reason>>,
    /// What stands in the database.
    pub(super) view: View,
}

impl Shared {
    /// Runs `race` on a database in which `view` stands. The scans examine every row if they `must_rescan`; `spoil` makes of an
    /// answer what is checked.
    pub(super) fn race(
        &mut self,
        race: &Race,
        view: &View,
        must_rescan: bool,
        mut spoil: impl FnMut(&mut Answered),
    ) -> Result<Left, Error> {
        check_possible(race)?;
        let artifact = self.memo.artifact()?;
        let ops = race.writer.as_ref().map_or(&[][..], |writer| &writer.ops);
        let (writing, mut views) = self.world.rehearse(ops)?;
        expect(Wrong::Outcome, "a copy of the database", &views[0].rows, &view.rows)?;

        let scans: Vec<_> = race
            .scans
            .iter()
            .map(|racer| {
                let stop = racer.kill.and_then(|kill| kill.from);
                let stop = stop.map(|point| Stop::Tell(point.name().to_owned()));
                let rescan = racer.rescan || must_rescan;
                (Task::Scan(Asked { rescan, stop, tells_stamp: true, ..self.asked() }), racer.kill)
            })
            .collect();
        let writer = race.writer.iter().map(|writer| (Task::Write(writing.clone()), writer.kill));
        let mut heard = self.run_all(scans.into_iter().chain(writer).collect())?;

        let written = if race.writer.is_some() { heard.pop() } else { None };
        if let Some(written) = written {
            views = self.check_writer(&written, views)?;
        }
        let mut ran = Vec::new();
        for (racer, heard) in race.scans.iter().zip(heard) {
            let mut scan = self.take_up(racer, heard)?;
            scan.answered.iter_mut().for_each(&mut spoil);
            ran.push(scan);
        }
        let contents = self.contents(&ran, &artifact, &views)?;
        let Some(view) = views.pop() else { return Err(Error::Impossible("no state is left")) };
        self.tally.count("races");
        Ok(Left { contents, view })
    }

    /// Has a process do each of `tasks`, all at once.
    fn run_all(&mut self, tasks: Vec<(Task, Option<Kill>)>) -> Result<Vec<Vec<Said>>, Error> {
        let Some(worker) = self.worker.clone() else {
            return Err(Error::Impossible("there is no program for other processes"));
        };
        let mut worker = worker.lock().unwrap_or_else(PoisonError::into_inner);
        let mut children = Vec::new();
        for _ in &tasks {
            let mut child = worker.fresh()?;
            child.say(&Task::Greet);
            children.push(child);
        }
        for child in &mut children {
            if let Err(fault) = child.hear::<Said>() {
                return Err(Error::Child(child.end_after(fault).0));
            }
        }
        let barrier = Barrier::new(tasks.len());
        std::thread::scope(|scope| {
            let start = |(child, (task, kill)): (Child, (Task, Option<Kill>))| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    follow(child, &task, kill)
                })
            };
            let threads: Vec<_> = children.into_iter().zip(tasks).map(start).collect();
            let heard = threads.into_iter().map(|thread| match thread.join() {
                Ok(heard) => heard,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            heard.collect()
        })
    }

    /// Checks what the writer left behind, and gives the states of the database up to that.
    fn check_writer(&mut self, said: &[Said], mut views: Vec<View>) -> Result<Vec<View>, Error> {
        let begun = said.iter().filter(|said| matches!(said, Said::Began(_))).count();
        let ended = said.iter().find_map(|said| match said {
            Said::Written(outcome) => Some(outcome),
            _ => None,
        });
        // An operation whose successor has begun is done.
        let (least, most) = match ended {
            Some(Ok(())) => (views.len() - 1, views.len() - 1),
            Some(Err(error)) => return Err(wrong(Wrong::Outcome, format!("the writer failed: {error}"))),
            None => {
                self.tally.count("writers killed");
                if begun > 0 {
                    self.tally.count("writers killed at an operation");
                }
                (begun.saturating_sub(1), begun)
            }
        };
        let now = self.world.view()?;
        let Some(last) =
            (least..=most).rev().find(|&at| views.get(at).is_some_and(|view| view.rows == now.rows))
        else {
            let ids = |view: &View| view.rows.keys().copied().collect::<Vec<_>>();
            let detail = format!(
                "the rows {:?} are none of the states after {least} to {most} operations of the writer, {:?}",
                ids(&now),
                views.get(least..=most).unwrap_or_default().iter().map(ids).collect::<Vec<_>>()
            );
            return Err(wrong(Wrong::Batch, detail));
        };
        if ended.is_none() && begun > 0 {
            let what =
                if last == begun { "batches there after a kill" } else { "batches not there after a kill" };
            self.tally.count(what);
        }
        views.truncate(last + 1);
        Ok(views)
    }

    fn take_up(&mut self, racer: &Racer, said: Vec<Said>) -> Result<Ran, Error> {
        let mut ran = Ran { rescan: racer.rescan, answered: None, wrote: None };
        let mut refused = None;
        for said in said {
            match said {
                Said::Wrote(stamp) => ran.wrote = Some(stamp),
                Said::Scanned(Ok(answered)) => ran.answered = Some(answered),
                Said::Scanned(Err(error)) => refused = Some(error),
                _ => {}
            }
        }
        if let Some(refused) = refused {
            return Err(wrong(Wrong::Outcome, format!("a racing scan: {refused:?}")));
        }
        match &ran.answered {
            Some(answered) => {
                let says = (answered.persisted, ran.wrote.is_some());
                expect(Wrong::Written, "persisted, written", &says, &(says.1, says.1))?;
                self.tally.count("racing scans");
            }
            None => {
                self.unfinished = true;
                self.tally.count("racing scans killed");
                if ran.wrote.is_some() {
                    self.tally.count("racing scans killed with their memo in place");
                }
            }
        }
        Ok(ran)
    }

    /// What a new process may make of the memo that stands there, if everything that `ran` can have happened.
    fn contents(
        &self,
        ran: &[Ran],
        before: &Artifact,
        views: &[View],
    ) -> Result<Vec<Result<Memo, Reason>>, Error> {
        let standing = self.memo.artifact()?.standing;
        let first = |ran: &Ran| self.takes(ran, std::slice::from_ref(&before.content), false, views);
        let after = |ran: &Ran, others: &[Take]| {
            let memos: Vec<_> =
                others.iter().filter(|take| take.writes).map(|take| Ok(take.due.memo.clone())).collect();
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
        if is_explained { Ok(contents) } else { Err(self.unexplained(ran, before, standing, views)) }
    }

    /// Every way in which the scan that `ran` may have come about with one of `memos` in one of `views`.
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

    fn unexplained(&self, ran: &[Ran], before: &Artifact, standing: Standing, views: &[View]) -> Error {
        for ran in ran {
            let Some(answered) = &ran.answered else { continue };
            if !views.iter().any(|view| view.answer(self.window).turns == answered.turns) {
                let detail = format!("a racing scan says {:?}, which is right in no state", answered.turns);
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
            "no order of events explains racing scans that say {told:?} and leave {standing:?} where {:?} stood",
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
            if (answered.persisted && !take.writes) || (!answered.persisted && take.writes && !may_drop) {
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
    let owner =
        takes.iter().position(|(ran, _)| ran.wrote.is_some_and(|stamp| standing == Standing::Stamp(stamp)));
    let somebody_wrote = takes.iter().any(|(ran, _)| ran.wrote.is_some());
    match owner {
        Some(at) => {
            // Whoever wrote before it must have been read by it, or be overruled.
            let (ran, take) = takes[at];
            let is_later = other(at).is_some_and(|(other, _)| other.wrote.is_some());
            (!is_later || take.read_other || ran.rescan).then(|| written(at))
        }
        None if standing == before.standing => (!somebody_wrote).then(|| vec![before.content.clone()]),
        None => {
            // One that was killed before it could say that it had written.
            let at = takes
                .iter()
                .position(|(ran, take)| ran.answered.is_none() && ran.wrote.is_none() && take.writes)?;
            Some(written(at))
        }
    }
}

fn pairs<'a, T>(ones: &'a [T], others: &'a [T]) -> impl Iterator<Item = (&'a T, &'a T)> {
    ones.iter().flat_map(move |one| others.iter().map(move |other| (one, other)))
}

/// Has `child` do `task`, kills it when its time has come, and gives what it said.
fn follow(mut child: Child, task: &Task, kill: Option<Kill>) -> Result<Vec<Said>, Error> {
    child.say(task);
    let mut all = Vec::new();
    let mut is_killed = false;
    let strike = |child: &mut Child, after: Duration| {
        std::thread::sleep(after);
        child.kill();
    };
    if let Some(Kill { after, from: None }) = kill {
        strike(&mut child, after);
        is_killed = true;
    }
    loop {
        match child.hear() {
            Ok(said @ (Said::Scanned(_) | Said::Written(_))) => {
                all.push(said);
                return Ok(all);
            }
            Ok(Said::Reached) => {
                if let Some(Kill { after, .. }) = kill {
                    strike(&mut child, after);
                    is_killed = true;
                }
            }
            Ok(said) => all.push(said),
            Err(_) if is_killed => return Ok(all),
            Err(fault) => return Err(Error::Child(child.end_after(fault).0)),
        }
    }
}

/// Refuses what nobody could tell the outcome of.
fn check_possible(race: &Race) -> Result<(), Error> {
    let is_one = |op: &DataOp| {
        matches!(
            op,
            DataOp::Append(_)
                | DataOp::PruneBefore(_)
                | DataOp::Delete(_)
                | DataOp::Vacuum
                | DataOp::IncrementalVacuum(_)
                | DataOp::Checkpoint
        )
    };
    if race.scans.len() > 2 {
        return Err(Error::Impossible("more than two scans in a race"));
    }
    if race.writer.as_ref().is_some_and(|writer| !writer.ops.iter().all(is_one)) {
        return Err(Error::Impossible("in a race rows are appended and deleted, and nothing else happens"));
    }
    Ok(())
}
