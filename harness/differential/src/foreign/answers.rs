//! The oracles' answers in the words of the protocol.

use std::collections::BTreeMap;

use jiff::Span;
use jiff::civil::{Date, date};
use tracerig_oracle::Turn;
use tracerig_oracle::archive::View;
use tracerig_protocol::{self as protocol, Answer, TraceAnswer, UsageAnswer, UsageRow};

/// The turns of an oracle as an answer to `scan`.
#[must_use]
pub fn trace_answer(turns: &BTreeMap<String, Turn>) -> Answer {
    let turn = |turn: &Turn| protocol::Turn {
        thread_id: turn.thread_id.clone(),
        model: turn.model.clone(),
        timestamp: turn.timestamp,
    };
    let turns = turns.iter().map(|(id, found)| (id.clone(), turn(found))).collect();
    Answer::Trace(TraceAnswer { turns, mode: None })
}

/// The tokens of an oracle as an answer to `usage`. Days begin `zone_minutes` before those of UTC.
#[must_use]
pub fn usage_answer(view: &View, zone_minutes: i64) -> Answer {
    let mut rows = Vec::new();
    for session in view.sessions.iter().filter(|session| session.counts) {
        for (slot, model, tier, tokens, _) in &session.usage {
            let [input, cached_input, cache_write, output, reasoning, total] = *tokens;
            rows.push(UsageRow {
                day: Some(day((slot * 900 + zone_minutes * 60).div_euclid(86_400))),
                model: model.clone(),
                session: Some(session.id.clone()),
                tier: Some(tier.clone()),
                input,
                cached_input,
                cache_write,
                output,
                reasoning,
                total,
            });
        }
    }
    Answer::Usage(UsageAnswer { rows, ..UsageAnswer::default() })
}

/// A day of Unix time as `YYYY-MM-DD`.
#[must_use]
pub fn day(number: i64) -> String {
    const EPOCH: Date = date(1970, 1, 1);
    let days: Result<Span, _> = Span::new().try_days(number);
    let day = days.and_then(|days| EPOCH.checked_add(days));
    day.map_or_else(|_| format!("day {number}"), |day| day.to_string())
}

#[cfg(test)]
mod tests {
    use super::day;

    #[test]
    fn a_day_is_named_as_people_write_it() {
        assert_eq!([day(0), day(-1), day(20_786)], ["1970-01-01", "1969-12-31", "2026-11-29"]);
    }
}
