//! tracerig's own scanner as a candidate: it answers the protocol like any other program.

use std::io::{self, BufRead as _, Write as _};

use tracerig_differential::archive::Answer as Refreshed;
use tracerig_differential::foreign::usage_answer;
use tracerig_protocol::{
    Answer, Ask, Capability, Claims, Contract, ErrorKind, Hello, Refusal, Reply, Request, ScanAsked,
    TraceAnswer, Turn, UsageAsked, UsageDeclared, VERSION,
};
use tracerig_scanner::archive::{self as session_archive, Archive, PriorityTurns};
use tracerig_scanner::{MemoPlace, Options, ScanError, Scanner, Window};

/// Answers requests from standard input, line by line, until it ends.
///
/// # Errors
/// Standard input or output fails.
pub fn serve() -> io::Result<()> {
    let (mut input, mut line) = (io::stdin().lock(), Vec::new());
    while input.read_until(b'\n', &mut line)? > 0 {
        let mut said = serde_json::to_vec(&reply(&line))?;
        said.push(b'\n');
        let mut output = io::stdout().lock();
        output.write_all(&said).and_then(|()| output.flush())?;
        line.clear();
    }
    Ok(())
}

fn reply(line: &[u8]) -> Reply {
    let refused = |kind, message: String| Refusal { kind, message };
    let (id, said) = match serde_json::from_slice::<Request>(line) {
        Ok(Request { id, ask, .. }) => (id, answer(&ask)),
        Err(error) => match serde_json::from_slice::<serde_json::Value>(line) {
            Ok(value) => {
                let id = value["id"].as_str().unwrap_or_default().to_owned();
                (id, Err(refused(ErrorKind::Unsupported, format!("an unknown request: {error}"))))
            }
            Err(error) => (String::new(), Err(refused(ErrorKind::Malformed, error.to_string()))),
        },
    };
    let (result, error) = match said {
        Ok(result) => (Some(result), None),
        Err(refusal) => (None, Some(refusal)),
    };
    Reply { tracerig: VERSION, id, result, error, claims: Claims::default() }
}

fn answer(ask: &Ask) -> Result<serde_json::Value, Refusal> {
    let json = |value: Result<serde_json::Value, serde_json::Error>| {
        value.map_err(|error| Refusal { kind: ErrorKind::Failed, message: error.to_string() })
    };
    match ask {
        Ask::Hello { .. } => json(serde_json::to_value(hello())),
        Ask::Idle => Ok(serde_json::json!({})),
        Ask::Scan(asked) => json(serde_json::to_value(scan(asked)?)),
        Ask::Usage(asked) => match usage(asked)? {
            Answer::Usage(answer) => json(serde_json::to_value(answer)),
            _ => Ok(serde_json::Value::Null),
        },
    }
}

fn hello() -> Hello {
    Hello {
        name: "tracerig".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        contracts: vec![Contract::Trace, Contract::Usage],
        capabilities: vec![Capability::Memo, Capability::Serve],
        versions: vec![VERSION],
        usage: Some(UsageDeclared::whole()),
    }
}

fn scan(asked: &ScanAsked) -> Result<TraceAnswer, Refusal> {
    let memo = asked.memo.as_ref().map_or(MemoPlace::Disabled, |memo| MemoPlace::File(memo.0.join("trace")));
    let scanner = Scanner::new(&asked.database.0, Options { memo, ..Options::default() });
    let window = Window { since: asked.since, until: asked.until };
    let request = tracerig_scanner::Request { window, rescan: asked.force };
    let scan = scanner.scan(&request).map_err(|error| Refusal {
        kind: match error {
            ScanError::Locked { .. } => ErrorKind::Busy,
            _ => ErrorKind::Failed,
        },
        message: error.to_string(),
    })?;
    let turns = scan.turns.iter().map(|(id, turn)| {
        let turn =
            Turn { thread_id: turn.thread_id.clone(), model: turn.model.clone(), timestamp: turn.timestamp };
        (id.clone(), turn)
    });
    Ok(TraceAnswer { turns: turns.collect(), mode: Some(scan.stats.mode.to_string()) })
}

fn usage(asked: &UsageAsked) -> Result<Answer, Refusal> {
    let failed = |error: String| Refusal { kind: ErrorKind::Failed, message: error };
    let memo = asked.memo.as_ref().map(|memo| memo.0.join("usage"));
    let archive = Archive::new(&asked.home.0, session_archive::Options { memo, ..Default::default() });
    let turns: PriorityTurns = asked.priority.iter().map(String::as_str).collect();
    let request = session_archive::Request {
        rescan: asked.force,
        sessions: true,
        priority: Some(&turns),
        progress: None,
    };
    let refresh = archive.refresh(&request).map_err(|error| failed(error.to_string()))?;
    let refreshed =
        Refreshed::of(&refresh, asked.zone_minutes, true).map_err(|error| failed(error.to_string()))?;
    Ok(usage_answer(refreshed.view(), asked.zone_minutes))
}
