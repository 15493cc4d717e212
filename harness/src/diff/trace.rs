//! Histories of a trace database and its memo, as the subject of a search.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use rand_chacha::ChaCha8Rng;
use tracerig_scanner::{Ablation, Ablations};

use super::{Failed, History, Subject};
use crate::histories::{
    self, Breach, Case, Engine, Error, Failure, Fault, Profile, Setup, Tally, Worker, Wrong,
};

/// Ways to fail that are neither a wrong answer nor the other process's.
const OTHERS: [&str; 5] = ["panic", "impossible", "file", "sqlite", "store"];

/// Scans of trace databases.
#[derive(Debug, Clone)]
pub struct Trace {
    /// This program, of which each thread starts another process.
    pub program: PathBuf,
    /// Whose answers are checked.
    pub engine: Engine,
    /// What random histories may hold.
    pub profile: Profile,
    /// Rules of the scanner that are switched off.
    pub ablations: Ablations,
    /// Whether only answers are looked at, not how they came about.
    pub answers_only: bool,
}

impl Trace {
    /// The scanner as it is, under its contract.
    #[must_use]
    pub const fn of(program: PathBuf) -> Self {
        Self {
            program,
            engine: Engine::Scanner,
            profile: Profile::Contract,
            ablations: Ablations::NONE,
            answers_only: false,
        }
    }
}

impl Subject for Trace {
    const VERB: &'static str = "trace";
    const CHECKED: &'static str = "scans";

    type Case = Case;
    type Failure = Failure;
    type Setup = Setup;

    fn kinds() -> Vec<&'static str> {
        Wrong::ALL.map(Wrong::name).into_iter().chain(Fault::ALL.map(Fault::name)).chain(OTHERS).collect()
    }

    fn outside() -> Vec<String> {
        Breach::sorts()
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings =
            vec![("engine", self.engine.to_string()), ("profile", self.profile.name().to_owned())];
        if !self.ablations.is_empty() {
            let names: Vec<&str> = self.ablations.iter().map(Ablation::name).collect();
            settings.push(("ablate", names.join(",")));
        }
        settings
    }

    fn flags(&self) -> String {
        let engine = (self.engine != Engine::Scanner).then(|| format!(" --engine {}", self.engine));
        let ablations = self.ablations.iter().map(|ablation| format!(" --ablate {ablation}"));
        engine.into_iter().chain(ablations).collect()
    }

    fn generate(&self, random: &mut ChaCha8Rng, operations: usize) -> Case {
        histories::generate(random, operations, self.profile)
    }

    fn set_up(&self, _folder: &Path) -> io::Result<Setup> {
        let mut command = Command::new(&self.program);
        command.arg(histories::SUBCOMMAND);
        let worker = Worker::start(command)?;
        Ok(Setup {
            worker: Some(Arc::new(Mutex::new(worker))),
            engine: self.engine,
            ablations: self.ablations,
            answers_only: self.answers_only,
            ..Setup::default()
        })
    }

    fn run(&self, setup: &Setup, folder: &Path, case: &Case) -> Result<Tally, Failure> {
        histories::run(case, folder, setup)
    }

    fn shrink(
        &self,
        case: Case,
        failure: Failure,
        run: impl Fn(&Case) -> Result<(), Failure>,
    ) -> (Case, Failure) {
        histories::shrink(case, failure, run)
    }
}

impl History for Case {
    fn operations(&self) -> usize {
        self.ops.len()
    }
}

impl Failed for Failure {
    fn kind(&self) -> &'static str {
        self.kind()
    }

    fn is_mismatch(&self) -> bool {
        self.is_mismatch()
    }

    fn is_of_the_place(&self) -> bool {
        matches!(self.error, Error::Io(_))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self { op: 0, error: error.into() }
    }
}
