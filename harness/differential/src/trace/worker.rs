//! Other processes that scan when asked to: scans of one database are serialized within a process,
//! so that overlapping ones take two, and a relaunch is a new process.
//!
//! [`serve`] is the child's side. It answers each line of JSON on its standard input with others,
//! the last of which is the outcome.

use std::ffi::OsString;
use std::io::{self, BufRead};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracerig_scanner::{Identity, Point, Probe};

use super::Error;
use super::answered::{Answered, Asked, Refused, Stop, Told};
use super::memo_file::stamp;
use super::world::Writing;
use crate::child::{Child, Fault, PATIENCE, send};

/// The exit code of a child that was reported to die.
const DIED: i32 = 9;

/// What a child is reported to do.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Task {
    /// To say that it is there.
    Greet,
    /// To scan.
    Scan(Asked),
    /// To write.
    Write(Writing),
}

/// What a child says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Said {
    /// That it is there.
    Here,
    /// That its scan has reached the point.
    Reached,
    /// That its scan has put a memo with this stamp in place, and still holds its lock.
    Wrote([u8; 16]),
    /// What came of the scan.
    Scanned(Result<Answered, Refused>),
    /// That so many operations of the writing are begun; the others before it are done.
    Began(usize),
    /// That all are done, or in words why not.
    Written(Result<(), String>),
}

/// What a child that waits at a point is reported.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Word {
    /// Whether the step fails.
    pub(super) fails: bool,
    /// What the file at the path shows from now on.
    pub(super) identity: Identity,
}

/// The program that calls [`serve`]: a library cannot know where it is.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// Its file.
    pub path: PathBuf,
    /// The arguments with which it calls [`serve`].
    pub arguments: Vec<OsString>,
}

impl Program {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments);
        command
    }
}

/// A child process that scans again and again, for as long as this value lives.
#[derive(Debug)]
pub struct Worker {
    command: Command,
    patience: Duration,
    child: Child,
}

impl Worker {
    /// Starts `program`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(program: &Program) -> io::Result<Self> {
        Self::start_patient(program.command(), PATIENCE)
    }

    fn start_patient(mut command: Command, patience: Duration) -> io::Result<Self> {
        let child = Child::start(&mut command, patience)?;
        Ok(Self { command, patience, child })
    }

    /// Another child of the same program.
    pub(super) fn fresh(&mut self) -> Result<Child, Error> {
        Child::start(&mut self.command, self.patience).map_err(|_| Error::Child(Fault::NotStarted))
    }

    /// Has the child scan; `None` if it died as it was told to. Whatever became of it, there is one
    /// to ask afterwards.
    pub(super) fn ask(&mut self, asked: Asked) -> Result<Option<Result<Answered, Refused>>, Error> {
        self.child.say(&Task::Scan(asked));
        let fault = match self.child.hear() {
            Ok(Said::Scanned(outcome)) => return Ok(Some(outcome)),
            Ok(_) => Fault::Rubbish,
            Err(fault) => fault,
        };
        let (fault, code) = self.child.end_after(fault);
        self.child = self.fresh()?;
        if fault == Fault::Crashed && code == Some(DIED) {
            Ok(None)
        } else {
            Err(Error::Child(fault))
        }
    }
}

/// Serves scans until the parent ends. To be called in a process that [`Worker::start`] started.
///
/// # Errors
/// Standard input or output fails, or says what is no task.
pub fn serve() -> io::Result<()> {
    while let Some(task) = hear()? {
        match task {
            Task::Greet => send(io::stdout(), &Said::Here)?,
            Task::Scan(asked) => {
                let identity = Told::new(asked.identity);
                let probe = Arc::new(Telling::new(&asked, Arc::clone(&identity)));
                send(io::stdout(), &Said::Scanned(asked.scan(identity, Some(probe))))?;
            }
            Task::Write(writing) => {
                let done = writing.write(|begun| send(io::stdout(), &Said::Began(begun)));
                send(io::stdout(), &Said::Written(done.map_err(|error| error.to_string())))?;
            }
        }
    }
    Ok(())
}

/// What the parent says next; `None` when it has ended.
fn hear<T: serde::de::DeserializeOwned>() -> io::Result<Option<T>> {
    let mut line = String::new();
    let bytes = io::stdin().lock().read_line(&mut line)?;
    if bytes == 0 { Ok(None) } else { Ok(Some(serde_json::from_str(&line)?)) }
}

/// Tells the parent of a point, and does what is to be done there, once.
#[derive(Debug)]
struct Telling {
    stop: Mutex<Option<Stop>>,
    identity: Arc<Told>,
    /// The memo whose stamp is reported when it is written.
    memo: Option<PathBuf>,
}

impl Telling {
    fn new(asked: &Asked, identity: Arc<Told>) -> Self {
        let memo = asked.tells_stamp.then(|| asked.memo.clone());
        Self { stop: Mutex::new(asked.stop.clone()), identity, memo }
    }
}

impl Probe for Telling {
    fn reached(&self, point: Point) -> bool {
        if let (Point::Persisted, Some(memo)) = (point, &self.memo) {
            // Under its lock nobody else replaces it.
            let stamp = std::fs::read(memo).ok().and_then(|bytes| stamp(&bytes));
            if stamp.is_none_or(|stamp| send(io::stdout(), &Said::Wrote(stamp)).is_err()) {
                return false;
            }
        }
        let stop =
            self.stop.lock().unwrap_or_else(PoisonError::into_inner).take_if(|stop| stop.at(point));
        match stop {
            None => true,
            // Without any cleaning up.
            Some(Stop::Die(_)) => std::process::exit(DIED),
            Some(Stop::Tell(_)) => send(io::stdout(), &Said::Reached).is_ok(),
            Some(Stop::Wait(_)) => {
                let word = send(io::stdout(), &Said::Reached).and_then(|()| hear::<Word>());
                let Ok(Some(word)) = word else { return false };
                self.identity.set(word.identity);
                !word.fails
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use crate::switches::trace::Ablations;

    use super::*;

    fn asked() -> Asked {
        let nowhere = || PathBuf::from("/nonexistent");
        Asked {
            database: nowhere(),
            memo: nowhere(),
            rescan: false,
            window: (None, None),
            identity: Identity { device: 1, inode: 1, birth: None },
            ablations: Ablations::NONE,
            connections: NonZeroUsize::MIN,
            stop: None,
            tells_stamp: false,
        }
    }

    /// Asks a shell that executes `script` in the place of a child, twice: the second time it must
    /// have been replaced.
    fn faults(script: &str) -> [Fault; 2] {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        let mut worker = Worker::start_patient(shell, Duration::from_millis(300)).unwrap();
        [(); 2].map(|()| match worker.ask(asked()) {
            Err(Error::Child(fault)) => fault,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn a_child_that_hangs_crashes_or_prints_rubbish_or_nothing_is_told_apart_and_replaced() {
        assert_eq!(faults("exec sleep 60"), [Fault::Hung; 2]);
        assert_eq!(faults("read asked; echo all is well; exec sleep 60"), [Fault::Rubbish; 2]);
        assert_eq!(faults(r"printf '\377\376\n'; exec sleep 60"), [Fault::Rubbish; 2]);
        assert_eq!(faults(r#"echo '"Here"'; exec sleep 60"#), [Fault::Rubbish; 2]);
        assert_eq!(faults("read asked; exit 3"), [Fault::Crashed; 2]);
        assert_eq!(faults("read asked; kill -9 $$"), [Fault::Crashed; 2]);
        assert_eq!(faults("read asked"), [Fault::Silent; 2]);
        let worker =
            Worker::start(&Program { path: "/nonexistent/program".into(), ..Program::default() });
        assert!(worker.is_err());
    }
}
