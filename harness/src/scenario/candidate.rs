//! A program under measurement: where it is, and what is planted in its workers.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::handicap::Handicap;
use crate::scenario::process::{Finished, Launcher};
use crate::scenario::relaunch::worker;

/// An executable that workers are started from.
#[derive(Debug)]
pub struct Subject {
    program: PathBuf,
    launcher: Launcher,
    /// What its workers do beyond their work.
    pub handicap: Handicap,
}

impl Subject {
    /// Starts workers from `program`, and kills one that takes longer than `limit`. What a process reads before it works is
    /// left out of what they read.
    ///
    /// # Errors
    /// No temporary file can be made.
    pub fn new(program: &Path, limit: Duration) -> io::Result<Self> {
        Ok(Self {
            program: program.to_owned(),
            launcher: Launcher::without_start(program, limit, &worker::idle_arguments())?,
            handicap: Handicap::default(),
        })
    }

    /// The executable.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Runs a worker to its end. `Err` says in words that it could not be started.
    pub(crate) fn run(&mut self, arguments: &[OsString]) -> Result<Finished, String> {
        self.launcher
            .run(arguments)
            .map_err(|error| format!("{}: cannot be launched: {error}", self.program.display()))
    }
}
