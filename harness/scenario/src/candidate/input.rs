//! The data and the request of a case, to give them to a candidate by hand.

use std::io;
use std::path::{Path, PathBuf};

use tracerig_differential::foreign::{Foreign, Interruption, trace_answer, usage_answer};
use tracerig_differential::{archive, trace};
use tracerig_oracle as oracle;
use tracerig_protocol::{
    Answer, AppendAnswer, AppendAsked, Ask, Capability, Claims, Contract, ErrorKind, Hello,
    Outcome, Refusal, Request, ScanAsked, UsageAsked, UsageDeclared, WirePath,
};

use super::check::{What, threads};

/// Milliseconds that such a request allows.
const LIMIT: u64 = 10_000;

/// The right answer to `ask`, by the oracle.
///
/// # Errors
/// There is none, because the data cannot be read.
pub fn right_answer(ask: &Ask) -> io::Result<Answer> {
    match ask {
        Ask::Scan(ScanAsked { database, since, until, .. }) => {
            let window = oracle::Window { since: *since, until: *until };
            let answer = oracle::scan(&database.0, window).map_err(io::Error::other)?;
            Ok(trace_answer(&answer.turns))
        }
        Ask::Usage(UsageAsked { home, zone_minutes, priority, .. }) => {
            let priority = priority.iter().cloned().collect();
            Ok(usage_answer(
                &oracle::archive::view(&home.0, &priority, *zone_minutes),
                *zone_minutes,
            ))
        }
        Ask::Append(AppendAsked { appends, .. }) => {
            Ok(Answer::Append(AppendAnswer { appends: appends.len() as u64 }))
        }
        Ask::Load(asked) => Ok(Answer::Append(AppendAnswer { appends: asked.appends_in_all() })),
        Ask::Hello { .. } => Err(io::Error::other("only a candidate knows who it is")),
        Ask::Idle => Ok(Answer::Idle),
    }
}

/// Who answers by the oracle, and stops a history before a request.
#[derive(Debug)]
struct Oracle {
    hello: Hello,
    asked: Vec<Ask>,
    /// The request, from 1, before which the history ends.
    until: Option<usize>,
}

impl Oracle {
    fn new(until: Option<usize>) -> Self {
        let usage = Some(UsageDeclared::whole());
        let hello = Hello { capabilities: vec![Capability::Memo], usage, ..Hello::default() };
        Self { hello, asked: Vec::new(), until }
    }

    fn note(&mut self, ask: &Ask) -> io::Result<()> {
        self.asked.push(ask.clone());
        if self.until == Some(self.asked.len()) {
            return Err(io::Error::other("the history ends here"));
        }
        Ok(())
    }
}

impl Foreign for Oracle {
    fn hello(&self) -> &Hello {
        &self.hello
    }

    fn begin(&mut self, _: bool) {}

    fn ask(&mut self, ask: &Ask) -> io::Result<Outcome> {
        self.note(ask)?;
        Ok(match right_answer(ask) {
            Ok(answer) => Outcome::Answered(answer, Claims::default()),
            Err(error) => {
                Outcome::Refused(Refusal { kind: ErrorKind::Failed, message: error.to_string() })
            }
        })
    }

    fn interrupt(&mut self, ask: &Ask, _: Interruption) -> io::Result<Outcome> {
        self.note(ask)?;
        Ok(Outcome::Refused(Refusal { kind: ErrorKind::Failed, message: "ended".to_owned() }))
    }
}

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

/// Makes small data of a contract in `folder`, and gives the path of the database or the home.
pub(super) fn prepared(contract: Contract, folder: &Path) -> io::Result<PathBuf> {
    let told = |error: String| io::Error::other(error);
    match contract {
        Contract::Trace => {
            let case = "append request turn=1 thread=1 model=1 at=1\n".parse::<trace::Case>();
            let case = case.map_err(|error| told(error.to_string()))?;
            executed(&What::Trace(case), folder, None)?;
            Ok(folder.join("data").join(tracerig_store::schema::FILE_NAME))
        }
        Contract::Threads => {
            let home = folder.join("data").join("home");
            std::fs::create_dir_all(&home)?;
            Ok(home)
        }
        Contract::Usage => {
            let case =
                "create 1 day=20\nappend 1 turn 1 model 1 | count 5/5\n".parse::<archive::Case>();
            let case = case.map_err(|error| told(error.to_string()))?;
            executed(&What::Archive(case), folder, None)?;
            Ok(folder.join("data").join("home"))
        }
    }
}

/// A request of a contract about the data at `path`.
pub(super) fn asked_of(contract: Contract, path: &Path, memo: Option<PathBuf>) -> Ask {
    let memo = memo.map(WirePath);
    match contract {
        Contract::Trace => Ask::Scan(ScanAsked {
            database: path.into(),
            memo: None,
            since: None,
            until: None,
            force: false,
        }),
        Contract::Threads => Ask::Append(threads::first(path)),
        Contract::Usage => Ask::Usage(UsageAsked {
            home: WirePath(path.to_owned()),
            memo,
            zone_minutes: 0,
            priority: Vec::new(),
            database: None,
            force: false,
        }),
    }
}
