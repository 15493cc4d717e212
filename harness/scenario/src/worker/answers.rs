//! How workers answer: lines of JSON on standard input and output.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::time::Duration;

use serde::Serialize;
use tracerig_protocol::{Answer, Claims, ErrorKind, Refusal, Reply, Request, Turn, VERSION};
use tracerig_scanner::Turns;

/// The next argument, which must be there and be text.
pub(super) fn next(arguments: &mut impl Iterator<Item = OsString>) -> Result<String, String> {
    let argument = arguments.next().ok_or("a worker is started by the harness only; see --help")?;
    argument.into_string().map_err(|_| "not UTF-8".to_owned())
}

/// Writes `message` as a line of JSON, in one piece.
pub(crate) fn say(message: &impl Serialize) -> Result<(), String> {
    let mut line = serde_json::to_vec(message).map_err(|error| error.to_string())?;
    line.push(b'\n');
    let mut out = std::io::stdout();
    out.write_all(&line)
        .and_then(|()| out.flush())
        .map_err(|error| format!("standard output: {error}"))
}

/// Who answers requests.
pub(crate) trait Answers {
    /// What is right, and what it claims of its work.
    fn answer(&mut self, request: &Request) -> Result<(Answer, Claims), Refusal>;
}

/// The answer to a line.
pub(crate) fn reply(answers: &mut dyn Answers, line: &[u8]) -> Reply<Answer> {
    let refused = |kind, message: String| Refusal { kind, message };
    let (id, said) = match serde_json::from_slice::<Request>(line) {
        Ok(request) => {
            let said = answers.answer(&request);
            (request.id, said)
        }
        Err(error) => match serde_json::from_slice::<serde_json::Value>(line) {
            Ok(value) => {
                let id = value["id"].as_str().unwrap_or_default().to_owned();
                (id, Err(refused(ErrorKind::Unsupported, format!("an unknown request: {error}"))))
            }
            Err(error) => (String::new(), Err(refused(ErrorKind::Malformed, error.to_string()))),
        },
    };
    let (result, error, claims) = match said {
        Ok((result, claims)) => (Some(result), None, claims),
        Err(refusal) => (None, Some(refusal), Claims::default()),
    };
    Reply { tracerig: VERSION, id, result, error, claims }
}

/// A request that failed, with the reason.
pub(crate) fn failed(message: String) -> Refusal {
    Refusal { kind: ErrorKind::Failed, message }
}

/// Turns in the words of the protocol.
pub(crate) fn turns_of(turns: Turns) -> BTreeMap<String, Turn> {
    let turn = |turn: tracerig_scanner::Turn| Turn {
        thread_id: turn.thread_id,
        model: turn.model,
        timestamp: turn.timestamp,
    };
    turns.into_iter().map(|(id, found)| (id, turn(found))).collect()
}

/// Nanoseconds, for claims.
pub(crate) fn nanos(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}
