//! A stage of the published scanner.

use tracerig_protocol::{
    Answer, Ask, Capability, Claims, Contract, ErrorKind, Hello, Refusal, Request, TraceAnswer,
    VERSION,
};
use tracerig_published::history::{Scanner, Stage};
use tracerig_scanner::Window;

use super::answers::{Answers, turns_of};

/// What the name of a stage begins with.
pub(super) const PREFIX: &str = "history/";

/// The stage of this name.
pub(super) fn named(name: &str) -> Option<Scanner> {
    let name = name.strip_prefix(PREFIX)?;
    Stage::ALL.into_iter().find(|stage| stage.name() == name).map(Scanner::new)
}

impl Answers for Scanner {
    fn answer(&mut self, request: &Request) -> Result<(Answer, Claims), Refusal> {
        match &request.ask {
            Ask::Hello { .. } => Ok((Answer::Hello(hello(self.stage())), Claims::default())),
            Ask::Idle => Ok((Answer::Idle, Claims::default())),
            Ask::Scan(asked) => {
                let window = Window { since: asked.since, until: asked.until };
                let memo = asked.memo.as_ref().map(|memo| memo.0.as_path());
                let (turns, mode) = self.scan(&asked.database.0, window, memo, asked.force);
                let answer = TraceAnswer { turns: turns_of(turns), mode: Some(mode.to_string()) };
                Ok((Answer::Trace(answer), Claims::default()))
            }
            Ask::Usage(_) | Ask::Append(_) | Ask::Load(_) => {
                let message = "a stage of the trace scanner only scans".to_owned();
                Err(Refusal { kind: ErrorKind::Unsupported, message })
            }
        }
    }
}

fn hello(stage: Stage) -> Hello {
    Hello {
        name: format!("{PREFIX}{}", stage.name()),
        version: format!("#{}", stage.pull_request()),
        contracts: vec![Contract::Trace],
        // The memo of a process that keeps running shows in a process that serves, and nowhere
        // else.
        capabilities: match stage {
            Stage::Memory => vec![Capability::Serve],
            _ => vec![Capability::Memo],
        },
        versions: vec![VERSION],
        usage: None,
    }
}
