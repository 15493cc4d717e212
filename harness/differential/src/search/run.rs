//! Executing kept and random histories on several threads until the cases or the time are used up.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use tracerig_process::interrupt;

use super::bench::Bench;
use super::error::Error;
use super::found::{Found, Origin};
use super::kept;
use super::outside::Outside;
use super::shard::Shard;
use crate::failure::{Failure, Why};
use crate::subject::{History, Subject};
use crate::tally::Tally;

/// Cases tried at most to make a failing one smaller.
const TRIES: u64 = 5000;

/// How long is tried where nothing else is said.
const PATIENCE: Duration = Duration::from_secs(60);

/// What to execute.
#[derive(Clone, Debug)]
pub struct Job<S> {
    /// What is tested.
    pub subject: S,
    /// What the random cases follow from.
    pub seed: u64,
    /// Operations of each random case.
    pub ops: usize,
    /// When to stop; a case that has begun is ended.
    pub limits: Limits,
    /// Threads.
    pub jobs: NonZeroUsize,
    /// Which share of all cases, kept and random.
    pub shard: Shard,
    /// Kept cases of all shares, executed first.
    pub corpus: Vec<PathBuf>,
    /// Where failing cases are kept.
    pub keep: PathBuf,
}

/// When a search ends, whichever comes first. The kept cases are executed in any case, and one
/// random case a thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Random cases, over all shares.
    pub cases: Option<u64>,
    /// Time from the start.
    pub time: Option<Duration>,
    /// How long a failing case is made smaller; a minute if it is not said.
    pub shrinking: Option<Duration>,
}

/// How far a search is.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Cases executed, kept ones among them.
    pub cases: u64,
    /// Cases that failed.
    pub failed: u64,
    /// A failure shrunk and kept just now.
    pub found: Option<&'a Found>,
}

/// What a search found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What histories were executed, as the command line says it.
    pub subject: &'static str,
    /// What the random cases followed from.
    pub seed: u64,
    /// What was tested, by the options that say so.
    #[serde(flatten)]
    pub settings: BTreeMap<&'static str, String>,
    /// What else a reader has to know.
    pub remarks: Vec<String>,
    /// Every way to fail.
    #[serde(skip)]
    pub kinds: Vec<&'static str>,
    /// Operations of each random case.
    pub ops: usize,
    /// Threads.
    pub jobs: usize,
    /// Which share, as `K/N`.
    pub shard: String,
    /// Kept cases executed.
    pub kept: Vec<PathBuf>,
    /// Random cases executed.
    pub random: u64,
    /// Cases that failed.
    pub failed: u64,
    /// Operations of the cases that did not fail.
    pub operations: u64,
    /// Seconds from start to end.
    pub seconds: f64,
    /// Cases a second, the time to make failing ones smaller included.
    pub cases_per_second: f64,
    /// Whether it was cut short by Ctrl-C.
    pub interrupted: bool,
    /// What the cases that did not fail exercised, and how often.
    pub exercised: BTreeMap<String, u64>,
    /// What came of each sort of operation outside the contract; counted, not failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<Outside>,
    /// One failure of each kind among the random cases, and every kept case that failed.
    pub found: Vec<Found>,
}

/// The random case `number` of `seed`. Other seeds and other numbers give others.
#[must_use]
pub fn case<S: Subject>(subject: &S, seed: u64, number: u64, ops: usize) -> S::Case {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(number);
    subject.generate(&mut random, ops)
}

/// Executes `job`; `seen` hears of every case.
///
/// # Errors
/// Histories cannot be read or executed. A history that fails is no error, but part of the report,
/// and so is that it cannot be kept.
pub fn search<S: Subject>(
    job: &Job<S>,
    seen: &mut (dyn FnMut(Seen<'_>) + Send),
) -> Result<Report, Error> {
    let mine = |place: usize| {
        job.shard.number(place as u64).and_then(|at| job.corpus.get(usize::try_from(at).ok()?))
    };
    let corpus: Vec<(PathBuf, S::Case)> = (0..)
        .map_while(mine)
        .map(|path| Ok((path.clone(), job.subject.kept(kept::read(path)?))))
        .collect::<Result<_, Error>>()?;
    let start = Instant::now();
    let searching = Searching {
        job,
        corpus: &corpus,
        deadline: job.limits.time.and_then(|time| start.checked_add(time)),
        next: AtomicU64::new(0),
        over: AtomicBool::new(false),
        state: Mutex::new(State { report: Report::of(job), seen }),
    };
    std::thread::scope(|scope| {
        // This thread works, too, and does what those do that the system does not start.
        let start_one =
            |_| std::thread::Builder::new().spawn_scoped(scope, || searching.work()).ok();
        let threads: Vec<_> = (1..job.jobs.get()).map_while(start_one).collect();
        let own = searching.work();
        let ended = threads.into_iter().map(|thread| match thread.join() {
            Ok(ended) => ended,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        ended.fold(own, Result::and)
    })?;
    let State { mut report, .. } =
        searching.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.interrupted = interrupt::requested();
    report.seconds = start.elapsed().as_secs_f64();
    report.cases_per_second = report.cases() as f64 / report.seconds.max(f64::EPSILON);
    report.outside = Outside::taken(S::outside(), &mut report.exercised);
    report.kept.sort();
    report.found.sort_by_key(|found| found.origin.to_string());
    Ok(report)
}

struct Searching<'a, S: Subject> {
    job: &'a Job<S>,
    corpus: &'a [(PathBuf, S::Case)],
    deadline: Option<Instant>,
    /// The place of the next case: the kept ones, then the random ones.
    next: AtomicU64,
    /// Whether nothing more is worth executing.
    over: AtomicBool,
    state: Mutex<State<'a>>,
}

struct State<'a> {
    report: Report,
    seen: &'a mut (dyn FnMut(Seen<'_>) + Send),
}

impl<S: Subject> Searching<'_, S> {
    /// One thread's part.
    fn work(&self) -> Result<(), Error> {
        let done = self.execute_all();
        if done.is_err() {
            self.over.store(true, Ordering::Relaxed);
        }
        done
    }

    fn execute_all(&self) -> Result<(), Error> {
        let bench = match Bench::new(&self.job.subject) {
            Err(_) if interrupt::requested() => return Ok(()),
            bench => bench?,
        };
        let mut is_first = true;
        while !self.is_over() {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            let kept = usize::try_from(place).ok().and_then(|place| self.corpus.get(place));
            let is_late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
            match kept {
                Some((path, case)) => self.execute(&bench, Origin::Kept(path.clone()), case),
                // A search that executed nothing would look like one that found nothing.
                None if is_late && !is_first => break,
                None => {
                    let number = self.job.shard.number(place - self.corpus.len() as u64);
                    let is_within =
                        |number: &u64| self.job.limits.cases.is_none_or(|cases| *number < cases);
                    let Some(number) = number.filter(is_within) else { break };
                    let (seed, ops) = (self.job.seed, self.job.ops);
                    let origin = Origin::Random { seed, case: number, ops };
                    self.execute(&bench, origin, &case(&self.job.subject, seed, number, ops));
                    is_first = false;
                }
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed) || interrupt::requested()
    }

    fn execute(&self, bench: &Bench<'_, S>, origin: Origin, case: &S::Case) {
        let done = bench.run(case);
        if interrupt::requested() {
            // It may have been cut short, and its processes ended.
            return;
        }
        let failure = self.note(|report| {
            match &origin {
                Origin::Kept(path) => report.kept.push(path.clone()),
                Origin::Random { .. } => report.random += 1,
            }
            match done {
                Ok(tally) => {
                    report.operations += case.operations() as u64;
                    let mut all = Tally(std::mem::take(&mut report.exercised));
                    all.add(tally);
                    report.exercised = all.0;
                    None
                }
                Err(failure) => {
                    report.failed += 1;
                    report.is_new(&origin, case, &failure).then_some(failure)
                }
            }
        });
        let Some(failure) = failure else { return };
        let found = self.found(bench, origin, case, failure);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { report, seen } = &mut *state;
        seen(Seen { cases: report.cases(), failed: report.failed, found: Some(&found) });
        // What was noted for others to see that this kind is taken gives way, but for its count.
        let taken = report.found.iter_mut().find(|other| other.origin == found.origin);
        if let Some(taken) = taken {
            *taken = Found { cases: taken.cases, ..found };
        }
    }

    /// Changes the report, and tells how far the search is.
    fn note<T>(&self, change: impl FnOnce(&mut Report) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { report, seen } = &mut *state;
        let changed = change(report);
        seen(Seen { cases: report.cases(), failed: report.failed, found: None });
        changed
    }

    /// Makes a failing case smaller, unless it is kept already, and keeps it.
    fn found(
        &self,
        bench: &Bench<'_, S>,
        origin: Origin,
        case: &S::Case,
        failure: Failure<S::Error>,
    ) -> Found {
        let subject = &self.job.subject;
        if let Origin::Kept(file) = &origin {
            let file = file.clone();
            let mut found = Found::new(origin, case, &failure);
            found.stands_in(file, subject);
            return found;
        }
        let mut stopped = None;
        let (case, failure) = if failure.is_of_the_place() {
            // It fails every case, and smaller ones as well.
            self.over.store(true, Ordering::Relaxed);
            (case.clone(), failure)
        } else {
            let budget = Budget::new(self.job.limits.shrinking.unwrap_or(PATIENCE));
            let smaller = subject.shrink(case, failure, |case| {
                if budget.allows() { bench.run(case).map(drop) } else { Ok(()) }
            });
            stopped = budget.stopped.into_inner();
            smaller
        };
        let name = match origin {
            Origin::Random { seed, case, .. } => {
                format!("{}-seed-{seed}-case-{case}", failure.kind())
            }
            Origin::Kept(_) => failure.kind().to_owned(),
        };
        let mut found = Found { stopped, ..Found::new(origin, &case, &failure) };
        let file = self.job.keep.join(format!("{name}.txt"));
        found.unkept = kept::keep(&file, &found).err().map(|error| error.to_string());
        found.stands_in(file, subject);
        found
    }
}

/// How much may be tried to make one failing case smaller.
struct Budget {
    start: Instant,
    patience: Duration,
    tries: Cell<u64>,
    /// What it was used up by.
    stopped: RefCell<Option<String>>,
}

impl Budget {
    fn new(patience: Duration) -> Self {
        Self { start: Instant::now(), patience, tries: Cell::new(0), stopped: RefCell::new(None) }
    }

    /// Whether one more may be tried.
    fn allows(&self) -> bool {
        let tries = self.tries.get();
        let why = if interrupt::requested() {
            format!("Ctrl-C, after {tries} tries")
        } else if tries >= TRIES {
            format!("{tries} tries")
        } else if self.start.elapsed() >= self.patience {
            format!("{} s, {tries} tries", self.patience.as_secs())
        } else {
            self.tries.set(tries + 1);
            return true;
        };
        self.stopped.borrow_mut().get_or_insert(why);
        false
    }
}

impl Report {
    fn of<S: Subject>(job: &Job<S>) -> Self {
        Self {
            subject: S::VERB,
            seed: job.seed,
            settings: job.subject.settings().into_iter().collect(),
            remarks: job.subject.remarks(),
            kinds: S::kinds(),
            ops: job.ops,
            jobs: job.jobs.get(),
            shard: job.shard.to_string(),
            kept: Vec::new(),
            random: 0,
            failed: 0,
            operations: 0,
            seconds: 0.0,
            cases_per_second: 0.0,
            interrupted: false,
            exercised: BTreeMap::new(),
            outside: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Cases executed.
    #[must_use]
    pub fn cases(&self) -> u64 {
        self.kept.len() as u64 + self.random
    }

    /// Whether a failure is worth a closer look: it is of a kept case, or the first of its kind.
    /// Counts it if not.
    fn is_new(
        &mut self,
        origin: &Origin,
        case: &impl History,
        failure: &Failure<impl Why>,
    ) -> bool {
        let is_random = |origin: &Origin| matches!(origin, Origin::Random { .. });
        let same = self
            .found
            .iter_mut()
            .find(|found| found.kind == failure.kind() && is_random(&found.origin));
        match same {
            Some(found) if is_random(origin) => {
                found.cases += 1;
                false
            }
            _ => {
                // Until it is shrunk, what is known of it.
                let mut found = Found::new(origin.clone(), case, failure);
                found.history.clear();
                self.found.push(found);
                true
            }
        }
    }
}

/// Executes the history `case`, which is in `file`, alone.
///
/// # Errors
/// Histories cannot be executed.
pub fn replay<S: Subject>(subject: &S, file: &Path, case: &S::Case) -> Result<Replayed, Error> {
    Ok(match Bench::new(subject)?.run(&subject.kept(case.clone())) {
        Ok(Tally(mut exercised)) => {
            Replayed { found: None, outside: Outside::taken(S::outside(), &mut exercised) }
        }
        Err(failure) => {
            let mut found = Found::new(Origin::Kept(file.to_owned()), case, &failure);
            found.stands_in(file.to_owned(), subject);
            Replayed { found: Some(found), outside: Vec::new() }
        }
    })
}

/// What came of a history executed alone.
#[derive(Clone, Debug, Serialize)]
pub struct Replayed {
    /// What went wrong.
    pub found: Option<Found>,
    /// What came of its operations outside the contract.
    pub outside: Vec<Outside>,
}
