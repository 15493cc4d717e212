//! The table of ablations: what each check is for, what goes wrong without it, and what it costs.
//!
//! The document is another program's, so nothing is asked of it but lists of objects: each becomes a table, its columns the simple
//! fields in the order in which they first appear.

use serde_json::Value;

use super::markup::Markup;
use super::parts;
use crate::layout::Table;
use crate::units;
use crate::words::NOTHING;

/// The section; a document without any list of objects is shown as it is.
pub(super) fn section(out: &mut Markup, document: &Value) {
    out.leaf("h2", &[], "What each check is for");
    out.leaf(
        "p",
        &[],
        "Each check is switched off alone, and histories are looked for that then go wrong. A check without one is untested, or useless.",
    );
    let mut lists = Vec::new();
    find(document, "", &mut lists);
    for (name, rows) in &lists {
        parts::table(out, &words(name), &table(rows));
    }
    if lists.is_empty() {
        parts::code(out, &serde_json::to_string_pretty(document).unwrap_or_default());
    }
}

/// Every list of objects in the document, with the name it has there, but none within another.
fn find<'a>(value: &'a Value, name: &str, found: &mut Vec<(String, Vec<&'a Value>)>) {
    match value {
        Value::Array(items) if items.iter().any(Value::is_object) => {
            found.push((name.to_owned(), items.iter().filter(|item| item.is_object()).collect()));
        }
        Value::Object(fields) => fields.iter().for_each(|(name, value)| find(value, name, found)),
        _ => {}
    }
}

fn table(rows: &[&Value]) -> Table {
    let mut titles: Vec<&str> = Vec::new();
    for (name, value) in rows.iter().filter_map(|row| row.as_object()).flatten() {
        if !titles.contains(&name.as_str()) && !matches!(value, Value::Object(_)) {
            titles.push(name);
        }
    }
    let figures =
        |title: &str| rows.iter().all(|row| row.get(title).is_none_or(|v| v.is_number() || v.is_null()));
    let mut table = Table::new(titles.len().min(1), titles.iter().map(|title| words(title)));
    for title in &titles {
        if !figures(title) {
            table = table.words(&words(title));
        }
    }
    for row in rows {
        table.row(titles.iter().map(|title| cell(title, row.get(*title))).collect());
    }
    table
}

fn cell(title: &str, value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null | Value::Object(_)) => NOTHING.to_owned(),
        Some(Value::Bool(value)) => if *value { "yes" } else { "no" }.to_owned(),
        Some(Value::Number(number)) => match number.as_u64() {
            Some(nanos) if title.ends_with("_ns") => units::duration(std::time::Duration::from_nanos(nanos)),
            Some(bytes) if title.ends_with("_bytes") => crate::ByteSize(bytes).to_string(),
            Some(count) => units::count(count),
            None => number.as_f64().map_or_else(|| number.to_string(), |value| format!("{value:.4}")),
        },
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            items.iter().map(|item| cell("", Some(item))).collect::<Vec<_>>().join(", ")
        }
    }
}

/// The name of a field as words: without its unit, which the figures have.
fn words(name: &str) -> String {
    name.trim_end_matches("_ns").trim_end_matches("_bytes").replace('_', " ")
}
