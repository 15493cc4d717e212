//! The data and the request of a case, to give them to a candidate by hand.

use std::io;
use std::path::Path;

use tracerig_differential::{archive, trace};
use tracerig_protocol::{Answer, Ask, Contract, Request};

use super::check::{What, threads};
use super::oracle::{Oracle, right_answer};

/// Milliseconds that such a request allows.
const LIMIT: u64 = 10_000;

/// The requests of a history that is executed in `folder` up to the one before which it ends.
fn executed(what: &What, folder: &Path, until: Option<usize>) -> io::Result<Vec<Ask>> {
    let mut oracle = Oracle::new(until);
    let failed = match what {
        What::Trace(case) => trace::run_foreign(case, folder, &mut oracle).err(),
        What::Archive(case) => archive::run_foreign(case, folder, &mut oracle).err(),
        What::Threads(_) | What::Raw(_) => None,
    };
    match failed {
        Some(failure) if until.is_none() => Err(io::Error::other(failure.to_string())),
        _ => Ok(oracle.asked),
    }
}

/// Makes the data of a case in `folder`, which must be empty, as it is before its request number
/// `step` (the last one if `None`), and gives the line of that request and the right answer.
///
/// # Errors
/// The folder cannot be written to, or there is no such request.
pub fn write(
    contract: Contract,
    what: &What,
    folder: &Path,
    step: Option<usize>,
) -> io::Result<(Vec<u8>, Option<Answer>)> {
    if let What::Raw(raw) = what {
        let (_, line) = raw.prepare(contract, folder, true)?;
        return Ok((line, None));
    }
    if let What::Threads(history) = what {
        return threads::write(history, folder, step);
    }
    let step = match step {
        Some(step) => step,
        None => executed(what, tempfile::tempdir()?.path(), None)?.len(),
    };
    let asked = executed(what, folder, Some(step))?;
    let Some(ask) = asked.get(step.wrapping_sub(1)) else {
        let told = format!("it has {} requests; give a --step from 1 to that", asked.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, told));
    };
    let answer = right_answer(ask).ok();
    Ok((Request::new(step.to_string(), ask.clone(), LIMIT).line(), answer))
}
