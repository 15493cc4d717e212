//! How strong the differential tests are: each rule of what is tested is switched off, and the
//! tests have to notice.
//!
//! Rules mask each other: without one, another often prevents the wrong answer. So each has a
//! **witness**, the smallest known history that goes wrong when that rule alone is missing, and
//! besides is looked for at random. A rule without either is not tested, or useless.

/// Makes the table of the witnesses in a folder of `corpus`, for this program to have them with it.
/// The package has a link to that folder, which is a copy of the witnesses where the package is
/// published.
macro_rules! witnesses {
    ($folder:literal: $($name:literal)*) => {
        &[$((
            $name,
            include_str!(concat!("../../corpus/", $folder, "/witnesses/", $name, ".txt")),
        )),*]
    };
}

mod archive;
mod hunt;
mod threads;
mod trace;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

pub use archive::{archive_engines, archive_rules};
pub use hunt::{Random, Shown};
pub use threads::thread_rules;
pub use trace::{engines, rules};

use crate::engine::Engine;
use crate::subject::Subject;
use tracerig_process::interrupt;

/// Something that is wrong on purpose, for the tests to notice.
#[derive(Clone, Debug)]
pub struct Tested<S> {
    /// Its name.
    pub name: &'static str,
    /// What goes wrong, in a sentence.
    pub summary: &'static str,
    /// What is tested, with the fault in it.
    pub subject: S,
    /// The same of which only answers are looked at, where that can be.
    pub by_answers: Option<S>,
    /// What is tested, without the fault.
    pub sound: S,
    /// A history that shows the fault.
    pub witness: Option<&'static str>,
}

/// The history kept to show what goes wrong without a rule.
fn witness(kept: &[(&str, &'static str)], rule: &str) -> Option<&'static str> {
    kept.iter().find(|(name, _)| *name == rule).map(|(_, text)| *text)
}

/// The engines that no test may let pass; `with` is what is tested with another engine than in
/// `sound`.
fn wrong_engines<S: Clone>(sound: &S, with: impl Fn(Engine) -> S) -> Vec<Tested<S>> {
    let wrong = Engine::ALL.into_iter().filter(|engine| *engine != Engine::Scanner);
    let tested = |engine: Engine| Tested {
        name: engine.name(),
        summary: engine.summary(),
        subject: with(engine),
        by_answers: None,
        sound: sound.clone(),
        witness: None,
    };
    wrong.map(tested).collect()
}

/// How long to look for each fault.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Search {
    /// What the random cases follow from.
    pub seed: u64,
    /// Operations of each random case.
    pub ops: usize,
    /// Random cases, at most.
    pub cases: Option<u64>,
    /// Time, at most.
    #[serde(skip)]
    pub time: Option<Duration>,
}

/// What came of one fault.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was tested, by the verb of `tracerig diff`.
    pub subject: &'static str,
    /// The fault.
    pub name: &'static str,
    /// What goes wrong, in a sentence.
    pub summary: &'static str,
    /// Random cases executed, the one that found it among them.
    pub cases: u64,
    /// Seconds that took.
    pub seconds: f64,
    /// What random search found.
    pub random: Option<Random>,
    /// What the witness showed.
    pub witness: Option<Shown>,
    /// Why a witness, or the search, says nothing.
    pub trouble: Option<String>,
}

impl Row {
    /// Whether the tests notice the fault.
    #[must_use]
    pub fn is_caught(&self) -> bool {
        self.trouble.is_none() && (self.random.is_some() || self.witness.is_some())
    }
}

/// Looks for each fault of `tested` on `jobs` threads; `seen` hears of each when it is done. What
/// Ctrl-C cut off is left out.
///
/// # Errors
/// Histories cannot be executed here.
pub fn look<S: Subject>(
    tested: &[Tested<S>],
    search: Search,
    jobs: NonZeroUsize,
    seen: &(dyn Fn(&Row) + Sync),
) -> Result<Vec<Row>, crate::search::Error> {
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(Vec::new());
    let work = || {
        while let Some((place, fault)) =
            tested.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed))
        {
            if interrupt::requested() {
                break;
            }
            let row = row(fault, search);
            if interrupt::requested() {
                // It may have been cut short, and its processes ended.
                break;
            }
            let row = row?;
            seen(&row);
            rows.lock().unwrap_or_else(PoisonError::into_inner).push((place, row));
        }
        Ok::<(), crate::search::Error>(())
    };
    std::thread::scope(|scope| {
        // This thread works, too, and does what those do that the system does not start.
        let start_one = |_| std::thread::Builder::new().spawn_scoped(scope, work).ok();
        let threads: Vec<_> = (1..jobs.get()).map_while(start_one).collect();
        let own = work();
        let ended = threads.into_iter().map(|thread| match thread.join() {
            Ok(ended) => ended,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        ended.fold(own, Result::and)
    })?;
    let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    rows.sort_by_key(|(place, _)| *place);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn row<S: Subject>(fault: &Tested<S>, search: Search) -> Result<Row, crate::search::Error> {
    let mut trouble = None;
    let witness = match fault.witness.map(|text| hunt::witness(fault, text)).transpose()? {
        Some(Err(why)) => {
            trouble = Some(format!("the witness says nothing: {why}"));
            None
        }
        Some(Ok(shown)) => Some(shown),
        None => None,
    };
    let start = Instant::now();
    let hunted = hunt::hunt(&fault.subject, search)?;
    let seconds = start.elapsed().as_secs_f64();
    let random = hunted.found.unwrap_or_else(|why| {
        trouble.get_or_insert(format!("the search says nothing: {why}"));
        None
    });
    let Tested { name, summary, .. } = *fault;
    let cases = hunted.cases;
    Ok(Row { subject: S::VERB, name, summary, cases, seconds, random, witness, trouble })
}
