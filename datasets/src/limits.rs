//! The limits of numbers in recipes and plans. The check, its message and the table in
//! `docs/limits.md` come from the same lists.

use std::fmt;

use toml::de::{DeTable, DeValue};

/// The largest factor that a dataset can be scaled by.
pub const MOST_SCALE: f64 = 1000.0;

/// Rows of a database, after scaling. A build holds about 30 bytes of memory for each.
pub const MOST_ROWS: u64 = 100_000_000;

/// Bytes of a database or an archive, after scaling.
pub const MOST_FILE_BYTES: u64 = 1 << 40;

/// Bytes of the body of a row. The Codex CLI deletes larger ones as soon as they are written.
pub const MOST_BODY_BYTES: u64 = 8 << 20;

/// Mean bytes of the bodies of a recipe. A build holds up to 2,300 rows in memory.
pub const MOST_MEAN_BYTES: u64 = 256 << 10;

/// Turns of each kind in `[facts]`.
pub const MOST_TURNS: u64 = 100_000;

/// Rows that the facts of a recipe take. All of them are planned in memory.
pub const MOST_FACT_ROWS: u64 = 2_000_000;

/// Bytes of the bodies that the facts of a recipe take. A build writes all of them twice.
pub const MOST_FACT_BYTES: u64 = 16 << 30;

/// Rows times the threads of a process. Each row is drawn from the threads of its process.
pub const MOST_DRAWS: u64 = 10_000_000_000;

/// Sessions of an archive. All of them are planned in memory.
pub const MOST_SESSIONS: u64 = 500_000;

/// Bytes of a session, after scaling. Each thread of a build holds one in memory.
pub const MOST_SESSION_BYTES: u64 = 256 << 20;

/// Bytes of a recipe file. The built-in ones have a few kB.
pub const MOST_RECIPE_BYTES: u64 = 1 << 20;

/// Bytes of a text in a recipe or plan, and of a key.
pub const MOST_TEXT_BYTES: usize = 4096;

/// Values in an array of a recipe or plan.
pub const MOST_VALUES: usize = 1000;

/// Bytes of a name that a folder is called after.
pub const MOST_NAME_BYTES: usize = 100;

/// A number of a recipe or plan, and the values that it can have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// Its key after those of the tables around it, separated by dots. Positions in arrays are left
    /// out.
    pub key: &'static str,
    /// The values that it can have.
    pub range: Range,
}

/// The values that a number can have. It displays as the end of a sentence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// Whole numbers from the first to the second, both included.
    Whole(u64, u64),
    /// Numbers above zero and up to this one.
    UpTo(f64),
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(least, most) => write!(f, "a whole number from {least} to {most}"),
            Self::UpTo(most) => write!(f, "a number above 0, at most {most}"),
        }
    }
}

const fn whole(key: &'static str, least: u64, most: u64) -> Limit {
    Limit { key, range: Range::Whole(least, most) }
}

/// The largest whole number of a TOML file.
const LARGEST: u64 = i64::MAX as u64;

/// The numbers of a recipe of a database.
pub const RECIPE: &[Limit] = &[
    whole("seed", 0, LARGEST),
    whole("file_bytes", 4096, MOST_FILE_BYTES),
    whole("rows", 1, MOST_ROWS),
    // A writer deletes rows older than ten days.
    whole("span_hours", 1, 216),
    whole("deleted_percent", 0, 95),
    whole("free_percent", 0, 95),
    // Rows can still be appended to it.
    whole("max_id", 1, LARGEST / 2),
    whole("threads", 0, MOST_TURNS),
    whole("processes", 0, MOST_TURNS),
    whole("threads_per_process", 1, 10_000),
    whole("levels.trace", 0, MOST_ROWS),
    whole("levels.debug", 0, MOST_ROWS),
    whole("levels.info", 0, MOST_ROWS),
    whole("levels.warn", 0, MOST_ROWS),
    whole("levels.error", 0, MOST_ROWS),
    whole("facts.processes", 0, 1000),
    whole("facts.threads", 0, MOST_TURNS),
    whole("facts.long_threads", 0, 1000),
    whole("facts.resumed_threads", 0, MOST_TURNS),
    whole("facts.steers", 0, MOST_TURNS),
    whole("facts.completions", 0, MOST_TURNS),
    whole("facts.turns", 0, MOST_TURNS),
    whole("facts.priority_turns", 0, MOST_TURNS),
    whole("facts.pruned_turns", 0, MOST_TURNS),
    whole("facts.rows_per_turn", 0, 10_000),
    whole("facts.submission_bytes", 0, MOST_BODY_BYTES),
    whole("facts.request_bytes", 0, MOST_BODY_BYTES),
    whole("facts.completion_bytes", 0, MOST_BODY_BYTES),
    whole("thread_rows.weight", 0, MOST_ROWS),
    whole("thread_rows.bytes", 0, MOST_BODY_BYTES),
    whole("process_rows.weight", 0, MOST_ROWS),
    whole("process_rows.bytes", 0, MOST_BODY_BYTES),
];

/// The numbers of a recipe of an archive.
pub const ARCHIVE_RECIPE: &[Limit] = &[
    whole("seed", 0, LARGEST),
    whole("sessions", 1, MOST_SESSIONS),
    whole("days", 1, 3660),
    whole("bytes", 1, MOST_FILE_BYTES),
    whole("sizes", 1, MOST_FILE_BYTES),
    whole("newer_percent", 0, 100),
    whole("archived_percent", 0, 100),
    whole("oldest_percent", 0, 100),
    whole("compressed_percent", 0, 100),
    whole("copies_per_mille", 0, 1000),
    whole("resumed_per_mille", 0, 1000),
    whole("forks_per_mille", 0, 1000),
    whole("segments_per_mille", 0, 1000),
    whole("upgraded_per_mille", 0, 1000),
    whole("twins_per_mille", 0, 1000),
    whole("unknown_per_mille", 0, 1000),
    whole("longest_line", 0, MOST_SESSION_BYTES),
];

/// What is wrong with a TOML file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The line, from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong there, and what would be right.
    pub detail: String,
}

impl Wrong {
    /// The file and the line, as far as it is known.
    #[must_use]
    pub fn place(&self, file: &str) -> String {
        self.line.map_or_else(|| file.to_owned(), |line| format!("{file}, line {line}"))
    }
}

/// A TOML file whose numbers, texts and arrays keep to their limits.
#[derive(Debug)]
pub struct Checked<'a> {
    text: &'a str,
    /// The keys of all values in the order of the file, each with the byte at which its value
    /// begins.
    values: Vec<(String, usize)>,
}

impl<'a> Checked<'a> {
    /// Holds a file against the limits of its numbers, and of texts and arrays anywhere in it.
    ///
    /// # Errors
    /// [`Wrong`] for what is not TOML, and for the first value beyond its limit.
    pub fn new(text: &'a str, limits: &[Limit]) -> Result<Self, Wrong> {
        let table = DeTable::parse(text).map_err(|error| wrong(text, &error))?;
        let mut checked = Self { text, values: Vec::new() };
        checked.table(&mut String::new(), table.get_ref(), limits)?;
        checked.values.sort_by_key(|(_, at)| *at);
        Ok(checked)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`Wrong`] for an unknown key, a missing one, and a value of another type.
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, Wrong> {
        toml::from_str(self.text).map_err(|error| wrong(self.text, &error))
    }

    /// An error about the value of this key, the `nth` from 0 where there are several.
    #[must_use]
    pub fn wrong(&self, key: &str, nth: usize, detail: impl Into<String>) -> Wrong {
        let found = self.values.iter().filter(|(known, _)| known == key).nth(nth);
        Wrong { line: found.map(|(_, at)| line(self.text, *at)), detail: detail.into() }
    }

    fn at(&self, at: usize, detail: String) -> Wrong {
        Wrong { line: Some(line(self.text, at)), detail }
    }

    fn table(
        &mut self,
        path: &mut String,
        table: &DeTable<'_>,
        limits: &[Limit],
    ) -> Result<(), Wrong> {
        for (key, value) in table {
            let name = key.get_ref();
            let length = path.len();
            if length > 0 {
                path.push('.');
            }
            path.push_str(name);
            if path.len() > MOST_TEXT_BYTES {
                let detail = format!(
                    "a key has {} bytes with the tables around it; the limit is {MOST_TEXT_BYTES}",
                    path.len()
                );
                return Err(self.at(key.span().start, detail));
            }
            self.values.push((path.clone(), value.span().start));
            self.value(path, value.span().start, value.get_ref(), limits)?;
            path.truncate(length);
        }
        Ok(())
    }

    fn value(
        &mut self,
        path: &mut String,
        at: usize,
        value: &DeValue<'_>,
        limits: &[Limit],
    ) -> Result<(), Wrong> {
        let limit = || limits.iter().find(|limit| limit.key == *path).map(|limit| limit.range);
        match value {
            DeValue::String(text) if text.len() > MOST_TEXT_BYTES => {
                let detail =
                    format!("`{path}` has {} bytes; the limit is {MOST_TEXT_BYTES}", text.len());
                Err(self.at(at, detail))
            }
            DeValue::Integer(number) => {
                let digits = number.as_str();
                let whole = i128::from_str_radix(digits, number.radix()).ok();
                let holds = match limit() {
                    Some(Range::Whole(least, most)) => {
                        whole.is_some_and(|number| (least.into()..=most.into()).contains(&number))
                    }
                    Some(Range::UpTo(most)) => {
                        whole.is_some_and(|number| number > 0 && number as f64 <= most)
                    }
                    // Reading the file reports unknown keys.
                    None => digits.len() <= 40,
                };
                if holds {
                    Ok(())
                } else {
                    Err(self.out_of_range(path, at, &number.to_string(), limit()))
                }
            }
            DeValue::Float(number) => {
                let digits = number.as_str();
                let holds = match limit() {
                    Some(Range::UpTo(most)) => {
                        digits.parse().is_ok_and(|number: f64| number > 0.0 && number <= most)
                    }
                    Some(Range::Whole(..)) => false,
                    None => digits.len() <= 40,
                };
                if holds { Ok(()) } else { Err(self.out_of_range(path, at, digits, limit())) }
            }
            DeValue::Array(values) => {
                if values.len() > MOST_VALUES {
                    let detail =
                        format!("`{path}` has {} values; the limit is {MOST_VALUES}", values.len());
                    return Err(self.at(at, detail));
                }
                for value in values {
                    self.value(path, value.span().start, value.get_ref(), limits)?;
                }
                Ok(())
            }
            DeValue::Table(table) => self.table(path, table, limits),
            _ => Ok(()),
        }
    }

    fn out_of_range(&self, path: &str, at: usize, number: &str, range: Option<Range>) -> Wrong {
        // What is no number is in it up to the end of the line, in any script.
        let end = number.char_indices().nth(40).map(|(end, _)| end);
        let shown = end.map_or_else(|| number.to_owned(), |end| format!("{}...", &number[..end]));
        let range = range.map_or_else(|| "a shorter number".to_owned(), |range| range.to_string());
        self.at(at, format!("`{path}` is {shown}; give {range}"))
    }
}

fn wrong(text: &str, error: &toml::de::Error) -> Wrong {
    let line = error.span().map(|span| line(text, span.start));
    Wrong { line, detail: error.message().to_owned() }
}

/// The line of a byte, from 1.
fn line(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: &[Limit] = &[
        whole("facts.rows", 2, 5),
        Limit { key: "scale", range: Range::UpTo(2.5) },
        whole("rows", 0, LARGEST),
    ];

    fn refused(text: &str) -> Wrong {
        Checked::new(text, LIMITS).unwrap_err()
    }

    #[test]
    fn numbers_are_taken_up_to_their_limit_and_refused_beyond_it_with_line_and_limit() {
        for right in ["2", "5", "0x5", "+3"] {
            assert!(Checked::new(&format!("[facts]\nrows = {right}"), LIMITS).is_ok(), "{right}");
        }
        for number in [
            "1",
            "6",
            "-1",
            "-9223372036854775809",
            "4611686018427387904",
            "9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
            "340282366920938463463374607431768211456",
            "3.0",
            "1e300",
            "inf",
            "-inf",
            "nan",
        ] {
            let Wrong { line, detail } = refused(&format!("# first\n[facts]\nrows = {number}\n"));
            assert_eq!(line, Some(3), "{number}");
            assert!(detail.contains("`facts.rows`") && detail.contains("from 2 to 5"), "{detail}");
            assert!(detail.contains(&number[..number.len().min(40)]), "{detail}");
        }
        let strange = format!("1_0{}", "\u{3000}7".repeat(40));
        let Wrong { detail, .. } = refused(&format!("[facts]\nrows = {strange}"));
        assert!(detail.contains("..."), "{detail}");
        for right in ["1", "2", "2.5", "1e-300"] {
            assert!(Checked::new(&format!("scale = {right}"), LIMITS).is_ok(), "{right}");
        }
        for number in ["0", "-0.0", "3", "2.500001", "1e300", "-1", "inf", "nan", "1e999"] {
            let Wrong { line, detail } = refused(&format!("\nscale = {number}"));
            assert!(
                line == Some(2) && detail.contains("above 0, at most 2.5"),
                "{number}: {detail}"
            );
        }
    }

    #[test]
    fn each_number_of_an_array_and_of_tables_in_arrays_has_the_limit_of_its_key() {
        let wrong = refused("[[facts]]\nrows = 3\n[[facts]]\nrows = [\n  4,\n  6,\n]");
        assert_eq!(wrong.line, Some(6));
        assert!(Checked::new("[[facts]]\nrows = 3\n[[facts]]\nrows = [2, 5]", LIMITS).is_ok());
    }

    #[test]
    fn texts_keys_arrays_and_depth_have_limits() {
        let text = |length: usize| format!("\nname = \"{}\"", "n".repeat(length));
        assert!(Checked::new(&text(MOST_TEXT_BYTES), LIMITS).is_ok());
        assert!(
            refused(&text(MOST_TEXT_BYTES + 1)).detail.contains("4097 bytes; the limit is 4096")
        );
        let key = |length: usize| format!("\n{} = 1", "k".repeat(length));
        assert!(Checked::new(&key(MOST_TEXT_BYTES), LIMITS).is_ok());
        assert_eq!(refused(&key(MOST_TEXT_BYTES + 1)).line, Some(2));
        // Each value keeps its whole path.
        let deep = format!("\n[{0}.{0}]\nk = 1", "k".repeat(MOST_TEXT_BYTES / 2));
        assert!(refused(&deep).detail.contains("with the tables around it"));
        let array = |length: usize| format!("\nrows = [{}]", "1,".repeat(length));
        assert!(Checked::new(&array(MOST_VALUES), LIMITS).is_ok());
        assert!(refused(&array(MOST_VALUES + 1)).detail.contains("1001 values; the limit is 1000"));
        // A parser or a walk that recursed without limit would end the process.
        let deep = [
            format!("a = {}{}", "[".repeat(500_000), "]".repeat(500_000)),
            format!("a = {}1{}", "{a=".repeat(200_000), "}".repeat(200_000)),
            format!("{}a = 1", "a.".repeat(500_000)),
            format!("[{}a]", "a.".repeat(500_000)),
        ];
        for text in deep {
            assert!(refused(&text).detail.contains("recurs"), "{}", &text[..20]);
        }
        let digits = format!("unknown = {}", "9".repeat(100_000));
        assert!(refused(&digits).detail.len() < 200);
    }

    #[test]
    fn what_is_wrong_with_a_value_is_told_with_its_line() {
        let text = "a = 1\n[[b]]\nc = 1\n[[b]]\nc = 2\n";
        let checked = Checked::new(text, &[]).unwrap();
        let at = |key, nth| checked.wrong(key, nth, "x").place("f.toml");
        assert_eq!(
            [at("a", 0), at("b.c", 1), at("d", 0)],
            ["f.toml, line 1", "f.toml, line 5", "f.toml"]
        );
    }
}
