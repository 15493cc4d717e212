//! Histories of session archives, as the subject of a search.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::generate::generate;
use super::op::Case;
use super::run::{Setup, run};
use super::{Error, Failure, Wrong};
use crate::child::Fault;
use crate::engine::Engine;
use crate::python::{AskPython, Python};
use crate::subject::Subject;
use crate::switches::archive::{Ablation, Ablations};
use crate::tally::Tally;

/// Ways to fail that are neither a wrong answer nor a fault of a process.
const OTHERS: [&str; 3] = ["oracle-refused", "panic", "file"];

/// Refreshes of session archives.
#[derive(Debug, Clone)]
pub struct Archives {
    /// Whose answers are checked.
    pub engine: Engine,
    /// Rules of the archive that are switched off.
    pub ablations: Ablations,
    /// Whether only answers are looked at, not how they came about.
    pub answers_only: bool,
    /// Whether the oracle in Python is asked, too.
    pub python: AskPython,
}

impl Default for Archives {
    /// Refreshes by the scanner as it is, without Python.
    fn default() -> Self {
        Self {
            engine: Engine::Scanner,
            ablations: Ablations::NONE,
            answers_only: false,
            python: AskPython::No("not asked for".to_owned()),
        }
    }
}

impl Subject for Archives {
    const VERB: &'static str = "archive";
    const CHECKED: &'static str = "refreshes";

    type Case = Case;
    type Error = Error;
    type Setup = Setup;

    fn kinds() -> Vec<&'static str> {
        let faults = Fault::ALL.iter().map(|fault| fault.name_of_oracle());
        Wrong::ALL.map(Wrong::name).into_iter().chain(faults).chain(OTHERS).collect()
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings =
            vec![("engine", self.engine.to_string()), ("python", self.python.setting())];
        if !self.ablations.is_empty() {
            let names: Vec<&str> = self.ablations.iter().map(Ablation::name).collect();
            settings.push(("ablate", names.join(",")));
        }
        settings
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = vec![self.python.remark()];
        if rustix::process::geteuid().is_root() {
            remarks.push(
                "permissions: they refuse root nothing; run as another user to try them".to_owned(),
            );
        }
        remarks
    }

    fn flags(&self) -> String {
        let engine = (self.engine != Engine::Scanner).then(|| format!(" --engine {}", self.engine));
        let ablations = self.ablations.iter().map(|ablation| format!(" --ablate {ablation}"));
        engine.into_iter().chain(ablations).collect()
    }

    fn generate(&self, random: &mut ChaCha8Rng, operations: usize) -> Case {
        // Drawn in any case, so that the share does not change what the histories are.
        let asked: u64 = random.random();
        let case = generate(random, operations);
        Case { python: self.python.has(asked), ..case }
    }

    fn kept(&self, case: Case) -> Case {
        Case { python: matches!(self.python, AskPython::Of(..)), ..case }
    }

    fn set_up(&self, folder: &Path) -> io::Result<Setup> {
        let asks = matches!(self.python, AskPython::Of(..));
        let python = asks.then(|| Python::of_archives(folder)).transpose()?;
        Ok(Setup {
            engine: self.engine,
            ablations: self.ablations,
            answers_only: self.answers_only,
            python: python.map(|python| Arc::new(Mutex::new(python))),
        })
    }

    fn run(&self, setup: &Setup, folder: &Path, case: &Case) -> Result<Tally, Failure> {
        run(case, folder, setup)
    }
}
