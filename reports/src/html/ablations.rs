//! The table of ablations: what each check is for, what goes wrong without it, and what it costs.
//!
//! The document is another program's, so nothing is asked of it but lists of objects: each becomes
//! a table, its columns the simple fields in the order in which they first appear.

use serde_json::Value;

use super::markup::Markup;
use super::parts;
use crate::layout::Table;
use crate::units;
use crate::words::NOTHING;

/// Deepest object whose fields become separate columns.
const DEEPEST: usize = 2;

/// The section; a document without any list of objects is shown as it is.
pub(super) fn section(out: &mut Markup, document: &Value) {
    out.leaf("h2", &[], "What each rule is for");
    out.leaf(
        "p",
        &[],
        "Each rule is switched off alone, and histories are searched that then go wrong. A rule \
         without one is untested or useless.",
    );
    let mut lists = Vec::new();
    find(document, "", &mut lists);
    // The longest is what was asked for.
    lists.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
    for (name, rows) in &lists {
        let rows: Vec<Fields<'_>> = rows.iter().map(|row| fields(row)).collect();
        parts::table(out, &words(name), &table(&rows));
        let texts: Vec<(String, &str)> = rows.iter().flat_map(long).collect();
        if !texts.is_empty() {
            parts::details(out, "Histories, and what went wrong in them", |out| {
                for (title, text) in texts {
                    out.leaf("p", &[], &title);
                    parts::code(out, text);
                }
            });
        }
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

/// Fields that come first, since a document keeps no order: its name, its purpose, what shows it.
const FIRST: [&str; 10] = [
    "name",
    "check",
    "rule",
    "summary",
    "witness_operations",
    "witness_kind",
    "random_operations",
    "random_kind",
    "cases",
    "cost",
];
/// A text beyond this is no cell of a table, in characters.
const LONGEST: usize = 110;

/// Fields by name, those of an object within it as `object field`.
type Fields<'a> = Vec<(String, &'a Value)>;

fn fields(row: &Value) -> Fields<'_> {
    let mut found = Vec::new();
    collect(row, "", 0, &mut found);
    let rank =
        |name: &str| FIRST.iter().position(|first| name.starts_with(first)).unwrap_or(FIRST.len());
    found.sort_by_key(|(name, _)| rank(name));
    found
}

fn collect<'a>(value: &'a Value, name: &str, depth: usize, found: &mut Fields<'a>) {
    match value {
        Value::Object(_) if ends(value).is_some() => found.push((name.to_owned(), value)),
        Value::Object(fields) if depth <= DEEPEST => {
            for (own, value) in fields {
                let name = if name.is_empty() { own.clone() } else { format!("{name}_{own}") };
                collect(value, &name, depth + 1, found);
            }
        }
        Value::Object(_) => {}
        value => found.push((name.to_owned(), value)),
    }
}

/// The ends of an interval, where the object is one.
fn ends(value: &Value) -> Option<(f64, f64)> {
    let fields = value.as_object().filter(|fields| fields.len() == 2)?;
    Some((fields.get("low")?.as_f64()?, fields.get("high")?.as_f64()?))
}

/// Whether a text is no cell but a separate text, such as a history.
fn is_long(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim().contains('\n') || text.chars().count() > LONGEST)
}

/// The texts of a row that are none of a table, each with the row's own name.
fn long<'a>(row: &Fields<'a>) -> Vec<(String, &'a str)> {
    let named = row.iter().find(|(name, _)| name == "name").or(row.first());
    let named = named.and_then(|(_, value)| value.as_str()).unwrap_or_default();
    let texts = row.iter().filter(|(_, value)| is_long(value));
    texts
        .filter_map(|(name, value)| Some((format!("{named}: {}", words(name)), value.as_str()?)))
        .collect()
}

fn table(rows: &[Fields<'_>]) -> Table {
    let mut titles: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flatten().filter(|(_, value)| !is_long(value)) {
        if !titles.contains(&name.as_str()) {
            titles.push(name);
        }
    }
    let get = |row: &Fields<'_>, title: &str| {
        let found = row.iter().find(|(name, value)| name == title && !is_long(value));
        found.map_or_else(|| NOTHING.to_owned(), |(_, value)| cell(title, value))
    };
    let mut table = Table::new(titles.len().min(1), titles.iter().map(|title| words(title)));
    for title in &titles {
        let values =
            || rows.iter().flatten().filter(|(name, _)| name == title).map(|(_, value)| value);
        if values().any(|value| !value.is_number() && !value.is_null() && ends(value).is_none()) {
            table = table.words(&words(title));
        }
    }
    for row in rows {
        table.row(titles.iter().map(|title| get(row, title)).collect());
    }
    table.without_empty_columns()
}

fn cell(title: &str, value: &Value) -> String {
    match value {
        Value::Object(_) => ends(value)
            .map_or_else(|| NOTHING.to_owned(), |(low, high)| format!("{low:.2} to {high:.2}")),
        Value::Null => NOTHING.to_owned(),
        Value::Bool(value) => if *value { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => match number.as_u64() {
            Some(nanos) if title.ends_with("_ns") => {
                units::duration(std::time::Duration::from_nanos(nanos))
            }
            Some(bytes) if title.ends_with("_bytes") => crate::ByteSize(bytes).to_string(),
            Some(count) => units::count(count),
            None => {
                number.as_f64().map_or_else(|| number.to_string(), |value| format!("{value:.3}"))
            }
        },
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            items.iter().map(|item| cell("", item)).collect::<Vec<_>>().join(", ")
        }
    }
}

/// The name of a field as words: without its unit, which the figures have.
fn words(name: &str) -> String {
    name.trim_end_matches("_ns").trim_end_matches("_bytes").replace('_', " ")
}
