//! The oracle in the place of a candidate.

use std::io;

use tracerig_differential::foreign::{Foreign, Interruption, trace_answer, usage_answer};
use tracerig_oracle as oracle;
use tracerig_protocol::{
    Answer, AppendAnswer, AppendAsked, Ask, Capability, Claims, ErrorKind, Hello, Outcome, Refusal,
    ScanAsked, UsageAsked, UsageDeclared,
};

/// The right answer to `ask`, by the oracle.
///
/// # Errors
/// The data cannot be read.
pub(crate) fn right_answer(ask: &Ask) -> io::Result<Answer> {
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
pub(super) struct Oracle {
    hello: Hello,
    pub(super) asked: Vec<Ask>,
    /// The request, from 1, before which the history ends.
    until: Option<usize>,
}

impl Oracle {
    pub(super) fn new(until: Option<usize>) -> Self {
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
