//! What answers in a history: the scanner, or one of the four that no test of a scanner may let
//! pass.

use std::fmt;
use std::str::FromStr;

/// What answers. All but the first are wrong, to see that it is noticed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Engine {
    /// The scanner.
    #[default]
    Scanner,
    /// Finds nothing.
    Empty,
    /// Gives the answer of the scan before.
    Stale,
    /// Finds the right turns, and names another model.
    Lying,
    /// Is right, and examines every row each time.
    Rescanning,
}

impl Engine {
    /// Every engine.
    pub const ALL: [Self; 5] =
        [Self::Scanner, Self::Empty, Self::Stale, Self::Lying, Self::Rescanning];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scanner => "scanner",
            Self::Empty => "empty",
            Self::Stale => "stale",
            Self::Lying => "lying",
            Self::Rescanning => "rescanning",
        }
    }

    /// What is wrong with it, in a sentence.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Scanner => "Nothing.",
            Self::Empty => "It finds nothing.",
            Self::Stale => "It gives the answer of the scan before.",
            Self::Lying => "It finds the right turns, and names another model.",
            Self::Rescanning => "It is right, and examines every row each time.",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(", ");
        let known = Self::ALL.into_iter().find(|engine| engine.name() == name);
        known.ok_or_else(|| format!("`{name}` is no engine; known are {}", names()))
    }
}
