//! A share of the cases of a search.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

/// One of so many random cases, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(Option<NonZeroU64>);

impl Share {
    /// Of no case.
    pub const NONE: Self = Self(None);

    /// Of every case.
    pub const ALL: Self = Self(Some(NonZeroU64::MIN));

    /// Of one case in `of`; of none if that is 0.
    #[must_use]
    pub const fn one_in(of: u64) -> Self {
        Self(NonZeroU64::new(of))
    }

    /// Whether it is of no case.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0.is_none()
    }

    /// Whether a case for which this number was drawn is one of them.
    pub(crate) fn has(self, drawn: u64) -> bool {
        self.0.is_some_and(|of| drawn % of == 0)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => formatter.write_str("none"),
            Some(NonZeroU64::MIN) => formatter.write_str("all"),
            Some(of) => write!(formatter, "1/{of}"),
        }
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let of = || text.strip_prefix("1/").and_then(|of| of.parse().ok()).map(|of| Self(Some(of)));
        match text {
            "none" => Ok(Self::NONE),
            "all" => Ok(Self::ALL),
            _ => of().ok_or_else(|| format!("`{text}` is no share: write 1/N, all or none")),
        }
    }
}
