//! Recipes of archives: how many rollouts, how large, over how long, and the trace database that
//! belongs to them.

use serde::{Deserialize, Serialize};

use crate::error::{DatasetError, Result};
use crate::limits::{self, MOST_FILE_BYTES};
use crate::recipe::common::{
    Fault, builtin_text, check_name, parsed, require, scaled, text_of, too_large,
};
use crate::recipe::{Recipe, Sizes};

/// A recipe of an archive, checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchiveRecipe {
    kind: Kind,
    pub(crate) name: String,
    pub(crate) why: String,
    pub(crate) imitates: String,
    pub(crate) seed: u64,
    /// Name of the recipe of the trace database whose priority turns are in the sessions.
    pub(crate) trace: String,
    /// Sessions; the copies of some are beside them.
    pub(crate) sessions: u64,
    /// Days from the first to the last.
    pub(crate) days: u64,
    /// Bytes of all sessions, without the copies.
    pub(crate) bytes: u64,
    /// How their sizes relate to each other.
    pub(crate) sizes: Sizes,
    /// Of the sessions, those written by the newer version, which says at which tier it is served.
    pub(crate) newer_percent: u64,
    /// Of the sessions, those that are archived.
    pub(crate) archived_percent: u64,
    /// Of a thousand sessions, those that are in both folders, the archived one being the beginning
    /// of the other.
    pub(crate) copies_per_mille: u64,
    /// Of a thousand sessions, those that go on days later.
    pub(crate) resumed_per_mille: u64,
    /// Of the sessions of older versions, those of a version that writes no ids of turns.
    #[serde(default)]
    pub(crate) oldest_percent: u64,
    /// Of a thousand sessions, those forked from another one.
    #[serde(default)]
    pub(crate) forks_per_mille: u64,
    /// Of a thousand sessions of the newer version, segments of another one.
    #[serde(default)]
    pub(crate) segments_per_mille: u64,
    /// Of a thousand sessions of the older version, those that the newer one goes on with.
    #[serde(default)]
    pub(crate) upgraded_per_mille: u64,
    /// Of a thousand sessions, those of which a whole copy is in another folder.
    #[serde(default)]
    pub(crate) twins_per_mille: u64,
    /// Of the sessions older than a week, those that are compressed.
    #[serde(default)]
    pub(crate) compressed_percent: u64,
    /// Of a thousand lines that do not matter, those of a kind that no known version writes.
    pub(crate) unknown_per_mille: u64,
    /// Bytes of the longest line, in the largest session.
    pub(crate) longest_line: u64,
}

/// What a recipe is of; that of a trace database does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Archive,
}

const BUILTIN: [(&str, &str); 3] = [
    ("archive-tiny", include_str!("../../recipes/archive-tiny.toml")),
    ("archive-6k", include_str!("../../recipes/archive-6k.toml")),
    ("archive-60k", include_str!("../../recipes/archive-60k.toml")),
];

impl ArchiveRecipe {
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
    /// As [`ArchiveRecipe::builtin`] and [`ArchiveRecipe::parse`], and I/O errors.
    pub fn find(name: &str) -> Result<Self> {
        match text_of(name)? {
            Some(text) => Self::parse(&text, name),
            None => Self::builtin(name),
        }
    }

    /// Whether `name`, of a built-in recipe or a recipe file, is one of an archive.
    #[must_use]
    pub fn is_one(name: &str) -> bool {
        let says = |text: String| {
            // Reading the recipe reports numbers that no integer holds.
            let table = toml::de::DeTable::parse(&text).ok();
            let kind =
                table.as_ref().and_then(|table| table.get_ref().get("kind")?.get_ref().as_str());
            kind == Some("archive")
        };
        match text_of(name) {
            Ok(Some(text)) => says(text),
            _ => BUILTIN.iter().any(|(known, _)| *known == name),
        }
    }

    /// Reads a recipe from the text of a TOML file; `place` names it in errors.
    ///
    /// # Errors
    /// [`DatasetError::Recipe`] with the line where it is known.
    pub fn parse(text: &str, place: &str) -> Result<Self> {
        parsed(
            text,
            place,
            "datasets/recipes/archive-60k.toml",
            limits::ARCHIVE_RECIPE,
            Self::check,
        )
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

    /// The recipe of the trace database that belongs to it.
    ///
    /// # Errors
    /// As [`Recipe::find`].
    pub fn trace(&self) -> Result<Recipe> {
        Recipe::find(&self.trace)
    }

    /// Sessions. With the copies of some, there are a few more files.
    #[must_use]
    pub fn sessions(&self) -> u64 {
        self.sessions
    }

    /// Whether sessions take shapes of which earlier tools know nothing: forks, segments, copies
    /// anywhere, compressed ones.
    #[must_use]
    pub fn has_new_shapes(&self) -> bool {
        let shares = [
            self.oldest_percent,
            self.forks_per_mille,
            self.segments_per_mille,
            self.upgraded_per_mille,
            self.twins_per_mille,
            self.compressed_percent,
        ];
        shares.iter().any(|share| *share > 0)
    }

    /// Bytes of all rollouts at a scale, about: what says how much was used takes its room at every
    /// scale.
    #[must_use]
    pub fn bytes(&self, scale: f64) -> u64 {
        scaled(self.bytes, scale)
    }

    /// The seed used when none is given.
    #[must_use]
    pub fn default_seed(&self) -> u64 {
        self.seed
    }

    /// The recipe as TOML without comments: equal for equal recipes.
    #[must_use]
    pub fn canonical(&self) -> String {
        // A struct of numbers and texts always serializes.
        toml::to_string(self).unwrap_or_default()
    }

    /// Whether an archive of this recipe can be built at a scale.
    ///
    /// # Errors
    /// [`DatasetError::Recipe`] with the limit.
    pub(crate) fn check_scale(&self, scale: f64) -> std::result::Result<(), DatasetError> {
        match self.bytes(scale) {
            bytes if bytes > MOST_FILE_BYTES => {
                Err(too_large(&self.name, scale, "bytes", bytes, MOST_FILE_BYTES))
            }
            _ => Ok(()),
        }
    }

    fn check(&self) -> std::result::Result<(), Fault> {
        check_name(&self.name)?;
        require(self.sizes.is_sorted(), "sizes", "the five numbers of `sizes` must rise")?;
        require(
            self.forks_per_mille + self.segments_per_mille <= 1000,
            "segments_per_mille",
            "`forks_per_mille` and `segments_per_mille` together must be at most 1000",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_recipe_parses_and_names_its_trace_database() {
        for (name, _) in BUILTIN {
            let recipe = ArchiveRecipe::builtin(name).unwrap();
            assert_eq!((recipe.name(), recipe.why().ends_with('.')), (name, true));
            assert_eq!(ArchiveRecipe::parse(&recipe.canonical(), "again").unwrap(), recipe);
            assert!(
                recipe.trace().is_ok()
                    && ArchiveRecipe::is_one(name)
                    && !ArchiveRecipe::is_one("quick")
            );
        }
    }

    #[test]
    fn errors_name_place_line_and_remedy() {
        let text = BUILTIN[0].1.replace("newer_percent", "never_percent");
        let error = ArchiveRecipe::parse(&text, "my.toml").unwrap_err().to_string();
        let line = 1 + text.lines().position(|line| line.starts_with("never_percent")).unwrap();
        assert!(error.starts_with(&format!("my.toml, line {line}: unknown field")), "{error}");
        assert!(error.contains("archive-60k.toml explains every key"), "{error}");
        let error = ArchiveRecipe::find("archive-70k").unwrap_err().to_string();
        assert!(error.contains("`archive-70k`") && error.contains("archive-tiny"), "{error}");
    }
}
