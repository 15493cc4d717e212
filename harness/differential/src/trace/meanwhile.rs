//! What happens while a scan runs: to the database, to its memo, and scans by another process,
//! which are checked too.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tracerig_oracle::Window;
use tracerig_scanner::{Point, Reason};

use super::answered::{Asked, Stop};
use super::ending::is_locked;
use super::memo_file::{MemoFile, State};
use super::model::{Artifact, Memo, predict};
use super::scan_op::Act;
use super::verify::{expect, wrong};
use super::waiting::Waiting;
use super::worker::Worker;
use super::world::World;
use super::{Error, Wrong};
use crate::switches::trace::Ablations;
use crate::tally::Tally;

/// What both the history and the events inside its scans work on.
pub(super) struct Shared {
    pub(super) world: World,
    /// The path by which scans name the database.
    pub(super) named: PathBuf,
    pub(super) memo: MemoFile,
    /// The one that no scan uses now, with what represents `unfinished` there.
    pub(super) other_memo: (MemoFile, bool),
    pub(super) window: Window,
    pub(super) worker: Option<Arc<Mutex<Worker>>>,
    pub(super) tally: Tally,
    /// Rules of the scanner that are switched off.
    pub(super) ablations: Ablations,
    /// Whether only answers are looked at.
    pub(super) answers_only: bool,
    /// Whether another process may have died before it had renamed its memo, and none was written
    /// since.
    pub(super) unfinished: bool,
    /// What was in the memo's place when an event was over.
    pub(super) meanwhile: Option<(Artifact, State)>,
    /// What went wrong in an event.
    pub(super) trouble: Option<Error>,
    /// Another process that waits for the lock of the memo.
    pub(super) waiting: Option<Waiting>,
}

impl Shared {
    /// Makes the other memo the one of the scans from here on.
    pub(super) fn turn_to_other_memo(&mut self) {
        std::mem::swap(&mut self.memo, &mut self.other_memo.0);
        std::mem::swap(&mut self.unfinished, &mut self.other_memo.1);
    }

    /// Does what happens while a scan runs.
    pub(super) fn act_all(&mut self, acts: &[Act], is_locked: bool) -> Result<(), Error> {
        acts.iter().try_for_each(|act| self.act(act))?;
        if !is_locked {
            self.meanwhile = Some((self.memo.artifact()?, self.memo.state()));
        }
        Ok(())
    }

    fn act(&mut self, act: &Act) -> Result<(), Error> {
        match act {
            Act::Data(op) => self.world.apply(op),
            Act::Artifact(op) => Ok(self.memo.apply(*op)?),
            Act::Other { rescan } => self.other(*rescan, None),
            Act::OtherDies(at) => self.other(false, Some(*at)),
            Act::OtherWaits => self.other_waits(),
            Act::Fail | Act::Cancel => Ok(()),
        }
    }

    /// A scan from beginning to end, as another process is asked for it.
    pub(super) fn asked(&self) -> Asked {
        Asked {
            database: self.named.clone(),
            memo: self.memo.path.clone(),
            rescan: false,
            window: (self.window.since, self.window.until),
            identity: self.world.identity.now(),
            connections: NonZeroUsize::MIN,
            ablations: self.ablations,
            stop: None,
            tells_stamp: false,
        }
    }

    /// Has another process scan, and checks that scan too.
    fn other(&mut self, rescan: bool, dies: Option<Point>) -> Result<(), Error> {
        let Some(worker) = self.worker.clone() else { return Ok(()) };
        let view = self.world.view()?;
        let artifact = self.memo.artifact()?;
        let loaded = if rescan { Err(Reason::Forced) } else { artifact.content };
        let due = predict(loaded.as_ref().map_err(|reason| *reason), &view);
        let stop = dies.map(|at| Stop::Die(at.name().to_owned()));
        let asked = Asked { rescan, stop, ..self.asked() };
        let writes = due.changed && view.rising;
        let answered = worker.lock().unwrap_or_else(PoisonError::into_inner).ask(asked)?;
        if self.answers_only {
            let Some(Ok(answered)) = answered else { return Ok(()) };
            let right = view.answer(self.window).turns;
            return expect(Wrong::Turns, "the answer of another process", &answered.turns, &right);
        }
        let Some(answered) = answered else {
            return match dies {
                Some(at) if writes || !is_locked(at) => {
                    self.tally.count("another process died");
                    self.unfinished |= is_locked(at);
                    if at == Point::Persisted { self.note_written(due.memo) } else { Ok(()) }
                }
                _ => Err(wrong(Wrong::Outcome, "another process died by itself")),
            };
        };
        if dies.is_some_and(|at| writes || !is_locked(at)) {
            return Err(wrong(Wrong::Outcome, "another process passed the point where it dies"));
        }
        let answered = answered
            .map_err(|error| wrong(Wrong::Outcome, format!("another process: {error:?}")))?;
        let who = "of another process";
        expect(
            Wrong::Turns,
            &format!("the answer {who}"),
            &answered.turns,
            &view.answer(self.window).turns,
        )?;
        let mode = (answered.mode, answered.reason);
        expect(
            Wrong::Mode,
            &format!("the mode {who}"),
            &mode,
            &(due.mode.to_string(), due.reason.to_string()),
        )?;
        expect(Wrong::Work, &format!("the work {who}"), &answered.rows_examined, &due.work.rows)?;
        expect(Wrong::Memo, &format!("the cursor {who}"), &answered.cursor, &due.memo.cursor)?;
        expect(Wrong::Written, &format!("persisting {who}"), &answered.persisted, &writes)?;
        self.tally.count("scans by another process meanwhile");
        if writes { self.note_written(due.memo) } else { Ok(()) }
    }

    pub(super) fn note_written(&mut self, memo: Memo) -> Result<(), Error> {
        self.unfinished = false;
        if self.memo.written(memo)? {
            Ok(())
        } else {
            Err(wrong(Wrong::Written, "the memo can be read by others than its owner"))
        }
    }

    /// Temporary files must not stay, whatever happened.
    pub(super) fn check_litter(&self) -> Result<(), Error> {
        let folder = self.memo.path.parent().unwrap_or(Path::new("."));
        for entry in std::fs::read_dir(folder)? {
            let name = entry?.file_name();
            let is_known = ["memo", "memo.lock", "memo.saved", "memo.target"]
                .iter()
                .any(|known| name == *known)
                || (self.unfinished && name == ".memo.new");
            if !is_known {
                return Err(wrong(Wrong::Litter, format!("{} was left behind", name.display())));
            }
        }
        Ok(())
    }
}
