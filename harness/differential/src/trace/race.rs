//! What really runs at once: scanners that share a memo and a writer, each a separate process, some
//! of them killed.
//!
//! Nobody knows which state of the database a scan saw, or whether it found the memo of the other.
//! So everything that may have happened is worked out, and what did must be among it: an answer is
//! that of a state that was there, in the mode and with the work that follow from it and from a
//! memo that was there; a batch is there or not, and is there if its writer said so; a memo is one
//! that somebody wrote, and no scan has replaced one that it had not read.

use std::sync::{Arc, Barrier, PoisonError};
use std::time::Duration;

use tracerig_scanner::{MemoPlace, Mode, Reason, Request};

use super::agree::spoil;
use super::answered::{Answered, Asked, Stop};
use super::data_op::DataOp;
use super::execute::Runner;
use super::meanwhile::Shared;
use super::model::{Memo, predict};
use super::orders::Ran;
use super::race_op::{Kill, Race, Racer};
use super::scan_op::ScanOp;
use super::verify::{check_scan, expect, wrong};
use super::view::View;
use super::worker::{Said, Task};
use super::{Error, Wrong};
use crate::child::Child;
use crate::engine::Engine;

/// What a race leaves.
pub(super) struct Left {
    /// What a new process may make of the memo, one of these.
    pub(super) contents: Vec<Result<Memo, Reason>>,
    /// What is in the database.
    pub(super) view: View,
}

impl Runner {
    /// Runs a race, then a relaunch, which finds one of the memos that may be there, and if that
    /// does not tell which one it was, a forced rescan.
    pub(super) fn race(&mut self, race: &Race) -> Result<(), Error> {
        let view = self.view()?;
        (self.scanner, self.held, self.view) = (None, None, None);
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let (engine, answered) = (self.engine, &mut self.answered);
        let Left { contents, view } =
            shared.race(race, &view, engine == Engine::Rescanning, |answer| {
                spoil(engine, &mut answer.turns, answered);
            })?;
        let (memo, window) = (shared.memo.path.clone(), super::window(shared.window));
        drop(shared);
        let view = Arc::clone(self.view.insert(Arc::new(view)));
        let scanner = self.new_scanner(MemoPlace::File(memo));
        let scan = scanner.scan(&Request { window, rescan: self.engine == Engine::Rescanning });
        let mut scan =
            scan.map(Answered::from).map_err(|error| wrong(Wrong::Outcome, error.to_string()))?;
        spoil(self.engine, &mut scan.turns, &mut self.answered);

        // What the memo says after that: what is known by then, or, where nothing was written, what
        // it said before.
        let mut stands: Vec<Result<Memo, Reason>> = Vec::new();
        let mut first = None;
        for content in contents {
            let due = predict(content.as_ref().map_err(|reason| *reason), &view);
            let writes = due.changed && view.rising;
            let is_it = check_scan(&scan, &due, content.as_ref())
                .and_then(|()| expect(Wrong::Written, "persisted", &scan.persisted, &writes));
            let left = if writes { Ok(due.memo) } else { content };
            match is_it {
                Ok(()) if stands.contains(&left) => {}
                Ok(()) => stands.push(left),
                Err(error) => first = first.or(Some(error)),
            }
        }
        match (stands.pop(), first) {
            (Some(left), _) if stands.is_empty() => {
                let mut shared = self.shared();
                match left {
                    Ok(memo) if scan.persisted => shared.note_written(memo)?,
                    Ok(memo) => drop(shared.memo.written(memo)?),
                    Err(_) => {}
                }
                shared.check_litter()?;
            }
            (Some(_), _) => {
                self.shared().tally.count("races that leave one of several memos");
                self.scan(&ScanOp { again: false, rescan: true, event: None })?;
            }
            (None, Some(error)) => return Err(error),
            (None, None) => return Err(Error::Impossible("a race leaves nothing")),
        }
        let mode = if scan.mode == Mode::Full.to_string() { Mode::Full } else { Mode::Incremental };
        self.check_answers(Some(&(scan.turns, Arc::clone(&view), mode)), &view)
    }
}

impl Shared {
    /// Runs `race` on a database in which `view` is. The scans examine every row if they
    /// `must_rescan`; `spoil` makes of an answer what is checked.
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
            Some(Err(error)) => {
                return Err(wrong(Wrong::Outcome, format!("the writer failed: {error}")));
            }
            None => {
                self.tally.count("writers killed");
                if begun > 0 {
                    self.tally.count("writers killed at an operation");
                }
                (begun.saturating_sub(1), begun)
            }
        };
        let now = self.world.view()?;
        let Some(last) = (least..=most)
            .rev()
            .find(|&at| views.get(at).is_some_and(|view| view.rows == now.rows))
        else {
            let ids = |view: &View| view.rows.keys().copied().collect::<Vec<_>>();
            let detail = format!(
                "the rows {:?} match no state after {least} to {most} operations of the \
                 writer, {:?}",
                ids(&now),
                views.get(least..=most).unwrap_or_default().iter().map(ids).collect::<Vec<_>>()
            );
            return Err(wrong(Wrong::Batch, detail));
        };
        if ended.is_none() && begun > 0 {
            let what = if last == begun {
                "batches there after a kill"
            } else {
                "batches not there after a kill"
            };
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
        return Err(Error::Impossible(
            "in a race rows are appended and deleted, and nothing else happens",
        ));
    }
    Ok(())
}
