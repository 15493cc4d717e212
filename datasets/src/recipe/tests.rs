//! Recipes: the built-in ones, and what makes none.

use super::common::within;
use super::*;
use crate::archive::ArchiveRecipe;
use crate::limits::{MOST_DRAWS, MOST_FACT_ROWS, MOST_FILE_BYTES, MOST_MEAN_BYTES};

#[test]
fn every_builtin_recipe_parses_and_bears_its_name() {
    for (name, _) in BUILTIN {
        let recipe = Recipe::builtin(name).unwrap();
        assert_eq!((recipe.name(), recipe.why().ends_with('.')), (name, true));
        assert!(recipe.describe().contains(name));
        assert_eq!(Recipe::parse(&recipe.canonical(), "again").unwrap(), recipe);
    }
    let sizes: Vec<u64> = Recipe::all().iter().map(|recipe| recipe.file_bytes(1.0)).collect();
    assert!(sizes.is_sorted() && sizes.len() == BUILTIN.len());
}

/// A recipe whose value of `key` is another one; the line of the value.
fn with(key: &str, value: &str) -> (String, usize) {
    let text = BUILTIN[0].1;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
    let header = lines
        .iter()
        .position(|line| line.trim_matches(['[', ']']) == table && line.starts_with('['));
    let first = if table.is_empty() { 0 } else { header.unwrap_or(lines.len()) };
    let is_end = |line: &String| line.starts_with('[');
    let rest = lines.get(first + 1..).unwrap_or_default();
    let end = first + 1 + rest.iter().position(is_end).unwrap_or(rest.len());
    let new = format!("{name} = {value}");
    let old = (first..end.min(lines.len())).find(|at| lines[*at].starts_with(&format!("{name} =")));
    let at = match old {
        Some(at) => {
            lines[at] = new;
            at
        }
        None if header.is_some() || table.is_empty() => {
            let at = if table.is_empty() { 0 } else { first + 1 };
            lines.insert(at, new);
            at
        }
        None => {
            lines.extend([format!("[{table}]"), new]);
            lines.len() - 1
        }
    };
    (lines.join("\n"), 1 + at)
}

#[test]
fn each_number_is_refused_beyond_its_limit_with_line_and_limit() {
    for limit in limits::RECIPE {
        let limits::Range::Whole(least, most) = limit.range else { panic!("{limit:?}") };
        let is_size = limit.key.ends_with("bytes") && limit.key.contains('.');
        let beyond = [
            (u128::from(most) + 1).to_string(),
            (i128::from(least) - 1).to_string(),
            "4611686018427387905".to_owned(),
            "9223372036854775808".to_owned(),
            "18446744073709551615".to_owned(),
            "nan".to_owned(),
            "inf".to_owned(),
            "1e300".to_owned(),
        ];
        for value in beyond {
            let value = if is_size { format!("[0, 0, 0, 0, {value}]") } else { value };
            if value == "4611686018427387905" && most > 1 << 62 {
                continue;
            }
            let (text, line) = with(limit.key, &value);
            let error = Recipe::parse(&text, "my.toml").unwrap_err().to_string();
            let place = format!("my.toml, line {line}: `{}`", limit.key);
            assert!(error.starts_with(&place), "{} = {value}: {error}", limit.key);
            assert!(error.contains(&format!("from {least} to {most}")), "{error}");
        }
        // At the limit a number is taken, or contradicts another one; it never has the wrong range.
        for value in [least, most] {
            let value = if is_size {
                format!("[{value}, {value}, {value}, {value}, {value}]")
            } else {
                value.to_string()
            };
            let (text, _) = with(limit.key, &value);
            let told = Recipe::parse(&text, "my.toml").err().map(|error| error.to_string());
            assert!(
                told.is_none_or(
                    |told| !told.contains("give a whole number") && !told.contains("unknown field")
                ),
                "{} = {value}",
                limit.key
            );
        }
    }
}

#[test]
fn every_number_of_a_recipe_has_a_limit() {
    fn numbers(path: &str, value: &toml::Value, found: &mut Vec<String>) {
        match value {
            toml::Value::Integer(_) | toml::Value::Float(_) => found.push(path.to_owned()),
            toml::Value::Array(values) => {
                values.iter().for_each(|value| numbers(path, value, found));
            }
            toml::Value::Table(table) => {
                for (key, value) in table {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    numbers(&path, value, found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for (_, text) in BUILTIN {
        numbers("", &toml::Value::Table(text.parse().unwrap()), &mut found);
    }
    for key in &found {
        assert!(limits::RECIPE.iter().any(|limit| limit.key == key), "`{key}` has no limit");
    }
}

#[test]
fn work_that_only_several_numbers_make_too_large_is_refused_with_its_limit() {
    let tiny = BUILTIN[0].1;
    let large = [
        "[3_000, 8_000, 20_000, 33_000, 34_000]",
        "[8_000_000, 8_000_000, 8_000_000, 8_000_000, 8_000_000]",
    ];
    let cases: [(&[[&str; 2]], &str, u64); 6] = [
        (
            &[
                ["rows_per_turn = 6", "rows_per_turn = 10_000"],
                ["completions = 10\n", "completions = 70\n"],
            ],
            "facts.rows_per_turn",
            MOST_FACT_ROWS,
        ),
        (
            &[["completions = 10\n", "completions = 100_000\n"]],
            "facts.rows_per_turn",
            MOST_FACT_ROWS,
        ),
        (
            &[["file_bytes = 8_388_608", "file_bytes = 1_099_511_627_776"]],
            "file_bytes",
            MOST_MEAN_BYTES,
        ),
        (
            &[
                ["\nrows = 2_400", "\nrows = 100_000_000"],
                ["per_process = 2", "per_process = 10_000"],
            ],
            "threads_per_process",
            MOST_DRAWS,
        ),
        (&[large], "facts.request_bytes", MOST_MEAN_BYTES),
        (&[["weight = 240", "weight = 99_999_999"]], "thread_rows.weight", MOST_ROWS),
    ];
    for (changes, key, most) in cases {
        let text = changes.iter().fold(tiny.to_owned(), |text, [from, to]| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        let error = Recipe::parse(&text, "my.toml").unwrap_err().to_string();
        let name = key.rsplit('.').next().unwrap();
        let line =
            1 + text.lines().position(|line| line.starts_with(&format!("{name} ="))).unwrap();
        assert!(error.starts_with(&format!("my.toml, line {line}: ")), "{changes:?}: {error}");
        assert!(error.contains(&format!("the limit is {most}")), "{changes:?}: {error}");
    }
    let quick = Recipe::builtin("quick").unwrap();
    assert!(quick.check_scale(limits::MOST_SCALE).is_ok());
    let large = Recipe::builtin("codex-799mb")
        .unwrap()
        .check_scale(limits::MOST_SCALE)
        .unwrap_err()
        .to_string();
    assert!(
        large.contains("scaled by 1000 it has 330000000 rows; the limit is 100000000"),
        "{large}"
    );
}

#[test]
fn what_numbers_make_together_is_taken_up_to_its_limit() {
    for most in [MOST_DRAWS, MOST_FACT_ROWS, limits::MOST_FACT_BYTES, MOST_MEAN_BYTES, MOST_ROWS] {
        assert!(within(most.into(), most, "key", "work").is_ok());
        assert!(within(u128::from(most) + 1, most, "key", "work").is_err());
    }
    let tiny = |rows: u64, bytes: u64| {
        let text = BUILTIN[0].1.replacen("\nrows = 2_400", &format!("\nrows = {rows}"), 1);
        let text = text.replacen("file_bytes = 8_388_608", &format!("file_bytes = {bytes}"), 1);
        Recipe::parse(&text, "my.toml").unwrap()
    };
    // Bodies of facts that take more than 16 GiB.
    let large = BUILTIN[0].1.replacen(
        "[3_000, 8_000, 20_000, 33_000, 34_000]",
        "[262_144, 262_144, 262_144, 262_144, 262_144]",
        1,
    );
    let large = large.replacen("rows_per_turn = 6", "rows_per_turn = 0", 1).replacen(
        "completions = 10\n",
        "completions = 70_000\n",
        1,
    );
    let said = Recipe::parse(&large, "my.toml").unwrap_err().to_string();
    assert!(
        said.contains("bytes that the facts may take") && said.contains("the limit is 17179869184"),
        "{said}"
    );
    // Scaled.
    assert_eq!(tiny(100_000, 8_388_608).rows(1000.0), MOST_ROWS);
    assert!(tiny(100_000, 8_388_608).check_scale(1000.0).is_ok());
    assert!(tiny(100_001, 8_388_608).check_scale(1000.0).is_err());
    let half = MOST_FILE_BYTES / 2;
    assert!(tiny(3_000_000, half).check_scale(2.0).is_ok());
    assert!(tiny(3_000_000, half + 4096).check_scale(2.0).is_err());
    let archive = |bytes: u64| {
        let text = include_str!("../../recipes/archive-tiny.toml").replacen(
            "bytes = 3_000_000",
            &format!("bytes = {bytes}"),
            1,
        );
        ArchiveRecipe::parse(&text, "my.toml").unwrap()
    };
    assert!(archive(half).check_scale(2.0).is_ok());
    assert!(archive(half + 1).check_scale(2.0).is_err());
}

#[test]
fn errors_name_place_line_and_remedy() {
    let text = BUILTIN[1].1.replace("span_hours", "spam_hours");
    let error = Recipe::parse(&text, "my.toml").unwrap_err().to_string();
    let line = 1 + text.lines().position(|line| line.starts_with("spam_hours")).unwrap();
    assert!(
        error.starts_with(&format!("my.toml, line {line}: unknown field `spam_hours`")),
        "{error}"
    );
    assert!(error.contains("datasets/recipes"), "{error}");
    let text = BUILTIN[1].1.replace("kind = \"frame\"", "kind = \"framed\"");
    let error = Recipe::parse(&text, "my.toml").unwrap_err().to_string();
    assert!(error.contains("no kind of row `framed`") && error.contains("payload"), "{error}");
    let error = Recipe::find("quik").unwrap_err().to_string();
    assert!(error.contains("`quik`") && error.contains("codex-799mb"), "{error}");
    assert!(Recipe::find("./quik").unwrap_err().to_string().contains("cannot read the recipe"));
}
