//! Usage as a table and as JSON.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tracerig_reports::foreign::shortened;
use tracerig_reports::{ByteSize, units};
use tracerig_scanner::archive::{Refresh, Session, Stats, Tokens, Used};

use super::Home;
use super::told::{self, Note};
use super::view::{By, Rows, View, sessions};
use crate::cli::output::{MOST_OF_A_PATH, columns, counted, one_line, padded};

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

fn total(rows: &Rows) -> Used {
    rows.values().fold(Used::default(), |sum, used| sum.plus(*used))
}

/// That sums are larger than can be shown, if they may be.
pub(super) fn cut_short(rows: &Rows) -> Option<String> {
    let most = u64::MAX;
    let kinds = kinds(total(rows).tokens);
    let (name, _) = kinds.iter().find(|(_, amount)| *amount == most)?;
    Some(format!("{most} is the most that is counted, and `{name}` has reached it; it may be more"))
}

pub(super) fn document(homes: &[Home], view: &View, rows: &Rows) -> Json {
    let row = |(key, used): (&Vec<String>, &Used)| {
        let mut row = amounts(*used);
        row.extend(
            view.by.iter().zip(key).map(|(by, part)| (by.name().to_owned(), part.as_str().into())),
        );
        Json::Object(row)
    };
    let time =
        |at: i64| Timestamp::from_millisecond(at).map_or(Json::Null, |at| at.to_string().into());
    let session = |(session, path): (&Session, String)| {
        json!({
            "id": session.id,
            "segment": session.segment,
            "path": path,
            "cwd": session.cwd,
            "version": session.version,
            "provider": session.provider,
            "first": session.span.map(|(first, _)| time(first)),
            "last": session.span.map(|(_, last)| time(last)),
            "counts": session.counts,
            "stale": session.is_stale,
            "inferred": session.is_inferred,
            "used": amounts(session.usage.total()),
        })
    };
    let paths: Vec<String> = homes.iter().map(|home| home.path.display().to_string()).collect();
    let all = |each: fn(&Home) -> Vec<String>| homes.iter().flat_map(each).collect::<Vec<_>>();
    let mut warnings = all(|home| home.refresh.warnings.clone());
    warnings.extend(cut_short(rows));
    let stats = stats(homes);
    json!({
        "home": if let [home] = &paths[..] { Some(home) } else { None },
        "homes": paths,
        "time_zone": view.zone.iana_name(),
        "by": view.by.iter().map(|by| by.name()).collect::<Vec<_>>(),
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
        "total": amounts(total(rows)),
        "sessions": sessions(homes).map(session).collect::<Vec<_>>(),
        "skipped": told::notes(homes).iter().map(Note::document).collect::<Vec<_>>(),
        "problems": all(|home| home.refresh.problems.iter().map(ToString::to_string).collect()),
        "warnings": warnings,
        "files": {
            "found": stats.files,
            "unchanged": stats.unchanged,
            "continued": stats.continued,
            "parsed": stats.parsed,
            "moved": stats.moved,
            "gone": stats.gone,
            "stale": stats.stale,
            "untyped": stats.untyped,
            "inferred": stats.inferred,
            "bytes_read": stats.bytes_read,
            "unknown_lines": stats.unknown_lines,
            "broken_lines": stats.broken_lines,
        },
    })
}

/// What the refreshes of all homes did.
fn stats(homes: &[Home]) -> Stats {
    let mut all = Stats::default();
    for Home { refresh: Refresh { stats, .. }, .. } in homes {
        all.files += stats.files;
        all.unchanged += stats.unchanged;
        all.continued += stats.continued;
        all.parsed += stats.parsed;
        all.moved += stats.moved;
        all.gone += stats.gone;
        all.stale += stats.stale;
        all.untyped += stats.untyped;
        all.inferred += stats.inferred;
        all.bytes_read += stats.bytes_read;
        all.unknown_lines += stats.unknown_lines;
        all.broken_lines += stats.broken_lines;
    }
    all
}

/// Columns of the table.
const WIDTH: usize = 80;
/// Columns of a name on a separate line.
const MOST_OF_A_NAME: usize = 512;
/// Characters to which a name may be cut.
const LEAST: usize = 12;

/// Rows that fit a screen next to the total; half as many if each takes two lines.
const MOST_ROWS: usize = 16;

/// The total, then a table of at most 80 columns: all rows with `details`, else the last (by time)
/// or the largest. A session is named by its id if its path does not fit, and long names lose their
/// middle; if rows would then look equal, names get separate lines. JSON has everything in full.
pub(super) fn table(homes: &[Home], view: &View, rows: &Rows, details: bool) -> String {
    const HEADS: [&str; 5] = ["input", "cached", "output", "total", "events"];
    let cells = |used: &Used| {
        let Tokens { input, cached_input, output, total, .. } = used.tokens;
        [input, cached_input, output, total, used.events].map(amount)
    };
    let mut text = String::new();
    if rows.is_empty() {
        let paths: Vec<String> = homes.iter().map(|home| home.path.display().to_string()).collect();
        let _ = writeln!(text, "no usage in {}", one_line(&paths.join(", "), MOST_OF_A_PATH));
    } else {
        let total = total(rows);
        let aligned = |most: usize| {
            let shown = if details { rows.iter().collect() } else { chosen(view, rows, most) };
            let mut foot = vec![String::new(); view.by.len()];
            foot[0] = "total".to_owned();
            let names: Vec<String> = view.by.iter().map(|by| by.name().to_owned()).collect();
            let mut figures = vec![HEADS.map(str::to_owned)];
            figures.extend(shown.iter().map(|(_, used)| *used).chain([&total]).map(cells));
            let mut keys = vec![names];
            let part = |part: &String| one_line(part, MOST_OF_A_NAME);
            keys.extend(shown.iter().map(|(key, _)| key.iter().map(part).collect()));
            keys.push(foot);
            (aligned(&view.by, keys, &figures), rows.len() - shown.len())
        };
        let (mut table, mut left_out) = aligned(MOST_ROWS);
        if !details && table.lines().count() > MOST_ROWS + 2 {
            (table, left_out) = aligned(MOST_ROWS / 2);
        }
        let [input, cached, output, total, events] = cells(&total);
        let _ = writeln!(
            text,
            "{total} tokens in {events} responses: {input} input ({cached} cached), {output} \
             output\n\n\
             {table}"
        );
        text.truncate(text.trim_end().len() + 1);
        if left_out > 0 {
            let which = if is_by_time(view) { "earlier" } else { "smaller" };
            let _ = writeln!(
                text,
                "{} left out; see --details",
                counted(left_out as u64, &format!("{which} row"), &format!("{which} rows"))
            );
        }
    }
    let stats = stats(homes);
    let _ = writeln!(
        text,
        "\n{}: {} unchanged, {} continued, {} read in full, {} stale; {} read",
        counted(stats.files, "file", "files"),
        units::count(stats.unchanged + stats.moved),
        units::count(stats.continued),
        units::count(stats.parsed),
        units::count(stats.stale),
        ByteSize(stats.bytes_read)
    );
    text
}

/// Whether rows are in the order of time.
fn is_by_time(view: &View) -> bool {
    matches!(view.by.first(), Some(By::Day | By::Week | By::Month))
}

/// At most so many rows in their order: the last ones by time, else the largest.
fn chosen<'r>(view: &View, rows: &'r Rows, most: usize) -> Vec<(&'r Vec<String>, &'r Used)> {
    if is_by_time(view) {
        return rows.iter().skip(rows.len().saturating_sub(most)).collect();
    }
    let mut largest: Vec<_> = rows.iter().collect();
    largest.sort_by_key(|(_, used)| std::cmp::Reverse(used.tokens.total));
    largest.truncate(most);
    largest.sort_by_key(|(key, _)| *key);
    largest
}

/// Keys and figures of every line, heads and total included, as a table.
fn aligned(by: &[By], mut keys: Vec<Vec<String>>, figures: &[[String; 5]]) -> String {
    let long = |cell: &String| cell.chars().count();
    let columns: Vec<usize> =
        (0..5).map(|at| figures.iter().map(|row| long(&row[at])).max().unwrap_or(0)).collect();
    let room = WIDTH - columns.iter().map(|column| column + 2).sum::<usize>();
    let are_told = |keys: &[Vec<String>]| keys.iter().collect::<BTreeSet<_>>().len() == keys.len();
    let mut whole = keys.clone();
    let mut widths = widest(&keys);
    let wanted = |widths: &[usize]| widths.iter().sum::<usize>() + 2 * (widths.len() - 1);
    if wanted(&widths) > room {
        for key in &mut keys {
            for (part, _) in key.iter_mut().zip(by).filter(|(_, by)| **by == By::Session) {
                *part = id_of(part).to_owned();
            }
        }
        widths = widest(&keys);
        if are_told(&keys) {
            whole.clone_from(&keys);
        }
    }
    while wanted(&widths) > room {
        let Some(longest) = widths.iter_mut().max().filter(|width| **width > LEAST) else { break };
        *longest -= 1;
    }
    for key in &mut keys {
        key.iter_mut().zip(&widths).for_each(|(part, width)| *part = shortened(part, *width));
    }
    let fits = wanted(&widths) <= room && are_told(&keys);
    if !fits {
        (keys, widths) = (whole, vec![0; by.len()]);
    }
    let mut text = String::new();
    for (key, cells) in keys.iter().zip(figures) {
        let parts: Vec<String> =
            key.iter().zip(&widths).map(|(part, width)| padded(part, *width)).collect();
        text.push_str(&parts.join("  "));
        if !fits {
            text.truncate(text.trim_end().len());
            text.push_str("\n    ");
        }
        for (cell, width) in cells.iter().zip(&columns) {
            let _ = write!(text, "  {cell:>width$}");
        }
        text.push('\n');
    }
    text
}

/// How wide each column of keys is.
fn widest(keys: &[Vec<String>]) -> Vec<usize> {
    let count = keys.first().map_or(0, Vec::len);
    (0..count).map(|at| keys.iter().map(|key| columns(&key[at])).max().unwrap_or(0)).collect()
}

/// The id in the name of a session's file, as `tracerig threads show` takes it; any other path
/// unchanged.
fn id_of(path: &str) -> &str {
    const LONG: usize = 36;
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.split_once(".jsonl").map_or(name, |(stem, _)| stem);
    let stem = stem.split_once('_').map_or(stem, |(stem, _)| stem);
    let id = stem.len().checked_sub(LONG).and_then(|from| stem.get(from..));
    let is_id = |id: &&str| {
        id.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    };
    id.filter(is_id).unwrap_or(path)
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

    const ID: &str = "01a1fab2-1cb8-7e63-b65b-a7cff50f2c75";

    fn told(by: &[By], keys: &[&[&str]]) -> String {
        let mut all = vec![by.iter().map(|by| by.name().to_owned()).collect::<Vec<_>>()];
        all.extend(keys.iter().map(|key| key.iter().map(|part| (*part).to_owned()).collect()));
        let figures =
            vec![["input", "999.9 k", "output", "12.3 M", "events"].map(str::to_owned); all.len()];
        aligned(by, all, &figures)
    }

    fn fits(text: &str) -> bool {
        text.lines().all(|line| line.chars().count() <= WIDTH)
    }

    #[test]
    fn a_session_is_named_by_its_id() {
        let path = format!("sessions/2026/11/20/rollout-2026-11-20T20-42-19-{ID}.jsonl");
        assert_eq!(id_of(&path), ID);
        assert_eq!(id_of(&format!("rollout-2026-11-20T20-42-19-{ID}_{ID}.jsonl.zst")), ID);
        for other in ["sessions/x.jsonl", "", "a/0123456789-0123456789-0123456789-01234.jsonl"] {
            assert_eq!(id_of(other), other);
        }
        let text = told(&[By::Session], &[&[&path], &["odd.jsonl"]]);
        assert!(
            fits(&text) && text.contains(&format!("{ID}  ")) && text.contains("odd.jsonl  "),
            "{text}"
        );
    }

    #[test]
    fn long_names_lose_their_middles_but_never_become_equal() {
        let long = "a-model-with-a-name-that-is-longer-than-any-other-";
        let (one, other) = (format!("{long}1"), format!("{long}2"));
        let text = told(&[By::Day, By::Model], &[&["2026-11-20", &one], &["2026-11-20", &other]]);
        assert!(
            fits(&text) && text.contains("2026-11-20  a-model-") && text.contains("er-1 "),
            "{text}"
        );
        let (one, other) = (format!("{long}1{long}"), format!("{long}2{long}"));
        let text = told(&[By::Day, By::Model], &[&["2026-11-20", &one], &["2026-11-20", &other]]);
        assert!(text.contains(&format!("2026-11-20  {one}\n ")), "{text}");
    }

    #[test]
    fn amounts_are_short() {
        for (value, text) in
            [(0, "0"), (99_999, "99,999"), (100_000, "100.0 k"), (12_345_678, "12.3 M")]
        {
            assert_eq!(amount(value), text);
        }
        assert!(amount(u64::MAX).len() <= 8, "{}", amount(u64::MAX));
    }
}
