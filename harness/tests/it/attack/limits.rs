//! `docs/limits.md` names every limit as it is.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use tracerig_datasets::limits::{ARCHIVE_RECIPE, Limit, RECIPE};
use tracerig_harness::limits::{BUDGETS, PLAN};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page() -> String {
    fs::read_to_string(root().join("docs/limits.md")).unwrap()
}

/// The value of a constant, as its source says it.
fn value(source: &str, name: &str) -> f64 {
    let declared = format!("const {name}: ");
    let at = source.find(&declared).unwrap_or_else(|| panic!("there is no `{name}`"));
    let (_, rest) = source[at..].split_once(" = ").unwrap();
    let text = rest.split(';').next().unwrap();
    let text = text.rsplit('(').next().unwrap().trim_end_matches(')');
    let number = |text: &str| text.trim().replace('_', "").parse::<f64>().unwrap();
    let found = match (text.split_once("<<"), text.split_once('*')) {
        (Some((one, other)), _) => number(one) * 2_f64.powf(number(other)),
        (_, Some((one, other))) => number(one) * number(other),
        _ => number(text),
    };
    if name.ends_with("_LOG") { 2_f64.powf(found) } else { found }
}

/// A limit as the page says it.
fn said(limit: &str) -> f64 {
    let (number, unit) = limit.split_once(' ').unwrap_or((limit, ""));
    let factor = match unit {
        "" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        "TiB" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        unit => panic!("`{unit}` is no unit"),
    };
    number.replace(',', "").parse::<f64>().unwrap() * factor
}

#[test]
fn the_page_names_every_limit_as_the_source_sets_it() {
    let page = page();
    let mut rows = 0;
    for line in page.lines().filter(|line| line.starts_with("| ") && line.ends_with("` |")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let &[_, limit, _, place] = cells.as_slice() else { continue };
        let mut words = place.split('`').filter(|word| !word.trim().is_empty());
        let (path, name) = (words.next().unwrap(), words.next().unwrap());
        let source = fs::read_to_string(root().join(path)).unwrap();
        assert_eq!(said(limit), value(&source, name), "{line}");
        rows += 1;
    }
    assert!(rows > 40, "{rows}");
    // A limit that is added must be on the page.
    for path in
        ["datasets/src/limits.rs", "harness/src/limits.rs", "harness/scenario/src/limits.rs"]
    {
        let source = fs::read_to_string(root().join(path)).unwrap();
        for name in source.lines().filter_map(|line| line.strip_prefix("pub const MOST_")) {
            let name = name.split(':').next().unwrap();
            assert!(
                page.contains(&format!("`{path}` `MOST_{name}`")),
                "MOST_{name} is not on the page"
            );
        }
    }
}

#[test]
fn the_page_has_the_range_of_every_number_of_recipes_and_plans() {
    let mut ranges = String::from("<!-- ranges -->\n");
    let mut table = |title: &str, limits: &[Limit]| {
        write!(ranges, "\n### {title}\n\n| key | range |\n|---|---|\n").unwrap();
        for Limit { key, range } in limits {
            writeln!(ranges, "| `{key}` | {range} |").unwrap();
        }
    };
    table("Recipes of databases", RECIPE);
    table("Recipes of archives", ARCHIVE_RECIPE);
    table("Plans", PLAN);
    table("Budgets", BUDGETS);
    ranges.push_str("\n<!-- end of ranges -->");
    assert!(page().contains(&ranges), "put this into docs/limits.md:\n{ranges}");
}
