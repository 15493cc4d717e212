//! The tokens of a home, counted by our own archive.

use std::io;

use tracerig_differential::archive::Answer as Refreshed;
use tracerig_differential::foreign::{day, usage_answer};
use tracerig_protocol::{Answer, Claims, Refusal, UsageAnswer, UsageAsked, UsageRow};
use tracerig_published::archive;
use tracerig_scanner::archive::{self as session_archive, Archive, PriorityTurns};

use super::answers::failed;
use crate::engine::USAGE_MEMO;

/// Counts them.
pub(super) fn count(asked: &UsageAsked) -> Result<(Answer, Claims), Refusal> {
    let memo = asked.memo.as_ref().map(|memo| memo.0.join(USAGE_MEMO));
    let archive =
        Archive::new(&asked.home.0, session_archive::Options { memo, ..Default::default() });
    let turns: PriorityTurns = asked.priority.iter().map(String::as_str).collect();
    let request = session_archive::Request {
        rescan: asked.force,
        sessions: true,
        priority: Some(&turns),
        progress: None,
    };
    let refresh = archive.refresh(&request).map_err(|error| failed(error.to_string()))?;
    let refreshed = Refreshed::of(&refresh, asked.zone_minutes, true)
        .map_err(|error| failed(error.to_string()))?;
    Ok((usage_answer(refreshed.view(), asked.zone_minutes), Claims::default()))
}

/// What the published refresh counts: by day of UTC and model.
pub(super) fn published(asked: &UsageAsked) -> Result<(Answer, Claims), Refusal> {
    let told = |error: io::Error| failed(error.to_string());
    let own = tempfile::tempdir().map_err(told)?;
    let memo = asked.memo.as_ref().map_or(own.path(), |memo| &memo.0).join("published.json");
    if asked.force && memo.exists() {
        std::fs::remove_file(&memo).map_err(told)?;
    }
    let refresh =
        archive::refresh(&asked.home.0, &memo).map_err(|error| failed(error.to_string()))?;
    let rows =
        refresh.used.into_iter().map(|((number, model), [input, cached_input, output])| UsageRow {
            day: Some(day(number)),
            model,
            input,
            cached_input,
            output,
            ..UsageRow::default()
        });
    let answer = UsageAnswer { rows: rows.collect(), ..UsageAnswer::default() };
    Ok((Answer::Usage(answer), Claims::default()))
}
