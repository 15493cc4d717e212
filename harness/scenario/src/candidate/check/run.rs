//! Executing the levels of a check.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tracerig_differential::archive::CandidateArchive;
use tracerig_differential::foreign;
use tracerig_differential::parse_error::ParseError;
use tracerig_differential::search::{self, Bench, Job, Limits, Shard};
use tracerig_differential::subject::Subject;
use tracerig_differential::trace::CandidateTrace;
use tracerig_protocol::{Ask, Contract, Fault, Outcome};

use super::cases::{Case, Level, What, cases};
use super::report::{Failure, LevelReport, Report, Verdict};
use crate::candidate::definition::Definition;
use crate::candidate::guard::Guarded;
use crate::candidate::host::Candidate;
use crate::candidate::opener::{Counts, NotOpened, opened_counting};
use crate::interrupt;

/// So many failures of one kind end a level.
const MOST_OF_A_KIND: usize = 5;

/// A failing random history is shrunk for so long: the user waits for the result.
const SHRINKING: Duration = Duration::from_secs(20);

/// What a check executes.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which contract.
    pub contract: Contract,
    /// After which time a launch is ended.
    pub limit: Duration,
    /// Only these cases, and those below these names, such as `trace/relaunch`; empty: all.
    pub only: Vec<String>,
    /// Random histories.
    pub histories: u64,
    /// What they follow from.
    pub seed: u64,
    /// Threads that execute them.
    pub jobs: NonZeroUsize,
    /// The folder in which those that fail are kept.
    pub keep: PathBuf,
    /// How the command line names this candidate, for commands that repeat something.
    pub named: String,
    /// How `diff` names it.
    pub option: String,
}

/// Why a check could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// Histories cannot be executed here.
    #[error(transparent)]
    Search(#[from] search::Error),
    /// This machine has no room for temporary files, or no process left.
    #[error(
        "candidates cannot be started here: {0}. Set TMPDIR to a folder that can be written to"
    )]
    Io(#[from] io::Error),
    /// No case has such a name.
    #[error(
        "no case of the contract {contract} is called `{name}`; `tracerig candidate list --cases` \
         names all"
    )]
    NoCase {
        /// What was asked for.
        name: String,
        /// Of which contract.
        contract: Contract,
    },
    /// A case that is part of this program cannot be read.
    #[error("a case of this program cannot be read: {0}. This is a defect of tracerig")]
    Case(#[from] ParseError),
}

/// Checks a candidate; `seen` hears of each level before it begins, with the number of its cases.
///
/// # Errors
/// The check cannot be made here. What is wrong with the candidate is part of the report.
pub fn check(
    definition: &Definition,
    options: &Options,
    seen: &mut dyn FnMut(Level, u64),
) -> Result<Report, CheckError> {
    let contract = options.contract;
    let mut candidate = Candidate::open(definition, options.limit)?;
    candidate.guarded = Guarded::Contents;
    let mut report = Report {
        candidate: definition.name.clone(),
        command: definition.command_line(),
        sha256: candidate.sha256().ok(),
        contract,
        confined: false,
        verdict: Verdict::Passed,
        levels: Vec::new(),
    };
    let all = cases(contract)?;
    let is_wanted = |name: &str| {
        let is_below = |only: &String| name.strip_prefix(only.trim_end_matches('/'));
        let is_it = |only: &String| {
            is_below(only).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        options.only.is_empty() || options.only.iter().any(is_it)
    };
    let wanted: Vec<&Case> = all.iter().filter(|case| is_wanted(&case.name)).collect();
    let random = format!("{contract}/{}", Level::Random);
    let wants_random = options.histories > 0 && is_wanted(&random);
    if wanted.is_empty() && !wants_random {
        let name = options.only.join(", ");
        return Err(CheckError::NoCase { name, contract });
    }

    seen(Level::Hello, 2);
    report.confined = candidate.hello()?.confined;
    let counts = Arc::<Counts>::default();
    let foreign =
        match opened_counting(definition, options.limit, &options.option, Arc::clone(&counts))? {
            Ok(foreign) => foreign,
            Err(NotOpened::Unavailable(told)) => {
                report.verdict = Verdict::Unavailable(told);
                return Ok(report);
            }
            Err(NotOpened::Faulty(finding)) => {
                let mut level = LevelReport::new(Level::Hello);
                level.failures.push(at_hello(options, finding.fault, finding.detail, "hello"));
                report.levels.push(level);
                report.verdict = Verdict::Failed;
                return Ok(report);
            }
        };
    report.candidate = candidate.named();
    if !candidate.said().offers(contract) {
        let offers: Vec<&str> =
            candidate.said().contracts.iter().map(|offered| offered.name()).collect();
        let told =
            format!("it does not offer `{contract}`; its hello offers {}", offers.join(", "));
        report.verdict = Verdict::Unsupported(told);
        return Ok(report);
    }
    report.levels.push(hello(options, &mut candidate)?);

    let mut checking = Checking { definition, options, candidate, failed: BTreeSet::new(), counts };
    let mut found = match contract {
        // A history of threads asks the candidate itself, and not by way of the subject.
        Contract::Trace | Contract::Threads => {
            checking.levels(&CandidateTrace(foreign.clone()), &wanted, seen)?
        }
        Contract::Usage => checking.levels(&CandidateArchive(foreign.clone()), &wanted, seen)?,
    };
    let first = found.iter().flat_map(|level| &level.failures).next().map(Failure::message);
    let asks = wanted.iter().any(|case| !matches!(case.what, What::Raw(_)));
    if let Some(first) = first.filter(|_| asks && !checking.is_running()) {
        // A report of a hundred ways in which nothing works would hide that nothing works.
        report.verdict = Verdict::NotRunning(first);
        return Ok(report);
    }
    report.levels.append(&mut found);
    if wants_random && !interrupt::requested() {
        seen(Level::Random, options.histories);
        report.levels.push(match contract {
            Contract::Trace => checking.random(CandidateTrace(foreign))?,
            Contract::Threads => LevelReport {
                note: "does not apply: only tracerig's own store has random histories (`tracerig \
                       diff threads`)",
                ..LevelReport::new(Level::Random)
            },
            Contract::Usage => checking.random(CandidateArchive(foreign))?,
        });
    }
    checking.judge_known(&mut report, &is_wanted);
    let is_fine = report.failures().next().is_none();
    report.verdict = if is_fine { Verdict::Passed } else { Verdict::Failed };
    Ok(report)
}

/// A failure of the first level.
fn at_hello(options: &Options, fault: Fault, detail: String, case: &str) -> Failure {
    Failure {
        case: format!("{}/{}/{case}", options.contract, Level::Hello),
        kind: fault.name().to_owned(),
        rule: fault.rule().to_owned(),
        at: "docs/protocol.md, \"hello\"".to_owned(),
        detail,
        history: String::new(),
        repeat: format!(
            "tracerig candidate check --contract {} {}",
            options.contract, options.named
        ),
        by_hand: "echo \
                  '{\"tracerig\":1,\"id\":\"1\",\"ask\":\"hello\",\"versions\":[1],\
                  \"limit_ms\":10000}' \
                  | COMMAND"
            .to_owned(),
    }
}

/// Who it is, which is known by now, and whether it can do nothing.
fn hello(options: &Options, candidate: &mut Candidate) -> Result<LevelReport, CheckError> {
    let mut level = LevelReport { passed: 1, ..LevelReport::new(Level::Hello) };
    match candidate.launch(&Ask::Idle)?.outcome {
        Outcome::Answered(..) => level.passed += 1,
        Outcome::Refused(_) => level.unsupported += 1,
        Outcome::Faulty(finding) => {
            level.failures.push(at_hello(options, finding.fault, finding.detail, "idle"));
        }
    }
    Ok(level)
}

/// A check in its middle.
struct Checking<'a> {
    definition: &'a Definition,
    options: &'a Options,
    /// For requests that no history makes.
    candidate: Candidate,
    /// Names of cases that failed, whether that is known or not.
    failed: BTreeSet<String>,
    counts: Arc<Counts>,
}

/// What came of a case.
enum Ran {
    Passed,
    Unsupported,
    Failed(String, String),
}

impl Checking<'_> {
    /// Whether it answered anything.
    fn is_running(&self) -> bool {
        self.counts.answered() > 0
    }

    /// The levels of fixed cases.
    fn levels<S>(
        &mut self,
        subject: &S,
        cases: &[&Case],
        seen: &mut dyn FnMut(Level, u64),
    ) -> Result<Vec<LevelReport>, CheckError>
    where
        S: Subject<Error = foreign::Error>,
        Case: Executes<S>,
    {
        let bench = Bench::new(subject)?;
        let mut levels = Vec::new();
        for level in [Level::Answers, Level::Relaunch, Level::BadInput, Level::CancelKill] {
            let cases: Vec<&Case> =
                cases.iter().filter(|case| case.level == level).copied().collect();
            if cases.is_empty() || interrupt::requested() {
                continue;
            }
            seen(level, cases.len() as u64);
            levels.push(self.level(level, &cases, &bench)?);
            if level == Level::Answers && !self.is_running() {
                break;
            }
        }
        Ok(levels)
    }

    fn level<S>(
        &mut self,
        level: Level,
        cases: &[&Case],
        bench: &Bench<'_, S>,
    ) -> Result<LevelReport, CheckError>
    where
        S: Subject<Error = foreign::Error>,
        Case: Executes<S>,
    {
        let mut report = LevelReport::new(level);
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        for (place, case) in cases.iter().enumerate() {
            if kinds.values().any(|count| *count >= MOST_OF_A_KIND) || interrupt::requested() {
                report.not_run = (cases.len() - place) as u64;
                break;
            }
            match self.run(case, bench)? {
                Ran::Passed => report.passed += 1,
                Ran::Unsupported => report.unsupported += 1,
                Ran::Failed(kind, detail) => {
                    let failure = self.failure(case, kind, detail);
                    self.failed.insert(case.name.clone());
                    if self.is_known(&failure) {
                        report.known += 1;
                    } else {
                        *kinds.entry(failure.kind.clone()).or_default() += 1;
                        report.failures.push(failure);
                    }
                }
            }
        }
        (report.ended_early, report.ended_late) = self.counts.take_interrupted();
        Ok(report)
    }

    fn run<S>(&mut self, case: &Case, bench: &Bench<'_, S>) -> Result<Ran, CheckError>
    where
        S: Subject<Error = foreign::Error>,
        Case: Executes<S>,
    {
        if let What::Raw(raw) = &case.what {
            let folder = tempfile::tempdir()?;
            let done = raw.run(self.options.contract, &mut self.candidate, folder.path())?;
            return Ok(match done {
                Ok(true) => Ran::Passed,
                Ok(false) => Ran::Unsupported,
                Err((kind, detail)) => Ran::Failed(kind.to_owned(), detail),
            });
        }
        if let What::Threads(history) = &case.what {
            let folder = tempfile::tempdir()?;
            let done = history.run(&mut self.candidate, &self.counts, folder.path())?;
            let is_answer = matches!(done, Ok(true) | Err(("wrong" | "not-refused", _)));
            self.counts.asked(is_answer);
            return Ok(match done {
                Ok(true) => Ran::Passed,
                Ok(false) => Ran::Unsupported,
                Err((kind, detail)) => Ran::Failed(kind.to_owned(), detail),
            });
        }
        let Some(history) = case.history_of() else { return Ok(Ran::Unsupported) };
        match bench.run(history) {
            Ok(tally) => {
                let count = |what: &str| tally.0.get(what).copied().unwrap_or(0);
                let is_unsupported = count("unsupported") > 0 && count("answers") == 0;
                Ok(if is_unsupported { Ran::Unsupported } else { Ran::Passed })
            }
            Err(failure) => match failure.error {
                foreign::Error::Io(error) => Err(error.into()),
                _ => {
                    let kind = failure.kind().to_owned();
                    let told = failure.to_string();
                    let told = told.replacen(&format!("{kind}: "), "", 1);
                    Ok(Ran::Failed(kind, told))
                }
            },
        }
    }

    fn failure(&self, case: &Case, kind: String, detail: String) -> Failure {
        let Options { contract, named, .. } = self.options;
        let (mut rule, mut at) = (case.rule.clone(), case.at.clone());
        // Whoever writes elsewhere or crashes breaks another rule than the one that the case is
        // about.
        let of_answers = [Fault::Wrong, Fault::Stale, Fault::Nondeterministic];
        let fault = Fault::ALL.into_iter().find(|fault| fault.name() == kind);
        if let Some(fault) = fault.filter(|fault| !of_answers.contains(fault)) {
            (rule, at) = (fault.rule().to_owned(), "docs/protocol.md, \"Faults\"".to_owned());
        }
        Failure {
            case: case.name.clone(),
            kind,
            rule,
            at,
            detail,
            history: case.history(),
            repeat: format!(
                "tracerig candidate check --contract {contract} --case {} {named}",
                case.name
            ),
            by_hand: format!(
                "tracerig candidate input {} --dir DIR | {}",
                case.name,
                self.definition.command_line()
            ),
        }
    }

    fn random<S: Subject>(&mut self, subject: S) -> Result<LevelReport, CheckError> {
        let job = Job {
            subject,
            seed: self.options.seed,
            ops: 20,
            limits: Limits {
                cases: Some(self.options.histories),
                time: None,
                shrinking: Some(SHRINKING),
            },
            jobs: self.options.jobs,
            shard: Shard::WHOLE,
            corpus: Vec::new(),
            keep: self.options.keep.clone(),
        };
        let searched = search::search(&job, &mut |_| {})?;
        let mut level = LevelReport::new(Level::Random);
        level.passed = searched.random - searched.failed;
        for found in searched.found {
            let failure = Failure {
                case: format!("{}/{}/{}", self.options.contract, Level::Random, found.kind),
                kind: found.kind.to_owned(),
                rule: "Every answer is the one that a scan of everything would give.".to_owned(),
                at: "docs/protocol.md, \"Memos\"".to_owned(),
                detail: format!(
                    "{} ({} histories fail like this)",
                    found.detail.replacen(&format!("{}: ", found.kind), "", 1),
                    found.cases
                ),
                by_hand: format!(
                    "tracerig candidate input {} --dir DIR | {}",
                    found.file.display(),
                    self.definition.command_line()
                ),
                history: found.history,
                repeat: found.replay,
            };
            self.failed.insert(failure.case.clone());
            if self.is_known(&failure) {
                level.known += found.cases;
            } else {
                level.failures.push(failure);
            }
        }
        Ok(level)
    }

    /// Whether the definition lists a failure, with words that its message begins with.
    fn is_known(&self, failure: &Failure) -> bool {
        let listed = self.definition.known_failures.get(&failure.case);
        listed.is_some_and(|begins| without_place(&failure.message()).starts_with(begins.as_str()))
    }

    /// An entry of the list that no longer fails is a failure: so lists stay true.
    fn judge_known(&self, report: &mut Report, is_wanted: &impl Fn(&str) -> bool) {
        let contract = self.options.contract;
        let prefix = format!("{contract}/");
        for (case, begins) in &self.definition.known_failures {
            if !case.starts_with(&prefix) || !is_wanted(case) || self.failed.contains(case) {
                continue;
            }
            let level =
                Level::ALL.into_iter().find(|level| case.starts_with(&format!("{prefix}{level}/")));
            let place = report.levels.iter_mut().find(|report| Some(report.level) == level);
            let Some(level) = place else { continue };
            level.failures.push(Failure {
                case: case.clone(),
                kind: "stale-entry".to_owned(),
                rule: "A case that is listed as a known failure fails.".to_owned(),
                at: "docs/own-scanner.md".to_owned(),
                detail: format!(
                    "it is listed with `{begins}`, and it passed, or there is no such case: remove \
                     the entry"
                ),
                history: String::new(),
                repeat: format!(
                    "tracerig candidate check --contract {contract} {}",
                    self.options.named
                ),
                by_hand: String::new(),
            });
        }
    }
}

/// A message without the number of the operation, which is another one in a history that was
/// edited.
fn without_place(message: &str) -> String {
    match message.split_once(": operation ") {
        Some((kind, rest)) => {
            let rest = rest.split_once(": ").map_or(rest, |(_, rest)| rest);
            format!("{kind}: {rest}")
        }
        None => message.to_owned(),
    }
}

/// Cases that hold histories of a subject.
trait Executes<S: Subject> {
    /// The history, if it is one of the subject's.
    fn history_of(&self) -> Option<&S::Case>;
}

impl Executes<CandidateTrace> for Case {
    fn history_of(&self) -> Option<&tracerig_differential::trace::Case> {
        match &self.what {
            What::Trace(case) => Some(case),
            What::Archive(_) | What::Threads(_) | What::Raw(_) => None,
        }
    }
}

impl Executes<CandidateArchive> for Case {
    fn history_of(&self) -> Option<&tracerig_differential::archive::Case> {
        match &self.what {
            What::Archive(case) => Some(case),
            What::Trace(_) | What::Threads(_) | What::Raw(_) => None,
        }
    }
}
