//! What an engine of ours tells: its answer, and the way to it as it claims.

use std::collections::BTreeMap;

use tracerig_protocol::{Answer, Claims, Outcome, Reply, TraceAnswer};
use tracerig_scanner::{Turn, Turns};

use super::worker::Engine;

/// What an engine of ours tells of a scan.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// The highest id seen.
    pub(super) cursor: i64,
    /// The answer; `None` for an engine that answers nothing.
    pub(super) turns: Option<Turns>,
    /// The mode, and why.
    pub(super) mode: Option<String>,
    pub(super) reason: Option<String>,
    /// Whether the memo was written.
    pub(super) persisted: bool,
    pub(super) peak_memory_bytes: Option<u64>,
    pub(super) phases_ns: BTreeMap<String, u64>,
    pub(super) counters: BTreeMap<String, u64>,
}

impl Told {
    /// Of what became of a request; `Err` says in words why it is not an answer.
    pub(super) fn of(engine: Engine, outcome: Outcome) -> Result<Self, String> {
        match outcome {
            Outcome::Answered(Answer::Trace(answer), claims) => Self::new(engine, answer, claims),
            Outcome::Answered(..) => Err("it answered another question".to_owned()),
            Outcome::Refused(refusal) => Err(format!("refused: {refusal}")),
            Outcome::Faulty(finding) => Err(format!("{}: {}", finding.fault, finding.detail)),
        }
    }

    /// Of a reply, read from a process that others run beside.
    pub(crate) fn of_reply(engine: Engine, reply: Reply<TraceAnswer>) -> Result<Self, String> {
        match (reply.result, reply.error) {
            (_, Some(refusal)) => Err(format!("refused: {refusal}")),
            (Some(answer), None) => Self::new(engine, answer, reply.claims),
            (None, None) => Err("a reply with neither result nor error".to_owned()),
        }
    }

    fn new(engine: Engine, answer: TraceAnswer, claims: Claims) -> Result<Self, String> {
        let Claims {
            phases_ns,
            counters,
            reason,
            cursor,
            persisted,
            warning,
            peak_memory_bytes,
            ..
        } = claims;
        // It would mean that this was not what was meant to be measured.
        if let Some(warning) = warning {
            return Err(warning);
        }
        let cursor = cursor.ok_or("it does not claim the highest id that it saw")?;
        let turn = |turn: tracerig_protocol::Turn| Turn {
            thread_id: turn.thread_id,
            model: turn.model,
            timestamp: turn.timestamp,
        };
        let turns = || answer.turns.into_iter().map(|(id, found)| (id, turn(found))).collect();
        Ok(Self {
            cursor,
            turns: (engine != Engine::Floor).then(turns),
            mode: answer.mode,
            reason,
            persisted: persisted.unwrap_or(false),
            peak_memory_bytes,
            phases_ns,
            counters,
        })
    }

    /// The rows that it examined.
    pub(super) fn rows_examined(&self) -> Option<u64> {
        self.counters.get("rows_examined").copied()
    }
}
