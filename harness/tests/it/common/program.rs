//! Running the program as a user does, with a separate cache.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tracerig_datasets::Cache;
use tracerig_differential::trace;
use tracerig_harness::build;
use tracerig_harness::scenario::Place;

/// The program, as histories of traces start it beside themselves.
pub fn history_child() -> trace::Program {
    tracerig_harness::history_child::program(env!("CARGO_BIN_EXE_tracerig").into())
}

/// The program, with a cache folder of its own.
pub struct Program {
    folder: TempDir,
}

/// What became of a command.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Program {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap() }
    }

    /// A path in the folder of this test.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    pub fn cache(&self) -> PathBuf {
        self.path("cache")
    }

    /// Where runs are made that launch `worker`.
    pub fn place(&self, worker: &Path) -> Place {
        Place {
            datasets: Cache::at(self.path("datasets")),
            workplaces: self.path("work"),
            seed: 1,
            program: worker.to_owned(),
            command: vec!["tracerig".to_owned()],
            build: build::this(),
        }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tracerig"));
        command
            .args(arguments)
            .env("TRACERIG_CACHE_DIR", self.cache())
            // Nobody reads where an error was made, and it takes long to find out.
            .env("RUST_LIB_BACKTRACE", "0")
            .current_dir(self.folder.path());
        command.stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().unwrap())
    }

    /// Runs `diff` and expects this exit code. Python is asked only where it is the point: to start
    /// it takes long.
    pub fn diff(&self, subject: &str, arguments: &[&str], code: i32) -> Ran {
        let mut command = self.command(&[&["diff", subject], arguments].concat());
        if !arguments.contains(&"python") {
            command.env("TRACERIG_PYTHON", "/nonexistent/python3");
        }
        let ran = Ran::of(&command.output().unwrap());
        assert_eq!(ran.code, Some(code), "{subject} {arguments:?}\n{}\n{}", ran.out, ran.err);
        ran
    }

    /// The same, and reads the report.
    pub fn diff_json(&self, subject: &str, arguments: &[&str], code: i32) -> Value {
        let ran = self.diff(subject, &[arguments, &["--format", "json"]].concat(), code);
        serde_json::from_str(&ran.out).unwrap()
    }

    /// Runs, expects success, and reads the JSON on standard output.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        serde_json::from_str(&ran.out).unwrap()
    }
}

impl Ran {
    pub fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
