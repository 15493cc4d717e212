//! Another process that scans when asked to: scans of one database are serialized within a process, so that overlapping
//! ones take two.
//!
//! The child connects to a socket of its parent and answers each line of JSON with one.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tracerig_scanner::{Identity, IdentitySource, MemoPlace, Options, Point, Probe, Request, Scanner};

use crate::oracle::{Turn, Window};

/// The environment variable that names the socket to a child.
pub const SOCKET: &str = "TRACERIG_HISTORIES_SOCKET";

/// How long a child may take to connect.
const PATIENCE: Duration = Duration::from_secs(30);

/// One scan that a child is asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) database: PathBuf,
    pub(super) memo: PathBuf,
    pub(super) rescan: bool,
    pub(super) window: (Option<i64>, Option<i64>),
    pub(super) identity: Identity,
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

/// A child process, for as long as this value lives.
#[derive(Debug)]
pub struct Worker {
    command: Command,
    listener: UnixListener,
    child: Child,
    stream: BufReader<UnixStream>,
}

impl Worker {
    /// Starts `command`, which has to call [`serve_if_asked`]. The socket is made in `folder`.
    ///
    /// # Errors
    /// The command cannot be started, or does not connect within half a minute.
    pub fn start(mut command: Command, folder: &Path) -> io::Result<Self> {
        let socket = folder.join("socket");
        let listener = UnixListener::bind(&socket)?;
        listener.set_nonblocking(true)?;
        command.env(SOCKET, &socket);
        let (child, stream) = connect(&mut command, &listener)?;
        Ok(Self { command, listener, child, stream })
    }

    /// Has the child scan; `None` if it died, and another one was started.
    pub(super) fn ask(&mut self, asked: &Asked) -> io::Result<Option<Result<Answered, String>>> {
        send(self.stream.get_mut(), asked)?;
        let mut line = String::new();
        if self.stream.read_line(&mut line).is_ok_and(|length| length > 0) {
            return Ok(Some(serde_json::from_str(&line)?));
        }
        self.child.wait()?;
        (self.child, self.stream) = connect(&mut self.command, &self.listener)?;
        Ok(None)
    }
}

fn connect(command: &mut Command, listener: &UnixListener) -> io::Result<(Child, BufReader<UnixStream>)> {
    let mut child = command.spawn()?;
    let start = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
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

/// Serves scans until the parent ends, if this process was started by [`Worker::start`]; else returns at once.
///
/// # Errors
/// The socket fails.
pub fn serve_if_asked() -> io::Result<()> {
    let Some(socket) = std::env::var_os(SOCKET) else { return Ok(()) };
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
            std::process::exit(9);
        }
        true
    }
}

fn scan(asked: Asked) -> Result<Answered, String> {
    let options = Options {
        memo: MemoPlace::File(asked.memo),
        identity: Arc::new(Told(asked.identity)),
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
