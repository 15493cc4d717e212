//! Requests that no history makes: malformed lines, and data with odd names.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use tracerig_differential::{archive, trace};
use tracerig_protocol::{
    Ask, Capability, Contract, ErrorKind, Expected, Fault, Finding, Outcome, Request, ScanAsked,
    UsageAsked, WirePath,
};

use super::super::host::Candidate;
use super::super::oracle::{Oracle, right_answer};
use super::threads;

/// What came of a request or a history: whether it is offered, or the kind of its fault, and what
/// was found.
pub(super) type Done = io::Result<Result<bool, (&'static str, String)>>;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raw {
    /// A line that is not JSON.
    NotJson,
    /// Nothing.
    Nothing,
    /// A request of a sort that does not exist.
    UnknownAsk,
    /// A request with fields that do not exist.
    UnknownField,
    /// Data in a folder whose name means something in a URL.
    OddName,
    /// Data in a folder whose name is not UTF-8.
    ByteName,
    /// A file of rubbish in the place of the database.
    Rubbish,
    /// An empty file in the place of the database.
    EmptyFile,
    /// A home that does not exist.
    NoHome,
}

/// The `id` of each of these requests.
const ID: &str = "raw";

impl Raw {
    /// Those of a contract.
    pub(super) fn of(contract: Contract) -> impl Iterator<Item = Self> {
        let common = [
            Self::NotJson,
            Self::Nothing,
            Self::UnknownAsk,
            Self::UnknownField,
            Self::OddName,
            Self::ByteName,
        ];
        let own = match contract {
            Contract::Trace => &[Self::Rubbish, Self::EmptyFile][..],
            Contract::Usage => &[Self::NoHome],
            Contract::Threads => &[],
        };
        common.into_iter().chain(own.iter().copied())
    }

    /// Its name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::NotJson => "not-json",
            Self::Nothing => "nothing",
            Self::UnknownAsk => "unknown-ask",
            Self::UnknownField => "unknown-field",
            Self::OddName => "odd-name",
            Self::ByteName => "byte-name",
            Self::Rubbish => "rubbish",
            Self::EmptyFile => "empty-file",
            Self::NoHome => "no-home",
        }
    }

    /// The rule that it tests.
    pub(super) const fn rule(self) -> &'static str {
        match self {
            Self::NotJson => {
                "A line that is not JSON gets an error, or an exit code that is not 0."
            }
            Self::Nothing => "Without a request, end. Do not wait, and do not answer.",
            Self::UnknownAsk => "A request of an unknown sort gets the error `unsupported`.",
            Self::UnknownField => "Fields that you do not know are ignored.",
            Self::OddName => {
                "A path may hold spaces, `?`, `#` and `%`: escape it where you make a URL of it."
            }
            Self::ByteName => {
                "A path that is not UTF-8 comes as {\"bytes\": base64}: use it, or answer \
                 `unsupported`."
            }
            Self::Rubbish => "A file that is no database is an error, not an empty result.",
            Self::EmptyFile => "An empty file is an error, not an empty result.",
            Self::NoHome => "A home that does not exist is an error, not an empty result.",
        }
    }

    /// Makes its data in `folder`, and says what is asked.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn prepare(
        self,
        contract: Contract,
        folder: &Path,
        keeps_memo: bool,
    ) -> io::Result<(Request, Vec<u8>)> {
        let data = prepared(contract, folder)?;
        let memo = keeps_memo.then(|| folder.join("memo"));
        let ask = match self {
            Self::OddName => moved(&data, OsStr::new("odd ?name#1%41&b=c"))?,
            Self::ByteName => moved(&data, OsStr::from_bytes(b"data-\xff"))?,
            Self::Rubbish => written(data, &b"this is not a database ".repeat(500))?,
            Self::EmptyFile => written(data, b"")?,
            Self::NoHome => folder.join("nowhere"),
            Self::NotJson | Self::Nothing | Self::UnknownAsk | Self::UnknownField => data,
        };
        let request = Request::new(ID, asked_of(contract, &ask, memo), 10_000);
        let line = request.line();
        Ok(match self {
            // The id is not known to who cannot read the request.
            Self::NotJson => {
                (Request { id: String::new(), ..request }, b"this is not JSON\n".to_vec())
            }
            Self::Nothing => (request, Vec::new()),
            Self::UnknownAsk => {
                let line = String::from_utf8_lossy(&line).replace(
                    &format!("\"ask\":\"{}\"", name(&request.ask)),
                    "\"ask\":\"no-such-ask\"",
                );
                (request, line.into_bytes())
            }
            Self::UnknownField => {
                let line =
                    String::from_utf8_lossy(&line).replacen('{', "{\"later\":{\"a\":[1,null]},", 1);
                (request, line.into_bytes())
            }
            _ => (request, line),
        })
    }

    /// Asks, and gives the way in which the answer breaks the rule. `Ok(false)`: it does not offer
    /// that.
    pub(super) fn run(self, contract: Contract, candidate: &mut Candidate, folder: &Path) -> Done {
        let (request, line) =
            self.prepare(contract, folder, candidate.said().can(Capability::Memo))?;
        let ask = request.ask.clone();
        let outcome = candidate.launch_line(request, &line, None)?.outcome;
        // An indefinite error leaves open whether it was done.
        let is_done = match &outcome {
            Outcome::Refused(refusal) if !refusal.kind.is_definite() => None,
            outcome => Some(matches!(outcome, Outcome::Answered(..))),
        };
        let judged = self.judged(candidate, &ask, outcome)?;
        if let (Ok(_), Ask::Append(asked), Some(is_done)) = (&judged, &ask, is_done)
            && let Some(told) = threads::wrong_after_first(asked, is_done)?
        {
            return Ok(Err(("wrong", told)));
        }
        Ok(judged)
    }

    fn judged(self, candidate: &Candidate, ask: &Ask, outcome: Outcome) -> Done {
        let fault = |fault: Fault, detail: String| Ok(Err((fault.name(), detail)));
        match (self, outcome) {
            (Self::NotJson | Self::Nothing, Outcome::Refused(_)) => Ok(Ok(true)),
            (
                Self::NotJson | Self::Nothing,
                Outcome::Faulty(Finding { fault: Fault::Crashed | Fault::WrongId, .. }),
            ) => Ok(Ok(true)),
            (Self::UnknownField | Self::OddName | Self::ByteName, outcome) => {
                let right = right_answer(ask)?;
                let declared = candidate.said().usage.as_ref();
                let expected = Expected { right: &right, earlier: &[], again: None, declared };
                match outcome.against(&expected) {
                    Outcome::Answered(..) => Ok(Ok(true)),
                    Outcome::Refused(refusal) if refusal.kind == ErrorKind::Unsupported => {
                        Ok(Ok(false))
                    }
                    Outcome::Refused(refusal) => Ok(Err(("refused", refusal.to_string()))),
                    Outcome::Faulty(finding) => fault(finding.fault, finding.detail),
                }
            }
            (Self::UnknownAsk, Outcome::Refused(refusal)) if !refusal.kind.is_definite() => {
                let told = format!("the error must be `unsupported`: {refusal}");
                Ok(Err(("refused", told)))
            }
            (_, Outcome::Refused(_)) => Ok(Ok(true)),
            (_, Outcome::Answered(..)) => {
                Ok(Err(("not-refused", "it answered with a result instead of an error".to_owned())))
            }
            (_, Outcome::Faulty(finding)) => fault(finding.fault, finding.detail),
        }
    }
}

const fn name(ask: &Ask) -> &'static str {
    match ask {
        Ask::Hello { .. } => "hello",
        Ask::Idle => "idle",
        Ask::Scan(_) => "scan",
        Ask::Usage(_) => "usage",
        Ask::Append(_) => "append",
        Ask::Load(_) => "load",
    }
}

/// Renames the folder that `data` is in.
fn moved(data: &Path, name: &OsStr) -> io::Result<PathBuf> {
    let folder = data.parent().unwrap_or(Path::new("."));
    let to = folder.with_file_name(name);
    std::fs::rename(folder, &to)?;
    Ok(to.join(data.file_name().map(OsString::from).unwrap_or_default()))
}

fn written(path: PathBuf, bytes: &[u8]) -> io::Result<PathBuf> {
    std::fs::write(&path, bytes)?;
    Ok(path)
}

/// Makes small data of a contract in `folder`, and gives the path of the database or the home.
fn prepared(contract: Contract, folder: &Path) -> io::Result<PathBuf> {
    let told = |error: String| io::Error::other(error);
    match contract {
        Contract::Trace => {
            let case = "append request turn=1 thread=1 model=1 at=1\n".parse::<trace::Case>();
            let case = case.map_err(|error| told(error.to_string()))?;
            trace::run_foreign(&case, folder, &mut Oracle::new(None))
                .map_err(|failure| told(failure.to_string()))?;
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
            archive::run_foreign(&case, folder, &mut Oracle::new(None))
                .map_err(|failure| told(failure.to_string()))?;
            Ok(folder.join("data").join("home"))
        }
    }
}

/// A request of a contract about the data at `path`.
fn asked_of(contract: Contract, path: &Path, memo: Option<PathBuf>) -> Ask {
    let memo = memo.map(WirePath);
    match contract {
        Contract::Trace => Ask::Scan(ScanAsked {
            database: path.into(),
            memo,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_keeps_a_memo_gets_one() {
        for contract in [Contract::Trace, Contract::Usage] {
            let folder = tempfile::tempdir().unwrap();
            let (request, _) = Raw::UnknownField.prepare(contract, folder.path(), true).unwrap();
            let memo = match request.ask {
                Ask::Scan(asked) => asked.memo,
                Ask::Usage(asked) => asked.memo,
                ask => panic!("{ask:?}"),
            };
            assert_eq!(memo.unwrap().0, folder.path().join("memo"));
        }
    }
}
