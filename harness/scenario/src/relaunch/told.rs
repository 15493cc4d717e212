//! What an engine of ours tells: its answer, and the way to it as it claims.

use std::collections::BTreeMap;

use tracerig_protocol::{Answer, Claims, Outcome, TraceAnswer};
use tracerig_scanner::Turns;

use crate::engine::Engine;
use crate::outcomes::told;
use crate::prepared_database::turns_of_protocol;

/// What an engine of ours tells of a scan.
#[derive(Clone, Debug)]
pub struct Told {
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
            other => Err(told(&other)),
        }
    }

    /// What an answer and its claims tell.
    ///
    /// # Errors
    /// In words: a warning, which would mean that this was not what was meant to be measured, or no
    /// highest id.
    pub fn new(engine: Engine, answer: TraceAnswer, claims: Claims) -> Result<Self, String> {
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
        if let Some(warning) = warning {
            return Err(warning);
        }
        let cursor = cursor.ok_or("it does not claim the highest id that it saw")?;
        Ok(Self {
            cursor,
            turns: (engine != Engine::Floor).then(|| turns_of_protocol(&answer.turns)),
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
