//! Another process that scans when asked to: scans of one database are serialized within a process, so that overlapping
//! ones take two.
//!
//! The child connects to a socket of its parent and answers each line of JSON with one.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tracerig_scanner::{
    Ablations, Identity, IdentitySource, MemoPlace, Options, Point, Probe, Request, Scanner,
};

use super::Error;
use crate::oracle::{Turn, Window};

/// The environment variable that names the socket to a child.
pub const SOCKET: &str = "TRACERIG_HISTORIES_SOCKET";

/// The hidden subcommand of the program that calls [`serve`].
pub const SUBCOMMAND: &str = "__histories";

/// The exit code of a child that was told to die.
const DIED: i32 = 9;

/// How long a child may take to connect, and to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// One scan that a child is asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) database: PathBuf,
    pub(super) memo: PathBuf,
    pub(super) rescan: bool,
    pub(super) window: (Option<i64>, Option<i64>),
    pub(super) identity: Identity,
    /// Rules that are switched off.
    pub(super) ablations: Ablations,
    /// The point at which to die.
    pub(super) die_at: Option<String>,
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answered {
    pub(super) turns: std::collections::BTreeMap<String, Turn>,
    pub(super) mode: String,
    pub(super) reason: String,
    pub(super) persisted: bool,
    pub(super) rows_examined: u64,
    pub(super) cursor: i64,
}

/// How the other process failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It ended in another way than it was told to.
    Crashed,
    /// It did not answer within half a minute.
    Hung,
    /// It answered with something else than an answer.
    Rubbish,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 3] = [Self::Crashed, Self::Hung, Self::Rubbish];

    /// Its name in reports and file names.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crashed => "child-crashed",
            Self::Hung => "child-hung",
            Self::Rubbish => "child-rubbish",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Crashed => "crashed",
            Self::Hung => "did not answer in time and was killed",
            Self::Rubbish => "answered what is no answer",
        })
    }
}

/// A child process, for as long as this value lives.
#[derive(Debug)]
pub struct Worker {
    command: Command,
    listener: UnixListener,
    patience: Duration,
    child: Child,
    stream: BufReader<UnixStream>,
}

impl Worker {
    /// Starts `command`, which has to call [`serve`]. The socket is made in `folder`.
    ///
    /// # Errors
    /// The command cannot be started, or does not connect within half a minute.
    pub fn start(command: Command, folder: &Path) -> io::Result<Self> {
        Self::start_patient(command, folder, PATIENCE)
    }

    fn start_patient(mut command: Command, folder: &Path, patience: Duration) -> io::Result<Self> {
        let socket = folder.join("socket");
        let listener = UnixListener::bind(&socket)?;
        listener.set_nonblocking(true)?;
        // A Ctrl-C in the terminal is for the parent, which lets the history at hand end first.
        command.env(SOCKET, &socket).process_group(0);
        let (child, stream) = connect(&mut command, &listener, patience)?;
        Ok(Self { command, listener, patience, child, stream })
    }

    /// Has the child scan; `None` if it died as it was told to. Whatever became of it, there is one to ask afterwards.
    pub(super) fn ask(&mut self, asked: &Asked) -> Result<Option<Result<Answered, String>>, Error> {
        let mut line = String::new();
        let read = send(self.stream.get_mut(), asked).and_then(|()| self.stream.read_line(&mut line));
        let fault = match read {
            Ok(1..) => match serde_json::from_str(&line) {
                Ok(answered) => return Ok(Some(answered)),
                Err(_) => Fault::Rubbish,
            },
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Fault::Rubbish,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Fault::Hung
            }
            Ok(0) | Err(_) => Fault::Crashed,
        };
        // One that is dead already keeps the exit code it has.
        self.child.kill()?;
        let code = self.child.wait()?.code();
        (self.child, self.stream) = connect(&mut self.command, &self.listener, self.patience)?;
        if fault == Fault::Crashed && code == Some(DIED) { Ok(None) } else { Err(Error::Child(fault)) }
    }
}

fn connect(
    command: &mut Command,
    listener: &UnixListener,
    patience: Duration,
) -> io::Result<(Child, BufReader<UnixStream>)> {
    let mut child = command.spawn()?;
    let start = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(patience))?;
                return Ok((child, BufReader::new(stream)));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if start.elapsed() > PATIENCE || child.try_wait()?.is_some() {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::other("the child process did not connect to its parent"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It ends by itself when the socket closes, unless it hangs; there is nobody to tell if this fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves scans until the parent ends. To be called in a process that [`Worker::start`] started.
///
/// # Errors
/// The socket fails, or there is none.
pub fn serve() -> io::Result<()> {
    let socket = std::env::var_os(SOCKET)
        .ok_or_else(|| io::Error::other(format!("{SOCKET} is not set: this is for children only")))?;
    let mut stream = BufReader::new(UnixStream::connect(socket)?);
    let mut line = String::new();
    while stream.read_line(&mut line)? > 0 {
        let asked: Asked = serde_json::from_str(&line)?;
        send(stream.get_mut(), &scan(asked))?;
        line.clear();
    }
    Ok(())
}

fn send(mut stream: impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// The identity that the parent says.
#[derive(Debug)]
struct Told(Identity);

impl IdentitySource for Told {
    fn identity(&self, path: &Path) -> io::Result<Identity> {
        std::fs::metadata(path).map(|_| self.0)
    }
}

/// Ends the process without any cleaning up.
#[derive(Debug)]
struct DieAt(String);

impl Probe for DieAt {
    fn reached(&self, point: Point) -> bool {
        if point.name() == self.0 {
            std::process::exit(DIED);
        }
        true
    }
}

fn scan(asked: Asked) -> Result<Answered, String> {
    let options = Options {
        memo: MemoPlace::File(asked.memo),
        identity: Arc::new(Told(asked.identity)),
        ablations: asked.ablations,
        probe: asked.die_at.map(|point| Arc::new(DieAt(point)) as _),
        ..Options::default()
    };
    let (since, until) = asked.window;
    let window = super::window(Window { since, until });
    let scan = Scanner::new(asked.database, options)
        .scan(&Request { window, rescan: asked.rescan })
        .map_err(|error| error.to_string())?;
    let stats = scan.stats;
    Ok(Answered {
        turns: super::turns(&scan.turns),
        mode: stats.mode.to_string(),
        reason: stats.reason.to_string(),
        persisted: stats.persisted,
        rows_examined: stats.rows_examined,
        cursor: stats.cursor,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Asked {
        let identity = Identity { device: 1, inode: 1, birth: None };
        let nowhere = || PathBuf::from("/nonexistent");
        Asked {
            database: nowhere(),
            memo: nowhere(),
            rescan: false,
            window: (None, None),
            identity,
            ablations: Ablations::NONE,
            die_at: None,
        }
    }

    /// Asks a child in whose name `says` talks, twice: the second time it must have been replaced.
    fn faults(says: impl Fn(UnixStream) + Send + Copy + 'static) -> [Fault; 2] {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let mut sleep = Command::new("sleep");
        sleep.arg("60");
        let impostor = std::thread::spawn(move || {
            for _ in 0..3 {
                let stream = loop {
                    if let Ok(stream) = UnixStream::connect(&socket) {
                        break stream;
                    }
                    std::thread::sleep(Duration::from_millis(1));
                };
                // A child that was killed is not waited for.
                std::thread::spawn(move || says(stream));
            }
        });
        let mut worker = Worker::start_patient(sleep, folder.path(), Duration::from_millis(50)).unwrap();
        let faults = [(); 2].map(|()| match worker.ask(&asked()) {
            Err(Error::Child(fault)) => fault,
            other => panic!("{other:?}"),
        });
        drop(worker);
        impostor.join().unwrap();
        faults
    }

    #[test]
    fn a_child_that_hangs_crashes_or_prints_rubbish_is_told_apart_and_replaced() {
        // Answers only when the parent has hung up.
        let hangs = |mut stream: UnixStream| drop(std::io::copy(&mut stream, &mut std::io::sink()));
        assert_eq!(faults(hangs), [Fault::Hung; 2]);
        for said in [&b"all is well\n"[..], b"\xff\xfe\n"] {
            let rubbish = move |mut stream: UnixStream| {
                stream.write_all(said).unwrap();
                hangs(stream);
            };
            assert_eq!(faults(rubbish), [Fault::Rubbish; 2]);
        }
        let leaves = |stream: UnixStream| drop(BufReader::new(stream).read_line(&mut String::new()));
        assert_eq!(faults(leaves), [Fault::Crashed; 2]);
    }
}
