//! Recipes: what a dataset should be like, as data.

use std::path::Path;

use crate::error::{DatasetError, Result};

/// The version of the Codex CLI that a dataset imitates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Era {
    /// Requests, completions and submissions are logged.
    #[serde(rename = "0.141")]
    V0_141,
    /// Submissions are logged.
    #[serde(rename = "0.145")]
    V0_145,
    /// Tags are logged.
    #[serde(rename = "0.169")]
    V0_169,
}

/// A recipe, checked.
#[derive(Debug, Clone)]
pub struct Recipe {
    pub(crate) name: String,
}

impl Recipe {
    /// The built-in recipe of this name.
    ///
    /// # Errors
    /// [`DatasetError::UnknownRecipe`] with the names there are.
    pub fn builtin(name: &str) -> Result<Self> {
        Err(DatasetError::UnknownRecipe { name: name.into(), known: String::new() })
    }

    /// Every built-in recipe, smallest first.
    #[must_use]
    pub fn all() -> Vec<Self> {
        Vec::new()
    }

    /// Reads a recipe file.
    ///
    /// # Errors
    /// [`DatasetError::Io`] when it cannot be read, [`DatasetError::Recipe`] with file and line when it does not say a recipe.
    pub fn from_file(path: &Path) -> Result<Self> {
        Self::builtin(&path.display().to_string())
    }

    /// A built-in recipe by name or, when `name` has a path separator or ends in `.toml`, a recipe file.
    ///
    /// # Errors
    /// As [`Recipe::builtin`] and [`Recipe::from_file`].
    pub fn find(name: &str) -> Result<Self> {
        Self::builtin(name)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The sentence that says why it exists.
    #[must_use]
    pub fn why(&self) -> &str {
        ""
    }

    /// A few lines for people: what it is, what it imitates, its size and its facts.
    #[must_use]
    pub fn describe(&self) -> String {
        String::new()
    }

    /// Bytes of the database file at a scale.
    #[must_use]
    pub fn file_bytes(&self, scale: f64) -> u64 {
        scale as u64
    }

    /// Rows of the database at a scale.
    #[must_use]
    pub fn rows(&self, scale: f64) -> u64 {
        scale as u64
    }

    /// The seed used when none is given.
    #[must_use]
    pub fn default_seed(&self) -> u64 {
        1
    }
}
