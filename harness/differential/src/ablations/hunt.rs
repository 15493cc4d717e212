//! Looking for one fault: at random until a history fails, and in the history that is known to.

use std::cell::Cell;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Search, Tested};
use crate::search::{self, Bench, Error};
use crate::subject::{History as _, Subject};
use tracerig_process::interrupt;

/// Histories tried at most to make a failing one smaller.
const TRIES: u32 = 1000;
/// And for how long: a history that hangs where a rule is missing takes its time at every try.
const SHRINKING: Duration = Duration::from_secs(5);

/// A random case that failed.
#[derive(Clone, Debug, Serialize)]
pub struct Random {
    /// Its number.
    pub case: u64,
    /// In which way it failed, in one word.
    pub kind: &'static str,
    /// Operations of what it was made into.
    pub operations: usize,
    /// What it was made into.
    pub history: String,
    /// What went wrong there.
    pub detail: String,
}

/// What a search came to.
pub(super) struct Hunted {
    /// Cases executed.
    pub(super) cases: u64,
    /// The first that failed, or why nothing can be said.
    pub(super) found: Result<Option<Random>, String>,
}

/// Executes random cases until one fails, or `search` says that it is enough.
pub(super) fn hunt<S: Subject>(subject: &S, search: Search) -> Result<Hunted, Error> {
    let bench = Bench::new(subject)?;
    let start = Instant::now();
    let mut cases = 0;
    let is_enough = |cases: u64| {
        search.cases.is_some_and(|most| cases >= most)
            || search.time.is_some_and(|time| start.elapsed() >= time)
            || interrupt::requested()
    };
    while !is_enough(cases) {
        let case = search::case(subject, search.seed, cases, search.ops);
        let number = cases;
        cases += 1;
        let Err(failure) = bench.run(&case) else { continue };
        if !failure.is_mismatch() {
            return Ok(Hunted { cases, found: Err(failure.to_string()) });
        }
        let (tries, begun) = (Cell::new(0), Instant::now());
        let (case, failure) = subject.shrink(&case, failure, |case| {
            tries.set(tries.get() + 1);
            let is_worth_it = tries.get() <= TRIES && begun.elapsed() < SHRINKING;
            let may_try = is_worth_it && !interrupt::requested();
            if may_try { bench.run(case).map(drop) } else { Ok(()) }
        });
        let found = Random {
            case: number,
            kind: failure.kind(),
            operations: case.operations(),
            history: case.to_string(),
            detail: failure.to_string(),
        };
        return Ok(Hunted { cases, found: Ok(Some(found)) });
    }
    Ok(Hunted { cases, found: Ok(None) })
}

/// What a witness showed.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// Operations it has.
    pub operations: usize,
    /// In which way it fails, in one word.
    pub kind: &'static str,
    /// At which operation, and what was found and expected.
    pub detail: String,
    /// Whether an answer goes wrong, and not only the way to it; `None` where that is not
    /// distinguished.
    pub wrong_answer: Option<bool>,
    /// The history.
    pub history: String,
}

/// Executes a witness with the fault, which it has to show, and without, when nothing may be wrong.
pub(super) fn witness<S: Subject>(
    fault: &Tested<S>,
    text: &str,
) -> Result<Result<Shown, String>, Error> {
    let case: S::Case = match text.parse() {
        Ok(case) => case,
        Err(error) => return Ok(Err(error.to_string())),
    };
    if let Err(failure) = Bench::new(&fault.sound)?.run(&case) {
        return Ok(Err(format!("it fails although every rule holds: {failure}")));
    }
    let Err(failure) = Bench::new(&fault.subject)?.run(&case) else {
        return Ok(Err("nothing goes wrong".to_owned()));
    };
    if !failure.is_mismatch() {
        return Ok(Err(failure.to_string()));
    }
    let wrong_answer = match &fault.by_answers {
        Some(subject) => Some(Bench::new(subject)?.run(&case).is_err()),
        None => None,
    };
    Ok(Ok(Shown {
        operations: case.operations(),
        kind: failure.kind(),
        detail: failure.to_string(),
        wrong_answer,
        history: case.to_string(),
    }))
}
