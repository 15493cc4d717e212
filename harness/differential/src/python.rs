//! The oracles in Python as processes that are asked again and again: `oracle/scan.py` and
//! `oracle/usage.py`, which are part of this program.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::child::{Child, Fault, PATIENCE};
use crate::share::Share;

/// The environment variable that names a Python 3 other than `python3`.
const PROGRAM: &str = "TRACERIG_PYTHON";

/// An oracle: the name of its file, and its text, so that a program that is installed has it.
type Script = (&'static str, &'static str);

const SCAN: Script = ("scan.py", tracerig_oracle::python::SCAN);
const USAGE: Script = ("usage.py", tracerig_oracle::python::USAGE);

/// Why the oracle in Python cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPython {
    /// There is none.
    #[error("no python3")]
    Absent,
    /// There is something of that name, in which the oracle does not start.
    #[error("{program} does not run it: it {fault}")]
    Unfit {
        /// What was started.
        program: String,
        /// What came of it.
        fault: Fault,
    },
}

/// What the oracle says when it has started.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Hello {
    /// Its name.
    pub name: String,
    /// Its version, and that of what executes it.
    pub version: String,
}

/// What it says then.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said<A> {
    Answer(A),
    Error { error: String },
    Skipped { skipped: String },
}

/// Why there is not an answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// It says why.
    Refused(String),
    /// It says what this Python lacks to answer.
    Lacking(String),
    /// Something became of the process.
    Fault(Fault),
}

/// The oracle, for as long as this value lives.
#[derive(Debug)]
pub struct Python {
    command: Command,
    patience: Duration,
    /// `None` until it is asked.
    child: Option<Child>,
}

impl Python {
    /// That of trace scans, started when it is asked first. What it needs is put in `folder`.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn new(folder: &Path) -> io::Result<Self> {
        Self::of(&program(), SCAN, folder, PATIENCE)
    }

    /// That of session archives.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn of_archives(folder: &Path) -> io::Result<Self> {
        Self::of(&program(), USAGE, folder, PATIENCE)
    }

    fn of(
        program: &OsStr,
        (name, text): Script,
        folder: &Path,
        patience: Duration,
    ) -> io::Result<Self> {
        let script = folder.join(name);
        std::fs::write(&script, text)?;
        let mut command = Command::new(program);
        // Without what the user's Python may have been told to load.
        command.args(["-I", "-S"]).arg(script).arg("--serve");
        Ok(Self { command, patience, child: None })
    }

    /// Starts it, and gives what it says of itself.
    ///
    /// # Errors
    /// There is no Python 3, or the oracle does not start in it.
    pub fn hello(&mut self) -> Result<Hello, NoPython> {
        let mut child =
            Child::start(&mut self.command, self.patience).map_err(|_| NoPython::Absent)?;
        let hello = child.hear().map_err(|fault| {
            let (fault, code) = child.end_after(fault);
            // What starts Python for others says so like this when there is none.
            let is_absent = code == Some(127);
            let program = self.command.get_program().display().to_string();
            if is_absent { NoPython::Absent } else { NoPython::Unfit { program, fault } }
        })?;
        self.child = Some(child);
        Ok(hello)
    }

    /// Its answer to `asked`. Whatever became of it, it can be asked again.
    ///
    /// # Errors
    /// It gave none, or nothing that is one.
    pub fn answer<A: DeserializeOwned>(&mut self, asked: &impl Serialize) -> Result<A, NoAnswer> {
        let not_started = |_| NoAnswer::Fault(Fault::NotStarted);
        if self.child.is_none() {
            self.hello().map_err(not_started)?;
        }
        let Some(child) = &mut self.child else { return Err(NoAnswer::Fault(Fault::NotStarted)) };
        child.say(asked);
        match child.hear() {
            Ok(Said::Answer(answer)) => Ok(answer),
            Ok(Said::Error { error }) => Err(NoAnswer::Refused(error)),
            Ok(Said::Skipped { skipped }) => Err(NoAnswer::Lacking(skipped)),
            Err(fault) => {
                let (fault, _) = child.end_after(fault);
                self.child = None;
                Err(NoAnswer::Fault(fault))
            }
        }
    }
}

/// The part that the oracle in Python has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskPython {
    /// It is asked by these random cases and by all kept ones.
    Of(Share, Hello),
    /// It is not asked, and why.
    No(String),
}

impl AskPython {
    /// Whether a random case for which this number was drawn asks it.
    pub(crate) fn has(&self, drawn: u64) -> bool {
        matches!(self, Self::Of(share, _) if share.has(drawn))
    }

    /// What a report says of it, in a word.
    pub(crate) fn setting(&self) -> String {
        match self {
            Self::Of(share, _) => share.to_string(),
            Self::No(why) => format!("not run ({why})"),
        }
    }

    /// The same in a sentence.
    pub(crate) fn remark(&self) -> String {
        match self {
            Self::Of(share, Hello { name, version }) => {
                format!(
                    "python oracle: asked by these cases: {share}, and the kept ones ({name} \
                     {version})"
                )
            }
            Self::No(why) => format!("python oracle: not run ({why})"),
        }
    }
}

/// What is started as Python.
fn program() -> OsString {
    let named = std::env::var_os(PROGRAM).filter(|name| !name.is_empty());
    named.unwrap_or_else(|| "python3".into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A program that executes `script` in the place of Python.
    fn fake(folder: &Path, script: &str) -> OsString {
        let path = folder.join("python");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        path.into()
    }

    const HELLO: &str = r#"echo '{"name": "fake", "version": "0"}'; read asked; "#;
    const PATIENCE: Duration = Duration::from_millis(300);

    #[test]
    fn an_oracle_that_hangs_crashes_or_prints_rubbish_or_nothing_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        for (script, kind) in [
            ("exec sleep 60", "oracle-hung"),
            ("echo '{\"turns\": []}'; exec sleep 60", "oracle-rubbish"),
            ("exit 3", "oracle-crashed"),
            ("exit 0", "oracle-silent"),
            (
                "echo '{\"error\": \"no\"}'; read asked; echo '{\"error\": \"no\"}'",
                "oracle-refused",
            ),
        ] {
            let program = fake(folder.path(), &format!("{HELLO}{script}"));
            let mut python = Python::of(&program, SCAN, folder.path(), PATIENCE).unwrap();
            // The second time by a process that takes its place.
            for _ in 0..2 {
                let found = match python.answer::<BTreeMap<String, u64>>(&()).unwrap_err() {
                    NoAnswer::Fault(fault) => fault.name_of_oracle(),
                    NoAnswer::Refused(_) | NoAnswer::Lacking(_) => "oracle-refused",
                };
                assert_eq!(found, kind);
            }
        }
    }

    #[test]
    fn one_that_does_not_start_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let hello =
            |program: &OsStr| Python::of(program, SCAN, folder.path(), PATIENCE).unwrap().hello();
        let start = |script: &str| hello(&fake(folder.path(), script));
        let unfit = |script| match start(script).unwrap_err() {
            NoPython::Unfit { fault, .. } => fault,
            NoPython::Absent => panic!("it is there"),
        };
        assert_eq!(unfit("exit 1"), Fault::Crashed);
        assert_eq!(unfit("echo hello; exec sleep 60"), Fault::Rubbish);
        assert_eq!(unfit("exec sleep 60"), Fault::Hung);
        // A shim for versions of which none is installed.
        assert_eq!(start("exit 127").unwrap_err(), NoPython::Absent);
        assert_eq!(hello(OsStr::new("/nonexistent/python3")).unwrap_err(), NoPython::Absent);
        assert_eq!(hello(&fake(folder.path(), HELLO)).unwrap().name, "fake");
    }
}
