//! Usage as a table and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tracerig_reports::{ByteSize, units};
use tracerig_scanner::archive::{Refresh, Session, Tokens, Used};

use super::View;
use crate::cli::output::plain;

/// The kinds of tokens, by name.
fn kinds(tokens: Tokens) -> [(&'static str, u64); 6] {
    let Tokens { input, cached_input, cache_write, output, reasoning, total } = tokens;
    [
        ("input", input),
        ("cached_input", cached_input),
        ("cache_write", cache_write),
        ("output", output),
        ("reasoning", reasoning),
        ("total", total),
    ]
}

fn amounts(used: Used) -> serde_json::Map<String, Json> {
    let kinds = kinds(used.tokens).into_iter().chain([("events", used.events)]);
    kinds.map(|(name, amount)| (name.to_owned(), amount.into())).collect()
}

pub(super) fn document(
    home: &Path,
    view: &View,
    rows: &BTreeMap<Vec<String>, Used>,
    refresh: &Refresh,
) -> Json {
    let row = |(key, used): (&Vec<String>, &Used)| {
        let mut row = amounts(*used);
        row.extend(view.by.iter().zip(key).map(|(by, part)| (by.name().to_owned(), part.as_str().into())));
        Json::Object(row)
    };
    let total = rows.values().fold(Used::default(), |sum, used| sum.plus(*used));
    let time = |at: i64| Timestamp::from_millisecond(at).map_or(Json::Null, |at| at.to_string().into());
    let session = |session: &Session| {
        json!({
            "id": session.id,
            "path": session.path.display().to_string(),
            "cwd": session.cwd,
            "version": session.version,
            "provider": session.provider,
            "first": session.span.map(|(first, _)| time(first)),
            "last": session.span.map(|(_, last)| time(last)),
            "counts": session.counts,
            "stale": session.is_stale,
            "used": amounts(session.usage.total()),
        })
    };
    let stats = &refresh.stats;
    json!({
        "home": home.display().to_string(),
        "time_zone": view.zone.iana_name(),
        "by": view.by.iter().map(|by| by.name()).collect::<Vec<_>>(),
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
        "total": amounts(total),
        "sessions": refresh.sessions.iter().map(session).collect::<Vec<_>>(),
        "problems": refresh.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "warnings": refresh.warnings,
        "files": {
            "found": stats.files,
            "unchanged": stats.unchanged,
            "continued": stats.continued,
            "parsed": stats.parsed,
            "gone": stats.gone,
            "stale": stats.stale,
            "bytes_read": stats.bytes_read,
            "unknown_lines": stats.unknown_lines,
            "broken_lines": stats.broken_lines,
        },
    })
}

/// A table of at most 80 columns, unless paths or models are longer.
pub(super) fn table(
    home: &Path,
    view: &View,
    rows: &BTreeMap<Vec<String>, Used>,
    refresh: &Refresh,
) -> String {
    const HEADS: [&str; 5] = ["input", "cached", "output", "total", "events"];
    let cells = |used: &Used| {
        let Tokens { input, cached_input, output, total, .. } = used.tokens;
        [input, cached_input, output, total, used.events].map(amount)
    };
    let widths: Vec<usize> = (0..view.by.len())
        .map(|place| {
            let parts = rows.keys().map(|key| plain(&key[place]).chars().count());
            parts.max().unwrap_or(0).max(view.by[place].name().len())
        })
        .collect();
    let line = |key: &[String], cells: [String; 5]| {
        let parts = key.iter().zip(&widths).map(|(part, width)| format!("{:width$}", plain(part)));
        let mut line = parts.collect::<Vec<_>>().join("  ");
        for cell in cells {
            let _ = write!(line, "  {cell:>8}");
        }
        line.push('\n');
        line
    };
    let names: Vec<String> = view.by.iter().map(|by| by.name().to_owned()).collect();
    let mut text = String::new();
    if rows.is_empty() {
        let _ = writeln!(text, "no usage in {}", plain(&home.display().to_string()));
    } else {
        text.push_str(&line(&names, HEADS.map(str::to_owned)));
        rows.iter().for_each(|(key, used)| text.push_str(&line(key, cells(used))));
        let total = rows.values().fold(Used::default(), |sum, used| sum.plus(*used));
        let mut foot = vec![String::new(); view.by.len()];
        foot[0] = "total".to_owned();
        text.push_str(&line(&foot, cells(&total)));
    }
    let stats = &refresh.stats;
    let _ = writeln!(
        text,
        "\n{} files: {} unchanged, {} read on, {} read anew, {} stale; {} read",
        units::count(stats.files),
        units::count(stats.unchanged),
        units::count(stats.continued),
        units::count(stats.parsed),
        units::count(stats.stale),
        ByteSize(stats.bytes_read)
    );
    if stats.broken_lines + stats.unknown_lines > 0 {
        let _ = writeln!(
            text,
            "lines skipped: {} broken, {} of unknown kinds",
            units::count(stats.broken_lines),
            units::count(stats.unknown_lines)
        );
    }
    text
}

/// An amount in at most eight characters: `12,345`, `123.4 k`, `12.34 M`.
fn amount(value: u64) -> String {
    if value < 100_000 {
        return units::count(value);
    }
    let mut scaled = value as f64;
    let mut unit = "";
    for next in ["k", "M", "G", "T", "P", "E"] {
        if scaled < 1000.0 {
            break;
        }
        (scaled, unit) = (scaled / 1000.0, next);
    }
    format!("{scaled:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        for (value, text) in [(0, "0"), (99_999, "99,999"), (100_000, "100.0 k"), (12_345_678, "12.3 M")] {
            assert_eq!(amount(value), text);
        }
        assert!(amount(u64::MAX).len() <= 8, "{}", amount(u64::MAX));
    }
}
