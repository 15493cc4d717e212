//! In which entries two answers differ.

use std::collections::BTreeMap;
use std::fmt;

use crate::usage::UsageDeclared;
use crate::{Answer, Turn};

/// How many entries of each sort a message shows.
const SHOWN: usize = 3;

/// Where an answer differs from the right one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Entries that the right answer has and this one lacks.
    pub missing: Vec<String>,
    /// Entries that this one has and the right one lacks.
    pub extra: Vec<String>,
    /// Entries that both have, with other values.
    pub different: Vec<String>,
}

impl Difference {
    /// How `said` differs from `right`. Usage is compared as far as `declared` can split it.
    #[must_use]
    pub fn of(said: &Answer, right: &Answer, declared: Option<&UsageDeclared>) -> Self {
        Self::with(said, right, declared, true)
    }

    /// How `said` differs from what the same candidate said `before`.
    #[must_use]
    pub fn since(said: &Answer, before: &Answer, declared: Option<&UsageDeclared>) -> Self {
        Self::with(said, before, declared, false)
    }

    /// `is_ours` tells that `right` counts as Codex does, whatever the candidate counts.
    fn with(
        said: &Answer,
        right: &Answer,
        declared: Option<&UsageDeclared>,
        is_ours: bool,
    ) -> Self {
        match (said, right) {
            (Answer::Trace(said), Answer::Trace(right)) => {
                Self::between(&said.turns, &right.turns, "turn")
            }
            (Answer::Usage(said), Answer::Usage(right)) => match declared {
                Some(declared) => Self::between(
                    &said.summed(declared, false),
                    &right.summed(declared, is_ours),
                    "row",
                ),
                None => Self {
                    extra: vec!["its hello does not say what usage it counts".into()],
                    ..Self::default()
                },
            },
            (Answer::Append(said), Answer::Append(right)) if said != right => Self {
                different: vec![format!("appends: {}, instead of {}", said.appends, right.appends)],
                ..Self::default()
            },
            (said, right) if said == right => Self::default(),
            _ => Self { extra: vec!["an answer to another question".into()], ..Self::default() },
        }
    }

    fn between<T: PartialEq + fmt::Display>(
        said: &BTreeMap<String, T>,
        right: &BTreeMap<String, T>,
        what: &str,
    ) -> Self {
        let mut difference = Self::default();
        for (key, value) in right {
            match said.get(key) {
                None => difference.missing.push(format!("{what} `{key}` ({value})")),
                Some(other) if other != value => {
                    difference
                        .different
                        .push(format!("{what} `{key}`: {other}, instead of {value}"));
                }
                Some(_) => {}
            }
        }
        let extra = said.iter().filter(|(key, _)| !right.contains_key(*key));
        difference.extra = extra.map(|(key, value)| format!("{what} `{key}` ({value})")).collect();
        difference
    }

    /// Whether both answers are equal.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty() && self.different.is_empty()
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_null = |text: &Option<String>| text.clone().unwrap_or_else(|| "null".to_owned());
        let Self { thread_id, model, timestamp } = self;
        write!(
            formatter,
            "thread {}, model {}, timestamp {timestamp}",
            or_null(thread_id),
            or_null(model)
        )
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sorts =
            [("missing", &self.missing), ("extra", &self.extra), ("different", &self.different)];
        let mut is_first = true;
        for (sort, entries) in sorts.into_iter().filter(|(_, entries)| !entries.is_empty()) {
            let shown: Vec<&str> = entries.iter().take(SHOWN).map(String::as_str).collect();
            let more = entries.len() - shown.len();
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            let before = if is_first { "" } else { "; " };
            write!(formatter, "{before}{} {sort}: {}{more}", entries.len(), shown.join(", "))?;
            is_first = false;
        }
        Ok(())
    }
}
