//! Slowdowns that are planted in a worker, so that a comparison can show what it is able to find.
//!
//! They come with the request, not from the environment: a handicap that someone forgot in a shell
//! would spoil every figure.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

pub use tracerig_protocol::Handicap;

use crate::limits::MOST_PLANTED;

/// A handicap as it is asked for: `5%`, `rows=1`, `fsync=1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Planted {
    /// Each launch takes this part longer than it usually does, in a busy loop: 0.05 for `5%`.
    Slowdown(f64),
    /// Each launch of the scanner examines so many rows more.
    Rows(u64),
    /// Each synchronous append makes so many fsyncs more.
    Syncs(u64),
}

impl Planted {
    /// What a worker is to do, given how long one launch (or one append) takes without it.
    #[must_use]
    pub fn of(self, usual: Duration) -> Handicap {
        match self {
            Self::Slowdown(part) => Handicap {
                busy_ns: u64::try_from(usual.mul_f64(part).as_nanos()).unwrap_or(u64::MAX),
                ..Handicap::default()
            },
            Self::Rows(rows) => Handicap { rows, ..Handicap::default() },
            Self::Syncs(syncs) => Handicap { syncs, ..Handicap::default() },
        }
    }
}

impl fmt::Display for Planted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slowdown(part) => write!(f, "{}%", part * 100.0),
            Self::Rows(rows) => write!(f, "rows={rows}"),
            Self::Syncs(syncs) => write!(f, "fsync={syncs}"),
        }
    }
}

impl FromStr for Planted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("`{text}` is no handicap: give a slowdown such as 5%, or rows=1, or fsync=1")
        };
        if let Some(percent) = text.strip_suffix('%') {
            let percent: f64 = percent.parse().map_err(|_| wrong())?;
            // Twice as long is the most that makes sense to look for.
            return if percent > 0.0 && percent <= 100.0 {
                Ok(Self::Slowdown(percent / 100.0))
            } else {
                Err(wrong())
            };
        }
        let (what, many) = text.split_once('=').ok_or_else(wrong)?;
        let many =
            many.parse().ok().filter(|many| (1..=MOST_PLANTED).contains(many)).ok_or_else(wrong)?;
        match what {
            "rows" => Ok(Self::Rows(many)),
            "fsync" => Ok(Self::Syncs(many)),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handicaps_are_read_and_told_in_the_same_words() {
        for text in ["5%", "0.5%", "rows=1", "fsync=12", "rows=1000"] {
            assert_eq!(text.parse::<Planted>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "5",
            "-5%",
            "0%",
            "500%",
            "rows",
            "rows=0",
            "rows=1001",
            "fsync=18446744073709551615",
            "rows=x",
            "cpu=1",
            "NaN%",
        ] {
            assert!(text.parse::<Planted>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_slowdown_is_a_part_of_what_is_usual() {
        let usual = Duration::from_millis(4);
        assert_eq!(Planted::Slowdown(0.05).of(usual).busy_ns, 200_000);
        assert_eq!(Planted::Rows(2).of(usual), Handicap { rows: 2, ..Handicap::default() });
        assert!(Handicap::default().is_none() && !Planted::Syncs(1).of(usual).is_none());
    }
}
