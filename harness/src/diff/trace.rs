//! Histories of a trace database and its memo, as the subject of a search.

use std::fmt;
use std::io;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::Subject;
use crate::histories::{
    self, Breach, Case, Engine, Error, Failure, Fault, Hello, Profile, Python, Setup, Tally, Worker, Wrong,
};
use crate::interrupt;
use crate::shrinking;
use crate::switches::trace::{Ablation, Ablations};

/// Ways to fail that are neither a wrong answer nor the other process's.
const OTHERS: [&str; 6] = ["oracle-refused", "panic", "impossible", "file", "sqlite", "store"];

/// How often a history in which processes race is executed while it is made smaller, until it may pass.
const TRIES_OF_SHRINKING: NonZeroU32 = NonZeroU32::new(20).unwrap();

/// The same for one that is kept.
const TRIES_OF_KEPT: NonZeroU32 = NonZeroU32::new(200).unwrap();

/// One of so many random cases, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(Option<NonZeroU64>);

impl Share {
    /// Of no case.
    pub const NONE: Self = Self(None);

    /// Of every case.
    pub const ALL: Self = Self(Some(NonZeroU64::MIN));

    /// Of one case in `of`; of none if that is 0.
    #[must_use]
    pub const fn one_in(of: u64) -> Self {
        Self(NonZeroU64::new(of))
    }

    /// Whether it is of no case.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0.is_none()
    }

    /// Whether a case for which this number was drawn is one of them.
    fn has(self, drawn: u64) -> bool {
        self.0.is_some_and(|of| drawn % of == 0)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => formatter.write_str("none"),
            Some(NonZeroU64::MIN) => formatter.write_str("all"),
            Some(of) => write!(formatter, "1/{of}"),
        }
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let of = || text.strip_prefix("1/").and_then(|of| of.parse().ok()).map(|of| Self(Some(of)));
        match text {
            "none" => Ok(Self::NONE),
            "all" => Ok(Self::ALL),
            _ => of().ok_or_else(|| format!("`{text}` is no share: write 1/N, all or none")),
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
    pub(super) fn has(&self, drawn: u64) -> bool {
        matches!(self, Self::Of(share, _) if share.has(drawn))
    }

    /// What a report says of it, in a word.
    pub(super) fn setting(&self) -> String {
        match self {
            Self::Of(share, _) => share.to_string(),
            Self::No(why) => format!("not run ({why})"),
        }
    }

    /// The same in a sentence.
    pub(super) fn remark(&self) -> String {
        match self {
            Self::Of(share, Hello { name, version }) => {
                format!("python oracle: asked by these cases: {share}, and the kept ones ({name} {version})")
            }
            Self::No(why) => format!("python oracle: not run ({why})"),
        }
    }
}

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
    /// The random cases that have each relaunch in a process of its own, and processes that race.
    pub processes: Share,
    /// Whether the oracle in Python is asked, too.
    pub python: AskPython,
}

impl Trace {
    /// Scans by the scanner as it is, under its contract, in one process and without Python. `program` is this program.
    #[must_use]
    pub fn new(program: PathBuf) -> Self {
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
            format!("relaunches in processes of their own, and races: {} of the cases", self.processes),
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
            histories::generate_processes(random, operations)
        } else {
            histories::generate(random, operations, self.profile)
        };
        Case { python: is_asked, ..case }
    }

    fn kept(&self, case: Case) -> Case {
        Case { python: self.asks_python(), ..case }
    }

    fn set_up(&self, folder: &Path) -> io::Result<Setup> {
        let mut command = Command::new(&self.program);
        command.arg(histories::SUBCOMMAND);
        let worker = Some(Arc::new(Mutex::new(Worker::start(command)?)));
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
            return histories::run(case, folder, setup);
        }
        let mut all = Tally::default();
        for attempt in 0..case.tries.get() {
            if interrupt::requested() {
                break;
            }
            let folder = folder.join(attempt.to_string());
            std::fs::create_dir(&folder)?;
            all.add(histories::run(case, &folder, setup)?);
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
