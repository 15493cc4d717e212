//! Starting a candidate for one request, ending it, and naming what became of it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tracerig_differential::foreign::Interruption;
use tracerig_protocol::{
    Answer, Ask, End, Fault, Finding, Handicap, Hello, Outcome, Request, Seen, VERSION, judge,
    judge_line,
};

use super::confine::Starter;
use super::definition::Definition;
use super::guard::{Guard, Guarded};
use crate::child::{self, Child, Streams};
use crate::command::digest;
use crate::interrupt::{self, TempFolder};
use crate::platform::{self, Ended, Exit, Io};
use crate::watch::{self, Cut, Limits};

/// Variables of this process that a candidate sees, too.
const ALLOWED: [&str; 7] =
    ["PATH", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "SSL_CERT_FILE"];

/// What the names of the folders of launches begin with.
const PREFIX: &str = "tracerig-launch-";

/// From SIGTERM until a candidate that can be cancelled must have ended.
const CANCELLED_WITHIN: Duration = Duration::from_secs(1);

/// Digits of the id of a request whose launch is measured.
const MEASURED_DIGITS: usize = 8;

/// What a launch takes, as long as none was made.
const UNKNOWN: Duration = Duration::from_millis(40);

/// What a request asks for beside its answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct With {
    /// The cores to divide the work by, if not those there are.
    pub(crate) cores: Option<NonZeroUsize>,
    /// Work beyond the own.
    pub(crate) handicap: Handicap,
    /// The words before the command of a process: a tool that it runs under.
    pub(crate) tool: Vec<OsString>,
}

/// A launch whose process was started and asked, and is not waited for yet.
#[derive(Debug)]
pub(crate) struct Begun {
    request: Request,
    /// Or why it could not be started.
    child: io::Result<Child>,
    /// The data before the launch.
    data: Guard,
    confined: bool,
}

/// One launch, judged.
#[derive(Clone, Debug)]
pub struct Launch {
    /// What was asked.
    pub request: Request,
    /// What became of it.
    pub outcome: Outcome,
    /// From before the start until the end was noticed.
    pub wall: Duration,
    /// How it ended and what it used; `None` if it could not be started.
    pub ended: Option<Ended>,
    /// The beginning of its standard error.
    pub stderr: String,
    /// Whether the kernel refused it to write outside of its folders.
    pub confined: bool,
    /// The data after it.
    pub(crate) after: Option<Guard>,
}

/// What a process that goes on answering made of one request.
#[derive(Clone, Debug)]
pub struct Served {
    /// What became of it.
    pub outcome: Outcome,
    /// From before it was written until the answer was read.
    pub wall: Duration,
    /// What the process read beyond the request, and wrote, where the platform tells.
    pub io: Option<Io>,
    /// Whether the process was started for it.
    pub begun: bool,
}

/// A candidate that can be launched again and again.
#[derive(Debug)]
pub struct Candidate {
    definition: Definition,
    program: PathBuf,
    environment: Vec<(OsString, OsString)>,
    /// Folders that are empty at the beginning of each launch.
    folders: [PathBuf; 3],
    /// What the environment of its processes holds, and no other's does.
    mark: Vec<u8>,
    stderr: File,
    limit: Duration,
    hello: Hello,
    asked: u64,
    /// Digits of the id of a request, at least.
    digits: usize,
    /// What each request asks for beside its answer.
    pub(crate) with: With,
    /// How closely each launch is watched for changes of its data.
    pub(crate) guarded: Guarded,
    /// The data before the next launch, if somebody has looked at them already.
    pub(crate) before: Option<Guard>,
    /// What the last launch that ended of itself took.
    whole: Duration,
    serving: Option<Child>,
    starter: Option<Starter>,
    // Ends last.
    _place: TempFolder,
}

impl Candidate {
    /// Prepares to launch what `definition` says; each launch is ended after `limit`.
    ///
    /// # Errors
    /// This machine has no room for temporary files. What is wrong with the candidate shows at a
    /// launch.
    pub fn open(definition: &Definition, limit: Duration) -> io::Result<Self> {
        let parent = std::env::temp_dir();
        let place = TempFolder::with_prefix(PREFIX, &parent)?;
        let folders = ["home", "tmp", "run"].map(|name| place.path().join(name));
        let mut environment: Vec<(OsString, OsString)> = Vec::new();
        let mut set = |name: &str, value: OsString| environment.push((name.into(), value));
        for name in ALLOWED {
            std::env::var_os(name).into_iter().for_each(|value| set(name, value));
        }
        let [home, tmp, run] = &folders;
        for folder in &folders {
            std::fs::create_dir(folder)?;
        }
        for (name, folder) in [
            ("HOME", home.clone()),
            ("TMPDIR", tmp.clone()),
            ("XDG_RUNTIME_DIR", run.clone()),
            ("XDG_CACHE_HOME", home.join(".cache")),
            ("XDG_CONFIG_HOME", home.join(".config")),
            ("XDG_DATA_HOME", home.join(".local/share")),
            ("XDG_STATE_HOME", home.join(".local/state")),
        ] {
            set(name, folder.into());
        }
        let mut definition = definition.clone();
        if !definition.files.is_empty() {
            definition.folder = place.path().join("program");
            std::fs::create_dir(&definition.folder)?;
        }
        for (name, text) in &definition.files {
            std::fs::write(definition.folder.join(name), text)?;
        }
        for (name, value) in &definition.env {
            set(name, value.into());
        }
        Ok(Self {
            program: definition.program(),
            definition,
            mark: place.path().as_os_str().as_bytes().to_owned(),
            environment,
            folders,
            stderr: tempfile::tempfile()?,
            limit,
            hello: Hello::default(),
            asked: 0,
            digits: 1,
            with: With::default(),
            guarded: Guarded::default(),
            before: None,
            whole: UNKNOWN,
            serving: None,
            starter: None,
            _place: place,
        })
    }

    /// Gives all requests ids of one length, so that a process reads as many bytes each time.
    pub(crate) fn be_measured(&mut self) {
        self.digits = MEASURED_DIGITS;
    }

    /// What it is.
    #[must_use]
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// What it said of itself; empty before [`Candidate::hello`].
    #[must_use]
    pub fn said(&self) -> &Hello {
        &self.hello
    }

    /// `name@version`.
    #[must_use]
    pub fn named(&self) -> String {
        format!("{}@{}", self.hello.name, self.hello.version)
    }

    /// The SHA-256 of the executable that is started, in hexadecimal.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn sha256(&self) -> io::Result<String> {
        Ok(base16ct::lower::encode_string(&digest(&self.program)?.0))
    }

    /// Asks it who it is, and remembers that.
    ///
    /// # Errors
    /// As [`Candidate::launch`].
    pub fn hello(&mut self) -> io::Result<Launch> {
        let launch = self.launch(&Ask::Hello { versions: vec![VERSION] })?;
        if let Outcome::Answered(Answer::Hello(hello), _) = &launch.outcome {
            self.hello = hello.clone();
        }
        Ok(launch)
    }

    /// Starts it for one request, and waits for its end.
    ///
    /// # Errors
    /// A signal asked for the end of this program, or this machine has no room or no process left.
    pub fn launch(&mut self, ask: &Ask) -> io::Result<Launch> {
        let request = self.request(ask);
        let line = request.line();
        self.launch_line(request, &line, None)
    }

    /// The same, but its process is ended before it has answered, or soon afterwards.
    ///
    /// # Errors
    /// As [`Candidate::launch`].
    pub fn interrupt(&mut self, ask: &Ask, how: Interruption) -> io::Result<Launch> {
        let request = self.request(ask);
        let line = request.line();
        self.launch_line(request, &line, Some(how))
    }

    /// The same with `line` on its standard input, whatever that is; it is judged as an answer to
    /// `request`.
    ///
    /// # Errors
    /// As [`Candidate::launch`].
    pub fn launch_line(
        &mut self,
        request: Request,
        line: &[u8],
        interruption: Option<Interruption>,
    ) -> io::Result<Launch> {
        let begun = self.begin_line(line, request)?;
        self.finish(begun, interruption)
    }

    /// Starts it for one request, which [`Candidate::finish`] waits for.
    ///
    /// # Errors
    /// As [`Candidate::launch`].
    pub(crate) fn begin(&mut self, ask: &Ask) -> io::Result<Begun> {
        let request = self.request(ask);
        self.begin_line(&request.line(), request)
    }

    fn begin_line(&mut self, line: &[u8], request: Request) -> io::Result<Begun> {
        self.be_fresh()?;
        let data = self.before.take().unwrap_or_else(|| Guard::look(&request.ask, self.guarded));
        let limits = Limits { time: Some(self.limit), gives_up_held: true, ..Limits::default() };
        let (mut command, stderr) = (self.command(), self.stderr.try_clone()?);
        let start = move || Child::start_with_input(&mut command, &Streams::Read(&stderr), limits);
        let (mut child, confined) = if self.with.tool.is_empty() {
            let starter = Starter::of(self.starter.take(), &request.ask, &self.folders)?;
            self.starter.insert(starter).run(start)?
        } else {
            // The tool writes what it sees wherever it was told to.
            (start(), false)
        };
        if let Ok(child) = &mut child {
            // One that does not read it shows by its answer.
            let _ = child.write(line);
        }
        Ok(Begun { request, child, data, confined })
    }

    /// Waits for the end of a launch, unless its process is ended before it has answered.
    ///
    /// # Errors
    /// As [`Candidate::launch`].
    pub(crate) fn finish(
        &mut self,
        begun: Begun,
        interruption: Option<Interruption>,
    ) -> io::Result<Launch> {
        let Begun { request, child, data, confined } = begun;
        let child = match child {
            Ok(child) => child,
            Err(error) if is_ours(&error) => return Err(error),
            Err(error) => return Ok(Launch { confined, ..not_started(request, &error) }),
        };
        if let Some(how) = interruption {
            // Writing its request took a part of that, if it began to read late.
            let due = how.after(self.whole).min(self.limit);
            std::thread::sleep(due.saturating_sub(child.started().elapsed()));
            if how == Interruption::Cancel {
                child.terminate();
                child.limit(Some(CANCELLED_WITHIN));
            } else {
                child.kill();
            }
        }
        let start = child.started();
        let (stdout, child::End { ended, cut, said }) = child.finish()?;
        let end = end_of(&ended, cut)?;
        let wall = ended.at - start;
        if interruption.is_none() && matches!(end, End::Code(0)) {
            self.whole = wall;
        }
        let left = watch::left_behind(&self.mark);
        let left = left.first().map(|name| format!("{name} outlived it"));
        let after = Guard::look(&request.ask, self.guarded);
        interrupt::check()?;
        let wrote = data.changed(&after);
        let seen = Seen { stdout: &stdout, stderr: &said, end, left, wrote };
        let outcome = judge(&request, &seen);
        let (ended, after) = (Some(ended), Some(after));
        Ok(Launch { outcome, request, wall, ended, stderr: said, confined, after })
    }

    /// Asks a process that goes on answering. It is started if none is there, and ended by any
    /// fault.
    ///
    /// # Errors
    /// As [`Candidate::launch`].
    pub fn serve(&mut self, ask: &Ask) -> io::Result<Served> {
        let request = self.request(ask);
        let begun = self.serving.is_none();
        let mut child = match self.serving.take() {
            Some(child) => child,
            None => {
                self.be_fresh()?;
                let limits = Limits { gives_up_held: true, ..Limits::default() };
                let streams = Streams::Read(&self.stderr);
                match Child::start_with_input(&mut self.command(), &streams, limits) {
                    Ok(child) => child,
                    Err(error) if is_ours(&error) => return Err(error),
                    Err(error) => {
                        let outcome = not_started(request, &error).outcome;
                        return Ok(Served { outcome, wall: Duration::ZERO, io: None, begun });
                    }
                }
            }
        };
        let guard = Guard::look(&request.ask, self.guarded);
        let (asked, id) = (request.line(), child.id());
        let before = platform::io_of(id);
        child.limit(Some(self.limit));
        let start = Instant::now();
        // One that does not read it shows by its answer.
        let _ = child.write(&asked);
        let line = child.answer()?;
        let wall = start.elapsed();
        let mut io = before.zip(platform::io_of(id)).map(|(before, after)| after.since(before));
        io.iter_mut().for_each(|io| io.rchar = io.rchar.saturating_sub(asked.len() as u64));
        let is_alive = line.ends_with(b"\n") && child.cut().is_none();
        let (end, said) = if is_alive {
            child.limit(None);
            (End::Serving, String::new())
        } else {
            let child::End { ended, cut, said } = child.wait()?;
            (end_of(&ended, cut)?, said)
        };
        let after = Guard::look(&request.ask, self.guarded);
        interrupt::check()?;
        let wrote = guard.changed(&after);
        let outcome = match wrote {
            Some(detail) => {
                Outcome::Faulty(Finding { fault: Fault::WroteOutside, detail, answer: None })
            }
            None => judge_line(&request, &line, end, &said),
        };
        if is_alive && !matches!(outcome, Outcome::Faulty(_)) {
            self.serving = Some(child);
        }
        Ok(Served { outcome, wall, io, begun })
    }

    /// Ends the process that serves, if there is one.
    pub fn stop_serving(&mut self) {
        self.serving = None;
    }

    /// The line that the next launch would have on its standard input.
    pub(super) fn request(&mut self, ask: &Ask) -> Request {
        self.asked += 1;
        let limit = u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX);
        let With { cores, handicap, .. } = self.with;
        let id = format!("{:0digits$}", self.asked, digits = self.digits);
        Request { cores, handicap, ..Request::new(id, ask.clone(), limit) }
    }

    fn command(&self) -> Command {
        let mut command = under(&self.with.tool, &self.program);
        command.args(self.definition.arguments());
        command.env_clear().envs(self.environment.iter().cloned());
        if !self.definition.folder.as_os_str().is_empty() {
            command.current_dir(&self.definition.folder);
        }
        command
    }

    /// Empties whatever the launch before left in its folders.
    fn be_fresh(&mut self) -> io::Result<()> {
        self.stderr.set_len(0)?;
        self.stderr.seek(SeekFrom::Start(0))?;
        for folder in &self.folders {
            if !std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none()) {
                remove(folder)?;
                std::fs::create_dir(folder)?;
            }
        }
        Ok(())
    }
}

/// The command of `program`, behind the words of a tool that it runs under.
pub(crate) fn under(tool: &[OsString], program: &Path) -> Command {
    let Some((tool, words)) = tool.split_first() else { return Command::new(program) };
    let mut command = Command::new(tool);
    command.args(words).arg(program);
    command
}

/// Removes a folder that a candidate may have made hard to remove.
fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether a process could not be started for a reason that lies here: then nothing is known of the
/// candidate.
fn is_ours(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, OutOfMemory, ResourceBusy, WouldBlock};
    matches!(error.kind(), Interrupted | OutOfMemory | ResourceBusy | WouldBlock)
}

fn not_started(request: Request, error: &io::Error) -> Launch {
    let end = End::NotStarted(error.to_string());
    let outcome = judge(&request, &Seen { stdout: b"", stderr: "", end, left: None, wrote: None });
    Launch {
        request,
        outcome,
        wall: Duration::ZERO,
        ended: None,
        stderr: String::new(),
        confined: false,
        after: None,
    }
}

/// How a process ended, in the words of the protocol.
fn end_of(ended: &Ended, cut: Option<Cut>) -> io::Result<End> {
    Ok(match (cut, ended.exit) {
        (Some(Cut::Interrupted), _) => {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "a signal asked for the end"));
        }
        (Some(Cut::TimedOut), _) => End::TimedOut,
        (Some(Cut::Held), _) => End::Held,
        (Some(Cut::TooMuchOutput), _) => {
            End::TooMuchOutput("it wrote more than 64 MiB to standard output")
        }
        (Some(Cut::TooMuchError), _) => {
            End::TooMuchOutput("it wrote more than 1 MiB to standard error")
        }
        (None, Exit::Code(code)) => End::Code(code),
        (None, Exit::Signal(signal)) => End::Signal(signal),
    })
}

#[cfg(test)]
mod tests;
