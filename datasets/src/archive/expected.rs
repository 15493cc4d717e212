//! What a refresh should find in an archive, as its generator meant it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The service tier that something was used at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UsedTier {
    /// The session names another tier than priority, or settings without one.
    Standard,
    /// The session says so.
    Priority,
    /// Nobody says.
    Unknown,
}

impl UsedTier {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Priority => "priority",
            Self::Unknown => "unknown",
        }
    }
}

/// What uses are added up by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UseClass {
    /// Days since the beginning of 1970, UTC.
    pub day: i64,
    /// The model; `None` where the session names none.
    pub model: Option<String>,
    /// The tier, as the session says it.
    pub tier: UsedTier,
}

/// Tokens by kind, and the events that told of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UsedTokens {
    /// Sent, those from a cache among them.
    pub input: u64,
    /// Sent and found in a cache.
    pub cached_input: u64,
    /// Sent and written to a cache.
    pub cache_write: u64,
    /// Received, reasoning among them.
    pub output: u64,
    /// Received as reasoning.
    pub reasoning: u64,
    /// Input and output.
    pub total: u64,
    /// Events that reported a use.
    pub events: u64,
}

impl UsedTokens {
    pub(super) fn add(&mut self, other: &Self) {
        self.input += other.input;
        self.cached_input += other.cached_input;
        self.cache_write += other.cache_write;
        self.output += other.output;
        self.reasoning += other.reasoning;
        self.total += other.total;
        self.events += other.events;
    }
}

/// What was used, class by class.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(UseClass, UsedTokens)>", into = "Vec<(UseClass, UsedTokens)>")]
pub struct Expected(BTreeMap<UseClass, UsedTokens>);

impl Expected {
    /// Adds a use.
    pub(super) fn add(&mut self, class: UseClass, used: &UsedTokens) {
        self.0.entry(class).or_default().add(used);
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &Self) {
        for (class, used) in &other.0 {
            self.add(class.clone(), used);
        }
    }

    /// Every class with what was used in it.
    pub fn iter(&self) -> impl Iterator<Item = (&UseClass, &UsedTokens)> {
        self.0.iter()
    }

    /// All of it together.
    #[must_use]
    pub fn total(&self) -> UsedTokens {
        let mut total = UsedTokens::default();
        for used in self.0.values() {
            total.add(used);
        }
        total
    }

    /// Whether nothing was used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<(UseClass, UsedTokens)>> for Expected {
    fn from(uses: Vec<(UseClass, UsedTokens)>) -> Self {
        let mut expected = Self::default();
        for (class, used) in uses {
            expected.add(class, &used);
        }
        expected
    }
}

impl From<Expected> for Vec<(UseClass, UsedTokens)> {
    fn from(expected: Expected) -> Self {
        expected.0.into_iter().collect()
    }
}
