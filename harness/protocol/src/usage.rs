//! Tokens of a Codex home, split and counted as a candidate can.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Turn, number};

/// What usage can be split by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// The day, `YYYY-MM-DD`, of the line that told of the tokens.
    Day,
    /// The model, null where it is not known.
    Model,
    /// The id of the thread.
    Session,
    /// `standard`, `priority` or `unknown`.
    Tier,
}

/// A kind of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// Input, cached input included.
    Input,
    /// Input that was read from a cache.
    CachedInput,
    /// Input that was written to a cache.
    CacheWrite,
    /// Output, reasoning included.
    Output,
    /// Output that was reasoning.
    Reasoning,
    /// Input and output, as Codex adds them up.
    Total,
}

impl TokenKind {
    /// Every kind, in the order of [`Tokens`].
    pub const ALL: [Self; 6] = [
        Self::Input,
        Self::CachedInput,
        Self::CacheWrite,
        Self::Output,
        Self::Reasoning,
        Self::Total,
    ];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CachedInput => "cached_input",
            Self::CacheWrite => "cache_write",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
            Self::Total => "total",
        }
    }
}

/// What a candidate's usage is split by and counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageDeclared {
    /// What it splits by.
    pub by: Vec<Split>,
    /// Which kinds it counts.
    pub tokens: Vec<TokenKind>,
    /// Whether `input` includes cached input, as Codex counts.
    #[serde(default = "yes")]
    pub input_includes_cached: bool,
    /// Whether `output` includes reasoning, as Codex counts.
    #[serde(default = "yes")]
    pub output_includes_reasoning: bool,
}

impl UsageDeclared {
    /// Everything that there is, counted as Codex counts.
    #[must_use]
    pub fn whole() -> Self {
        Self {
            by: vec![Split::Day, Split::Model, Split::Session, Split::Tier],
            tokens: TokenKind::ALL.to_vec(),
            input_includes_cached: true,
            output_includes_reasoning: true,
        }
    }
}

const fn yes() -> bool {
    true
}

/// Tokens by kind: input, cached input, cache write, output, reasoning, total.
pub type Tokens = [u64; 6];

/// A row of a usage answer. A field that is not declared may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UsageRow {
    /// `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
    /// The model; null and `unknown` are the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The id of the thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The service tier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// Input tokens.
    #[serde(with = "number::required")]
    pub input: u64,
    /// Cached input tokens.
    #[serde(with = "number::required")]
    pub cached_input: u64,
    /// Tokens written to a cache.
    #[serde(with = "number::required")]
    pub cache_write: u64,
    /// Output tokens.
    #[serde(with = "number::required")]
    pub output: u64,
    /// Reasoning tokens.
    #[serde(with = "number::required")]
    pub reasoning: u64,
    /// All tokens.
    #[serde(with = "number::required")]
    pub total: u64,
}

impl UsageRow {
    /// Its tokens by kind.
    #[must_use]
    pub const fn tokens(&self) -> Tokens {
        [self.input, self.cached_input, self.cache_write, self.output, self.reasoning, self.total]
    }

    fn part(&self, split: Split) -> String {
        let unknown = || "unknown".to_owned();
        match split {
            Split::Day => self.day.clone().unwrap_or_else(unknown),
            Split::Model => {
                self.model.clone().filter(|model| !model.is_empty()).unwrap_or_else(unknown)
            }
            Split::Session => self.session.clone().unwrap_or_else(unknown),
            Split::Tier => self.tier.clone().unwrap_or_else(unknown),
        }
    }
}

/// The result of `usage`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageAnswer {
    /// Rows in any order; those of one key are added up.
    pub rows: Vec<UsageRow>,
    /// How it came about. A claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// The turns of the trace database, if the request names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<BTreeMap<String, Turn>>,
}

/// What a row is of, such as `2026-11-29 gpt-5.2`.
pub(crate) type Key = String;

/// Tokens of the declared kinds, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counted(Vec<(TokenKind, u64)>);

impl fmt::Display for Counted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (kind, count)) in self.0.iter().enumerate() {
            write!(formatter, "{}{} {count}", if place == 0 { "" } else { ", " }, kind.name())?;
        }
        Ok(())
    }
}

impl UsageAnswer {
    /// The sums that `declared` can tell apart. Rows without tokens are left out. `is_ours` says
    /// that the rows count as Codex does, and have to be converted to what the candidate counts.
    pub(crate) fn summed(&self, declared: &UsageDeclared, is_ours: bool) -> BTreeMap<Key, Counted> {
        let mut sums: BTreeMap<Key, Tokens> = BTreeMap::new();
        for row in &self.rows {
            let parts: Vec<String> = declared.by.iter().map(|split| row.part(*split)).collect();
            let mut tokens = row.tokens();
            if is_ours && !declared.input_includes_cached {
                tokens[0] = tokens[0].saturating_sub(tokens[1]);
            }
            if is_ours && !declared.output_includes_reasoning {
                tokens[3] = tokens[3].saturating_sub(tokens[4]);
            }
            let sum = sums.entry(parts.join(" ")).or_default();
            for (sum, tokens) in sum.iter_mut().zip(tokens) {
                *sum = sum.saturating_add(tokens);
            }
        }
        let counted = |tokens: Tokens| {
            let kinds = TokenKind::ALL.into_iter().zip(tokens);
            Counted(kinds.filter(|(kind, _)| declared.tokens.contains(kind)).collect())
        };
        let sums = sums.into_iter().map(|(key, tokens)| (key, counted(tokens)));
        sums.filter(|(_, counted)| counted.0.iter().any(|(_, count)| *count > 0)).collect()
    }
}
