//! A child process with bounded output: the one way in which this program starts others.

use std::fs::File;
use std::io::{self, BufRead, BufReader, PipeReader, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use crate::platform::{self, Ended, Exit};
use crate::watch::{self, Cut, Limits, Watched};

/// The most bytes that are read of standard output, or of one answer of a long-lived process.
pub const MOST_STDOUT: u64 = 64 << 20;

/// How much of standard error a message quotes, in bytes.
const QUOTED: u64 = 4096;

/// Where standard output and error of a child go.
#[derive(Debug)]
pub enum Streams<'a> {
    /// Output is read, error goes to this file. Not to a second pipe: it would take a thread or a
    /// second poll to empty.
    Read(&'a File),
    /// Output is dropped, error is that of this process: for what tells the user of its progress.
    Shown,
}

/// A child. It is killed, and its whole group, when this value ends.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    /// `None` once it was waited for: its id may be another's by now.
    watched: Option<Watched>,
    input: Option<Input>,
    output: BufReader<Output>,
    stderr: Option<File>,
    start: Instant,
}

/// How a child ended.
#[derive(Debug)]
pub struct End {
    /// How it ended and what it used.
    pub ended: Ended,
    /// Why it was ended, if it did not end by itself.
    pub cut: Option<Cut>,
    /// The beginning of what it wrote on standard error.
    pub said: String,
}

impl End {
    /// Why a process that ended like this gave no answer; `None` if it ended well.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        fault(&self.ended, self.cut, &self.said)
    }
}

/// Why a process that ended like this gave no answer; `None` if it ended well. `said` is what it
/// wrote on standard error.
#[must_use]
pub fn fault(ended: &Ended, cut: Option<Cut>, said: &str) -> Option<String> {
    let said = if said.is_empty() { "it said nothing" } else { said };
    if let Some(cut) = cut {
        return Some(cut.to_string());
    }
    match ended.exit {
        Exit::Code(0) => None,
        Exit::Code(code) => Some(format!("exit code {code}: {said}")),
        Exit::Signal(signal) => Some(format!("ended by signal {signal}: {said}")),
    }
}

impl Child {
    /// Starts `command`, which has nothing on standard input.
    ///
    /// # Errors
    /// It cannot be started, or a signal asked for the end before.
    pub fn start(command: &mut Command, streams: &Streams<'_>, limits: Limits) -> io::Result<Self> {
        command.stdin(Stdio::null());
        Self::spawn(command, streams, limits)
    }

    /// Starts `command`, which has this file on standard input.
    ///
    /// # Errors
    /// It cannot be started, or a signal asked for the end before.
    pub fn start_reading(
        command: &mut Command,
        input: File,
        streams: &Streams<'_>,
        limits: Limits,
    ) -> io::Result<Self> {
        command.stdin(input);
        Self::spawn(command, streams, limits)
    }

    /// Starts `command` to talk to it, with a separate standard error.
    ///
    /// # Errors
    /// It cannot be started, or a signal asked for the end before.
    pub fn start_to_talk(command: &mut Command, limits: Limits) -> io::Result<Self> {
        Self::start_with_input(command, &Streams::Read(&tempfile::tempfile()?), limits)
    }

    /// Starts `command` with a pipe as its standard input, which [`Child::finish`] closes.
    ///
    /// # Errors
    /// It cannot be started, or a signal asked for the end before.
    pub fn start_with_input(
        command: &mut Command,
        streams: &Streams<'_>,
        limits: Limits,
    ) -> io::Result<Self> {
        command.stdin(Stdio::piped());
        Self::spawn(command, streams, limits)
    }

    fn spawn(command: &mut Command, streams: &Streams<'_>, mut limits: Limits) -> io::Result<Self> {
        let stderr = match streams {
            Streams::Read(file) => {
                limits.stderr = Some(file.try_clone()?);
                command.stdout(Stdio::piped()).stderr(file.try_clone()?);
                Some(file.try_clone()?)
            }
            Streams::Shown => {
                command.stdout(Stdio::null()).stderr(Stdio::inherit());
                None
            }
        };
        let (mut process, watched, stopped, start) = watch::spawn(command, limits)?;
        let output = Output {
            pipe: process.stdout.take(),
            stopped: stopped.try_clone()?,
            left: MOST_STDOUT,
        };
        let input = process.stdin.take().map(|pipe| Input { pipe, stopped });
        if let Some(input) = &input {
            // Only this end: a child that does not read must not keep a question from being given
            // up.
            rustix::io::ioctl_fionbio(&input.pipe, true)?;
        }
        Ok(Self {
            process,
            watched: Some(watched),
            input,
            output: BufReader::new(output),
            stderr,
            start,
        })
    }

    /// The moment before it was started.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.start
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Gives it so much time from now; `None`: as long as it likes.
    pub fn limit(&self, time: Option<Duration>) {
        if let Some(watched) = &self.watched {
            watched.limit(time);
        }
    }

    /// Whether it has not ended yet.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.watched.is_some() && !platform::has_ended(self.id())
    }

    /// Why it is being ended.
    #[must_use]
    pub fn cut(&self) -> Option<Cut> {
        self.watched.as_ref().and_then(Watched::cut)
    }

    /// Kills its group at once.
    pub fn kill(&self) {
        if let Some(watched) = &self.watched {
            watched.kill();
        }
    }

    /// What kills it from elsewhere.
    pub fn killer(&self) -> impl FnOnce() + Send + 'static {
        let killer = self.watched.as_ref().map(Watched::killer);
        move || {
            if let Some(killer) = killer {
                killer();
            }
        }
    }

    /// Writes on its standard input.
    ///
    /// # Errors
    /// It does not read any more.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.input
            .as_mut()
            .map_or_else(|| Err(io::ErrorKind::BrokenPipe.into()), |input| input.write_all(bytes))
    }

    /// The next line of its output, with its end; nothing once there is no more. A line that is too
    /// long is the last.
    ///
    /// # Errors
    /// Its output cannot be read.
    pub fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.output.read_until(b'\n', &mut line)?;
        self.is_within();
        Ok(line)
    }

    /// The same as an answer, of which each may be as long as all output of a process.
    ///
    /// # Errors
    /// Its output cannot be read.
    pub fn answer(&mut self) -> io::Result<Vec<u8>> {
        self.output.get_mut().left = MOST_STDOUT;
        self.line()
    }

    fn is_within(&self) {
        if self.output.get_ref().left == 0
            && let Some(watched) = &self.watched
        {
            watched.end(Cut::TooMuchOutput);
        }
    }

    /// Asks its group to end, for no fault of its own.
    pub fn terminate(&self) {
        if self.watched.is_some() {
            platform::terminate_group(self.id());
        }
    }

    /// Closes its standard input, reads its output to the end, and waits for its own.
    ///
    /// # Errors
    /// Its output cannot be read, or it cannot be waited for.
    pub fn finish(mut self) -> io::Result<(Vec<u8>, End)> {
        self.input = None;
        let mut stdout = Vec::with_capacity(64 * 1024);
        let read = self.output.read_to_end(&mut stdout);
        self.is_within();
        let end = self.wait()?;
        read?;
        Ok((stdout, end))
    }

    /// Closes its standard input, and waits for its end.
    ///
    /// # Errors
    /// It cannot be waited for, or was waited for already.
    pub fn wait(&mut self) -> io::Result<End> {
        self.input = None;
        let watched =
            self.watched.take().ok_or_else(|| io::Error::other("it was waited for already"))?;
        let mut cut = None;
        let ended = platform::wait(&mut self.process, || cut = watched.release())?;
        Ok(End { ended, cut, said: self.stderr.as_ref().map_or(Ok(String::new()), said)? })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.watched.is_some() {
            // It would end by itself, unless it hangs; nobody is left to tell.
            self.kill();
            let _ = self.wait();
        }
    }
}

/// The beginning of what a process wrote into its standard error.
fn said(mut stderr: &File) -> io::Result<String> {
    let mut said = Vec::new();
    stderr.seek(SeekFrom::Start(0))?;
    stderr.take(QUOTED).read_to_end(&mut said)?;
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}

/// Standard output of a child, until it is given up.
#[derive(Debug)]
struct Output {
    /// `None` where it is not read.
    pipe: Option<ChildStdout>,
    /// Ends when the pipe is to be given up, even if another process holds it.
    stopped: PipeReader,
    /// Bytes that may still be read.
    left: u64,
}

impl Read for Output {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(pipe) = &mut self.pipe else { return Ok(0) };
        if wait_for(pipe, PollFlags::IN, &self.stopped)? {
            return Ok(0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = pipe.read(&mut buffer[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}

/// Standard input of a child, until it is given up.
#[derive(Debug)]
struct Input {
    pipe: ChildStdin,
    stopped: PipeReader,
}

impl Write for Input {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.pipe.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            if wait_for(&self.pipe, PollFlags::OUT, &self.stopped)? {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Waits until something can be done with `pipe`. Returns whether it is to be given up instead.
fn wait_for(pipe: &impl AsFd, what: PollFlags, stopped: &PipeReader) -> io::Result<bool> {
    loop {
        let mut both = [PollFd::new(pipe, what), PollFd::new(stopped, PollFlags::IN)];
        match poll(&mut both, None) {
            Ok(_) => return Ok(!both[1].revents().is_empty()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn run(script: &str, limit: Duration) -> (Vec<u8>, End) {
        let stderr = tempfile::tempfile().unwrap();
        let limits = Limits { time: Some(limit), ..Limits::default() };
        Child::start(&mut shell(script), &Streams::Read(&stderr), limits).unwrap().finish().unwrap()
    }

    const LONG: Duration = Duration::from_secs(600);
    const SHORT: Duration = Duration::from_millis(300);

    #[test]
    fn a_program_that_writes_without_end_to_standard_output_is_ended_after_64_mib() {
        let (stdout, end) = run("exec cat /dev/zero", LONG);
        assert_eq!((stdout.len() as u64, end.cut), (MOST_STDOUT, Some(Cut::TooMuchOutput)));
        let (stdout, end) = run(&format!("head -c {} /dev/zero", MOST_STDOUT - 1), LONG);
        assert_eq!((stdout.len() as u64, end.cut), (MOST_STDOUT - 1, None));
    }

    #[test]
    fn a_program_that_writes_without_end_to_standard_error_is_ended_and_quoted() {
        let (_, end) = run("yes rubbish >&2", LONG);
        assert_eq!((end.cut, end.said.len()), (Some(Cut::TooMuchError), 4095));
        let (_, end) = run("head -c 1048576 /dev/zero >&2; sleep 1; echo fine", LONG);
        assert_eq!(end.cut, None);
    }

    #[test]
    fn a_child_whose_grandchild_holds_its_standard_output_ends_within_its_limit_and_2_s() {
        // In the group, outside it, and deaf to what asks it to end.
        for script in
            ["sleep 9 &", "setsid sleep 9 &", "(trap '' TERM; while :; do sleep 1; done) &"]
        {
            let (stdout, end) = run(&format!("echo said; {script} exit 0"), SHORT);
            assert_eq!((&stdout[..], end.cut), (&b"said\n"[..], Some(Cut::Held)), "{script}");
        }
        let (_, end) = run("trap '' TERM; while :; do sleep 1; done", SHORT);
        assert_eq!((end.cut, end.ended.exit), (Some(Cut::TimedOut), Exit::Signal(libc::SIGKILL)));
    }

    #[test]
    fn output_that_is_held_after_the_end_is_given_up_long_before_the_time_limit() {
        let stderr = tempfile::tempfile().unwrap();
        let limits = Limits { time: Some(LONG), gives_up_held: true, ..Limits::default() };
        let mut command = shell("echo said; setsid sleep 99 & exit 0");
        let (stdout, end) =
            Child::start(&mut command, &Streams::Read(&stderr), limits).unwrap().finish().unwrap();
        assert_eq!((&stdout[..], end.cut), (&b"said\n"[..], Some(Cut::Held)));
    }

    #[test]
    fn a_child_that_reads_its_input_to_the_end_ends() {
        let stderr = tempfile::tempfile().unwrap();
        let limits = Limits { time: Some(LONG), ..Limits::default() };
        let mut command = shell("exec cat");
        let mut child =
            Child::start_with_input(&mut command, &Streams::Read(&stderr), limits).unwrap();
        child.write(b"a line\n").unwrap();
        assert_eq!(child.finish().unwrap().0, b"a line\n");
    }

    #[test]
    fn what_handles_the_request_to_end_has_time_for_it() {
        let (stdout, end) =
            run("trap 'echo tidied; exit 7' TERM; while :; do sleep 0.1; done", SHORT);
        assert_eq!((&stdout[..], end.ended.exit), (&b"tidied\n"[..], Exit::Code(7)));
    }

    #[test]
    fn a_question_to_a_process_that_does_not_listen_ends() {
        let limits = Limits { time: Some(SHORT), ..Limits::default() };
        let mut child =
            Child::start_to_talk(&mut shell("exec 3<&0; setsid sleep 9 <&3 & exit 0"), limits)
                .unwrap();
        assert!(child.write(&vec![b' '; 1 << 20]).is_err());
        assert_eq!(child.wait().unwrap().cut, Some(Cut::Held));
    }
}
