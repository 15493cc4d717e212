//! How a scan is launched, here or in a separate process, with what happens while it runs.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tracerig_scanner::{Request, Scan, ScanError};

use super::Error;
use super::answered::{Answered, Asked, Refused, Stop};
use super::ending::is_locked;
use super::execute::Runner;
use super::scan_op::{Act, Event, ScanOp};
use super::worker::{Said, Task, Word};
use crate::child::Fault;
use crate::engine::Engine;

impl Runner {
    /// Scans, with what happens meanwhile. Gives whether that happened, too.
    pub(super) fn launch(&self, op: &ScanOp) -> Result<(Result<Answered, Refused>, bool), Error> {
        let result = self.scan_here(op)?;
        let fired = self.stage.disarm();
        match self.shared().trouble.take() {
            Some(trouble) => Err(trouble),
            None => Ok((result.map(Answered::from).map_err(Refused::from), fired)),
        }
    }

    /// The same, in a separate process that ends with the scan.
    pub(super) fn launch_fresh(
        &self,
        op: &ScanOp,
    ) -> Result<(Result<Answered, Refused>, bool), Error> {
        let mut shared = self.shared();
        let Some(worker) = shared.worker.clone() else {
            return Err(Error::Impossible("there is no program to relaunch"));
        };
        let is_locked = op.event.as_ref().is_some_and(|event| is_locked(event.at));
        check_possible(op)?;
        let mut child = worker.lock().unwrap_or_else(PoisonError::into_inner).fresh()?;
        child.say(&Task::Scan(Asked {
            connections: self.connections,
            rescan: op.rescan || self.engine == Engine::Rescanning,
            stop: op.event.as_ref().map(|event| Stop::Wait(event.at.name().to_owned())),
            ..shared.asked()
        }));
        let mut fired = false;
        loop {
            match (child.hear(), &op.event) {
                (Ok(Said::Scanned(outcome)), _) => return Ok((outcome, fired)),
                (Ok(Said::Reached), Some(event)) if !fired => {
                    fired = true;
                    shared.act_all(&event.acts, is_locked)?;
                    let fails = event.acts.contains(&Act::Fail);
                    child.say(&Word { fails, identity: shared.world.identity.now() });
                }
                (Ok(_), _) => return Err(Error::Child(Fault::Rubbish)),
                (Err(fault), _) => return Err(Error::Child(child.end_after(fault).0)),
            }
        }
    }

    fn scan_here(&self, op: &ScanOp) -> Result<Result<Scan, ScanError>, Error> {
        let Some(scanner) = &self.scanner else {
            return Err(Error::Impossible("there is no scanner"));
        };
        let rescan = op.rescan || self.engine == Engine::Rescanning;
        let request = Request { window: super::window(self.shared().window), rescan };
        let Some(Event { at, acts }) = &op.event else { return Ok(scanner.scan(&request)) };
        let is_locked = is_locked(*at);
        check_possible(op)?;

        let (here, at_point) = mpsc::channel();
        let (go, gone) = mpsc::channel();
        let (shared, todo) = (Arc::clone(&self.shared), acts.clone());
        let happening = move || {
            {
                let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                shared.trouble = shared.act_all(&todo, is_locked).err();
            }
            if todo.contains(&Act::Cancel) {
                // Anyone who cancels is waiting for this, unless the history is over.
                let _ = here.send(());
                let _ = gone.recv();
            }
            !todo.contains(&Act::Fail)
        };
        self.stage.arm(*at, Box::new(happening));
        if !acts.contains(&Act::Cancel) {
            return Ok(scanner.scan(&request));
        }
        let running = scanner.start(request);
        loop {
            match at_point.recv_timeout(Duration::from_millis(1)) {
                Ok(()) => {
                    running.cancel();
                    // If the scan is past waiting, so much the better.
                    let _ = go.send(());
                    break;
                }
                Err(RecvTimeoutError::Timeout) if !running.is_finished() => {}
                Err(_) => break,
            }
        }
        Ok(running.wait())
    }
}

fn check_possible(op: &ScanOp) -> Result<(), Error> {
    let waits = |act: &Act| matches!(act, Act::Other { .. } | Act::OtherDies(_) | Act::Artifact(_));
    match &op.event {
        Some(event) if is_locked(event.at) && event.acts.iter().any(waits) => {
            Err(Error::Impossible("others wait for the lock of the memo from `persist-locked` on"))
        }
        Some(event)
            if event.acts.contains(&Act::OtherWaits)
                && (!is_locked(event.at) || event.acts.len() > 1) =>
        {
            Err(Error::Impossible(
                "others wait from `persist-locked` on, while nothing else happens",
            ))
        }
        _ => Ok(()),
    }
}
