//! What our own processes are asked in this scenario.

use std::path::Path;
use std::time::Duration;

use tracerig_protocol::{Ask, Reply, Request, ScanAsked, TraceAnswer, WirePath};
use tracerig_scanner::Window;

use super::live_database::{Halt, LiveDatabase};
use super::told::Told;
use super::worker::{self, Engine};
use crate::scenario::candidate::Candidate;
use crate::scenario::companion::Answered;
use crate::scenario::finished::Finished;

/// The request of a scan.
pub(in crate::scenario) fn scan(
    database: &Path,
    memo: Option<WirePath>,
    window: Window,
    force: bool,
) -> Ask {
    let database = WirePath(database.to_owned());
    Ask::Scan(ScanAsked { database, memo, since: window.since, until: window.until, force })
}

/// A request of the processes that run beside a writer: they are ended by who started them.
fn beside(candidate: &Candidate, ask: Ask) -> Request {
    Request { cores: candidate.cores(), ..Request::new("1", ask, u64::from(u32::MAX)) }
}

/// Asks two fresh processes at once, the second so long after the first. Also says whether they
/// overlapped.
pub(super) fn ask_two(
    candidate: &mut Candidate,
    live: &LiveDatabase,
    apart: Duration,
) -> Result<([Finished; 2], bool), String> {
    let memo = live.memo.parent().map(|folder| WirePath(folder.to_owned()));
    let request = beside(candidate, scan(&live.database, memo, Window::default(), false));
    let arguments = worker::arguments(Engine::Scanner).map(Into::into);
    candidate.two(&arguments, &request, apart)
}

/// What one of them told.
pub(super) fn told(finished: &Finished) -> Result<Told, String> {
    Told::of_reply(Engine::Scanner, finished.answer::<Reply<TraceAnswer>>()?)
}

/// Asks the process that keeps running, which is started if need be.
pub(super) fn ask_resident(
    candidate: &Candidate,
    live: &mut LiveDatabase,
) -> Result<Answered<Told>, Halt> {
    let request = beside(candidate, scan(&live.database, None, Window::default(), false));
    let mut ask = || {
        let resident = match &mut live.resident {
            Some(resident) => resident,
            none => none.insert(candidate.live_on(&worker::resident_arguments())?),
        };
        let Answered { answer, wall, io } = resident.ask::<Reply<TraceAnswer>>(&request)?;
        Ok(Answered { answer: Told::of_reply(Engine::Scanner, answer)?, wall, io })
    };
    ask().map_err(|error: String| Halt::failed("scanner", &error))
}
