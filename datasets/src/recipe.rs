//! Recipes: what a dataset should be like, as data.

mod check;
pub(crate) mod common;

use std::fmt;

use common::{builtin_text, parsed, scaled, text_of, too_large};
use serde::{Deserialize, Serialize};

use crate::dialect::Dialect;
use crate::error::{DatasetError, Result};
use crate::levels::Levels;
use crate::limits::{self, MOST_FILE_BYTES, MOST_ROWS};

/// The version of the Codex CLI that a dataset imitates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Era {
    /// Requests, completions and submissions are logged.
    #[serde(rename = "0.141")]
    V0_141,
    /// Of the rows that tell a tier, only submissions are logged.
    #[serde(rename = "0.145")]
    V0_145,
    /// Of the rows that tell a tier, only tags are logged.
    #[serde(rename = "0.169")]
    V0_169,
}

impl fmt::Display for Era {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V0_141 => "0.141",
            Self::V0_145 => "0.145",
            Self::V0_169 => "0.169",
        })
    }
}

/// A recipe, checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    pub(crate) name: String,
    pub(crate) why: String,
    pub(crate) imitates: String,
    pub(crate) era: Era,
    pub(crate) seed: u64,
    pub(crate) file_bytes: u64,
    pub(crate) rows: u64,
    /// Time from the first row to the last.
    pub(crate) span_hours: u64,
    /// Of the rows written, how many retention takes; rows of earlier days not counted.
    pub(crate) deleted_percent: u64,
    /// Of the file's pages, how many are free: few are at its end, many between the others.
    pub(crate) free_percent: u64,
    /// The largest id, when ids are to have gaps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_id: Option<i64>,
    /// Threads in the database, those with facts included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) threads: Option<u64>,
    /// Processes in the database, those with facts included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) processes: Option<u64>,
    /// Threads of a process, at most.
    pub(crate) threads_per_process: u64,
    /// Whether every oddity that a row can have is written too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) oddities: bool,
    /// Rows of each level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) levels: Option<Levels>,
    pub(crate) facts: FactPlan,
    /// Kinds of rows that carry a thread.
    pub(crate) thread_rows: Vec<Share>,
    /// Kinds of rows that do not.
    pub(crate) process_rows: Vec<Share>,
}

/// The facts of a dataset: the same ones at every scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FactPlan {
    pub(crate) processes: u64,
    pub(crate) threads: u64,
    /// Of the threads, those that outgrow retention and lose their first turns.
    pub(crate) long_threads: u64,
    /// Of the threads of each process, those that go on in the next one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) resumed_threads: u64,
    /// The versions whose processes follow each other, in an era of submissions; none for that of
    /// the era.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) dialects: Vec<Dialect>,
    /// Submissions that come while a turn runs, and start none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) steers: u64,
    /// Completions that survive.
    #[serde(default)]
    pub(crate) completions: u64,
    /// Turns without completions, for eras that log none.
    #[serde(default)]
    pub(crate) turns: u64,
    /// Turns at priority that survive.
    pub(crate) priority_turns: u64,
    /// Turns at priority that retention takes.
    pub(crate) pruned_turns: u64,
    /// Ordinary rows in each gap between the rows of a turn, at most.
    pub(crate) rows_per_turn: u64,
    pub(crate) submission_bytes: Sizes,
    pub(crate) request_bytes: Sizes,
    pub(crate) completion_bytes: Sizes,
}

impl FactPlan {
    /// The version that the process of this number is of.
    pub(crate) fn dialect(&self, process: u64) -> Dialect {
        let at = process * self.dialects.len() as u64 / self.processes.max(1);
        usize::try_from(at).ok().and_then(|at| self.dialects.get(at)).copied().unwrap_or_default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Sizes of bodies: minimum, median, 90th and 99th percentile, maximum.
pub(crate) type Sizes = [u64; 5];

/// How often a kind of row comes, and how large.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Share {
    pub(crate) kind: String,
    pub(crate) weight: u64,
    /// For kinds with prose in them.
    #[serde(default)]
    pub(crate) bytes: Sizes,
    /// Sizes of this kind are stretched or shrunk until the file has its size.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) stretch: bool,
}

const BUILTIN: [(&str, &str); 8] = [
    ("tiny", include_str!("../recipes/tiny.toml")),
    ("quick", include_str!("../recipes/quick.toml")),
    ("tags", include_str!("../recipes/tags.toml")),
    ("submissions", include_str!("../recipes/submissions.toml")),
    ("codex-685mb", include_str!("../recipes/codex-685mb.toml")),
    ("codex-799mb", include_str!("../recipes/codex-799mb.toml")),
    ("freelist-1.2gb", include_str!("../recipes/freelist-1.2gb.toml")),
    ("transport-1.4gb", include_str!("../recipes/transport-1.4gb.toml")),
];

impl Recipe {
    /// The built-in recipe of this name.
    ///
    /// # Errors
    /// [`DatasetError::UnknownRecipe`] with the names there are.
    pub fn builtin(name: &str) -> Result<Self> {
        Self::parse(builtin_text(&BUILTIN, name)?, &format!("recipe `{name}`"))
    }

    /// Every built-in recipe, smallest first.
    #[must_use]
    pub fn all() -> Vec<Self> {
        // A test parses each of them.
        BUILTIN.iter().filter_map(|(name, _)| Self::builtin(name).ok()).collect()
    }

    /// A built-in recipe by name or, when `name` has a path separator or ends in `.toml`, a recipe
    /// file.
    ///
    /// # Errors
    /// As [`Recipe::builtin`]; [`DatasetError::Io`] for a file that cannot be read,
    /// [`DatasetError::Recipe`] with file and line for one that is no recipe.
    pub fn find(name: &str) -> Result<Self> {
        match text_of(name)? {
            Some(text) => Self::parse(&text, name),
            None => Self::builtin(name),
        }
    }

    /// Reads a recipe from the text of a TOML file; `place` names it in errors.
    ///
    /// # Errors
    /// [`DatasetError::Recipe`] with the line where it is known.
    pub fn parse(text: &str, place: &str) -> Result<Self> {
        parsed(text, place, "datasets/recipes/quick.toml", limits::RECIPE, Self::check)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The sentence that says why it exists.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }

    /// The version of the Codex CLI that it imitates.
    #[must_use]
    pub fn era(&self) -> Era {
        self.era
    }

    /// A few lines for people: what it is, what it imitates, its size and its facts.
    #[must_use]
    pub fn describe(&self) -> String {
        let Self { name, why, imitates, era, file_bytes, rows, facts, .. } = self;
        let (mebibytes, tenth) = (file_bytes >> 20, ((file_bytes & 0xf_ffff) * 10) >> 20);
        let completions = match (facts.completions, facts.turns) {
            (0, turns) => format!("{turns} turns"),
            (completions, _) => format!("{completions} completions"),
        };
        format!(
            "{name}: {why}\n  \
             imitates {imitates} (Codex {era})\n  \
             {mebibytes}.{tenth} MiB, {rows} rows, {} turns at priority, {completions}",
            facts.priority_turns
        )
    }

    /// Bytes of the database file at a scale: whole pages.
    #[must_use]
    pub fn file_bytes(&self, scale: f64) -> u64 {
        let page = u64::from(tracerig_store::schema::PAGE_SIZE);
        scaled(self.file_bytes / page, scale) * page
    }

    /// Rows of the database at a scale.
    #[must_use]
    pub fn rows(&self, scale: f64) -> u64 {
        scaled(self.rows, scale)
    }

    /// The seed used when none is given.
    #[must_use]
    pub fn default_seed(&self) -> u64 {
        self.seed
    }

    /// The recipe as TOML without comments: equal for equal recipes.
    #[must_use]
    pub fn canonical(&self) -> String {
        // A struct of numbers, texts and tables always serializes.
        toml::to_string(self).unwrap_or_default()
    }

    /// Whether a database of this recipe can be built at a scale.
    ///
    /// # Errors
    /// [`DatasetError::Recipe`] with the limit.
    pub(crate) fn check_scale(&self, scale: f64) -> std::result::Result<(), DatasetError> {
        let refused = |what, amount, most| Err(too_large(&self.name, scale, what, amount, most));
        match (self.rows(scale), self.file_bytes(scale)) {
            (rows, _) if rows > MOST_ROWS => refused("rows", rows, MOST_ROWS),
            (_, bytes) if bytes > MOST_FILE_BYTES => refused("bytes", bytes, MOST_FILE_BYTES),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
