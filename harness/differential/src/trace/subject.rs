//! Histories of a trace database and its memo, as the subject of a search.

use std::io;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use tracerig_process::interrupt;

use super::breach::Breach;
use super::execute::{Setup, run};
use super::generate::{generate, generate_processes};
use super::op::{Case, Profile};
use super::worker::{Program, Worker};
use super::{Error, Failure, Wrong};
use crate::child::Fault;
use crate::engine::Engine;
use crate::python::{AskPython, Python};
use crate::share::Share;
use crate::shrinking;
use crate::subject::Subject;
use crate::switches::trace::{Ablation, Ablations};
use crate::tally::Tally;

/// Ways to fail that are neither a wrong answer nor the other process's.
const OTHERS: [&str; 6] = ["oracle-refused", "panic", "impossible", "file", "sqlite", "store"];

/// How often a history in which processes race is executed while it is shrunk, until it may pass.
const TRIES_OF_SHRINKING: NonZeroU32 = NonZeroU32::new(20).unwrap();

/// The same for one that is kept.
const TRIES_OF_KEPT: NonZeroU32 = NonZeroU32::new(200).unwrap();

/// Scans of trace databases.
#[derive(Debug, Clone)]
pub struct Trace {
    /// The program of which each thread starts another process.
    pub program: Program,
    /// Whose answers are checked.
    pub engine: Engine,
    /// What random histories may hold.
    pub profile: Profile,
    /// Rules of the scanner that are switched off.
    pub ablations: Ablations,
    /// Whether only answers are looked at, not how they came about.
    pub answers_only: bool,
    /// The random cases that have each relaunch in a separate process, and processes that race.
    pub processes: Share,
    /// Whether the oracle in Python is asked, too.
    pub python: AskPython,
}

impl Trace {
    /// Scans by the scanner as it is, under its contract, in one process and without Python.
    /// `program` is what calls [`serve`](super::serve).
    #[must_use]
    pub fn new(program: Program) -> Self {
        Self {
            program,
            engine: Engine::Scanner,
            profile: Profile::Contract,
            ablations: Ablations::NONE,
            answers_only: false,
            processes: Share::NONE,
            python: AskPython::No("not asked for".to_owned()),
        }
    }

    fn asks_python(&self) -> bool {
        matches!(self.python, AskPython::Of(..))
    }
}

impl Subject for Trace {
    const VERB: &'static str = "trace";
    const CHECKED: &'static str = "scans";

    type Case = Case;
    type Error = Error;
    type Setup = Setup;

    fn kinds() -> Vec<&'static str> {
        let faults = Fault::ALL.iter().flat_map(|fault| [fault.name(), fault.name_of_oracle()]);
        Wrong::ALL.map(Wrong::name).into_iter().chain(faults).chain(OTHERS).collect()
    }

    fn outside() -> Vec<String> {
        Breach::sorts()
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("engine", self.engine.to_string()),
            ("profile", self.profile.name().to_owned()),
            ("processes", self.processes.to_string()),
            ("python", self.python.setting()),
        ];
        if !self.ablations.is_empty() {
            let names: Vec<&str> = self.ablations.iter().map(Ablation::name).collect();
            settings.push(("ablate", names.join(",")));
        }
        settings
    }

    fn remarks(&self) -> Vec<String> {
        vec![
            self.python.remark(),
            format!(
                "relaunches in processes of their own, and races: {} of the cases",
                self.processes
            ),
            format!(
                "SQLite {}, WAL, synchronous=NORMAL (OFF for what only deletes or looks)",
                rusqlite::version()
            ),
        ]
    }

    fn flags(&self) -> String {
        let engine = (self.engine != Engine::Scanner).then(|| format!(" --engine {}", self.engine));
        let ablations = self.ablations.iter().map(|ablation| format!(" --ablate {ablation}"));
        engine.into_iter().chain(ablations).collect()
    }

    fn generate(&self, random: &mut ChaCha8Rng, operations: usize) -> Case {
        // Drawn in any case, so that the shares do not change what the histories are.
        let (fresh, asked): (u64, u64) = (random.random(), random.random());
        let is_asked = self.python.has(asked);
        let case = if self.processes.has(fresh) && self.profile == Profile::Contract {
            generate_processes(random, operations)
        } else {
            generate(random, operations, self.profile)
        };
        Case { python: is_asked, ..case }
    }

    fn kept(&self, case: Case) -> Case {
        Case { python: self.asks_python(), ..case }
    }

    fn set_up(&self, folder: &Path) -> io::Result<Setup> {
        let worker = Some(Arc::new(Mutex::new(Worker::start(&self.program)?)));
        let python = self.asks_python().then(|| Python::new(folder)).transpose()?;
        let python = python.map(|python| Arc::new(Mutex::new(python)));
        Ok(Setup {
            worker,
            python,
            engine: self.engine,
            ablations: self.ablations,
            answers_only: self.answers_only,
        })
    }

    fn run(&self, setup: &Setup, folder: &Path, case: &Case) -> Result<Tally, Failure> {
        if case.tries == NonZeroU32::MIN {
            return run(case, folder, setup);
        }
        let mut all = Tally::default();
        for attempt in 0..case.tries.get() {
            if interrupt::requested() {
                break;
            }
            let folder = folder.join(attempt.to_string());
            std::fs::create_dir(&folder)?;
            all.add(run(case, &folder, setup)?);
            std::fs::remove_dir_all(folder)?;
        }
        Ok(all)
    }

    fn shrink(
        &self,
        case: &Case,
        failure: Failure,
        run: impl Fn(&Case) -> Result<(), Failure>,
    ) -> (Case, Failure) {
        let tries = if case.is_timed() { TRIES_OF_SHRINKING } else { case.tries };
        let case = Case { tries, ..case.clone() };
        let (mut case, failure) = shrinking::shrink(&case, failure, run);
        case.tries = if case.is_timed() { TRIES_OF_KEPT } else { NonZeroU32::MIN };
        (case, failure)
    }
}
